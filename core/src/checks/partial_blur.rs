//! Share of a photo's texture that is blurred while another part of it is sharp: focus behind the subject, half of a lens smeared
//! (field/README.md, kinds 14 and 15). The blur metric tells the sharpest part, and says nothing of these.
//!
//! The photo is divided into 6 by 4 cells. How fast edges rise in one is told by the differences of pixels that are one and four apart: at a
//! step both are as large, at one of a blurred photo the first is about a quarter of the second (of a Gaussian blur of 1 px a third).
//! Compared are their 98th percentiles, in the direction that is sharper: what lies along an edge tells nothing. Where no difference is
//! large, there is no texture to be sharp.
//!
//! A sharp subject before a soft background is no fault. So either the middle is blurred and a fifth of the photo elsewhere is sharp, or
//! one half of it, left or right, is blurred and the third at the other side is sharp. Either may be meant by a photographer, which
//! is why a photo is not refused for it but looked at.

use std::ops::Range;

use super::{Check, Evidence, fault};
use crate::metric::Severity;
use crate::view::ReferenceView;

/// Cells along the long and the short side.
const LONG: usize = 6;
const SHORT: usize = 4;
/// Shortest side in pixels of which cells hold enough.
const SMALLEST: usize = 160;
/// Lines that are looked at: one in so many.
const STEP: usize = 4;
/// How far apart pixels are compared.
const FAR: usize = 4;
/// Share of differences, in percent, that lie below the one that speaks for a cell.
const PERCENTILE: usize = 98;
/// Levels that this difference of far pixels has at least where there is texture.
const TEXTURE: u8 = 20;
/// Ratio of near to far differences up to which a cell is blurred, and from which on it is sharp: of 765 cells of good photos 1.5 % lie
/// below the first, of photos blurred by 2 px 95 %, and none of those above the second.
const BLURRED: f32 = 0.31;
const SHARP: f32 = 0.37;
/// How probable it is that such a photo is spoilt: who blurs a background on purpose may have a subject at the side.
const CERTAINTY: f32 = 0.45;

pub(super) fn check() -> Check {
    Check {
        name: "partial_blur",
        title: "Blurred in part",
        unit: "share",
        low: None,
        high: Some(fault(
            "partly_blurred",
            Severity::Retake,
            "Wipe the lens, focus on the middle of the scene and take the photo again.",
        )),
        of_photos: true,
        certainty: CERTAINTY,
        measure: |Evidence { reference, .. }| Some(Map::of(reference)?.blurred_in_part()),
    }
}

/// What a cell shows.
#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Flat,
    Blurred,
    Between,
    Sharp,
}

/// The cells of a photo, row by row.
struct Map {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
}

impl Map {
    /// None for photos that are too small.
    fn of(view: &ReferenceView) -> Option<Self> {
        let (width, height) = (view.pixels().width() as usize, view.pixels().height() as usize);
        if width.min(height) < SMALLEST {
            return None;
        }
        let (columns, rows) = if width >= height { (LONG, SHORT) } else { (SHORT, LONG) };
        let (size, cells) = ([width, height], [columns, rows]);
        let across = ratios_across(view.levels(), size, cells);
        let down = ratios_down(view.levels(), size, cells);
        let cell = |(across, down)| match [across, down].into_iter().flatten().reduce(f32::max) {
            None => Cell::Flat,
            Some(ratio) if ratio < BLURRED => Cell::Blurred,
            Some(ratio) if ratio > SHARP => Cell::Sharp,
            Some(_) => Cell::Between,
        };
        Some(Self { columns, rows, cells: across.into_iter().zip(down).map(cell).collect() })
    }

    /// Blurred share of the cells with texture, or 0 where the photo as a whole is blurred or sharp.
    fn blurred_in_part(&self) -> f32 {
        let textured = self.count(0..self.columns, 0..self.rows, |cell| cell != Cell::Flat);
        let blurred = self.count(0..self.columns, 0..self.rows, |cell| cell == Cell::Blurred);
        if self.middle_is_blurred(textured, blurred) || self.side_is_blurred() {
            blurred as f32 / textured as f32
        } else {
            0.0
        }
    }

    fn middle_is_blurred(&self, textured: usize, blurred: usize) -> bool {
        let middle = |count: usize| count / 2 - 1..count / 2 + 1;
        let within = |which| self.count(middle(self.columns), middle(self.rows), |cell| cell == which);
        let sharp = self.count(0..self.columns, 0..self.rows, |cell| cell == Cell::Sharp);
        let (soft, keen) = (within(Cell::Blurred), within(Cell::Sharp));
        5 * sharp > self.cells.len() && 4 * blurred >= textured && soft >= 2 && soft > keen
    }

    fn side_is_blurred(&self) -> bool {
        let columns = self.columns;
        let (half, third) = (columns / 2, if columns == LONG { LONG / 3 } else { SHORT / 2 });
        let sides = [(0..half, columns - third..columns), (columns - half..columns, 0..third)];
        sides.into_iter().any(|(soft, keen)| {
            let texture = |columns| self.count(columns, 0..self.rows, |cell| cell != Cell::Flat);
            let blurred = self.count(soft.clone(), 0..self.rows, |cell| cell == Cell::Blurred);
            let sharp = self.count(keen.clone(), 0..self.rows, |cell| cell == Cell::Sharp);
            let (textured, of_keen) = (texture(soft), texture(keen));
            textured >= 4 && 4 * blurred >= 3 * textured && sharp >= 4 && 4 * sharp >= 3 * of_keen
        })
    }

    fn count(&self, columns: Range<usize>, rows: Range<usize>, is: impl Fn(Cell) -> bool) -> usize {
        rows.map(|row| self.cells[row * self.columns..][columns.clone()].iter().filter(|cell| is(**cell)).count()).sum()
    }
}

/// Differences of pixels in a cell, in levels.
#[derive(Clone, Default)]
struct Differences {
    /// Of neighbours.
    near: Vec<u8>,
    /// Of pixels [`FAR`] apart.
    far: Vec<u8>,
}

impl Differences {
    /// How fast edges rise; none where there is no texture.
    fn ratio(&self) -> Option<f32> {
        let far = percentile(&self.far);
        (far >= TEXTURE).then(|| f32::from(percentile(&self.near)) / f32::from(far))
    }
}

fn add_differences(all: &mut Vec<u8>, pixels: &[u8], others: &[u8]) {
    all.extend(pixels.iter().zip(others).map(|(one, other)| one.abs_diff(*other)));
}

/// Where the parts of a length lie that is divided equally.
fn parts(length: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).map(move |part| length * part / count..length * (part + 1) / count)
}

/// For each cell, row by row, the ratio of differences along some of its rows.
fn ratios_across(levels: &[u8], [width, height]: [usize; 2], [columns, rows]: [usize; 2]) -> Vec<Option<f32>> {
    let mut ratios = Vec::with_capacity(columns * rows);
    for row in parts(height, rows) {
        let mut cells = vec![Differences::default(); columns];
        for y in row.step_by(STEP) {
            for (cell, column) in cells.iter_mut().zip(parts(width, columns)) {
                let pixels = &levels[y * width..][column];
                add_differences(&mut cell.near, pixels, &pixels[1..]);
                add_differences(&mut cell.far, pixels, &pixels[FAR..]);
            }
        }
        ratios.extend(cells.iter().map(Differences::ratio));
    }
    ratios
}

/// The same along some of its columns.
fn ratios_down(levels: &[u8], [width, height]: [usize; 2], [columns, rows]: [usize; 2]) -> Vec<Option<f32>> {
    // The columns that are looked at, so that what is compared lies side by side.
    let looked_at: Vec<usize> = parts(width, columns).flat_map(|column| column.step_by(STEP)).collect();
    let thin: Vec<u8> =
        levels.chunks_exact(width).flat_map(|line| looked_at.iter().map(|column| line[*column])).collect();
    let of_columns: Vec<Range<usize>> = parts(width, columns)
        .scan(0, |end, column| {
            let start = *end;
            *end += column.len().div_ceil(STEP);
            Some(start..*end)
        })
        .collect();
    let mut ratios = Vec::with_capacity(columns * rows);
    for row in parts(height, rows) {
        let mut cells = vec![Differences::default(); columns];
        for y in row.clone() {
            for (cell, column) in cells.iter_mut().zip(&of_columns) {
                let pixels = |y: usize| &thin[y * looked_at.len()..][column.clone()];
                if y + 1 < row.end {
                    add_differences(&mut cell.near, pixels(y), pixels(y + 1));
                }
                if y + FAR < row.end {
                    add_differences(&mut cell.far, pixels(y), pixels(y + FAR));
                }
            }
        }
        ratios.extend(cells.iter().map(Differences::ratio));
    }
    ratios
}

/// The level up to which [`PERCENTILE`] percent of the values lie, found by halving: counting what is small is faster than a histogram, of
/// which every count waits for the one before.
fn percentile(values: &[u8]) -> u8 {
    let (mut low, mut high) = (0, u8::MAX);
    while low < high {
        let middle = low.midpoint(high);
        if 100 * at_most(middle, values) >= PERCENTILE * values.len() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn at_most(limit: u8, values: &[u8]) -> usize {
    // As many as a byte can count, so that the processor adds many bytes at once.
    values.chunks(255).map(|some| usize::from(some.iter().map(|value| u8::from(*value <= limit)).sum::<u8>())).sum()
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, imageops};

    use super::*;

    /// Blocks of random gray.
    fn sharp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let mut state = (x / 7).wrapping_mul(2_654_435_761) ^ (y / 9).wrapping_mul(40_503);
            state = (state ^ state >> 13).wrapping_mul(1_274_126_177);
            Rgb([40 + (state >> 16) as u8 % 170; 3])
        })
    }

    fn found(photo: &RgbImage) -> f32 {
        Map::of(&ReferenceView::new(photo.clone())).expect("it is large enough").blurred_in_part()
    }

    /// The photo, blurred where `is` holds of a pixel's place as shares of both sides.
    fn blurred_where(is: impl Fn(f32, f32) -> bool) -> RgbImage {
        let photo = sharp(960, 640);
        let soft = imageops::blur(&photo, 3.0);
        RgbImage::from_fn(960, 640, |x, y| {
            *if is(x as f32 / 960.0, y as f32 / 640.0) { &soft } else { &photo }.get_pixel(x, y)
        })
    }

    /// field/README.md, kinds 14 and 15.
    #[test]
    fn a_blurred_middle_and_a_smeared_half_are_told() {
        let middle = found(&blurred_where(|x, y| (x - 0.5).abs() < 0.39 && (y - 0.5).abs() < 0.39));
        assert!((0.2..0.9).contains(&middle), "{middle}");
        for half in [found(&blurred_where(|x, _| x < 0.6)), found(&blurred_where(|x, _| x > 0.4))] {
            assert!((0.4..0.8).contains(&half), "{half}");
        }
        let upright = imageops::rotate90(&blurred_where(|_, y| y < 0.6));
        assert!(found(&upright) > 0.3);
    }

    #[test]
    fn a_percentile_is_the_level_up_to_which_so_many_values_lie() {
        let values: Vec<u8> = (0..1000).map(|at| if at % 100 < 97 { 3 } else { 200 }).collect();
        assert_eq!(percentile(&values), 200);
        let values: Vec<u8> = (0..1000).map(|at| if at % 100 < 98 { 3 } else { 200 }).collect();
        assert_eq!(percentile(&values), 3);
        assert_eq!(percentile(&[]), 0);
    }

    #[test]
    fn what_is_sharp_or_blurred_as_a_whole_is_not_blurred_in_part() {
        assert_eq!(found(&sharp(960, 640)).to_bits(), 0);
        assert_eq!(found(&blurred_where(|_, _| true)).to_bits(), 0);
        assert_eq!(found(&RgbImage::from_pixel(960, 640, Rgb([90; 3]))).to_bits(), 0);
        assert!(Map::of(&ReferenceView::new(sharp(200, 150))).is_none());
    }

    /// field/README.md, kinds 18 and 19.
    #[test]
    fn a_sharp_subject_in_the_middle_or_of_a_twentieth_at_the_side_is_meant() {
        let around = |x: f32, y: f32, at: f32, half: f32| (x - at).abs() > half || (y - 0.5).abs() > half;
        assert_eq!(found(&blurred_where(|x, y| around(x, y, 0.5, 0.25))).to_bits(), 0);
        assert_eq!(found(&blurred_where(|x, y| around(x, y, 0.2, 0.11))).to_bits(), 0);
    }
}

//! Share of a photo's texture that is blurred while another part of it is sharp: focus behind the subject, half of a lens smeared, one of the
//! photos of a collage (field/README.md, kinds 14, 15 and 28). The blur metric tells the sharpest part, and says nothing of these.
//!
//! A sharp subject before a soft background is no fault. So either the middle is blurred and a fifth of the photo elsewhere is sharp, or
//! one half of it, left or right, is blurred and the third at the other side is sharp, or one of several photos is. Each may be meant by a
//! photographer, which is why a photo is not refused for it but looked at.

use super::cells::{Cell, Cells, LONG, SHORT};
use super::{Check, Evidence, fault};
use crate::metric::Severity;

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
        bins: &[0.0, 0.1, 0.2, 0.3, 0.5, 0.7],
        measure: |Evidence { cells, parts, .. }| Some(blurred_in_part(cells.as_ref()?, *parts)),
    }
}

/// Blurred share of the cells with texture, or 0 where the photo as a whole is blurred or sharp. `parts`: columns and rows of photos in the picture.
fn blurred_in_part(cells: &Cells, parts: [usize; 2]) -> f32 {
    let textured = cells.count_all(|cell| cell != Cell::Flat);
    let blurred = cells.count_all(|cell| cell == Cell::Blurred);
    if middle_is_blurred(cells, textured, blurred) || side_is_blurred(cells) || one_photo_is_blurred(cells, parts) {
        blurred as f32 / textured as f32
    } else {
        0.0
    }
}

fn middle_is_blurred(cells: &Cells, textured: usize, blurred: usize) -> bool {
    let middle = |count: usize| count / 2 - 1..count / 2 + 1;
    let within = |which| cells.count(middle(cells.columns), middle(cells.rows), |cell| cell == which);
    let sharp = cells.count_all(|cell| cell == Cell::Sharp);
    let (soft, keen) = (within(Cell::Blurred), within(Cell::Sharp));
    5 * sharp > cells.len() && 4 * blurred >= textured && soft >= 2 && soft > keen
}

fn side_is_blurred(cells: &Cells) -> bool {
    let columns = cells.columns;
    let (half, third) = (columns / 2, if columns == LONG { LONG / 3 } else { SHORT / 2 });
    let sides = [(0..half, columns - third..columns), (columns - half..columns, 0..third)];
    sides.into_iter().any(|(soft, keen)| {
        let texture = |columns| cells.count(columns, 0..cells.rows, |cell| cell != Cell::Flat);
        let blurred = cells.count(soft.clone(), 0..cells.rows, |cell| cell == Cell::Blurred);
        let sharp = cells.count(keen.clone(), 0..cells.rows, |cell| cell == Cell::Sharp);
        let (textured, of_keen) = (texture(soft), texture(keen));
        textured >= 4 && 4 * blurred >= 3 * textured && sharp >= 4 && 4 * sharp >= 3 * of_keen
    })
}

/// Whether of several photos one is blurred and another is sharp.
fn one_photo_is_blurred(cells: &Cells, parts: [usize; 2]) -> bool {
    // Where photos are alike the seam between them is not seen: then each half is looked at as if it were one.
    let [columns, rows] = parts.map(|count| count.max(2));
    // A cell counts for the photo in which its middle lies.
    let of = |part: usize, parts: usize, cells: usize| {
        let first = |part: usize| (2 * part * cells).saturating_sub(parts).div_ceil(2 * parts);
        first(part)..first(part + 1)
    };
    let is_mostly = |which, and_not| {
        let mut photos = (0..columns).flat_map(|column| (0..rows).map(move |row| [column, row]));
        photos.any(|[column, row]| {
            let (across, down) = (of(column, columns, cells.columns), of(row, rows, cells.rows));
            let count = |is: &dyn Fn(Cell) -> bool| cells.count(across.clone(), down.clone(), is);
            let textured = count(&|cell| cell != Cell::Flat);
            textured >= 2 && 2 * count(&|cell| cell == which) >= textured && count(&|cell| cell == and_not) == 0
        })
    };
    parts != [1, 1] && is_mostly(Cell::Blurred, Cell::Sharp) && is_mostly(Cell::Sharp, Cell::Blurred)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, imageops};

    use super::*;
    use crate::view::ReferenceView;

    /// Blocks of random gray.
    fn sharp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let mut state = (x / 7).wrapping_mul(2_654_435_761) ^ (y / 9).wrapping_mul(40_503);
            state = (state ^ state >> 13).wrapping_mul(1_274_126_177);
            Rgb([40 + (state >> 16) as u8 % 170; 3])
        })
    }

    fn of_parts(photo: &RgbImage, parts: [usize; 2]) -> f32 {
        blurred_in_part(&Cells::of(&ReferenceView::new(photo.clone())).expect("it is large enough"), parts)
    }

    fn found(photo: &RgbImage) -> f32 {
        of_parts(photo, [1, 1])
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
    fn what_is_sharp_or_blurred_as_a_whole_is_not_blurred_in_part() {
        assert_eq!(found(&sharp(960, 640)).to_bits(), 0);
        assert_eq!(found(&blurred_where(|_, _| true)).to_bits(), 0);
        assert_eq!(found(&RgbImage::from_pixel(960, 640, Rgb([90; 3]))).to_bits(), 0);
        assert!(Cells::of(&ReferenceView::new(sharp(200, 150))).is_none());
    }

    /// field/README.md, kind 28.
    #[test]
    fn one_blurred_photo_of_a_collage_is_told() {
        for [columns, rows] in [[2, 2], [3, 2], [3, 3], [1, 2]] {
            let of_last =
                |x: f32, y: f32| x * columns as f32 > columns as f32 - 1.0 && y * rows as f32 > rows as f32 - 1.0;
            let collage = blurred_where(of_last);
            let share = of_parts(&collage, [columns, rows]);
            assert!((share * (columns * rows) as f32 - 1.0).abs() < 0.5, "{columns} x {rows}: {share}");
            assert_eq!(of_parts(&sharp(960, 640), [columns, rows]).to_bits(), 0);
            assert_eq!(of_parts(&blurred_where(|_, _| true), [columns, rows]).to_bits(), 0);
        }
    }

    /// field/README.md, kinds 18 and 19.
    #[test]
    fn a_sharp_subject_in_the_middle_or_of_a_twentieth_at_the_side_is_meant() {
        let around = |x: f32, y: f32, at: f32, half: f32| (x - at).abs() > half || (y - 0.5).abs() > half;
        assert_eq!(found(&blurred_where(|x, y| around(x, y, 0.5, 0.25))).to_bits(), 0);
        assert_eq!(found(&blurred_where(|x, y| around(x, y, 0.2, 0.11))).to_bits(), 0);
    }
}

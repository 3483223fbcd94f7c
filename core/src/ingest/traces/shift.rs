//! Rows of blocks whose colour is shifted from some block on.
//!
//! The mean of a block is coded as its difference from the one before, so that a wrong one shifts the colour of all that follow, in
//! reading order. That leaves a step of one height along a whole row of blocks, one part of it a row of blocks lower than the other.
//! Edges of the scene are rarely as even, do not lie on the grid alone, and have no such stair. Edges of frames, banners and collages
//! may be as even, and where they were laid on the grid, but they are straight: what makes a stair of one is a photo that has the frame's
//! colour in a corner. So near the sides, where a corner would do, the texture has to go on across the step, too; and nowhere may one side
//! of it alone be plain, as a bar with a tab is.

use image::RgbImage;

use crate::view::level;

/// Units across and down that a picture has at least: the fewer, the more often an edge of the scene has the shape of a stair.
const FEWEST: usize = 17;
/// Evidence of a shift from which on it is one: height of its step in comparison with how even it is.
const EVIDENCE: f32 = 0.35;
/// The same in comparison with what lies beside the grid, at these sixteenths of a unit.
const BESIDE: f32 = 2.0;
const OFFSETS: [usize; 5] = [3, 5, 8, 11, 13];
/// Share of the units of a row that are beyond the step's lower height; and beyond its upper height.
const LOWER: f32 = 0.15;
/// Smallest step, in levels, and what is added to its spread: whole levels are not exact.
const STEP: f32 = 1.5;
/// Part of the step that there may be before it begins and after it ends.
const OUTSIDE: f32 = 0.4;
/// Part of the step that its upper and its lower tread have each.
const TREAD: f32 = 0.5;
/// Share of the width beside the edges of the picture where there is next to no stair: such a step is no evidence.
const EDGE: f32 = 0.08;

/// Correlation of luma along both sides of the step, of what is left of each unit without its mean, from which on the texture goes on; and
/// what is added to each variance, in squared levels: smooth areas go on, too. Asked where one tread is shorter than `LOWER`.
const LIKENESS: f32 = 0.35;
const ROWS: usize = 3;
const SMOOTH: f32 = 1.0;
/// Levels within which nearly all units along one side of the step are a bar of one colour.
const ONE_COLOUR: f32 = 4.0;

/// Share from the first unit on whose colour is shifted.
pub(super) fn shifted(pixels: &RgbImage, unit: usize) -> f32 {
    let (across, down) = (pixels.width() as usize / unit, pixels.height() as usize / unit);
    if across.min(down) < FEWEST {
        return 0.0;
    }
    let found = |offset: usize| {
        let planes = steps(pixels, unit, offset);
        planes
            .iter()
            .map(|steps| stair(steps, across))
            .fold((0.0, 0), |best, next| if next.0 > best.0 { next } else { best })
    };
    let (evidence, at) = found(0);
    let is_beside_the_grid = || OFFSETS.iter().any(|offset| found(offset * unit / 16).0 * BESIDE > evidence);
    if evidence < EVIDENCE || is_beside_the_grid() {
        return 0.0;
    }
    let Sides { likeness, plain } = sides(pixels, unit, at..at + across);
    let has_short_tread = from_edge(at, across) < LOWER;
    let goes_on = likeness >= LIKENESS && plain == [false; 2];
    if plain[0] != plain[1] || has_short_tread && !goes_on {
        return 0.0;
    }
    1.0 - (at + across) as f32 / (across * down) as f32
}

/// What lies above and below a run of steps.
struct Sides {
    /// Correlation of both, whatever their colours are.
    likeness: f32,
    /// Whether each is a plain bar.
    plain: [bool; 2],
}

fn sides(pixels: &RgbImage, unit: usize, steps: std::ops::Range<usize>) -> Sides {
    let across = pixels.width() as usize / unit;
    let (mut both, mut squares) = (0.0, [0.0; 2]);
    let mut means = [const { Vec::new() }; 2];
    let count = (steps.len() * unit) as f32;
    for at in steps {
        let (left, below) = (at % across * unit, (at / across + 1) * unit);
        // Means of some rows: noise does not go on.
        let luma = |x: usize, y: usize| f32::from(level(pixels.get_pixel(x as u32, y as u32).0)) / ROWS as f32;
        let sides = [below - ROWS, below].map(|top| {
            (left..left + unit).map(|x| (top..top + ROWS).map(|y| luma(x, y)).sum::<f32>()).collect::<Vec<f32>>()
        });
        let mean = sides.each_ref().map(|side| side.iter().sum::<f32>() / unit as f32);
        for (one, other) in sides[0].iter().zip(&sides[1]) {
            let rest = [one - mean[0], other - mean[1]];
            both += rest[0] * rest[1] / count;
            squares = [0, 1].map(|side| squares[side] + rest[side] * rest[side] / count);
        }
        means.iter_mut().zip(mean).for_each(|(means, mean)| means.push(mean));
    }
    let is_plain = |mut means: Vec<f32>| {
        means.sort_unstable_by(f32::total_cmp);
        let few = means.len() / 20;
        means[means.len() - 1 - few] - means[few] <= ONE_COLOUR
    };
    let likeness = (both + SMOOTH) / ((squares[0] + SMOOTH) * (squares[1] + SMOOTH)).sqrt();
    Sides { likeness, plain: means.map(is_plain) }
}

/// Steps of luma, red and blue differences between a row of units and the one above, for each unit, row by row.
fn steps(pixels: &RgbImage, unit: usize, offset: usize) -> [Vec<f32>; 3] {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let row = |y: usize| &pixels.as_raw()[3 * width * y..3 * width * (y + 1)];
    let ycc = |row: &[u8], x: usize| {
        let [red, green, blue] = [row[3 * x], row[3 * x + 1], row[3 * x + 2]].map(f32::from);
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        [luma, 0.713 * (red - luma), 0.564 * (blue - luma)]
    };
    let mut steps = [const { Vec::new() }; 3];
    let mut luma = Vec::with_capacity(unit);
    for y in (1..).map(|index| index * unit + offset).take_while(|y| y + 2 < height) {
        // Colour planes were enlarged, which makes their steps two pixels wide.
        let rows = [y - 2, y - 1, y, y + 1].map(row);
        for left in (0..width / unit).map(|index| index * unit) {
            luma.clear();
            let mut colours = [0.0; 2];
            for x in left..left + unit {
                let [far_above, above, below, far_below] = rows.map(|row| ycc(row, x));
                luma.push(below[0] - above[0]);
                colours = [colours[0] + far_below[1] - far_above[1], colours[1] + far_below[2] - far_above[2]];
            }
            luma.sort_unstable_by(f32::total_cmp);
            steps[0].push((luma[(unit - 1) / 2] + luma[unit / 2]) / 2.0);
            steps[1].push(colours[0] / unit as f32);
            steps[2].push(colours[1] / unit as f32);
        }
    }
    steps
}

/// Distance of a unit from the closer side, as a share of the width.
fn from_edge(at: usize, across: usize) -> f32 {
    let column = at % across;
    column.min(across - column) as f32 / across as f32
}

/// The best evidence of a step along as many units as a row has, in reading order, and where it begins.
fn stair(steps: &[f32], across: usize) -> (f32, usize) {
    let mut best = (0.0, 0);
    let Some(last) = steps.len().checked_sub(across).filter(|last| *last >= 2 * across) else { return best };
    let needed = across - (LOWER * across as f32) as usize;
    for sign in [1.0, -1.0] {
        let is_high = |at: usize| usize::from(sign * steps[at] > STEP / 2.0);
        let mut high: usize = (0..across).map(is_high).sum();
        let mut looked_at = 0;
        for at in 0..=last {
            if high >= needed {
                looked_at += 1;
                // So many are a gradient, and would take long.
                if looked_at > 4 * across {
                    break;
                }
                let evidence = evidence(steps, across, at, sign);
                if evidence > best.0 {
                    best = (evidence, at);
                }
            }
            if at < last {
                high = high + is_high(at + across) - is_high(at);
            }
        }
    }
    best
}

fn evidence(steps: &[f32], across: usize, at: usize, sign: f32) -> f32 {
    if from_edge(at, across) < EDGE {
        return 0.0;
    }
    let sorted = |from: usize, count: usize| {
        let mut values: Vec<f32> = steps.iter().skip(from).take(count).map(|step| sign * step).collect();
        values.sort_unstable_by(f32::total_cmp);
        values
    };
    let median = |values: &[f32]| values.get(values.len() / 2).copied().unwrap_or(0.0);
    let window = sorted(at, across);
    let (low, middle) = (window[(LOWER * (across - 1) as f32) as usize], median(&window));
    let high = window[((1.0 - LOWER) * (across - 1) as f32).ceil() as usize];
    // A gradient has the same step a row above and below.
    let around = [at.checked_sub(across), Some(at + across).filter(|at| at + across <= steps.len())];
    let usual = around.into_iter().flatten().map(|at| median(&sorted(at, across))).fold(0.0, f32::max);
    let outside = ((0.06 * across as f32) as usize).max(3);
    let before = at.checked_sub(outside + 1).map_or(0.0, |from| median(&sorted(from, outside)));
    let after = median(&sorted(at + across, outside));
    if middle - usual < STEP || before.max(after) >= OUTSIDE * middle {
        return 0.0;
    }
    // Along both rows of the stair: where it is a step, and where it is none.
    let (row, turn) = (at - at % across, at - at % across + across);
    let of = |range: std::ops::Range<usize>| median(&sorted(range.start, range.len()));
    let treads = of(at..turn).min(of(turn..at + across));
    let beside = of(row..at).max(of(at + across..turn + across));
    if treads < TREAD * middle || beside >= OUTSIDE * middle {
        return 0.0;
    }
    (low - usual) / (high - low + STEP)
}

#[cfg(test)]
mod tests {
    use super::super::damage;
    use super::super::samples::{compressed, scene};
    use super::*;

    fn shift(picture: &RgbImage) -> f32 {
        shifted(picture, 16)
    }

    /// From unit (20, 14) on, in reading order.
    fn with_shift(mut picture: RgbImage, levels: [i16; 3]) -> RgbImage {
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (y / 16, x / 16) >= (14, 20) {
                for (channel, levels) in pixel.0.iter_mut().zip(levels) {
                    *channel = (i16::from(*channel) + levels).clamp(0, 255) as u8;
                }
            }
        }
        picture
    }

    /// field/README.md, kind 8: colours are shifted from a block on.
    #[test]
    fn a_shift_of_colour_is_found_where_it_begins_also_after_compression() {
        for levels in [[20, 20, 20], [-14, -14, -14], [25, 0, -10]] {
            let picture = with_shift(scene(), levels);
            for picture in [compressed(&picture, 90), compressed(&picture, 75), picture] {
                let found = damage(&picture, 800);
                let share = 1.0 - (14.0 * 50.0 + 20.0) / (50.0 * 38.0);
                assert!((found - share).abs() < 0.01, "{found} instead of {share}: {levels:?}");
            }
        }
    }

    /// A frame, a banner, the seam of a collage: its edge is the same for all of the width.
    #[test]
    fn a_straight_edge_on_the_grid_is_no_shift() {
        let photo = scene();
        let bar = |colour: [u8; 3], rows: std::ops::Range<u32>| {
            let mut framed = photo.clone();
            for y in rows {
                (0..framed.width()).for_each(|x| framed.put_pixel(x, y, image::Rgb(colour)));
            }
            framed
        };
        let mut stacked = photo.clone();
        image::imageops::replace(&mut stacked, &image::imageops::flip_horizontal(&photo), 0, 304);
        let bars = [bar([255; 3], 0..64), bar([0; 3], 496..600), bar([40, 40, 160], 0..96), stacked];
        for (index, picture) in bars.iter().enumerate() {
            for picture in [compressed(picture, 90), picture.clone()] {
                assert!(damage(&picture, 800) == 0.0, "{index}");
            }
        }
    }

    /// Wrong bytes that shift colours leave other detail, too: above and below the step nothing is alike.
    #[test]
    fn a_shift_is_found_where_the_texture_does_not_go_on() {
        let mut picture = with_shift(scene(), [20; 3]);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (y / 16, x / 16) >= (14, 20) && x / 2 % 2 == 0 {
                pixel.0 = pixel.0.map(|level| level.saturating_add(10));
            }
        }
        let at = 13 * 50 + 20;
        assert!(sides(&picture, 16, at..at + 50).likeness < LIKENESS);
        assert!(shift(&compressed(&picture, 85)) > 0.0);
    }

    #[test]
    fn the_edge_of_a_banner_that_ends_within_the_picture_is_no_shift() {
        for is_left in [true, false] {
            let mut picture = scene();
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                let x = if is_left { x } else { 799 - x };
                if x < 720 && (192..288).contains(&y) {
                    pixel.0 = pixel.0.map(|level| level / 2 + 90);
                }
            }
            assert!(shift(&compressed(&picture, 90)) == 0.0, "{is_left}");
        }
    }

    /// A bar with a tab has a stair, whatever the tab's width; a picture that is lighter below an edge with a notch has another edge beside it.
    #[test]
    fn a_bar_with_a_tab_or_a_notch_is_no_shift() {
        let changed = |is_changed: fn(u32, u32) -> bool, change: fn(u8) -> u8| {
            let mut picture = scene();
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                if is_changed(x, y) {
                    pixel.0 = pixel.0.map(change);
                }
            }
            picture
        };
        let pictures = [
            changed(|x, y| y < 64 || y < 80 && x < 144, |_| 255),
            changed(|x, y| y < 64 || y < 80 && x < 80, |_| 255),
            changed(|x, y| y >= 208 || y >= 192 && !(256..320).contains(&x), |level| level.saturating_add(20)),
        ];
        for (index, picture) in pictures.iter().enumerate() {
            for picture in [compressed(picture, 90), picture.clone()] {
                assert!(shift(&picture) == 0.0, "{index}");
            }
        }
    }

    #[test]
    fn a_step_beside_the_grid_is_no_shift() {
        let moved = image::imageops::crop_imm(&with_shift(scene(), [20; 3]), 0, 5, 800, 600).to_image();
        assert!(damage(&moved, 800) == 0.0, "an edge of the scene");
    }
}

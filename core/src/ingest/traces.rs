//! What damage leaves in the pixels, also where the picture was saved again: rows of blocks whose colour is shifted from some block on, rows
//! that repeat, and holes of one colour. Looked for in the pixels as they are stored, where blocks lie on a grid of 16 pixels, which most
//! JPEGs are coded by; the reference view has no such grid.
//!
//! The mean of a block is coded as its difference from the one before, so that a wrong one shifts the colour of all that follow, in reading order.
//! That leaves a step of one height along a whole row of blocks, one part of it a row of blocks lower than the other. Edges of the scene are
//! rarely as even, do not lie on the grid alone, and have no such stair.

use image::RgbImage;

/// Side of the unit that JPEGs with halved colour planes are coded by.
const UNIT: u32 = 16;
/// Smallest side of a unit in a picture that was decoded at a part of its size.
const SMALLEST_UNIT: usize = 4;
/// Units across and down that a picture has at least, and units across at most.
const FEWEST: usize = 8;
/// The same where a shift is to be told from the scene's own edges: of 930 good photos three had one, all of fewer units.
const FEWEST_FOR_A_SHIFT: usize = 24;
const MOST: usize = 1024;

/// Share of the picture that is damaged. `stored_width` is the width of the file, of which `pixels` may be a half, a quarter or an eighth.
pub(super) fn damage(pixels: &RgbImage, stored_width: u32) -> f32 {
    let part = stored_width.div_ceil(pixels.width().max(1)).max(1);
    let unit = (UNIT / part) as usize;
    let (across, down) = (pixels.width() as usize / unit.max(1), pixels.height() as usize / unit.max(1));
    if unit < SMALLEST_UNIT || across.min(down) < FEWEST || across > MOST {
        return 0.0;
    }
    let shifted = if across.min(down) < FEWEST_FOR_A_SHIFT { 0.0 } else { shifted(pixels, unit) };
    shifted.max(repeated(pixels)).max(holes(pixels, unit))
}

/// Evidence of a shift from which on it is one: height of its step in comparison with how even it is.
const EVIDENCE: f32 = 0.5;
/// The same in comparison with what lies beside the grid, at these sixteenths of a unit.
const BESIDE: f32 = 3.0;
const OFFSETS: [usize; 5] = [3, 5, 8, 11, 13];
/// Share of the units of a row that are beyond the step's lower height; and beyond its upper height.
const LOWER: f32 = 0.15;
/// Smallest step, in levels, and what is added to its spread: whole levels are not exact.
const STEP: f32 = 1.5;
/// Part of the step that there may be before it begins and after it ends.
const OUTSIDE: f32 = 0.4;
/// Share of the width beside the edges of the picture where there is next to no stair: such a step is no evidence.
const EDGE: f32 = 0.08;

/// Share from the first unit on whose colour is shifted.
fn shifted(pixels: &RgbImage, unit: usize) -> f32 {
    let across = pixels.width() as usize / unit;
    let found = |offset: usize| {
        let planes = steps(pixels, unit, offset);
        planes
            .iter()
            .map(|steps| stair(steps, across))
            .fold((0.0, 0), |best, next| if next.0 > best.0 { next } else { best })
    };
    let (evidence, at) = found(0);
    if evidence < EVIDENCE || OFFSETS.iter().any(|offset| found(offset * unit / 16).0 * BESIDE > evidence) {
        return 0.0;
    }
    let all = across * (pixels.height() as usize / unit);
    1.0 - (at + across) as f32 / all as f32
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
    let column = at % across;
    let at_edge = (column.min(across - column) as f32) < EDGE * across as f32;
    if at_edge || middle - usual < STEP || before.max(after) >= OUTSIDE * middle {
        return 0.0;
    }
    (low - usual) / (high - low + STEP)
}

/// Share of rows that repeat the one above, pixel by pixel, in a run that ends at the last row.
fn repeated(pixels: &RgbImage) -> f32 {
    /// Mean difference that compression explains, in levels.
    const SAME: f32 = 0.75;
    /// Mean difference of neighbours along a row: a wall and a sky repeat, too.
    const TEXTURE: f32 = 4.0;
    /// Smallest share of rows; patterns of the scene are rarely as exact over more.
    const LEAST: f32 = 0.04;
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let row = |y: usize| &pixels.as_raw()[3 * width * y..3 * width * (y + 1)];
    let mean = |one: &[u8], other: &[u8]| {
        let sum: u32 = one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
        sum as f32 / one.len().max(1) as f32
    };
    let textured = |row: &[u8]| mean(&row[..3 * (width - 1)], &row[3..]) >= TEXTURE;
    let run = (1..height).rev().take_while(|y| mean(row(*y), row(y - 1)) <= SAME && textured(row(*y))).count();
    let share = run as f32 / height as f32;
    if share >= LEAST { share } else { 0.0 }
}

/// Share of the picture in holes: rectangles of whole units that have one colour, in the midst of something else.
fn holes(pixels: &RgbImage, unit: usize) -> f32 {
    /// Difference of levels within a hole, and from what lies around it.
    const SAME: u8 = 1;
    const OTHER: u8 = 12;
    /// Share of the pixels around it that differ.
    const AROUND: f32 = 0.9;
    /// Units of a hole: one alone may be chance.
    const LEAST: usize = 4;
    let (across, down) = (pixels.width() as usize / unit, pixels.height() as usize / unit);
    let at = |x: usize, y: usize| pixels.get_pixel(x as u32, y as u32).0;
    let difference =
        |one: [u8; 3], other: [u8; 3]| one.into_iter().zip(other).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0);
    let colour = |column: usize, row: usize| {
        // The outermost pixels have some of the colour beside them: colour planes were enlarged.
        let inner = |from: usize| from * unit + 1..(from + 1) * unit - 1;
        let first = at(column * unit + 1, row * unit + 1);
        let same = inner(row).all(|y| inner(column).all(|x| difference(at(x, y), first) <= SAME));
        same.then_some(first)
    };
    let mut units: Vec<Option<[u8; 3]>> =
        (0..across * down).map(|index| colour(index % across, index / across)).collect();
    let mut lost = 0;
    for index in 0..units.len() {
        let Some(colour) = units[index] else { continue };
        let (column, row) = (index % across, index / across);
        let is_of = |units: &[Option<[u8; 3]>], column: usize, row: usize| {
            units[row * across + column].is_some_and(|other| difference(other, colour) <= SAME)
        };
        let columns = (column..across).take_while(|column| is_of(&units, *column, row)).count();
        let rows =
            (row..down).take_while(|row| (column..column + columns).all(|column| is_of(&units, column, *row))).count();
        for row in row..row + rows {
            units[row * across + column..row * across + column + columns].fill(None);
        }
        let (left, top, right, bottom) = (column * unit, row * unit, (column + columns) * unit, (row + rows) * unit);
        let inside = column > 0 && row > 0 && right < pixels.width() as usize && bottom < pixels.height() as usize;
        if columns * rows < LEAST || columns.min(rows) < 2 || !inside {
            continue;
        }
        let edges = (left..right).flat_map(|x| [at(x, top - 1), at(x, bottom)]);
        let sides = (top..bottom).flat_map(|y| [at(left - 1, y), at(right, y)]);
        let others = edges.chain(sides).filter(|pixel| difference(*pixel, colour) >= OTHER).count();
        if others as f32 >= AROUND * (2 * (right - left + bottom - top)) as f32 {
            lost += columns * rows;
        }
    }
    lost as f32 / (across * down) as f32
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    /// Smooth, with grain, and a horizon.
    fn scene() -> RgbImage {
        RgbImage::from_fn(800, 608, |x, y| {
            let wave = |a: f32, b: f32| ((x as f32 * a).sin() * (y as f32 * b).cos() * 50.0 + 110.0) as u8;
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 13;
            let horizon = if y < 112 { 40 } else { 0 };
            Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)]
                .map(|level| level.saturating_add(grain as u8 + horizon)))
        })
    }

    fn compressed(image: &RgbImage, quality: u8) -> RgbImage {
        let mut bytes = Vec::new();
        let [width, height] = [image.width(), image.height()].map(|side| side as u16);
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder.encode(image.as_raw(), width, height, ColorType::Rgb).expect("it encodes");
        image::load_from_memory(&bytes).expect("it decodes").into_rgb8()
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

    #[test]
    fn a_whole_picture_has_no_damage_nor_has_a_step_beside_the_grid() {
        for picture in [scene(), compressed(&scene(), 90), compressed(&scene(), 30)] {
            assert!(damage(&picture, 800) == 0.0);
        }
        let moved = image::imageops::crop_imm(&with_shift(scene(), [20; 3]), 0, 5, 800, 600).to_image();
        assert!(damage(&moved, 800) == 0.0, "an edge of the scene");
        assert!(damage(&RgbImage::new(1, 1), 1) == 0.0);
        assert!(damage(&RgbImage::from_pixel(800, 600, Rgb([250; 3])), 800) == 0.0);
    }

    /// field/README.md, kind 8.
    #[test]
    fn rows_that_repeat_down_to_the_last_are_damage_and_stripes_without_grain_above_are_not() {
        let mut picture = scene();
        for y in 400..608 {
            for x in 0..800 {
                let above = *picture.get_pixel(x, 399);
                picture.put_pixel(x, y, above);
            }
        }
        let found = damage(&compressed(&picture, 90), 800);
        assert!((found - 208.0 / 608.0).abs() < 0.03, "{found}");
        let whole = scene();
        let even =
            RgbImage::from_fn(800, 608, |x, y| if y < 300 { *whole.get_pixel(x, y) } else { Rgb([(x / 4) as u8; 3]) });
        assert!(damage(&even, 800) == 0.0, "a gradient repeats its rows");
    }

    /// field/README.md, kind 8.
    #[test]
    fn a_hole_of_whole_blocks_is_damage_and_a_sign_is_not() {
        let with_hole = |left: u32, top: u32| {
            let mut picture = scene();
            for y in top..top + 64 {
                for x in left..left + 96 {
                    picture.put_pixel(x, y, Rgb([20, 200, 90]));
                }
            }
            picture
        };
        for picture in [with_hole(160, 320), compressed(&with_hole(160, 320), 90)] {
            let found = damage(&picture, 800);
            assert!((found - 24.0 / 1900.0).abs() < 0.002, "{found}");
        }
        for picture in [with_hole(165, 323), compressed(&with_hole(165, 323), 90)] {
            assert!(damage(&picture, 800) == 0.0, "it does not lie on the grid");
        }
    }
}

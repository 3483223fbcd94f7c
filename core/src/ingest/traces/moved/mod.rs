//! Rows of blocks that lie further right or left than they were taken, from some block on: blocks were lost from the
//! coded data or added to them, and all that follow took the place of others. Where a decoder finds its way again, the
//! rest lies where it belongs.
//!
//! Neighbouring rows of pixels are alike. Where blocks meet that were moved against each other they are not, but are
//! again at another displacement, and at that one alone. An edge of the scene that lies on the grid has no such
//! displacement, a pattern has several, and what has no texture has none that stands out.

mod likeness;

use image::RgbImage;

use likeness::{Found, Joint, Row, Sides};

/// A step between two rows of pixels is conspicuous above so many times the steps beside it and so many levels more.
const TIMES: u32 = 2;
const LEVELS: u32 = 4;
/// Share of the units of a row, in reading order, whose steps are conspicuous at a seam.
const SHARE: f32 = 0.2;
/// Seams that are looked at, those with the most such units: to try displacements takes long.
const MOST: usize = 4;

/// Smallest displacement in pixels: slanted lines move on from row to row.
const NEAREST: usize = 8;
/// Displacements that differ by less, in pixels, are no rivals: texture is alike that far.
const BESIDE: usize = 12;
/// Likeness at the best displacement, and by how much it exceeds that at any rival and at none.
const LIKENESS: f32 = 1.75;
const AHEAD: f32 = 0.6;
/// Share of the conspicuous steps that are no longer so at the displacement, and how many they are at least: rows may
/// have their outlines in common, and not their levels. What is further ahead needs none: colours that were shifted
/// until they are cut off differ in levels, too.
const EXPLAINED: f32 = 0.75;
const FEWEST: usize = 4;
const FAR_AHEAD: f32 = 2.0;

/// Share of the picture that lies elsewhere.
pub(super) fn moved(pixels: &RgbImage, unit: usize) -> f32 {
    let conspicuous = match unit {
        16 => conspicuous::<48>(pixels),
        8 => conspicuous::<24>(pixels),
        4 => conspicuous::<12>(pixels),
        _ => return 0.0,
    };
    let (across, down) = (pixels.width() as usize / unit, pixels.height() as usize / unit);
    let picture = Picture { pixels, unit, across, conspicuous: &conspicuous };
    let mut seams: Vec<Seam> =
        windows(&conspicuous, across).into_iter().filter_map(|window| picture.seam(window)).collect();
    seams.sort_unstable_by_key(|seam| seam.at);
    let (width, all) = (across * unit, across * down);
    let ends = seams.iter().skip(1).map(|seam| seam.at).chain([all]);
    let (mut by, mut elsewhere) = (0, 0);
    for (index, (seam, end)) in seams.iter().zip(ends).enumerate() {
        by = (by + seam.by) % width;
        // Not to the pixel, since the width may end within a unit.
        let is_back = index > 0 && by.min(width - by) < unit;
        if !is_back {
            elsewhere += end - seam.at;
        }
    }
    elsewhere as f32 / all as f32
}

/// The unit, in reading order, from which on pixels lie further right by `by`, and come back at the left edge.
struct Seam {
    at: usize,
    by: usize,
}

/// Of each unit below the first row of them, row by row, whether the step from the unit above it is conspicuous.
fn conspicuous<const BYTES: usize>(pixels: &RgbImage) -> Vec<bool> {
    let (width, unit) = (pixels.width() as usize, BYTES / 3);
    let (across, down) = (width / unit, pixels.height() as usize / unit);
    let row = |y: usize| pixels.as_raw()[3 * width * y..3 * width * (y + 1)].as_chunks::<BYTES>().0;
    // 48 differences fit into 16 bits, of which more are added at once.
    let step = |one: &[u8; BYTES], other: &[u8; BYTES]| {
        u32::from(one.iter().zip(other).map(|(one, other)| u16::from(one.abs_diff(*other))).sum::<u16>())
    };
    let mut conspicuous = Vec::with_capacity(across * down);
    for y in (1..down).map(|index| index * unit) {
        let [far_above, above, below, far_below] = [y - 2, y - 1, y, y + 1].map(row);
        for index in 0..across {
            let here = step(&above[index], &below[index]);
            conspicuous.push(
                here > limit(0, BYTES)
                    && here > limit(step(&far_above[index], &above[index]), BYTES)
                    && here > limit(step(&below[index], &far_below[index]), BYTES),
            );
        }
    }
    conspicuous
}

/// The largest step of so many bytes that is not conspicuous beside another.
fn limit(beside: u32, bytes: usize) -> u32 {
    TIMES * beside + LEVELS * bytes as u32
}

/// Where runs of as many units as a row has begin of which the most are conspicuous.
fn windows(conspicuous: &[bool], across: usize) -> Vec<usize> {
    let mut count = conspicuous.iter().take(across).filter(|is_conspicuous| **is_conspicuous).count();
    let mut counts = vec![count];
    for (first, next) in conspicuous.iter().zip(conspicuous.iter().skip(across)) {
        count = count + usize::from(*next) - usize::from(*first);
        counts.push(count);
    }
    let mut windows = Vec::new();
    while windows.len() < MOST {
        let most = counts.iter().copied().max().unwrap_or(0);
        if (most as f32) < SHARE * across as f32 {
            break;
        }
        let Some(first) = counts.iter().position(|count| *count == most) else { break };
        // Units without texture leave open where it begins.
        let run = counts[first..].iter().take_while(|count| **count == most).count();
        let window = first + (run - 1) / 2;
        let end = counts.len().min(window + across);
        counts[(window + 1).saturating_sub(across)..end].fill(0);
        windows.push(window);
    }
    windows
}

struct Picture<'a> {
    pixels: &'a RgbImage,
    unit: usize,
    across: usize,
    conspicuous: &'a [bool],
}

impl Picture<'_> {
    /// The seam along a window, where the rows of pixels at both sides of it are alike at one displacement alone.
    fn seam(&self, window: usize) -> Option<Seam> {
        let (unit, width) = (self.unit, self.across * self.unit);
        let y = (window / self.across + 1) * unit;
        let above = [y.checked_sub(unit + 1), Some(y - 1), Some(y - 1 + unit), Some(y - 1 + 2 * unit)];
        let both = Sides {
            width,
            column: window % self.across * unit,
            above: above.map(|y| Row::of(self.pixels, y, width)),
            below: [Some(y), Some(y + unit)].map(|y| Row::of(self.pixels, y, width)),
        };
        let apart = |one: usize, other: usize| one.abs_diff(other).min(width - one.abs_diff(other));
        let found: Vec<Found> = (unit / 2..width).step_by(unit / 2).map(|by| both.at(by)).collect();
        let candidates = found.iter().filter(|other| apart(other.by, 0) >= NEAREST);
        let best = candidates.max_by(|one, other| one.likeness.total_cmp(&other.likeness))?;
        let rivals = found.iter().filter(|other| apart(other.by, best.by) >= BESIDE).map(|other| other.likeness);
        let ahead = best.likeness - rivals.fold(both.unmoved(), f32::max);
        let is_seam = best.likeness >= LIKENESS
            && ahead >= AHEAD
            && (ahead >= FAR_AHEAD || self.is_explained(&both, &both.joints(best.by, best.way)));
        is_seam.then_some(Seam { at: window + self.across, by: best.by })
    }

    /// Whether conspicuous steps are not so where rows join like this, but for a shift of colour.
    fn is_explained(&self, both: &Sides, joints: &[Joint]) -> bool {
        let (unit, bytes) = (self.unit, 3 * self.unit);
        let at = |x: usize, y: usize| {
            let start = 3 * (y * self.pixels.width() as usize + x);
            &self.pixels.as_raw()[start..start + bytes]
        };
        // The pixels above and below that join, of each unit, and the largest step between them that is not
        // conspicuous.
        let mut units: Vec<(&[u8], &[u8], u32)> = Vec::new();
        for joint in joints {
            let (Some(above), Some(below)) = (both.above[joint.above].y, both.below[joint.below].y) else { continue };
            let columns = joint.columns.start.next_multiple_of(unit)..(joint.columns.end + 1).saturating_sub(unit);
            for x in columns.step_by(unit) {
                if !self.conspicuous[(below / unit - 1) * self.across + x / unit] {
                    continue;
                }
                let x_above = joint.start_above + x - joint.columns.start;
                let beside = [
                    step(at(x, below - 2), at(x, below - 1), [0; 3]),
                    step(at(x, below), at(x, below + 1), [0; 3]),
                    step(at(x_above, above - 1), at(x_above, above), [0; 3]),
                ];
                let limit = limit(beside.into_iter().fold(0, u32::max), bytes);
                units.push((at(x_above, above), at(x, below), limit));
            }
        }
        let shift = [0, 1, 2].map(|channel| {
            let sum =
                |levels: &[u8]| levels.iter().skip(channel).step_by(3).map(|level| i32::from(*level)).sum::<i32>();
            let mut shifts: Vec<i32> = units.iter().map(|&(above, below, _)| sum(below) - sum(above)).collect();
            shifts.sort_unstable();
            let median = shifts.get(shifts.len() / 2).copied().unwrap_or(0);
            (median as f32 / unit as f32).round() as i32
        });
        let explained = units.iter().filter(|&&(above, below, limit)| step(above, below, shift) <= limit).count();
        units.len() >= FEWEST && explained as f32 >= EXPLAINED * units.len() as f32
    }
}

/// Sum of the differences between two rows of pixels whose colours are shifted against each other.
fn step(one: &[u8], other: &[u8], shift: [i32; 3]) -> u32 {
    let pixels = one.as_chunks::<3>().0.iter().zip(other.as_chunks::<3>().0);
    pixels
        .map(|(one, other)| {
            let difference = |channel: usize| i32::from(other[channel]) - i32::from(one[channel]) - shift[channel];
            difference(0).unsigned_abs() + difference(1).unsigned_abs() + difference(2).unsigned_abs()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::super::damage;
    use super::super::samples::compressed;
    use super::*;

    /// Upright things of many widths, with grain, and none at the same distance from another as the next.
    fn street() -> RgbImage {
        RgbImage::from_fn(800, 608, |x, y| {
            let (across, down) = (x as f32, y as f32);
            let waves = [(0.05, 0.004), (0.13, -0.006), (0.31, 0.003)].map(|(rate, lean): (f32, f32)| {
                (across * rate + 2.0 * (across * rate * 0.37).sin() + down * lean).sin()
            });
            let light = 110.0 + 28.0 * waves.into_iter().sum::<f32>();
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 13 * 6 / 13;
            Rgb([0.9, 1.0, 0.8].map(|part: f32| (light * part) as u8 + grain as u8))
        })
    }

    /// With so many blocks more (less, where below zero) before unit (20, 14), so that all from there on lie elsewhere.
    fn with_blocks_added(whole: &RgbImage, blocks: i32) -> RgbImage {
        let (across, all) = (50, 50 * 38);
        RgbImage::from_fn(800, 608, |x, y| {
            let index = (y / 16 * across + x / 16) as i32;
            let added = if index < 14 * 50 + 20 { 0 } else { blocks };
            let source = (index - added).rem_euclid(all) as u32;
            *whole.get_pixel(source % across * 16 + x % 16, source / across * 16 + y % 16)
        })
    }

    /// Rows from `top` to `bottom` moved right, and those beyond the edge to the left.
    fn with_rows_moved(whole: &RgbImage, top: u32, bottom: u32, by: i32) -> RgbImage {
        let (width, height) = whole.dimensions();
        RgbImage::from_fn(width, height, |x, y| {
            let source = if (top..bottom).contains(&y) { (x as i32 - by).rem_euclid(width as i32) as u32 } else { x };
            *whole.get_pixel(source, y)
        })
    }

    fn lightened(picture: &RgbImage, top: u32, light: impl Fn(u8) -> f32) -> RgbImage {
        RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
            let pixel = *picture.get_pixel(x, y);
            if y < top { pixel } else { Rgb(pixel.0.map(|level| light(level).clamp(0.0, 255.0) as u8)) }
        })
    }

    const FROM_THE_BLOCK_ON: f32 = 1.0 - (14.0 * 50.0 + 20.0) / (50.0 * 38.0);

    /// field/README.md, kind 8: blocks were lost or added.
    #[test]
    fn what_lies_elsewhere_from_a_block_on_is_found_where_it_begins_also_after_compression() {
        for blocks in [1, 3, 17, -1, -7] {
            let picture = with_blocks_added(&street(), blocks);
            for picture in [compressed(&picture, 90), compressed(&picture, 60), picture] {
                let found = moved(&picture, 16);
                assert!((found - FROM_THE_BLOCK_ON).abs() < 0.01, "{found} for {blocks}");
                assert!(damage(&picture, 800) >= found, "{blocks}");
            }
        }
    }

    /// field/README.md, kind 8: the lower part is moved sideways, by blocks of 8 pixels, too.
    #[test]
    fn rows_that_are_moved_sideways_are_found_and_where_they_are_moved_back_only_these() {
        for by in [8, 24, 400, -40] {
            let picture = with_rows_moved(&street(), 224, 608, by);
            for picture in [compressed(&picture, 90), picture] {
                let found = moved(&picture, 16);
                assert!((found - 384.0 / 608.0).abs() < 0.01, "{found} for {by}");
            }
        }
        for by in [48, -112] {
            let picture = with_rows_moved(&street(), 224, 368, by);
            for picture in [compressed(&picture, 75), picture] {
                let found = moved(&picture, 16);
                assert!((found - 144.0 / 608.0).abs() < 0.01, "{found} for {by}");
            }
        }
    }

    #[test]
    fn they_are_found_in_a_picture_that_was_decoded_at_a_half_or_a_quarter_of_its_size() {
        let picture = with_blocks_added(&street(), 5);
        for part in [2, 4] {
            let found = moved(&imageops::thumbnail(&picture, 800 / part, 608 / part), 16 / part as usize);
            assert!((found - FROM_THE_BLOCK_ON).abs() < 0.01, "{found} at 1/{part}");
        }
    }

    /// The mean of each block is coded as its difference from the one before: where blocks are lost, colours are
    /// shifted, too.
    #[test]
    fn they_are_found_where_their_colours_are_shifted_and_even_cut_off() {
        for light in [30.0, 140.0] {
            let picture = lightened(&with_rows_moved(&street(), 224, 608, 80), 224, |level| f32::from(level) + light);
            for picture in [compressed(&picture, 90), picture] {
                let found = moved(&picture, 16);
                assert!((found - 384.0 / 608.0).abs() < 0.01, "{found} at {light}");
            }
        }
    }

    #[test]
    fn a_whole_scene_has_none_and_no_seam_beside_the_grid_is_one() {
        for picture in [street(), compressed(&street(), 90), compressed(&street(), 10)] {
            assert!(moved(&picture, 16) == 0.0);
        }
        let beside = imageops::crop_imm(&with_blocks_added(&street(), 5), 0, 5, 800, 600).to_image();
        assert!(moved(&beside, 16) == 0.0);
        assert!(moved(&RgbImage::from_pixel(800, 608, Rgb([250; 3])), 16) == 0.0);
    }

    /// Ledges, stripes that change places and walls of bricks, all on the grid, and another scene below the first one.
    #[test]
    fn sharp_edges_on_the_grid_patterns_and_other_things_below_are_not_moved() {
        let street = street();
        let grain = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 13;
        let drawn = |level: &dyn Fn(u32, u32) -> u32| RgbImage::from_fn(800, 608, |x, y| Rgb([level(x, y) as u8; 3]));
        let pictures = [
            drawn(&|x, y| 110 + u32::from(street.get_pixel(x, y).0[1] / 4) + y / 16 % 2 * 60),
            drawn(&|x, y| grain(x, y) + if (x / 24 + y / 16) % 2 == 1 { 190 } else { 60 }),
            drawn(&|x, y| grain(x, y) + if y % 32 < 3 || (x + y / 32 % 2 * 40) % 80 < 3 { 200 } else { 90 }),
            drawn(&|x, y| street.get_pixel(if y < 304 { x } else { 799 - x }, y).0[1].into()),
        ];
        for (index, picture) in pictures.iter().enumerate() {
            for picture in [picture, &compressed(picture, 90), &compressed(picture, 60)] {
                assert!(moved(picture, 16) == 0.0, "{index}");
            }
        }
    }

    /// As in a floor that mirrors what stands on it, seen from the side.
    #[test]
    fn outlines_in_common_without_their_levels_are_not_enough() {
        let street = imageops::crop_imm(&street(), 0, 0, 160, 304).to_image();
        let picture = with_rows_moved(&street, 160, 304, 48);
        assert!(moved(&picture, 16) > 0.4);
        let faint = lightened(&picture, 160, |level| 110.0 + (f32::from(level) - 110.0) * 0.35);
        for picture in [compressed(&faint, 90), faint] {
            assert!(moved(&picture, 16) == 0.0);
        }
    }
}

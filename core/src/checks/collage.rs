//! Number of photos that a picture is made of: 1, or 2 to 9 where straight seams divide it into equal columns and rows.
//!
//! A seam runs through the whole picture near a half, or near both thirds, of a side: along most of its length, and along much of each quarter of
//! it, what lies to either side differs by more than [`STEP`] levels of a channel, and beside it hardly anything does so. A line
//! between the photos is a seam, too. Doors and columns may be as straight, but seldom run through a whole picture at such a place.
//! Collages of photos of different sizes are not told.

use std::ops::{Range, RangeInclusive};

use image::RgbImage;

use super::{Check, Evidence, fault};
use crate::metric::Severity;

/// Difference of pixels three apart, of which scaling and compression mix those in the middle.
const STEP: u8 = 16;
const APART: usize = 3;
/// Share of a seam's length along which it is seen; a quarter of it may have this much less.
const SEEN: f32 = 0.72;
const OF_A_QUARTER: f32 = 1.6;
/// What is seen beside a seam counts against it, at these distances.
const BESIDE: f32 = 0.9;
const DISTANCES: [isize; 4] = [-12, -8, 8, 12];
/// One pixel in so many is looked at first, and of these so many differ along anything that may be a seam.
const GLIMPSE: usize = 4;
const LIKELY: f32 = 0.5;
/// How far a seam lies from its place, as a share of the side.
const NEAR: f32 = 0.015;
/// Shortest side that is looked at.
const SHORTEST: usize = 64;

pub(super) fn check() -> Check {
    Check {
        name: "collage",
        title: "Photos in the picture",
        unit: "",
        low: None,
        high: Some(fault("collage", Severity::Fixable, "Send each photo by itself.")),
        of_photos: true,
        certainty: 1.0,
        bins: &[1.0, 2.0, 3.0, 4.0, 6.0],
        measure: |Evidence { parts, .. }| Some((parts[0] * parts[1]) as f32),
    }
}

/// Columns and rows of photos in a picture.
pub(super) fn parts(view: &RgbImage) -> [usize; 2] {
    let (width, height) = (view.width() as usize, view.height() as usize);
    if width.min(height) < SHORTEST {
        return [1, 1];
    }
    [true, false].map(|across| divided(view, across))
}

/// Number of columns (`across`) or rows.
fn divided(view: &RgbImage, across: bool) -> usize {
    let length = if across { view.width() } else { view.height() } as usize;
    let seen =
        |places: &[f32]| places.iter().map(|place| seam(view, across, place * length as f32)).fold(1.0, f32::min);
    let [halves, thirds] = [seen(&[0.5]), seen(&[1.0 / 3.0, 2.0 / 3.0])];
    match halves.max(thirds) {
        most if most < SEEN => 1,
        most if most > halves => 3,
        _ => 2,
    }
}

/// How much of the best seam near a place is seen.
fn seam(view: &RgbImage, across: bool, place: f32) -> f32 {
    let length = if across { view.width() } else { view.height() } as usize;
    let around = ((NEAR * length as f32) as usize).max(3);
    let from = (place as usize).saturating_sub(around + APART / 2);
    let to = (place as usize + around).min(length - APART - 1);
    let all = |quarters: [f32; 4]| quarters.iter().sum::<f32>() / 4.0;
    let least = |quarters: [f32; 4]| quarters.into_iter().fold(1.0, f32::min);
    // Few pictures have anything like a seam: some of the pixels tell that.
    let glimpse = differing(view, across, from..=to, GLIMPSE).into_iter().map(all).fold(0.0, f32::max);
    if glimpse < LIKELY {
        return glimpse;
    }
    let (at, best) = (from..)
        .zip(differing(view, across, from..=to, 1))
        .max_by(|(_, one), (_, other)| (all(*one) + 2.0 * least(*one)).total_cmp(&(all(*other) + 2.0 * least(*other))))
        .unwrap_or((from, [0.0; 4]));
    let seen = all(best).min(OF_A_QUARTER * least(best));
    if seen < SEEN {
        return seen;
    }
    let beside = |distance: isize| {
        let at = at.saturating_add_signed(distance).min(length - APART - 1);
        differing(view, across, at..=at, 1).into_iter().map(all).sum()
    };
    let mut beside = DISTANCES.map(beside);
    beside.sort_unstable_by(f32::total_cmp);
    seen - BESIDE * (beside[1] + beside[2]) / 2.0
}

/// Of each of some columns (`across`) or rows, the share of each quarter in which its pixels differ from those three further; one pixel in `step`
/// is looked at.
fn differing(view: &RgbImage, across: bool, places: RangeInclusive<usize>, step: usize) -> Vec<[f32; 4]> {
    let width = view.width() as usize;
    let depth = if across { view.height() } else { view.width() } as usize;
    let quarters: [Range<usize>; 4] = std::array::from_fn(|quarter| quarter * depth / 4..(quarter + 1) * depth / 4);
    let pixels =
        |x: usize, y: usize, count: usize| view.as_raw()[3 * (y * width + x)..][..3 * count].as_chunks::<3>().0;
    let differ = |one: &[u8; 3], other: &[u8; 3]| {
        u32::from(one.iter().zip(other).any(|(one, other)| one.abs_diff(*other) >= STEP))
    };
    let mut counts = vec![[0; 4]; places.clone().count()];
    for (quarter, along) in quarters.iter().enumerate() {
        if across {
            // Row by row, as pixels lie in memory.
            for y in along.clone().step_by(step) {
                let row = pixels(*places.start(), y, counts.len() + APART);
                for ((one, other), count) in row.iter().zip(&row[APART..]).zip(&mut counts) {
                    count[quarter] += differ(one, other);
                }
            }
        } else {
            for (y, count) in places.clone().zip(&mut counts) {
                let [row, further] = [y, y + APART].map(|y| pixels(along.start, y, along.len()));
                count[quarter] = row.iter().zip(further).step_by(step).map(|(one, other)| differ(one, other)).sum();
            }
        }
    }
    let looked_at = quarters.map(|along| along.len().div_ceil(step).max(1) as f32);
    let share = |count: [u32; 4]| std::array::from_fn(|quarter| count[quarter] as f32 / looked_at[quarter]);
    counts.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::*;
    use crate::ingest::samples::compressed;

    fn photos(view: &RgbImage) -> usize {
        parts(view).iter().product()
    }

    /// A photo that a number decides.
    fn photo(width: u32, height: u32, number: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let wave = |a: f32| ((x as f32 * a + number as f32).sin() * (y as f32 * a * 1.3).cos() * 40.0) as i32;
            let mean = 60 + (number * 47 % 120) as i32;
            Rgb([0.011, 0.017, 0.023].map(|a| (mean + wave(a) + ((x * 7 + y * 13 + x * y) % 9) as i32) as u8))
        })
    }

    /// field/README.md, kind 28.
    #[test]
    fn photos_side_by_side_are_counted_with_and_without_lines_between_them() {
        for (columns, rows) in [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (3, 2), (3, 3)] {
            for line in [0, 8] {
                let (width, height) = (960 / columns, 720 / rows);
                let mut all = RgbImage::from_pixel(960 + line * (columns - 1), 720 + line * (rows - 1), Rgb([255; 3]));
                for number in 0..columns * rows {
                    let (column, row) = (number % columns, number / columns);
                    let place = [column * (width + line), row * (height + line)].map(i64::from);
                    imageops::replace(&mut all, &photo(width, height, number), place[0], place[1]);
                }
                let found = photos(&compressed(&all, 85));
                assert_eq!(found, (columns * rows) as usize, "{columns} x {rows}, lines of {line}");
            }
        }
    }

    #[test]
    fn a_door_a_fence_and_an_edge_elsewhere_are_no_seams() {
        let with = |paint: &dyn Fn(u32, u32) -> bool| {
            let mut picture = photo(960, 720, 1);
            for (x, y, pixel) in picture.enumerate_pixels_mut().filter(|(x, y, _)| paint(*x, *y)) {
                *pixel = Rgb([(200 + (x + y) % 7) as u8; 3]);
            }
            photos(&compressed(&picture, 85))
        };
        assert_eq!(with(&|x, y| (480..700).contains(&x) && y > 150), 1, "a door does not reach the ceiling");
        assert_eq!(with(&|x, _| x % 12 < 6), 1, "a fence");
        assert_eq!(with(&|x, _| x > 400), 1, "a column that is not in the middle");
        assert_eq!(photos(&RgbImage::new(20, 20)), 1);
    }
}

//! Share of the picture that is not as it was taken: a broken upload, a bad disk, a file that was copied in part.
//!
//! The file's coded data tell (see `ingest`): they end early, or hold what no encoder writes. Where a damaged picture was saved
//! again, its pixels tell: decoders put one gray, some programs black, in the place of what is not there, down to the last row.

use image::RgbImage;

use super::{Check, Evidence, fault};
use crate::metric::Severity;

/// Gray levels that decoders fill with: the middle of the range, as compression leaves it.
const GRAY: std::ops::RangeInclusive<u8> = 120..=136;
/// Largest level of black.
const BLACK: u8 = 8;
/// Difference from the fill that compression explains, in levels.
const NEAR: u8 = 4;
/// Share of a row's pixels that have the fill's colour.
const OF_A_ROW: f32 = 0.98;
/// Smallest share of the picture that counts; black needs more, since night photos have dark rows.
const LEAST_GRAY: f32 = 0.015;
const LEAST_BLACK: f32 = 0.08;
/// Rows that lie between fill and photo, at most: the fill begins within a row of blocks, and saving it again mixes the colours of
/// another.
const BLOCK: u32 = 34;
/// Difference from the fill from which on a pixel is no part of it, share of the row above the fill that must be none, and share of
/// it that may still be fill: behind an object on a black or gray ground the ground goes on at both sides.
const FAR: u8 = 20;
const ENDS: f32 = 0.4;
const GOES_ON: f32 = 0.15;

pub(super) fn check() -> Check {
    Check {
        name: "damage",
        title: "Damaged part of the picture",
        unit: "share",
        low: None,
        high: Some(fault("damaged", Severity::Retake, "Send the photo again: the file is damaged.")),
        of_photos: false,
        certainty: 1.0,
        measure: |Evidence { reference, damage, .. }| Some(damage.max(tail(reference.pixels()))),
    }
}

/// Share of the picture that is filled, from the bottom up.
fn tail(view: &RgbImage) -> f32 {
    let (width, height) = view.dimensions();
    let share = |y: u32, matches: &dyn Fn([u8; 3]) -> bool| {
        (0..width).filter(|x| matches(view.get_pixel(*x, y).0)).count() as f32 / width as f32
    };
    let (fill, least) = match view.get_pixel(width / 2, height - 1).0 {
        [red, green, blue] if [red, green, blue].iter().all(|level| GRAY.contains(level)) => {
            ([red, green, blue], LEAST_GRAY)
        }
        colour if colour.iter().all(|level| *level <= BLACK) => (colour, LEAST_BLACK),
        _ => return 0.0,
    };
    let difference =
        |pixel: [u8; 3]| pixel.into_iter().zip(fill).map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0);
    let filled = |y: &u32| share(*y, &|pixel| difference(pixel) <= NEAR) >= OF_A_ROW;
    let rows = (0..height).rev().take_while(filled).count() as u32;
    let found = rows as f32 / height as f32;
    let above = height.checked_sub(1 + rows + BLOCK);
    let ends = above.is_some_and(|y| {
        share(y, &|pixel| difference(pixel) > FAR) >= ENDS && share(y, &|pixel| difference(pixel) <= NEAR) <= GOES_ON
    });
    if found >= least && ends { found } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::super::samples::compressed;
    use super::*;

    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let wave = |a: f32, b: f32| ((x as f32 * a).sin() * (y as f32 * b).cos() * 70.0 + 120.0) as u8;
            Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)])
        })
    }

    /// field/README.md, kind 10: the fill begins within a row of blocks.
    #[test]
    fn a_gray_or_black_bottom_is_told_by_its_share() {
        for (fill, share) in [([128; 3], 0.2), ([128; 3], 0.4), ([128; 3], 0.03), ([0; 3], 0.3)] {
            let from = (600.0 * (1.0 - share)) as u32;
            let mut picture = photo(800, 600);
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                if y >= from + 16 || (y >= from && x > 300) {
                    *pixel = Rgb(fill);
                }
            }
            for quality in [75, 92] {
                let found = tail(&compressed(&picture, quality));
                assert!((found - share).abs() < 0.045, "{found} instead of {share}");
            }
        }
    }

    #[test]
    fn gray_and_dark_things_at_the_bottom_are_no_damage() {
        let with_bottom = |bottom: &dyn Fn(u32, u32) -> [u8; 3]| {
            let mut picture = photo(800, 600);
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                if y >= 400 {
                    *pixel = Rgb(bottom(x, y));
                }
            }
            tail(&compressed(&picture, 92))
        };
        let asphalt = with_bottom(&|x, y| [(118 + (x * 7 + y * 13 + x * y) % 20) as u8; 3]);
        let floor = with_bottom(&|_, y| [(110 + (y - 400) / 8) as u8; 3]);
        let night = with_bottom(&|x, y| [((x * 5 + y * 11 + x * y) % 24) as u8; 3]);
        let brown = with_bottom(&|_, _| [128, 110, 90]);
        assert_eq!([asphalt, floor, night, brown, tail(&photo(800, 600))], [0.0; 5]);
        for ground in [[0; 3], [128; 3]] {
            let inside = |x: u32, y: u32| (150..650).contains(&x) && (100..500).contains(&y);
            let object =
                RgbImage::from_fn(800, 600, |x, y| if inside(x, y) { Rgb([200, 60, 40]) } else { Rgb(ground) });
            assert!(tail(&compressed(&object, 92)) == 0.0, "an object on a ground of {ground:?}");
        }
    }
}

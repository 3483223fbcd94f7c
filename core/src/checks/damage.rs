//! Share of the picture that is not as it was taken: a broken upload, a bad disk, a file that was copied in part.
//!
//! The file's coded data tell (see `ingest`): they end early, or hold what no encoder writes. Where a damaged picture was saved
//! again, its pixels tell: decoders put one gray, those of video green or pink, some programs black, in the place of what is not
//! there, down to the last row, also where it was scaled or marked afterwards.

use image::RgbImage;

use super::{Check, Evidence, fault};
use crate::metric::Severity;
use crate::view::{difference, median_colour};

/// The middle of the range, as compression and scaling leave it.
const GRAY: std::ops::RangeInclusive<u8> = 118..=138;
/// Largest level of black.
const BLACK: u8 = 8;
/// Difference from the fill that compression explains, in levels.
const NEAR: u8 = 4;
/// Share of a row's pixels that have the fill's colour.
const OF_A_ROW: f32 = 0.98;
/// The same of a row where something small is written over the fill.
const OF_A_MARKED_ROW: f32 = 0.25;
/// Share of the picture that banners and strips are lower than.
const HIGHEST_BANNER: f32 = 0.15;
/// Rows that lie between fill and photo, at most: the fill begins within a row of blocks, and saving it again mixes the colours of
/// another.
const BLOCK: u32 = 34;
/// Difference from the fill from which on a pixel is no part of it, share of the row above the fill that must be none, and share of
/// it that may still be fill: behind an object on a black or gray ground the ground goes on at both sides.
const FAR: u8 = 20;
const ENDS: f32 = 0.4;
const GOES_ON: f32 = 0.15;
/// Smallest part of a row that is filled, and smallest that is not, where the fill begins within the row.
const OF_A_BROKEN_ROW: f32 = 0.02;

pub(super) fn check() -> Check {
    Check {
        name: "damage",
        title: "Damaged part of the picture",
        unit: "share",
        low: None,
        high: Some(fault("damaged", Severity::Retake, "Send the photo again: the file is damaged.")),
        of_photos: false,
        certainty: 1.0,
        bins: &[0.0, 0.02, 0.05, 0.1, 0.25, 0.5],
        measure: |Evidence { reference, damage, .. }| Some(damage.max(tail(reference.pixels()))),
    }
}

/// Smallest share of the picture that counts of a colour that is put in the place of what is not there; `None` of any other.
fn least(colour: [u8; 3]) -> Option<f32> {
    let [red, green, blue] = colour;
    if is_gray(colour) {
        return Some(0.015);
    }
    // Night photos have dark rows.
    if is_black(colour) {
        return Some(0.08);
    }
    // All zeros, by BT.709 or BT.601.
    let is_green = red.max(blue) <= 12 && ((65..=90).contains(&green) || (123..=147).contains(&green));
    // Lost planes drive red or blue to the end of their range.
    let is_pink = red.max(blue) >= 240 && red.min(blue).saturating_sub(green) >= 60;
    (is_green || is_pink).then_some(0.06)
}

fn is_gray(colour: [u8; 3]) -> bool {
    colour.iter().all(|level| GRAY.contains(level))
}

fn is_black(colour: [u8; 3]) -> bool {
    colour.iter().all(|level| *level <= BLACK)
}

/// Share of the picture that is filled, from the bottom up.
fn tail(view: &RgbImage) -> f32 {
    let (width, height) = view.dimensions();
    let row = |y: u32| (0..width).map(move |x| view.get_pixel(x, y).0);
    let fill = median_colour(row(height - 1));
    let Some(least) = least(fill) else { return 0.0 };
    let share = |y: u32, matches: &dyn Fn(u8) -> bool| {
        row(y).filter(|pixel| matches(difference(*pixel, fill))).count() as f32 / width as f32
    };
    let filled = |y: u32| share(y, &|difference| difference <= NEAR);
    // Lights in the dark are no marks.
    let of_a_marked_row = if is_black(fill) { OF_A_ROW } else { OF_A_MARKED_ROW };
    let (mut rows, mut whole) = (0, 0);
    for (count, of_the_row) in (1..=height).zip((0..height).rev().map(filled)) {
        if of_the_row >= OF_A_ROW {
            (rows, whole) = (count, whole + 1);
        } else if of_the_row < of_a_marked_row || count > 2 * (whole + BLOCK) {
            break;
        }
    }
    let found = rows as f32 / height as f32;
    // Strips of green and of pink are drawn, too.
    let is_drawn = || !is_gray(fill) && !is_black(fill) && !begins_within_a_row(view, fill, height - rows);
    let least = if whole < rows || is_drawn() { least.max(HIGHEST_BANNER) } else { least };
    let above = height.checked_sub(1 + rows + BLOCK);
    let ends = above.is_some_and(|y| share(y, &|difference| difference > FAR) >= ENDS && filled(y) <= GOES_ON);
    if found >= least && 2 * whole >= rows && ends { found } else { 0.0 }
}

/// Whether a fill begins within a row of blocks, as what is lost does and no strip: of some row above the first that is whole, it takes
/// the right end alone.
fn begins_within_a_row(view: &RgbImage, fill: [u8; 3], first_whole: u32) -> bool {
    let width = view.width();
    (first_whole.saturating_sub(BLOCK)..first_whole).any(|y| {
        let from_fill = |x: u32| difference(view.get_pixel(x, y).0, fill);
        let filled = (0..width).rev().take_while(|x| from_fill(*x) <= NEAR).count() as u32;
        let others = (0..width - filled).filter(|x| from_fill(*x) > FAR).count() as f32;
        let [filled, left] = [filled, width - filled].map(|count| count as f32);
        filled.min(left) >= OF_A_BROKEN_ROW * width as f32 && others >= ENDS * left
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::ingest::samples::compressed;

    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let wave = |a: f32, b: f32| ((x as f32 * a).sin() * (y as f32 * b).cos() * 70.0 + 120.0) as u8;
            Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)])
        })
    }

    /// field/README.md, kind 10: the fill begins within a row of blocks.
    #[test]
    fn a_bottom_of_a_colour_that_decoders_put_there_is_told_by_its_share() {
        let others = [[0, 135, 0], [0, 77, 0], [250, 90, 180]].map(|fill| (fill, 0.2));
        let grays = [0.2, 0.4, 0.03].map(|share| ([128; 3], share));
        for (fill, share) in grays.into_iter().chain(others).chain([([0; 3], 0.3)]) {
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

    /// So many rows of a colour at the bottom, of which those from 24 to 64 above the last have marks over a part of the width.
    fn with_marks(fill: [u8; 3], rows: u32) -> RgbImage {
        let mut picture = photo(800, 600);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let is_mark = (536..576).contains(&y) && (150..650).contains(&x) && x / 15 % 2 == 0;
            if y >= 600 - rows {
                *pixel = Rgb(if is_mark { [210; 3] } else { fill });
            }
        }
        picture
    }

    #[test]
    fn it_is_found_where_the_picture_was_scaled_and_marked_afterwards_and_a_banner_is_none() {
        for fill in [[128; 3], [0, 135, 0]] {
            let whole = with_marks(fill, 180);
            let scaled = image::imageops::resize(&whole, 560, 420, image::imageops::FilterType::Triangle);
            for picture in [whole, scaled] {
                let found = tail(&compressed(&picture, 85));
                assert!((found - 0.3).abs() < 0.02, "{found} of {fill:?}");
            }
            assert!(tail(&compressed(&with_marks(fill, 80), 85)) == 0.0, "a banner of {fill:?}");
        }
        for sign in [[200, 30, 20], [20, 60, 160], [255; 3], [40, 160, 60]] {
            assert!(tail(&compressed(&with_marks(sign, 180), 85)) == 0.0, "{sign:?}");
        }
        assert!(tail(&compressed(&with_marks([0; 3], 180), 85)) == 0.0, "lights in the dark");
    }

    /// Brands have colours like those that are left where planes are lost.
    #[test]
    fn a_strip_of_one_colour_is_no_damage() {
        let brands = [[226, 0, 116], [128, 0, 128], [150, 60, 150], [0, 100, 0]];
        let fills = [[0, 135, 0], [0, 77, 0], [250, 90, 180], [255, 0, 144], [255, 0, 255]];
        let strips = brands.into_iter().flat_map(|brand| [(brand, 60), (brand, 150)]);
        for (colour, rows) in strips.chain(fills.map(|fill| (fill, 60))) {
            let mut picture = photo(800, 600);
            for (_, _, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| *y >= 600 - rows) {
                *pixel = Rgb(colour);
            }
            for picture in [compressed(&picture, 75), compressed(&picture, 92), picture] {
                assert!(tail(&picture) == 0.0, "{rows} rows of {colour:?}");
            }
        }
    }

    #[test]
    fn a_low_fill_of_green_or_pink_is_damage_where_it_begins_within_a_row_of_blocks() {
        for fill in [[0, 135, 0], [0, 77, 0], [250, 90, 180], [255, 0, 255]] {
            let mut picture = photo(800, 600);
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                if y >= 528 || (y >= 512 && x > 300) {
                    *pixel = Rgb(fill);
                }
            }
            let scaled = image::imageops::resize(&picture, 560, 420, image::imageops::FilterType::Triangle);
            for picture in [compressed(&picture, 75), compressed(&picture, 92), compressed(&scaled, 92), picture] {
                let found = tail(&picture);
                assert!((found - 0.12).abs() < 0.04, "{found} of {fill:?}");
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

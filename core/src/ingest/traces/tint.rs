//! Colours that change at once along a whole row of pixels while outlines go on: planes of colours were lost.

use image::RgbImage;

use crate::view::level;

/// Points of a row that are looked at, and rows between two such rows, at least; a picture has so many such rows at most.
const POINTS: usize = 64;
const SPACING: usize = 8;
const ROWS: usize = 100;
/// Change of both colours together, in levels, and share of the points that have it.
const CHANGE: u32 = 32;
const OF_A_ROW: f32 = 0.95;
/// Rows above the border and below it that are compared: saving it again mixes those beside it.
const SIDES: [(usize, usize); 3] = [(3, 2), (2, 2), (2, 1)];
/// Pixels across a difference of luma, and the most of it that counts.
const REACH: usize = 6;
const EXTREME: i32 = 24;
/// Smallest likeness of luma across the border: of banners and other pictures below it is next to nothing.
const LIKENESS: f32 = 0.15;
/// Smallest share of rows.
const LEAST: f32 = 0.04;

/// Differences of blue and red from luma, at each point of a row.
type Colours = [[i32; 2]; POINTS];

/// Share of rows, from the border on, whose colours are others.
pub(super) fn tinted(pixels: &RgbImage) -> f32 {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let spacing = SPACING.max(height / ROWS);
    if width < POINTS {
        return 0.0;
    }
    let rows: Vec<Colours> = (0..height).step_by(spacing).map(|y| colours(pixels, y)).collect();
    let changes = |pair: &[Colours]| {
        let points = pair[0].iter().zip(&pair[1]);
        points.filter(|(one, other)| change(one, other) >= CHANGE).count() as f32 >= OF_A_ROW * POINTS as f32
    };
    let borders = rows.windows(2).enumerate().filter(|(_, pair)| changes(pair)).filter_map(|(index, _)| {
        let step = |y: &usize| {
            let (above, below) = (colours(pixels, y - 1), colours(pixels, *y));
            above.iter().zip(&below).map(|(one, other)| change(one, other)).sum::<u32>()
        };
        (index * spacing + 1..=(index + 1) * spacing).max_by_key(step)
    });
    let share = |border: usize| 1.0 - border as f32 / height as f32;
    borders.filter(|border| goes_on(pixels, *border)).map(share).find(|share| *share >= LEAST).unwrap_or(0.0)
}

fn colours(pixels: &RgbImage, y: usize) -> Colours {
    std::array::from_fn(|index| {
        let x = (2 * index + 1) * pixels.width() as usize / (2 * POINTS);
        let pixel = pixels.get_pixel(x as u32, y as u32).0;
        let [red, blue, luma] = [pixel[0], pixel[2], level(pixel)].map(i32::from);
        [(144 * (blue - luma)) >> 8, (183 * (red - luma)) >> 8]
    })
}

fn change(one: &[i32; 2], other: &[i32; 2]) -> u32 {
    one[0].abs_diff(other[0]) + one[1].abs_diff(other[1])
}

/// Whether luma has the same outlines at both sides of a border.
fn goes_on(pixels: &RgbImage, border: usize) -> bool {
    let outlines = |y: usize| -> Vec<i32> {
        let start = 3 * y * pixels.width() as usize;
        let row = pixels.as_raw()[start..start + 3 * pixels.width() as usize].as_chunks::<3>().0;
        let lumas: Vec<i32> = row.iter().map(|pixel| level(*pixel).into()).collect();
        let pairs = lumas.iter().zip(lumas.iter().skip(REACH));
        pairs.map(|(left, right)| (right - left).clamp(-EXTREME, EXTREME)).collect()
    };
    let product =
        |one: &[i32], other: &[i32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<i32>() as f32;
    SIDES.iter().any(|(up, down)| {
        let (Some(above), below) = (border.checked_sub(*up), border + down) else { return false };
        if below >= pixels.height() as usize {
            return false;
        }
        let (above, below) = (outlines(above), outlines(below));
        let most = product(&above, &above).max(product(&below, &below)).max(1.0);
        product(&above, &below) >= LIKENESS * most
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::super::damage;
    use super::super::samples::compressed;
    use super::*;

    /// Upright things of many widths.
    fn street(rate: f32) -> RgbImage {
        RgbImage::from_fn(800, 608, |x, y| {
            let (across, down) = (x as f32 * rate, y as f32);
            let wave = (across * 0.13 + 2.0 * (across * 0.05).sin() + down * 0.004).sin();
            Rgb([0.9, 1.0, 0.8].map(|part: f32| (part * (85.0 + 25.0 * wave)) as u8))
        })
    }

    /// The rows from 304 on have these colours, and their own luma.
    fn tint(mut picture: RgbImage, blue: f32, red: f32) -> RgbImage {
        for (_, _, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| *y >= 304) {
            let luma = f32::from(level(pixel.0));
            let green = luma - 0.344 * blue - 0.714 * red;
            *pixel = Rgb([luma + 1.402 * red, green, luma + 1.772 * blue].map(|level| level.clamp(0.0, 255.0) as u8));
        }
        picture
    }

    #[test]
    fn lost_colours_are_found_where_they_begin_also_after_scaling() {
        for [blue, red] in [[-128.0, -128.0], [52.0, 72.0], [0.0, -128.0]] {
            let picture = tint(street(1.0), blue, red);
            let smaller = imageops::thumbnail(&picture, 560, 426);
            for picture in [compressed(&smaller, 85), smaller, compressed(&picture, 75), picture] {
                let found = tinted(&picture);
                assert!((found - 0.5).abs() < 0.01, "{found} for {blue} and {red}");
                assert!(damage(&picture, picture.width()) >= found);
            }
        }
    }

    #[test]
    fn banners_other_things_below_and_whole_pictures_are_no_lost_colours() {
        let street = street(1.0);
        let below = |other: &dyn Fn(u32, u32) -> [u8; 3]| {
            RgbImage::from_fn(800, 608, |x, y| if y < 304 { *street.get_pixel(x, y) } else { Rgb(other(x, y)) })
        };
        let other = tint(self::street(1.37), -100.0, -60.0);
        let pictures = [
            below(&|_, _| [190, 20, 30]),
            below(&|x, y| if (400..440).contains(&y) && x / 9 % 2 == 0 { [255; 3] } else { [10, 60, 200] }),
            below(&|x, y| [30, 130 + ((x * 7 + y * 13 + x * y) % 40) as u8, 20]),
            below(&|x, y| other.get_pixel(x, y).0),
            street.clone(),
        ];
        for (index, picture) in pictures.iter().enumerate() {
            for picture in [picture, &compressed(picture, 85)] {
                assert!(tinted(picture) == 0.0, "{index}");
            }
        }
    }
}

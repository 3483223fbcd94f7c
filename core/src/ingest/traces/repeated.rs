//! Rows of pixels that repeat down to the last.

use image::RgbImage;

/// Share of rows that repeat the one above, pixel by pixel, in a run that ends at the last row.
pub(super) fn repeated(pixels: &RgbImage) -> f32 {
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

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::super::damage;
    use super::super::samples::{compressed, scene};
    use super::*;

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
}

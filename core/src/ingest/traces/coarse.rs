//! Blocks of one value each below the part of the picture that has its detail.
//!
//! A progressive file has the mean of every block first. Where the rest did not come, decoders that do not smooth leave squares.

use image::RgbImage;

use crate::view::level;

/// Share of the picture, from the bottom up, whose blocks have one value each.
pub(super) fn coarse(pixels: &RgbImage, unit: usize) -> f32 {
    /// Difference of levels within a block that compression explains.
    const SAME: u8 = 4;
    /// Smallest side of a block: smaller ones are flat in any photo.
    const SMALLEST: usize = 4;
    /// Share of the blocks of each row that are flat, and largest share of those above: strong compression thins out by and by.
    const FLAT: f32 = 0.9;
    const ABOVE: f32 = 0.65;
    /// Mean step between neighbours beside and below each other, in levels: those of a wall and a sky are flat, too, and those of a
    /// shaded one have steps along one side alone. And the largest share of it that levels differ by within a block.
    const STEP: f32 = 2.0;
    const STEP_DOWN: f32 = 1.0;
    const WITHIN: f32 = 0.6;
    /// Smallest share of rows.
    const LEAST: f32 = 0.08;
    let side = unit / 2;
    let (across, down) = (pixels.width() as usize / side.max(1), pixels.height() as usize / side.max(1));
    if side < SMALLEST || across < 2 {
        return 0.0;
    }
    let row = |row: usize| {
        let blocks: Vec<(u8, u8)> = (0..across)
            .map(|column| {
                let (mut low, mut high) = (u8::MAX, u8::MIN);
                for y in row * side..(row + 1) * side {
                    let start = 3 * (y * pixels.width() as usize + column * side);
                    for pixel in pixels.as_raw()[start..start + 3 * side].as_chunks::<3>().0 {
                        let level = level(*pixel);
                        (low, high) = (low.min(level), high.max(level));
                    }
                }
                (low, high)
            })
            .collect();
        let flat = blocks.iter().filter(|(low, high)| high - low <= SAME).count();
        let within: u32 = blocks.iter().map(|(low, high)| u32::from(high - low)).sum();
        Row {
            flat: flat as f32 / across as f32,
            within: within as f32 / across as f32,
            middles: blocks.iter().map(|(low, high)| low.midpoint(*high)).collect(),
        }
    };
    let rows: Vec<Row> = (0..down).rev().map(row).take_while(|row| row.flat >= FLAT).collect();
    // The border lies within a row of units.
    let Some(above) = down.checked_sub(rows.len() + 3).filter(|_| !rows.is_empty()) else { return 0.0 };
    let share = (rows.len() * side) as f32 / pixels.height() as f32;
    let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / rows.len() as f32;
    let step_beside = mean(&mut rows.iter().map(|row| step(&row.middles[1..], &row.middles)));
    let step_down = mean(&mut rows.windows(2).map(|pair| step(&pair[0].middles, &pair[1].middles)));
    let within = mean(&mut rows.iter().map(|row| row.within));
    let are_squares = step_beside >= STEP && step_down >= STEP_DOWN && within <= WITHIN * step_beside;
    let is_coarse = are_squares && row(above).flat <= ABOVE;
    if is_coarse && share >= LEAST { share } else { 0.0 }
}

/// A row of blocks.
struct Row {
    /// Share of them that are flat.
    flat: f32,
    /// Mean difference of levels within one.
    within: f32,
    /// The middle of each one's levels.
    middles: Vec<u8>,
}

/// Mean difference of neighbours.
fn step(ones: &[u8], others: &[u8]) -> f32 {
    let sum: u32 = ones.iter().zip(others).map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
    sum as f32 / ones.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::super::damage;
    use super::super::samples::{compressed, scene};
    use super::*;

    /// From the row on, each block has its mean alone.
    fn without_detail(mut picture: RgbImage, from: u32) -> RgbImage {
        let means = imageops::thumbnail(&picture, picture.width() / 8, picture.height() / 8);
        for (x, y, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| *y >= from) {
            *pixel = *means.get_pixel(x / 8, y / 8);
        }
        picture
    }

    #[test]
    fn blocks_that_have_lost_their_detail_are_damage_also_where_they_were_saved_again() {
        let picture = without_detail(scene(), 304);
        for picture in [compressed(&picture, 90), compressed(&picture, 75), picture] {
            let found = coarse(&picture, 16);
            assert!((found - 0.5).abs() < 0.02, "{found}");
            assert!(damage(&picture, 800) >= found);
        }
        let half = imageops::thumbnail(&without_detail(scene(), 304), 400, 304);
        assert!((coarse(&half, 8) - 0.5).abs() < 0.02, "decoded at a half of its size");
    }

    #[test]
    fn squares_all_over_strong_compression_and_smooth_things_below_are_not() {
        let whole = scene();
        let smooth = RgbImage::from_fn(800, 608, |x, y| match y {
            0..304 => *whole.get_pixel(x, y),
            _ => Rgb([90 + (x / 40) as u8; 3]),
        });
        let pictures = [without_detail(whole.clone(), 0), compressed(&whole, 8), compressed(&smooth, 10), smooth];
        for (index, picture) in pictures.iter().enumerate() {
            assert!(coarse(picture, 16) == 0.0, "{index}");
        }
    }
}

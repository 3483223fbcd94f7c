//! What damage leaves in the pixels, also where the picture was saved again: rows of blocks whose colour is shifted
//! from some block on, rows of blocks that lie further right or left, rows that repeat, holes of one colour, blocks
//! without their detail, and colours that were lost. Looked for in the pixels as they are stored, where blocks lie on a
//! grid of 16 pixels, which most JPEGs are coded by; the reference view has no such grid.

mod coarse;
mod holes;
mod moved;
mod repeated;
#[cfg(test)]
mod samples;
mod shift;
mod tint;

use image::RgbImage;

/// Side of the unit that JPEGs with halved colour planes are coded by.
const UNIT: u32 = 16;
/// Smallest side of a unit in a picture that was decoded at a part of its size.
const SMALLEST_UNIT: usize = 4;
/// Units across and down that a picture has at least, and units across at most.
const FEWEST: usize = 8;
const MOST: usize = 1024;

/// Share of the picture that is damaged. `stored_width` is the width of the file, of which `pixels` may be a half, a
/// quarter or an eighth.
pub(super) fn damage(pixels: &RgbImage, stored_width: u32) -> f32 {
    let part = stored_width.div_ceil(pixels.width().max(1)).max(1);
    let unit = (UNIT / part) as usize;
    let (across, down) = (pixels.width() as usize / unit.max(1), pixels.height() as usize / unit.max(1));
    if unit < SMALLEST_UNIT || across.min(down) < FEWEST || across > MOST {
        return 0.0;
    }
    let found = [
        shift::shifted(pixels, unit),
        repeated::repeated(pixels),
        holes::holes(pixels, unit),
        coarse::coarse(pixels, unit),
        moved::moved(pixels, unit),
        tint::tinted(pixels),
    ];
    found.into_iter().fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::samples::{compressed, scene};
    use super::*;

    #[test]
    fn a_whole_picture_has_no_damage() {
        for picture in [scene(), compressed(&scene(), 90), compressed(&scene(), 30)] {
            assert!(damage(&picture, 800) == 0.0);
        }
        assert!(damage(&RgbImage::new(1, 1), 1) == 0.0);
        assert!(damage(&RgbImage::from_pixel(800, 600, Rgb([250; 3])), 800) == 0.0);
    }
}

//! A photo that is drawn, to see whether the models run where there is no other: nothing is wrong with it.

use image::codecs::png::PngEncoder;
use image::{Rgb, RgbImage};

/// Draws one of this width and height, as a PNG.
pub(crate) fn photo([width, height]: [u32; 2]) -> Vec<u8> {
    let drawn = RgbImage::from_fn(width, height, |x, y| Rgb([(x / 4) as u8, (y / 3) as u8, (x * y % 251) as u8]));
    let mut file = Vec::new();
    drawn.write_with_encoder(PngEncoder::new(&mut file)).expect("memory takes what is written");
    file
}

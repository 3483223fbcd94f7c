//! What tests of several checks share.

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder};

/// Compressed and read again, as uploads are.
pub(super) fn compressed(image: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let [width, height] = [image.width(), image.height()].map(|side| side as u16);
    Encoder::new(&mut bytes, quality).encode(image.as_raw(), width, height, ColorType::Rgb).expect("it encodes");
    image::load_from_memory(&bytes).expect("it decodes").into_rgb8()
}

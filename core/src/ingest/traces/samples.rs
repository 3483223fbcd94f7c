//! What tests of several traces share.

use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder};

/// Smooth, with grain, and a horizon.
pub(super) fn scene() -> RgbImage {
    RgbImage::from_fn(800, 608, |x, y| {
        let wave = |a: f32, b: f32| ((x as f32 * a).sin() * (y as f32 * b).cos() * 50.0 + 110.0) as u8;
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 13;
        let horizon = if y < 112 { 40 } else { 0 };
        Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)]
            .map(|level| level.saturating_add(grain as u8 + horizon)))
    })
}

pub(super) fn compressed(image: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let [width, height] = [image.width(), image.height()].map(|side| side as u16);
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(image.as_raw(), width, height, ColorType::Rgb).expect("it encodes");
    image::load_from_memory(&bytes).expect("it decodes").into_rgb8()
}

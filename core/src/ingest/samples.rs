//! What tests of several modules share.

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder};
use moxcms::{ColorProfile, Layout, TransformOptions};

/// Compressed and read again, as uploads are.
pub(crate) fn compressed(image: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    let [width, height] = [image.width(), image.height()].map(|side| u16::try_from(side).expect("it is small"));
    Encoder::new(&mut bytes, quality).encode(image.as_raw(), width, height, ColorType::Rgb).expect("it encodes");
    image::load_from_memory(&bytes).expect("it decodes").into_rgb8()
}

/// The profile of linear light.
pub(crate) fn linear() -> ColorProfile {
    let curve = moxcms::curve_from_gamma(1.0);
    let mut profile = ColorProfile::new_srgb();
    (profile.red_trc, profile.green_trc, profile.blue_trc) = (Some(curve.clone()), Some(curve.clone()), Some(curve));
    profile.cicp = None;
    profile
}

/// Pixels of sRGB, row by row, in another space.
pub(crate) fn written_in(profile: &ColorProfile, pixels: &[u8]) -> Vec<u8> {
    let options = TransformOptions::default();
    let transform = ColorProfile::new_srgb().create_transform_8bit(Layout::Rgb, profile, Layout::Rgb, options);
    let mut written = vec![0; pixels.len()];
    transform.expect("a transform").transform(pixels, &mut written).expect("colours");
    written
}

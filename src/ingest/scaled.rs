//! Large JPEGs decoded at a half, a quarter or an eighth of their size, by libjpeg-turbo (feature `turbojpeg`): the inverse
//! transform of a smaller block is cheaper, and the pixels would be averaged away by the reference view all the same.

use image::RgbImage;

/// The pixels of a JPEG, scaled down where it is much larger than the reference view; `None` where this decoder leaves it
/// to the other (CMYK, lossless, or the feature is off).
///
/// # Errors
/// What is wrong with the file.
#[cfg(not(feature = "turbojpeg"))]
#[expect(clippy::unnecessary_wraps, reason = "the twin with the feature fails")]
pub(super) fn decode(_bytes: &[u8]) -> Result<Option<RgbImage>, String> {
    Ok(None)
}

/// See the twin without the feature.
#[cfg(feature = "turbojpeg")]
pub(super) fn decode(bytes: &[u8]) -> Result<Option<RgbImage>, String> {
    use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

    // Left above the reference view, so that its own, better filter decides what the view shows.
    const AT_LEAST: usize = crate::view::LONG_SIDE as usize * 5 / 4;
    let reason = |error: turbojpeg::Error| error.to_string();
    let mut decoder = Decompressor::new().map_err(reason)?;
    let header = decoder.read_header(bytes).map_err(reason)?;
    if header.is_lossless || matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
        return Ok(None);
    }
    let long_side = header.width.max(header.height);
    let smallest = [8, 4, 2].into_iter().map(|part| ScalingFactor::new(1, part));
    let factor = smallest.into_iter().find(|factor| factor.scale(long_side) >= AT_LEAST).unwrap_or(ScalingFactor::ONE);
    decoder.set_scaling_factor(factor).map_err(reason)?;
    let (width, height) = (factor.scale(header.width), factor.scale(header.height));
    let mut pixels = vec![0; width * height * 3];
    let image = Image { pixels: pixels.as_mut_slice(), width, pitch: 3 * width, height, format: PixelFormat::RGB };
    decoder.decompress(bytes, image).map_err(reason)?;
    let [width, height] = [width, height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    Ok(RgbImage::from_raw(width, height, pixels))
}

//! Large JPEGs decoded at a half, a quarter or an eighth of their size, by libjpeg-turbo (feature `turbojpeg`): the inverse
//! transform of a smaller block is cheaper, and the pixels would be averaged away by the reference view all the same.

use image::RgbImage;

/// Whether this build can decode so.
pub(super) const IS_BUILT: bool = cfg!(feature = "turbojpeg");

/// The pixels of a JPEG, scaled down where it is much larger than the reference view; `None` where this decoder leaves it
/// to the other: CMYK, lossless, the feature is off, or a file that it warns of or refuses. The other one then decides, so that
/// the same photos are accepted with and without the feature.
#[cfg(not(feature = "turbojpeg"))]
pub(super) fn decode(_bytes: &[u8], _size: (u32, u32), _scans: u32) -> Option<RgbImage> {
    None
}

/// See the twin without the feature.
#[cfg(feature = "turbojpeg")]
pub(super) fn decode(bytes: &[u8], size: (u32, u32), scans: u32) -> Option<RgbImage> {
    use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

    // Left above the reference view, so that its own, better filter decides what the view shows.
    const AT_LEAST: usize = crate::view::LONG_SIDE as usize * 5 / 4;
    let mut decoder = Decompressor::new().ok()?;
    let header = decoder.read_header(bytes).ok()?;
    if header.is_lossless || matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK) {
        return None;
    }
    // What was checked against the limits is what is decoded.
    if (header.width, header.height) != (size.0 as usize, size.1 as usize) {
        return None;
    }
    let long_side = header.width.max(header.height);
    let smallest = [8, 4, 2].into_iter().map(|part| ScalingFactor::new(1, part));
    let factor = smallest.into_iter().find(|factor| factor.scale(long_side) >= AT_LEAST).unwrap_or(ScalingFactor::ONE);
    decoder.set_scaling_factor(factor).ok()?;
    // No more than the markers told: what they miss, no decoder may find.
    decoder.set_scan_limit(scans).ok()?;
    let (width, height) = (factor.scale(header.width), factor.scale(header.height));
    let mut pixels = vec![0; width * height * 3];
    let image = Image { pixels: pixels.as_mut_slice(), width, pitch: 3 * width, height, format: PixelFormat::RGB };
    decoder.decompress(bytes, image).ok()?;
    RgbImage::from_raw(u32::try_from(width).ok()?, u32::try_from(height).ok()?, pixels)
}

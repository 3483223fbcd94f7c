//! Small pictures inside pages: the contact sheet of bulk scoring and the trainer's report.

use fast_image_resize::FilterType;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageResult, RgbImage};

use crate::view::shrink_to;

/// A JPEG whose long side is at most `long_side`.
///
/// # Errors
/// When the photo has no pixels.
pub fn jpeg(photo: RgbImage, long_side: u32) -> ImageResult<Vec<u8>> {
    let small = shrink_to(photo, long_side, FilterType::CatmullRom);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 78).encode_image(&small)?;
    Ok(jpeg)
}

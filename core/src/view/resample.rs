//! Scaling with antialiasing: the one place where pixels change size, in serving and in training.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use image::imageops::crop_imm;

/// Scales the part `[left, top, width, height]` (in pixels, within the image) to `width` x `height` pixels.
#[must_use]
pub fn resize_part(from: &RgbImage, part: [f64; 4], width: u32, height: u32, filter: FilterType) -> RgbImage {
    let source = ImageRef::new(from.width(), from.height(), from.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds exactly width * height * 3 bytes");
    let mut target = Image::new(width, height, PixelType::U8x3);
    let [left, top, part_width, part_height] = part;
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(left, top, part_width, part_height);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("the part lies within the image and both images have the same pixel type");
    RgbImage::from_raw(width, height, target.into_vec()).expect("the target holds exactly width * height * 3 bytes")
}

/// Scales an image to a size, whatever its shape becomes.
#[must_use]
pub fn scale(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let whole = [0.0, 0.0, f64::from(image.width()), f64::from(image.height())];
    resize_part(image, whole, width, height, FilterType::Lanczos3)
}

/// Scales an image down, never up, so that its long side is at most `long_side`.
#[must_use]
pub fn shrink_to(image: RgbImage, long_side: u32, filter: FilterType) -> RgbImage {
    let (width, height) = image.dimensions();
    if width.max(height) <= long_side { image } else { shrink_part(&image, [0, 0, width, height], long_side, filter) }
}

/// The same for the part `[left, top, width, height]` of an image, in pixels and within it.
#[must_use]
pub fn shrink_part(image: &RgbImage, part: [u32; 4], long_side: u32, filter: FilterType) -> RgbImage {
    let [left, top, width, height] = part;
    let longest = width.max(height);
    if longest <= long_side {
        return crop_imm(image, left, top, width, height).to_image();
    }
    let scale = f64::from(long_side) / f64::from(longest);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    resize_part(image, part.map(f64::from), scaled(width), scaled(height), filter)
}

/// The squares at the two ends of a picture's long side, left or top first: left, top, width and height of each.
pub(super) fn ends(picture: &RgbImage) -> [[f64; 4]; 2] {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let side = width.min(height);
    [[0.0, 0.0, side, side], [width - side, height - side, side, side]]
}

//! The reference view: the scale on which every metric is defined.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Long side of the reference view in pixels.
pub const LONG_SIDE: u32 = 1024;

/// An upright photo scaled down (never up) so that its long side is at most [`LONG_SIDE`].
#[derive(Clone, Debug)]
pub struct ReferenceView(RgbImage);

impl ReferenceView {
    /// Scales an upright photo to the reference view.
    #[must_use]
    pub fn new(upright: RgbImage) -> Self {
        Self::with_long_side(upright, LONG_SIDE)
    }

    /// The same for a part of a photo: `long_side` is what the part measures when the whole is [`LONG_SIDE`]. The
    /// trainer cuts small parts from photos, since whole views would cost it most of its time.
    #[must_use]
    pub fn with_long_side(upright: RgbImage, long_side: u32) -> Self {
        let (width, height) = upright.dimensions();
        let longest = width.max(height);
        if longest <= long_side {
            return Self(upright);
        }
        let scale = f64::from(long_side) / f64::from(longest);
        let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        Self(resize(&upright, [0.0, 0.0, f64::from(width), f64::from(height)], scaled(width), scaled(height), FilterType::Lanczos3))
    }

    /// The pixels.
    #[must_use]
    pub fn pixels(&self) -> &RgbImage {
        &self.0
    }
}

/// Resizes the part `[left, top, width, height]` of an image with an antialiasing filter.
pub(super) fn resize(from: &RgbImage, part: [f64; 4], width: u32, height: u32, filter: FilterType) -> RgbImage {
    let source = ImageRef::new(from.width(), from.height(), from.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds exactly width * height * 3 bytes");
    let mut target = Image::new(width, height, PixelType::U8x3);
    let [left, top, part_width, part_height] = part;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(left, top, part_width, part_height);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("the part lies within the image and both images have the same pixel type");
    RgbImage::from_raw(width, height, target.into_vec()).expect("the target holds exactly width * height * 3 bytes")
}

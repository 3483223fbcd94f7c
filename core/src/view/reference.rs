//! The reference view: the scale on which every metric is defined.

use std::sync::OnceLock;

use fast_image_resize::FilterType;
use image::RgbImage;

use super::level;
use super::resample::shrink_to;
use crate::area::Area;
use crate::ingest::Photo;

/// Long side of the reference view in pixels.
pub const LONG_SIDE: u32 = 1024;

/// An upright photo scaled down (never up) so that its long side is at most [`LONG_SIDE`].
#[derive(Clone, Debug)]
pub struct ReferenceView {
    pixels: RgbImage,
    /// Made when first asked for.
    levels: OnceLock<Vec<u8>>,
}

impl ReferenceView {
    /// Scales an upright photo to the reference view.
    #[must_use]
    pub fn new(upright: RgbImage) -> Self {
        Self::with_long_side(upright, LONG_SIDE)
    }

    /// The reference view of the photo in a decoded upload.
    #[must_use]
    pub fn of(photo: &Photo, area: Area) -> Self {
        Self::from_pixels(photo.shrunk(area, LONG_SIDE, FilterType::Lanczos3))
    }

    /// The same for a part of a photo: `long_side` is what the part measures when the whole is [`LONG_SIDE`]. The
    /// trainer cuts small parts from photos, since whole views would cost it most of its time.
    #[must_use]
    pub fn with_long_side(upright: RgbImage, long_side: u32) -> Self {
        Self::from_pixels(shrink_to(upright, long_side, FilterType::Lanczos3))
    }

    fn from_pixels(pixels: RgbImage) -> Self {
        Self { pixels, levels: OnceLock::new() }
    }

    /// The pixels.
    #[must_use]
    pub fn pixels(&self) -> &RgbImage {
        &self.pixels
    }

    /// Luma of each pixel in levels, row by row: tiles for blur and several checks look at it.
    pub(crate) fn levels(&self) -> &[u8] {
        let levels = || self.pixels.as_raw().as_chunks::<3>().0.iter().map(|&pixel| level(pixel)).collect();
        self.levels.get_or_init(levels)
    }
}

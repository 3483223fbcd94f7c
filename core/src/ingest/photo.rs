//! A decoded upload. Its pixels lie as the file stores them until it is known how large they are wanted: turning the small copy
//! takes no memory, turning all pixels takes them twice.

use fast_image_resize::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use super::Format;
use super::memory::Lease;
use crate::area::Area;
use crate::view::{LONG_SIDE, shrink_part};

/// A decoded upload.
#[derive(Debug)]
pub struct Photo {
    /// Format found by its signature.
    pub format: Format,
    /// Orientation as stored in the file, 1 to 8 as EXIF numbers them (1 where there is none); of a HEIC or AVIF what its container asks
    /// for.
    pub orientation: u8,
    /// Width of the upload in pixels, upright.
    pub width: u32,
    /// Height of the upload in pixels, upright.
    pub height: u32,
    /// Share of the picture that is not as it was taken, as its coded data tell: they end early, or hold what no encoder writes.
    pub damage: f32,
    /// Quality that a JPEG was compressed with, 1 to 100, as its first quantisation table tells.
    pub jpeg_quality: Option<u8>,
    /// 8-bit RGB as stored; transparent parts lie on white. Where a decoder can, a large JPEG is decoded at a fraction of its
    /// size, always larger than the reference view.
    stored: RgbImage,
    to_upright: Orientation,
    /// Of the memory that decodes share, as long as the pixels live.
    pub(super) lease: Option<Lease>,
}

/// A photo in all its pixels, and what its file says of their colours.
#[derive(Debug)]
pub struct Original {
    /// The photo; its pixels are never scaled down.
    pub photo: Photo,
    /// ICC profile of the pixels, if the file has one for RGB.
    pub icc_profile: Option<Vec<u8>>,
    /// True where the file's profile was left out for its size.
    pub profile_dropped: bool,
    /// True where parts of the file are transparent, which lie on white now.
    pub transparent: bool,
    /// Of the memory that decodes share: enough to turn, straighten and encode the pixels while it is held.
    pub lease: Option<Lease>,
}

impl Photo {
    /// `size` is that of the whole file, as stored.
    pub(super) fn new(
        format: Format,
        to_upright: Orientation,
        size: (u32, u32),
        stored: RgbImage,
        damage: f32,
        lease: Option<Lease>,
    ) -> Self {
        let orientation = to_upright.to_exif();
        let (width, height) = if orientation > 4 { (size.1, size.0) } else { size };
        Self { format, orientation, width, height, damage, jpeg_quality: None, stored, to_upright, lease }
    }

    /// The pixels, upright. They may be fewer than `width` times `height`, see [`super::decode`].
    #[must_use]
    pub fn upright(self) -> RgbImage {
        turned(self.stored, self.to_upright)
    }

    /// Where in the upload the photo is; the rest is a frame.
    #[must_use]
    pub fn area(&self) -> Area {
        Area::find(&self.shrunk(Area::WHOLE, LONG_SIDE, FilterType::Lanczos3))
    }

    /// True where a part was decoded in fewer pixels than the file has and than a view of `long_side` pixels needs.
    #[must_use]
    pub fn lacks(&self, area: Area, long_side: u32) -> bool {
        let longest = |width: u32, height: u32| {
            let [_, _, width, height] = area.pixels(width, height);
            width.max(height)
        };
        let (stored_width, stored_height) = self.stored.dimensions();
        let decoded = if self.orientation > 4 { (stored_height, stored_width) } else { (stored_width, stored_height) };
        longest(decoded.0, decoded.1) < longest(self.width, self.height).min(long_side)
    }

    /// A part, upright, scaled down (never up) so that its long side is at most `long_side`.
    #[must_use]
    pub fn shrunk(&self, area: Area, long_side: u32, filter: FilterType) -> RgbImage {
        let (width, height) = self.stored.dimensions();
        let part = area.as_stored(self.to_upright).pixels(width, height);
        let part = shrink_part(&self.stored, part, long_side, filter);
        turned(part, self.to_upright)
    }
}

fn turned(pixels: RgbImage, to_upright: Orientation) -> RgbImage {
    let mut image = DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(to_upright);
    image.into_rgb8()
}

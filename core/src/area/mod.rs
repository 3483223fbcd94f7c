//! The photo within an upload: without the bars of a phone's screen, the margin of a catalogue, a frame that somebody drew, or
//! the blurred copy that fills the sides of an upright photo. What is measured of a photo is measured within.
//!
//! Bars (`bars`, those with writing on them in `written`) are taken off first, line by line (`lines`), then the smooth fill of two sides
//! (`fill`).

mod bars;
mod fill;
mod lines;
#[cfg(test)]
mod samples;
mod written;

use image::RgbImage;
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use bars::without_bars;
use fill::seams;
use lines::Inner;

/// The photo's place within the upload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Area {
    /// Left edge as a share of the upload's width.
    #[schema(example = 0.0, minimum = 0, maximum = 1)]
    pub left: f32,
    /// Upper edge as a share of the upload's height.
    #[schema(example = 0.12, minimum = 0, maximum = 1)]
    pub top: f32,
    /// Width as a share of the upload's width.
    #[schema(example = 1.0, minimum = 0, maximum = 1)]
    pub width: f32,
    /// Height as a share of the upload's height.
    #[schema(example = 0.76, minimum = 0, maximum = 1)]
    pub height: f32,
}

impl Default for Area {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl Area {
    /// The whole upload.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };

    /// Finds the photo in an upload, on its reference view.
    #[must_use]
    pub fn find(view: &RgbImage) -> Self {
        let (width, height) = (view.width() as usize, view.height() as usize);
        let mut inner = without_bars(view, Inner { left: 0, top: 0, right: width, bottom: height });
        if let Some([left, right]) = seams(view, inner, false) {
            (inner.left, inner.right) = (left, right);
        } else if let Some([top, bottom]) = seams(view, inner, true) {
            (inner.top, inner.bottom) = (top, bottom);
        }
        let (left, across) = shares(inner.left, inner.right, width);
        let (top, down) = shares(inner.top, inner.bottom, height);
        Self { left, top, width: across, height: down }
    }

    /// True where the photo fills the upload.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// Left, top, width and height in pixels of an upload of that size, each at least one pixel.
    #[must_use]
    pub fn pixels(self, width: u32, height: u32) -> [u32; 4] {
        let place = |from: f32, length: f32, side: u32| {
            let start = ((from * side as f32).ceil() as u32).min(side - 1);
            let end = (((from + length) * side as f32).floor() as u32).clamp(start + 1, side);
            (start, end - start)
        };
        let ((left, width), (top, height)) =
            (place(self.left, self.width, width), place(self.top, self.height, height));
        [left, top, width, height]
    }

    /// The same place in the file's own pixels, which `to_upright` turns upright.
    #[must_use]
    pub fn as_stored(self, to_upright: Orientation) -> Self {
        let stored = |(x, y): (f32, f32)| match to_upright {
            Orientation::NoTransforms => (x, y),
            Orientation::FlipHorizontal => (1.0 - x, y),
            Orientation::Rotate180 => (1.0 - x, 1.0 - y),
            Orientation::FlipVertical => (x, 1.0 - y),
            Orientation::Rotate90FlipH => (y, x),
            Orientation::Rotate90 => (y, 1.0 - x),
            Orientation::Rotate270FlipH => (1.0 - y, 1.0 - x),
            Orientation::Rotate270 => (1.0 - y, x),
        };
        let (one, other) = (stored((self.left, self.top)), stored((self.left + self.width, self.top + self.height)));
        Self {
            left: one.0.min(other.0),
            top: one.1.min(other.1),
            width: (one.0 - other.0).abs(),
            height: (one.1 - other.1).abs(),
        }
    }

    /// A place (left, top, width, height), given as shares of the photo's sides, as shares of the upload's.
    #[must_use]
    pub fn to_upload(self, [left, top, width, height]: [f32; 4]) -> [f32; 4] {
        [self.left + left * self.width, self.top + top * self.height, width * self.width, height * self.height]
    }

    /// Share of the upload that is not photo.
    #[must_use]
    pub fn frame_share(self) -> f32 {
        1.0 - self.width * self.height
    }
}

/// Start and length of a range as shares of a side, rounded inwards to three decimals: a client that cuts the photo out by them
/// has nothing of the frame.
fn shares(from: usize, to: usize, side: usize) -> (f32, f32) {
    let thousand = |place: usize| place * 1000;
    let (start, end) = (thousand(from).div_ceil(side), thousand(to) / side);
    (start as f32 / 1000.0, end.saturating_sub(start).max(1) as f32 / 1000.0)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::samples::photo;
    use super::*;

    #[test]
    fn small_and_dark_uploads_with_bars_keep_a_photo() {
        use proptest::prelude::*;
        proptest!(|(width in 1u32..70, height in 1u32..70, bar in 0u32..40, dark in 0u8..80, level in 0u8..120)| {
            let upload = RgbImage::from_fn(width, height, |x, y| {
                let inside = x >= bar && y >= bar && x + bar < width && y + bar < height;
                Rgb([if inside { level } else { dark }; 3])
            });
            let area = Area::find(&upload);
            let [left, top, inner_width, inner_height] = area.pixels(width, height);
            prop_assert!(left + inner_width <= width && top + inner_height <= height && inner_width > 0 && inner_height > 0);
        });
        let strip =
            RgbImage::from_fn(1024, 1024, |_, y| if (500..524).contains(&y) { Rgb([40; 3]) } else { Rgb([0; 3]) });
        assert!(Area::find(&strip).height > 0.0);
    }

    #[test]
    fn the_place_in_the_files_own_pixels_shows_the_same() {
        let stored = photo(60, 40);
        let area = Area { left: 0.25, top: 0.1, width: 0.5, height: 0.6 };
        for exif in 1..=8 {
            let to_upright = Orientation::from_exif(exif).expect("one of eight");
            let turned = |image: RgbImage| {
                let mut image = image::DynamicImage::ImageRgb8(image);
                image.apply_orientation(to_upright);
                image.into_rgb8()
            };
            let cut = |image: &RgbImage, area: Area| {
                let [left, top, width, height] = area.pixels(image.width(), image.height());
                imageops::crop_imm(image, left, top, width, height).to_image()
            };
            let upright = turned(stored.clone());
            assert_eq!(turned(cut(&stored, area.as_stored(to_upright))), cut(&upright, area), "orientation {exif}");
        }
    }

    #[test]
    fn a_place_in_the_photo_is_a_place_in_the_upload() {
        let area = Area { left: 0.25, top: 0.0, width: 0.5, height: 1.0 };
        assert_eq!(area.to_upload([0.5, 0.5, 0.5, 0.5]), [0.5, 0.5, 0.25, 0.5]);
        assert_eq!(area.pixels(400, 100), [100, 0, 200, 100]);
        assert!((area.frame_share() - 0.5).abs() < 1e-6);
    }
}

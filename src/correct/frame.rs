//! Bars and frames around a photo: only the photo is corrected, and what was around it is left out or put back.

use clearshot_core::area::Area;
use clearshot_core::view::scale;
use image::RgbImage;
use image::imageops::{crop_imm, replace};

/// An upload from which the photo was cut.
pub struct Frame {
    upload: RgbImage,
    place: [u32; 4],
}

/// Cuts the photo out of an upload; with the frame that is left, where there is one.
#[must_use]
pub fn cut_out(upload: RgbImage, area: Area) -> (RgbImage, Option<Frame>) {
    if area.is_whole() {
        return (upload, None);
    }
    let place = area.pixels(upload.width(), upload.height());
    let [left, top, width, height] = place;
    let photo = crop_imm(&upload, left, top, width, height).to_image();
    (photo, Some(Frame { upload, place }))
}

impl Frame {
    /// The frame with another photo in the old one's place, scaled to fill it.
    #[must_use]
    pub fn around(mut self, photo: &RgbImage) -> RgbImage {
        let [left, top, width, height] = self.place;
        replace(&mut self.upload, &scale(photo, width, height), left.into(), top.into());
        self.upload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_photo_is_replaced_and_its_frame_stays() {
        let inside = |x: u32, y: u32| (20..80).contains(&x) && (10..40).contains(&y);
        let upload = RgbImage::from_fn(100, 50, |x, y| if inside(x, y) { Rgb([200; 3]) } else { Rgb([7; 3]) });
        let area = Area { left: 0.2, top: 0.2, width: 0.6, height: 0.6 };
        let (photo, frame) = cut_out(upload, area);
        assert_eq!(photo, RgbImage::from_pixel(60, 30, Rgb([200; 3])));
        let corrected = frame.expect("there is one").around(&RgbImage::from_pixel(40, 20, Rgb([90; 3])));
        for (x, y, pixel) in corrected.enumerate_pixels() {
            assert_eq!(pixel.0, if inside(x, y) { [90; 3] } else { [7; 3] }, "{x}, {y}");
        }
        assert!(cut_out(photo, Area::WHOLE).1.is_none());
    }
}

//! What tests of several modules share.

use image::imageops;
use image::{Rgb, RgbImage};

use super::Area;

/// Something with detail everywhere and no straight lines of one colour.
pub(super) fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave = |a: f32, b: f32| ((x as f32 * a + 1.0).sin() * (y as f32 * b).cos() * 60.0 + 128.0) as u8;
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 23;
        Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)].map(|level| level.saturating_add(grain as u8)))
    })
}

pub(super) fn framed(photo: &RgbImage, [left, top, right, bottom]: [u32; 4], colour: [u8; 3]) -> RgbImage {
    let mut upload = RgbImage::from_pixel(photo.width() + left + right, photo.height() + top + bottom, Rgb(colour));
    imageops::replace(&mut upload, photo, left.into(), top.into());
    upload
}

/// The photo is found to within a few pixels, none of the frame is left, and little of the photo is lost.
pub(super) fn assert_found(what: &str, upload: &RgbImage, [left, top, right, bottom]: [u32; 4], slack: u32) {
    let [x, y, width, height] = Area::find(upload).pixels(upload.width(), upload.height());
    let (from_right, from_bottom) = (upload.width() - x - width, upload.height() - y - height);
    for (found, drawn) in [(x, left), (y, top), (from_right, right), (from_bottom, bottom)] {
        let most = if drawn == 0 { 0 } else { drawn + slack };
        assert!((drawn..=most).contains(&found), "{found} of {drawn}, {what}: {:?}", Area::find(upload));
    }
}

/// Marks like letters, in words of five, each `height` high.
pub(super) fn write(upload: &mut RgbImage, [left, top]: [u32; 2], letters: u32, height: u32, ink: [u8; 3]) {
    let stroke = (height / 6).max(1);
    for letter in (0..letters).filter(|letter| letter % 6 != 5) {
        let x = left + letter * height * 2 / 3;
        fill(upload, [x, top, stroke, height], ink);
        fill(upload, [x, top + letter % 3 * (height - stroke) / 2, height / 2, stroke], ink);
    }
}

pub(super) fn fill(upload: &mut RgbImage, [left, top, width, height]: [u32; 4], colour: [u8; 3]) {
    imageops::replace(upload, &RgbImage::from_pixel(width, height, Rgb(colour)), left.into(), top.into());
}

/// A night photo of 800 x 450 between black bars of 150 lines. In the sky, which takes its upper third, is a lit sign.
pub(super) fn letterboxed_night(sky: impl Fn(u32, u32) -> u8) -> RgbImage {
    let mut night = photo(800, 450);
    imageops::replace(&mut night, &RgbImage::from_fn(800, 150, |x, y| Rgb([sky(x, y); 3])), 0, 0);
    fill(&mut night, [100, 60, 240, 20], [255, 230, 180]);
    framed(&night, [0, 150, 0, 150], [0; 3])
}

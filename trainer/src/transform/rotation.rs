//! Rotation: the scene turned about the centre of what is shown; clockwise is positive.

use clearshot::correct::inscribed_share;
use clearshot::metric::Metric;
use clearshot::view::{self, LONG_SIDE};
use fast_image_resize::FilterType;
use image::RgbImage;
use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, Frame, Transformation};
use crate::raster::{self, Planes};

/// Tilt; magnitude in degrees, clockwise positive.
pub(super) struct Rotation;

impl Transformation for Rotation {
    fn name(&self) -> &'static str {
        "rotation"
    }

    fn branch(&self) -> Metric {
        Metric::Rotation
    }

    fn magnitudes(&self) -> [f32; 2] {
        [-40.0, 40.0]
    }

    fn evaluated(&self) -> [f32; 2] {
        [-30.0, 30.0]
    }

    fn steps(&self) -> usize {
        5000
    }

    fn draw(&self, range: [f32; 2], rng: &mut ChaCha8Rng) -> f32 {
        // Most uploads are nearly upright: a fifth of the samples lies within a tenth of the range.
        let magnitude = rng.random_range(range[0]..=range[1]);
        if rng.random_bool(0.2) { magnitude / 10.0 } else { magnitude }
    }

    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded {
        let pixels = match frame {
            Frame::Part => turned_disc(photo, magnitude, rng),
            Frame::Whole => turned_photo(photo, magnitude, range[0].abs().max(range[1].abs())),
        };
        Degraded { long_side: pixels.width().max(pixels.height()), pixels }
    }
}

/// A square of the photo, turned. Only the inscribed disc is ever looked at, and it is filled at every angle, so that
/// neither corners nor crop size tell the angle. The square is finer than the view, which then scales it down; the
/// interpolation varies and a little noise hides what is left of its signature.
fn turned_disc(photo: &RgbImage, degrees: f32, rng: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    // Down to about half of the short side: what is left of a wide photo that was straightened and cut by hand.
    let diameter = (width.min(height) * rng.random_range(0.5f64..=1.0)).floor().max(2.0);
    let left = rng.random_range(0.0..=width - diameter);
    let top = rng.random_range(0.0..=height - diameter);
    // Some are as small as the smallest uploads, the others at least 1.5 times the view.
    let wanted = if rng.random_bool(0.2) { rng.random_range(150.0..288.0) } else { rng.random_range(288.0..400.0f64) };
    let side = wanted.min(diameter).floor() as u32;
    let square = view::resize_part(photo, [left, top, diameter, diameter], side, side, raster::any_filter(rng));
    let interpolation = if rng.random_bool(0.75) { Interpolation::Bilinear } else { Interpolation::Bicubic };
    let turned = rotate_about_center(&square, degrees.to_radians(), interpolation, Border::Replicate);
    let mut planes = Planes::from_image(&turned);
    // Exposure and softness vary between photos and must not be read as tilt.
    if rng.random_bool(0.3) {
        let gamma = rng.random_range(0.5f32..2.0);
        for value in planes.channels.iter_mut().flatten() {
            *value = value.powf(gamma);
        }
    }
    if rng.random_bool(0.15) {
        let weight = rng.random_range(0.1f32..0.33);
        planes = planes.convolve_separable(&[weight, 1.0 - 2.0 * weight, weight]);
    }
    planes.quantise(rng.random_range(0.0..0.012), rng)
}

/// The whole photo turned, cut to the largest rectangle of its own shape that stays filled at the largest angle.
fn turned_photo(photo: &RgbImage, degrees: f32, largest: f32) -> RgbImage {
    let photo = view::shrink_to(photo.clone(), LONG_SIDE + LONG_SIDE / 4, FilterType::Lanczos3);
    let turned = rotate_about_center(&photo, degrees.to_radians(), Interpolation::Bicubic, Border::Replicate);
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let share = inscribed_share(width, height, f64::from(largest).to_radians());
    let (cut_width, cut_height) = ((width * share).floor().max(1.0), (height * share).floor().max(1.0));
    let (left, top) = ((width - cut_width) / 2.0, (height - cut_height) / 2.0);
    image::imageops::crop_imm(&turned, left as u32, top as u32, cut_width as u32, cut_height as u32).to_image()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Angle of the boundary between a dark lower and a bright upper half, clockwise positive.
    fn horizon(image: &RgbImage) -> f64 {
        let edge =
            |x: u32| (0..image.height()).find(|&y| image.get_pixel(x, y)[0] < 128).expect("there is a dark half");
        let (left, right) = (image.width() / 4, image.width() * 3 / 4);
        (f64::from(edge(right)) - f64::from(edge(left))).atan2(f64::from(right - left)).to_degrees()
    }

    fn halves() -> RgbImage {
        RgbImage::from_fn(900, 600, |_, y| image::Rgb([if y < 300 { 220 } else { 30 }; 3]))
    }

    #[test]
    fn positive_turns_the_scene_clockwise_whole_and_in_part() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for degrees in [-20.0f32, -3.0, 0.0, 10.0, 25.0] {
            for frame in [Frame::Whole, Frame::Part] {
                let turned = Rotation.degrade(&halves(), degrees, [-30.0, 30.0], frame, &mut rng).pixels;
                if frame == Frame::Part && (turned.width() < 250 || horizon_is_missing(&turned)) {
                    continue;
                }
                let found = horizon(&turned);
                assert!((found - f64::from(degrees)).abs() < 1.0, "{frame:?} {degrees}: {found}");
            }
        }
    }

    fn horizon_is_missing(image: &RgbImage) -> bool {
        let column = |x: u32| (0..image.height()).map(move |y| image.get_pixel(x, y)[0]);
        [image.width() / 4, image.width() * 3 / 4]
            .into_iter()
            .any(|x| column(x).next().is_none_or(|v| v < 128) || column(x).all(|v| v >= 128))
    }

    #[test]
    fn the_crop_is_the_same_for_every_angle() {
        let photo = RgbImage::from_fn(400, 300, |x, y| image::Rgb([(x % 200) as u8, (y % 200) as u8, 255]));
        let sizes: Vec<_> =
            [-30.0f32, 0.0, 12.0, 30.0].map(|degrees| turned_photo(&photo, degrees, 30.0).dimensions()).to_vec();
        assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

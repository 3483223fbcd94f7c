//! Rotation: the scene turned about the centre of what is shown; clockwise is positive.

mod picture;

use clearshot_core::turn::turn_and_cut;
use clearshot_core::view::{self, LONG_SIDE};
use fast_image_resize::FilterType;
use image::RgbImage;
use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, SecondLookSpec, Severity, Spec, Transformation};
use crate::overlay;
use crate::raster::{self, Planes};

/// Tilt; magnitude in degrees, clockwise positive.
pub(super) struct Rotation;

const SPEC: Spec = Spec {
    name: "rotation",
    title: "Tilt",
    unit: "deg",
    range: [-45.0, 45.0],
    view: "rotation-discs/1",
    low: Some(FaultSpec {
        code: "tilted",
        severity: Severity::Fixable,
        advice: "Rotate {value:.1} degrees clockwise.",
    }),
    high: FaultSpec {
        code: "tilted",
        severity: Severity::Fixable,
        advice: "Rotate {value:.1} degrees counterclockwise.",
    },
    trained: [-40.0, 40.0],
    usual: [-12.0, 12.0],
    evaluated: [-30.0, 30.0],
    steps: 5000,
    // Photos have a tilt of their own that the manifest does not always know: without it 0.85 of those that Pillow turned were covered.
    widening: 1.1,
    // Less gains less than a look costs, and what the first is not sure of gains nothing.
    second_look: Some(SecondLookSpec { from: 2.0, expected_error: 2.4 }),
    intended_use: "Tilt of property and car photos. Photos without a cue of gravity (close-ups, plants) get wide intervals; \
                   perspective is not tilt.",
};

impl Transformation for Rotation {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn draw(&self, range: [f32; 2], rng: &mut ChaCha8Rng) -> f32 {
        // Most uploads are nearly upright: a fifth of the samples lies within a tenth of the range, a third within three tenths.
        let magnitude = rng.random_range(range[0]..=range[1]);
        match rng.random_range(0..15) {
            0..3 => magnitude / 10.0,
            3..8 => magnitude * 0.3,
            _ => magnitude,
        }
    }

    fn inherent(&self, lean: f32) -> f32 {
        lean
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
            // Nobody cuts off more of an upload than its own tilt asks for. Cut for the largest, photos are read as less tilted.
            Frame::Upload => turned_photo(photo, magnitude, magnitude.abs()),
        };
        Degraded { long_side: pixels.width().max(pixels.height()), pixels }
    }
}

/// A square of the photo, turned. Only the inscribed disc is ever looked at, and it is filled at every angle, so that
/// neither corners nor crop size tell the angle. The square is finer than the view, which then scales it down; the
/// interpolation varies and a little noise hides what is left of its signature.
fn turned_disc(photo: &RgbImage, degrees: f32, rng: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    // Most are nearly as high as the photo, as the service sees it; some down to half of it: what is left of a wide photo that was
    // straightened and cut by hand.
    let smallest = if rng.random_bool(0.6) { 0.8 } else { 0.5 };
    let diameter = (width.min(height) * rng.random_range(smallest..=1.0f64)).floor().max(2.0);
    let left = rng.random_range(0.0..=width - diameter);
    let top = rng.random_range(0.0..=height - diameter);
    // Some are as small as the smallest uploads, the others at least 1.5 times the view.
    let wanted = if rng.random_bool(0.2) { rng.random_range(150.0..288.0) } else { rng.random_range(288.0..400.0f64) };
    let side = wanted.min(diameter).floor() as u32;
    let mut square = view::resize_part(photo, [left, top, diameter, diameter], side, side, raster::any_filter(rng));
    if rng.random_bool(0.1) {
        picture::hang_crooked(&mut square, rng);
    }
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
    let mut pixels = planes.quantise(rng.random_range(0.0..0.012), rng);
    // What is laid over a photo is level, however the photo is.
    let seen = diameter * f64::from(LONG_SIDE) / width.max(height);
    overlay::sometimes(&mut pixels, side as f32 / seen as f32, Frame::Part, rng);
    pixels
}

/// The whole photo turned, cut to the largest rectangle of its own shape that stays filled at the largest angle.
fn turned_photo(photo: &RgbImage, degrees: f32, largest: f32) -> RgbImage {
    let photo = view::shrink_to(photo.clone(), LONG_SIDE + LONG_SIDE / 4, FilterType::Lanczos3);
    turn_and_cut(&photo, degrees, largest)
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
        let (mut parts, mut right) = (0, 0);
        for degrees in [-20.0f32, -3.0, 0.0, 10.0, 25.0] {
            let turned = Rotation.degrade(&halves(), degrees, [-30.0, 30.0], Frame::Whole, &mut rng).pixels;
            check(&turned, degrees);
            for _ in 0..8 {
                let turned = Rotation.degrade(&halves(), degrees, [-30.0, 30.0], Frame::Part, &mut rng).pixels;
                // A small part is measured too coarsely, and some lie wholly above or below the horizon.
                if turned.width() >= 250 && !horizon_is_missing(&turned) {
                    parts += 1;
                    right += u32::from((horizon(&turned) - f64::from(degrees)).abs() < 1.0);
                }
            }
        }
        assert!(parts >= 24, "only {parts} of 40 parts could be checked");
        // What is laid over a third of them hides the horizon of some.
        assert!(10 * right >= 7 * parts, "only {right} of {parts} parts are turned as they should be");
    }

    fn check(turned: &RgbImage, degrees: f32) {
        let found = horizon(turned);
        assert!((found - f64::from(degrees)).abs() < 1.0, "{degrees}: {found}");
    }

    fn horizon_is_missing(image: &RgbImage) -> bool {
        let column = |x: u32| (0..image.height()).map(move |y| image.get_pixel(x, y)[0]);
        [image.width() / 4, image.width() * 3 / 4]
            .into_iter()
            .any(|x| column(x).next().is_none_or(|v| v < 128) || column(x).all(|v| v >= 128))
    }
}

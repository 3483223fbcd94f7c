//! Blur: pure Gaussian with a fixed window for calibration and for figures that can be compared; for training all that makes uploads
//! unsharp (defocus, shake, enlargement), and what hides it (noise, overlays).

mod drawn;
mod enlarge;
mod kernel;
mod subject;

use std::f32::consts::PI;

use clearshot_core::view::{self, LONG_SIDE};
use fast_image_resize::FilterType;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, Severity, Spec, Transformation};
use crate::noise::Noise;
use crate::overlay;
use crate::raster::{self, Plane, Planes};
use enlarge::Enlargement;

/// Below this many pixels nothing is blurred: a kernel would be a single pixel.
const LEAST: f32 = 0.1;

/// Parts narrower than so many pixels of the reference view get no overlay: it would hide them.
const LEAST_OVERLAID: f64 = 220.0;

/// Blur; magnitude is the standard deviation of what blurs, in pixels of the reference view.
pub(super) struct Blur;

const SPEC: Spec = Spec {
    name: "blur",
    title: "Blur",
    unit: "px",
    range: [0.0, 6.0],
    view: "blur-tiles/2",
    low: None,
    high: FaultSpec {
        code: "blurred",
        severity: Severity::Retake,
        advice: "Take the photo again: hold still and focus.",
    },
    trained: [0.0, 6.0],
    usual: [0.0, 4.0],
    evaluated: [0.0, 5.0],
    steps: 2000,
    // Calibration sees more kinds of blur than figures are given for, and covers what other tools blur as well.
    widening: 1.0,
    second_look: None,
    intended_use: "Blur of property and car photos as the standard deviation of the equivalent Gaussian blur on the \
                   reference view. A sharp subject before a soft background counts as sharp. Photos without texture get \
                   wide intervals.",
};

impl Transformation for Blur {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn draw(&self, range: [f32; 2], rng: &mut ChaCha8Rng) -> f32 {
        // Sharp and slightly soft photos are what most uploads are; they get extra samples.
        match rng.random_range(0..10) {
            0 => range[0],
            1 | 2 => rng.random_range(range[0]..=range[0] + (range[1] - range[0]) / 4.0),
            _ => rng.random_range(range[0]..=range[1]),
        }
    }

    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        _range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded {
        let extent = if frame == Frame::Part && rng.random_ratio(3, 20) { Extent::Wide } else { Extent::Near };
        let (image, scale) = match frame {
            Frame::Part if rng.random_ratio(1, 20) => part(&drawn::scene(rng), Extent::Near, rng),
            Frame::Part => part(photo, extent, rng),
            Frame::Whole | Frame::Upload => (view::shrink_to(photo.clone(), LONG_SIDE, FilterType::Lanczos3), 1.0),
        };
        let long_side = (image.width().max(image.height()) as f32 / scale).round() as u32;
        let pixels = match frame {
            Frame::Whole => {
                Planes::from_image(&image).convolve_separable(&kernel::gaussian(magnitude)).quantise(0.0, rng)
            }
            Frame::Upload => as_cameras_do(Plane::luma(&image, 1.0), magnitude, rng).quantise(rng),
            Frame::Part => as_uploaded(&image, magnitude, scale, extent, rng),
        };
        Degraded { pixels, long_side }
    }
}

/// How much of the photo a part shows. The tiles of most lie close together, which costs little; in a wide one they lie as far apart
/// as in an upload, so that a subject of the smallest size that counts is in one of the nine alone.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    Near,
    Wide,
}

/// A part of the photo, scaled down by a random factor first where the source allows: sources have a blur of their own,
/// and scaling shrinks it. Sometimes finer than the reference view, so that the view's own scaling is seen in training.
/// Also gives the pixels for each of the reference view's.
fn part(photo: &RgbImage, extent: Extent, rng: &mut ChaCha8Rng) -> (RgbImage, f32) {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let oversampling = if extent == Extent::Near && rng.random_bool(0.2) { rng.random_range(1.0..1.7) } else { 1.0 };
    // Now and then as little as a part of the blur map shows.
    let wanted = if extent == Extent::Wide {
        [rng.random_range(700.0..1000.0), rng.random_range(450.0..680.0)]
    } else if rng.random_ratio(1, 8) {
        let side = rng.random_range(100.0..LEAST_OVERLAID);
        [side, side * rng.random_range(0.8..1.2)]
    } else {
        [rng.random_range(280.0..420.0), rng.random_range(250.0..400.0)]
    };
    let wanted = wanted.map(|side| side * oversampling);
    let largest_shrink = (width / wanted[0]).min(height / wanted[1]).clamp(1.0, 2.6);
    // Half of the parts show the scale that the photo has as an upload, the others smaller and sharper detail.
    let largest_shrink = if rng.random_bool(0.5) { largest_shrink.min(1.3) } else { largest_shrink };
    let shrink = if largest_shrink > 1.0 { rng.random_range(1.0..=largest_shrink) } else { 1.0 };
    let cut_width = (wanted[0] * shrink).min(width);
    let cut_height = (wanted[1] * shrink).min(height);
    let left = rng.random_range(0.0..=width - cut_width).floor();
    let top = rng.random_range(0.0..=height - cut_height).floor();
    let scaled = |side: f64| ((side / shrink).round() as u32).max(1);
    let filter = raster::any_filter(rng);
    let image = view::resize_part(
        photo,
        [left, top, cut_width.floor(), cut_height.floor()],
        scaled(cut_width),
        scaled(cut_height),
        filter,
    );
    (image, oversampling as f32)
}

/// What a camera, its owner and a portal's tools make of a photo, in the order in which it happens: exposure, blur, noise, overlays.
fn as_uploaded(image: &RgbImage, magnitude: f32, scale: f32, extent: Extent, rng: &mut ChaCha8Rng) -> RgbImage {
    // Exposure varies between photos and must not be read as blur.
    let sharp = Plane::luma(image, rng.random_range(0.7f32..1.4));
    let mut plane = blurred(sharp, magnitude * scale, rng);
    if rng.random_bool(if extent == Extent::Wide { 0.5 } else { 0.22 }) {
        plane = subject::before_soft_background(&plane, scale, rng);
    }
    // Noise comes after blur: a clean image must not mean a blurred one.
    Noise::any(rng).lay_over(&mut plane, rng);
    let mut pixels = plane.quantise(rng);
    if f64::from(image.width()) >= LEAST_OVERLAID * f64::from(scale) {
        overlay::sometimes(&mut pixels, scale, Frame::Part, rng);
    }
    pixels
}

/// Of a straight shake, in radians. A third lies along the rows or the columns, as panning and pressing the button do; there edges of
/// buildings lie along it, too, and stay sharp: drawn evenly such shakes are rare and were read as more blurred than others.
fn direction(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random_bool(1.0 / 3.0) {
        let axis = if rng.random_bool(0.5) { 0.0 } else { PI / 2.0 };
        axis + rng.random_range(-0.08..0.08f32)
    } else {
        rng.random_range(0.0..PI)
    }
}

/// Half of it Gaussian, as lenses and scaling blur, a quarter missed focus and a quarter shake: what intervals are calibrated on. All are labelled
/// alike, but a disk of the same deviation keeps finer detail and is read otherwise.
fn as_cameras_do(sharp: Plane, sigma: f32, rng: &mut ChaCha8Rng) -> Plane {
    let kind = rng.random_range(0..8);
    if sigma < LEAST {
        return sharp;
    }
    match kind {
        0..=1 => sharp.convolve(&kernel::disk(sigma)),
        2 => sharp.convolve(&kernel::line(sigma, direction(rng))),
        3 => sharp.convolve(&kernel::curve(sigma, rng)),
        _ => sharp.convolve_separable(&kernel::gaussian(sigma)),
    }
}

/// A third of all blur is shake, some of it resting at both ends; a sixth defocus, some enlargement, the rest Gaussian.
fn blurred(sharp: Plane, sigma: f32, rng: &mut ChaCha8Rng) -> Plane {
    let kind = rng.random_range(0..100);
    if sigma < LEAST {
        return sharp;
    }
    match kind {
        0..=19 => sharp.convolve(&kernel::line(sigma, direction(rng))),
        20..=25 => sharp.convolve(&kernel::jolt(sigma, direction(rng), rng)),
        26..=34 => sharp.convolve(&kernel::curve(sigma, rng)),
        35..=50 => sharp.convolve(&kernel::disk(sigma)),
        51..=58 => {
            // What is enlarged may have been blurred before; variances add up.
            let share = rng.random_range(0.5f32..=1.0);
            let soft = sharp.convolve_separable(&kernel::gaussian(sigma * (1.0 - share * share).sqrt()));
            Enlargement::Pixelated.blur(&soft, sigma * share, rng)
        }
        59..=61 => Enlargement::Bilinear.blur(&sharp, sigma, rng),
        _ => sharp.convolve_separable(&kernel::gaussian(sigma)),
    }
}

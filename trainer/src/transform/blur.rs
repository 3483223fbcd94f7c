//! Blur: Gaussian with a fixed window and a variable sigma; in training also defocus (disk) and shake (motion) kernels.

use clearshot_core::view::{self, LONG_SIDE};
use fast_image_resize::FilterType;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, Severity, Spec, Transformation};
use crate::raster::{self, Planes};

/// Radius of the fixed window in pixels: three times the largest sigma.
const RADIUS: usize = 18;

/// Gaussian blur; magnitude is sigma in pixels of the reference view.
pub(super) struct Blur;

const SPEC: Spec = Spec {
    name: "blur",
    title: "Blur",
    unit: "px",
    range: [0.0, 6.0],
    view: "blur-tiles/1",
    low: None,
    high: FaultSpec {
        code: "blurred",
        severity: Severity::Retake,
        advice: "Take the photo again: hold still and focus.",
    },
    trained: [0.0, 6.0],
    evaluated: [0.0, 5.0],
    steps: 2000,
    // Degraded by Pillow, photos were covered by 0.86 without it, by 0.90 with it: tools differ in their blur.
    widening: 1.1,
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
        let (image, oversampling) = match frame {
            Frame::Part => part(photo, rng),
            Frame::Whole => (view::shrink_to(photo.clone(), LONG_SIDE, FilterType::Lanczos3), 1.0),
        };
        let long_side = (f64::from(image.width().max(image.height())) / oversampling).round() as u32;
        let sigma = magnitude * oversampling as f32;
        let planes = Planes::from_image(&image);
        let (blurred, noise) = match frame {
            Frame::Whole => (planes.convolve_separable(&gaussian(sigma)), 0.0),
            Frame::Part => (blur_for_training(&planes, sigma, rng), noise_level(rng)),
        };
        // Noise comes after blur: a clean image must not mean a blurred one.
        Degraded { pixels: blurred.quantise(noise, rng), long_side }
    }
}

/// A part of the photo, scaled down by a random factor first where the source allows: sources have a blur of their own,
/// and scaling shrinks it. Sometimes finer than the reference view, so that the view's own scaling is seen in training.
fn part(photo: &RgbImage, rng: &mut ChaCha8Rng) -> (RgbImage, f64) {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let oversampling = if rng.random_bool(0.2) { rng.random_range(1.0..1.7) } else { 1.0 };
    let wanted = [rng.random_range(280.0..420.0) * oversampling, rng.random_range(250.0..400.0) * oversampling];
    let largest_shrink = (width / wanted[0]).min(height / wanted[1]).clamp(1.0, 2.6);
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
    (image, oversampling)
}

fn blur_for_training(planes: &Planes, sigma: f32, rng: &mut ChaCha8Rng) -> Planes {
    let mut sharp = planes.clone();
    // Exposure varies between photos and must not be read as blur.
    let gamma = rng.random_range(0.7f32..1.4);
    for plane in &mut sharp.channels {
        for value in plane.iter_mut() {
            *value = value.powf(gamma);
        }
    }
    let blurred = match rng.random_range(0..10) {
        0 => sharp.convolve(&disk(sigma)),
        1 => sharp.convolve(&motion(sigma, rng.random_range(0.0..std::f32::consts::PI))),
        _ => sharp.convolve_separable(&gaussian(sigma)),
    };
    // A sharp subject before a soft background: the photo is as sharp as its sharp part.
    if rng.random_bool(0.15) { soften_background(&blurred, rng) } else { blurred }
}

/// Blurs further what lies outside an ellipse.
fn soften_background(planes: &Planes, rng: &mut ChaCha8Rng) -> Planes {
    let background = planes.convolve_separable(&gaussian(rng.random_range(1.5..5.0)));
    let (width, height) = (planes.width as f32, planes.height as f32);
    let centre = [rng.random_range(0.25..0.75) * width, rng.random_range(0.25..0.75) * height];
    let radii = [rng.random_range(0.3..0.6) * width, rng.random_range(0.3..0.6) * height];
    let mut mixed = planes.clone();
    for (channel, plane) in mixed.channels.iter_mut().enumerate() {
        for (index, value) in plane.iter_mut().enumerate() {
            let x = (index % planes.width) as f32;
            let y = (index / planes.width) as f32;
            let distance = ((x - centre[0]) / radii[0]).hypot((y - centre[1]) / radii[1]);
            let weight = ((1.15 - distance) / 0.3).clamp(0.0, 1.0);
            *value = weight * *value + (1.0 - weight) * background.channels[channel][index];
        }
    }
    mixed
}

fn noise_level(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random_bool(0.5) { rng.random_range(0.0..0.006) } else { rng.random_range(0.0..0.02) }
}

/// Sampled Gaussian in a fixed window, normalised. Sigma 0 is the identity.
fn gaussian(sigma: f32) -> Vec<f32> {
    let radius = RADIUS as isize + if sigma > 6.0 { ((sigma - 6.0) * 3.0).ceil() as isize } else { 0 };
    let weights: Vec<f32> = (-radius..=radius)
        .map(|offset| {
            let distance = offset as f32 / sigma.max(1e-3);
            (-0.5 * distance * distance).exp()
        })
        .collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Defocus: a uniform disk whose standard deviation per axis is sigma (radius 2 sigma), its rim antialiased.
fn disk(sigma: f32) -> Vec<(isize, isize, f32)> {
    let radius = 2.0 * sigma;
    let reach = radius.ceil() as isize;
    let taps = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
    normalised(taps.map(|(dx, dy)| (dx, dy, (radius + 0.5 - (dx as f32).hypot(dy as f32)).clamp(0.0, 1.0))))
}

/// Camera shake: a line whose standard deviation, as root mean square over both axes, is sigma (length sigma times
/// the square root of 24).
fn motion(sigma: f32, angle: f32) -> Vec<(isize, isize, f32)> {
    let length = sigma * 24f32.sqrt();
    let steps = (length * 4.0).ceil() as usize + 1;
    let mut weights = std::collections::BTreeMap::<(isize, isize), f32>::new();
    for step in 0..steps {
        let along = if steps == 1 { 0.0 } else { (step as f32 / (steps - 1) as f32 - 0.5) * length };
        let (y, x) = (along * angle.sin(), along * angle.cos());
        for (dx, wx) in linear(x) {
            for (dy, wy) in linear(y) {
                *weights.entry((dx, dy)).or_default() += wx * wy;
            }
        }
    }
    normalised(weights.into_iter().map(|((dx, dy), weight)| (dx, dy, weight)))
}

fn linear(at: f32) -> [(isize, f32); 2] {
    let floor = at.floor();
    [(floor as isize, 1.0 - (at - floor)), (floor as isize + 1, at - floor)]
}

fn normalised(taps: impl Iterator<Item = (isize, isize, f32)>) -> Vec<(isize, isize, f32)> {
    let taps: Vec<_> = taps.filter(|tap| tap.2 > 1e-6).collect();
    let sum: f32 = taps.iter().map(|tap| tap.2).sum();
    taps.into_iter().map(|(dx, dy, weight)| (dx, dy, weight / sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(taps: &[(isize, isize, f32)]) -> f32 {
        let variance: f32 = taps.iter().map(|&(dx, dy, weight)| weight * (dx * dx + dy * dy) as f32).sum();
        (variance / 2.0).sqrt()
    }

    #[test]
    fn every_kernel_has_the_standard_deviation_it_is_labelled_with() {
        for sigma in [1.0f32, 2.5, 5.0] {
            let one_dimensional = gaussian(sigma);
            let radius = one_dimensional.len() as isize / 2;
            let variance: f32 =
                one_dimensional.iter().enumerate().map(|(i, w)| w * ((i as isize - radius) as f32).powi(2)).sum();
            assert!((variance.sqrt() - sigma).abs() < 0.02 * sigma + 0.01, "gaussian {sigma}: {}", variance.sqrt());
            assert!((deviation(&disk(sigma)) - sigma).abs() < 0.06 * sigma + 0.1, "disk {sigma}");
            assert!((deviation(&motion(sigma, 0.7)) - sigma).abs() < 0.06 * sigma + 0.1, "motion {sigma}");
        }
        assert!((gaussian(0.0)[RADIUS] - 1.0).abs() < 1e-6);
    }
}

//! Degradations of known magnitude. Adding one is one file and one line in [`REGISTRY`].

mod blur;
mod brightness;
mod crop;
mod rotation;
mod saturation;

use clearshot::metric::Metric;
use clearshot::view;
use fast_image_resize::FilterType;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::raster;

/// How much of the photo a degraded image shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A part at a random scale, augmented: cheap, for training.
    Part,
    /// The whole photo as a client would upload it, for calibration and evaluation.
    Whole,
}

/// A degraded image, before compression.
pub struct Degraded {
    /// The pixels.
    pub pixels: RgbImage,
    /// Long side of the reference view of this image: for a part, what the part would measure in the photo's view.
    pub long_side: u32,
}

/// A degradation with one magnitude in physical units.
pub trait Transformation: Send + Sync {
    /// Name in the registry, on the command line and in file names.
    fn name(&self) -> &'static str;

    /// The branch (view and network) that learns this transformation.
    fn branch(&self) -> Metric;

    /// Whether the server serves it: it measures its branch's metric. Others can be trained and exported, not calibrated.
    fn is_served(&self) -> bool {
        self.name() == self.branch().name()
    }

    /// Magnitudes that are trained by default, smallest and largest.
    fn magnitudes(&self) -> [f32; 2];

    /// Magnitudes that are evaluated by default.
    fn evaluated(&self) -> [f32; 2] {
        self.magnitudes()
    }

    /// Optimiser steps by default: what two cores do in 5 to 60 minutes.
    fn steps(&self) -> usize;

    /// Draws a magnitude from a range.
    fn draw(&self, range: [f32; 2], rng: &mut ChaCha8Rng) -> f32 {
        rng.random_range(range[0]..=range[1])
    }

    /// Degrades a photo by `magnitude`; `range` holds all magnitudes that will be asked for, so that what depends on the
    /// largest (the crop of a rotation) is the same for all. Magnitude 0 takes the very same path as every other.
    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded;
}

/// All transformations.
pub static REGISTRY: [&dyn Transformation; 5] =
    [&blur::Blur, &brightness::Brightness, &rotation::Rotation, &saturation::Saturation, &crop::Crop];

/// Finds a transformation by name.
///
/// # Errors
/// A message that lists the names there are.
pub fn find(name: &str) -> Result<&'static dyn Transformation, String> {
    REGISTRY.iter().copied().find(|transformation| transformation.name() == name).ok_or_else(|| {
        let names: Vec<_> = REGISTRY.iter().map(|transformation| transformation.name()).collect();
        format!("unknown transformation `{name}`; there are {}", names.join(", "))
    })
}

/// A photo for what is seen in all of it (exposure, colour): small, and for training a random part at a random scale.
fn exposed(photo: &RgbImage, frame: Frame, rng: &mut ChaCha8Rng) -> RgbImage {
    match frame {
        Frame::Part => exposed_part(photo, rng),
        Frame::Whole => view::shrink_to(photo.clone(), 640, FilterType::Lanczos3),
    }
}

fn exposed_part(photo: &RgbImage, rng: &mut ChaCha8Rng) -> RgbImage {
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let share = [rng.random_range(0.7..=1.0), rng.random_range(0.7..=1.0)];
    let (cut_width, cut_height) = ((width * share[0]).floor().max(1.0), (height * share[1]).floor().max(1.0));
    let left = rng.random_range(0.0..=width - cut_width).floor();
    let top = rng.random_range(0.0..=height - cut_height).floor();
    let long = rng.random_range(192.0..512.0f64).min(cut_width.max(cut_height));
    let scale = long / cut_width.max(cut_height);
    let scaled = |side: f64| ((side * scale).round() as u32).max(1);
    view::resize_part(
        photo,
        [left, top, cut_width, cut_height],
        scaled(cut_width),
        scaled(cut_height),
        raster::any_filter(rng),
    )
}

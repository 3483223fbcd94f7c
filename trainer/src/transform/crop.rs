//! Crop: a share of the frame cut away at the right, as by a careless thumb.

use clearshot_core::view;
use fast_image_resize::FilterType;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, Severity, Spec, Transformation};
use crate::raster;

/// One side cut away; magnitude is the share of the width that is missing at the right.
pub(super) struct Crop;

/// Widths over heights of what is left: drawn anew for every sample.
const SHAPES: [f64; 2] = [0.7, 1.4];

const SPEC: Spec = Spec {
    name: "crop",
    title: "Cut off",
    unit: "share",
    range: [0.0, 0.5],
    view: "brightness-whole/2",
    low: None,
    high: FaultSpec {
        code: "cut_off",
        severity: Severity::Retake,
        advice: "Take the photo again with the whole subject in the frame.",
    },
    trained: [0.0, 0.5],
    usual: [0.0, 0.3],
    evaluated: [0.0, 0.5],
    steps: 2000,
    widening: 1.1,
    second_look: None,
    intended_use: "Share of the scene that is missing at the right of the frame. Close-ups are meant to show a part and \
                   cannot be told from photos that were cut off.",
};

impl Transformation for Crop {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        _range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded {
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        let left_over = (width * (1.0 - f64::from(magnitude))).max(1.0);
        // The shape of what is left must not tell how much is missing: the top and the bottom give way until the shape is
        // one drawn at random, so that the view, which squashes photos to a square, squashes all alike.
        let shape = rng.random_range(SHAPES[0]..SHAPES[1]);
        let (cut_width, cut_height) = (left_over.min(height * shape), height.min(left_over / shape));
        let top = (height - cut_height) * rng.random_range(0.0..=1.0);
        let left = left_over - cut_width;
        let scale = (rng.random_range(192.0..448.0) / cut_width.max(cut_height)).min(1.0);
        let scaled = |side: f64| ((side * scale).round() as u32).max(1);
        let filter = if frame == Frame::Part { raster::any_filter(rng) } else { FilterType::Lanczos3 };
        let part = [left, top, cut_width, cut_height];
        let pixels = view::resize_part(photo, part, scaled(cut_width), scaled(cut_height), filter);
        Degraded { long_side: pixels.width().max(pixels.height()), pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use rand::SeedableRng;

    #[test]
    fn what_is_cut_away_lies_at_the_right_and_the_shape_does_not_tell() {
        // Red tells the column of the source.
        let photo = RgbImage::from_fn(400, 300, |x, _| Rgb([(x / 2) as u8, 0, 0]));
        let mut shapes = Vec::new();
        for magnitude in [0.0f32, 0.25, 0.5] {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            let found = Crop.degrade(&photo, magnitude, [0.0, 0.5], Frame::Whole, &mut rng).pixels;
            let last = f32::from(found.get_pixel(found.width() - 1, found.height() / 2)[0]) * 2.0;
            assert!((last - 400.0 * (1.0 - magnitude)).abs() < 10.0, "{magnitude}: {last}");
            shapes.push(f64::from(found.width()) / f64::from(found.height()));
        }
        assert!(shapes.iter().all(|shape| (shape - shapes[0]).abs() < 0.05), "{shapes:?}");
    }
}

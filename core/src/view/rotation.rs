//! Rotation view: two square crops at the two ends of the photo's long side, each as high as its short side, isotropic.
//!
//! The model looks only at the disc inscribed in each crop: a disc stays filled however the photo was turned, so no
//! corner, fill pixel or crop size can tell the angle. Two discs see nearly the whole frame, and what converging
//! verticals do to the left one they undo in the right one.

use fast_image_resize::FilterType;

use super::resample::resize_part;
use super::{ReferenceView, luma};

const DISCS: usize = 2;
const SIDE: usize = 192;
pub(super) const SHAPE: [usize; 3] = [DISCS, SIDE, SIDE];

/// Luma of the left (or top) and of the right (or bottom) crop.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let pixels = view.pixels();
    let (width, height) = (f64::from(pixels.width()), f64::from(pixels.height()));
    let diameter = width.min(height);
    let ends = [(0.0, 0.0), (width - diameter, height - diameter)];
    let crop = |(left, top): (f64, f64)| {
        resize_part(pixels, [left, top, diameter, diameter], SIDE as u32, SIDE as u32, FilterType::Bilinear)
    };
    ends.into_iter().flat_map(|end| crop(end).pixels().map(|pixel| luma(pixel.0)).collect::<Vec<_>>()).collect()
}

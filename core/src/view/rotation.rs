//! Rotation view: two square crops at the two ends of the photo's long side, each as high as its short side, isotropic.
//!
//! The model looks only at the disc inscribed in each crop: a disc stays filled however the photo was turned, so no
//! corner, fill pixel or crop size can tell the angle. Two discs see nearly the whole frame, and what converging
//! verticals do to the left one they undo in the right one.

use fast_image_resize::FilterType;

use super::resample::{ends, resize_part};
use super::{ReferenceView, luma};

const DISCS: usize = 2;
const SIDE: usize = 192;
pub(super) const SHAPE: [usize; 3] = [DISCS, SIDE, SIDE];

/// Luma of the left (or top) and of the right (or bottom) crop.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let pixels = view.pixels();
    let crop = |end| resize_part(pixels, end, SIDE as u32, SIDE as u32, FilterType::Bilinear);
    ends(pixels).into_iter().flat_map(|end| crop(end).pixels().map(|pixel| luma(pixel.0)).collect::<Vec<_>>()).collect()
}

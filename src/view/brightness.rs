//! Brightness view: the whole photo, small. Its shape does not matter to exposure, so it is squashed to a square.

use fast_image_resize::FilterType;

use super::ReferenceView;
use super::resample::resize_part;

const SIDE: usize = 64;
pub(super) const SHAPE: [usize; 3] = [3, SIDE, SIDE];

/// Planes R, G, B of the photo averaged down to 64x64.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let pixels = view.pixels();
    let part = [0.0, 0.0, f64::from(pixels.width()), f64::from(pixels.height())];
    let small = resize_part(pixels, part, SIDE as u32, SIDE as u32, FilterType::Box);
    (0..3).flat_map(|channel| small.pixels().map(move |pixel| f32::from(pixel[channel]) / 255.0)).collect()
}

//! What the branch models see: the reference view of a photo and the fixed-size tensors cut from it.
//!
//! Server and trainer share these functions; a difference between training and serving here would be a silent loss
//! of accuracy. Each view has a name with a version; a model card names the view its model was trained on, and a
//! model whose view is not this code's is refused.

mod blur;
mod brightness;
mod reference;
mod resample;
mod rotation;

pub use blur::{GRID, MapTile, TILE, map as blur_map};
pub use reference::{LONG_SIDE, ReferenceView};
pub use resample::{resize_part, shrink_to};

use crate::metric::Metric;

/// Name and version of the view that a metric's branch sees.
#[must_use]
pub fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::Blur => "blur-tiles/1",
        Metric::Brightness => "brightness-whole/2",
        Metric::Rotation => "rotation-discs/1",
    }
}

/// Shape of one item's tensor, channels first.
#[must_use]
pub fn shape(metric: Metric) -> [usize; 3] {
    match metric {
        Metric::Blur => blur::SHAPE,
        Metric::Brightness => brightness::SHAPE,
        Metric::Rotation => rotation::SHAPE,
    }
}

/// Number of values in one item's tensor.
#[must_use]
pub fn len(metric: Metric) -> usize {
    shape(metric).iter().product()
}

/// The tensor of one photo for one branch, row-major in the order of [`shape`], values in 0..=1.
#[must_use]
pub fn tensor(metric: Metric, view: &ReferenceView) -> Vec<f32> {
    let values = match metric {
        Metric::Blur => blur::tensor(view),
        Metric::Brightness => brightness::tensor(view),
        Metric::Rotation => rotation::tensor(view),
    };
    debug_assert_eq!(values.len(), len(metric));
    values
}

/// Luma of ITU-R BT.601 in 0..=1, the weights JPEG uses.
fn luma(pixel: [u8; 3]) -> f32 {
    let [r, g, b] = pixel.map(f32::from);
    (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
}

//! Rotation view: two square crops at the two ends of the photo's long side, each as high as its short side, isotropic.
//!
//! The model looks only at the disc inscribed in each crop: a disc stays filled however the photo was turned, so no
//! corner, fill pixel or crop size can tell the angle. Two discs see nearly the whole frame, and what converging
//! verticals do to the left one they undo in the right one.

use fast_image_resize::FilterType;
use image::{ImageBuffer, Luma};
use imageproc::geometric_transformations::{Border, Interpolation, rotate};

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

/// The same discs with the scene turned clockwise by `degrees`. A disc that turns about its own centre shows what it showed: nothing
/// is asked of the photo again.
pub(super) fn turned(tensor: &[f32], degrees: f32) -> Vec<f32> {
    let middle = (SIDE - 1) as f32 / 2.0;
    let turned = |crop: &[f32]| {
        let crop = ImageBuffer::<Luma<f32>, _>::from_raw(SIDE as u32, SIDE as u32, crop.to_vec());
        let crop = crop.expect("a crop holds exactly a square of values");
        rotate(&crop, (middle, middle), degrees.to_radians(), Interpolation::Bicubic, Border::Replicate).into_raw()
    };
    tensor.chunks_exact(SIDE * SIDE).flat_map(turned).collect()
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    /// Stripes about the middle of each disc, turned clockwise from upright.
    fn stripes(degrees: f32) -> Vec<f32> {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let middle = (SIDE - 1) as f32 / 2.0;
        let photo = RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
            let across = (x as f32 - middle) * cos + (y as f32 - middle) * sin;
            Rgb([(127.0 + 90.0 * (across * 0.25).sin()) as u8; 3])
        });
        tensor(&ReferenceView::new(photo))
    }

    /// Mean difference of two tensors within the discs.
    fn apart(one: &[f32], other: &[f32]) -> f32 {
        let middle = (SIDE - 1) as f32 / 2.0;
        let within = |index: usize| {
            let (x, y) = ((index % SIDE) as f32 - middle, (index / SIDE % SIDE) as f32 - middle);
            x.hypot(y) < middle - 2.0
        };
        let differences: Vec<f32> =
            (0..one.len()).filter(|&index| within(index)).map(|index| (one[index] - other[index]).abs()).collect();
        differences.iter().sum::<f32>() / differences.len() as f32
    }

    #[test]
    fn turned_discs_show_the_scene_turned_as_far() {
        for (from, by) in [(0.0, 10.0), (8.0, -8.0), (-25.0, 25.0)] {
            let turned = turned(&stripes(from), by);
            let [right, wrong] = [stripes(from + by), stripes(from - by)].map(|expected| apart(&turned, &expected));
            assert!(right < 0.01 && wrong > 0.1, "{from} turned by {by}: {right} from it, {wrong} from the other way");
        }
        assert!(apart(&turned(&stripes(5.0), 0.0), &stripes(5.0)) < 1e-6);
    }
}

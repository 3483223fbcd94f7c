//! Brightness view: the whole photo, small. Its shape does not matter to exposure, so it is squashed to a square.

use fast_image_resize::FilterType;

use super::ReferenceView;
use super::resample::resize_part;

const SIDE: usize = 64;
/// Finer pixels per row of a pixel of the view: extremes are taken over these, at one scale for photos of every size.
const FINER: usize = 4;
pub(super) const SHAPE: [usize; 3] = [5, SIDE, SIDE];

/// Planes R, G, B of the photo averaged down to 64x64, then the smallest and the largest HSV value within each pixel:
/// averages alone would hide where the black and the white point lie.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let pixels = view.pixels();
    let part = [0.0, 0.0, f64::from(pixels.width()), f64::from(pixels.height())];
    let finer = (SIDE * FINER) as u32;
    let fine = resize_part(pixels, part, finer, finer, FilterType::Box);
    let count = SIDE * SIDE;
    let mut planes = vec![0.0; 5 * count];
    planes[3 * count..4 * count].fill(1.0);
    for (x, y, pixel) in fine.enumerate_pixels() {
        let index = (y as usize / FINER) * SIDE + x as usize / FINER;
        let rgb = pixel.0.map(|channel| f32::from(channel) / 255.0);
        for (channel, value) in rgb.into_iter().enumerate() {
            planes[channel * count + index] += value / (FINER * FINER) as f32;
        }
        let value = rgb[0].max(rgb[1]).max(rgb[2]);
        let [darkest, brightest] = [3, 4].map(|plane| plane * count + index);
        planes[darkest] = planes[darkest].min(value);
        planes[brightest] = planes[brightest].max(value);
    }
    planes
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    #[test]
    fn a_pixel_of_the_view_holds_mean_darkest_and_brightest() {
        // Each 4x4 block of a 256x256 photo: one black pixel, one white, the others (51, 102, 153).
        let photo = RgbImage::from_fn(256, 256, |x, y| match (x % 4, y % 4) {
            (0, 0) => Rgb([0; 3]),
            (3, 2) => Rgb([255; 3]),
            _ => Rgb([51, 102, 153]),
        });
        let values = tensor(&ReferenceView::new(photo));
        let expected = [51.0, 102.0, 153.0].map(|level: f32| (14.0 * level / 255.0 + 1.0) / 16.0);
        for (plane, expected) in expected.into_iter().chain([0.0, 1.0]).enumerate() {
            for index in [0, 1000, 4095] {
                assert!((values[plane * 4096 + index] - expected).abs() < 1e-5, "plane {plane}");
            }
        }
    }
}

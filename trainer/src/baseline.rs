//! What a user would write instead of Clearshot, measured beside it: variance of the Laplacian (Pech-Pacheco et al.,
//! ICPR 2000), mean V, and the most frequent direction of Hough lines.

use clearshot_core::view::ReferenceView;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage};
use imageproc::edges::canny;
use imageproc::filter::laplacian_filter;
use imageproc::hough::{LineDetectionOptions, detect_lines};

/// A classical score of photos.
#[derive(Clone, Copy)]
pub struct Rival {
    /// The score; it rises with the metric.
    pub score: fn(&ReferenceView) -> f32,
    /// Whether the score is in the metric's unit, so that its errors mean something.
    pub in_unit: bool,
}

/// The rival of a metric, where there is one.
#[must_use]
pub fn rival(metric: &str) -> Option<Rival> {
    match metric {
        "blur" => Some(Rival { score: |view| -laplacian_variance(&gray(view)).ln(), in_unit: false }),
        "brightness" => Some(Rival { score: mean_value, in_unit: false }),
        "rotation" => Some(Rival { score: |view| hough_tilt(&gray(view)), in_unit: true }),
        _ => None,
    }
}

fn gray(view: &ReferenceView) -> GrayImage {
    image::imageops::grayscale(view.pixels())
}

fn laplacian_variance(image: &GrayImage) -> f32 {
    let response = laplacian_filter(image);
    let count = response.len() as f64;
    let mean = response.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = response.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    variance.max(1e-3) as f32
}

fn mean_value(view: &ReferenceView) -> f32 {
    let sum: u64 = view.pixels().pixels().map(|pixel| u64::from(pixel.0.into_iter().max().unwrap_or(0))).sum();
    sum as f32 / (255.0 * view.pixels().pixels().len() as f32)
}

/// Folds every line's angle to within 45 degrees of the nearest axis and takes the fullest 2-degree window.
fn hough_tilt(image: &GrayImage) -> f32 {
    let small = DynamicImage::ImageLuma8(image.clone()).resize(512, 512, FilterType::Triangle).into_luma8();
    let edges = canny(&small, 40.0, 100.0);
    let options = LineDetectionOptions { vote_threshold: small.width().min(small.height()) / 5, suppression_radius: 4 };
    let mut counts = [0u32; 90];
    for line in detect_lines(&edges, options) {
        // A normal at 0 or 90 degrees is an upright line; clockwise tilt turns the normal clockwise, too.
        counts[(line.angle_in_degrees % 90) as usize] += 1;
    }
    let window = |angle: usize| counts[angle] * 2 + counts[(angle + 1) % 90] + counts[(angle + 89) % 90];
    let best = (0..90).max_by_key(|&angle| (window(angle), std::cmp::Reverse(angle.min(90 - angle)))).unwrap_or(0);
    if best > 45 { best as f32 - 90.0 } else { best as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center};

    #[test]
    fn hough_finds_the_tilt_of_stripes_with_the_right_sign() {
        let stripes = RgbImage::from_fn(600, 600, |x, _| Rgb([if (x / 40) % 2 == 0 { 230 } else { 20 }; 3]));
        for degrees in [-12.0f32, 0.0, 8.0] {
            let turned =
                rotate_about_center(&stripes, degrees.to_radians(), Interpolation::Bilinear, Border::Replicate);
            let inner = image::imageops::crop_imm(&turned, 120, 120, 360, 360).to_image();
            let found = hough_tilt(&gray(&ReferenceView::new(inner)));
            assert!((found - degrees).abs() <= 1.5, "{degrees}: {found}");
        }
    }
}

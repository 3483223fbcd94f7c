//! Turning a photo and cutting it to a frame that is filled everywhere: in correcting and in the trainer.

use image::RgbImage;
use image::imageops::crop_imm;
use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center};

/// Turns a photo about its centre by `degrees`, clockwise positive, and cuts it to the largest frame of its own shape that would
/// stay filled when turned by `largest` degrees.
#[must_use]
pub fn turn_and_cut(photo: &RgbImage, degrees: f32, largest: f32) -> RgbImage {
    let turned = rotate_about_center(photo, degrees.to_radians(), Interpolation::Bicubic, Border::Replicate);
    let (width, height) = photo.dimensions();
    let share = inscribed_share(f64::from(width), f64::from(height), f64::from(largest).to_radians());
    let cut = |side: u32| ((f64::from(side) * share).floor() as u32).clamp(1, side);
    let (cut_width, cut_height) = (cut(width), cut(height));
    crop_imm(&turned, (width - cut_width) / 2, (height - cut_height) / 2, cut_width, cut_height).to_image()
}

/// Side of the largest rectangle of the same shape within a rectangle turned by `angle` radians, as a share of the side.
#[must_use]
pub fn inscribed_share(width: f64, height: f64, angle: f64) -> f64 {
    let (sin, cos) = angle.abs().sin_cos();
    (width / (width * cos + height * sin)).min(height / (width * sin + height * cos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rectangle_touches_the_turned_frame() {
        let angle = 30f64.to_radians();
        let share = inscribed_share(400.0, 300.0, angle);
        let (half_width, half_height) = (200.0 * share, 150.0 * share);
        let (sin, cos) = angle.sin_cos();
        let reach = |x: f64, y: f64| ((x * cos + y * sin).abs() - 200.0).max((y * cos - x * sin).abs() - 150.0);
        let farthest = reach(half_width, half_height).max(reach(half_width, -half_height));
        assert!(farthest.abs() < 1e-9, "{farthest}");
        assert!((inscribed_share(400.0, 300.0, 0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_cut_is_the_same_for_every_angle() {
        let photo = RgbImage::from_fn(400, 300, |x, y| image::Rgb([(x % 200) as u8, (y % 200) as u8, 255]));
        let sizes = [-30.0f32, 0.0, 12.0, 30.0].map(|degrees| turn_and_cut(&photo, degrees, 30.0).dimensions());
        assert!(sizes.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

//! Straightening: turn about the centre, then cut to the largest rectangle of the same shape that is filled everywhere.

use image::RgbImage;
use image::imageops::crop_imm;
use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center};

/// Turns a photo by `degrees`, clockwise positive, and cuts it to its own shape. Returns it with the share of the frame's area
/// that is kept.
#[must_use]
pub fn straighten(photo: &RgbImage, degrees: f32) -> (RgbImage, f32) {
    let turned = rotate_about_center(photo, degrees.to_radians(), Interpolation::Bicubic, Border::Replicate);
    let (width, height) = photo.dimensions();
    let share = inscribed_share(f64::from(width), f64::from(height), f64::from(degrees).to_radians());
    let cut = |side: u32| ((f64::from(side) * share).floor() as u32).clamp(1, side);
    let (cut_width, cut_height) = (cut(width), cut(height));
    let (left, top) = ((width - cut_width) / 2, (height - cut_height) / 2);
    let kept = crop_imm(&turned, left, top, cut_width, cut_height).to_image();
    (kept, (share * share) as f32)
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
    use image::Rgb;

    #[test]
    fn a_turn_is_undone_and_nothing_but_the_photo_is_left() {
        // Bright sky above dark ground, turned 8 degrees clockwise by other means: the horizon falls to the right.
        let slope = 8f32.to_radians().tan();
        let photo = RgbImage::from_fn(600, 400, |x, y| {
            let horizon = 200.0 + (x as f32 - 300.0) * slope;
            Rgb([if (y as f32) < horizon { 220 } else { 40 }; 3])
        });
        let (straight, kept) = straighten(&photo, -8.0);
        let (width, height) = straight.dimensions();
        assert!((f64::from(width) / f64::from(height) - 1.5).abs() < 0.02 && (0.6..0.8).contains(&kept));
        let horizon = |x: u32| (0..height).find(|&y| straight.get_pixel(x, y)[0] < 130).expect("there is ground");
        assert!(horizon(5).abs_diff(horizon(width - 6)) <= 2, "{} {}", horizon(5), horizon(width - 6));
    }

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
}

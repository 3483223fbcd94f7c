//! Straightening: turn about the centre, then cut to the largest rectangle of the same shape that is filled everywhere.

use clearshot_core::turn::{inscribed_share, turn_and_cut};
use image::{RgbImage, imageops};

/// Undoes a turn of the scene by whole right angles clockwise.
#[must_use]
pub fn set_upright(photo: RgbImage, turn: u16) -> RgbImage {
    match turn {
        90 => imageops::rotate270(&photo),
        180 => imageops::rotate180(&photo),
        270 => imageops::rotate90(&photo),
        _ => photo,
    }
}

/// Turns a photo by `degrees`, clockwise positive, and cuts it to its own shape. Returns it with the share of the frame's area
/// that is kept.
#[must_use]
pub fn straighten(photo: &RgbImage, degrees: f32) -> (RgbImage, f32) {
    let (width, height) = photo.dimensions();
    let share = inscribed_share(f64::from(width), f64::from(height), f64::from(degrees).to_radians());
    (turn_and_cut(photo, degrees, degrees), (share * share) as f32)
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
}

//! Exposure: a power curve on HSV value V. It keeps black and white where they are, so that highlights roll off instead of
//! clipping, and hue and saturation as they are.

use image::RgbImage;

/// Weakest and strongest exponents that are tried.
const EXPONENTS: [f32; 2] = [0.2, 5.0];

/// The photo with the mean of V shifted by `shift` as far as a power curve between the bounds can; returns it with the shift
/// that was reached.
#[must_use]
pub fn shift_value(mut photo: RgbImage, shift: f32) -> (RgbImage, f32) {
    let mut histogram = [0u64; 256];
    for pixel in photo.pixels() {
        histogram[usize::from(value(pixel.0))] += 1;
    }
    let pixels = (u64::from(photo.width()) * u64::from(photo.height())).max(1) as f64;
    let mean = |exponent: f32| {
        let sum: f64 = (0u8..=255)
            .map(|level| histogram[usize::from(level)] as f64 * f64::from((f32::from(level) / 255.0).powf(exponent)))
            .sum();
        (sum / pixels) as f32
    };
    let before = mean(1.0);
    // The mean falls as the exponent grows: halve the interval between the bounds.
    let [mut low, mut high] = EXPONENTS;
    for _ in 0..40 {
        let middle = (low * high).sqrt();
        if mean(middle) > before + shift { low = middle } else { high = middle }
    }
    let exponent = (low * high).sqrt();
    // What each channel is multiplied by, for each V.
    let factors: Vec<f32> = (0u8..=255)
        .map(|level| if level == 0 { 1.0 } else { (f32::from(level) / 255.0).powf(exponent - 1.0) })
        .collect();
    for pixel in photo.pixels_mut() {
        let factor = factors[usize::from(value(pixel.0))];
        pixel.0 = pixel.0.map(|channel| (f32::from(channel) * factor).round() as u8);
    }
    (photo, mean(exponent) - before)
}

/// V of HSV: the largest channel.
fn value([red, green, blue]: [u8; 3]) -> u8 {
    red.max(green).max(blue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    fn ramp() -> RgbImage {
        RgbImage::from_fn(256, 8, |x, y| Rgb([x as u8, (x / 2) as u8, (x * y / 8) as u8]))
    }

    fn mean_value(photo: &RgbImage) -> f32 {
        photo.pixels().map(|pixel| f32::from(value(pixel.0)) / 255.0).sum::<f32>() / photo.pixels().len() as f32
    }

    proptest! {
        #[test]
        fn the_mean_shifts_as_asked_and_order_black_and_white_stay(shift in -0.25f32..0.25) {
            let (photo, reached) = shift_value(ramp(), shift);
            prop_assert!((reached - shift).abs() < 0.003);
            prop_assert!((mean_value(&photo) - mean_value(&ramp()) - shift).abs() < 0.01);
            let row: Vec<u8> = (0..256).map(|x| value(photo.get_pixel(x, 0).0)).collect();
            prop_assert!(row.is_sorted());
            prop_assert_eq!((row[0], row[255]), (0, 255));
            // Hue and saturation: the ratio of the channels stays.
            let pixel = photo.get_pixel(200, 0).0;
            prop_assert!((f32::from(pixel[1]) / f32::from(pixel[0]) - 0.5).abs() < 0.01);
        }
    }

    #[test]
    fn a_shift_beyond_reach_is_reported_as_what_was_reached() {
        let black = RgbImage::new(16, 16);
        let (photo, reached) = shift_value(black.clone(), 0.3);
        assert_eq!((photo, reached.abs() < 1e-6), (black, true));
    }
}

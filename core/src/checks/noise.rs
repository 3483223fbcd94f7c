//! Standard deviation of white noise in luma, in levels, after Immerkaer, "Fast noise variance estimation" (1996): a filter that no plane and no
//! straight edge passes, [1 -2 1; -2 4 -2; 1 -2 1], has six times the deviation of the noise. Where he averages over the picture, this is the
//! median over the blocks of the sample of each block's mean, so that textures of less than half of the picture count for nothing; blocks that are
//! white or black tell nothing. Measured on the reference view: scaling a photo down takes noise away, as it does from what viewers see.

use super::sample::{Block, SIDE, Sample};
use super::{Check, Evidence, fault};
use crate::metric::Severity;

/// Levels beyond which noise is cut off.
const DARKEST: u8 = 8;
const BRIGHTEST: u8 = 247;

pub(super) fn check() -> Check {
    Check {
        name: "noise",
        title: "Noise",
        unit: "levels",
        low: None,
        high: Some(fault("noisy", Severity::Retake, "Take the photo again, with more light.")),
        of_photos: true,
        certainty: 1.0,
        bins: &[0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0],
        measure: |Evidence { sample, .. }| noise(sample),
    }
}

/// None where nothing but black and white is seen.
fn noise(sample: &Sample) -> Option<f32> {
    let told = sample.blocks.iter().filter(|block| block.darkest >= DARKEST && block.brightest <= BRIGHTEST);
    let mut deviations: Vec<f32> = told.map(deviation).collect();
    let middle = deviations.len() / 2;
    (!deviations.is_empty()).then(|| *deviations.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// Deviation of a block's noise: that of a normal distribution is its mean magnitude times the root of half pi.
fn deviation(block: &Block) -> f32 {
    let across: [[i16; SIDE - 2]; SIDE] = std::array::from_fn(|row| {
        let row = &block.luma[row * SIDE..][..SIDE];
        std::array::from_fn(|at| i16::from(row[at]) - 2 * i16::from(row[at + 1]) + i16::from(row[at + 2]))
    });
    let mut sum = 0;
    for [above, row, below] in across.array_windows() {
        for at in 0..SIDE - 2 {
            sum += i32::from((above[at] - 2 * row[at] + below[at]).abs());
        }
    }
    let count = (SIDE - 2) * (SIDE - 2);
    std::f32::consts::FRAC_PI_2.sqrt() * sum as f32 / (6 * count) as f32
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::view::ReferenceView;

    /// Sum of twelve even numbers, as good as normal.
    fn noisy(deviation: f32, texture: f32) -> RgbImage {
        let mut state = 1u32;
        let mut even = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        RgbImage::from_fn(480, 320, |x, y| {
            let normal = (0..12).map(|_| even()).sum::<f32>() - 6.0;
            // A third of the picture has texture, all of it a gradient.
            let wall = if x < 160 { texture * (x as f32 * 1.9).sin() * (y as f32 * 2.1).sin() } else { 0.0 };
            Rgb([(110.0 + x as f32 / 20.0 + wall + deviation * normal).round() as u8; 3])
        })
    }

    /// field/README.md, kind 13.
    #[test]
    fn noise_is_told_to_a_tenth_beside_texture() {
        let of = |image: RgbImage| noise(&Sample::of(&ReferenceView::new(image)));
        for wanted in [4.0f32, 10.0, 20.0] {
            let found = of(noisy(wanted, 0.0)).expect("it is told");
            assert!((found - wanted).abs() < 0.1 * wanted, "{found} instead of {wanted}");
            let beside = of(noisy(wanted, 40.0)).expect("it is told");
            assert!((beside - wanted).abs() < 0.25 * wanted, "{beside} instead of {wanted}, beside texture");
        }
        assert!(of(noisy(0.0, 40.0)).is_some_and(|found| found < 1.0));
        assert_eq!(of(RgbImage::from_pixel(300, 200, Rgb([255; 3]))), None);
        assert_eq!(of(RgbImage::new(3, 3)), None);
    }
}

//! A sharp subject before a soft background: the photo is as sharp as its sharp part, if that is large enough to be what the photo
//! shows.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::kernel;
use crate::raster::Plane;

/// Planes with more pixels get their background by the Gaussian, which costs a tenth of a disk.
const LARGE: usize = 300_000;

/// Smallest subject in pixels of the reference view: 5 % of a view of 1024 x 683.
const SMALLEST: f32 = 35_000.0;

/// Blurs further what lies outside a round subject, anywhere in the frame. `scale`: pixels for each of the reference view's.
pub(super) fn before_soft_background(plane: &Plane, scale: f32, rng: &mut ChaCha8Rng) -> Plane {
    let further = rng.random_range(1.5..7.0) * scale;
    let background = if plane.values.len() < LARGE && rng.random_bool(0.5) {
        plane.convolve(&kernel::disk(further))
    } else {
        plane.convolve_separable(&kernel::gaussian(further))
    };
    let (width, height) = (plane.width as f32, plane.height as f32);
    let centre = [rng.random_range(0.1..0.9) * width, rng.random_range(0.1..0.9) * height];
    // A part of a view may be hardly larger than the smallest subject: no more than two thirds of it are subject.
    let most = 0.66 * width * height;
    let least = (SMALLEST * scale * scale).min(0.7 * most);
    let wanted = rng.random_range(least..=most);
    let stretch = rng.random_range(0.6..1.6f32).sqrt();
    let mut radius = (wanted / std::f32::consts::PI).sqrt();
    let mut weights = weights(plane, centre, [radius * stretch, radius / stretch]);
    // Beyond the frame there is no subject: it grows until enough of it is in the picture.
    while weights.iter().sum::<f32>() < least {
        radius *= 1.15;
        weights = self::weights(plane, centre, [radius * stretch, radius / stretch]);
    }
    let mix = |((sharp, soft), weight): ((&f32, &f32), f32)| soft + weight * (sharp - soft);
    let values = plane.values.iter().zip(&background.values).zip(weights).map(mix).collect();
    Plane { values, ..*plane }
}

/// One on the subject, zero on the background, with a soft rim.
fn weights(plane: &Plane, centre: [f32; 2], radii: [f32; 2]) -> Vec<f32> {
    let mut weights = Vec::with_capacity(plane.values.len());
    for y in 0..plane.height {
        let down = (y as f32 - centre[1]) / radii[1];
        let weight = |x: usize| {
            let across = (x as f32 - centre[0]) / radii[0];
            ((1.1 - across.hypot(down)) / 0.2).clamp(0.0, 1.0)
        };
        weights.extend((0..plane.width).map(weight));
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn enough_of_the_subject_stays_as_it_was_and_the_background_does_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        for scale in [1.0f32, 1.5] {
            let (width, height) = ((360.0 * scale) as usize, (320.0 * scale) as usize);
            // Stripes of four pixels: any blur changes every one.
            let values = (0..width * height).map(|index| f32::from(u8::from(index % width % 4 < 2))).collect();
            let plane = Plane { width, height, values };
            for _ in 0..12 {
                let found = before_soft_background(&plane, scale, &mut rng);
                let kept =
                    plane.values.iter().zip(&found.values).filter(|(a, b)| (*a - *b).abs() < 0.02).count() as f32;
                let share = kept / (scale * scale);
                assert!(
                    (0.6 * SMALLEST..0.8 * 360.0 * 320.0).contains(&share),
                    "{share} of the reference view's pixels"
                );
            }
        }
    }
}

//! Point spread functions. Each is labelled with its own standard deviation, as root mean square over both axes, whatever its
//! shape: defocus and shake rank with the Gaussian blur that spreads light as far.

use std::collections::BTreeMap;
use std::f32::consts::PI;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::raster;

/// Radius of the Gaussian's fixed window in pixels: three times the largest sigma.
pub(super) const RADIUS: usize = 18;

/// (dx, dy, weight).
pub(super) type Taps = Vec<(isize, isize, f32)>;

/// Gaussian in a fixed window, wider where an image finer than the reference view needs it. Sigma 0 is the identity.
pub(super) fn gaussian(sigma: f32) -> Vec<f32> {
    raster::gaussian(sigma, RADIUS.max((3.0 * sigma).ceil() as usize))
}

/// Defocus: a uniform disk whose standard deviation per axis is sigma (radius 2 sigma), its rim antialiased.
pub(super) fn disk(sigma: f32) -> Taps {
    let radius = 2.0 * sigma;
    let reach = radius.ceil() as isize;
    let taps = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
    normalised(taps.map(|(dx, dy)| (dx, dy, (radius + 0.5 - (dx as f32).hypot(dy as f32)).clamp(0.0, 1.0))))
}

/// Camera shake along a straight line.
pub(super) fn line(sigma: f32, angle: f32) -> Taps {
    // 24: a line of length l has the variance l^2 / 12 along itself and none across.
    let length = sigma * 24f32.sqrt();
    let count = (4.0 * length).ceil() as usize + 2;
    let (sin, cos) = angle.sin_cos();
    let along = |index: usize| (index as f32 / (count - 1) as f32 - 0.5) * length;
    spread(&(0..count).map(|index| [along(index) * cos, along(index) * sin]).collect::<Vec<_>>(), sigma)
}

/// Camera shake that rests at both ends of its way, as where the button is pressed hard: two pictures beside each other, and hardly
/// anything between them.
pub(super) fn jolt(sigma: f32, angle: f32, rng: &mut ChaCha8Rng) -> Taps {
    const POINTS: usize = 240;
    let moving = rng.random_range(0.0..0.4f32);
    let first = (1.0 - moving) * rng.random_range(0.3..0.7f32);
    let (sin, cos) = angle.sin_cos();
    let along = |index: usize| {
        let share = index as f32 / POINTS as f32;
        if share < first { 0.0 } else { ((share - first) / moving.max(1e-3)).min(1.0) }
    };
    spread(&(0..POINTS).map(|index| [along(index) * cos, along(index) * sin]).collect::<Vec<_>>(), sigma)
}

/// Camera shake along a curve: a hand that drifts, slows down and turns. A random walk of the velocity, smoothed, as in deblurring
/// work (Boracchi and Foi, 2012).
pub(super) fn curve(sigma: f32, rng: &mut ChaCha8Rng) -> Taps {
    const POINTS: usize = 240;
    let inertia = rng.random_range(0.9..0.995f32);
    let angle = rng.random_range(0.0..2.0 * PI);
    let (mut at, mut velocity) = ([0.0f32; 2], [angle.cos(), angle.sin()]);
    let path: Vec<[f32; 2]> = (0..POINTS)
        .map(|_| {
            for axis in 0..2 {
                let push: f32 = StandardNormal.sample(rng);
                velocity[axis] = inertia * velocity[axis] + (1.0 - inertia * inertia).sqrt() * push;
                at[axis] += velocity[axis];
            }
            at
        })
        .collect();
    spread(&path, sigma)
}

/// Light that falls along a path, scaled so that the kernel's deviation is sigma. Putting a point between pixels spreads it by
/// itself, so the right scale is found by trying.
fn spread(path: &[[f32; 2]], sigma: f32) -> Taps {
    let count = path.len() as f32;
    let mean: [f32; 2] = std::array::from_fn(|axis| path.iter().map(|point| point[axis]).sum::<f32>() / count);
    let centred: Vec<[f32; 2]> = path.iter().map(|point| [point[0] - mean[0], point[1] - mean[1]]).collect();
    let square: f32 = centred.iter().map(|[x, y]| x * x + y * y).sum::<f32>() / count;
    let mut scale = sigma / (square / 2.0).sqrt().max(1e-6);
    let mut taps = splat(&centred, scale);
    for _ in 0..3 {
        scale *= sigma / deviation(&taps).max(1e-3);
        taps = splat(&centred, scale);
    }
    taps
}

fn splat(path: &[[f32; 2]], scale: f32) -> Taps {
    let mut weights = BTreeMap::<(isize, isize), f32>::new();
    for [x, y] in path {
        for (dy, wy) in linear(y * scale) {
            for (dx, wx) in linear(x * scale) {
                *weights.entry((dy, dx)).or_default() += wx * wy;
            }
        }
    }
    normalised(weights.into_iter().map(|((dy, dx), weight)| (dx, dy, weight)))
}

fn linear(at: f32) -> [(isize, f32); 2] {
    let floor = at.floor();
    [(floor as isize, 1.0 - (at - floor)), (floor as isize + 1, at - floor)]
}

/// Standard deviation, as root mean square over both axes.
fn deviation(taps: &Taps) -> f32 {
    let mean = |of: fn(&(isize, isize, f32)) -> f32| taps.iter().map(|tap| tap.2 * of(tap)).sum::<f32>();
    let (x, y) = (mean(|tap| tap.0 as f32), mean(|tap| tap.1 as f32));
    let variance: f32 =
        taps.iter().map(|&(dx, dy, weight)| weight * ((dx as f32 - x).powi(2) + (dy as f32 - y).powi(2))).sum();
    (variance / 2.0).sqrt()
}

fn normalised(taps: impl Iterator<Item = (isize, isize, f32)>) -> Taps {
    let taps: Vec<_> = taps.filter(|tap| tap.2 > 1e-6).collect();
    let sum: f32 = taps.iter().map(|tap| tap.2).sum();
    taps.into_iter().map(|(dx, dy, weight)| (dx, dy, weight / sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_kernel_has_the_standard_deviation_it_is_labelled_with() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for sigma in [0.5f32, 1.0, 2.5, 5.0] {
            let one_dimensional = gaussian(sigma);
            let radius = one_dimensional.len() as isize / 2;
            let variance: f32 =
                one_dimensional.iter().enumerate().map(|(i, w)| w * ((i as isize - radius) as f32).powi(2)).sum();
            // Sampled at whole pixels, a narrow Gaussian loses a little.
            assert!((variance.sqrt() - sigma).abs() < 0.02 * sigma + 0.03, "gaussian {sigma}: {}", variance.sqrt());
            // The antialiased rim adds an eighth of a pixel to half a pixel of defocus, and less to more.
            assert!((deviation(&disk(sigma)) - sigma).abs() < 0.06 * sigma + 0.12, "disk {sigma}");
            for angle in [0.0, 0.7, PI / 2.0, 2.5] {
                let found = deviation(&line(sigma, angle));
                assert!((found - sigma).abs() < 0.03 * sigma + 0.02, "line {sigma} at {angle}: {found}");
            }
            for _ in 0..20 {
                let found = deviation(&curve(sigma, &mut rng));
                assert!((found - sigma).abs() < 0.03 * sigma + 0.02, "curve {sigma}: {found}");
                let found = deviation(&jolt(sigma, 0.7, &mut rng));
                assert!((found - sigma).abs() < 0.03 * sigma + 0.02, "jolt {sigma}: {found}");
            }
        }
        assert!((gaussian(0.0)[RADIUS] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_line_smears_along_itself_only_and_curves_differ() {
        assert!(line(4.0, 0.0).iter().all(|tap| tap.1.abs() <= 1));
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        assert_ne!(curve(3.0, &mut rng), curve(3.0, &mut rng));
    }

    #[test]
    fn a_jolt_leaves_most_light_at_its_ends() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..20 {
            let taps = jolt(4.0, 0.0, &mut rng);
            let (first, last) = (taps.iter().map(|tap| tap.0).min(), taps.iter().map(|tap| tap.0).max());
            let ends = |tap: &&(isize, isize, f32)| {
                first.is_some_and(|first| tap.0 <= first + 1) || last.is_some_and(|last| tap.0 + 1 >= last)
            };
            assert!(taps.iter().filter(ends).map(|tap| tap.2).sum::<f32>() > 0.6);
        }
    }
}

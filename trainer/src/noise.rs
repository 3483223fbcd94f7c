//! Noise as sensors and their software leave it, laid over a photo after it was blurred: noise is not detail. White noise of a
//! dark room (up to 35 levels) and the blotches that denoising makes of it (up to 15) read as sharpness to a network that was
//! never shown them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::raster::{Plane, gaussian};

/// How much noise of which kind.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Standard deviation in levels of 255.
    pub levels: f32,
    /// Sigma of the blotches in pixels; 0 is white noise.
    pub blotches: f32,
}

impl Noise {
    /// Little for most samples, a lot for a quarter of them.
    pub fn any(rng: &mut ChaCha8Rng) -> Self {
        let white = |levels| Self { levels, blotches: 0.0 };
        match rng.random_range(0..20) {
            0..=10 => white(rng.random_range(0.0..1.5)),
            11..=14 => white(rng.random_range(1.5..6.0)),
            15..=17 => white(rng.random_range(6.0..35.0)),
            _ => Self { levels: rng.random_range(2.0..15.0), blotches: rng.random_range(0.5..1.8) },
        }
    }

    /// Adds it to a plane.
    pub fn lay_over(self, plane: &mut Plane, rng: &mut ChaCha8Rng) {
        if self.levels <= 0.0 {
            return;
        }
        let mut noise = white(plane, rng);
        let mut scale = self.levels / 255.0;
        if self.blotches > 0.0 {
            let kernel = gaussian(self.blotches, 3 * self.blotches.ceil() as usize);
            noise = noise.convolve_separable(&kernel);
            // Smoothing takes this much of the deviation along each axis.
            scale /= kernel.iter().map(|weight| weight * weight).sum::<f32>();
        }
        for (value, noise) in plane.values.iter_mut().zip(noise.values) {
            *value += scale * noise;
        }
    }
}

/// White noise of unit deviation. Drawing a normal per value would cost more than the blur; picks from a table, a random stride
/// apart, look the same.
fn white(like: &Plane, rng: &mut ChaCha8Rng) -> Plane {
    let table: [f32; 4096] = std::array::from_fn(|_| StandardNormal.sample(rng));
    let mut values = Vec::with_capacity(like.values.len());
    while values.len() < like.values.len() {
        let start = rng.random_range(0..table.len() - 64);
        let count = (like.values.len() - values.len()).min(64);
        values.extend_from_slice(&table[start..start + count]);
    }
    Plane { values, ..*like }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn noise_has_the_deviation_that_was_asked_for_and_blotches_are_smooth() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut roughness = Vec::new();
        for noise in [Noise { levels: 30.0, blotches: 0.0 }, Noise { levels: 12.0, blotches: 1.2 }] {
            let mut plane = Plane { width: 300, height: 200, values: vec![0.5; 300 * 200] };
            noise.lay_over(&mut plane, &mut rng);
            let square = |values: &mut dyn Iterator<Item = f32>| {
                let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value * value, count + 1));
                (sum / count as f32).sqrt()
            };
            let deviation = 255.0 * square(&mut plane.values.iter().map(|value| value - 0.5));
            assert!((deviation / noise.levels - 1.0).abs() < 0.1, "{noise:?}: {deviation}");
            let step = 255.0 * square(&mut plane.values.windows(2).map(|pair| pair[1] - pair[0]));
            roughness.push(step / deviation);
        }
        assert!(roughness[0] > 1.3 && roughness[1] < 0.9, "{roughness:?}");
    }
}

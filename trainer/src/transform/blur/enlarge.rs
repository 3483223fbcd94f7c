//! Small pictures blown up: fake resolution. A picture reduced by a factor f by averaging and enlarged again has been
//! convolved, on average over its places, with the box of the reduction and the kernel of the enlargement; its label is the
//! standard deviation of both in quadrature. Bicubic enlargement is left out: its kernel has no spread at all by that measure.

use clearshot_core::view;
use fast_image_resize::FilterType;
use rand_chacha::ChaCha8Rng;

use crate::raster::Plane;

/// How the missing pixels are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enlargement {
    /// Each pixel repeated: visible squares.
    Pixelated,
    /// Interpolated between neighbours.
    Bilinear,
}

impl Enlargement {
    /// Factor at which the standard deviation is sigma. A box of f pixels has the variance (f^2 - 1) / 12, a triangle of twice
    /// its width twice that: two boxes, or a box and a triangle.
    fn factor(self, sigma: f32) -> f32 {
        match self {
            Self::Pixelated => (6.0 * sigma * sigma + 1.0).sqrt(),
            Self::Bilinear => (4.0 * sigma * sigma + 1.0).sqrt(),
        }
    }

    /// Reduces a plane and enlarges it again, so that it is blurred by sigma.
    pub(super) fn blur(self, plane: &Plane, sigma: f32, rng: &mut ChaCha8Rng) -> Plane {
        let reduced = |side: usize| ((side as f32 / self.factor(sigma)).round() as u32).max(1);
        let whole = [0.0, 0.0, plane.width as f64, plane.height as f64];
        let (width, height) = (reduced(plane.width), reduced(plane.height));
        let small = Plane::luma(&view::resize_part(&plane.quantise(rng), whole, width, height, FilterType::Box), 1.0);
        let at = |index: usize, side: usize, small: usize| {
            let at = ((index as f32 + 0.5) * small as f32 / side as f32 - 0.5).clamp(0.0, small as f32 - 1.0);
            match self {
                Self::Pixelated => (at.round() as usize, 0.0),
                Self::Bilinear => (at as usize, at.fract()),
            }
        };
        let columns: Vec<_> = (0..plane.width).map(|x| at(x, plane.width, small.width)).collect();
        let mut values = Vec::with_capacity(plane.values.len());
        for y in 0..plane.height {
            let (top, down) = at(y, plane.height, small.height);
            let row = |row: usize| &small.values[row.min(small.height - 1) * small.width..][..small.width];
            let (upper, lower) = (row(top), row(top + 1));
            values.extend(columns.iter().map(|&(left, across)| {
                let right = (left + 1).min(small.width - 1);
                let mix = |row: &[f32]| row[left] + across * (row[right] - row[left]);
                mix(upper) + down * (mix(lower) - mix(upper))
            }));
        }
        Plane { values, ..*plane }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// A single bright column at every phase: its mean spread is what the label says.
    #[test]
    fn an_enlargement_spreads_light_as_far_as_its_label_says() {
        for kind in [Enlargement::Pixelated, Enlargement::Bilinear] {
            for sigma in [1.0f32, 2.0, 4.0] {
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                let (mut light, mut square) = (0.0, 0.0);
                for phase in 0..40 {
                    let centre = 100 + phase;
                    let values = (0..240 * 40).map(|index| f32::from(u8::from(index % 240 == centre))).collect();
                    let blurred = kind.blur(&Plane { width: 240, height: 40, values }, sigma, &mut rng);
                    for (x, value) in blurred.values[20 * 240..21 * 240].iter().enumerate() {
                        // Dither lifts the ground by half a level at most.
                        let value = (value - 0.5 / 255.0).max(0.0);
                        light += value;
                        square += value * (x as f32 - centre as f32).powi(2);
                    }
                }
                let found = (square / light).sqrt();
                assert!((found / sigma - 1.0).abs() < 0.15, "{kind:?} {sigma}: {found}");
            }
        }
    }
}

//! What ends or divides a photo: frames, rounded corners, the seam of a collage.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::mask::Mask;
use super::{Sheet, any_colour, contrary};
use crate::transform::Frame;

impl Sheet<'_> {
    /// A frame: on all sides of a whole photo, on some of a part's.
    pub(super) fn border(&mut self, rng: &mut ChaCha8Rng) {
        let [width, height] = self.size();
        // From 0.2 to 8 % of the long side, thin ones more often.
        let thickness = (2.0 * 40f32.powf(rng.random_range(0.0..1.0))).min(82.0) * self.scale;
        let sides: [bool; 4] = match self.frame {
            Frame::Part => std::array::from_fn(|_| rng.random_bool(0.5)),
            Frame::Whole | Frame::Upload => [true; 4],
        };
        let mut mask = self.mask();
        let strips = [
            ([0.0, 0.0], [width, thickness]),
            ([0.0, height - thickness], [width, height]),
            ([0.0, 0.0], [thickness, height]),
            ([width - thickness, 0.0], [width, height]),
        ];
        for (from, to) in strips.into_iter().zip(sides).filter_map(|(strip, drawn)| drawn.then_some(strip)) {
            mask.rectangle(from, to);
        }
        let colour = any_colour(rng);
        self.paint(&mask, colour, 1.0);
        if rng.random_bool(0.3) {
            self.grain(&mask, contrary(colour), rng);
        }
    }

    /// Fine streaks along one direction in what a mask covers, as of wood.
    fn grain(&mut self, mask: &Mask, colour: [u8; 3], rng: &mut ChaCha8Rng) {
        let (sin, cos) =
            [0.0, std::f32::consts::FRAC_PI_2, rng.random_range(0.0..3.2f32)][rng.random_range(0..3)].sin_cos();
        let waves = [0, 1, 2].map(|_| [rng.random_range(0.1..2.0f32) / self.scale, rng.random_range(0.0..6.3)]);
        let strength = rng.random_range(0.02..0.2f32);
        let width = self.image.width() as usize;
        let streak = |index: usize| {
            let across = (index % width) as f32 * cos + (index / width) as f32 * sin;
            waves.iter().map(|[length, phase]| (across * length + phase).sin().max(0.0)).sum::<f32>() * strength
        };
        let cover: Vec<f32> = mask.cover().iter().enumerate().map(|(index, cover)| cover * streak(index)).collect();
        self.paint(&Mask::of(width, cover), colour, 1.0);
    }

    /// Rounded corners on a plain ground.
    pub(super) fn corners(&mut self, rng: &mut ChaCha8Rng) {
        let size = self.size();
        let margin = if rng.random_bool(0.5) { 0.0 } else { rng.random_range(1.0..30.0) * self.scale };
        let mut mask = self.mask();
        let to = size.map(|side| side - margin);
        mask.rounded([margin; 2], to, rng.random_range(8.0..90.0) * self.scale);
        mask.invert();
        self.paint(&mask, any_colour(rng), 1.0);
    }

    /// The seam between two photos of a collage.
    pub(super) fn seam(&mut self, rng: &mut ChaCha8Rng) {
        let [width, height] = self.size();
        let thickness = rng.random_range(1.0..20.0) * self.scale;
        let at = rng.random_range(0.15..0.85);
        let mut mask = self.mask();
        if rng.random_bool(0.5) {
            mask.rectangle([at * width, 0.0], [at * width + thickness, height]);
        } else {
            mask.rectangle([0.0, at * height], [width, at * height + thickness]);
        }
        self.paint(&mask, any_colour(rng), 1.0);
    }
}

//! What is strewn over all of a photo: drops, flakes and dust, streaks of rain, the mesh of a screen or a fence.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Sheet, any_colour, contrary};

impl Sheet<'_> {
    /// Drops on a pane, flakes before the camera, dust on its sensor: many small discs, or streaks of one direction.
    pub(super) fn specks(&mut self, rng: &mut ChaCha8Rng) {
        let size = self.size();
        let largest = rng.random_range(2.0..24.0f32) * self.scale;
        let streaks = rng.random_bool(0.3);
        let (sin, cos) = rng.random_range(0.9..2.3f32).sin_cos();
        let colour = if rng.random_bool(0.7) { [rng.random_range(190..=255); 3] } else { any_colour(rng) };
        // Light bends in a drop: it has a bright and a dark side.
        let two_sided = !streaks && rng.random_bool(0.5);
        let (mut mask, mut shade) = (self.mask(), self.mask());
        for _ in 0..rng.random_range(20..200) {
            let at = size.map(|side| rng.random_range(0.0..1.0) * side);
            let radius = largest * rng.random_range(0.2..1.0f32);
            if streaks {
                let long = radius * rng.random_range(3.0..12.0);
                mask.stroke([at, [at[0] + long * cos, at[1] + long * sin]], (0.25 * radius).max(self.scale), false);
            } else {
                mask.ellipse(at.map(|along| along - radius), at.map(|along| along + radius));
                if two_sided {
                    let [x, y] = at;
                    shade.ellipse([x - radius, y], [x + radius, y + radius]);
                }
            }
        }
        let opacity = rng.random_range(0.25..0.9);
        self.paint(&mask, colour, opacity);
        if two_sided {
            self.paint(&shade, contrary(colour), opacity);
        }
    }

    /// Two families of thin lines at one distance.
    pub(super) fn mesh(&mut self, rng: &mut ChaCha8Rng) {
        let size = self.size();
        let apart = rng.random_range(6.0..60.0f32) * self.scale;
        let thickness = (apart * rng.random_range(0.05..0.25)).max(0.7);
        let turn = if rng.random_bool(0.5) { rng.random_range(-0.15..0.15) } else { rng.random_range(-0.8..0.8f32) };
        let far = size[0].hypot(size[1]);
        let mut mask = self.mask();
        for along in [turn, turn + std::f32::consts::FRAC_PI_2] {
            let (sin, cos) = along.sin_cos();
            let lines = (far / apart) as i32;
            for line in -lines / 2..=lines / 2 {
                let beside = line as f32 * apart;
                let middle = [size[0] / 2.0 - beside * sin, size[1] / 2.0 + beside * cos];
                let end = |way: f32| [middle[0] + way * far * cos, middle[1] + way * far * sin];
                mask.line([end(-0.5), end(0.5)], thickness);
            }
        }
        let colour = any_colour(rng);
        self.paint(&mask, colour, rng.random_range(0.25..0.9));
    }
}

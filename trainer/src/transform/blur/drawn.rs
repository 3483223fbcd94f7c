//! Scenes without texture: flat and shaded planes with sharp borders, as in newly painted rooms and rendered ones. Photos hardly
//! have such parts, and a network that never saw them takes smooth for blurred.

use clearshot_core::view;
use fast_image_resize::FilterType;
use image::{Rgb, RgbImage};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

const SIZE: [u32; 2] = [480, 400];
/// Drawn finer by this factor and averaged, so that borders lie anywhere between pixels.
const FINER: u32 = 2;

/// A convex four-sided plane.
struct Plane {
    corners: [[f32; 2]; 4],
    colour: [f32; 3],
    /// Change of light along both axes, levels for each pixel.
    slope: [f32; 2],
}

/// Draws a scene of planes, the later ones before the earlier.
pub(super) fn scene(rng: &mut ChaCha8Rng) -> RgbImage {
    let [width, height] = SIZE.map(|side| side * FINER);
    let count = rng.random_range(5..30);
    let planes: Vec<Plane> = (0..count).map(|index| plane(index as f32 / count as f32, rng)).collect();
    let ground: [f32; 3] = std::array::from_fn(|_| rng.random_range(40.0..235.0));
    let fine = RgbImage::from_fn(width, height, |x, y| {
        let at = [x as f32, y as f32];
        let plane = planes.iter().rev().find(|plane| plane.holds(at));
        let colour = plane.map_or(ground, |plane| plane.light(at));
        Rgb(colour.map(|level| level.clamp(0.0, 255.0) as u8))
    });
    let whole = [0.0, 0.0, f64::from(width), f64::from(height)];
    let mut image = view::resize_part(&fine, whole, SIZE[0], SIZE[1], FilterType::Box);
    let grain = rng.random_range(0.0..6.0f32);
    for pixel in image.pixels_mut() {
        let shift = grain * (rng.random::<f32>() - 0.5);
        pixel.0 = pixel.0.map(|level| (f32::from(level) + shift).round().clamp(0.0, 255.0) as u8);
    }
    image
}

/// A plane, the smaller the later it is drawn; most stand upright, as walls and furniture do.
fn plane(progress: f32, rng: &mut ChaCha8Rng) -> Plane {
    let [width, height] = SIZE.map(|side| (side * FINER) as f32);
    let size = |side: f32, rng: &mut ChaCha8Rng| side * (1.0 - 0.8 * progress) * rng.random_range(0.06..0.7f32);
    let (half, tall) = (size(width, rng) / 2.0, size(height, rng) / 2.0);
    let centre = [rng.random_range(0.0..width), rng.random_range(0.0..height)];
    let askew = if rng.random_bool(0.5) { 0.0 } else { 0.25 * half.min(tall) };
    let corners = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[across, down]: [f32; 2]| {
        let shift = |rng: &mut ChaCha8Rng| askew * rng.random_range(-1.0..=1.0f32);
        [centre[0] + across * half + shift(rng), centre[1] + down * tall + shift(rng)]
    });
    let level = rng.random_range(20.0..240.0f32);
    let colour = std::array::from_fn(|_| level + rng.random_range(-25.0..25.0f32));
    let slope = std::array::from_fn(|_| rng.random_range(-0.03..0.03f32));
    Plane { corners, colour, slope }
}

impl Plane {
    fn holds(&self, [x, y]: [f32; 2]) -> bool {
        (0..4).all(|index| {
            let ([ax, ay], [bx, by]) = (self.corners[index], self.corners[(index + 1) % 4]);
            (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0.0
        })
    }

    fn light(&self, at: [f32; 2]) -> [f32; 3] {
        let shade = self.slope[0] * (at[0] - self.corners[0][0]) + self.slope[1] * (at[1] - self.corners[0][1]);
        self.colour.map(|level| level + shade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_scene_has_sharp_borders_and_no_texture_between_them() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..5 {
            let image = scene(&mut rng);
            let steps: Vec<u8> = image
                .as_raw()
                .chunks_exact(3)
                .map(|p| p[1])
                .collect::<Vec<_>>()
                .windows(2)
                .map(|w| w[0].abs_diff(w[1]))
                .collect();
            let share = |from: u8| steps.iter().filter(|step| **step >= from).count() as f32 / steps.len() as f32;
            assert!(share(20) > 0.001 && share(8) < 0.2, "{} {}", share(20), share(8));
        }
    }
}

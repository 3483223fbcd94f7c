//! A picture that hangs crooked in a level room: its edges are no evidence of the room's tilt.

use image::{Rgb, RgbImage};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Hangs a part of the image somewhere else on it, turned by 3 to 25 degrees and framed.
pub(super) fn hang_crooked(image: &mut RgbImage, rng: &mut ChaCha8Rng) {
    let side = image.width().min(image.height()) as f32;
    let half = [rng.random_range(0.07..0.2f32) * side, rng.random_range(0.07..0.2f32) * side];
    let reach = half[0].hypot(half[1]);
    let anywhere = |side: u32, rng: &mut ChaCha8Rng| rng.random_range(reach..=(side as f32 - reach).max(reach));
    let place = [anywhere(image.width(), rng), anywhere(image.height(), rng)];
    let shows = [anywhere(image.width(), rng), anywhere(image.height(), rng)];
    let degrees = rng.random_range(3.0..25.0f32) * if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let (sin, cos) = degrees.to_radians().sin_cos();
    let frame = rng.random_range(0.0..0.06f32) * side;
    let colour = Rgb(std::array::from_fn(|_| rng.random_range(0..=255u8)));
    let from = image.clone();
    let pixel_at = |x: f32, y: f32| {
        let within = |at: f32, side: u32| at.round().clamp(0.0, side as f32 - 1.0) as u32;
        *from.get_pixel(within(x, from.width()), within(y, from.height()))
    };
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let [across, down] = [x as f32 - place[0], y as f32 - place[1]];
        let own = [cos * across + sin * down, cos * down - sin * across];
        // How far inside the picture's edge.
        let inside = (half[0] - own[0].abs()).min(half[1] - own[1].abs());
        if inside >= 0.0 {
            *pixel = if inside < frame { colour } else { pixel_at(shows[0] + own[0], shows[1] + own[1]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_picture_takes_a_part_of_the_image_only_and_its_edges_are_turned() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..10 {
            let level = RgbImage::from_fn(300, 300, |_, y| Rgb([if y % 20 < 10 { 60 } else { 180 }; 3]));
            let mut hung = level.clone();
            hang_crooked(&mut hung, &mut rng);
            let changed: Vec<(u32, u32)> = hung
                .enumerate_pixels()
                .filter(|(x, y, pixel)| level.get_pixel(*x, *y) != *pixel)
                .map(|(x, y, _)| (x, y))
                .collect();
            let share = changed.len() as f32 / 90_000.0;
            assert!((0.004..0.2).contains(&share), "{share}");
            // The first changed pixel of each row moves along a turned edge.
            let first = changed.iter().map(|at| at.1).min().expect("some changed");
            let last = changed.iter().map(|at| at.1).max().expect("some changed");
            assert!(last > first + 20);
        }
    }
}

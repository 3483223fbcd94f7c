//! A backlit room: the camera exposed for the windows, and the room lost light. The label is what the room lost.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{linear_light, strength_of};
use crate::raster::Planes;

/// Losses of V smaller than this are no backlight.
pub(super) const LEAST: f32 = -0.06;

/// Puts one to three bright windows into a photo and darkens all else, as less light would, so that its mean V falls by `loss`.
pub(super) fn darken(planes: &mut Planes, loss: f32, rng: &mut ChaCha8Rng) {
    let (width, height) = (planes.width as f32, planes.height as f32);
    let windows: Vec<[f32; 4]> = (0..rng.random_range(1..=3))
        .map(|_| {
            let size = [rng.random_range(0.08..0.35) * width, rng.random_range(0.12..0.5) * height];
            let from = [rng.random_range(0.0..width - size[0]), rng.random_range(0.0..0.7 * (height - size[1]))];
            [from[0], from[1], from[0] + size[0], from[1] + size[1]]
        })
        .collect();
    let bright: Vec<bool> = (0..planes.channels[0].len())
        .map(|index| {
            let at = [(index % planes.width) as f32, (index / planes.width) as f32];
            windows
                .iter()
                .any(|[left, top, right, bottom]| (*left..*right).contains(&at[0]) && (*top..*bottom).contains(&at[1]))
        })
        .collect();
    let room: Vec<usize> = (0..bright.len()).filter(|index| !bright[*index]).collect();
    let strength = strength_of(planes, &room, -loss, linear_light).unwrap_or(-6.0);
    // Of what is outside, nearly all is white.
    let left = rng.random_range(0.02..0.5f32);
    for channel in &mut planes.channels {
        for (value, bright) in channel.iter_mut().zip(&bright) {
            *value = if *bright { 1.0 - left * (1.0 - *value) } else { linear_light(*value, strength).clamp(0.0, 1.0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::hsv_value;
    use image::{Rgb, RgbImage};
    use rand::SeedableRng;

    #[test]
    fn the_room_loses_what_the_label_says_and_the_windows_do_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for _ in 0..10 {
            let image = RgbImage::from_fn(120, 90, |x, y| Rgb([(110 + x / 2) as u8, (100 + y / 2) as u8, 90]));
            let (before, mut after) = (Planes::from_image(&image), Planes::from_image(&image));
            darken(&mut after, 0.25, &mut rng);
            let value = |planes: &Planes, index: usize| hsv_value(std::array::from_fn(|c| planes.channels[c][index]));
            let changes: Vec<f32> = (0..120 * 90).map(|index| value(&after, index) - value(&before, index)).collect();
            let (room, windows): (Vec<f32>, Vec<f32>) = changes.iter().partition(|change| **change < 0.0);
            let mean = room.iter().sum::<f32>() / room.len() as f32;
            assert!((mean + 0.25).abs() < 0.02, "{mean}");
            assert!(windows.len() > 80 && room.len() > 4000, "{} {}", windows.len(), room.len());
        }
    }
}

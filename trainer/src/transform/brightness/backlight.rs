//! A part of the photo in the dark: a backlit room, for which the camera exposed for the windows, or a half that the flash did not
//! reach. The label is what the dark part lost.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{linear_light, strength_of};
use crate::raster::Planes;

/// Losses of V smaller than this are no backlight.
pub(super) const LEAST: f32 = -0.06;

/// Leaves a part of a photo lit and darkens all else, as less light would, so that its mean V falls by `loss`. What stays lit are mostly
/// one to three windows, and bright ones.
pub(super) fn darken(planes: &mut Planes, loss: f32, rng: &mut ChaCha8Rng) {
    if rng.random_bool(0.2) {
        let lit = half(planes, rng);
        darken_around(planes, &lit, loss, 1.0);
    } else {
        let lit = windows(planes, rng);
        // Of what is outside, nearly all is white.
        darken_around(planes, &lit, loss, rng.random_range(0.02..0.5f32));
    }
}

/// Darkens what is not lit; of what is lit, `left` of its distance to white is left.
fn darken_around(planes: &mut Planes, lit: &[f32], loss: f32, left: f32) {
    let unlit: Vec<usize> = (0..lit.len()).filter(|index| lit[*index] < 0.5).collect();
    let strength = strength_of(planes, &unlit, -loss, linear_light).unwrap_or(-6.0);
    for channel in &mut planes.channels {
        for (value, lit) in channel.iter_mut().zip(lit) {
            let darkened = linear_light(*value, strength).clamp(0.0, 1.0);
            *value = darkened + lit * (1.0 - left * (1.0 - *value) - darkened);
        }
    }
}

/// How far each pixel is lit where all on one side of a line is; the border is soft now and then.
fn half(planes: &Planes, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let (width, height) = (planes.width as f32, planes.height as f32);
    // Shutters move along the rows or the columns, shadows anyhow.
    let quarters = rng.random_range(0..4) as f32 * std::f32::consts::FRAC_PI_2;
    let turn = if rng.random_bool(0.6) { quarters } else { rng.random_range(0.0..std::f32::consts::TAU) };
    let (sin, cos) = turn.sin_cos();
    let reach = (width * cos).abs() + (height * sin).abs();
    let border = rng.random_range(-0.2..0.2f32) * reach;
    let soft = if rng.random_bool(0.5) { 1.0 } else { rng.random_range(0.02..0.25) * reach };
    let lit = |index: usize| {
        let at = [(index % planes.width) as f32 - width / 2.0, (index / planes.width) as f32 - height / 2.0];
        ((at[0] * cos + at[1] * sin - border) / soft + 0.5).clamp(0.0, 1.0)
    };
    (0..planes.channels[0].len()).map(lit).collect()
}

/// The same where windows are.
fn windows(planes: &Planes, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let (width, height) = (planes.width as f32, planes.height as f32);
    let windows: Vec<[f32; 4]> = (0..rng.random_range(1..=3))
        .map(|_| {
            let size = [rng.random_range(0.08..0.35) * width, rng.random_range(0.12..0.5) * height];
            let from = [rng.random_range(0.0..width - size[0]), rng.random_range(0.0..0.7 * (height - size[1]))];
            [from[0], from[1], from[0] + size[0], from[1] + size[1]]
        })
        .collect();
    let lit = |index: usize| {
        let at = [(index % planes.width) as f32, (index / planes.width) as f32];
        let within = |[left, top, right, bottom]: &[f32; 4]| {
            (*left..*right).contains(&at[0]) && (*top..*bottom).contains(&at[1])
        };
        f32::from(u8::from(windows.iter().any(within)))
    };
    (0..planes.channels[0].len()).map(lit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::hsv_value;
    use image::{Rgb, RgbImage};
    use rand::SeedableRng;

    /// The change of V of each pixel where all but what `part` keeps lit is darkened by 0.25, and how far each is lit.
    fn changes_of(
        part: fn(&Planes, &mut ChaCha8Rng) -> Vec<f32>,
        left: f32,
        rng: &mut ChaCha8Rng,
    ) -> (Vec<f32>, Vec<f32>) {
        let image = RgbImage::from_fn(120, 90, |x, y| Rgb([(110 + x / 2) as u8, (100 + y / 2) as u8, 90]));
        let (before, mut after) = (Planes::from_image(&image), Planes::from_image(&image));
        let lit = part(&before, rng);
        darken_around(&mut after, &lit, 0.25, left);
        let value = |planes: &Planes, index: usize| hsv_value(std::array::from_fn(|c| planes.channels[c][index]));
        ((0..120 * 90).map(|index| value(&after, index) - value(&before, index)).collect(), lit)
    }

    #[test]
    fn the_room_loses_what_the_label_says_and_the_windows_do_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for _ in 0..10 {
            let (room, windows): (Vec<f32>, Vec<f32>) =
                changes_of(windows, 0.25, &mut rng).0.into_iter().partition(|change| *change < 0.0);
            let mean = room.iter().sum::<f32>() / room.len() as f32;
            assert!((mean + 0.25).abs() < 0.02, "{mean}");
            assert!(windows.len() > 80 && room.len() > 4000, "{} {}", windows.len(), room.len());
        }
    }

    #[test]
    fn one_half_stays_as_it_was_and_the_other_loses_what_the_label_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for _ in 0..20 {
            let (changes, lit) = changes_of(half, 1.0, &mut rng);
            let of = |share: f32| -> Vec<f32> {
                changes.iter().zip(&lit).filter(|(_, lit)| **lit == share).map(|(change, _)| *change).collect()
            };
            let [dark, bright] = [0.0, 1.0].map(of);
            let mean = dark.iter().sum::<f32>() / dark.len() as f32;
            assert!((mean + 0.25).abs() < 0.04, "{mean}");
            assert!(dark.len() > 1000 && bright.len() > 1000, "{} {}", dark.len(), bright.len());
            assert!(bright.iter().all(|change| change.abs() < 1e-5));
        }
    }
}

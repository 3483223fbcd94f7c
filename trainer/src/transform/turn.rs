//! Turn: a photo that lies on its side or stands on its head. Magnitude 0 is upright, 1 any wrong right angle: the network learns to
//! rank the upright copy of a photo before the others, which the view makes of one upload.

use clearshot_core::scoring::orientation::{SIDEWAYS, TURN};
use clearshot_core::scoring::output::COPIES;
use clearshot_core::turn::turn_and_cut;
use clearshot_core::view::{self, SQUARES};
use fast_image_resize::FilterType;
use image::{Rgb, RgbImage, imageops};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Degraded, FaultSpec, Frame, Severity, Spec, Transformation};
use crate::overlay;
use crate::raster::{self, Planes};
use crate::upload;

/// Right-angle turns.
pub(super) struct Turn;

const SPEC: Spec = Spec {
    name: TURN,
    title: "Turned by right angles",
    unit: "",
    range: [0.0, 1.0],
    view: "turn-copies/3",
    low: None,
    high: FaultSpec { code: SIDEWAYS, severity: Severity::Fixable, advice: "Turn the photo upright." },
    trained: [0.0, 1.0],
    usual: [0.0, 1.0],
    evaluated: [0.0, 1.0],
    steps: 6000,
    widening: 1.0,
    second_look: None,
    intended_use: "Whether a property or car photo lies on its side or stands on its head although its file says nothing of \
                   it. Close-ups, plans and views from above have no upright side; they get low probabilities.",
};

impl Transformation for Turn {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn draw(&self, _range: [f32; 2], rng: &mut ChaCha8Rng) -> f32 {
        f32::from(u8::from(rng.random_bool(0.6)))
    }

    fn degrade(
        &self,
        photo: &RgbImage,
        magnitude: f32,
        _range: [f32; 2],
        frame: Frame,
        rng: &mut ChaCha8Rng,
    ) -> Degraded {
        let turns = if magnitude > 0.5 { rng.random_range(1..COPIES) } else { 0 };
        turned(photo, turns, frame, rng)
    }

    fn list(&self, photo: &RgbImage, frame: Frame, rng: &mut ChaCha8Rng) -> Option<Vec<(Vec<f32>, f32)>> {
        let turns = rng.random_range(0..COPIES);
        let view = SPEC.view().tensor(&upload::receive(turned(photo, turns, frame, rng), frame, rng));
        // One square: a part of a photo is one.
        let copies = view.chunks(view.len() / (SQUARES * COPIES)).take(COPIES).enumerate();
        Some(copies.map(|(copy, values)| (values.to_vec(), f32::from(u8::from(copy != turns)))).collect())
    }
}

/// A degraded photo, turned clockwise by so many right angles.
fn turned(photo: &RgbImage, turns: usize, frame: Frame, rng: &mut ChaCha8Rng) -> Degraded {
    let pixels = match frame {
        Frame::Part => square_part(photo, rng),
        Frame::Whole | Frame::Upload => view::shrink_to(photo.clone(), 640, FilterType::Lanczos3),
    };
    let mut pixels = by_right_angles(pixels, turns);
    if frame == Frame::Part {
        // Laid over after the turn: marks are as upright as their portal's pages are, whatever the photo is.
        overlay::sometimes(&mut pixels, 0.25, frame, rng);
    }
    Degraded { long_side: pixels.width().max(pixels.height()), pixels }
}

/// A photo turned clockwise by so many right angles.
pub(crate) fn by_right_angles(photo: RgbImage, turns: usize) -> RgbImage {
    match turns % COPIES {
        0 => photo,
        1 => imageops::rotate90(&photo),
        2 => imageops::rotate180(&photo),
        _ => imageops::rotate270(&photo),
    }
}

/// A square of the photo as cameras and owners would have made it: tilted a little, in another light, softer, noisy. Far more varied than
/// uploads are, and a part of it hidden now and then: what is up shall be told by the scene, not by a photo that is known by heart.
fn square_part(photo: &RgbImage, rng: &mut ChaCha8Rng) -> RgbImage {
    let photo = view::shrink_to(photo.clone(), 360, FilterType::Bilinear);
    let photo = if rng.random_bool(0.5) { turn_and_cut(&photo, rng.random_range(-10.0..10.0), 10.0) } else { photo };
    let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
    let side = (width.min(height) * rng.random_range(0.55..=1.0)).floor().max(1.0);
    let left = rng.random_range(0.0..=width - side);
    let top = rng.random_range(0.0..=height - side);
    let scaled = rng.random_range(108..208);
    let square = view::resize_part(&photo, [left, top, side, side], scaled, scaled, raster::any_filter(rng));
    let mut planes = Planes::from_image(&square);
    let colourfulness = if rng.random_bool(0.15) { 0.0 } else { rng.random_range(0.4f32..1.4) };
    let swapped = rng.random_bool(0.1);
    let gamma = rng.random_range(0.5f32..1.8);
    let tint: [f32; 3] = std::array::from_fn(|_| rng.random_range(0.75..1.2));
    planes.map_pixels(|[red, green, blue]| {
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        let rgb = if swapped { [blue, green, red] } else { [red, green, blue] };
        std::array::from_fn(|channel| {
            let value = (luma + colourfulness * (rgb[channel] - luma)).clamp(0.0, 1.0);
            (value.powf(gamma) * tint[channel]).clamp(0.0, 1.0)
        })
    });
    if rng.random_bool(0.3) {
        planes = planes.convolve_separable(&raster::gaussian(rng.random_range(0.3..2.0), 6));
    }
    let mut square = planes.quantise(rng.random_range(0.0..0.03), rng);
    if rng.random_bool(0.4) {
        hide_a_part(&mut square, rng);
    }
    square
}

/// Fills a rectangle of an eighth to two fifths of a square's side each way with one colour (random erasing, Zhong et al., AAAI 2020).
fn hide_a_part(square: &mut RgbImage, rng: &mut ChaCha8Rng) {
    let side = square.width();
    let [width, height] = std::array::from_fn(|_| rng.random_range(side / 8..=side * 2 / 5));
    let (left, top) = (rng.random_range(0..=side - width), rng.random_range(0..=side - height));
    let colour = Rgb(std::array::from_fn(|_| rng.random()));
    for y in top..top + height {
        for x in left..left + width {
            square.put_pixel(x, y, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn of_a_list_one_copy_is_upright_and_the_others_are_its_turns() {
        let photo = RgbImage::from_fn(400, 300, |_, y| Rgb([if y < 150 { 220 } else { 30 }; 3]));
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..10 {
            let list = Turn.list(&photo, Frame::Whole, &mut rng).expect("turns are compared as lists");
            assert_eq!(list.len(), COPIES);
            for (copy, magnitude) in list {
                let half = copy.len() / 6;
                let light = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
                // The red plane: above and below.
                let (above, below) = (light(&copy[..half]), light(&copy[half..2 * half]));
                assert_eq!(above > 2.0 * below, magnitude < 0.5, "{above} {below}");
            }
        }
    }

    #[test]
    fn only_a_wrong_turn_moves_what_is_above() {
        let photo = RgbImage::from_fn(400, 300, |_, y| Rgb([if y < 150 { 220 } else { 30 }; 3]));
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let sky_is_above = |photo: &RgbImage| {
            let mean = |rows: std::ops::Range<u32>| {
                rows.map(|y| u32::from(photo.get_pixel(photo.width() / 2, y)[0])).sum::<u32>()
            };
            let half = photo.height() / 2;
            let left: u32 = (0..photo.height()).map(|y| u32::from(photo.get_pixel(2, y)[0])).sum();
            let right: u32 = (0..photo.height()).map(|y| u32::from(photo.get_pixel(photo.width() - 3, y)[0])).sum();
            mean(0..half) > 2 * mean(half..2 * half) && left.abs_diff(right) < 60 * photo.height()
        };
        for magnitude in [0.0, 1.0] {
            for _ in 0..10 {
                let degraded = Turn.degrade(&photo, magnitude, [0.0, 1.0], Frame::Whole, &mut rng).pixels;
                assert_eq!(sky_is_above(&degraded), magnitude < 0.5);
            }
        }
        let part = Turn.degrade(&photo, 0.0, [0.0, 1.0], Frame::Part, &mut rng).pixels;
        assert_eq!(part.width(), part.height());
    }
}

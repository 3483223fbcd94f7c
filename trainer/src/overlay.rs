//! What is laid over a photo after it was taken: a dealer's banner, a ribbon across it, logos, stickers, date stamps, watermarks, texts
//! on a pane, insets with a map or a plan, frames, rounded corners, collage seams, drops, flakes, a mesh. All of it is sharp and none
//! of it is photo. A network that never saw such things believes them: 4 px of blur under a banner read 0.0, and a ribbon that says
//! "sold" tilted a level room. So a third of all samples carry them, **after** the degradation and with the label unchanged.
//!
//! Sizes are those of the reference view, since training samples are parts of a view.

mod edges;
mod graphics;
mod mask;
mod scatter;
mod text;

use image::{Rgb, RgbImage};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::transform::Frame;
use mask::Mask;
use text::Writing;

/// Share of samples that carry overlays.
const SHARE: f64 = 1.0 / 3.0;

/// Lays one to three overlays over a third of all images. `scale`: pixels of the image for each of the reference view's.
pub fn sometimes(image: &mut RgbImage, scale: f32, frame: Frame, rng: &mut ChaCha8Rng) {
    if !rng.random_bool(SHARE) {
        return;
    }
    let count = match rng.random_range(0..20) {
        0..=13 => 1,
        14..=17 => 2,
        _ => 3,
    };
    for _ in 0..count {
        lay_over(image, scale, frame, rng);
    }
}

/// Lays one overlay of any kind over an image.
pub fn lay_over(image: &mut RgbImage, scale: f32, frame: Frame, rng: &mut ChaCha8Rng) {
    let mut sheet = Sheet { image, scale, frame };
    match rng.random_range(0..31) {
        0..=3 => sheet.banner(rng),
        4..=6 => sheet.logo(rng),
        7..=8 => sheet.date(rng),
        9..=11 => sheet.watermark(rng),
        12..=14 => sheet.caption(rng),
        15..=18 => sheet.border(rng),
        19 => sheet.corners(rng),
        20 => sheet.seam(rng),
        21..=23 => sheet.ribbon(rng),
        24 => sheet.sticker(rng),
        25 => sheet.pane(rng),
        26..=27 => sheet.inset(rng),
        28..=29 => sheet.specks(rng),
        _ => sheet.mesh(rng),
    }
}

/// An image to draw on.
struct Sheet<'a> {
    image: &'a mut RgbImage,
    scale: f32,
    frame: Frame,
}

impl Sheet<'_> {
    fn size(&self) -> [f32; 2] {
        [self.image.width() as f32, self.image.height() as f32]
    }

    fn mask(&self) -> Mask {
        Mask::new(self.image.width() as usize, self.image.height() as usize)
    }

    /// Blends a colour in where the mask lies.
    fn paint(&mut self, mask: &Mask, colour: [u8; 3], opacity: f32) {
        for (pixel, &cover) in self.image.pixels_mut().zip(mask.cover()) {
            if cover > 0.0 {
                let share = cover * opacity;
                for (value, wanted) in pixel.0.iter_mut().zip(colour) {
                    *value = (f32::from(*value) + share * (f32::from(wanted) - f32::from(*value))).round() as u8;
                }
            }
        }
    }

    /// Text at a place, now and then with a shadow or an outline that sets it off the photo.
    fn write(&mut self, writing: &Writing, at: [f32; 2], colour: [u8; 3], opacity: f32, rng: &mut ChaCha8Rng) {
        if rng.random_bool(0.25) {
            let offset = rng.random_range(1.0..3.0) * self.scale;
            let mut shadow = self.mask();
            writing.draw(&mut shadow, at.map(|along| along + offset));
            self.paint(&shadow, contrary(colour), opacity);
        }
        let mut mask = self.mask();
        writing.draw(&mut mask, at);
        self.paint(&mask, colour, opacity);
    }

    /// A camera's date stamp: digits in a bright colour.
    fn date(&mut self, rng: &mut ChaCha8Rng) {
        let writing = Writing::digits(rng.random_range(12.0..44.0) * self.scale, rng);
        let at = self.corner([writing.width(), writing.height], rng);
        let colour =
            [[255, 140, 30], [255, 220, 60], [255, 70, 40], [255, 255, 255], [180, 255, 120]][rng.random_range(0..5)];
        self.write(&writing, at, colour, 1.0, rng);
    }

    /// Half transparent text: once and large, or repeated over all of the photo.
    fn watermark(&mut self, rng: &mut ChaCha8Rng) {
        let [width, height] = self.size();
        let tiled = rng.random_bool(0.5);
        let letters = if tiled { rng.random_range(10.0..44.0) } else { rng.random_range(40.0..300.0) } * self.scale;
        let writing = Writing::any(letters, rng).turned(rng.random_range(-0.8..0.8));
        let colour = if rng.random_bool(0.7) { [255; 3] } else { any_colour(rng) };
        let opacity = rng.random_range(0.12..0.8);
        let mut mask = self.mask();
        if tiled {
            let apart = [writing.width() + letters, letters * rng.random_range(2.0..6.0)];
            let rows = (height / apart[1]).ceil() as i32 + 1;
            let columns = (width / apart[0]).ceil() as i32 + 1;
            for (row, column) in (-1..rows).flat_map(|row| (-1..columns).map(move |column| (row, column))) {
                let shifted = if row % 2 == 0 { 0.0 } else { 0.5 };
                writing.draw(&mut mask, [(column as f32 + shifted) * apart[0], row as f32 * apart[1]]);
            }
        } else {
            writing.draw(&mut mask, [rng.random_range(-0.3..0.4) * width, rng.random_range(0.1..0.8) * height]);
        }
        self.paint(&mask, colour, opacity);
    }

    /// Plain text on the photo itself.
    fn caption(&mut self, rng: &mut ChaCha8Rng) {
        let [width, height] = self.size();
        let letters = rng.random_range(9.0..64.0f32) * self.scale;
        let at = [rng.random_range(-0.2..0.6) * width, rng.random_range(0.0..0.95) * height];
        let colour = any_colour(rng);
        for line in 0..rng.random_range(1..4) {
            let writing = Writing::any(letters, rng);
            self.write(&writing, [at[0], at[1] + 1.5 * line as f32 * letters], colour, rng.random_range(0.5..1.0), rng);
        }
    }

    /// Where something of a size begins that stands in a corner; sometimes, as a part may show any of the frame, anywhere.
    fn corner(&self, size: [f32; 2], rng: &mut ChaCha8Rng) -> [f32; 2] {
        let anywhere = self.frame == Frame::Part && rng.random_bool(0.5);
        let margin = rng.random_range(0.0..24.0) * self.scale;
        let [width, height] = self.size();
        let mut along = |side: f32, length: f32| {
            let room = (side - length).max(0.0);
            let far = if anywhere { rng.random_range(0.0..1.0) } else { f32::from(u8::from(rng.random_bool(0.5))) };
            margin.min(room / 2.0) + far * (room - 2.0 * margin.min(room / 2.0))
        };
        [along(width, size[0]), along(height, size[1])]
    }
}

/// White, black, or any colour.
fn any_colour(rng: &mut ChaCha8Rng) -> [u8; 3] {
    match rng.random_range(0..20) {
        0..=6 => [255; 3],
        7..=10 => [0; 3],
        11 | 12 => [rng.random(); 3],
        _ => std::array::from_fn(|_| rng.random()),
    }
}

fn brightness(colour: [u8; 3]) -> u32 {
    colour.iter().map(|&value| u32::from(value)).sum()
}

fn contrary(colour: [u8; 3]) -> [u8; 3] {
    if brightness(colour) > 382 { [0; 3] } else { [255; 3] }
}

/// A colour that can be told from a ground.
fn readable_on(ground: [u8; 3], rng: &mut ChaCha8Rng) -> [u8; 3] {
    let colour = any_colour(rng);
    if brightness(colour).abs_diff(brightness(ground)) > 200 { colour } else { Rgb(contrary(ground)).0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// Gray ground, one overlay of a kind, the share of pixels it changed.
    fn changed(kind: fn(&mut Sheet<'_>, &mut ChaCha8Rng), seed: u64, scale: f32, frame: Frame) -> (RgbImage, f32) {
        let mut image = RgbImage::from_pixel((360.0 * scale) as u32, (320.0 * scale) as u32, Rgb([127; 3]));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        kind(&mut Sheet { image: &mut image, scale, frame }, &mut rng);
        let count = image.pixels().filter(|pixel| pixel.0 != [127; 3]).count();
        let share = count as f32 / (image.width() * image.height()) as f32;
        (image, share)
    }

    #[test]
    fn every_kind_draws_something_and_leaves_most_of_the_photo() {
        let kinds: [fn(&mut Sheet<'_>, &mut ChaCha8Rng); 14] = [
            |sheet, rng| sheet.banner(rng),
            |sheet, rng| sheet.logo(rng),
            |sheet, rng| sheet.date(rng),
            |sheet, rng| sheet.watermark(rng),
            |sheet, rng| sheet.caption(rng),
            |sheet, rng| sheet.border(rng),
            |sheet, rng| sheet.corners(rng),
            |sheet, rng| sheet.seam(rng),
            |sheet, rng| sheet.ribbon(rng),
            |sheet, rng| sheet.sticker(rng),
            |sheet, rng| sheet.pane(rng),
            |sheet, rng| sheet.inset(rng),
            |sheet, rng| sheet.specks(rng),
            |sheet, rng| sheet.mesh(rng),
        ];
        for (index, kind) in kinds.into_iter().enumerate() {
            let shares: Vec<f32> = (0..40).map(|seed| changed(kind, seed, 1.0, Frame::Part).1).collect();
            let drawn = shares.iter().filter(|share| **share > 0.0005).count();
            assert!(drawn >= 30, "kind {index} drew {drawn} of 40 times");
            let mean = shares.iter().sum::<f32>() / 40.0;
            assert!(mean < 0.4, "kind {index} covers {mean} of the photo");
        }
    }

    #[test]
    fn overlays_are_as_large_as_the_reference_view_has_them() {
        // The same draw at twice the scale covers the same share of an image twice as large.
        for seed in 0..12 {
            let [small, large] =
                [1.0, 2.0].map(|scale| changed(|sheet, rng| sheet.banner(rng), seed, scale, Frame::Whole).1);
            assert!((small - large).abs() < 0.06, "{seed}: {small} {large}");
        }
    }

    #[test]
    fn a_frame_of_a_whole_photo_has_four_sides_and_text_has_sharp_edges() {
        let (image, _) = changed(|sheet, rng| sheet.border(rng), 5, 1.0, Frame::Whole);
        let edge = image.get_pixel(0, 0);
        let last = [image.width() - 1, image.height() - 1];
        let middles = [(180, 0), (180, last[1]), (0, 160), (last[0], 160)];
        assert!(middles.into_iter().all(|(x, y)| image.get_pixel(x, y) == edge) && edge.0 != [127; 3]);
        let steepest = |image: &RgbImage| {
            let pairs = image.as_raw().chunks_exact(3).zip(image.as_raw()[3..].chunks_exact(3));
            pairs.map(|(a, b)| a[0].abs_diff(b[0])).max().unwrap_or(0)
        };
        for seed in 0..10 {
            let (image, _) = changed(|sheet, rng| sheet.date(rng), seed, 1.0, Frame::Whole);
            assert!(steepest(&image) > 40, "seed {seed}: {}", steepest(&image));
        }
    }

    #[test]
    fn a_third_of_all_images_carry_overlays() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let count = (0..600)
            .filter(|_| {
                let mut image = RgbImage::from_pixel(160, 120, Rgb([90; 3]));
                sometimes(&mut image, 0.5, Frame::Whole, &mut rng);
                image.pixels().any(|pixel| pixel.0 != [90; 3])
            })
            .count();
        assert!((160..=230).contains(&count), "{count} of 600");
    }
}

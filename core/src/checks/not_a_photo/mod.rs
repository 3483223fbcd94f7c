//! How much the picture looks drawn rather than photographed: plans, maps, charts, documents, QR codes, screenshots; 0 to 1. It is
//! the larger of two values: of a logistic regression on sixteen features of the reference view (`features`) and their products, fitted to
//! photos (as they are, over- and underexposed, blurred, compressed) and to drawings, see docs/checks.md, and of what looks like
//! a page of text with a photo in it (`page`). Above 0.5 it is no photo. What is no photo has neither tilt nor light nor focus:
//! `scoring::no_photo` says what becomes of it.

mod features;
mod page;
#[expect(clippy::approx_constant, reason = "a fitted weight that happens to look like a third of pi")]
mod weights;

use super::sample::Sample;
use super::{Check, Evidence, fault};
use crate::metric::Severity;
use features::{COUNT, features};
use page::page;
use weights::{BIAS, CENTRES, LINEAR, PRODUCTS, SPREADS};

/// Name of the check, of its reason and of the profile's option.
pub const NAME: &str = "not_a_photo";
/// Value above which a picture is no photo, unless a profile bounds it otherwise.
pub(crate) const THRESHOLD: f32 = 0.5;

pub(super) fn check() -> Check {
    Check {
        name: NAME,
        title: "Drawn rather than photographed",
        unit: "",
        low: None,
        high: Some(fault(
            NAME,
            Severity::Retake,
            "Send a photo: this looks like a plan, a map, a document or a screenshot.",
        )),
        of_photos: false,
        certainty: 1.0,
        measure: |Evidence { reference, sample, .. }| Some(drawn(sample).max(page(reference, sample))),
    }
}

/// Standard deviations from its mean at which a feature is cut off: beyond what was fitted, squares would decide alone.
const FARTHEST: f32 = 3.0;

fn drawn(sample: &Sample) -> f32 {
    let Some(features) = features(sample) else { return 0.0 };
    let features: [f32; COUNT] =
        std::array::from_fn(|at| ((features[at] - CENTRES[at]) / SPREADS[at]).clamp(-FARTHEST, FARTHEST));
    let mut products = PRODUCTS.iter();
    let mut sum = BIAS;
    for (at, feature) in features.iter().enumerate() {
        sum += LINEAR[at] * feature;
        sum += features[at..].iter().zip(&mut products).map(|(other, weight)| weight * feature * other).sum::<f32>();
    }
    1.0 / (1.0 + (-sum).exp())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;
    use crate::view::ReferenceView;

    fn of(image: &RgbImage) -> f32 {
        drawn(&Sample::of(&ReferenceView::new(image.clone())))
    }

    fn compressed(image: &RgbImage, quality: u8) -> RgbImage {
        let mut bytes = Vec::new();
        let [width, height] = [image.width(), image.height()].map(|side| side as u16);
        Encoder::new(&mut bytes, quality).encode(image.as_raw(), width, height, ColorType::Rgb).expect("it encodes");
        image::load_from_memory(&bytes).expect("it decodes").into_rgb8()
    }

    /// Walls of some rooms, a window in each, and dashes in the place of text.
    fn plan(ink: [u8; 3], paper: [u8; 3], wall: u32) -> RgbImage {
        RgbImage::from_fn(1000, 700, |x, y| {
            let inside = (60..940).contains(&x) && (50..650).contains(&y);
            let on_wall =
                inside && ((x - 60) % 219 < wall || (y - 50) % 197 < wall || x >= 940 - wall || y >= 650 - wall);
            let (u, v) = (x % 219, y % 197);
            let text = inside && (80..84).contains(&v) && (100..180).contains(&u) && u % 7 < 4;
            Rgb(if on_wall || text { ink } else { paper })
        })
    }

    /// Smooth shading, edges of all heights, and grain.
    fn photo(level: f32, gain: f32) -> RgbImage {
        RgbImage::from_fn(1000, 700, |x, y| {
            let (u, v) = (x as f32, y as f32);
            let blobs =
                (u * 0.021).sin() * (v * 0.017).cos() * 50.0 + ((u * 0.13 + v * 0.05).sin() * 3.0).tanh() * 20.0;
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503).rotate_left(7) ^ (x * y)) % 13;
            let wave = blobs + (u * 0.3).sin() * (v * 0.4).sin() * 14.0 + grain as f32;
            Rgb([1.0, 0.96, 0.9].map(|tint: f32| ((level + gain * wave) * tint).clamp(0.0, 255.0) as u8))
        })
    }

    /// field/README.md, kind 20.
    #[test]
    fn plans_are_drawn_on_any_paper_and_after_compression() {
        for (ink, paper, wall) in [
            ([0; 3], [255; 3], 6),
            ([40, 40, 50], [245, 240, 228], 9),
            ([230; 3], [20, 22, 30], 6),
            ([0; 3], [255; 3], 3),
        ] {
            let plan = plan(ink, paper, wall);
            assert!(of(&plan) > THRESHOLD, "{ink:?} on {paper:?}: {}", of(&plan));
            for quality in [70, 85, 95] {
                let found = of(&compressed(&plan, quality));
                assert!(found > THRESHOLD, "{ink:?} on {paper:?} at {quality}: {found}");
            }
        }
    }

    /// White studios, snow and blown-out photos are as white as paper; what is not white in them has grain and soft edges.
    #[test]
    fn photos_are_not_drawn_however_light_dark_or_soft() {
        let smooth = image::imageops::blur(&photo(120.0, 1.0), 6.0);
        let wall =
            RgbImage::from_fn(1000, 700, |x, y| Rgb([(170 + (x + y) / 60 + (x * 7 + y * 13 + x * y) % 5) as u8; 3]));
        let cases = [
            ("as it is", photo(120.0, 1.0)),
            ("blown out", photo(235.0, 1.3)),
            ("underexposed", photo(12.0, 0.4)),
            ("blurred", smooth),
            ("a wall", wall),
            ("white", RgbImage::from_pixel(1000, 700, Rgb([255; 3]))),
        ];
        for (name, picture) in cases {
            let found = of(&compressed(&picture, 88));
            assert!(found <= THRESHOLD, "{name}: {found}");
        }
    }

    #[test]
    fn what_has_no_edge_is_a_photo() {
        assert!(of(&RgbImage::new(640, 480)) < THRESHOLD);
        assert!(of(&RgbImage::new(7, 40)) < THRESHOLD);
    }
}

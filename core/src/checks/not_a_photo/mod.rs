//! How much the picture looks drawn rather than photographed: plans, maps, charts, documents, QR codes, screenshots; 0 to 1. It is
//! the larger of two values: of a logistic regression on sixteen features of the reference view (`features`) and their products, fitted to
//! photos (as they are, over- and underexposed, blurred, compressed) and to drawings, see docs/checks.md, and of what looks like
//! a page of text with a photo in it (`page`). Above 0.5 it is no photo. What is no photo has neither tilt nor light nor focus:
//! `scoring::no_photo` says what becomes of it.
//!
//! Three kinds are told beside the regression, which was not fitted to them: what is black and white alone is none, shaded pictures are
//! photos whatever lies over them, and photos of few colours (`palette`) are looked at without the dots of their dither.

mod features;
mod page;
mod palette;
#[expect(clippy::approx_constant, reason = "a fitted weight that happens to look like a third of pi")]
mod weights;

use super::sample::Sample;
use super::{Check, Evidence, fault};
use crate::metric::Severity;
use features::{BETWEEN, COUNT, STEEP, features};
use page::page;
use palette::{has_two_levels, is_even};
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
        bins: &[0.01, 0.1, 0.3, 0.5, 0.7, 0.9],
        measure: |Evidence { reference, sample, .. }| Some(drawn(sample).max(page(reference, sample))),
    }
}

/// Standard deviations from its mean at which a feature is cut off: beyond what was fitted, squares would decide alone.
const FARTHEST: f32 = 3.0;

/// What is shaded: entropy of the levels between black and white, in bits, and steep steps, as a share of all. Drawings have as many levels
/// where compression or scaling softened their edges, which are steep.
const SHADES: f32 = 7.0;
const STEEP_STEPS: f32 = 0.12;

fn drawn(sample: &Sample) -> f32 {
    // Also where no block has an edge, as in a code whose modules lie on the grid of blocks.
    if has_two_levels(&sample.histogram) {
        return 1.0;
    }
    let Some(found) = features(sample) else { return 0.0 };
    if is_even(&sample.histogram) {
        features(&sample.smoothed()).map_or(0.0, |smooth| unless_shaded(&found).min(unless_shaded(&smooth)))
    } else {
        unless_shaded(&found)
    }
}

fn unless_shaded(features: &[f32; COUNT]) -> f32 {
    let is_shaded = features[BETWEEN] >= SHADES && features[STEEP] < STEEP_STEPS;
    if is_shaded { 0.0 } else { regression(features) }
}

fn regression(features: &[f32; COUNT]) -> f32 {
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

    use super::*;
    use crate::ingest::samples::compressed;
    use crate::view::ReferenceView;

    fn of(image: &RgbImage) -> f32 {
        drawn(&Sample::of(&ReferenceView::new(image.clone())))
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

    /// In levels that are `step` apart; of pixels between two of them the more have the upper one the nearer they are to it.
    fn dithered(image: &RgbImage, step: u8) -> RgbImage {
        const OFTEN: [[u16; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];
        RgbImage::from_fn(image.width(), image.height(), |x, y| {
            let step = u16::from(step);
            let add = OFTEN[y as usize % 4][x as usize % 4] * step / 16;
            Rgb(image.get_pixel(x, y).0.map(|level| ((u16::from(level) + add) / step * step).min(255) as u8))
        })
    }

    /// A palette leaves a photo few levels, in dots or in patches; a plan has few of its own.
    #[test]
    fn photos_of_few_colours_are_photos_and_dithered_plans_are_none() {
        let photo = photo(125.0, 1.8);
        let patches = RgbImage::from_fn(1000, 700, |x, y| Rgb(photo.get_pixel(x, y).0.map(|level| level / 24 * 24)));
        for (name, picture) in [("dots", dithered(&photo, 32)), ("patches", patches)] {
            let sample = Sample::of(&ReferenceView::new(picture));
            let as_it_is = regression(&features(&sample).expect("it has edges"));
            assert!(as_it_is > THRESHOLD, "{name}: the regression alone took it for a drawing: {as_it_is}");
            assert!(drawn(&sample) < 0.1, "{name}: {}", drawn(&sample));
        }
        for (ink, paper) in [([40, 40, 50], [245, 240, 228]), ([230; 3], [20, 22, 30])] {
            let found = of(&dithered(&plan(ink, paper, 9), 51));
            assert!(found > THRESHOLD, "{ink:?} on {paper:?}: {found}");
        }
    }

    #[test]
    fn a_fax_is_no_photo_whatever_it_shows() {
        let gray = image::DynamicImage::from(photo(125.0, 1.8)).to_luma8();
        let gray = RgbImage::from_fn(1000, 700, |x, y| Rgb([gray.get_pixel(x, y).0[0]; 3]));
        assert!(of(&dithered(&gray, 255)) > 0.99);
    }

    #[test]
    fn a_blurred_photo_below_dashed_lines_is_shaded() {
        let mut picture = image::imageops::blur(&photo(125.0, 1.8), 4.0);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (x % 100 < 3 && y % 40 < 20) || (y % 70 < 3 && x % 40 < 20) {
                *pixel = Rgb([255; 3]);
            }
        }
        let found = features(&Sample::of(&ReferenceView::new(picture.clone()))).expect("it has edges");
        assert!(regression(&found) > THRESHOLD && of(&picture) < 0.1, "{} {}", regression(&found), of(&picture));
    }

    /// The regression alone calls large modules of two colours a photo.
    #[test]
    fn a_code_of_two_colours_is_drawn_also_after_compression() {
        for (ink, paper) in [([0; 3], [255; 3]), ([20, 30, 80], [250, 248, 240]), ([235; 3], [25, 28, 34])] {
            let code = RgbImage::from_fn(720, 600, |x, y| {
                let module = (x / 24).wrapping_mul(2_654_435_761) ^ (y / 24).wrapping_mul(2_246_822_519);
                Rgb(if module.wrapping_mul(3_266_489_917) >> 31 == 0 { ink } else { paper })
            });
            for quality in [95, 80, 60] {
                assert!(of(&compressed(&code, quality)) > THRESHOLD, "{ink:?} on {paper:?} at {quality}");
            }
        }
        // A silhouette has a sky of many levels.
        let silhouette = RgbImage::from_fn(720, 600, |x, y| {
            let is_ground = f64::from(y) > 300.0 + 80.0 * (f64::from(x) * 0.02).sin();
            Rgb([if is_ground { 8 } else { 150 + (y / 4) as u8 }; 3])
        });
        let sample = Sample::of(&ReferenceView::new(compressed(&silhouette, 90)));
        assert!(!has_two_levels(&sample.histogram), "it may be a photo");
    }

    #[test]
    fn what_has_no_edge_is_a_photo() {
        assert!(of(&RgbImage::new(640, 480)) < THRESHOLD);
        assert!(of(&RgbImage::new(7, 40)) < THRESHOLD);
        let without_light = RgbImage::from_fn(640, 480, |x, y| Rgb([u8::from((x * 7 + y * 13) % 11 < 3); 3]));
        assert!(of(&without_light) < THRESHOLD);
    }
}

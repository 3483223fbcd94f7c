//! How much more light a window, the sky or a lamp gives than the rest of the photo, in stops (EV): binary logarithm of mean light of the
//! blocks that are nearly white over median light of the others, light being luma without sRGB's curve (IEC 61966-2-1). It is 0 where
//! nothing, or most of the photo, is nearly white: a snowy field is no backlight. A camera that exposes for a window leaves the room dark
//! (field/README.md, kind 23). Bright windows are common and no fault by themselves; of a photo that is too dark they tell why, see
//! `scoring/verdict.rs`.

use super::sample::Sample;
use super::{Check, Evidence, fault};
use crate::metric::Severity;

/// Name of the check.
pub const NAME: &str = "backlight";
/// Stops from which on a photo that is too dark is called backlit. Of 400 good photos of rooms, houses and cars 8, 9 and 27 % have more, of
/// those with the room at 20 % of its light before windows all.
pub(crate) const BACKLIT_FROM: f32 = 2.5;

/// Mean luma of a block from which on it is nearly white.
const NEARLY_WHITE: u32 = 225;
/// Shares of the photo that are a source of light.
const LEAST: f32 = 0.02;
const MOST: f32 = 0.6;

pub(super) fn check() -> Check {
    Check {
        name: NAME,
        title: "Backlight",
        unit: "EV",
        low: None,
        high: Some(fault(
            "backlit",
            Severity::Fixable,
            "Take it with the window or the sun behind you, with the lamps on, or exposed for what is dark; else brighten what is dark.",
        )),
        of_photos: true,
        certainty: 1.0,
        bins: &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0],
        measure: |Evidence { sample, .. }| Some(backlight(sample)),
    }
}

fn backlight(sample: &Sample) -> f32 {
    let mean = |luma: &[u8]| luma.iter().map(|luma| u32::from(*luma)).sum::<u32>() / luma.len() as u32;
    let (bright, mut rest): (Vec<u32>, Vec<u32>) =
        sample.blocks.iter().map(|block| mean(&block.luma)).partition(|mean| *mean >= NEARLY_WHITE);
    let share = bright.len() as f32 / sample.blocks.len().max(1) as f32;
    if !(LEAST..=MOST).contains(&share) {
        return 0.0;
    }
    let source = bright.iter().map(|luma| light(*luma)).sum::<f32>() / bright.len() as f32;
    let middle = rest.len() / 2;
    let median = *rest.select_nth_unstable(middle).1;
    (source / light(median)).log2()
}

/// Light of a luma level, 0 to 1; of black as much as of the first level, so that a ratio stays finite.
fn light(luma: u32) -> f32 {
    let level = luma.max(1) as f32 / 255.0;
    if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::view::ReferenceView;

    /// A room of one luma with a window of a share of its width.
    fn room(luma: u8, window: f32) -> Sample {
        let border = (640.0 * window) as u32;
        let photo = RgbImage::from_fn(640, 480, |x, _| Rgb([if x < border { 250 } else { luma }; 3]));
        Sample::of(&ReferenceView::new(photo))
    }

    /// field/README.md, kind 23.
    #[test]
    fn a_window_counts_by_the_light_that_the_room_lacks() {
        let [good, dark, night] = [128, 60, 0].map(|luma| backlight(&room(luma, 0.2)));
        // Light of 250 over that of 128: 0.956 / 0.216.
        assert!((good - 2.15).abs() < 0.02, "{good}");
        assert!((dark - 4.40).abs() < 0.02, "{dark}");
        assert!(night.is_finite() && night > dark, "{night}");
    }

    #[test]
    fn without_a_source_of_light_or_with_nothing_else_there_is_none() {
        for (luma, window) in [(40, 0.0), (40, 0.01), (40, 0.7), (250, 0.2)] {
            assert!(backlight(&room(luma, window)).abs() < f32::EPSILON, "{luma}, {window}");
        }
        assert!(
            backlight(&Sample::of(&ReferenceView::new(RgbImage::new(3, 3)))).abs() < f32::EPSILON,
            "smaller than a block"
        );
    }
}

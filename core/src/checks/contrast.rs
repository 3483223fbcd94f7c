//! Michelson contrast (l - d) / (l + d + 1 level), 0 to 1, of the light l, the 95th percentile of luma (BT.601, of the pixels as they
//! are stored), and the dark d, which 0.3 % of the pixels reach with the smallest of red, green and blue: nearly every clear photo has
//! some shadow or deep colour of which one channel is almost black (He, Sun and Tang, "Single image haze removal using dark channel
//! prior", CVPR 2009). Fog on a lens and light that shines into it lift that black point everywhere (field/README.md, kind 31); a dark
//! photo keeps its own. Percentiles, since a lamp, a reflection or a speck would span the whole range of a fogged photo.

use super::sample::Sample;
use super::{Check, Evidence, fault};
use crate::metric::Severity;

const DARK: f32 = 0.003;
const LIGHT: f32 = 0.95;

pub(super) fn check() -> Check {
    Check {
        name: "contrast",
        title: "Contrast",
        unit: "",
        low: Some(fault(
            "low_contrast",
            Severity::Retake,
            "Wipe the lens and take the photo again, without haze or a lamp that shines into it.",
        )),
        high: None,
        of_photos: true,
        certainty: 1.0,
        bins: &[0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95],
        measure: |Evidence { sample, .. }| contrast(sample),
    }
}

/// None where nothing was looked at: a strip whose view is narrower than a block is not fogged.
fn contrast(sample: &Sample) -> Option<f32> {
    if sample.blocks.is_empty() {
        return None;
    }
    let (dark, light) = (f32::from(sample.darkest_at(DARK)), f32::from(sample.luma_at(LIGHT)));
    Some((light - dark) / (light + dark + 1.0))
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::view::ReferenceView;

    fn ramp(from: f32, to: f32) -> RgbImage {
        RgbImage::from_fn(640, 480, |x, y| {
            let lamp = x < 40 && y < 40;
            Rgb([if lamp { 255 } else { (from + (to - from) * x as f32 / 640.0) as u8 }; 3])
        })
    }

    /// field/README.md, kind 31: fog lifts the black point and takes the range away; a lamp in it changes nothing.
    #[test]
    fn fog_takes_contrast_away_and_a_lamp_does_not_bring_it_back() {
        let told = |image: RgbImage| contrast(&Sample::of(&ReferenceView::new(image)));
        let of = |image: RgbImage| told(image).expect("it is told");
        let (clear, fogged) = (of(ramp(10.0, 240.0)), of(ramp(180.0, 215.0)));
        assert!(clear > 0.85, "{clear}");
        assert!((fogged - 0.08).abs() < 0.03, "{fogged}");
        let dark = of(ramp(0.0, 40.0));
        assert!(dark > 0.85, "dark is not fogged: {dark}");
        let mut deep = ramp(90.0, 215.0);
        let thin = of(deep.clone());
        assert!((thin - 0.39).abs() < 0.03, "a thin veil: {thin}");
        // As luma these are as light as what the veil leaves.
        deep.enumerate_pixels_mut()
            .filter(|(x, y, _)| x / 40 == 5 && y / 40 == 5)
            .for_each(|(.., pixel)| *pixel = Rgb([240, 90, 4]));
        assert!(of(deep) > 0.95, "a deep colour is not fogged");
        assert!(of(RgbImage::from_pixel(300, 200, Rgb([90; 3]))).abs() < 1e-6);
        for (width, height) in [(3, 3), (1024, 7), (7, 1024)] {
            assert_eq!(told(RgbImage::new(width, height)), None, "narrower than a block");
        }
    }
}

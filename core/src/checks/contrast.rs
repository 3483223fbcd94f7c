//! Michelson contrast (l - d) / (l + d + 1 level), 0 to 1, of the light l, the 95th percentile of luma (BT.601, of the pixels as they
//! are stored), and the dark d, which 0.3 % of the pixels reach with the smallest of red, green and blue: nearly every clear photo has
//! some shadow or deep colour of which one channel is almost black (He, Sun and Tang, "Single image haze removal using dark channel
//! prior", CVPR 2009). Fog on a lens and light that shines into it lift that black point everywhere (field/README.md, kind 31); a dark
//! photo keeps its own. Percentiles, since a lamp, a reflection or a speck would span the whole range of a fogged photo.
//!
//! No fog lifts the ink of a logo, a banner or a date that somebody laid over the photo later. Ink is of one level up to its sharp edge, where
//! shadows are of many: if nearly nothing is in shadow outside of the 8x8 blocks with ink, d is the level that 0.3 % of the pixels there reach.

use std::ops::RangeInclusive;

use super::sample::{SIDE, Sample};
use super::{Check, Evidence, fault};
use crate::metric::Severity;
use crate::view::ReferenceView;

const DARK: f32 = 0.003;
const LIGHT: f32 = 0.95;

/// Part of the light up to which a level is that of shadows.
const SHADOW: f32 = 0.2;
/// Share of the pixels that are in shadow outside of the blocks with ink at least, where the darkest pixels are the scene's.
const SHADOWS: f32 = 0.0005;
/// Level up to which the smallest of red, green and blue may be that of black or coloured ink, as JPEG leaves it.
const INK: u8 = 12;
/// Neighbouring levels of luma that hold a banner's ink of another colour, and the share of the pixels from which on they are that.
const INK_LEVELS: u8 = 5;
const INKED: f32 = 0.02;
/// Blocks are looked at in so many passes over the photo, so that shadows are soon found.
const PASSES: usize = 16;

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
        measure: |Evidence { reference, sample, .. }| contrast(reference, sample),
    }
}

/// None where nothing was looked at: a strip whose view is narrower than a block is not fogged.
fn contrast(view: &ReferenceView, sample: &Sample) -> Option<f32> {
    if sample.blocks.is_empty() {
        return None;
    }
    let light = f32::from(sample.luma_at(LIGHT));
    let dark = f32::from(black_point(view, sample, light));
    Some((light - dark) / (light + dark + 1.0))
}

/// That of the blocks without ink where these are most of the photo and have no shadows, else that of all.
fn black_point(view: &ReferenceView, sample: &Sample, light: f32) -> u8 {
    let black = sample.darkest_at(DARK);
    let shadow = (SHADOW * light) as u8;
    // Of a photo that is so dark, ink and shadows are alike.
    if black > shadow || shadow < 2 * INK {
        return black;
    }
    let banner = banner_ink(sample, shadow);
    let blocks = sample.blocks.len();
    let enough = SHADOWS * (sample.pixels() / 2) as f32;
    let (mut clean, mut shadows) = (Vec::new(), 0);
    for index in (0..PASSES).flat_map(|first| (first..blocks).step_by(PASSES)) {
        let darkest = darkest(view, place(view, blocks, index));
        let is_inked = count(&darkest, &(0..=INK)) > 0
            || banner.as_ref().is_some_and(|ink| count(&sample.blocks[index].luma, ink) > 0);
        if is_inked {
            continue;
        }
        shadows += u32::from(count(&darkest, &(0..=shadow)));
        if shadows as f32 >= enough {
            return black;
        }
        clean.push(darkest);
    }
    if 2 * clean.len() < blocks { black } else { level_at(clean.as_flattened(), DARK) }
}

/// Number of a block's pixels of these levels.
fn count(pixels: &[u8], levels: &RangeInclusive<u8>) -> u8 {
    pixels.iter().map(|level| u8::from(levels.contains(level))).sum()
}

/// Level that a share of the pixels do not exceed.
fn level_at(pixels: &[u8], share: f32) -> u8 {
    let mut counts = [0u32; 256];
    pixels.iter().for_each(|level| counts[usize::from(*level)] += 1);
    let wanted = (share * pixels.len() as f32).ceil() as u32;
    let mut below = 0;
    let reached = |count: &u32| {
        below += count;
        below >= wanted
    };
    counts.iter().position(reached).map_or(255, |level| level as u8)
}

/// Luma of a banner: neighbouring levels that hold half of what is in shadow, and much of the photo.
fn banner_ink(sample: &Sample, shadow: u8) -> Option<RangeInclusive<u8>> {
    let shadows = &sample.histogram[..=usize::from(shadow)];
    let counts = shadows.windows(usize::from(INK_LEVELS)).map(|levels| levels.iter().sum::<u32>());
    let (count, first) = counts.zip(0u8..).max()?;
    let is_ink = 2 * count >= shadows.iter().sum() && count as f32 >= INKED * sample.pixels() as f32;
    is_ink.then_some(first..=first + INK_LEVELS - 1)
}

/// Left and top of one of the blocks of the sample, which has so many, in pixels.
fn place(view: &ReferenceView, blocks: usize, index: usize) -> [usize; 2] {
    let [columns, rows] = [view.pixels().width(), view.pixels().height()].map(|side| side as usize / SIDE);
    let step = if blocks < columns * rows { 2 } else { 1 };
    let across = columns.div_ceil(step);
    [index % across, index / across].map(|place| place * step * SIDE)
}

/// Smallest of red, green and blue of the pixels in every other line of a block.
fn darkest(view: &ReferenceView, [left, top]: [usize; 2]) -> [u8; SIDE * SIDE / 2] {
    let stride = view.pixels().width() as usize;
    let mut darkest = [0; SIDE * SIDE / 2];
    for (y, line) in darkest.chunks_exact_mut(SIDE).enumerate() {
        let start = 3 * ((top + 2 * y) * stride + left);
        let pixels = view.pixels().as_raw()[start..start + 3 * SIDE].as_chunks::<3>().0;
        line.iter_mut().zip(pixels).for_each(|(level, pixel)| *level = pixel[0].min(pixel[1]).min(pixel[2]));
    }
    darkest
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn ramp(from: f32, to: f32) -> RgbImage {
        RgbImage::from_fn(640, 480, |x, y| {
            let lamp = x < 40 && y < 40;
            Rgb([if lamp { 255 } else { (from + (to - from) * x as f32 / 640.0) as u8 }; 3])
        })
    }

    fn contrast_of(image: RgbImage) -> Option<f32> {
        let view = ReferenceView::new(image);
        contrast(&view, &Sample::of(&view))
    }

    /// field/README.md, kind 31: fog lifts the black point and takes the range away; a lamp in it changes nothing.
    #[test]
    fn fog_takes_contrast_away_and_a_lamp_does_not_bring_it_back() {
        let of = |image: RgbImage| contrast_of(image).expect("it is told");
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
            .filter(|(x, y, _)| x / 80 == 2 && y / 80 == 2)
            .for_each(|(x, _, pixel)| *pixel = Rgb([240, 90, 4 + (x % 80) as u8 / 2]));
        assert!(of(deep) > 0.85, "a deep colour is not fogged");
        assert!(of(RgbImage::from_pixel(300, 200, Rgb([90; 3]))).abs() < 1e-6);
        for (width, height) in [(3, 3), (1024, 7), (7, 1024)] {
            assert_eq!(contrast_of(RgbImage::new(width, height)), None, "narrower than a block");
        }
    }

    /// A rectangle of one colour, with three letters or so in white.
    fn covered(mut image: RgbImage, [left, top, width, height]: [u32; 4], ink: [u8; 3]) -> RgbImage {
        for (x, y) in (left..left + width).flat_map(|x| (top..top + height).map(move |y| (x, y))) {
            let is_letter = (y - top) / 4 == height / 8 && (x - left) / 4 % 8 == 3;
            image.put_pixel(x, y, Rgb(if is_letter { [255; 3] } else { ink }));
        }
        image
    }

    #[test]
    fn ink_over_a_fogged_photo_does_not_hide_the_fog() {
        let of = |image: RgbImage| contrast_of(image).expect("it is told");
        let fogged = || ramp(90.0, 215.0);
        let alone = of(fogged());
        let banner = [0, 420, 640, 60];
        for (place, ink) in [
            ([20, 20, 90, 90], [0, 0, 0]),
            ([500, 30, 70, 150], [200, 30, 10]),
            (banner, [0, 0, 0]),
            (banner, [36, 38, 43]),
            (banner, [15, 30, 60]),
        ] {
            let under = of(covered(fogged(), place, ink));
            assert!((under - alone).abs() < 0.03, "{ink:?} at {place:?}: {under}, alone {alone}");
            let clear = of(covered(ramp(10.0, 240.0), place, ink));
            assert!(clear > 0.8, "clear under {ink:?} at {place:?}: {clear}");
        }
        // No banner: too small, or of too many levels.
        assert!(of(covered(fogged(), [40, 40, 64, 64], [36, 38, 43])) > 0.65);
        let mut asphalt = fogged();
        (0..640).for_each(|x| (400..480).for_each(|y| asphalt.put_pixel(x, y, Rgb([20 + (3 * x % 20) as u8; 3]))));
        assert!(of(asphalt) > 0.75, "dark ground below mist");
        // A few pixels in shadow are the scene's, fewer than one in 2000 may be noise.
        let logo = || covered(fogged(), [20, 20, 90, 90], [0, 0, 0]);
        let of_shadows = |side| of(covered(logo(), [320, 240, side, side], [30; 3]));
        let (few, enough) = (of_shadows(4), of_shadows(8));
        assert!((few - alone).abs() < 0.03 && enough > 0.95, "{few} {enough}");
        let mostly_black = of(covered(fogged(), [0, 160, 640, 320], [0; 3]));
        assert!(mostly_black > 0.95, "dark for the most part: {mostly_black}");
    }
}

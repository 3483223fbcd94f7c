//! Pixels of other colour spaces as sRGB, which models and checks take them for: phones take photos in Display P3, cameras may in Adobe
//! RGB, and a linear or wide space read as sRGB looks dark or dull.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

use crate::guard::guarded;

/// Levels by which a colour may be off before pixels are converted: sRGB comes in many editions.
const SAME: u8 = 2;

/// Converts pixels from the space that an ICC profile describes (ICC.1:2022), by its colorimetry. One that cannot be read leaves them as
/// they are: it must not cost a photo that decodes.
pub(super) fn to_srgb(pixels: &mut RgbImage, profile: &[u8]) {
    /// Bytes that are converted at once, whole pixels: a copy of all would double what the largest photos take.
    const PART: usize = 3 << 14;
    // One that fails has failed on the colours that it was tried with: no photo is left half converted.
    let _ = guarded(|| {
        let transform = known(profile)?;
        let mut before = vec![0; PART];
        for part in pixels.chunks_mut(PART) {
            let before = &mut before[..part.len()];
            before.copy_from_slice(part);
            transform.transform(before, part).ok()?;
        }
        Some(())
    });
}

/// A profile, and how to convert from it.
type Known = (Vec<u8>, Option<Arc<Transform8BitExecutor>>);

/// As [`transform`], which takes longer to make than to use on a small photo: those of the last profiles are kept, since most photos
/// have one of a few.
fn known(profile: &[u8]) -> Option<Arc<Transform8BitExecutor>> {
    const KEPT: usize = 8;
    /// Profiles of phones and editors have a few kilobytes.
    const LARGEST: usize = 16 << 10;
    static LAST: Mutex<VecDeque<Known>> = Mutex::new(VecDeque::new());
    let last = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = last().iter().find(|(known, _)| known == profile) {
        return found.clone();
    }
    let made = transform(profile);
    if profile.len() <= LARGEST {
        let mut last = last();
        last.truncate(KEPT - 1);
        last.push_front((profile.to_vec(), made.clone()));
    }
    made
}

/// How to convert; `None` where there is nothing to convert, or no way.
fn transform(profile: &[u8]) -> Option<Arc<Transform8BitExecutor>> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(Layout::Rgb, &ColorProfile::new_srgb(), Layout::Rgb, options).ok()?;
    let steps = || (0..=255u8).step_by(51);
    let colours: Vec<u8> = steps()
        .flat_map(|red| steps().flat_map(move |green| steps().flat_map(move |blue| [red, green, blue])))
        .collect();
    let mut converted = vec![0; colours.len()];
    transform.transform(&colours, &mut converted).ok()?;
    let differ = colours.iter().zip(&converted).any(|(a, b)| a.abs_diff(*b) > SAME);
    differ.then_some(transform)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, linear};
    use super::*;
    use image::Rgb;

    /// A photo's colours: grays, skin, sky, brick, leaves.
    fn colours() -> RgbImage {
        let colours = [
            [20, 20, 20],
            [128, 128, 128],
            [240, 240, 240],
            [200, 160, 140],
            [120, 160, 210],
            [150, 80, 60],
            [70, 110, 50],
        ];
        RgbImage::from_fn(70, 10, |x, _| Rgb(colours[x as usize / 10]))
    }

    /// The same in another space.
    fn written_in(profile: &ColorProfile) -> RgbImage {
        let written = samples::written_in(profile, colours().as_raw());
        RgbImage::from_raw(70, 10, written).expect("as many")
    }

    /// field/README.md, kind 34: one of them is linear.
    #[test]
    fn colours_of_other_spaces_are_read_as_they_were_meant() {
        for (profile, tolerance) in [
            (ColorProfile::new_display_p3(), 2),
            (ColorProfile::new_adobe_rgb(), 2),
            (ColorProfile::new_pro_photo_rgb(), 4),
            (linear(), 8),
        ] {
            let mut pixels = written_in(&profile);
            let before = pixels.clone();
            to_srgb(&mut pixels, &profile.encode().expect("a profile"));
            assert_ne!(pixels, before);
            let off = pixels.iter().zip(colours().iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off.is_some_and(|off| off <= tolerance), "{off:?}, {:?}", profile.description);
        }
    }

    #[test]
    fn a_photo_of_many_parts_is_converted_to_its_last_pixel() {
        let profile = ColorProfile::new_display_p3();
        let (written, few) = (written_in(&profile), colours());
        let mut many = RgbImage::from_fn(703, 511, |x, y| *written.get_pixel(x % 70, y % 10));
        to_srgb(&mut many, &profile.encode().expect("a profile"));
        for (x, y, found) in many.enumerate_pixels() {
            let meant = few.get_pixel(x % 70, y % 10);
            assert!(found.0.iter().zip(meant.0).all(|(a, b)| a.abs_diff(b) <= 2), "{x}, {y}: {found:?}");
        }
    }

    #[test]
    fn srgb_and_what_is_no_profile_change_nothing() {
        let srgb = ColorProfile::new_srgb().encode().expect("a profile");
        let gray = ColorProfile::new_gray_with_gamma(2.2).encode().expect("a profile");
        let p3 = ColorProfile::new_display_p3().encode().expect("a profile");
        let mut broken = p3.clone();
        broken[200..].fill(0xFF);
        for profile in [&srgb, &gray, &broken, &p3[..150].to_vec(), &vec![], &vec![7; 5000]] {
            let mut pixels = colours();
            to_srgb(&mut pixels, profile);
            assert_eq!(pixels, colours());
        }
    }
}

//! Closed-form measurements of a photo, without a network: each is one file here and one line in [`CHECKS`]. Answers give
//! their values under `checks`, profiles may bound them, result files have a column for each.

mod aspect;
mod backlight;
mod cells;
mod clipping;
mod collage;
mod colourfulness;
mod contrast;
mod damage;
mod frame;
mod jpeg_quality;
mod noise;
mod not_a_photo;
mod partial_blur;
mod sample;
mod sharp_share;
mod short_side;
mod upscale;

use std::sync::LazyLock;

use self::cells::Cells;
use self::sample::Sample;
use crate::area::Area;
use crate::metric::{Fault, Severity};
use crate::view::ReferenceView;

pub(crate) use backlight::BACKLIT_FROM;
pub use backlight::NAME as BACKLIGHT;
pub use not_a_photo::NAME as NOT_A_PHOTO;
pub(crate) use not_a_photo::THRESHOLD as NOT_A_PHOTO_FROM;
pub use upscale::NAME as UPSCALE;

/// What checks look at.
pub struct Evidence<'a> {
    /// The photo, without a frame.
    pub reference: &'a ReferenceView,
    /// Where in the upload it is.
    pub area: Area,
    /// Share of the picture that the file's coded data do not hold.
    pub damage: f32,
    /// Width and height of the photo in the upload's own pixels, without a frame.
    pub size: [u32; 2],
    /// Quality that the photo was compressed with; JPEG only.
    pub jpeg_quality: Option<u8>,
    /// Some of the photo's pixels, which several checks count.
    sample: Sample,
    /// Where it is sharp; none of a photo that is too small.
    cells: Option<Cells>,
    /// Columns and rows of photos in it.
    parts: [usize; 2],
}

impl<'a> Evidence<'a> {
    /// Collects what checks look at; `size` is that of the upload.
    #[must_use]
    pub fn new(
        reference: &'a ReferenceView,
        area: Area,
        size: [u32; 2],
        damage: f32,
        jpeg_quality: Option<u8>,
    ) -> Self {
        let [_, _, width, height] = area.pixels(size[0], size[1]);
        Self {
            reference,
            area,
            damage,
            size: [width, height],
            jpeg_quality,
            sample: Sample::of(reference),
            cells: Cells::of(reference),
            parts: collage::parts(reference.pixels()),
        }
    }
}

/// A measurement.
pub struct Check {
    /// Name in answers, profiles and result files.
    pub name: &'static str,
    /// What is measured, in a few words for people.
    pub title: &'static str,
    /// Unit; empty for a plain number.
    pub unit: &'static str,
    /// What is wrong with a photo below a profile's lower bound.
    pub low: Option<Fault>,
    /// What is wrong with a photo above a profile's upper bound.
    pub high: Option<Fault>,
    /// True where it means nothing for what is no photo: a plan has no colours to be missed.
    pub of_photos: bool,
    /// How probable the fault is where a bound is crossed: 1 unless what is measured may be meant.
    pub certainty: f32,
    /// Upper bounds of the bins that `/metrics` counts values in, ascending; what lies above the last has a bin of its own. Eight at
    /// most, close together where most photos are, so that a shift of them moves a share of photos across one.
    pub bins: &'static [f64],
    /// Measures a photo; nothing where the check does not apply (the quality of a PNG).
    pub measure: fn(&Evidence) -> Option<f32>,
}

/// All checks, in the order in which answers list them.
pub static CHECKS: LazyLock<[Check; 16]> = LazyLock::new(|| {
    [
        damage::check(),
        frame::check(),
        not_a_photo::check(),
        contrast::check(),
        clipping::highlights(),
        clipping::shadows(),
        backlight::check(),
        colourfulness::check(),
        upscale::check(),
        partial_blur::check(),
        sharp_share::check(),
        noise::check(),
        collage::check(),
        jpeg_quality::check(),
        short_side::check(),
        aspect::check(),
    ]
});

/// A fault that a check finds.
fn fault(code: &str, severity: Severity, advice: &str) -> Fault {
    let code = code.parse().expect("codes of checks are names: a test reads them all");
    Fault { code, severity, advice: advice.to_owned() }
}

/// The check of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_a_name_of_its_own_and_says_what_is_wrong() {
        for check in CHECKS.iter() {
            assert!(std::ptr::eq(find(check.name).expect("it is listed"), check), "{} is there twice", check.name);
            assert!(check.low.is_some() || check.high.is_some(), "{} judges nothing", check.name);
        }
    }

    /// Each bound is a series of every replica.
    #[test]
    fn each_check_has_a_few_bins_in_ascending_order() {
        for Check { name, bins, .. } in CHECKS.iter() {
            assert!((1..=8).contains(&bins.len()), "{name}: {bins:?}");
            assert!(bins.windows(2).all(|pair| pair[0] < pair[1]), "{name}: {bins:?}");
        }
    }
}

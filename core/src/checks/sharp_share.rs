//! Share of a photo's texture that is sharp: of the cells (see `cells.rs`) in which there is anything to be sharp, those whose edges are. A photo
//! with a small subject before a soft background has little of it and may be as good as any, which is why no built-in profile bounds it.

use super::cells::{Cell, Cells};
use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn check() -> Check {
    Check {
        name: "sharp_share",
        title: "Sharp part",
        unit: "share",
        low: Some(fault(
            "little_in_focus",
            Severity::Retake,
            "Focus on the subject, or use a smaller aperture, and take the photo again.",
        )),
        high: None,
        of_photos: true,
        certainty: 1.0,
        // One cell of 24 that is blurred leaves 0.96.
        bins: &[0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.97],
        measure: |Evidence { cells, .. }| sharp_share(cells.as_ref()?),
    }
}

/// None where there is no texture.
fn sharp_share(cells: &Cells) -> Option<f32> {
    let textured = cells.count_all(|cell| cell != Cell::Flat);
    (textured > 0).then(|| cells.count_all(|cell| cell == Cell::Sharp) as f32 / textured as f32)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, imageops};

    use super::*;
    use crate::view::ReferenceView;

    #[test]
    fn it_is_the_share_of_what_is_not_flat_that_is_not_blurred() {
        let plain = RgbImage::from_pixel(960, 640, Rgb([90; 3]));
        let checked = |x: u32, y: u32| Rgb([if (x / 9 + y / 7).is_multiple_of(2) { 60 } else { 190 }; 3]);
        let sharp = RgbImage::from_fn(960, 640, checked);
        let soft = imageops::blur(&sharp, 3.0);
        let of = |left: &RgbImage, right: &RgbImage| {
            let both = RgbImage::from_fn(960, 640, |x, y| *if x < 480 { left } else { right }.get_pixel(x, y));
            sharp_share(&Cells::of(&ReferenceView::new(both)).expect("it is large enough"))
        };
        let is = |found: Option<f32>, share: f32| found.is_some_and(|found| (found - share).abs() < 1e-6);
        assert!(is(of(&sharp, &sharp), 1.0));
        assert!(is(of(&sharp, &soft), 0.5));
        assert!(is(of(&soft, &soft), 0.0));
        assert!(is(of(&sharp, &plain), 1.0), "what is flat does not count");
        assert_eq!(of(&plain, &plain), None);
    }
}

//! Shorter side of the photo in the upload's own pixels, without a frame: what a portal that shows photos large asks for
//! (field/README.md, kind 32: thumbnails are uploaded as photos).

use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn check() -> Check {
    Check {
        name: "short_side",
        title: "Shorter side of the photo",
        unit: "px",
        low: Some(fault(
            "too_small",
            Severity::Fixable,
            "Send the photo in a larger size: its shorter side has {value:.0} pixels.",
        )),
        high: None,
        of_photos: false,
        certainty: 1.0,
        // Between the sizes that tools scale photos to: 480, 600, 768, 900, 1080, 1440, 2160 pixels.
        bins: &[320.0, 500.0, 700.0, 800.0, 1000.0, 1300.0, 2000.0, 3000.0],
        measure: |Evidence { size: [width, height], .. }| Some(*width.min(height) as f32),
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::area::Area;
    use crate::view::ReferenceView;

    #[test]
    fn the_side_is_that_of_the_photo_within_its_frame_not_of_the_view() {
        let view = ReferenceView::new(RgbImage::new(60, 40));
        let of = |area, size| (check().measure)(&Evidence::new(&view, area, size, 0.0, None));
        assert_eq!(of(Area::WHOLE, [4000, 3000]), Some(3000.0));
        assert_eq!(of(Area { left: 0.0, top: 0.25, width: 1.0, height: 0.5 }, [4000, 3000]), Some(1500.0));
    }
}

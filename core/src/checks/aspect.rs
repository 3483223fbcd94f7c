//! Shape of the photo: width divided by height, upright and without a frame. Below 1 it stands upright. Listings are shown in one
//! shape, and what has another is cut or gets bars.

use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn check() -> Check {
    Check {
        name: "aspect",
        title: "Width divided by height",
        unit: "",
        low: Some(fault("bad_aspect", Severity::Fixable, "Send a photo that is wider for its height.")),
        high: Some(fault("bad_aspect", Severity::Fixable, "Send a photo that is higher for its width.")),
        of_photos: false,
        certainty: 1.0,
        // Between 9:16, 2:3, 3:4, 1:1, 4:3, 3:2, 16:9 and what is wider.
        bins: &[0.6, 0.7, 0.9, 1.1, 1.4, 1.6, 1.9],
        measure: |Evidence { size: [width, height], .. }| Some(*width as f32 / *height as f32),
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::area::Area;
    use crate::view::ReferenceView;

    #[test]
    fn the_shape_is_that_of_the_photo_within_its_frame() {
        let view = ReferenceView::new(RgbImage::new(60, 40));
        let of = |area, size| (check().measure)(&Evidence::new(&view, area, size, 0.0, None)).expect("it applies");
        assert!((of(Area::WHOLE, [1200, 800]) - 1.5).abs() < 1e-6);
        assert!((of(Area { left: 0.25, top: 0.0, width: 0.5, height: 1.0 }, [1200, 800]) - 0.75).abs() < 1e-6);
    }
}

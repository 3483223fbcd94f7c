//! Colourfulness M of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003): with rg = R - G and
//! yb = (R + G) / 2 - B, the length of their standard deviations plus 0.3 times that of their means. 0 for grays, about 15 slightly
//! colourful, 45 averagely, above 80 extremely.

use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn check() -> Check {
    Check {
        name: "colourfulness",
        title: "Colourfulness",
        unit: "",
        low: Some(fault("grayscale", Severity::Fixable, "Send the photo in colour.")),
        high: None,
        of_photos: true,
        certainty: 1.0,
        bins: &[3.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0],
        // A strip whose view is narrower than a block is not gray.
        measure: |Evidence { sample, .. }| (!sample.blocks.is_empty()).then(|| sample.colourfulness()),
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::super::sample::Sample;
    use super::*;
    use crate::area::Area;
    use crate::view::ReferenceView;

    #[test]
    fn of_a_strip_nothing_is_said() {
        let of = |width, height| {
            let view = ReferenceView::new(RgbImage::from_pixel(width, height, Rgb([200, 40, 40])));
            (check().measure)(&Evidence::new(&view, Area::WHOLE, [width, height], 0.0, None))
        };
        assert_eq!((of(1024, 7), of(7, 1024)), (None, None));
        assert!(of(1024, 8).is_some_and(|found| found > 40.0));
    }

    #[test]
    fn grays_have_none_and_paint_has_much() {
        let of = |paint: &dyn Fn(u32, u32) -> [u8; 3]| {
            Sample::of(&ReferenceView::new(RgbImage::from_fn(320, 240, |x, y| Rgb(paint(x, y))))).colourfulness()
        };
        assert!(of(&|x, _| [(x % 256) as u8; 3]) < 0.01);
        // A cast over grays is a colour, too, but little of one.
        let sepia = of(&|x, _| [(x % 200) as u8 + 20, (x % 200) as u8 + 12, (x % 200) as u8]);
        assert!((1.0..10.0).contains(&sepia), "{sepia}");
        assert!(of(&|x, y| [(x % 256) as u8, (y % 256) as u8, 40]) > 60.0);
    }
}

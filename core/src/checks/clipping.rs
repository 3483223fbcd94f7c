//! Shares of the photo's pixels, 0 to 1, on the reference view, that are clipped: `clipped_highlights`, those of which the smallest of red,
//! green and blue is 253 or above, and `clipped_shadows`, those of which the largest is 2 or below. No channel has any detail there, and
//! neither darkening nor brightening brings it back. A saturated colour that clips one channel keeps its detail in the others and does not
//! count. The two levels of tolerance are for JPEG, which leaves pixels beside an edge a little short of white or black. White cars in
//! white studios and black paint in the shade are clipped and no fault, which is why no built-in profile bounds either.

use super::{Check, Evidence, fault};
use crate::metric::Severity;

pub(super) fn highlights() -> Check {
    Check {
        name: "clipped_highlights",
        title: "Clipped highlights",
        unit: "share",
        low: None,
        high: Some(fault(
            "blown_out",
            Severity::Retake,
            "Take the photo again with less exposure, so that what is bright keeps its detail.",
        )),
        of_photos: true,
        certainty: 1.0,
        // Half of all photos lie below the first, nineteen in twenty below the fifth.
        bins: &[0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4],
        measure: |Evidence { sample, .. }| sample.clipped().map(|[white, _]| white),
    }
}

pub(super) fn shadows() -> Check {
    Check {
        name: "clipped_shadows",
        title: "Clipped shadows",
        high: Some(fault(
            "blocked_shadows",
            Severity::Retake,
            "Take the photo again with more light or exposure, so that what is dark keeps its detail.",
        )),
        measure: |Evidence { sample, .. }| sample.clipped().map(|[_, black]| black),
        ..highlights()
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::area::Area;
    use crate::ingest::samples::compressed;
    use crate::view::ReferenceView;

    /// Clipped highlights and shadows.
    fn clipped(image: &RgbImage) -> [Option<f32>; 2] {
        let view = ReferenceView::new(image.clone());
        let evidence = Evidence::new(&view, Area::WHOLE, [image.width(), image.height()], 0.0, None);
        [highlights(), shadows()].map(|check| (check.measure)(&evidence))
    }

    fn told(image: &RgbImage) -> [f32; 2] {
        clipped(image).map(|share| share.expect("it is told"))
    }

    /// A quarter of one colour, a tenth of another, and between them levels that are far from both ends. Few enough blocks that all are
    /// looked at.
    fn photo(bright: [u8; 3], dark: [u8; 3]) -> RgbImage {
        RgbImage::from_fn(400, 320, |x, y| match x {
            0..100 => Rgb(bright),
            100..360 => Rgb([40 + (x / 4 + y / 4) as u8; 3]),
            _ => Rgb(dark),
        })
    }

    #[test]
    fn a_pixel_is_clipped_where_no_channel_is_left() {
        for (bright, dark, expected) in [
            ([255, 255, 255], [0, 0, 0], [0.25, 0.1]),
            ([253, 255, 254], [2, 0, 1], [0.25, 0.1]),
            ([252, 255, 255], [0, 0, 3], [0.0, 0.0]),
            // A yellow curtain and a blue night: one channel has detail left, which luma hardly shows.
            ([255, 255, 90], [0, 0, 18], [0.0, 0.0]),
            ([255, 0, 0], [255, 255, 255], [0.1, 0.0]),
        ] {
            let found = told(&photo(bright, dark));
            let is_near = |(found, expected): (&f32, &f32)| (found - expected).abs() < 1e-6;
            assert!(found.iter().zip(&expected).all(is_near), "{bright:?}, {dark:?}: {found:?}");
        }
    }

    /// Of a large view every other block is looked at, which has to tell the same share.
    #[test]
    fn a_sample_tells_the_share_of_the_whole() {
        let large = RgbImage::from_fn(900, 700, |x, y| {
            let is_sun = (x as f32 - 300.0).hypot(y as f32 - 300.0) < 170.0;
            Rgb([if is_sun { 255 } else { (x * 2 / 9) as u8 }; 3])
        });
        let share_of = |is: &dyn Fn(u8) -> bool| {
            large.pixels().filter(|pixel| is(pixel.0[0])).count() as f32 / (large.width() * large.height()) as f32
        };
        let [highlights, shadows] = told(&large);
        let [bright, dark] = [share_of(&|level| level >= 253), share_of(&|level| level <= 2)];
        assert!(bright > 0.14 && dark > 0.01, "{bright} {dark}");
        assert!((highlights - bright).abs() < 0.008, "{highlights} instead of {bright}");
        assert!((shadows - dark).abs() < 0.008, "{shadows} instead of {dark}");
    }

    /// Panes between bars, as windows have: beside each bar a JPEG's pixels are a level or two short of the end.
    #[test]
    fn compression_hides_little_of_what_is_clipped() {
        let lattice = RgbImage::from_fn(400, 320, |x, y| {
            let is_pane = x % 25 >= 3 && y % 25 >= 3;
            Rgb(match x {
                0..200 if is_pane => [255; 3],
                300.. if is_pane => [0; 3],
                _ => [60 + ((x * 7 + y * 13) % 37 * 2) as u8; 3],
            })
        });
        let truth = told(&lattice);
        for (quality, least) in [(95, 0.9), (75, 0.75), (40, 0.75)] {
            let found = told(&compressed(&lattice, quality));
            let is_seen = found.iter().zip(truth).all(|(found, truth)| (least * truth..=truth).contains(found));
            assert!(is_seen, "quality {quality}: {found:?} instead of {truth:?}");
        }
    }

    #[test]
    fn exposure_moves_one_up_and_the_other_down() {
        let waves = |gain: f32| {
            RgbImage::from_fn(640, 480, |x, y| {
                let wave = (x as f32 * 0.031).sin() * (y as f32 * 0.043).cos();
                Rgb([120.0, 110.0, 100.0].map(|level| (gain * (level + 100.0 * wave)) as u8))
            })
        };
        let [dark, good, bright] = [0.05, 1.0, 3.0].map(|gain| told(&waves(gain)));
        assert!(good.iter().all(|share| *share < 0.03), "{good:?}");
        assert!(bright[0] > 0.4 && bright[1] <= good[1], "{bright:?}");
        assert!(dark[0].abs() < 1e-6 && dark[1] > 0.1, "{dark:?}");
    }

    #[test]
    fn of_a_strip_nothing_is_said() {
        for (width, height) in [(1024, 7), (7, 1024), (3, 3)] {
            assert_eq!(clipped(&RgbImage::new(width, height)), [None, None]);
        }
    }
}

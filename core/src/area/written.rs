//! Bars with writing on them, as in a phone's gallery or on a page: a bar that is drawn, of exactly one colour, may have a few lines of
//! it. More of them make a page, which `not_a_photo` tells.

use super::lines::{Bar, ENDS_WITH_OTHERS, Lines, NEAR, OF_A_LINE};

/// Mean difference of the pixels of a drawn bar from its colour, which compression leaves: what a camera saw has more.
const MOST_DRAWN_GRAIN: f32 = 1.0;
/// Share of a line of a drawn bar from which on it is bare, and of the bar's lines that are so at least.
const BARE: f32 = 0.99;
const BARE_LINES: f32 = 0.3;
/// Share of a line with writing or icons on it that still has the bar's colour: letters leave more, a photo across it less.
const WRITTEN: f32 = 0.4;
/// Runs of such lines in a bar at most: clock and date above, icons, their names and a stripe below. `not_a_photo` takes four for a page.
const RUNS: usize = 3;
/// Share of the lines that a run takes at most, and bare lines that divide two.
const LONGEST_RUN: f32 = 0.12;
const APART: usize = 5;
/// Lines of a drawn bar before the photo that are not bare after compression, at most: those of a block.
const SPOILT: usize = 8;
/// Share of a side that a drawn bar takes at most: a photo on a sheet need not lie in its middle.
const LARGEST_DRAWN: f32 = 0.65;
/// Difference from the colour of a drawn bar that is no part of it: dark photos on black begin with little more.
const FROM_DRAWN: u8 = 8;

/// A drawn bar, of exactly one colour, with a few runs of lines that have writing on them, each with bare ones on both sides.
pub(super) fn written(lines: &Lines, colour: [u8; 3]) -> Option<Bar> {
    // Most photos are done with here.
    let (near, grain) = lines.near(0, colour, NEAR);
    if near < BARE || grain > MOST_DRAWN_GRAIN {
        return None;
    }
    let of_all = |share: f32| (lines.count() as f32 * share) as usize;
    let (most, longest) = (of_all(LARGEST_DRAWN), of_all(LONGEST_RUN));
    let (mut count, mut runs) = (0, 0);
    // Bare lines and the sum of their grain: of all, and of those behind the first run.
    let (mut bare, mut grains) = (0, 0.0);
    let (mut behind, mut grains_behind) = (0, 0.0);
    // First line of the run that goes on, and bare lines since its last marked one: those between letters and accents belong to it.
    let (mut run, mut beside) = (None, 0);
    let has_end = (0..most).any(|index| {
        let (near, grain) = lines.near(index, colour, NEAR);
        if near < BARE {
            beside = 0;
            return near < WRITTEN || index - *run.get_or_insert(index) > longest;
        }
        (bare, grains, beside) = (bare + 1, grains + grain, beside + 1);
        if runs > 0 || run.is_some() {
            (behind, grains_behind) = (behind + 1, grains_behind + grain);
        }
        if run.is_none() || beside >= APART {
            runs += usize::from(run.take().is_some());
            count = index + 1;
        }
        false
    });
    // What lies behind writing must be as even as what lies before it: a sky behind a black bar is not.
    let is_even = |grains: f32, lines: usize| grains <= MOST_DRAWN_GRAIN * lines as f32;
    let is_drawn = bare as f32 >= BARE_LINES * count as f32 && is_even(grains, bare) && is_even(grains_behind, behind);
    if !has_end || !(1..=RUNS).contains(&runs) || !is_drawn {
        return None;
    }
    // More text has bare lines; a photo has none.
    let mut next = count + SPOILT..(count + longest).min(lines.count());
    if next.any(|index| lines.share_near(index, colour, NEAR) >= BARE) {
        return None;
    }
    // What compression spreads from the photo.
    let spoilt = (count..most).take(SPOILT);
    count += spoilt.take_while(|&index| lines.share_near(index, colour, NEAR) >= OF_A_LINE).count();
    let ends = 1.0 - lines.share_near((count + 2).min(lines.count() - 1), colour, FROM_DRAWN);
    let bar = Bar { edge: lines.edge, lines: count, colour, ends, written: true };
    (ends >= ENDS_WITH_OTHERS).then_some(bar)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::super::Area;
    use super::super::samples::{assert_found, fill, framed, letterboxed_night, photo, write};
    use crate::ingest::samples::compressed;

    /// A phone's gallery: clock, battery and date above the photo, icons with names and a stripe below.
    fn gallery(photo: &RgbImage, bars: [u32; 2], ground: [u8; 3], ink: [u8; 3]) -> RgbImage {
        let mut upload = framed(photo, [0, bars[0], 0, bars[1]], ground);
        let (width, height) = upload.dimensions();
        write(&mut upload, [28, 16], 5, 18, ink);
        fill(&mut upload, [width - 60, 18, 30, 14], ink);
        write(&mut upload, [width / 4, 70], 22, 20, ink);
        for icon in 0..4 {
            let left = 60 + icon * (width - 100) / 4;
            fill(&mut upload, [left, height - 100, 26, 26], ink);
            fill(&mut upload, [left + 3, height - 97, 20, 20], ground);
            write(&mut upload, [left - 16, height - 64], 5, 14, ink);
        }
        fill(&mut upload, [width / 3, height - 16, width / 3, 6], ink);
        upload
    }

    #[test]
    fn what_a_gallery_writes_on_its_bars_is_no_photo() {
        let photo = photo(540, 360);
        for (ground, ink) in [([0; 3], [255; 3]), ([255; 3], [20; 3]), ([24, 26, 32], [230; 3])] {
            for bars in [[340, 340], [150, 220]] {
                let upload = gallery(&photo, bars, ground, ink);
                for quality in [70, 85, 95] {
                    let what = format!("{bars:?} {ground:?} {quality}");
                    assert_found(&what, &compressed(&upload, quality), [0, bars[0], 0, bars[1]], 16);
                }
            }
        }
    }

    /// With more white below the photo than half of the page.
    #[test]
    fn the_title_and_the_footer_of_a_page_are_no_photo() {
        let frame = [60, 190, 60, 560];
        let mut page = framed(&photo(600, 300), frame, [255; 3]);
        write(&mut page, [60, 110], 28, 26, [0; 3]);
        write(&mut page, [60, 980], 20, 12, [90; 3]);
        assert_found("page", &compressed(&page, 85), frame, 16);
    }

    /// `not_a_photo` looks at what is left of the upload, and must see the page with its head.
    #[test]
    fn lines_that_make_a_page_stay_with_the_photo() {
        for lines in [4, 9] {
            let mut page = framed(&photo(540, 400), [0, 90, 0, 440], [255; 3]);
            write(&mut page, [24, 30], 30, 20, [30; 3]);
            for line in 0..lines {
                write(&mut page, [24, 520 + line * 44], 36, 18, [30; 3]);
            }
            assert!(Area::find(&compressed(&page, 85)).is_whole(), "{lines} lines: {:?}", Area::find(&page));
        }
    }

    /// Both skies are of exactly one colour, and have as little in them as bars with writing.
    #[test]
    fn lights_in_the_night_are_photo() {
        let photo = photo(800, 600);
        let skyline = |x: u32| 200 + ((x as f32 * 0.05).sin().abs() * 120.0) as u32;
        let roof = |x: u32| if (160..640).contains(&x) { 240 } else { 330 + x % 160 };
        let night = |edge: &dyn Fn(u32) -> u32, sky: [u8; 3]| {
            let mut night =
                RgbImage::from_fn(800, 600, |x, y| if y < edge(x) { Rgb(sky) } else { *photo.get_pixel(x, y) });
            for light in 0..40 {
                fill(&mut night, [13 + light * 19, [60, 90, 150][light as usize % 3], 7, 9], [255, 240, 200]);
            }
            compressed(&night, 90)
        };
        for sky in [[0; 3], [6, 6, 10]] {
            for (name, night) in [("skyline", night(&skyline, sky)), ("roof", night(&roof, sky))] {
                assert!(Area::find(&night).is_whole(), "{name}, {sky:?}: {:?}", Area::find(&night));
            }
        }
    }

    /// The sky's grain, which the bar's own lines must not hide, tells that the sign is no writing on a bar of twice the lines.
    #[test]
    fn the_sky_behind_a_black_bar_is_photo() {
        let grain = |x: u32, y: u32| ((x * 7 + y * 13 + x * y) % 4) as u8;
        let [_, top, _, _] = Area::find(&compressed(&letterboxed_night(grain), 90)).pixels(800, 750);
        assert!((150..=230).contains(&top), "{top}");
    }
}

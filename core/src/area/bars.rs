//! Bars and frames: lines of one colour that begin at the edge of the upload and end at once along a straight line. A night sky and a
//! white wall are as even, but they do not end so.

use image::RgbImage;

use super::lines::{Bar, ENDS_WITH_OTHERS, Edge, FAR, Inner, Lines, NEAR, OF_A_LINE};
use super::written::written;
use crate::view::{difference, median_colour};

/// Share of the pixels of all lines of a bar together that have its colour.
const OF_A_BAR: f32 = 0.97;
/// Lines of a bar whose grain is measured.
const GRAIN_LINES: usize = 16;
/// Mean difference of a bar's pixels from its colour: walls have more grain.
const MOST_GRAIN: f32 = 4.0;
/// A bar ends at once along this share of the line after it, where nothing lies opposite.
const ENDS_ALONE: f32 = 0.8;
/// The same of a plain bar that vouches for one with writing: a line of text is bare to a half.
const ENDS_ON_PHOTO: f32 = 0.6;
/// Share of a side that bars of one edge take at most.
const LARGEST: f32 = 0.49;
/// Share of the height from which on a single black bar at the bottom is no part of a phone's screen.
const TAIL: f32 = 0.08;
/// A frame may have several lines of different colours.
const NESTED: usize = 4;
/// Lines after a bar that scaling and compression have mixed with it, at most.
const MIXED: usize = 12;

/// Takes bars off, from all edges at once: the colour of one tells whether another is one, too.
pub(super) fn without_bars(view: &RgbImage, mut inner: Inner) -> Inner {
    let mut moved = Vec::new();
    for _ in 0..NESTED {
        let bars: Vec<Bar> = Edge::ALL.into_iter().flat_map(|edge| bars_at(view, inner, edge)).collect();
        let vouched = |bar: &Bar| {
            let like = |other: &Bar| {
                // The margin of a page ends on its text; on what has writing that was looked for.
                let least = if bar.written && !other.written { ENDS_ON_PHOTO } else { ENDS_WITH_OTHERS };
                other.edge != bar.edge && difference(other.colour, bar.colour) <= NEAR && other.ends >= least
            };
            let vouches = |edge: &Edge| bars.iter().any(|other| other.edge == *edge && like(other));
            let others: Vec<Edge> = Edge::ALL.into_iter().filter(vouches).collect();
            others.contains(&bar.edge.opposite()) || others.len() >= 2
        };
        // Black and white are what bars are made of; a single gray one is what a decoder puts in the place of lost data.
        let black = |bar: &Bar| bar.colour.iter().all(|level| *level < FAR);
        // So is a black one at the bottom with no other anywhere: lost data, too.
        let tail = |bar: &Bar| {
            let only = bars.iter().all(|other| other.edge == bar.edge);
            only && bar.edge == Edge::Bottom && black(bar) && bar.lines as f32 >= TAIL * view.height() as f32
        };
        let plain = |bar: &Bar| (black(bar) && !tail(bar)) || bar.colour.iter().all(|level| *level > 255 - FAR);
        // One with writing and no other is a caption, or the head of a page that is looked for as a whole.
        let alone = |bar: &Bar| plain(bar) && !bar.written && bar.ends >= ENDS_ALONE;
        let is_bar = |bar: &Bar| (vouched(bar) && bar.ends >= ENDS_WITH_OTHERS) || alone(bar);
        let longest =
            |edge: Edge| bars.iter().filter(|bar| bar.edge == edge && is_bar(bar)).max_by_key(|bar| bar.lines);
        let found: Vec<(Edge, usize)> = Edge::ALL
            .into_iter()
            .filter_map(longest)
            .map(|bar| (bar.edge, bar.lines + mixed(view, inner, bar)))
            .collect();
        if found.is_empty() {
            break;
        }
        let mut left = inner;
        for (edge, lines) in found {
            left.take(edge, lines);
            if !moved.contains(&edge) {
                moved.push(edge);
            }
        }
        if left.is_too_small() {
            break;
        }
        inner = left;
    }
    // A thin line inside another is mixed with both sides.
    let mut left = inner;
    moved.into_iter().for_each(|edge| left.take(edge, 1));
    if left.is_too_small() { inner } else { left }
}

/// What may be a bar at an edge: with writing on it, and up to that writing. Whether one is, the bars of other edges tell.
fn bars_at(view: &RgbImage, inner: Inner, edge: Edge) -> impl Iterator<Item = Bar> {
    let lines = Lines { view, inner, edge };
    let colour = median_colour(lines.line(0));
    written(&lines, colour).into_iter().chain(plain(&lines, colour))
}

/// A bar with at most the clock of a status bar on it.
fn plain(lines: &Lines, colour: [u8; 3]) -> Option<Bar> {
    let most = (lines.count() as f32 * LARGEST) as usize;
    let count = (0..most).take_while(|&index| lines.share_near(index, colour, NEAR) >= OF_A_LINE).count();
    if count == 0 || count == most {
        return None;
    }
    let all = (0..count).map(|index| lines.share_near(index, colour, FAR)).sum::<f32>();
    // Some lines tell of all.
    let step = count.div_ceil(GRAIN_LINES);
    let grains: Vec<f32> = (0..count).step_by(step).map(|index| grain(lines, index)).collect();
    if all < OF_A_BAR * count as f32 || grains.iter().sum::<f32>() > MOST_GRAIN * grains.len() as f32 {
        return None;
    }
    let ends = 1.0 - lines.share_near((count + 2).min(lines.count() - 1), colour, FAR);
    Some(Bar { edge: lines.edge, lines: count, colour, ends, written: false })
}

/// Mean difference of a line's pixels from their median, of those that have about that colour. (Scaling makes the last lines of a
/// bar lighter or darker as a whole.)
fn grain(lines: &Lines, index: usize) -> f32 {
    lines.near(index, median_colour(lines.line(index)), FAR).1
}

/// Lines after a bar that still have much of its colour.
fn mixed(view: &RgbImage, inner: Inner, bar: &Bar) -> usize {
    const LEFT_OF_IT: f32 = 0.7;
    let lines = Lines { view, inner, edge: bar.edge };
    let last = (bar.lines + MIXED).min(lines.count());
    let much =
        (bar.lines..last).take_while(|&index| lines.share_near(index, bar.colour, 2 * FAR) >= LEFT_OF_IT).count();
    // Scaling mixes one line more.
    (much + 1).min(lines.count().saturating_sub(bar.lines + 1))
}

#[cfg(test)]
mod tests {
    use fast_image_resize::FilterType as Filter;
    use image::imageops::{self, FilterType};
    use image::{Rgb, RgbImage};

    use super::super::Area;
    use super::super::samples::{assert_found, fill, framed, letterboxed_night, photo, write};
    use crate::ingest::samples::compressed;
    use crate::view::shrink_to;

    #[test]
    fn bars_and_frames_of_any_colour_and_width_are_found() {
        let photo = photo(700, 460);
        for quality in [70, 85, 95] {
            for colour in [[0, 0, 0], [255, 255, 255], [30, 60, 140], [128, 128, 128]] {
                for frame in [[0, 150, 0, 150], [120, 0, 120, 0], [40, 30, 40, 30], [7, 7, 7, 7]] {
                    // Compression at its strongest leaves nothing even of what is narrower than a block.
                    if quality < 85 && frame[1] < 8 {
                        continue;
                    }
                    let upload = compressed(&framed(&photo, frame, colour), quality);
                    assert_found(&format!("{frame:?} {colour:?} {quality}"), &upload, frame, 16);
                }
            }
        }
    }

    /// Uploads are larger than the view, on which 0.2 % of a side are two pixels.
    #[test]
    fn a_frame_of_two_thousandths_of_the_side_is_found() {
        let photo = photo(2400, 1600);
        for colour in [[0, 0, 0], [255, 255, 255], [30, 60, 140]] {
            let upload = shrink_to(compressed(&framed(&photo, [6; 4], colour), 90), 1024, Filter::Lanczos3);
            assert_found(&format!("{colour:?}"), &upload, [2; 4], 16);
        }
    }

    #[test]
    fn a_white_frame_with_a_black_line_is_one_frame() {
        let line = framed(&photo(700, 460), [3, 3, 3, 3], [0, 0, 0]);
        assert_found("line", &compressed(&framed(&line, [30, 30, 30, 30], [255; 3]), 90), [33, 33, 33, 33], 16);
    }

    /// A phone's status bar has a clock in it (field/README.md, kind 22).
    #[test]
    fn the_clock_of_a_status_bar_is_no_photo() {
        let mut upload = framed(&photo(460, 300), [0, 260, 0, 260], [0, 0, 0]);
        for x in (20..60).step_by(3) {
            for y in 12..24 {
                upload.put_pixel(x, y, Rgb([255; 3]));
            }
        }
        assert_found("clock", &compressed(&upload, 90), [0, 260, 0, 260], 14);
    }

    /// A sign in a black sky looks like writing on the bar above it, but the bar below, which half of the photo's lowest rows
    /// continue, does not vouch for that: the bar up to the sign is one.
    #[test]
    fn a_bar_with_writing_that_none_vouches_for_is_one_up_to_the_writing() {
        let mut night = letterboxed_night(|_, _| 0);
        fill(&mut night, [0, 540, 440, 60], [0; 3]);
        let [_, top, _, height] = Area::find(&compressed(&night, 90)).pixels(800, 750);
        assert!((150..=230).contains(&top), "{top}");
        assert!((590..=600).contains(&(top + height)), "{}", top + height);
    }

    /// A photo that was enlarged with the white around it, which takes more than half of the page below it: lines that are
    /// a mixture of both belong to neither.
    #[test]
    fn what_is_mixed_with_a_bar_of_more_than_half_of_the_lines_is_no_photo() {
        let small = framed(&photo(60, 28), [6, 16, 6, 50], [255; 3]);
        let [width, height] = [small.width(), small.height()].map(|side| 12 * side);
        let mut page = imageops::resize(&small, width, height, FilterType::Triangle);
        write(&mut page, [72, 110], 28, 26, [0; 3]);
        write(&mut page, [72, height - 60], 20, 12, [90; 3]);
        assert_found("page", &compressed(&page, 90), [72, 192, 72, 600], 16);
    }

    #[test]
    fn what_is_even_but_does_not_end_at_once_is_photo() {
        // A night sky above a ragged skyline, a wall that brightens, a car in a white studio, a decoder's gray tail.
        let skyline = |x: u32| 150 + (x as f32 * 0.05).sin().abs().mul_add(120.0, 0.0) as u32;
        let photo = photo(800, 600);
        let night =
            RgbImage::from_fn(800, 600, |x, y| if y < skyline(x) { Rgb([6, 6, 10]) } else { *photo.get_pixel(x, y) });
        let wall =
            RgbImage::from_fn(
                800,
                600,
                |x, y| if y < 300 { Rgb([(170 + y / 4) as u8; 3]) } else { *photo.get_pixel(x, y) },
            );
        let inside = |x: u32, y: u32| (x as f32 - 400.0).hypot((y as f32 - 300.0) * 2.0) < 250.0;
        let studio =
            RgbImage::from_fn(800, 600, |x, y| if inside(x, y) { *photo.get_pixel(x, y) } else { Rgb([255; 3]) });
        let tail = RgbImage::from_fn(800, 600, |x, y| if y < 400 { *photo.get_pixel(x, y) } else { Rgb([128; 3]) });
        for (name, upload) in [("night", night), ("wall", wall), ("studio", studio), ("tail", tail), ("photo", photo)] {
            assert!(Area::find(&compressed(&upload, 90)).is_whole(), "{name}: {:?}", Area::find(&upload));
        }
        assert!(Area::find(&RgbImage::from_pixel(300, 200, Rgb([255; 3]))).is_whole(), "nothing but white");
    }
}

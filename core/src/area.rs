//! The photo within an upload: without the bars of a phone's screen, the margin of a catalogue, a frame that somebody drew, or
//! the blurred copy that fills the sides of an upright photo. What is measured of a photo is measured within.
//!
//! A bar is made of lines of one colour that begin at the edge of the upload and end at once along a straight line: a night sky
//! and a white wall are as even, but they do not end so. Where a bar is of exactly one colour, as a gallery's or a page's, it may
//! have a few lines of writing; more of them make a page, which `not_a_photo` tells. A fill is smooth up to a seam that runs through
//! the whole upload, at the same distance on both sides.

use image::RgbImage;
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Difference from the colour of a bar, in levels of a channel, that compression explains.
const NEAR: u8 = 16;
/// Difference from which on a pixel is certainly no part of the bar.
const FAR: u8 = 28;
/// Share of a line's pixels that have the bar's colour; the others may be the clock of a status bar.
const OF_A_LINE: f32 = 0.85;
/// The same of all its lines together.
const OF_A_BAR: f32 = 0.97;
/// Lines of a bar whose grain is measured.
const GRAIN_LINES: usize = 16;
/// Mean difference of a bar's pixels from its colour: walls have more grain.
const MOST_GRAIN: f32 = 4.0;
/// A bar ends at once along this share of the line after it: where nothing lies opposite, and where another bar of the same
/// colour vouches for it.
const ENDS_ALONE: f32 = 0.8;
const ENDS_WITH_OTHERS: f32 = 0.3;
/// The same of a plain bar that vouches for one with writing: a line of text is bare to a half.
const ENDS_ON_PHOTO: f32 = 0.6;
/// Share of a side that bars of one edge take at most.
const LARGEST: f32 = 0.49;
/// Share of the height from which on a single black bar at the bottom is no part of a phone's screen.
const TAIL: f32 = 0.08;
/// Lines that a photo has at least.
const SMALLEST: usize = 16;
/// A frame may have several lines of different colours.
const NESTED: usize = 4;
/// Lines after a bar that scaling and compression have mixed with it, at most.
const MIXED: usize = 12;

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

/// The photo's place within the upload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Area {
    /// Left edge as a share of the upload's width.
    #[schema(example = 0.0, minimum = 0, maximum = 1)]
    pub left: f32,
    /// Upper edge as a share of the upload's height.
    #[schema(example = 0.12, minimum = 0, maximum = 1)]
    pub top: f32,
    /// Width as a share of the upload's width.
    #[schema(example = 1.0, minimum = 0, maximum = 1)]
    pub width: f32,
    /// Height as a share of the upload's height.
    #[schema(example = 0.76, minimum = 0, maximum = 1)]
    pub height: f32,
}

impl Default for Area {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl Area {
    /// The whole upload.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };

    /// Finds the photo in an upload, on its reference view.
    #[must_use]
    pub fn find(view: &RgbImage) -> Self {
        let (width, height) = (view.width() as usize, view.height() as usize);
        let mut inner = without_bars(view, Inner { left: 0, top: 0, right: width, bottom: height });
        if let Some([left, right]) = seams(view, inner, false) {
            (inner.left, inner.right) = (left, right);
        } else if let Some([top, bottom]) = seams(view, inner, true) {
            (inner.top, inner.bottom) = (top, bottom);
        }
        let (left, across) = shares(inner.left, inner.right, width);
        let (top, down) = shares(inner.top, inner.bottom, height);
        Self { left, top, width: across, height: down }
    }

    /// True where the photo fills the upload.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self == Self::WHOLE
    }

    /// Left, top, width and height in pixels of an upload of that size, each at least one pixel.
    #[must_use]
    pub fn pixels(self, width: u32, height: u32) -> [u32; 4] {
        let place = |from: f32, length: f32, side: u32| {
            let start = ((from * side as f32).ceil() as u32).min(side - 1);
            let end = (((from + length) * side as f32).floor() as u32).clamp(start + 1, side);
            (start, end - start)
        };
        let ((left, width), (top, height)) =
            (place(self.left, self.width, width), place(self.top, self.height, height));
        [left, top, width, height]
    }

    /// The same place in the file's own pixels, which `to_upright` turns upright.
    #[must_use]
    pub fn as_stored(self, to_upright: Orientation) -> Self {
        let stored = |(x, y): (f32, f32)| match to_upright {
            Orientation::NoTransforms => (x, y),
            Orientation::FlipHorizontal => (1.0 - x, y),
            Orientation::Rotate180 => (1.0 - x, 1.0 - y),
            Orientation::FlipVertical => (x, 1.0 - y),
            Orientation::Rotate90FlipH => (y, x),
            Orientation::Rotate90 => (y, 1.0 - x),
            Orientation::Rotate270FlipH => (1.0 - y, 1.0 - x),
            Orientation::Rotate270 => (1.0 - y, x),
        };
        let (one, other) = (stored((self.left, self.top)), stored((self.left + self.width, self.top + self.height)));
        Self {
            left: one.0.min(other.0),
            top: one.1.min(other.1),
            width: (one.0 - other.0).abs(),
            height: (one.1 - other.1).abs(),
        }
    }

    /// A place (left, top, width, height), given as shares of the photo's sides, as shares of the upload's.
    #[must_use]
    pub fn to_upload(self, [left, top, width, height]: [f32; 4]) -> [f32; 4] {
        [self.left + left * self.width, self.top + top * self.height, width * self.width, height * self.height]
    }

    /// Share of the upload that is not photo.
    #[must_use]
    pub fn frame_share(self) -> f32 {
        1.0 - self.width * self.height
    }
}

/// Start and length of a range as shares of a side, rounded inwards to three decimals: a client that cuts the photo out by them
/// has nothing of the frame.
fn shares(from: usize, to: usize, side: usize) -> (f32, f32) {
    let thousand = |place: usize| place * 1000;
    let (start, end) = (thousand(from).div_ceil(side), thousand(to) / side);
    (start as f32 / 1000.0, end.saturating_sub(start).max(1) as f32 / 1000.0)
}

/// What is left of an upload, in pixels.
#[derive(Clone, Copy)]
struct Inner {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Inner {
    fn take(&mut self, edge: Edge, lines: usize) {
        match edge {
            Edge::Top => self.top += lines,
            Edge::Bottom => self.bottom = self.bottom.saturating_sub(lines),
            Edge::Left => self.left += lines,
            Edge::Right => self.right = self.right.saturating_sub(lines),
        }
    }

    /// True where bars would leave next to nothing: what they were found around is no photo, or they are none.
    fn is_too_small(&self) -> bool {
        self.top + SMALLEST > self.bottom || self.left + SMALLEST > self.right
    }
}

/// An edge of the upload.
#[derive(Clone, Copy, PartialEq)]
enum Edge {
    Top,
    Bottom,
    Left,
    Right,
}

impl Edge {
    const ALL: [Self; 4] = [Self::Top, Self::Bottom, Self::Left, Self::Right];

    fn opposite(self) -> Self {
        match self {
            Self::Top => Self::Bottom,
            Self::Bottom => Self::Top,
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Lines parallel to an edge, counted inwards.
struct Lines<'a> {
    view: &'a RgbImage,
    inner: Inner,
    edge: Edge,
}

impl Lines<'_> {
    /// How many there are.
    fn count(&self) -> usize {
        match self.edge {
            Edge::Top | Edge::Bottom => self.inner.bottom - self.inner.top,
            Edge::Left | Edge::Right => self.inner.right - self.inner.left,
        }
    }

    fn line(&self, index: usize) -> impl ExactSizeIterator<Item = [u8; 3]> {
        let Inner { left, top, right, bottom } = self.inner;
        let along = match self.edge {
            Edge::Top | Edge::Bottom => left..right,
            Edge::Left | Edge::Right => top..bottom,
        };
        let (view, edge) = (self.view, self.edge);
        along.map(move |at| {
            let (x, y) = match edge {
                Edge::Top => (at, top + index),
                Edge::Bottom => (at, bottom - 1 - index),
                Edge::Left => (left + index, at),
                Edge::Right => (right - 1 - index, at),
            };
            view.get_pixel(x as u32, y as u32).0
        })
    }

    /// Share of a line's pixels that differ from `colour` by at most `levels`.
    fn share_near(&self, index: usize, colour: [u8; 3], levels: u8) -> f32 {
        self.near(index, colour, levels).0
    }

    /// The same, and their mean difference from it.
    fn near(&self, index: usize, colour: [u8; 3], levels: u8) -> (f32, f32) {
        let line = self.line(index);
        let pixels = line.len().max(1);
        let differences = line.map(|pixel| difference(pixel, colour)).filter(|difference| *difference <= levels);
        let (sum, count) = differences.fold((0u32, 0u32), |(sum, count), levels| (sum + u32::from(levels), count + 1));
        (count as f32 / pixels as f32, sum as f32 / count.max(1) as f32)
    }
}

/// A run of lines of one colour.
struct Bar {
    edge: Edge,
    lines: usize,
    colour: [u8; 3],
    /// Share of the line after it along which it ends at once.
    ends: f32,
    /// True where it has writing on it.
    written: bool,
}

fn difference(one: [u8; 3], other: [u8; 3]) -> u8 {
    one.into_iter().zip(other).map(|(one, other)| one.abs_diff(other)).max().unwrap_or(0)
}

fn median_colour(pixels: impl Iterator<Item = [u8; 3]>) -> [u8; 3] {
    let pixels: Vec<[u8; 3]> = pixels.collect();
    std::array::from_fn(|channel| {
        let mut levels: Vec<u8> = pixels.iter().map(|pixel| pixel[channel]).collect();
        let middle = levels.len() / 2;
        *levels.select_nth_unstable(middle).1
    })
}

/// Takes bars off, from all edges at once: the colour of one tells whether another is one, too.
fn without_bars(view: &RgbImage, mut inner: Inner) -> Inner {
    let mut moved = Vec::new();
    for _ in 0..NESTED {
        let bars: Vec<Bar> = Edge::ALL.into_iter().filter_map(|edge| bar(view, inner, edge)).collect();
        let vouched = |bar: &Bar| {
            let like = |other: &&Bar| {
                // The margin of a page ends on its text; on what has writing that was looked for.
                let least = if bar.written && !other.written { ENDS_ON_PHOTO } else { ENDS_WITH_OTHERS };
                other.edge != bar.edge && difference(other.colour, bar.colour) <= NEAR && other.ends >= least
            };
            let others: Vec<Edge> = bars.iter().filter(like).map(|other| other.edge).collect();
            others.contains(&bar.edge.opposite()) || others.len() >= 2
        };
        // Black and white are what bars are made of; a single gray one is what a decoder puts in the place of lost data.
        let black = |bar: &Bar| bar.colour.iter().all(|level| *level < FAR);
        // So is a black one at the bottom with no other anywhere: lost data, too.
        let tail = |bar: &Bar| {
            bars.len() == 1 && bar.edge == Edge::Bottom && black(bar) && bar.lines as f32 >= TAIL * view.height() as f32
        };
        let plain = |bar: &Bar| (black(bar) && !tail(bar)) || bar.colour.iter().all(|level| *level > 255 - FAR);
        // One with writing and no other is a caption, or the head of a page that is looked for as a whole.
        let alone = |bar: &Bar| plain(bar) && !bar.written && bar.ends >= ENDS_ALONE;
        let is_bar = |bar: &&Bar| (vouched(bar) && bar.ends >= ENDS_WITH_OTHERS) || alone(bar);
        let found: Vec<(Edge, usize)> =
            bars.iter().filter(is_bar).map(|bar| (bar.edge, bar.lines + mixed(view, inner, bar))).collect();
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

/// The run of lines of one colour at an edge, if there is one that ends.
fn bar(view: &RgbImage, inner: Inner, edge: Edge) -> Option<Bar> {
    let lines = Lines { view, inner, edge };
    let colour = median_colour(lines.line(0));
    // Of both that go as far, the plain one, which needs no other.
    written(&lines, colour).into_iter().chain(plain(&lines, colour)).max_by_key(|bar| bar.lines)
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

/// A drawn bar, of exactly one colour, with a few runs of lines that have writing on them, each with bare ones on both sides.
fn written(lines: &Lines, colour: [u8; 3]) -> Option<Bar> {
    // Most photos are done with here.
    let (near, grain) = lines.near(0, colour, NEAR);
    if near < BARE || grain > MOST_DRAWN_GRAIN {
        return None;
    }
    let of_all = |share: f32| (lines.count() as f32 * share) as usize;
    let (most, longest) = (of_all(LARGEST_DRAWN), of_all(LONGEST_RUN));
    let (mut count, mut bare, mut grains, mut runs) = (0, 0, 0.0, 0);
    // First line of the run that goes on, and bare lines since its last marked one: those between letters and accents belong to it.
    let (mut run, mut beside) = (None, 0);
    let has_end = (0..most).any(|index| {
        let (near, grain) = lines.near(index, colour, NEAR);
        if near < BARE {
            beside = 0;
            return near < WRITTEN || index - *run.get_or_insert(index) > longest;
        }
        (bare, grains, beside) = (bare + 1, grains + grain, beside + 1);
        if run.is_none() || beside >= APART {
            runs += usize::from(run.take().is_some());
            count = index + 1;
        }
        false
    });
    let is_drawn = bare as f32 >= BARE_LINES * count as f32 && grains <= MOST_DRAWN_GRAIN * bare as f32;
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

/// Mean difference of a line's pixels from their median, of those that have about that colour. (Scaling makes the last lines of a
/// bar lighter or darker as a whole.)
fn grain(lines: &Lines, index: usize) -> f32 {
    lines.near(index, median_colour(lines.line(index)), FAR).1
}

/// Lines after a bar that still have much of its colour.
fn mixed(view: &RgbImage, inner: Inner, bar: &Bar) -> usize {
    const LEFT_OF_IT: f32 = 0.7;
    let lines = Lines { view, inner, edge: bar.edge };
    let last = (bar.lines + MIXED).min(lines.count() / 2);
    let much =
        (bar.lines..last).take_while(|&index| lines.share_near(index, bar.colour, 2 * FAR) >= LEFT_OF_IT).count();
    // Scaling mixes one line more.
    (much + 1).min(lines.count().saturating_sub(bar.lines + 1))
}

/// Both seams, left and right (`across`: above and below), between a photo and the smooth fill of its sides.
fn seams(view: &RgbImage, inner: Inner, across: bool) -> Option<[usize; 2]> {
    /// Rows that are looked at.
    const ROWS: usize = 96;
    /// Difference that a seam makes, in levels.
    const STEP: f32 = 12.0;
    /// Share of the rows in which it must be seen, and in which nothing like it may be seen beside.
    const SEEN: f32 = 0.5;
    const BESIDE: f32 = 0.35;
    /// Detail of a fill, in levels, and in comparison with the photo's.
    const SMOOTH: f32 = 1.2;
    const SMOOTHER: f32 = 0.3;
    /// Share of the side that a fill takes at least.
    const SMALLEST: f32 = 0.04;

    let Inner { left, top, right, bottom } = inner;
    let (from, to, rows_from, rows_to) = if across { (top, bottom, left, right) } else { (left, right, top, bottom) };
    let (length, depth) = (to - from, rows_to - rows_from);
    if length < 64 || depth < 32 {
        return None;
    }
    let luma = |at: usize, row: usize| {
        let (x, y) = if across { (row, at) } else { (at, row) };
        let [r, g, b] = view.get_pixel(x as u32, y as u32).0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let row_at = |index: usize| rows_from + index * (depth - 1) / (ROWS - 1);
    let smallest = ((length as f32 * SMALLEST) as usize).max(12);
    // Most photos have detail at their edges: they are done with here, before all rows are read.
    let smooth_edge = |first: usize| {
        let second = |row: usize, at: usize| (luma(at - 1, row) - 2.0 * luma(at, row) + luma(at + 1, row)).abs();
        let edge = first..first + smallest - 2;
        let sum: f32 =
            (0..ROWS).step_by(4).flat_map(|index| edge.clone().map(move |at| second(row_at(index), at))).sum();
        sum <= 2.0 * SMOOTH * (ROWS.div_ceil(4) * edge.len()) as f32
    };
    if !smooth_edge(from + 1) || !smooth_edge(to + 1 - smallest) {
        return None;
    }
    let rows: Vec<Vec<f32>> = (0..ROWS).map(row_at).map(|row| (from..to).map(|at| luma(at, row)).collect()).collect();
    let step = |at: usize| {
        rows.iter().filter(|row| (row[at + 1] - row[at - 2]).abs() > STEP).count() as f32 / rows.len() as f32
    };
    let is_seam = |at: usize| step(at) >= SEEN && step(at - 6) < BESIDE && step(at + 6) < BESIDE;
    let detail = |range: std::ops::Range<usize>| {
        let count = (range.len() * rows.len()).max(1);
        let second = |row: &Vec<f32>, at: usize| (row[at - 1] - 2.0 * row[at] + row[at + 1]).abs();
        rows.iter().map(|row| range.clone().map(|at| second(row, at)).sum::<f32>()).sum::<f32>() / count as f32
    };
    let seam =
        (smallest..length / 2 - 8).find(|&at| is_seam(at) && (at - 2..=at + 2).any(|left| is_seam(length - left)))?;
    let fills = [1..seam - 4, length - seam + 4..length - 1].map(&detail);
    let photo = detail(seam + 4..length - seam - 4);
    let smooth = fills.into_iter().all(|fill| fill <= SMOOTH && fill <= SMOOTHER * photo);
    smooth.then_some([from + seam + 2, to - seam - 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::shrink_to;
    use fast_image_resize::FilterType as Filter;
    use image::Rgb;
    use image::imageops::{self, FilterType};
    use jpeg_encoder::{ColorType, Encoder};

    /// Something with detail everywhere and no straight lines of one colour.
    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let wave = |a: f32, b: f32| ((x as f32 * a + 1.0).sin() * (y as f32 * b).cos() * 60.0 + 128.0) as u8;
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 23;
            Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)]
                .map(|level| level.saturating_add(grain as u8)))
        })
    }

    fn framed(photo: &RgbImage, [left, top, right, bottom]: [u32; 4], colour: [u8; 3]) -> RgbImage {
        let mut upload = RgbImage::from_pixel(photo.width() + left + right, photo.height() + top + bottom, Rgb(colour));
        imageops::replace(&mut upload, photo, left.into(), top.into());
        upload
    }

    /// Compressed and read again, as uploads are.
    fn compressed(image: &RgbImage, quality: u8) -> RgbImage {
        let mut bytes = Vec::new();
        let [width, height] = [image.width(), image.height()].map(|side| u16::try_from(side).expect("it is small"));
        Encoder::new(&mut bytes, quality).encode(image.as_raw(), width, height, ColorType::Rgb).expect("it encodes");
        image::load_from_memory(&bytes).expect("it decodes").into_rgb8()
    }

    /// The photo is found to within a few pixels, none of the frame is left, and little of the photo is lost.
    fn assert_found(what: &str, upload: &RgbImage, [left, top, right, bottom]: [u32; 4], slack: u32) {
        let [x, y, width, height] = Area::find(upload).pixels(upload.width(), upload.height());
        let (from_right, from_bottom) = (upload.width() - x - width, upload.height() - y - height);
        for (found, drawn) in [(x, left), (y, top), (from_right, right), (from_bottom, bottom)] {
            let most = if drawn == 0 { 0 } else { drawn + slack };
            assert!((drawn..=most).contains(&found), "{found} of {drawn}, {what}: {:?}", Area::find(upload));
        }
    }

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

    #[test]
    fn blurred_fills_of_the_sides_are_no_photo() {
        let grain = |x: u32, y: u32| (x * 7 + y * 13 + x * y) % 11;
        let photo = RgbImage::from_fn(500, 600, |x, y| {
            let wave = ((x as f32 * 0.02).sin() + (y as f32 * 0.03).cos()) * 60.0 + 125.0;
            Rgb([(wave as u32 + grain(x, y)) as u8; 3])
        });
        let fill = imageops::blur(&imageops::resize(&photo, 1000, 600, FilterType::Triangle), 25.0);
        let mut upload = fill.clone();
        imageops::replace(&mut upload, &photo, 250, 0);
        assert_found("fill", &compressed(&upload, 90), [250, 0, 250, 0], 10);
        // Turned by a right angle: above and below.
        assert_found("fill", &compressed(&imageops::rotate90(&upload), 90), [0, 250, 0, 250], 10);
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

    /// Marks like letters, in words of five, each `height` high.
    fn write(upload: &mut RgbImage, [left, top]: [u32; 2], letters: u32, height: u32, ink: [u8; 3]) {
        let stroke = (height / 6).max(1);
        for letter in (0..letters).filter(|letter| letter % 6 != 5) {
            let x = left + letter * height * 2 / 3;
            fill(upload, [x, top, stroke, height], ink);
            fill(upload, [x, top + letter % 3 * (height - stroke) / 2, height / 2, stroke], ink);
        }
    }

    fn fill(upload: &mut RgbImage, [left, top, width, height]: [u32; 4], colour: [u8; 3]) {
        imageops::replace(upload, &RgbImage::from_pixel(width, height, Rgb(colour)), left.into(), top.into());
    }

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

    #[test]
    fn small_and_dark_uploads_with_bars_keep_a_photo() {
        use proptest::prelude::*;
        proptest!(|(width in 1u32..70, height in 1u32..70, bar in 0u32..40, dark in 0u8..80, level in 0u8..120)| {
            let upload = RgbImage::from_fn(width, height, |x, y| {
                let inside = x >= bar && y >= bar && x + bar < width && y + bar < height;
                Rgb([if inside { level } else { dark }; 3])
            });
            let area = Area::find(&upload);
            let [left, top, inner_width, inner_height] = area.pixels(width, height);
            prop_assert!(left + inner_width <= width && top + inner_height <= height && inner_width > 0 && inner_height > 0);
        });
        let strip =
            RgbImage::from_fn(1024, 1024, |_, y| if (500..524).contains(&y) { Rgb([40; 3]) } else { Rgb([0; 3]) });
        assert!(Area::find(&strip).height > 0.0);
    }

    #[test]
    fn the_place_in_the_files_own_pixels_shows_the_same() {
        let stored = photo(60, 40);
        let area = Area { left: 0.25, top: 0.1, width: 0.5, height: 0.6 };
        for exif in 1..=8 {
            let to_upright = Orientation::from_exif(exif).expect("one of eight");
            let turned = |image: RgbImage| {
                let mut image = image::DynamicImage::ImageRgb8(image);
                image.apply_orientation(to_upright);
                image.into_rgb8()
            };
            let cut = |image: &RgbImage, area: Area| {
                let [left, top, width, height] = area.pixels(image.width(), image.height());
                imageops::crop_imm(image, left, top, width, height).to_image()
            };
            let upright = turned(stored.clone());
            assert_eq!(turned(cut(&stored, area.as_stored(to_upright))), cut(&upright, area), "orientation {exif}");
        }
    }

    #[test]
    fn a_place_in_the_photo_is_a_place_in_the_upload() {
        let area = Area { left: 0.25, top: 0.0, width: 0.5, height: 1.0 };
        assert_eq!(area.to_upload([0.5, 0.5, 0.5, 0.5]), [0.5, 0.5, 0.25, 0.5]);
        assert_eq!(area.pixels(400, 100), [100, 0, 200, 100]);
        assert!((area.frame_share() - 0.5).abs() < 1e-6);
    }
}

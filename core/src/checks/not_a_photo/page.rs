//! Pages with a photo in them: screenshots of listings, posts and letters. What the regression counts over the whole view is mostly the
//! photo's where that is large, so that the page itself is looked for: lines of text on a ground of exactly one colour.
//!
//! A ground is a level that many blocks have without any grain. What is drawn has one, also after scaling and compression; most photos
//! do not, and are done with here. On a ground, the view is read in upright strips from top to bottom: a line of text is a run of rows with
//! marks, as high as letters are, with as many changes between mark and ground as their strokes make, and bare ground above and below.
//! It counts where it goes on in the strips on both sides.
//!
//! Photos have captions, banners, stamps and dealers' frames, of one line to three: it takes four below each other, and a share of the
//! view that is page. Blinds, fences, tiles and branches make fewer changes, or leave no bare rows between them.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use super::super::sample::Sample;
use crate::view::ReferenceView;

/// Difference of a block's pixels up to which it has no grain.
const FLAT: u8 = 1;
/// Share of the blocks that have a drawn level, and that have any of those.
const OF_ONE_LEVEL: f32 = 0.01;
const OF_ALL_LEVELS: f32 = 0.05;
/// Grounds that are looked at: a page's, its cards', a chat's bubbles'.
const GROUNDS: usize = 3;
/// Difference from its ground by which a mark is seen. Less is a ground of nearly the same colour, or what compression leaves around
/// letters.
const MARK: u8 = 40;
/// Difference from a drawn level that compression leaves midway between two lines.
const BARE: u8 = 20;
/// Width of a strip in pixels.
const STRIP: usize = 16;
/// Rows of a line of text.
const ROWS: RangeInclusive<usize> = 4..=44;
/// Changes between mark and ground that a line has in a strip, in all and in four rows. Letters make twice as many, whatever their size.
const CHANGES: usize = 20;
const IN_FOUR_ROWS: usize = 5;
/// How far the nearest marks above or below a line are at most, in its own rows: those of a watermark lie farther apart.
const APART: usize = 4;
/// Lines below each other that make a page.
const LINES: usize = 4;
/// The same where a photo, or something else that is higher than a line, lies between them, as in a dealer's frame.
const SCATTERED: usize = 6;
/// Share of the view that is page, and the share that makes up for scattered lines.
const PAGE: f32 = 0.16;
const MUCH: f32 = 0.25;

/// How much the view looks like a page: 0, or 0.75 where it has four lines of text, and half as far from 1 with each line more.
pub(super) fn page(view: &ReferenceView, sample: &Sample) -> f32 {
    let Some(grounds) = Grounds::of(sample) else { return 0.0 };
    let text = Text::on(&grounds, view.levels(), view.pixels().width() as usize);
    let share = grounds.share + text.share;
    let dense = text.together >= LINES || text.lines >= SCATTERED;
    let is_page = text.lines >= LINES && (share >= MUCH || (share >= PAGE && dense));
    if is_page { 1.0 - 0.5_f32.powi(text.lines as i32 - 2) } else { 0.0 }
}

/// The levels that much of a view has without any grain.
struct Grounds {
    /// The commonest of them, no two of which are alike.
    levels: Vec<u8>,
    /// True for each level that is like any of them.
    is_bare: [bool; 256],
    /// Share of the view that has any of them.
    share: f32,
}

impl Grounds {
    fn of(sample: &Sample) -> Option<Self> {
        let mut counts = [0_u32; 256];
        for block in sample.blocks.iter().filter(|block| block.range() <= FLAT) {
            counts[usize::from(block.darkest)] += 1;
        }
        let share = |level: u8| counts[usize::from(level)] as f32 / sample.blocks.len().max(1) as f32;
        let mut drawn: Vec<u8> = (0..=u8::MAX).filter(|&level| share(level) >= OF_ONE_LEVEL).collect();
        let of_all: f32 = drawn.iter().map(|&level| share(level)).sum();
        if of_all < OF_ALL_LEVELS {
            return None;
        }
        drawn.sort_by_key(|&level| Reverse(counts[usize::from(level)]));
        let mut levels: Vec<u8> = Vec::with_capacity(GROUNDS);
        for &level in &drawn {
            if levels.len() < GROUNDS && levels.iter().all(|other| other.abs_diff(level) > MARK) {
                levels.push(level);
            }
        }
        let is_like = |level: usize, other: u8| level.abs_diff(usize::from(other)) <= usize::from(BARE);
        let is_bare = std::array::from_fn(|level| drawn.iter().any(|&other| is_like(level, other)));
        Some(Self { levels, is_bare, share: of_all })
    }
}

/// The text on a view's grounds.
struct Text {
    /// Lines below each other in one column of the view, and the most of them with nothing between that is higher than a line.
    lines: usize,
    together: usize,
    /// Share of the view that they take, with the ground between them.
    share: f32,
}

impl Text {
    fn on(grounds: &Grounds, levels: &[u8], width: usize) -> Self {
        let mut columns = vec![0; width / STRIP];
        let (mut together, mut rows) = (0, 0);
        for &ground in &grounds.levels {
            let strips = strips_on(ground, &grounds.is_bare, levels, width);
            for (at, strip) in strips.iter().enumerate() {
                let before = at.checked_sub(1).and_then(|at| strips.get(at));
                let beside = [before, strips.get(at + 1)];
                let (mut part, mut of_part) = (0, 0);
                for line in &strip.lines {
                    let goes_on = beside.map(|strip| strip.is_some_and(|strip| line.is_among(&strip.lines)));
                    if goes_on == [true, true] {
                        columns[at] += 1;
                        of_part = if line.part == part { of_part + 1 } else { 1 };
                        part = line.part;
                        together = together.max(of_part);
                    }
                    if goes_on != [false, false] {
                        rows += line.rows() + line.above.min(line.below).min(line.rows());
                    }
                }
            }
        }
        let share = rows as f32 / (columns.len() * (levels.len() / width)).max(1) as f32;
        Self { lines: columns.into_iter().max().unwrap_or(0), together, share }
    }
}

/// What lies on a ground in each strip of a view.
fn strips_on(ground: u8, is_bare: &[bool; 256], levels: &[u8], width: usize) -> Vec<Strip> {
    let height = levels.len() / width;
    let mut strips = vec![Strip::default(); width / STRIP];
    for (y, row) in levels.chunks_exact(width).enumerate() {
        for (strip, pixels) in strips.iter_mut().zip(row.as_chunks::<STRIP>().0) {
            let marks = pixels.map(|level| u8::from(level.abs_diff(ground) > MARK));
            if marks == [0; STRIP] {
                strip.end(y, height);
            } else {
                let changes = marks.iter().zip(&marks[1..]).map(|(one, other)| one ^ other).sum::<u8>();
                strip.go_on(y, changes);
            }
        }
    }
    for (at, strip) in strips.iter_mut().enumerate() {
        let bare = |y: usize| {
            let pixels = &levels[y * width + at * STRIP..][..STRIP];
            pixels.iter().all(|&level| is_bare[usize::from(level)])
        };
        strip.lines.retain(|line| {
            // Midway to the next marks, or as far away as the line is high.
            let [above, below] = [line.above, line.below].map(|gap| gap.min(2 * line.rows()) / 2);
            line.above.min(line.below) <= APART * line.rows()
                && bare(line.top.saturating_sub(1 + above))
                && bare((line.bottom + below).min(height - 1))
        });
    }
    strips
}

/// A strip of the view, read from top to bottom.
#[derive(Clone, Default)]
struct Strip {
    lines: Vec<Line>,
    /// First row of the run of rows with marks that goes on, and its changes between mark and ground.
    top: Option<usize>,
    changes: usize,
    /// Row after the last run.
    bottom: usize,
    /// Number of runs that were higher than a line.
    high: usize,
}

impl Strip {
    /// Takes a row with marks.
    fn go_on(&mut self, y: usize, changes: u8) {
        if self.top.is_none() {
            if let Some(line) = self.lines.last_mut().filter(|line| line.bottom == self.bottom) {
                line.below = y - line.bottom;
            }
            (self.top, self.changes) = (Some(y), 0);
        }
        self.changes += usize::from(changes);
    }

    /// Takes a row without any.
    fn end(&mut self, y: usize, height: usize) {
        let Some(top) = self.top.take() else { return };
        let rows = y - top;
        self.high += usize::from(rows > *ROWS.end());
        if top > 0 && ROWS.contains(&rows) && self.changes >= CHANGES && 4 * self.changes >= IN_FOUR_ROWS * rows {
            self.lines.push(Line { top, bottom: y, above: top - self.bottom, below: height - y, part: self.high });
        }
        self.bottom = y;
    }
}

/// A strip's part of a line of text.
#[derive(Clone)]
struct Line {
    top: usize,
    bottom: usize,
    /// Rows without marks above and below.
    above: usize,
    below: usize,
    /// The same for lines with nothing between that is higher than a line.
    part: usize,
}

impl Line {
    fn rows(&self) -> usize {
        self.bottom - self.top
    }

    /// True where one of the lines, of a strip beside, is the same.
    fn is_among(&self, lines: &[Self]) -> bool {
        let first = lines.partition_point(|other| other.bottom <= self.top);
        lines[first..].iter().take_while(|other| other.top < self.bottom).any(|other| {
            let common = self.bottom.min(other.bottom) - self.top.max(other.top);
            let [fewer, more] = [self.rows().min(other.rows()), self.rows().max(other.rows())];
            5 * common >= 3 * fewer && more <= 2 * fewer
        })
    }
}

#[cfg(test)]
mod tests {
    use image::imageops::{self, FilterType};
    use image::{Rgb, RgbImage};

    use super::super::{THRESHOLD, check, drawn};
    use super::*;
    use crate::area::Area;
    use crate::checks::Evidence;
    use crate::ingest::samples::compressed;

    fn of(picture: &RgbImage) -> f32 {
        let view = ReferenceView::new(picture.clone());
        page(&view, &Sample::of(&view))
    }

    /// Shading and grain, and nothing flat.
    fn photo(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let wave = |a: f32, b: f32| ((x as f32 * a).sin() * (y as f32 * b).cos() * 70.0 + 120.0) as u8;
            let grain = ((x * 7 + y * 13 + x * y) % 23) as u8;
            Rgb([wave(0.031, 0.043), wave(0.017, 0.071), wave(0.053, 0.029)].map(|level| level + grain))
        })
    }

    fn paste(picture: &mut RgbImage, part: &RgbImage, [left, top]: [u32; 2]) {
        imageops::replace(picture, part, left.into(), top.into());
    }

    fn fill(picture: &mut RgbImage, [left, top, width, height]: [u32; 4], colour: [u8; 3]) {
        paste(picture, &RgbImage::from_pixel(width, height, Rgb(colour)), [left, top]);
    }

    /// Marks like letters, every third with an ascender, in words of five.
    fn write(picture: &mut RgbImage, [left, top]: [u32; 2], letters: u32, height: u32, ink: [u8; 3]) {
        let (stroke, third) = ((height / 7).max(1), height / 3);
        for letter in (0..letters).filter(|letter| letter % 6 != 5) {
            let x = left + letter * height * 2 / 3;
            let ascender = if letter % 3 == 0 { 0 } else { third };
            fill(picture, [x, top + ascender, stroke, height - ascender], ink);
            fill(picture, [x + height * 2 / 5, top + third, stroke, height - third], ink);
            fill(picture, [x, top + third * (1 + letter % 2), height * 2 / 5, stroke], ink);
        }
    }

    /// A listing on a phone: a photo, a title, eight lines.
    fn phone(ground: [u8; 3], ink: [u8; 3]) -> RgbImage {
        let mut page = RgbImage::from_pixel(540, 1000, Rgb(ground));
        paste(&mut page, &photo(540, 440), [0, 90]);
        write(&mut page, [24, 40], 20, 20, ink);
        for line in 0..8 {
            write(&mut page, [24, 570 + line * 44], 24 + line % 3 * 4, 18, ink);
        }
        page
    }

    /// The same on a desk, with the text beside the photo.
    fn desk(ground: [u8; 3], ink: [u8; 3]) -> RgbImage {
        let mut page = RgbImage::from_pixel(1000, 640, Rgb(ground));
        paste(&mut page, &photo(640, 570), [20, 30]);
        for line in 0..16 {
            write(&mut page, [690, 40 + line * 30], 22 + line % 4 * 4, 14, ink);
        }
        page
    }

    /// A chat: the text is in bubbles.
    fn chat(ground: [u8; 3], bubble: [u8; 3], ink: [u8; 3]) -> RgbImage {
        let mut page = RgbImage::from_pixel(600, 900, Rgb(ground));
        paste(&mut page, &photo(540, 440), [20, 40]);
        for said in 0..3 {
            fill(&mut page, [20 + said * 60, 500 + said * 130, 400, 110], bubble);
            for line in 0..3 {
                write(&mut page, [40 + said * 60, 516 + said * 130 + line * 32], 26, 16, ink);
            }
        }
        page
    }

    /// field/README.md, kind 33.
    #[test]
    fn a_page_with_a_large_photo_is_told_on_any_ground_after_scaling_and_compression() {
        let pages = [
            ("on white", phone([255; 3], [30; 3])),
            ("on black", phone([18, 18, 20], [220; 3])),
            ("on blue", phone([20, 60, 120], [255; 3])),
            ("on cream", phone([245, 238, 220], [90, 70, 60])),
            ("beside", desk([255; 3], [40; 3])),
            ("beside, on black", desk([24, 25, 28], [230; 3])),
            ("dark bubbles", chat([225, 232, 240], [0, 120, 90], [255; 3])),
            ("light bubbles", chat([255; 3], [228, 230, 235], [10; 3])),
        ];
        for (name, page) in pages {
            let (width, height) = (page.width() * 3 / 5, page.height() * 3 / 5);
            let small = imageops::resize(&page, width, height, FilterType::Lanczos3);
            for (size, page) in [("whole", page), ("small", small)] {
                assert!(of(&page) > 0.9, "{name}, {size}: {}", of(&page));
                for quality in [60, 80, 95] {
                    let found = of(&compressed(&page, quality));
                    assert!(found > 0.9, "{name}, {size}, at {quality}: {found}");
                }
            }
        }
    }

    #[test]
    fn the_check_tells_a_page_that_the_regression_takes_for_a_photo() {
        let view = ReferenceView::new(chat([255; 3], [228, 230, 235], [10; 3]));
        let evidence = Evidence::new(&view, Area::WHOLE, [600, 900], 0.0, None);
        let found = (check().measure)(&evidence).expect("it applies");
        assert!(drawn(&Sample::of(&view)) < THRESHOLD && found > 0.9, "{found}");
    }

    #[test]
    fn it_takes_four_lines_and_more_make_it_surer() {
        let found: Vec<f32> = (1..=6)
            .map(|lines| {
                let mut page = RgbImage::from_pixel(600, 800, Rgb([255; 3]));
                paste(&mut page, &photo(600, 400), [0, 0]);
                (0..lines).for_each(|line| write(&mut page, [40, 430 + line * 44], 30, 18, [20; 3]));
                of(&page)
            })
            .collect();
        assert_eq!(found, [0.0, 0.0, 0.0, 0.75, 0.875, 0.9375]);
    }

    const SIZE: [u32; 2] = [1000, 700];

    /// Some lines in a bar below a photo.
    fn banner(lines: u32, height: u32, step: u32) -> RgbImage {
        let mut picture = photo(SIZE[0], SIZE[1]);
        let bar = lines * step + 16;
        fill(&mut picture, [0, SIZE[1] - bar, SIZE[0], bar], [20, 40, 90]);
        for line in 0..lines {
            write(&mut picture, [30, SIZE[1] - bar + 12 + line * step], 50, height, [255; 3]);
        }
        picture
    }

    /// A name above, two lines below, a price on a label between.
    fn dealers_frame() -> RgbImage {
        let mut picture = photo(SIZE[0], SIZE[1]);
        for (place, colour) in
            [([0, 0, 1000, 50], [250; 3]), ([0, 200, 260, 90], [250, 220, 0]), ([0, 620, 1000, 80], [250; 3])]
        {
            fill(&mut picture, place, colour);
        }
        for (place, letters, height) in
            [([30, 14], 40, 22), ([30, 212], 14, 24), ([30, 252], 14, 24), ([30, 628], 50, 22), ([30, 664], 50, 22)]
        {
            write(&mut picture, place, letters, height, [10; 3]);
        }
        picture
    }

    /// What real photos have of it, and what portals and dealers add to them.
    #[test]
    fn photos_with_some_writing_and_patterns_on_white_or_black_are_no_pages() {
        let pattern = |ground: u8, ink: u8, is_ink: &dyn Fn(u32, u32) -> bool| {
            RgbImage::from_fn(SIZE[0], SIZE[1], |x, y| Rgb([if is_ink(x, y) { ink } else { ground }; 3]))
        };
        // A car cut out on white, with a number plate and a date.
        let mut car = pattern(255, 0, &|_, _| false);
        paste(&mut car, &photo(760, 380), [120, 180]);
        fill(&mut car, [430, 460, 140, 40], [255; 3]);
        write(&mut car, [440, 468], 9, 22, [10; 3]);
        write(&mut car, [700, 650], 16, 18, [230, 140, 20]);
        let mut framed = pattern(255, 0, &|_, _| false);
        paste(&mut framed, &photo(920, 560), [40, 40]);
        write(&mut framed, [300, 630], 30, 24, [40; 3]);
        let mut marked = pattern(255, 0, &|_, _| false);
        for row in 0..6 {
            for column in 0..4 {
                write(&mut marked, [row % 2 * 60 + column * 240, 30 + row * 110], 12, 20, [120; 3]);
            }
        }
        // Marks below each other, none of which is as wide as a word.
        let mut marks = pattern(255, 0, &|_, _| false);
        paste(&mut marks, &photo(600, SIZE[1]), [0, 0]);
        (0..9).for_each(|mark| write(&mut marks, [706, 40 + mark * 70], 2, 16, [60; 3]));
        let cases = [
            ("blinds", pattern(255, 150, &|_, y| y % 20 < 9)),
            ("tiles", pattern(250, 140, &|x, y| x % 40 < 5 || y % 24 < 5)),
            ("windows at night", pattern(3, 200, &|x, y| x % 30 < 16 && y % 40 < 20)),
            ("high windows at night", pattern(3, 200, &|x, y| x % 30 < 16 && y % 60 < 40)),
            ("a cut-out car", car),
            ("a frame with a caption", framed),
            ("a watermark", marked),
            ("marks", marks),
            ("a banner of two lines", banner(2, 30, 46)),
            ("a banner of three lines", banner(3, 26, 40)),
            ("a narrow banner of four lines", banner(4, 14, 20)),
            ("a dealer's frame", dealers_frame()),
        ];
        for (name, picture) in cases {
            assert_eq!(of(&picture), 0.0, "{name}");
            for quality in [70, 90] {
                assert_eq!(of(&compressed(&picture, quality)), 0.0, "{name}, at {quality}");
            }
        }
    }

    /// An inscription on a wall below a white sky: that the sky is flat says nothing of the wall.
    #[test]
    fn writing_on_something_with_grain_is_a_photos() {
        let mut picture = RgbImage::from_fn(SIZE[0], SIZE[1], |x, y| {
            Rgb([if y < 300 { 255 } else { (218 + (x * 7 + y * 13 + x * y) % 11) as u8 }; 3])
        });
        (0..8).for_each(|line| write(&mut picture, [60, 330 + line * 44], 40, 20, [40; 3]));
        assert_eq!([of(&picture), of(&compressed(&picture, 90))], [0.0; 2]);
    }

    #[test]
    fn what_has_no_flat_ground_is_done_with_at_once() {
        let is_looked_at = |picture: RgbImage| Grounds::of(&Sample::of(&ReferenceView::new(picture))).is_some();
        assert!(!is_looked_at(photo(800, 600)));
        assert!(!is_looked_at(RgbImage::new(7, 40)));
        assert!(is_looked_at(RgbImage::new(800, 600)));
    }
}

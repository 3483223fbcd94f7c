//! The blurred copy of a photo that fills its sides, as of a landscape in an upright story: smooth up to a seam that runs through the
//! whole upload, at the same distance on both sides.

use std::ops::Range;

use image::RgbImage;

use super::copy::alike;
use super::lines::Inner;
use crate::view::level;

/// Places along a seam that are looked at.
const PLACES: usize = 64;
/// Difference from the level that a fill's last pixels lead to from which on a pixel is no part of it.
pub(super) const STEP: i16 = 12;
/// Second difference of neighbouring pixels, in levels, that a fill has at most.
const SMOOTH: i16 = 3;
/// Share of a fill's pixels that have more, also in comparison with the photo's.
const ROUGH: f32 = 0.05;
const SMOOTHER: f32 = 0.3;
/// The same where a seam leaves no doubt: writing may lie on the fill, little of it on one of the sides.
const ROUGH_WITH_LITTLE: f32 = 0.1;
const ROUGH_WITH_WRITING: f32 = 0.35;
/// Share of the places at which a seam is seen on both sides, also one that leaves no doubt, and at which nothing like it may be
/// seen before it.
const SEEN: f32 = 0.5;
const CLEAR: f32 = 0.7;
const BESIDE: f32 = 0.05;
/// The same of a seam before a copy of the photo, on one side and on both together, and correlation that makes a fill its copy.
const SEEN_AT_ALL: f32 = 0.15;
const SEEN_TOGETHER: f32 = 0.45;
const ALIKE: f32 = 0.85;
/// The same where the seam is seen on both sides.
const HARDLY_ALIKE: f32 = 0.5;
/// Share of the side that a fill takes at least, and that of the two narrower ones where a fill lies all around.
const SMALLEST: f32 = 0.04;
const SMALLEST_WITHIN: f32 = 0.02;
/// Share of a side of the photo that a rounded corner takes.
const CORNER: f32 = 0.1;

/// Takes the smooth fill of two sides off, or of all four.
pub(super) fn without_fill(view: &RgbImage, inner: Inner) -> Inner {
    let found = [false, true].into_iter().filter_map(|across| {
        let sides = Sides::of(view, inner, across, SMALLEST, 0.0)?;
        let is_fill = |seam: &Seam| {
            let is_smooth = seam.rough.iter().all(|rough| *rough <= ROUGH);
            let least = if seam.is_plain() { HARDLY_ALIKE } else { ALIKE };
            (is_smooth || seam.is_clear()) && alike(view, inner, sides.between(seam)) >= least
        };
        let seam = sides.clearest(is_fill)?;
        Some((seam.together, across, sides.between(&seam)))
    });
    let Some((_, across, photo)) = found.max_by(|one, other| one.0.total_cmp(&other.0)) else { return inner };
    // A photo with rounded corners, or with a shadow, lies within its copy.
    let within = Sides::of(view, photo, !across, SMALLEST_WITHIN, CORNER).and_then(|sides| {
        let seam = sides.clearest(|seam| seam.is_plain() || seam.is_clear())?;
        Some(sides.between(&seam))
    });
    within.unwrap_or(photo)
}

/// What may be a seam: its distance from both sides, and what is seen of it.
struct Seam {
    distance: usize,
    /// Share of the places at which it is seen, on the side where it is seen less and on both together.
    seen: f32,
    together: f32,
    /// Share of the pixels that have detail, on both sides of the upload and between.
    rough: [f32; 2],
    rough_between: f32,
}

impl Seam {
    fn is_plain(&self) -> bool {
        let most = ROUGH.min(SMOOTHER * self.rough_between);
        self.seen >= SEEN && self.rough.iter().all(|rough| *rough <= most)
    }

    fn is_clear(&self) -> bool {
        let [one, other] = self.rough;
        let most = ROUGH_WITH_LITTLE.min(SMOOTHER * self.rough_between);
        self.seen >= CLEAR && one.min(other) <= most && one.max(other) <= ROUGH_WITH_WRITING
    }
}

/// Luma of the lines that lie parallel to two sides, left and right (`across`: above and below), each at some places.
struct Sides {
    inner: Inner,
    across: bool,
    lines: Vec<[u8; PLACES]>,
    smallest: usize,
}

impl Sides {
    /// Nothing where the sides have detail at the edge, as in most photos: they are done with before all lines are read.
    fn of(view: &RgbImage, inner: Inner, across: bool, smallest: f32, corner: f32) -> Option<Self> {
        let Inner { left, top, right, bottom } = inner;
        let (from, to, places_from, places_to) =
            if across { (top, bottom, left, right) } else { (left, right, top, bottom) };
        let (length, depth) = (to - from, places_to - places_from);
        if length < 64 || depth < 32 {
            return None;
        }
        let corner = (depth as f32 * corner) as usize;
        let places: [usize; PLACES] =
            std::array::from_fn(|place| places_from + corner + place * (depth - 1 - 2 * corner) / (PLACES - 1));
        let mut lines = vec![[0; PLACES]; length];
        let read = |lines: &mut [[u8; PLACES]], range: Range<usize>| {
            for at in range {
                lines[at] = places.map(|place| {
                    let (x, y) = if across { (place, from + at) } else { (from + at, place) };
                    level(view.get_pixel(x as u32, y as u32).0)
                });
            }
        };
        let smallest = ((length as f32 * smallest) as usize).max(10);
        let rough_edge = |lines: &[[u8; PLACES]]| lines.windows(3).map(rough).sum::<f32>() / (lines.len() - 2) as f32;
        read(&mut lines, 0..smallest);
        let one = rough_edge(&lines[..smallest]);
        if one > ROUGH_WITH_WRITING {
            return None;
        }
        read(&mut lines, length - smallest..length);
        let other = rough_edge(&lines[length - smallest..]);
        if one.max(other) > ROUGH_WITH_WRITING || one.min(other) > ROUGH_WITH_LITTLE {
            return None;
        }
        read(&mut lines, smallest..length - smallest);
        Some(Self { inner, across, lines, smallest })
    }

    /// The seam that is seen at most places, of those that `is_fill` takes for one.
    fn clearest(&self, is_fill: impl Fn(&Seam) -> bool) -> Option<Seam> {
        /// Lines before a seam that compression has mixed with the photo, and those that show nothing of it.
        const MIXED: usize = 4;
        const BEFORE: usize = 8;
        /// It begins where that much of it is seen.
        const MOST: f32 = 0.85;
        let length = self.lines.len();
        // What is seen of a seam at each distance, from one side and from the other.
        let [one, other] = [false, true].map(|back| {
            let line = |distance: usize| &self.lines[if back { length - 1 - distance } else { distance }];
            let seen = |at: usize| if at < 5 { 0.0 } else { step(line(at - 5), line(at - 2), line(at + 1)) };
            (0..length / 2).map(seen).collect::<Vec<f32>>()
        });
        // Scaling may have moved one of them by two lines.
        let near = |seen: &[f32], at: usize| seen[at - 2..=at + 2].iter().copied().fold(0.0, f32::max);
        let less = |at: usize| near(&one, at).min(near(&other, at));
        let together = |at: usize| (one[at].max(other[at]) + less(at)) / 2.0;
        let mut sums = vec![0.0];
        for lines in self.lines.windows(3) {
            sums.push(sums[sums.len() - 1] + rough(lines));
        }
        let mean = |range: Range<usize>| (sums[range.end] - sums[range.start]) / range.len().max(1) as f32;
        let mut clearest: Option<Seam> = None;
        for distance in self.smallest..(length / 2).saturating_sub(8) {
            let seen = together(distance);
            if seen < SEEN_TOGETHER || clearest.as_ref().is_some_and(|seam| seam.together >= seen) {
                continue;
            }
            let before = distance.saturating_sub(BEFORE);
            let is_first = (distance - 3..distance).all(|at| together(at) < seen);
            let is_peak = is_first && (distance + 1..distance + 4).all(|at| together(at) <= seen);
            if !is_peak || less(distance) < SEEN_AT_ALL || one[before].max(other[before]) > BESIDE {
                continue;
            }
            let ends = [0..distance - MIXED - 1, length - distance + MIXED - 1..length - 2];
            let rough_between = mean(distance + MIXED..length - distance - MIXED);
            let begins = (distance - MIXED..distance).find(|&at| together(at) >= MOST * seen).unwrap_or(distance);
            let seam =
                Seam { distance: begins, seen: less(distance), together: seen, rough: ends.map(mean), rough_between };
            if is_fill(&seam) {
                clearest = Some(seam);
            }
        }
        clearest
    }

    /// What lies between both seams, without the lines that scaling has mixed.
    fn between(&self, seam: &Seam) -> Inner {
        let mut inner = self.inner;
        let distance = seam.distance + 2;
        if self.across {
            (inner.top, inner.bottom) = (inner.top + distance, inner.bottom - distance);
        } else {
            (inner.left, inner.right) = (inner.left + distance, inner.right - distance);
        }
        inner
    }
}

/// Share of the places at which a line's level is not what two before it lead to, each three lines apart.
fn step(before: &[u8; PLACES], last: &[u8; PLACES], line: &[u8; PLACES]) -> f32 {
    let places = before.iter().zip(last).zip(line);
    let steps = places.map(|((before, last), line)| u8::from(bend(*before, *last, *line) > STEP));
    f32::from(steps.sum::<u8>()) / PLACES as f32
}

/// Share of the pixels of the middle one of three lines that have detail.
fn rough(lines: &[[u8; PLACES]]) -> f32 {
    let places = lines[0].iter().zip(&lines[1]).zip(&lines[2]);
    let details = places.map(|((before, line), after)| u8::from(bend(*before, *line, *after) > SMOOTH));
    f32::from(details.sum::<u8>()) / PLACES as f32
}

/// Second difference of three levels.
pub(super) fn bend(before: u8, level: u8, after: u8) -> i16 {
    (i16::from(before) - 2 * i16::from(level) + i16::from(after)).abs()
}

#[cfg(test)]
mod tests {
    use image::imageops::{self, FilterType};
    use image::{Rgb, RgbImage};

    use super::super::Area;
    use super::super::samples::{assert_found, fill, photo, write};
    use crate::ingest::samples::compressed;

    /// An upright story: a photo before its blurred copy, which covers all and is darkened or lightened.
    fn story(photo: &RgbImage, copied: &RgbImage, tone: impl Fn(f32) -> f32) -> RgbImage {
        let (width, height) = (540, 960);
        let copy = imageops::resize(copied, copied.width() * height / copied.height(), height, FilterType::Triangle);
        let copy = imageops::crop_imm(&copy, (copy.width() - width) / 2, 0, width, height).to_image();
        let mut upload = imageops::blur(&copy, 12.0);
        upload.iter_mut().for_each(|level| *level = tone(f32::from(*level)) as u8);
        let [left, top] = [(width - photo.width()) / 2, (height - photo.height()) / 2];
        imageops::replace(&mut upload, photo, left.into(), top.into());
        upload
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

    #[test]
    fn the_copy_behind_a_story_is_no_photo() {
        let photo = photo(540, 360);
        let tones: [fn(f32) -> f32; 3] = [|level| level, |level| 0.6 * level, |level| 0.7 * level + 76.0];
        for (index, tone) in tones.into_iter().enumerate() {
            let upload = story(&photo, &photo, tone);
            for quality in [75, 95] {
                assert_found(&format!("{index}"), &compressed(&upload, quality), [0, 300, 0, 300], 8);
                assert_found(
                    &format!("{index}"),
                    &compressed(&imageops::rotate90(&upload), quality),
                    [300, 0, 300, 0],
                    8,
                );
            }
        }
    }

    /// The same before the copy of another photo stays: that is a room with a picture on its wall.
    #[test]
    fn what_is_written_on_a_copy_is_no_photo() {
        let photo = photo(540, 360);
        let written = |copied: &RgbImage| {
            let mut upload = story(&photo, copied, |level| 0.6 * level);
            for line in 0..3 {
                write(&mut upload, [50, 740 + 50 * line], 20, 32, [255; 3]);
            }
            compressed(&upload, 85)
        };
        assert_found("copy", &written(&photo), [0, 300, 0, 300], 8);
        let other = Area::find(&written(&imageops::rotate90(&photo)));
        assert!(other.is_whole(), "{other:?}");
    }

    /// White above, as in its copy: three quarters of the upper seam are not seen.
    #[test]
    fn a_copy_that_looks_like_the_photo_beside_it_is_none() {
        let mut photo = photo(540, 360);
        fill(&mut photo, [0, 0, 400, 140], [255; 3]);
        let upload = story(&photo, &photo, |level| level);
        assert_found("sky", &compressed(&upload, 90), [0, 300, 0, 300], 8);
    }

    #[test]
    fn a_photo_that_lies_within_its_copy_is_found_on_all_sides() {
        let photo = photo(480, 320);
        let upload = story(&photo, &photo, |level| 0.6 * level);
        assert_found("within", &compressed(&upload, 85), [30, 320, 30, 320], 8);
    }

    /// Both its sides are straight, and the wall beside it is as smooth as a fill, but not its copy.
    #[test]
    fn a_cupboard_before_a_wall_is_photo() {
        let mut room =
            RgbImage::from_fn(1000, 600, |x, y| Rgb([(120.0 + x as f32 * 0.03 + (y * y) as f32 * 0.0002) as u8; 3]));
        imageops::replace(&mut room, &photo(500, 600), 250, 0);
        assert!(Area::find(&compressed(&room, 90)).is_whole(), "{:?}", Area::find(&room));
    }

    #[test]
    fn a_photo_in_the_middle_of_another_is_none_in_a_frame() {
        let mut upload = photo(540, 960);
        imageops::replace(&mut upload, &photo(540, 360), 0, 300);
        assert!(Area::find(&compressed(&upload, 90)).is_whole());
    }
}

//! Frames whose colour changes evenly from one side or corner of the upload to the other: all four of its edges, or two that lie
//! opposite each other, show one plane of colour, which ends at once where the photo begins.

use image::RgbImage;

use super::lines::{Edge, FAR, Inner, Lines, NEAR, OF_A_LINE};
use crate::view::difference;

/// Pixels of an edge that are looked at.
const SAMPLES: usize = 48;
/// Levels by which the colour of a gradient changes over the upload: less is a bar of one colour.
const CHANGE: f32 = 20.0;
/// Mean difference of the pixels of the edges from the gradient that compression leaves.
const MOST_GRAIN: f32 = 4.0;
/// Share of the line after it along which a gradient ends at once.
const ENDS: f32 = 0.5;
/// Share of a side that a gradient takes at most at one edge.
const LARGEST: f32 = 0.45;
/// Share of a side that a gradient at two edges alone takes at least.
const SMALLEST_OF_TWO: f32 = 0.04;
/// Lines between a gradient and the photo that scaling and compression have mixed.
const MIXED: usize = 2;

/// Takes a gradient off, from all edges or from two opposite ones.
pub(super) fn without_gradient(view: &RgbImage, inner: Inner) -> Inner {
    let (two, others) = Edge::ALL.split_at(2);
    let found = [&Edge::ALL[..], two, others].into_iter().find_map(|edges| {
        let gradient = Gradient::of(view, inner, edges)?;
        let lines = |edge: &Edge| {
            let lines = Lines { view, inner, edge: *edge };
            let least = if edges.len() == 2 { SMALLEST_OF_TWO * lines.count() as f32 } else { 1.0 };
            gradient.lines(&lines, least as usize)
        };
        let counts: Vec<usize> = edges.iter().map_while(lines).collect();
        (counts.len() == edges.len()).then(|| edges.iter().zip(counts))
    });
    let mut left = inner;
    found.into_iter().flatten().for_each(|(edge, count)| left.take(*edge, count + MIXED));
    if left.is_too_small() { inner } else { left }
}

/// A plane of colour: that of the middle of the upload, and its change per pixel to the right and down.
struct Gradient {
    middle: [f32; 2],
    colour: [f32; 3],
    right: [f32; 3],
    down: [f32; 3],
}

impl Gradient {
    /// That of the outermost lines of these edges, where one explains them all.
    fn of(view: &RgbImage, inner: Inner, edges: &[Edge]) -> Option<Self> {
        // Most photos are done with here.
        if !edges.iter().all(|edge| is_straight(&Lines { view, inner, edge: *edge })) {
            return None;
        }
        let middle = [(inner.left + inner.right - 1) as f32 / 2.0, (inner.top + inner.bottom - 1) as f32 / 2.0];
        let places = || {
            edges.iter().flat_map(|edge| {
                let lines = Lines { view, inner, edge: *edge };
                let length = lines.length();
                (0..SAMPLES)
                    .map(move |index| lines.place(1.min(lines.count() - 1), index * (length - 1) / (SAMPLES - 1)))
            })
        };
        // Places on opposite edges mirror each other, so that the three terms are independent.
        let (mut count, mut squares) = (0.0, [0.0; 2]);
        let mut gradient = Self { middle, colour: [0.0; 3], right: [0.0; 3], down: [0.0; 3] };
        for (x, y) in places() {
            let [across, down] = gradient.off_middle(x, y);
            count += 1.0;
            squares = [squares[0] + across * across, squares[1] + down * down];
            for (channel, level) in view.get_pixel(x as u32, y as u32).0.map(f32::from).into_iter().enumerate() {
                gradient.colour[channel] += level;
                gradient.right[channel] += across * level;
                gradient.down[channel] += down * level;
            }
        }
        gradient.colour = gradient.colour.map(|sum| sum / count);
        gradient.right = gradient.right.map(|sum| sum / squares[0].max(1.0));
        gradient.down = gradient.down.map(|sum| sum / squares[1].max(1.0));
        let change = |channel: usize| {
            2.0 * (gradient.right[channel].abs() * middle[0] + gradient.down[channel].abs() * middle[1])
        };
        if (0..3).all(|channel| change(channel) < CHANGE) {
            return None;
        }
        let grain: f32 = places().map(|(x, y)| f32::from(gradient.differs(view, x, y))).sum();
        (grain <= MOST_GRAIN * count).then_some(gradient)
    }

    /// Columns and rows from the middle of the upload.
    fn off_middle(&self, x: usize, y: usize) -> [f32; 2] {
        [x as f32 - self.middle[0], y as f32 - self.middle[1]]
    }

    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let [across, down] = self.off_middle(x, y);
        std::array::from_fn(|channel| {
            (self.colour[channel] + self.right[channel] * across + self.down[channel] * down).round() as u8
        })
    }

    /// Lines from an edge on that show the gradient, at least so many, where they end at once.
    fn lines(&self, lines: &Lines, least: usize) -> Option<usize> {
        let most = (lines.count() as f32 * LARGEST) as usize;
        let count = (0..most).take_while(|&index| self.share_near(lines, index, NEAR) >= OF_A_LINE).count();
        let ends = || 1.0 - self.share_near(lines, (count + 2).min(lines.count() - 1), FAR);
        ((least..most).contains(&count) && ends() >= ENDS).then_some(count)
    }

    /// Share of a line's pixels, of some of them, that differ from the gradient by at most `levels`.
    fn share_near(&self, lines: &Lines, index: usize, levels: u8) -> f32 {
        let step = lines.length().div_ceil(4 * SAMPLES);
        let near = (0..lines.length()).step_by(step).filter(|along| {
            let (x, y) = lines.place(index, *along);
            self.differs(lines.view, x, y) <= levels
        });
        near.count() as f32 / lines.length().div_ceil(step) as f32
    }

    /// Difference of a pixel from it, in levels.
    fn differs(&self, view: &RgbImage, x: usize, y: usize) -> u8 {
        difference(view.get_pixel(x as u32, y as u32).0, self.at(x, y))
    }
}

/// True where the colour in the middle of an edge is that between the colours of its ends.
fn is_straight(lines: &Lines) -> bool {
    let length = lines.length();
    let [start, middle, end] = [0, length / 2, length - 1].map(|along| {
        let (x, y) = lines.place(1.min(lines.count() - 1), along);
        lines.view.get_pixel(x as u32, y as u32).0.map(i16::from)
    });
    (0..3).all(|channel| (start[channel] + end[channel] - 2 * middle[channel]).abs() <= 2 * i16::from(NEAR))
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, imageops};

    use super::super::Area;
    use super::super::samples::{assert_found, photo};
    use super::{Inner, without_gradient};
    use crate::ingest::samples::compressed;

    /// A photo on a ground that changes over the upload as `share` says, of the place from left to right and from top to bottom.
    fn on_gradient(photo: &RgbImage, [across, down]: [u32; 2], share: impl Fn(f32, f32) -> f32) -> RgbImage {
        let (width, height) = (photo.width() + 2 * across, photo.height() + 2 * down);
        let mut upload = RgbImage::from_fn(width, height, |x, y| {
            let share = share(x as f32 / width as f32, y as f32 / height as f32);
            Rgb([[20.0, 220.0], [60.0, 40.0], [150.0, 90.0]].map(|[from, to]| (from + share * (to - from)) as u8))
        });
        imageops::replace(&mut upload, photo, across.into(), down.into());
        upload
    }

    #[test]
    fn gradients_of_any_direction_are_no_photo() {
        let photo = photo(640, 420);
        let directions: [fn(f32, f32) -> f32; 3] = [|x, _| x, |_, y| y, |x, y| (x + y) / 2.0];
        for (index, direction) in directions.into_iter().enumerate() {
            for [across, down] in [[40, 30], [9, 9], [0, 120], [150, 0]] {
                for quality in [75, 95] {
                    let upload = compressed(&on_gradient(&photo, [across, down], direction), quality);
                    let what = format!("{index}, {across} {down}, {quality}");
                    assert_found(&what, &upload, [across, down, across, down], 6);
                }
            }
        }
    }

    #[test]
    fn what_does_not_change_evenly_is_no_gradient() {
        let photo = photo(640, 420);
        let stripes = |x: f32, y: f32| ((x + y) * 20.0).fract().round();
        let upload = on_gradient(&photo, [40, 30], stripes);
        assert!(Area::find(&compressed(&upload, 90)).is_whole(), "stripes");
        let found = |share: fn(f32, f32) -> f32| {
            let upload = compressed(&on_gradient(&photo, [40, 30], share), 90);
            let inner = Inner { left: 0, top: 0, right: 720, bottom: 480 };
            without_gradient(&upload, inner).left > 0
        };
        assert!(found(|x, y| (x + y) / 2.0));
        assert!(!found(|x, y| 0.3 * (x + y) + 0.1 * (x + y).powi(2)), "a curve");
    }

    /// A sky that darkens upwards, and a road that goes on with it: both lie in one plane, but neither ends at once.
    #[test]
    fn a_sky_that_darkens_evenly_is_photo() {
        let photo = photo(700, 480);
        let level = |y: u32| Rgb([(60.0 + y as f32 * 0.3) as u8; 3]);
        let sky = |x: u32, y: u32| y < 120 + ((x as f32 * 0.05).sin().abs() * 90.0) as u32;
        let road = |x: u32, y: u32| y > 440 - ((x as f32 * 0.03).cos().abs() * 90.0) as u32;
        let view =
            RgbImage::from_fn(700, 480, |x, y| if sky(x, y) || road(x, y) { level(y) } else { *photo.get_pixel(x, y) });
        assert!(Area::find(&compressed(&view, 90)).is_whole(), "{:?}", Area::find(&view));
    }
}

//! The lines of an upload that run parallel to one of its edges, and what is said of a run of them.

use image::RgbImage;

use crate::view::difference;

/// Difference from the colour of a bar, in levels of a channel, that compression explains.
pub(super) const NEAR: u8 = 16;
/// Difference from which on a pixel is certainly no part of the bar.
pub(super) const FAR: u8 = 28;
/// Share of a line's pixels that have the bar's colour; the others may be the clock of a status bar.
pub(super) const OF_A_LINE: f32 = 0.85;
/// A bar ends at once along this share of the line after it, where another bar of the same colour vouches for it.
pub(super) const ENDS_WITH_OTHERS: f32 = 0.3;
/// Lines that a photo has at least.
const SMALLEST: usize = 16;

/// What is left of an upload, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Inner {
    pub(super) fn take(&mut self, edge: Edge, lines: usize) {
        match edge {
            Edge::Top => self.top += lines,
            Edge::Bottom => self.bottom = self.bottom.saturating_sub(lines),
            Edge::Left => self.left += lines,
            Edge::Right => self.right = self.right.saturating_sub(lines),
        }
    }

    /// True where bars would leave next to nothing: what they were found around is no photo, or they are none.
    pub(super) fn is_too_small(&self) -> bool {
        self.top + SMALLEST > self.bottom || self.left + SMALLEST > self.right
    }
}

/// An edge of the upload.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Edge {
    Top,
    Bottom,
    Left,
    Right,
}

impl Edge {
    pub(super) const ALL: [Self; 4] = [Self::Top, Self::Bottom, Self::Left, Self::Right];

    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Top => Self::Bottom,
            Self::Bottom => Self::Top,
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Lines parallel to an edge, counted inwards.
pub(super) struct Lines<'a> {
    pub(super) view: &'a RgbImage,
    pub(super) inner: Inner,
    pub(super) edge: Edge,
}

impl Lines<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self.edge {
            Edge::Top | Edge::Bottom => self.inner.bottom - self.inner.top,
            Edge::Left | Edge::Right => self.inner.right - self.inner.left,
        }
    }

    /// How many pixels each of them has.
    pub(super) fn length(&self) -> usize {
        match self.edge {
            Edge::Top | Edge::Bottom => self.inner.right - self.inner.left,
            Edge::Left | Edge::Right => self.inner.bottom - self.inner.top,
        }
    }

    /// Column and row of a pixel: which line, and how far along it, from the left or the top.
    pub(super) fn place(&self, index: usize, along: usize) -> (usize, usize) {
        let Inner { left, top, right, bottom } = self.inner;
        match self.edge {
            Edge::Top => (left + along, top + index),
            Edge::Bottom => (left + along, bottom - 1 - index),
            Edge::Left => (left + index, top + along),
            Edge::Right => (right - 1 - index, top + along),
        }
    }

    pub(super) fn line(&self, index: usize) -> impl ExactSizeIterator<Item = [u8; 3]> {
        let (first_x, first_y) = self.place(index, 0);
        let width = self.view.width() as usize;
        let apart = match self.edge {
            Edge::Top | Edge::Bottom => 1,
            Edge::Left | Edge::Right => width,
        };
        let pixels = &self.view.as_raw().as_chunks::<3>().0[first_y * width + first_x..];
        pixels.iter().copied().step_by(apart).take(self.length())
    }

    /// Median of each channel of a line; of an even number of pixels the upper one.
    pub(super) fn colour(&self, index: usize) -> [u8; 3] {
        let mut counts = [[0u32; 256]; 3];
        for pixel in self.line(index) {
            counts.iter_mut().zip(pixel).for_each(|(counts, level)| counts[usize::from(level)] += 1);
        }
        let middle = (self.length() / 2) as u32;
        counts.map(|counts| {
            let mut below = 0;
            let is_median = |count: &u32| {
                below += count;
                below > middle
            };
            counts.iter().position(is_median).map_or(u8::MAX, |level| level as u8)
        })
    }

    /// Share of a line's pixels that differ from `colour` by at most `levels`.
    pub(super) fn share_near(&self, index: usize, colour: [u8; 3], levels: u8) -> f32 {
        self.near(index, colour, levels).0
    }

    /// The same, and their mean difference from it.
    pub(super) fn near(&self, index: usize, colour: [u8; 3], levels: u8) -> (f32, f32) {
        let line = self.line(index);
        let pixels = line.len().max(1);
        let differences = line.map(|pixel| difference(pixel, colour)).filter(|difference| *difference <= levels);
        let (sum, count) = differences.fold((0u32, 0u32), |(sum, count), levels| (sum + u32::from(levels), count + 1));
        (count as f32 / pixels as f32, sum as f32 / count.max(1) as f32)
    }
}

/// A run of lines of one colour.
#[derive(Clone, Copy)]
pub(super) struct Bar {
    pub(super) edge: Edge,
    pub(super) lines: usize,
    pub(super) colour: [u8; 3],
    /// Share of the line after it along which it ends at once.
    pub(super) ends: f32,
    /// True where it has writing on it.
    pub(super) written: bool,
    /// True where it is one only if other edges have its like.
    pub(super) needs_others: bool,
}

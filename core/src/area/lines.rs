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

    pub(super) fn line(&self, index: usize) -> impl ExactSizeIterator<Item = [u8; 3]> {
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
pub(super) struct Bar {
    pub(super) edge: Edge,
    pub(super) lines: usize,
    pub(super) colour: [u8; 3],
    /// Share of the line after it along which it ends at once.
    pub(super) ends: f32,
    /// True where it has writing on it.
    pub(super) written: bool,
}

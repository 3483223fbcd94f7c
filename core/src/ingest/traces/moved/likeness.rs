//! How alike the rows of pixels at both sides of a seam are at each displacement.

use std::ops::Range;

use image::RgbImage;

/// Pixels at both sides whose mean and spread texture is relative to.
const REACH: usize = 32;
/// Texture of a pixel that differs from the mean by the spread, and the most that counts.
const SPREAD: f32 = 16.0;
const EXTREME: f32 = 2.5 * SPREAD;
/// Levels that are added to the spread: what has next to none is no texture.
const GRAIN: f32 = 4.0;

/// The rows of pixels at both sides of a window, which begins in one row of units, at `column`, and ends in the next
/// one.
pub(super) struct Sides {
    pub(super) width: usize,
    pub(super) column: usize,
    /// The last rows of four rows of units, of which the second one lies above the window's beginning.
    pub(super) above: [Row; 4],
    /// The first rows of the window's two rows of units.
    pub(super) below: [Row; 2],
}

/// Pixels of a row below, and those of a row above that they may have been next to.
pub(super) struct Joint {
    pub(super) below: usize,
    pub(super) above: usize,
    pub(super) columns: Range<usize>,
    pub(super) start_above: usize,
}

/// Which joints hold at a displacement, see [`Sides::all_joints`].
pub(super) type Way = &'static [usize];
const UNMOVED: Way = &[0, 4];
/// What is moved beyond an edge is lost, comes back in its own row, or goes on in the next or the one before, and the
/// window is right as a whole or in one of its rows alone.
const WAYS: [Way; 15] = [
    &[0, 4],
    &[1, 5],
    &[0, 1, 4, 5],
    &[0, 2, 4, 6],
    &[3, 1, 7, 5],
    &[0],
    &[1],
    &[0, 1],
    &[0, 2],
    &[3, 1],
    &[4],
    &[5],
    &[4, 5],
    &[4, 6],
    &[7, 5],
];

/// The best way at a displacement.
pub(super) struct Found {
    pub(super) by: usize,
    pub(super) likeness: f32,
    pub(super) way: Way,
}

impl Sides {
    /// Of each of both rows below: its pixels right of the displacement, those left of it, those left of it that go on
    /// from the row of units before, and those right of it that go on from the next one.
    fn all_joints(&self, by: usize) -> [Joint; 8] {
        let right = |below: usize, above: usize, columns: Range<usize>| {
            let start = by.clamp(columns.start, columns.end);
            Joint { below, above, columns: start..columns.end, start_above: start.saturating_sub(by) }
        };
        let left = |below: usize, above: usize, columns: Range<usize>| {
            let end = by.clamp(columns.start, columns.end);
            Joint { below, above, start_above: columns.start + self.width - by, columns: columns.start..end }
        };
        let (first, second) = (self.column..self.width, 0..self.column);
        [
            right(0, 1, first.clone()),
            left(0, 1, first.clone()),
            left(0, 0, first.clone()),
            right(0, 2, first),
            right(1, 2, second.clone()),
            left(1, 2, second.clone()),
            left(1, 1, second.clone()),
            right(1, 3, second),
        ]
    }

    pub(super) fn joints(&self, by: usize, way: Way) -> Vec<Joint> {
        let joints = self.all_joints(by).into_iter().enumerate();
        joints.filter(|(index, _)| way.contains(index)).map(|(_, joint)| joint).collect()
    }

    pub(super) fn at(&self, by: usize) -> Found {
        let matches = self.all_joints(by).map(|joint| self.compare(&joint));
        let mut best = Found { by, likeness: f32::MIN, way: UNMOVED };
        for way in WAYS {
            let likeness = likeness(way.iter().map(|index| matches[*index]));
            if likeness > best.likeness {
                best = Found { by, likeness, way };
            }
        }
        best
    }

    /// The likeness without a displacement.
    pub(super) fn unmoved(&self) -> f32 {
        likeness(self.joints(0, UNMOVED).iter().map(|joint| self.compare(joint)))
    }

    fn compare(&self, joint: &Joint) -> Match {
        if joint.columns.is_empty() {
            return Match::default();
        }
        let columns_above = joint.start_above..joint.start_above + joint.columns.len();
        let (above, below) = (&self.above[joint.above], &self.below[joint.below]);
        let levels = above.levels[columns_above.clone()].iter().zip(&below.levels[joint.columns.clone()]);
        Match {
            product: levels.map(|(one, other)| i32::from(*one) * i32::from(*other)).sum(),
            above: above.energy(&columns_above),
            below: below.energy(&joint.columns),
        }
    }
}

/// How much texture pixels have in common, and how much there is above and below.
#[derive(Clone, Copy, Default)]
struct Match {
    product: i32,
    above: u32,
    below: u32,
}

/// The correlation, times the root of how many times eight pixels of texture there are: the same for rows of any length
/// that are alike by chance.
fn likeness(matches: impl Iterator<Item = Match>) -> f32 {
    let sum = matches.fold(Match::default(), |sum, next| Match {
        product: sum.product + next.product,
        above: sum.above + next.above,
        below: sum.below + next.below,
    });
    // The correlation has both amounts below its root, of which the smaller one says how many pixels there are.
    let larger = sum.above.max(sum.below).max(1) as f32;
    sum.product as f32 / (larger * 8.0 * SPREAD * SPREAD).sqrt()
}

/// The texture of a row of pixels: its green without what changes slowly, at the same strength everywhere.
pub(super) struct Row {
    /// `None` where the picture has no such row, which has no texture then.
    pub(super) y: Option<usize>,
    levels: Vec<i16>,
    /// Running sums of their squares.
    energies: Vec<u32>,
}

impl Row {
    pub(super) fn of(pixels: &RgbImage, y: Option<usize>, width: usize) -> Self {
        let Some(y) = y.filter(|y| *y < pixels.height() as usize) else {
            return Self { y: None, levels: vec![0; width], energies: vec![0; width + 1] };
        };
        let start = 3 * y * pixels.width() as usize;
        let row = pixels.as_raw()[start..start + 3 * width].as_chunks::<3>().0;
        let green: Vec<u32> = row.iter().map(|[_, green, _]| u32::from(*green)).collect();
        let (sums, squares) = (running(green.iter().copied()), running(green.iter().map(|level| level * level)));
        let texture = |(x, level): (usize, &u32)| {
            let (from, to) = (x.saturating_sub(REACH), width.min(x + REACH + 1));
            let count = (to - from) as f32;
            let mean = (sums[to] - sums[from]) as f32 / count;
            let spread = ((squares[to] - squares[from]) as f32 / count - mean * mean).max(0.0).sqrt();
            (SPREAD * (*level as f32 - mean) / (spread + GRAIN)).clamp(-EXTREME, EXTREME) as i16
        };
        let levels: Vec<i16> = green.iter().enumerate().map(texture).collect();
        let energies = running(levels.iter().map(|level| u32::from(level.unsigned_abs()).pow(2)));
        Self { y: Some(y), levels, energies }
    }

    fn energy(&self, columns: &Range<usize>) -> u32 {
        self.energies[columns.end] - self.energies[columns.start]
    }
}

/// Sums of what comes before each value and, last, of all.
fn running(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let sums = values.scan(0, |sum, value| {
        *sum += value;
        Some(*sum)
    });
    [0].into_iter().chain(sums).collect()
}

//! What tells a drawing from a photo, counted over blocks: drawings have few levels, flat grounds that end in steep edges, strokes
//! that are all darker (or all lighter) than the ground beside them; photos have everything in between.

use super::super::sample::{Block, SIDE, Sample};

/// Number of features.
pub(super) const COUNT: usize = 16;
/// Which of them is the entropy of the levels between black and white, and which the share of steep steps among all.
pub(super) const BETWEEN: usize = 1;
pub(super) const STEEP: usize = 4;

/// Luma of what may be clipped: an overexposed photo is as white as paper, so that paper alone proves nothing.
const BLACK: usize = 8;
const WHITE: usize = 248;
/// A stroke differs by this much from what lies three pixels beside it on both sides, which is alike up to `GROUND`.
const STROKE: i16 = 24;
const GROUND: i16 = 10;
/// Strokes beside which a share of them means something, as a share of the places that were looked at.
const FEW_STROKES: f32 = 0.002;
/// Blocks of which the levels are sorted, at most.
const SORTED: usize = 600;

/// Range of a block that has an edge in it, and number of such blocks from which on there is something drawn.
const EDGE: u8 = 48;
const LEAST_EDGES: usize = 4;

/// The features in the order of the weights; nothing for a view without any edge: a black frame is no drawing.
pub(super) fn features(sample: &Sample) -> Option<[f32; COUNT]> {
    let blocks = &sample.blocks;
    let with_edges: Vec<&Block> = blocks.iter().filter(|block| block.range() >= EDGE).collect();
    if with_edges.len() < LEAST_EDGES {
        return None;
    }
    let histogram = &sample.histogram;
    let share = |count: usize| count as f32 / blocks.len() as f32;
    let blocks_where = |is: &dyn Fn(&Block) -> bool| share(blocks.iter().filter(|block| is(block)).count());
    let peak = histogram.windows(7).map(|levels| levels.iter().sum::<u32>()).max().unwrap_or(0);
    let steps = steps(blocks);
    let strokes = strokes(blocks);
    let two_levels = two_levels(&with_edges);
    Some([
        entropy(histogram),
        entropy(&histogram[BLACK..WHITE]),
        peak as f32 / sample.pixels() as f32,
        steps.among(5, 48),
        steps.among(2, 32),
        steps.share(2, 5),
        steps.share(13, 32),
        blocks_where(&|block| block.range() <= 4),
        share(of_six_colours(blocks)),
        two_levels.either,
        two_levels.uneven,
        strokes.one_sided(),
        strokes.on_one_ground(),
        blocks_where(&|block| (9..48).contains(&block.range())),
        strokes.among_edges(),
        blocks_where(&|block| block.range() >= 80),
    ])
}

/// Entropy of a histogram in bits: the number of levels in use, as it were.
pub(super) fn entropy(histogram: &[u32]) -> f32 {
    let sum = histogram.iter().sum::<u32>().max(1) as f32;
    let bits = |count: &u32| {
        let share = *count as f32 / sum;
        if *count == 0 { 0.0 } else { -share * share.log2() }
    };
    histogram.iter().map(bits).sum()
}

/// Steps that are counted, in levels.
const STEPS: [u8; 6] = [0, 2, 5, 13, 32, 48];

/// How many neighbours, of which one at least is neither black nor white, differ by at least each of [`STEPS`].
struct Steps([u32; STEPS.len()]);

impl Steps {
    fn from(&self, least: u8) -> u32 {
        STEPS.iter().zip(self.0).filter(|(step, _)| **step == least).map(|(_, count)| count).sum()
    }

    /// Share of those that reach `steep` among those that reach `least`.
    fn among(&self, least: u8, steep: u8) -> f32 {
        self.from(steep) as f32 / self.from(least).max(1) as f32
    }

    /// Share of those that reach `least` and not `end`.
    fn share(&self, least: u8, end: u8) -> f32 {
        (self.from(least) - self.from(end)) as f32 / self.from(0).max(1) as f32
    }
}

fn steps(blocks: &[Block]) -> Steps {
    let mut counts = [0; STEPS.len()];
    // One more than the difference, 0 for pairs that do not count: so that the processor compares many at once.
    let told = |one: u8, other: u8| {
        let between = |luma: u8| luma > BLACK as u8 && luma < WHITE as u8;
        u8::from(between(one) || between(other)) * one.abs_diff(other).saturating_add(1)
    };
    for Block { luma, .. } in blocks {
        let mut pairs = [0; 2 * SIDE * SIDE];
        let (across, down) = pairs.split_at_mut(SIDE * SIDE);
        for ((pair, one), other) in across.iter_mut().zip(luma).zip(&luma[1..]) {
            *pair = told(*one, *other);
        }
        // The last of a row has none beside it.
        across.iter_mut().skip(SIDE - 1).step_by(SIDE).for_each(|pair| *pair = 0);
        for ((pair, one), other) in down.iter_mut().zip(luma).zip(&luma[SIDE..]) {
            *pair = told(*one, *other);
        }
        for (count, step) in counts.iter_mut().zip(STEPS) {
            *count += u32::from(pairs.iter().map(|pair| u8::from(*pair > step)).sum::<u8>());
        }
    }
    Steps(counts)
}

/// Number of flat blocks that have one of the six commonest colours, which are told apart in steps of six levels.
fn of_six_colours(blocks: &[Block]) -> usize {
    let cell = |colour: [u8; 3]| colour.iter().rev().fold(0, |key, level| (key << 6) | u32::from(level / 6));
    let mut colours: Vec<u32> =
        blocks.iter().filter(|block| block.range() <= 6).map(|block| cell(block.colour)).collect();
    colours.sort_unstable();
    let mut counts: Vec<usize> = colours.chunk_by(|one, other| one == other).map(<[u32]>::len).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    counts.iter().take(6).sum()
}

/// How blocks with edges divide into two levels.
struct TwoLevels {
    /// Share of their pixels that are nearly as dark as the darkest or as light as the lightest.
    either: f32,
    /// How far the middle one of a block's pixels lies from the middle of the range, in ranges, on average.
    uneven: f32,
}

fn two_levels(with_edges: &[&Block]) -> TwoLevels {
    let (mut near, mut looked_at, mut uneven) = (0, 0, 0.0);
    for block in with_edges.iter().step_by(with_edges.len().div_ceil(SORTED)) {
        let range = f32::from(block.range());
        let is_near = |luma: &&u8| f32::from((*luma - block.darkest).min(block.brightest - *luma)) < 0.12 * range;
        near += block.luma.iter().filter(is_near).count();
        let mut luma = block.luma;
        let middle = *luma.select_nth_unstable(SIDE * SIDE / 2).1;
        uneven += (f32::from(block.brightest - middle) / range - 0.5).abs();
        looked_at += 1;
    }
    TwoLevels { either: near as f32 / (looked_at * SIDE * SIDE) as f32, uneven: uneven / looked_at as f32 }
}

/// Thin lines, across and down.
struct Strokes {
    dark: usize,
    light: usize,
    /// Strokes and other edges.
    edges: usize,
    /// Ground beside the kind that prevails, by luma.
    grounds: [u32; 256],
    places: usize,
}

impl Strokes {
    fn few(&self) -> f32 {
        FEW_STROKES * self.places as f32
    }

    fn all(&self) -> f32 {
        (self.dark + self.light) as f32
    }

    fn one_sided(&self) -> f32 {
        self.dark.max(self.light) as f32 / (self.all() + self.few())
    }

    fn on_one_ground(&self) -> f32 {
        let most = self.grounds.windows(25).map(|levels| levels.iter().sum::<u32>()).max().unwrap_or(0);
        most as f32 / (self.dark.max(self.light) as f32 + self.few())
    }

    fn among_edges(&self) -> f32 {
        self.all() / (self.edges as f32 + self.few())
    }
}

fn strokes(blocks: &[Block]) -> Strokes {
    let (mut dark, mut light, mut edges) = ([0u32; 256], [0u32; 256], 0);
    let mut look = |middle: u8, before: u8, after: u8| {
        let (low, high) = (before.min(after), before.max(after));
        edges += usize::from(i16::from(high.max(middle)) - i16::from(low.min(middle)) >= STROKE);
        if i16::from(high) - i16::from(low) <= GROUND {
            if i16::from(low) - i16::from(middle) >= STROKE {
                dark[usize::from(low)] += 1;
            } else if i16::from(middle) - i16::from(high) >= STROKE {
                light[usize::from(high)] += 1;
            }
        }
    };
    for block in blocks.iter().filter(|block| i16::from(block.range()) >= STROKE) {
        let luma = &block.luma;
        for line in 0..SIDE {
            for at in [3, 4] {
                let across = |at: usize| luma[line * SIDE + at];
                let down = |at: usize| luma[at * SIDE + line];
                look(across(at), across(at - 3), across(at + 3));
                look(down(at), down(at - 3), down(at + 3));
            }
        }
    }
    let [darks, lights] = [&dark, &light].map(|levels| levels.iter().sum::<u32>() as usize);
    let grounds = if darks >= lights { dark } else { light };
    Strokes { dark: darks, light: lights, edges, grounds, places: blocks.len() * SIDE * 4 }
}

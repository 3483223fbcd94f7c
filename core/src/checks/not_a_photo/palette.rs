//! Pictures of few colours, as GIF files and PNG files with a palette hold them. A photo that was reduced to a palette has few levels, and
//! patches of exactly one or dots of two: just what the regression knows drawings by. A palette is made for what a photo is full of, so
//! that it is used evenly; a drawing is mostly of one colour, its ground's.

use super::features::entropy;

/// Levels that a picture of few colours has at most. Photos in the 216 colours of the web have up to 119.
const FEW: usize = 128;
/// Entropy from which on few levels are used evenly, in bits. Of 140 photos in the colours of the web one has less; those in 16 colours of
/// their own have 3.8 to 4. Drawings found in listings have up to 1.8 where they have so few levels.
const EVEN: f32 = 3.25;

/// Two levels are so far apart at least, each within so many levels of compression's; each takes so large a part of the picture, and both
/// together nearly all of it. No photo of 6,147 is so: one of a lit window at night has the shades of its frame and of the glow.
const APART: usize = 64;
const AROUND: usize = 16;
const EACH: f32 = 0.1;
const NEARLY_ALL: f32 = 0.98;

fn levels(histogram: &[u32]) -> usize {
    histogram.iter().filter(|count| **count > 0).count()
}

/// True for a picture of few levels that it uses as evenly as photos do.
pub(super) fn is_even(histogram: &[u32]) -> bool {
    levels(histogram) <= FEW && entropy(histogram) >= EVEN
}

/// True for what a fax, a stamp or a QR code is of, dithered or not, and also where compression left its levels around the two.
pub(super) fn has_two_levels(histogram: &[u32]) -> bool {
    let commonest_of = |is_wanted: &dyn Fn(usize) -> bool| {
        (0..histogram.len()).filter(|level| is_wanted(*level)).max_by_key(|level| histogram[*level]).unwrap_or(0)
    };
    let first = commonest_of(&|_| true);
    let second = commonest_of(&|level| level.abs_diff(first) >= APART);
    let around = |level: usize| {
        let range = level.saturating_sub(AROUND)..(level + AROUND + 1).min(histogram.len());
        histogram[range].iter().sum::<u32>() as f32
    };
    let all = histogram.iter().sum::<u32>() as f32;
    let parts = [first, second].map(around);
    // Of exactly two levels one may be as rare as letters on a page. (Two that are close are those of a photo without light.)
    let each = if levels(histogram) == 2 { 0.0 } else { EACH };
    parts.iter().all(|part| *part > each * all) && parts.iter().sum::<f32>() >= NEARLY_ALL * all
}

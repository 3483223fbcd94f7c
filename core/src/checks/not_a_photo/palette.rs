//! Pictures of few colours, as GIF files and PNG files with a palette hold them. A photo that was reduced to a palette has few levels, and
//! patches of exactly one or dots of two: just what the regression knows drawings by. A palette is made for what a photo is full of, so
//! that it is used evenly; a drawing is mostly of one colour, its ground's.

use super::features::entropy;

/// Levels that a picture of few colours has at most. Photos in the 216 colours of the web have up to 119.
const FEW: usize = 128;
/// Entropy from which on few levels are used evenly, in bits. Of 140 photos in the colours of the web one has less; those in 16 colours of
/// their own have 3.8 to 4. Drawings found in listings have up to 1.8 where they have so few levels.
const EVEN: f32 = 3.25;

fn levels(histogram: &[u32]) -> usize {
    histogram.iter().filter(|count| **count > 0).count()
}

/// True for a picture of few levels that it uses as evenly as photos do.
pub(super) fn is_even(histogram: &[u32]) -> bool {
    levels(histogram) <= FEW && entropy(histogram) >= EVEN
}

/// True for what a fax, a stamp or a QR code is of, dithered or not.
pub(super) fn has_two_levels(histogram: &[u32]) -> bool {
    levels(histogram) == 2
}

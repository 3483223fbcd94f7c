//! Holes of one colour in the midst of something else.

use image::RgbImage;

use crate::view::difference;

/// Share of the picture in holes: rectangles of whole units that have one colour, in the midst of something else.
pub(super) fn holes(pixels: &RgbImage, unit: usize) -> f32 {
    /// Difference of levels within a hole, and from what lies around it.
    const SAME: u8 = 1;
    const OTHER: u8 = 12;
    /// Share of the pixels around it that differ.
    const AROUND: f32 = 0.9;
    /// Units of a hole: one alone may be chance.
    const LEAST: usize = 4;
    let (across, down) = (pixels.width() as usize / unit, pixels.height() as usize / unit);
    let at = |x: usize, y: usize| pixels.get_pixel(x as u32, y as u32).0;
    let colour = |column: usize, row: usize| {
        // The outermost pixels have some of the colour beside them: colour planes were enlarged.
        let inner = |from: usize| from * unit + 1..(from + 1) * unit - 1;
        let first = at(column * unit + 1, row * unit + 1);
        let same = inner(row).all(|y| inner(column).all(|x| difference(at(x, y), first) <= SAME));
        same.then_some(first)
    };
    let mut units: Vec<Option<[u8; 3]>> =
        (0..across * down).map(|index| colour(index % across, index / across)).collect();
    let mut lost = 0;
    for index in 0..units.len() {
        let Some(colour) = units[index] else { continue };
        let (column, row) = (index % across, index / across);
        let is_of = |units: &[Option<[u8; 3]>], column: usize, row: usize| {
            units[row * across + column].is_some_and(|other| difference(other, colour) <= SAME)
        };
        let columns = (column..across).take_while(|column| is_of(&units, *column, row)).count();
        let rows =
            (row..down).take_while(|row| (column..column + columns).all(|column| is_of(&units, column, *row))).count();
        for row in row..row + rows {
            units[row * across + column..row * across + column + columns].fill(None);
        }
        let (left, top, right, bottom) = (column * unit, row * unit, (column + columns) * unit, (row + rows) * unit);
        let inside = column > 0 && row > 0 && right < pixels.width() as usize && bottom < pixels.height() as usize;
        if columns * rows < LEAST || columns.min(rows) < 2 || !inside {
            continue;
        }
        let edges = (left..right).flat_map(|x| [at(x, top - 1), at(x, bottom)]);
        let sides = (top..bottom).flat_map(|y| [at(left - 1, y), at(right, y)]);
        let others = edges.chain(sides).filter(|pixel| difference(*pixel, colour) >= OTHER).count();
        if others as f32 >= AROUND * (2 * (right - left + bottom - top)) as f32 {
            lost += columns * rows;
        }
    }
    lost as f32 / (across * down) as f32
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::super::damage;
    use super::super::samples::{compressed, scene};

    /// field/README.md, kind 8.
    #[test]
    fn a_hole_of_whole_blocks_is_damage_and_a_sign_is_not() {
        let with_hole = |left: u32, top: u32| {
            let mut picture = scene();
            for y in top..top + 64 {
                for x in left..left + 96 {
                    picture.put_pixel(x, y, Rgb([20, 200, 90]));
                }
            }
            picture
        };
        for picture in [with_hole(160, 320), compressed(&with_hole(160, 320), 90)] {
            let found = damage(&picture, 800);
            assert!((found - 24.0 / 1900.0).abs() < 0.002, "{found}");
        }
        for picture in [with_hole(165, 323), compressed(&with_hole(165, 323), 90)] {
            assert!(damage(&picture, 800) == 0.0, "it does not lie on the grid");
        }
    }
}

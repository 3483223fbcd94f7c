//! The blurred copy of a photo that fills its sides: smooth up to a seam that runs through the whole upload, at the same distance on
//! both sides.

use image::RgbImage;

use super::lines::Inner;

/// Both seams, left and right (`across`: above and below), between a photo and the smooth fill of its sides.
pub(super) fn seams(view: &RgbImage, inner: Inner, across: bool) -> Option<[usize; 2]> {
    /// Rows that are looked at.
    const ROWS: usize = 96;
    /// Difference that a seam makes, in levels.
    const STEP: f32 = 12.0;
    /// Share of the rows in which it must be seen, and in which nothing like it may be seen beside.
    const SEEN: f32 = 0.5;
    const BESIDE: f32 = 0.35;
    /// Detail of a fill, in levels, and in comparison with the photo's.
    const SMOOTH: f32 = 1.2;
    const SMOOTHER: f32 = 0.3;
    /// Share of the side that a fill takes at least.
    const SMALLEST: f32 = 0.04;

    let Inner { left, top, right, bottom } = inner;
    let (from, to, rows_from, rows_to) = if across { (top, bottom, left, right) } else { (left, right, top, bottom) };
    let (length, depth) = (to - from, rows_to - rows_from);
    if length < 64 || depth < 32 {
        return None;
    }
    let luma = |at: usize, row: usize| {
        let (x, y) = if across { (row, at) } else { (at, row) };
        let [r, g, b] = view.get_pixel(x as u32, y as u32).0.map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    };
    let row_at = |index: usize| rows_from + index * (depth - 1) / (ROWS - 1);
    let smallest = ((length as f32 * SMALLEST) as usize).max(12);
    // Most photos have detail at their edges: they are done with here, before all rows are read.
    let smooth_edge = |first: usize| {
        let second = |row: usize, at: usize| (luma(at - 1, row) - 2.0 * luma(at, row) + luma(at + 1, row)).abs();
        let edge = first..first + smallest - 2;
        let sum: f32 =
            (0..ROWS).step_by(4).flat_map(|index| edge.clone().map(move |at| second(row_at(index), at))).sum();
        sum <= 2.0 * SMOOTH * (ROWS.div_ceil(4) * edge.len()) as f32
    };
    if !smooth_edge(from + 1) || !smooth_edge(to + 1 - smallest) {
        return None;
    }
    let rows: Vec<Vec<f32>> = (0..ROWS).map(row_at).map(|row| (from..to).map(|at| luma(at, row)).collect()).collect();
    let step = |at: usize| {
        rows.iter().filter(|row| (row[at + 1] - row[at - 2]).abs() > STEP).count() as f32 / rows.len() as f32
    };
    let is_seam = |at: usize| step(at) >= SEEN && step(at - 6) < BESIDE && step(at + 6) < BESIDE;
    let detail = |range: std::ops::Range<usize>| {
        let count = (range.len() * rows.len()).max(1);
        let second = |row: &Vec<f32>, at: usize| (row[at - 1] - 2.0 * row[at] + row[at + 1]).abs();
        rows.iter().map(|row| range.clone().map(|at| second(row, at)).sum::<f32>()).sum::<f32>() / count as f32
    };
    let seam =
        (smallest..length / 2 - 8).find(|&at| is_seam(at) && (at - 2..=at + 2).any(|left| is_seam(length - left)))?;
    let fills = [1..seam - 4, length - seam + 4..length - 1].map(&detail);
    let photo = detail(seam + 4..length - seam - 4);
    let smooth = fills.into_iter().all(|fill| fill <= SMOOTH && fill <= SMOOTHER * photo);
    smooth.then_some([from + seam + 2, to - seam - 2])
}

#[cfg(test)]
mod tests {
    use image::imageops::{self, FilterType};
    use image::{Rgb, RgbImage};

    use super::super::samples::assert_found;
    use crate::ingest::samples::compressed;

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
}

//! Whether what lies around a photo is its enlarged and blurred copy.

use image::RgbImage;

use super::fill::{STEP, bend};
use super::lines::Inner;
use crate::view::level;

/// How much what lies around the photo looks like its enlarged copy: the correlation of both, 0 where either is even.
pub(super) fn alike(view: &RgbImage, whole: Inner, photo: Inner) -> f32 {
    /// Pixels of the whole that are compared, in a row and in a column.
    const GRID: usize = 16;
    /// Length of the square that stands for the blur, as a share of the shorter side of the whole.
    const BLUR: f32 = 0.08;
    /// A copy that covers the whole may have been enlarged further.
    const ZOOMS: [f32; 3] = [1.0, 1.12, 1.25];
    let size = |inner: Inner| [inner.right - inner.left, inner.bottom - inner.top].map(|side| side as f32);
    let ([width, height], [photo_width, photo_height]) = (size(whole), size(photo));
    let middle = [(photo.left + photo.right) as f32 / 2.0, (photo.top + photo.bottom) as f32 / 2.0];
    let luma = |x: usize, y: usize| f32::from(level(view.get_pixel(x as u32, y as u32).0));
    let cells = (0..GRID * GRID).map(|cell| {
        let along = |index: usize, from: usize, to: usize| from + (2 * index + 1) * (to - from) / (2 * GRID);
        (along(cell % GRID, whole.left, whole.right), along(cell / GRID, whole.top, whole.bottom))
    });
    let outside = |&(x, y): &(usize, usize)| {
        x + 4 < photo.left || x >= photo.right + 4 || y + 4 < photo.top || y >= photo.bottom + 4
    };
    // Writing is no part of the copy.
    let is_smooth = |&(x, y): &(usize, usize)| {
        let level = |x, y| level(view.get_pixel(x as u32, y as u32).0);
        let (right, down) = ((x + 4).min(whole.right - 1), (y + 4).min(whole.bottom - 1));
        let (left, up) = (x.saturating_sub(4).max(whole.left), y.saturating_sub(4).max(whole.top));
        let middle = level(x, y);
        bend(level(left, y), middle, level(right, y)).max(bend(level(x, up), middle, level(x, down))) <= STEP
    };
    let fill: Vec<(usize, usize)> = cells.filter(outside).filter(is_smooth).collect();
    let blur = BLUR / 4.0 * width.min(height);
    let copied = |[right, down]: [f32; 2]| {
        let pairs = fill.iter().map(|&(x, y)| {
            let original = |place: usize, middle: f32, zoom: f32, step: usize, from: usize, to: usize| {
                let place = middle + (place as f32 - middle + (step as f32 - 1.5) * blur) / zoom;
                (place as usize).clamp(from, to - 1)
            };
            let sum: f32 = (0..16)
                .map(|step| {
                    let x = original(x, middle[0], right, step % 4, photo.left, photo.right);
                    luma(x, original(y, middle[1], down, step / 4, photo.top, photo.bottom))
                })
                .sum();
            (luma(x, y), sum / 16.0)
        });
        correlation(pairs)
    };
    let stretched = [width / photo_width, height / photo_height];
    let cover = stretched[0].max(stretched[1]);
    ZOOMS.map(|zoom| [zoom * cover; 2]).into_iter().chain([stretched]).map(copied).fold(0.0, f32::max)
}

/// Correlation of pairs of levels, 0 where there are few or they hardly vary.
fn correlation(pairs: impl Iterator<Item = (f32, f32)>) -> f32 {
    const FEW: f32 = 8.0;
    const EVEN: f32 = 9.0;
    let (mut count, mut sums, mut squares, mut product) = (0.0, [0.0; 2], [0.0; 2], 0.0);
    for (one, other) in pairs {
        count += 1.0;
        sums = [sums[0] + one, sums[1] + other];
        squares = [squares[0] + one * one, squares[1] + other * other];
        product += one * other;
    }
    let means = sums.map(|sum| sum / count);
    let [one, other] = [0, 1].map(|index| squares[index] / count - means[index] * means[index]);
    if count < FEW || one < EVEN || other < EVEN {
        return 0.0;
    }
    (product / count - means[0] * means[1]) / (one * other).sqrt()
}

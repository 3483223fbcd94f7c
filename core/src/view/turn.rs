//! Turn view: two squares at the two ends of the photo's long side, small, each four times: as it is and turned back by 90, 180 and 270
//! degrees. Squares, so that their shape does not tell which side was up, and turned by whole pixels, so that nothing else does (but for the
//! last bit where a side is no multiple of the view's). Two, since what tells it may stand at either end.

use fast_image_resize::FilterType;

use super::ReferenceView;
use super::resample::{ends, resize_part};

/// Right-angle copies of a photo.
pub const COPIES: usize = 4;
const CHANNELS: usize = 3;
/// Squares of a photo.
pub const SQUARES: usize = 2;
const SIDE: usize = 96;
pub(super) const SHAPE: [usize; 3] = [SQUARES * COPIES * CHANNELS, SIDE, SIDE];

/// Of the left (or top) square and of the right (or bottom) one the planes R, G, B of each copy; copy number k is upright where the scene
/// appears turned clockwise by k right angles.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let pixels = view.pixels();
    let mut values = Vec::with_capacity(SHAPE.iter().product());
    for end in ends(pixels) {
        let square = resize_part(pixels, end, SIDE as u32, SIDE as u32, FilterType::Box);
        for copy in 0..COPIES {
            for channel in 0..CHANNELS {
                values.extend((0..SIDE * SIDE).map(|index| {
                    let [x, y] = source(copy, index % SIDE, index / SIDE);
                    f32::from(square.get_pixel(x as u32, y as u32)[channel]) / 255.0
                }));
            }
        }
    }
    values
}

/// Where a pixel of a copy comes from: it was turned counterclockwise by so many right angles.
fn source(copy: usize, x: usize, y: usize) -> [usize; 2] {
    const LAST: usize = SIDE - 1;
    match copy {
        0 => [x, y],
        1 => [LAST - y, x],
        2 => [LAST - x, LAST - y],
        _ => [y, LAST - x],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage, imageops};

    #[test]
    fn a_copy_shows_what_was_turned_as_if_it_had_not_been() {
        let upright =
            RgbImage::from_fn(2 * SIDE as u32, 2 * SIDE as u32, |x, y| Rgb([x as u8, y as u8, (x * y % 251) as u8]));
        let copy = |photo: &RgbImage, copy: usize| {
            let values = tensor(&ReferenceView::new(photo.clone()));
            values[copy * CHANNELS * SIDE * SIDE..][..CHANNELS * SIDE * SIDE].to_vec()
        };
        let plain = copy(&upright, 0);
        for (turns, turned) in
            [(1, imageops::rotate90(&upright)), (2, imageops::rotate180(&upright)), (3, imageops::rotate270(&upright))]
        {
            assert!(copy(&turned, turns) == plain, "{turns}");
            assert!(copy(&turned, 0) != plain, "{turns}");
        }
    }

    #[test]
    fn both_ends_are_seen() {
        let wide = RgbImage::from_fn(200, 100, |x, _| Rgb([if x < 100 { 9 } else { 200 }; 3]));
        let values = tensor(&ReferenceView::new(wide));
        for (square, level) in values.chunks(values.len() / SQUARES).zip([9.0, 200.0]) {
            assert!(square.iter().all(|value| (value - level / 255.0).abs() < 1e-6), "{level}");
        }
    }
}

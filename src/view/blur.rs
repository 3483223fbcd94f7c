//! Blur view: a grid of tiles cut from the reference view at full resolution, so that detail survives.

use super::{ReferenceView, luma};

/// Tiles per row and per column.
pub const GRID: usize = 3;
/// Side of a tile in pixels.
pub const TILE: usize = 128;
pub(super) const SHAPE: [usize; 3] = [GRID * GRID, TILE, TILE];

/// Luma of the tiles, row by row. The grid spans the whole view: the outer tiles touch its edges, and tiles of a small
/// view overlap. A view narrower than a tile is continued by reflection.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let pixels = view.pixels();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let columns = origins(width);
    let rows = origins(height);
    let mut values = Vec::with_capacity(SHAPE.iter().product());
    for top in rows {
        for left in columns {
            for y in top..top + TILE {
                let y = reflect(y, height) as u32;
                for x in left..left + TILE {
                    values.push(luma(pixels.get_pixel(reflect(x, width) as u32, y).0));
                }
            }
        }
    }
    values
}

fn origins(side: usize) -> [usize; GRID] {
    let room = side.saturating_sub(TILE);
    std::array::from_fn(|index| room * index / (GRID - 1))
}

/// Index into a side of `n` pixels, continued by reflection about the last pixel and back.
fn reflect(index: usize, n: usize) -> usize {
    if n == 1 {
        return 0;
    }
    let period = 2 * (n - 1);
    let index = index % period;
    index.min(period - index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    #[test]
    fn outer_tiles_touch_the_edges_and_small_views_reflect() {
        assert_eq!(origins(1024), [0, 448, 896]);
        assert_eq!(origins(100), [0, 0, 0]);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|i| reflect(i, 4)), [0, 1, 2, 3, 2, 1, 0]);
    }

    #[test]
    fn tiles_are_copied_pixel_for_pixel() {
        let image = RgbImage::from_fn(300, 260, |x, y| Rgb([(x % 256) as u8, (y % 256) as u8, 7]));
        let values = tensor(&ReferenceView::new(image.clone()));
        let (left, top) = (300 - TILE, 260 - TILE);
        let last_tile = &values[8 * TILE * TILE..];
        for (x, y) in [(0, 0), (127, 0), (5, 99)] {
            let expected = luma(image.get_pixel((left + x) as u32, (top + y) as u32).0);
            assert_eq!(last_tile[y * TILE + x].to_bits(), expected.to_bits());
        }
    }
}

//! Blur view: a grid of tiles cut from the reference view at full resolution, so that detail survives. For the map of where a
//! photo is blurred a finer grid, each tile of which is shown to the model as if the photo were nothing else.

use super::{ReferenceView, luma};

/// Tiles per row and per column.
pub const GRID: usize = 3;
/// Side of a tile in pixels.
pub const TILE: usize = 128;
/// Tiles of the map along the long side, at most.
const MAP_SIDE: usize = 6;
pub(super) const SHAPE: [usize; 3] = [GRID * GRID, TILE, TILE];

/// Luma of the tiles, row by row. The grid spans the whole view: the outer tiles touch its edges, and tiles of a small
/// view overlap. A view narrower than a tile is continued by reflection.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let (width, height) = view.pixels().dimensions();
    let mut values = Vec::with_capacity(SHAPE.iter().product());
    for top in origins(height as usize, GRID) {
        for left in origins(width as usize, GRID) {
            copy_tile(view, left, top, &mut values);
        }
    }
    values
}

/// One tile of the map.
#[derive(Clone, Debug)]
pub struct MapTile {
    /// Left, top, width and height as shares of the photo's sides.
    pub place: [f32; 4],
    luma: Vec<f32>,
}

impl MapTile {
    /// The model's input for a photo that is this tile and nothing else.
    #[must_use]
    pub fn tensor(&self) -> Vec<f32> {
        self.luma.repeat(GRID * GRID)
    }
}

/// Columns, rows and, row by row, the tiles of a photo's map: as many as fit side by side, six along the long side at most.
#[must_use]
pub fn map(view: &ReferenceView) -> (usize, usize, Vec<MapTile>) {
    let (width, height) = (view.pixels().width() as usize, view.pixels().height() as usize);
    let along = |side: usize| {
        let most = (MAP_SIDE * side).div_ceil(width.max(height));
        side.div_ceil(TILE).clamp(1, most.max(1))
    };
    let (columns, rows) = (along(width), along(height));
    let mut tiles = Vec::with_capacity(columns * rows);
    for top in origins(height, rows) {
        for left in origins(width, columns) {
            let share = |length: usize, side: usize| length.min(side) as f32 / side as f32;
            let place = [share(left, width), share(top, height), share(TILE, width), share(TILE, height)];
            let mut luma = Vec::with_capacity(TILE * TILE);
            copy_tile(view, left, top, &mut luma);
            tiles.push(MapTile { place, luma });
        }
    }
    (columns, rows, tiles)
}

fn copy_tile(view: &ReferenceView, left: usize, top: usize, values: &mut Vec<f32>) {
    let pixels = view.pixels();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    for y in top..top + TILE {
        let y = reflect(y, height) as u32;
        values.extend((left..left + TILE).map(|x| luma(pixels.get_pixel(reflect(x, width) as u32, y).0)));
    }
}

/// Where `count` tiles begin that span a side.
fn origins(side: usize, count: usize) -> impl Iterator<Item = usize> {
    let room = side.saturating_sub(TILE);
    (0..count).map(move |index| if count > 1 { room * index / (count - 1) } else { room / 2 })
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
        assert_eq!(origins(1024, 3).collect::<Vec<_>>(), [0, 448, 896]);
        assert_eq!(origins(100, 3).collect::<Vec<_>>(), [0, 0, 0]);
        assert_eq!(origins(200, 1).collect::<Vec<_>>(), [36]);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|i| reflect(i, 4)), [0, 1, 2, 3, 2, 1, 0]);
    }

    #[test]
    fn the_map_spans_the_photo() {
        let (columns, rows, tiles) = map(&ReferenceView::new(RgbImage::new(1024, 683)));
        assert_eq!((columns, rows, tiles.len()), (6, 5, 30));
        let [left, top, width, height] = tiles[29].place;
        assert!((left + width - 1.0).abs() < 1e-6 && (top + height - 1.0).abs() < 1e-6);
        assert_eq!(tiles[0].tensor().len(), SHAPE.iter().product::<usize>());
        let (columns, rows, tiles) = map(&ReferenceView::new(RgbImage::new(100, 40)));
        assert_eq!((columns, rows, tiles[0].place), (1, 1, [0.0, 0.0, 1.0, 1.0]));
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

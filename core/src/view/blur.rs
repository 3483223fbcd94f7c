//! Blur view: nine tiles cut from the reference view at full resolution, so that detail survives. One from each ninth of the photo,
//! and there the one that holds most detail: a fixed grid sees a fifth of a photo and may miss its subject. Spread over the photo,
//! since the most detailed tiles of all may lie on a dealer's banner.

use image::imageops::crop_imm;

use super::{ReferenceView, luma};

/// Tiles per row and per column.
pub const GRID: usize = 3;
/// Side of a tile in pixels.
pub const TILE: usize = 96;
/// Detail is measured in blocks of so many pixels, and tiles begin at blocks, every second one being tried.
const BLOCK: usize = 16;
const TRIED: usize = 2;
/// Mean difference of neighbours, in levels, from which on a block holds detail enough: a few hard edges (letters, a frame) shall not
/// outweigh texture.
const ENOUGH: u32 = 16;
/// Parts of the map along the long side, at most.
const MAP_SIDE: usize = 6;
pub(super) const SHAPE: [usize; 3] = [GRID * GRID, TILE, TILE];

/// Luma of the tiles, row by row. A view narrower than a tile is continued by reflection.
pub(super) fn tensor(view: &ReferenceView) -> Vec<f32> {
    let (width, height) = view.pixels().dimensions();
    let detail = Detail::of(view);
    let mut values = Vec::with_capacity(SHAPE.iter().product());
    for row in 0..GRID {
        for column in 0..GRID {
            let [left, top] = detail.best(starts(width as usize, column), starts(height as usize, row));
            copy_tile(view, left * BLOCK, top * BLOCK, &mut values);
        }
    }
    values
}

/// The blocks at which a tile may begin whose centre lies in the `third` of a side: first and last.
fn starts(side: usize, third: usize) -> [usize; 2] {
    let room = side.saturating_sub(TILE);
    [third, third + 1].map(|third| (side * third / GRID).saturating_sub(TILE / 2).min(room) / BLOCK)
}

/// How much detail lies above and to the left of each corner of blocks.
struct Detail {
    corners: Vec<u32>,
    columns: usize,
}

impl Detail {
    fn of(view: &ReferenceView) -> Self {
        let pixels = view.pixels();
        let (width, height) = (pixels.width() as usize, pixels.height() as usize);
        let levels = view.levels();
        let (columns, rows) = (width / BLOCK, height / BLOCK);
        let mut corners = vec![0; (columns + 1) * (rows + 1)];
        for row in 0..rows {
            let mut sums = vec![0; columns];
            // Every second line tells enough.
            for y in (row * BLOCK..(row + 1) * BLOCK).step_by(2) {
                let line = &levels[y * width..][..width];
                let below = &levels[(y + 1) * width..][..width];
                for (column, sum) in sums.iter_mut().enumerate() {
                    let span = column * BLOCK..(column + 1) * BLOCK;
                    let across: u32 = line[span.clone()].windows(2).map(|pair| difference(pair[0], pair[1])).sum();
                    let down: u32 = line[span.clone()].iter().zip(&below[span]).map(|(a, b)| difference(*a, *b)).sum();
                    *sum += across + down;
                }
            }
            let mut line = 0;
            for (column, sum) in sums.into_iter().enumerate() {
                line += sum.min(ENOUGH * (BLOCK * BLOCK) as u32);
                let at = (row + 1) * (columns + 1) + column + 1;
                corners[at] = corners[at - columns - 1] + line;
            }
        }
        Self { corners, columns }
    }

    /// Column and row of blocks at which the tile with most detail begins.
    fn best(&self, columns: [usize; 2], rows: [usize; 2]) -> [usize; 2] {
        let all = |[first, last]: [usize; 2]| (first..=last).step_by(TRIED);
        let starts = all(rows).flat_map(|top| all(columns).map(move |left| [left, top]));
        starts.max_by_key(|&start| self.within(start)).unwrap_or([columns[0], rows[0]])
    }

    /// Detail of the tile that begins at a column and row of blocks, as far as the photo goes.
    fn within(&self, [left, top]: [usize; 2]) -> u32 {
        let stride = self.columns + 1;
        let right = (left + TILE / BLOCK).min(self.columns);
        let bottom = (top + TILE / BLOCK).min(self.corners.len() / stride - 1);
        let corner = |column: usize, row: usize| self.corners[row * stride + column];
        corner(right, bottom) + corner(left, top) - corner(left, bottom) - corner(right, top)
    }
}

fn difference(a: u8, b: u8) -> u32 {
    u32::from(a.abs_diff(b))
}

/// One part of the map.
#[derive(Clone, Debug)]
pub struct MapTile {
    /// Left, top, width and height as shares of the photo's sides.
    pub place: [f32; 4],
    part: ReferenceView,
}

impl MapTile {
    /// The model's input for a photo that is this part and nothing else.
    #[must_use]
    pub fn tensor(&self) -> Vec<f32> {
        tensor(&self.part)
    }
}

/// Columns, rows and, row by row, the parts of a photo's map, which cover it: six along the long side at most, and none smaller
/// than a tile unless the photo is.
#[must_use]
pub fn map(view: &ReferenceView) -> (usize, usize, Vec<MapTile>) {
    let pixels = view.pixels();
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let along = |side: usize| {
        let longest = width.max(height);
        let most = (MAP_SIDE * side + longest / 2) / longest;
        (side / TILE).min(most).max(1)
    };
    let (columns, rows) = (along(width), along(height));
    let mut tiles = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            let [left, right] = [column, column + 1].map(|column| width * column / columns);
            let [top, bottom] = [row, row + 1].map(|row| height * row / rows);
            let share = |length: usize, side: usize| length as f32 / side as f32;
            let place =
                [share(left, width), share(top, height), share(right - left, width), share(bottom - top, height)];
            let [left, top, right, bottom] = [left, top, right, bottom].map(|at| at as u32);
            let part = crop_imm(pixels, left, top, right - left, bottom - top).to_image();
            tiles.push(MapTile { place, part: ReferenceView::new(part) });
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

    fn tile_begins_at(view: &RgbImage, tile: usize, left: usize, top: usize) -> bool {
        let values = tensor(&ReferenceView::new(view.clone()));
        let tile = &values[tile * TILE * TILE..][..TILE * TILE];
        [(0, 0), (TILE - 1, 0), (5, TILE - 1)].iter().all(|&(x, y)| {
            let expected = luma(view.get_pixel((left + x) as u32, (top + y) as u32).0);
            tile[y * TILE + x].to_bits() == expected.to_bits()
        })
    }

    #[test]
    fn the_tiles_are_spread_over_the_photo_and_lie_within_it() {
        assert_eq!([0, 1, 2].map(|third| starts(1024, third)), [[0, 18], [18, 39], [39, 58]]);
        assert_eq!([0, 1, 2].map(|third| starts(96, third)), [[0, 0]; 3]);
        assert_eq!([0, 1, 2].map(|third| starts(20, third)), [[0, 0]; 3]);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|i| reflect(i, 4)), [0, 1, 2, 3, 2, 1, 0]);
    }

    #[test]
    fn each_ninth_shows_its_most_detailed_tile_pixel_for_pixel() {
        // A shaded photo with a small checkered subject between the places of a fixed grid.
        let subject = |x: u32, y: u32| (224..320).contains(&x) && (192..288).contains(&y);
        let photo = RgbImage::from_fn(960, 720, |x, y| {
            let shade = ((x + y) / 8) as u8;
            if subject(x, y) { Rgb([if (x / 3 + y / 3) % 2 == 0 { 20 } else { 230 }; 3]) } else { Rgb([shade; 3]) }
        });
        assert!(tile_begins_at(&photo, 0, 224, 192));
        // Letters of the hardest edges take part of a tile; texture fills one.
        let photo = RgbImage::from_fn(960, 720, |x, y| match (x, y) {
            (0..96, 0..16) => Rgb([if x % 2 == 0 { 0 } else { 255 }; 3]),
            (192..288, 128..224) => Rgb([if (x / 2 + y / 2) % 2 == 0 { 100 } else { 120 }; 3]),
            _ => Rgb([110; 3]),
        });
        assert!(tile_begins_at(&photo, 0, 192, 128));
    }

    #[test]
    fn a_photo_smaller_than_a_tile_is_continued_by_reflection() {
        let photo = RgbImage::from_fn(50, 30, |x, y| Rgb([(4 * x) as u8, (8 * y) as u8, 0]));
        let values = tensor(&ReferenceView::new(photo));
        assert_eq!(values[..TILE * TILE], values[8 * TILE * TILE..]);
        assert_eq!(values[51].to_bits(), values[47].to_bits());
    }

    #[test]
    fn the_map_covers_the_photo() {
        let (columns, rows, tiles) = map(&ReferenceView::new(RgbImage::new(1024, 683)));
        assert_eq!((columns, rows, tiles.len()), (6, 4, 24));
        let area: f32 = tiles.iter().map(|tile| tile.place[2] * tile.place[3]).sum();
        assert!((area - 1.0).abs() < 1e-5);
        let [left, top, width, height] = tiles[23].place;
        assert!((left + width - 1.0).abs() < 1e-6 && (top + height - 1.0).abs() < 1e-6);
        assert_eq!(tiles[0].tensor().len(), SHAPE.iter().product::<usize>());
        let (columns, rows, tiles) = map(&ReferenceView::new(RgbImage::new(100, 40)));
        assert_eq!((columns, rows, tiles[0].place), (1, 1, [0.0, 0.0, 1.0, 1.0]));
    }
}

//! Colours that change at once along a whole row of pixels while outlines go on: planes of colours were lost. A translucent banner
//! changes them so, too, but takes from the contrast of all channels, where what was lost adds a constant to each.

use image::RgbImage;

use crate::view::level;

/// Points of a row that are looked at, and rows between two such rows, at least; a picture has so many such rows at most.
const POINTS: usize = 64;
const SPACING: usize = 8;
const ROWS: u32 = 100;
/// Change of both colours together, in levels, and share of the points that have it.
const CHANGE: u32 = 32;
const OF_A_ROW: f32 = 0.95;
/// Rows above the border and below it that are compared: saving it again mixes those beside it.
const SIDES: [(usize, usize); 3] = [(3, 2), (2, 2), (2, 1)];
/// Pixels across a difference of luma, and the most of it that counts.
const REACH: usize = 6;
const EXTREME: i32 = 24;
/// Smallest likeness of luma across the border: of banners and other pictures below it is next to nothing.
const LIKENESS: f32 = 0.15;
/// Points of a row at which levels are compared, and steps in which the constant is tried that explains them.
const SAMPLES: usize = 256;
const STEP: usize = 4;
/// What a thin layer of a colour leaves unexplained, as a share of what constants do, at least.
const UNEXPLAINED: f32 = 0.9;
/// Smallest energy of a channel below the border, as a share of luma's above it.
const KEPT: f32 = 0.5;
/// Levels from black and from white, and share of the points that a channel has moved there: where planes were lost it may end so.
const END: u8 = 16;
const AT_END: f32 = 0.5;
/// Smallest share of rows.
const LEAST: f32 = 0.04;

/// Differences of blue and red from luma, at each point of a row.
type Colours = [[i32; 2]; POINTS];
type Samples = [[u8; 3]; SAMPLES];

/// Share of rows, from the border on, whose colours are others.
pub(super) fn tinted(pixels: &RgbImage) -> f32 {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let spacing = spacing(pixels.height());
    if width < POINTS {
        return 0.0;
    }
    let rows: Vec<Colours> = (0..height).step_by(spacing).map(|y| colours(pixels, y)).collect();
    let changes = |pair: &[Colours]| {
        let points = pair[0].iter().zip(&pair[1]);
        points.filter(|(one, other)| change(one, other) >= CHANGE).count() as f32 >= OF_A_ROW * POINTS as f32
    };
    let borders = rows.windows(2).enumerate().filter(|(_, pair)| changes(pair)).filter_map(|(index, _)| {
        let step = |y: &usize| {
            let (above, below) = (colours(pixels, y - 1), colours(pixels, *y));
            above.iter().zip(&below).map(|(one, other)| change(one, other)).sum::<u32>()
        };
        (index * spacing + 1..=(index + 1) * spacing).max_by_key(step)
    });
    let share = |border: usize| 1.0 - border as f32 / height as f32;
    let lost = borders.filter(|border| goes_on(pixels, *border) && keeps_levels(pixels, *border));
    lost.map(share).find(|share| *share >= LEAST).unwrap_or(0.0)
}

/// Rows from one that is looked at to the next.
fn spacing(height: u32) -> usize {
    SPACING.max(height.div_ceil(ROWS) as usize)
}

fn colours(pixels: &RgbImage, y: usize) -> Colours {
    points(pixels, y).map(|pixel| {
        let [red, blue, luma] = [pixel[0], pixel[2], level(pixel)].map(i32::from);
        [(144 * (blue - luma)) >> 8, (183 * (red - luma)) >> 8]
    })
}

/// Pixels of a row at equal distances.
fn points<const COUNT: usize>(pixels: &RgbImage, y: usize) -> [[u8; 3]; COUNT] {
    std::array::from_fn(|index| {
        let x = (2 * index + 1) * pixels.width() as usize / (2 * COUNT);
        pixels.get_pixel(x as u32, y as u32).0
    })
}

fn change(one: &[i32; 2], other: &[i32; 2]) -> u32 {
    one[0].abs_diff(other[0]) + one[1].abs_diff(other[1])
}

/// The rows above a border and below it that are compared.
fn sides(pixels: &RgbImage, border: usize) -> impl Iterator<Item = [usize; 2]> {
    let height = pixels.height() as usize;
    let rows = SIDES.into_iter().filter_map(move |(up, down)| Some([border.checked_sub(up)?, border + down]));
    rows.filter(move |[_, below]| *below < height)
}

/// Whether luma has the same outlines at both sides of a border.
fn goes_on(pixels: &RgbImage, border: usize) -> bool {
    let outlines = |y: usize| -> Vec<i32> {
        let start = 3 * y * pixels.width() as usize;
        let row = pixels.as_raw()[start..start + 3 * pixels.width() as usize].as_chunks::<3>().0;
        let lumas: Vec<i32> = row.iter().map(|pixel| level(*pixel).into()).collect();
        let pairs = lumas.iter().zip(lumas.iter().skip(REACH));
        pairs.map(|(left, right)| (right - left).clamp(-EXTREME, EXTREME)).collect()
    };
    let product =
        |one: &[i32], other: &[i32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<i32>() as f32;
    sides(pixels, border).any(|rows| {
        let [above, below] = rows.map(outlines);
        let most = product(&above, &above).max(product(&below, &below)).max(1.0);
        product(&above, &below) >= LIKENESS * most
    })
}

/// Whether the levels below a border are those above it, or their luma, and a constant in each channel, cut off at the ends of the range.
/// At the edge of a translucent banner one side has a share of what all channels vary by on the other instead.
fn keeps_levels(pixels: &RgbImage, border: usize) -> bool {
    let sides: Vec<[Samples; 2]> = sides(pixels, border).map(|rows| rows.map(|y| points(pixels, y))).collect();
    let layer: f32 = sides.iter().map(|[above, below]| layer_error(above, below)).sum();
    let constant = sides.iter().map(|[above, below]| {
        let luma = above.map(|pixel| [level(pixel); 3]);
        constant_error(above, below).min(constant_error(&luma, below))
    });
    if layer < UNEXPLAINED * constant.sum::<f32>() {
        return false;
    }
    let luma: f32 = sides.iter().map(|[above, _]| energy(&varying(above.iter().map(|pixel| level(*pixel))))).sum();
    (0..3).any(|channel| {
        let of = |row: &Samples| row.map(|pixel| pixel[channel]);
        let kept: f32 = sides.iter().map(|[_, below]| energy(&varying(of(below).into_iter()))).sum();
        let moves_to = |end: u8| {
            let pairs = sides.iter().flat_map(|[above, below]| of(above).into_iter().zip(of(below)));
            let moved = pairs.filter(|(above, below)| above.abs_diff(end) >= 2 * END && below.abs_diff(end) <= END);
            moved.count() as f32 >= AT_END * (sides.len() * SAMPLES) as f32
        };
        kept >= KEPT * luma || moves_to(0) || moves_to(255)
    })
}

/// Levels without their mean.
fn varying(levels: impl Iterator<Item = u8> + Clone) -> Vec<f32> {
    let mean = levels.clone().map(f32::from).sum::<f32>() / SAMPLES as f32;
    levels.map(|level| f32::from(level) - mean).collect()
}

fn energy(levels: &[f32]) -> f32 {
    levels.iter().map(|level| level * level).sum()
}

/// Mean difference of the row that varies less from what the other leaves under a layer of one colour, in levels.
fn layer_error(above: &Samples, below: &Samples) -> f32 {
    let channels = |row: &Samples| -> Vec<f32> {
        [0, 1, 2].iter().flat_map(|channel| varying(row.iter().map(|pixel| pixel[*channel]))).collect()
    };
    let (mut covered, mut bare) = (channels(above), channels(below));
    if energy(&covered) > energy(&bare) {
        std::mem::swap(&mut covered, &mut bare);
    }
    let share = (energy(&covered) / energy(&bare).max(1.0)).sqrt();
    let errors = covered.iter().zip(&bare).map(|(covered, bare)| (covered - share * bare).abs());
    errors.sum::<f32>() / covered.len() as f32
}

/// Mean difference of a row from another with the best constant added to each channel, in levels.
fn constant_error(above: &Samples, below: &Samples) -> f32 {
    let of_channel = |channel: usize| {
        let error = |constant: i32| -> u32 {
            let pairs = above.iter().map(|pixel| i32::from(pixel[channel])).zip(below);
            pairs.map(|(level, pixel)| (level + constant).clamp(0, 255).abs_diff(pixel[channel].into())).sum()
        };
        (-252..=252).step_by(STEP).map(error).min().unwrap_or(0)
    };
    (0..3).map(of_channel).sum::<u32>() as f32 / (3 * SAMPLES) as f32
}

#[cfg(test)]
mod tests {
    use image::{Rgb, imageops};

    use super::super::damage;
    use super::super::samples::compressed;
    use super::*;

    /// Upright things of many widths.
    fn street(rate: f32) -> RgbImage {
        RgbImage::from_fn(800, 608, |x, y| {
            let (across, down) = (x as f32 * rate, y as f32);
            let wave = (across * 0.13 + 2.0 * (across * 0.05).sin() + down * 0.004).sin();
            Rgb([0.9, 1.0, 0.8].map(|part: f32| (part * (85.0 + 25.0 * wave)) as u8))
        })
    }

    /// The rows from 304 on have these colours, and their own luma.
    fn tint(mut picture: RgbImage, blue: f32, red: f32) -> RgbImage {
        for (_, _, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| *y >= 304) {
            let luma = f32::from(level(pixel.0));
            let green = luma - 0.344 * blue - 0.714 * red;
            *pixel = Rgb([luma + 1.402 * red, green, luma + 1.772 * blue].map(|level| level.clamp(0.0, 255.0) as u8));
        }
        picture
    }

    #[test]
    fn lost_colours_are_found_where_they_begin_also_after_scaling() {
        for [blue, red] in [[-128.0, -128.0], [52.0, 72.0], [0.0, -128.0]] {
            let picture = tint(street(1.0), blue, red);
            let smaller = imageops::thumbnail(&picture, 560, 426);
            for picture in [compressed(&smaller, 85), smaller, compressed(&picture, 75), picture] {
                let found = tinted(&picture);
                assert!((found - 0.5).abs() < 0.01, "{found} for {blue} and {red}");
                assert!(damage(&picture, picture.width()) >= found);
            }
        }
    }

    #[test]
    fn of_no_picture_are_more_rows_looked_at_than_there_may_be() {
        for height in [1, 100, 799, 800, 801, 899, 6000] {
            let rows = (0..height).step_by(spacing(height)).count();
            assert!(rows <= ROWS as usize && rows as u32 >= (height / 8).min(ROWS / 2), "{rows} of {height}");
        }
    }

    /// Rows of a picture under a layer of a colour.
    fn laid_over(picture: &RgbImage, rows: std::ops::Range<u32>, colour: [u8; 3], opacity: f32) -> RgbImage {
        let mut picture = picture.clone();
        for (_, _, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| rows.contains(y)) {
            let blend =
                |channel: usize| (1.0 - opacity) * f32::from(pixel.0[channel]) + opacity * f32::from(colour[channel]);
            pixel.0 = [0, 1, 2].map(|channel| blend(channel).round() as u8);
        }
        picture
    }

    fn photo(bytes: &[u8]) -> RgbImage {
        image::load_from_memory(bytes).expect("it decodes").into_rgb8()
    }

    const TILTED: &[u8] = include_bytes!("../../../../tests/fixtures/tilted.jpg");
    const PAVILION: &[u8] = include_bytes!("../../../../tests/fixtures/pavilion.jpg");

    #[test]
    fn translucent_banners_below_and_above_are_no_lost_colours() {
        let photo = photo(TILTED);
        let height = photo.height();
        let bands = [0.15, 0.2].map(|share| (share * height as f32) as u32);
        let places = bands.into_iter().flat_map(|rows| [height - rows..height, 0..rows, height / 2..height / 2 + rows]);
        let colours =
            [[10, 60, 160], [200, 20, 30], [226, 0, 116], [255, 0, 0], [255, 140, 0], [0, 174, 239], [255, 220, 0]];
        for (rows, colour) in places.flat_map(|rows| colours.map(|colour| (rows.clone(), colour))) {
            for opacity in [0.4, 0.5, 0.6, 0.7, 0.8] {
                let banner = laid_over(&photo, rows.clone(), colour, opacity);
                for picture in [&compressed(&banner, 85), &banner] {
                    assert!(tinted(picture) == 0.0, "{colour:?} in {rows:?} at {opacity}");
                }
            }
        }
    }

    /// White bars on black, half of which are others from row 304 on: neither explains what is below well.
    #[test]
    fn a_translucent_banner_is_no_lost_colours_where_outlines_go_on_in_part() {
        let bars = RgbImage::from_fn(800, 608, |x, y| {
            let chance = |seed: u32| ((x / 5 + seed).wrapping_mul(2_654_435_761) >> 12) % 100;
            let others = y >= 304 && chance(5000) >= 50;
            Rgb([if chance(if others { 9000 } else { 1 }) < 25 { 220 } else { 20 }; 3])
        });
        for (colour, opacity) in [([255, 140, 0], 0.4), ([255, 140, 0], 0.5), ([255, 0, 0], 0.4), ([255, 0, 0], 0.5)] {
            let banner = laid_over(&bars, 304..608, colour, opacity);
            assert!(goes_on(&banner, 304), "{colour:?}");
            for picture in [&compressed(&banner, 85), &banner] {
                assert!(tinted(picture) == 0.0, "{colour:?} at {opacity}");
            }
        }
    }

    #[test]
    fn colours_that_a_photo_lost_are_found() {
        // Difference of blue and of red, instead of the photo's or added to it.
        let lost =
            [(-128.0, -128.0), (22.0, 57.0), (127.0, 127.0)].map(|(blue, red)| (photo(TILTED), 144, blue, red, 0.0));
        let shifted = [(photo(TILTED), 144, 50.0, 50.0, 1.0), (photo(PAVILION), 64, -60.0, 0.0, 1.0)];
        let colourful = RgbImage::from_fn(800, 608, |x, _| {
            let wave = |rate: f32| ((x as f32 * rate).sin() * 60.0 + 120.0) as u8;
            Rgb([wave(0.05), wave(0.083), wave(0.031)])
        });
        let pictures = lost.into_iter().chain(shifted).chain([(colourful, 304, 60.0, -50.0, 0.0)]);
        for (mut picture, from, blue, red, kept) in pictures {
            for (_, _, pixel) in picture.enumerate_pixels_mut().filter(|(_, y, _)| *y >= from) {
                let luma = f32::from(level(pixel.0));
                let of = |channel: usize| kept * (f32::from(pixel.0[channel]) - luma);
                let (blue, red) = (blue + of(2) / 1.772, red + of(0) / 1.402);
                let green = luma - 0.344 * blue - 0.714 * red;
                pixel.0 = [luma + 1.402 * red, green, luma + 1.772 * blue].map(|level| level.clamp(0.0, 255.0) as u8);
            }
            let share = 1.0 - from as f32 / picture.height() as f32;
            for picture in [compressed(&picture, 85), picture] {
                let found = tinted(&picture);
                assert!((found - share).abs() < 0.01, "{found} instead of {share} for {blue} and {red}");
            }
        }
    }

    #[test]
    fn banners_other_things_below_and_whole_pictures_are_no_lost_colours() {
        let street = street(1.0);
        let below = |other: &dyn Fn(u32, u32) -> [u8; 3]| {
            RgbImage::from_fn(800, 608, |x, y| if y < 304 { *street.get_pixel(x, y) } else { Rgb(other(x, y)) })
        };
        let other = tint(self::street(1.37), -100.0, -60.0);
        let pictures = [
            below(&|_, _| [190, 20, 30]),
            below(&|x, y| if (400..440).contains(&y) && x / 9 % 2 == 0 { [255; 3] } else { [10, 60, 200] }),
            below(&|x, y| [30, 130 + ((x * 7 + y * 13 + x * y) % 40) as u8, 20]),
            below(&|x, y| other.get_pixel(x, y).0),
            street.clone(),
        ];
        for (index, picture) in pictures.iter().enumerate() {
            for picture in [picture, &compressed(picture, 85)] {
                assert!(tinted(picture) == 0.0, "{index}");
            }
        }
    }
}

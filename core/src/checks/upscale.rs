//! Factor of a pixelated enlargement: each pixel of a small picture became a square of equal ones, so that all rows change at the same
//! columns, every `factor` pixels (field/README.md, kind 16). Measured on the reference view, 1 where there is none.
//!
//! Mean absolute differences of neighbouring pixels, column by column over some rows and row by row over some columns, have a
//! spectrum (Hann window) with a peak at the frequency 1/factor along both sides; a smooth enlargement and a photo have none.
//! The grid of JPEG compression has, too, at 8 pixels of the upload and their fractions: a peak there needs to be stronger, and counts for
//! nothing where the compression is so strong that blocks are all there is.

use std::sync::{Arc, LazyLock};

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::{Check, Evidence, fault};
use crate::metric::Severity;
use crate::view::ReferenceView;

/// Name of the check.
pub const NAME: &str = "upscale";

/// Length of the spectrum: no side of the view is longer.
const LENGTH: usize = 1024;
/// Rows and columns that are looked at.
const LINES: usize = 64;
/// Sides from which on a grid can be told.
const SHORTEST: usize = 128;
/// Differences count up to this many levels: one edge of the scene is no grid.
const MOST: u8 = 48;
/// Half of the window over which a local mean is taken off.
const HALF: usize = 16;
/// Largest factor, as the lowest frequency of the spectrum.
const LOWEST: usize = LENGTH / 9;
/// Amplitude from which on a peak is a grid, in shares of the mean difference; and where compression has one.
const GRID: f32 = 0.15;
const JPEG_GRID: f32 = 0.22;
/// Quality of a JPEG below which its own grid is as strong as any.
const BLOCKY: u8 = 15;
/// A peak at a lower frequency is the grid itself and not a harmonic if it is this much of the highest.
const FUNDAMENTAL: f32 = 0.6;

pub(super) fn check() -> Check {
    Check {
        name: NAME,
        title: "Pixelated enlargement",
        unit: "",
        low: None,
        high: Some(fault(
            "upscaled",
            Severity::Fixable,
            "Send the photo in its own size: it was enlarged {value:.1} times.",
        )),
        of_photos: true,
        certainty: 1.0,
        bins: &[1.0, 2.5, 3.5, 4.5],
        measure: |Evidence { reference, size, jpeg_quality, .. }| {
            let scale = reference.pixels().width() as f32 / size[0] as f32;
            Some(factor(reference, scale, jpeg_quality.is_some_and(|quality| quality < BLOCKY)))
        },
    }
}

static TRANSFORM: LazyLock<Arc<dyn Fft<f32>>> = LazyLock::new(|| FftPlanner::new().plan_fft_forward(LENGTH));

/// `scale` is what a pixel of the upload measures on the view.
fn factor(view: &ReferenceView, scale: f32, blocky: bool) -> f32 {
    let (width, height) = (view.pixels().width() as usize, view.pixels().height() as usize);
    if width.min(height) < SHORTEST || width.max(height) > LENGTH {
        return 1.0;
    }
    let across = spectrum(&differences_across(view.levels(), width));
    let down = spectrum(&differences_down(view.levels(), width));
    let both: Vec<f32> = across.iter().zip(&down).map(|(one, other)| one.min(*other)).collect();
    let highest = both[LOWEST..].iter().copied().fold(0.0, f32::max);
    let Some(first) = (LOWEST..both.len()).find(|at| both[*at] >= FUNDAMENTAL * highest) else { return 1.0 };
    let end = (first + 6).min(both.len());
    let peak = (first..end).fold(first, |best, at| if both[at] > both[best] { at } else { best });
    let of_blocks = ((peak as f32 * 8.0 * scale / LENGTH as f32 + 0.5).fract() - 0.5).abs() < 0.03;
    let least = if of_blocks { JPEG_GRID } else { GRID };
    if highest >= least && !(of_blocks && blocky) { LENGTH as f32 / peak as f32 } else { 1.0 }
}

/// Which of a number of lines are looked at.
fn lines(count: usize) -> impl Iterator<Item = usize> {
    (0..LINES).map(move |line| line * (count - 1) / (LINES - 1))
}

/// Mean differences of neighbours in a row, over some rows.
fn differences_across(levels: &[u8], width: usize) -> Vec<f32> {
    let mut sums = vec![0; width - 1];
    for y in lines(levels.len() / width) {
        let row = &levels[y * width..][..width];
        add_differences(&mut sums, row, &row[1..]);
    }
    means(&sums)
}

/// Mean differences of neighbours in a column, over some columns.
fn differences_down(levels: &[u8], width: usize) -> Vec<f32> {
    let columns: Vec<usize> = lines(width).collect();
    let some = |row: &[u8]| columns.iter().map(|x| row[*x]).collect::<Vec<u8>>();
    let rows: Vec<Vec<u8>> = levels.chunks_exact(width).map(some).collect();
    let sum = |above: &[u8], below: &[u8]| above.iter().zip(below).map(|(one, other)| difference(*one, *other)).sum();
    let sums = rows.array_windows().map(|[above, below]| sum(above, below));
    means(&sums.collect::<Vec<u16>>())
}

fn add_differences(sums: &mut [u16], pixels: &[u8], others: &[u8]) {
    for ((sum, one), other) in sums.iter_mut().zip(pixels).zip(others) {
        *sum += difference(*one, *other);
    }
}

fn difference(one: u8, other: u8) -> u16 {
    u16::from(one.abs_diff(other).min(MOST))
}

fn means(sums: &[u16]) -> Vec<f32> {
    sums.iter().map(|sum| f32::from(*sum) / LINES as f32).collect()
}

/// Amplitudes up to half a period per pixel, in shares of the mean; a comb has amplitude 1 at its frequency.
fn spectrum(differences: &[f32]) -> Vec<f32> {
    let count = differences.len();
    let at = |index: isize| differences[index.clamp(0, count as isize - 1) as usize];
    let half = HALF as isize;
    let mut window: f32 = (-half..=half).map(at).sum();
    let mut means = Vec::with_capacity(count);
    for index in 0..count as isize {
        means.push(window / (2 * HALF + 1) as f32);
        window += at(index + half + 1) - at(index - half);
    }
    let scale = means.iter().sum::<f32>() / count as f32 + 0.5;
    let mut values = vec![Complex::default(); LENGTH];
    for (index, value) in values.iter_mut().take(count).enumerate() {
        let hann = 1.0 - (std::f32::consts::TAU * index as f32 / (count - 1) as f32).cos();
        value.re = (differences[index] - means[index]) / scale * hann;
    }
    TRANSFORM.process(&mut values);
    values[..=LENGTH / 2].iter().map(|value| value.norm() / count as f32).collect()
}

#[cfg(test)]
mod tests {
    use image::imageops::{self, FilterType};
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::ingest::samples::compressed;

    fn scene(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            let wave = (u * 40.0).sin() * (v * 33.0).cos() * 60.0 + (u * 170.0 + v * 90.0).sin() * 25.0 + 128.0;
            let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 15;
            Rgb([(wave + grain as f32) as u8; 3])
        })
    }

    /// field/README.md, kind 16; factors of the view are whole only by chance.
    #[test]
    fn repeated_pixels_are_counted_after_compression_too() {
        for wanted in [2.56f32, 3.3, 4.0, 6.0, 8.0] {
            let small = scene((1024.0 / wanted) as u32, (683.0 / wanted) as u32);
            let large = imageops::resize(&small, 1024, 683, FilterType::Nearest);
            for quality in [85, 92] {
                let found = factor(&ReferenceView::new(compressed(&large, quality)), 1.0, false);
                assert!((found - wanted).abs() < 0.1, "{found} instead of {wanted} at {quality}");
            }
        }
    }

    #[test]
    fn photos_and_smooth_enlargements_have_no_grid() {
        let photo = scene(1024, 683);
        let smooth = imageops::resize(&scene(256, 171), 1024, 683, FilterType::CatmullRom);
        for (name, view) in [("photo", &photo), ("smooth", &smooth)] {
            for quality in [5, 10, 30, 60, 90] {
                let found = factor(&ReferenceView::new(compressed(view, quality)), 1.0, quality < BLOCKY);
                assert!((found - 1.0).abs() < 1e-6, "{name} at {quality}: {found}");
            }
        }
        for plain in [RgbImage::new(40, 40), RgbImage::from_pixel(400, 300, Rgb([255; 3]))] {
            assert!((factor(&ReferenceView::new(plain), 1.0, false) - 1.0).abs() < 1e-6);
        }
    }
}

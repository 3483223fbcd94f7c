//! Pixel work that several transformations share: float planes, convolution, noise.

use fast_image_resize::FilterType;
use image::RgbImage;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// An RGB image as three float planes, values in 0..=1 (transformations may leave the range; [`Planes::quantise`]
/// clips). Float, because an integer shift or blur leaves histogram gaps that a network would read.
#[derive(Clone)]
pub struct Planes {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// R, G and B, row by row.
    pub channels: [Vec<f32>; 3],
}

impl Planes {
    /// Splits an image into planes.
    #[must_use]
    pub fn from_image(image: &RgbImage) -> Self {
        let channels =
            std::array::from_fn(|channel| image.pixels().map(|pixel| f32::from(pixel[channel]) / 255.0).collect());
        Self { width: image.width() as usize, height: image.height() as usize, channels }
    }

    /// Changes every pixel, given as R, G and B.
    pub fn map_pixels(&mut self, change: impl Fn([f32; 3]) -> [f32; 3]) {
        for index in 0..self.channels[0].len() {
            let changed = change(std::array::from_fn(|channel| self.channels[channel][index]));
            for (plane, value) in self.channels.iter_mut().zip(changed) {
                plane[index] = value;
            }
        }
    }

    /// Back to 8 bits with Gaussian noise of the given standard deviation and half a step of dither, so that no value
    /// is rounded in a way that tells what was done to it.
    #[must_use]
    pub fn quantise(&self, noise: f32, rng: &mut ChaCha8Rng) -> RgbImage {
        // Drawing a normal per value would cost more than the blur; picks from a table look the same to JPEG.
        let table: Vec<f32> = (0..4093)
            .map(|_| {
                let normal: f32 = StandardNormal.sample(rng);
                255.0 * noise * normal + rng.random_range(0.0..1.0)
            })
            .collect();
        let mut image = RgbImage::new(self.width as u32, self.height as u32);
        let mut pick = rng.random_range(0..table.len());
        for (index, pixel) in image.pixels_mut().enumerate() {
            for channel in 0..3 {
                pick += 1;
                if pick == table.len() {
                    pick = 0;
                }
                pixel[channel] = (self.channels[channel][index] * 255.0 + table[pick]).clamp(0.0, 255.0) as u8;
            }
            // A stride that changes at random keeps the table's period out of the picture.
            if index % 61 == 0 {
                pick = rng.random_range(0..table.len());
            }
        }
        image
    }

    /// Convolves every plane with a horizontal and a vertical kernel of the same odd length; edges are replicated.
    #[must_use]
    pub fn convolve_separable(&self, kernel: &[f32]) -> Self {
        let [across, down] = separable_taps(kernel);
        self.convolve(&across).convolve(&down)
    }

    fn convolve(&self, taps: &[(isize, isize, f32)]) -> Self {
        let channels =
            std::array::from_fn(|channel| convolve_plane(&self.channels[channel], self.width, self.height, taps));
        Self { channels, ..*self }
    }
}

/// One float plane, values in 0..=1: luma of a photo, which is all that the blur branch sees. A JPEG codes luma by itself, so
/// nothing is lost, and a sample costs a third.
#[derive(Clone)]
pub struct Plane {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Row by row.
    pub values: Vec<f32>,
}

impl Plane {
    /// Luma of an image, raised to a power: exposure varies between photos.
    #[must_use]
    pub fn luma(image: &RgbImage, gamma: f32) -> Self {
        // A table by quarters of a level: a power for each pixel would cost as much as the blur.
        let table: Vec<f32> = (0..=1020u16).map(|level| (f32::from(level) / 1020.0).powf(gamma)).collect();
        let of =
            |[r, g, b]: [u8; 3]| table[((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 6) as usize];
        let values = image.pixels().map(|pixel| of(pixel.0)).collect();
        Self { width: image.width() as usize, height: image.height() as usize, values }
    }

    /// Convolves the plane with the kernel given as (dx, dy, weight) taps; edges are replicated.
    #[must_use]
    pub fn convolve(&self, taps: &[(isize, isize, f32)]) -> Self {
        Self { values: convolve_plane(&self.values, self.width, self.height, taps), ..*self }
    }

    /// As [`Planes::convolve_separable`].
    #[must_use]
    pub fn convolve_separable(&self, kernel: &[f32]) -> Self {
        let [across, down] = separable_taps(kernel);
        self.convolve(&across).convolve(&down)
    }

    /// A gray image of it, dithered, so that no value is rounded in a way that tells what was done to it.
    #[must_use]
    pub fn quantise(&self, rng: &mut ChaCha8Rng) -> RgbImage {
        let mut bytes = Vec::with_capacity(3 * self.values.len());
        for value in &self.values {
            let level = (value * 255.0 + rng.random_range(0.0..1.0f32)).clamp(0.0, 255.0) as u8;
            bytes.extend([level; 3]);
        }
        RgbImage::from_raw(self.width as u32, self.height as u32, bytes).expect("there are three bytes for each value")
    }
}

/// Sampled Gaussian, normalised; sigma 0 is the identity.
#[must_use]
pub fn gaussian(sigma: f32, radius: usize) -> Vec<f32> {
    let radius = radius as isize;
    let weights: Vec<f32> = (-radius..=radius)
        .map(|offset| {
            let distance = offset as f32 / sigma.max(1e-3);
            (-0.5 * distance * distance).exp()
        })
        .collect();
    let sum: f32 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// The taps of a kernel laid across and down, without those that weigh nothing.
fn separable_taps(kernel: &[f32]) -> [Vec<(isize, isize, f32)>; 2] {
    let radius = kernel.len() as isize / 2;
    let taps = kernel.iter().enumerate().map(|(index, &weight)| (index as isize - radius, weight));
    let taps: Vec<(isize, f32)> = taps.filter(|(_, weight)| *weight > 1e-7).collect();
    let across = taps.iter().map(|&(offset, weight)| (offset, 0, weight)).collect();
    let down = taps.iter().map(|&(offset, weight)| (0, offset, weight)).collect();
    [across, down]
}

fn convolve_plane(plane: &[f32], width: usize, height: usize, taps: &[(isize, isize, f32)]) -> Vec<f32> {
    let reach = taps.iter().map(|tap| tap.0.unsigned_abs()).max().unwrap_or(0);
    // Rows padded by replication, so that the inner loop is a plain multiply-add over slices.
    let padded_width = width + 2 * reach;
    let mut padded = Vec::with_capacity(padded_width * height);
    for row in plane.chunks_exact(width) {
        padded.extend(std::iter::repeat_n(row[0], reach));
        padded.extend_from_slice(row);
        padded.extend(std::iter::repeat_n(row[width - 1], reach));
    }
    let mut result = vec![0.0; width * height];
    for (y, target) in result.chunks_exact_mut(width).enumerate() {
        for &(dx, dy, weight) in taps {
            let row = (y as isize + dy).clamp(0, height as isize - 1) as usize;
            let start = row * padded_width + (reach as isize + dx) as usize;
            for (sum, value) in target.iter_mut().zip(&padded[start..start + width]) {
                *sum += weight * value;
            }
        }
    }
    result
}

/// One of the antialiasing filters that cameras, editors and browsers use, at random: a fixed one would become a
/// signature.
#[must_use]
pub fn any_filter(rng: &mut ChaCha8Rng) -> FilterType {
    let filters = [
        FilterType::Box,
        FilterType::Bilinear,
        FilterType::Hamming,
        FilterType::CatmullRom,
        FilterType::Mitchell,
        FilterType::Lanczos3,
    ];
    filters[rng.random_range(0..filters.len())]
}

/// HSV value: the largest of the three channels.
#[must_use]
pub fn hsv_value(rgb: [f32; 3]) -> f32 {
    rgb[0].max(rgb[1]).max(rgb[2])
}

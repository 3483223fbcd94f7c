//! Test photos, and degradations made by other code than the trainer's.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, imageops};
use imageproc::filter::gaussian_blur_f32;
use imageproc::geometric_transformations::{Border, Interpolation, rotate_about_center};
use jpeg_encoder::SamplingFactor;

/// A freely licensed photo, upright and sharp.
pub fn pavilion() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pavilion.jpg"))
        .expect("the fixture is there")
}

/// The freely licensed photo and parts of it, one of them mirrored: photos with texture, as rendered rooms have none. Where there is no
/// texture, nobody can tell how sharp it is.
pub fn textured() -> Vec<RgbImage> {
    let whole = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let (width, height) = (whole.width() * 3 / 4, whole.height() * 3 / 4);
    let part = |left: u32, top: u32| imageops::crop_imm(&whole, left, top, width, height).to_image();
    let (right, bottom) = (whole.width() - width, whole.height() - height);
    vec![part(0, bottom), imageops::flip_horizontal(&part(right, bottom)), part(right / 2, bottom / 2), whole]
}

pub fn jpeg(image: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(image).expect("it encodes");
    bytes
}

/// The same by another encoder, with or without chroma subsampling.
pub fn other_jpeg(image: &RgbImage, quality: u8, subsampled: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(if subsampled { SamplingFactor::F_2_2 } else { SamplingFactor::F_1_1 });
    let [width, height] = [image.width(), image.height()].map(|side| u16::try_from(side).expect("it is small"));
    encoder.encode(image.as_raw(), width, height, jpeg_encoder::ColorType::Rgb).expect("it encodes");
    bytes
}

/// A progressive JPEG of 64 megapixels: half a gigabyte when decoded, a few hundred kilobytes as a file.
pub fn greedy_jpeg() -> Vec<u8> {
    let side = 8000u16;
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 50);
    encoder.set_progressive(true);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let gray = vec![90; usize::from(side) * usize::from(side) * 3];
    encoder.encode(&gray, side, side, jpeg_encoder::ColorType::Rgb).expect("it is encoded");
    bytes
}

pub fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image.clone()).write_to(&mut bytes, format).expect("it encodes");
    bytes.into_inner()
}

pub fn blurred(image: &RgbImage, sigma: f32) -> RgbImage {
    gaussian_blur_f32(image, sigma)
}

/// Adds to V of HSV.
pub fn shifted(image: &RgbImage, shift: f32) -> RgbImage {
    let mut changed = image.clone();
    for pixel in changed.pixels_mut() {
        let value = f32::from(pixel.0.into_iter().max().expect("three channels")).max(1.0);
        let factor = (value + 255.0 * shift).clamp(0.0, 255.0) / value;
        pixel.0 = pixel.0.map(|channel| (f32::from(channel) * factor).round() as u8);
    }
    changed
}

/// Turned clockwise about the centre and cut to 0.6 of both sides, which stays filled up to 30 degrees.
pub fn turned(image: &RgbImage, degrees: f32) -> RgbImage {
    let turned =
        rotate_about_center(image, degrees.to_radians(), Interpolation::Bicubic, Border::Constant(Rgb([0; 3])));
    let (width, height) = (image.width() * 6 / 10, image.height() * 6 / 10);
    image::imageops::crop_imm(&turned, image.width() / 5, image.height() / 5, width, height).to_image()
}

/// Inserts an EXIF segment that holds nothing but an orientation.
pub fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).expect("it is short").to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

/// Rewrites the size in a baseline JPEG's frame header.
pub fn with_claimed_size(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("it is baseline");
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

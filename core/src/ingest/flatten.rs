//! Any decoder's pixels as 8-bit RGB, in the buffer they came in: a copy would double what the largest images take.

use image::{ColorType, RgbImage};

/// 8-bit RGB, with transparency composited over white, as a cut-out car would be shown on a page. Gray becomes three equal
/// channels, 16 bits are rounded to 8.
///
/// # Panics
/// When the buffer does not hold `width * height` pixels of that colour type, which must be one of 8 or 16 bits.
pub(super) fn flatten(buffer: Vec<u8>, color: ColorType, width: u32, height: u32) -> RgbImage {
    let pixels = width as usize * height as usize;
    let rgb = match color {
        ColorType::Rgb8 => buffer,
        ColorType::L8 => spread::<1>(buffer, pixels, |[gray]| [gray; 3]),
        ColorType::La8 => spread::<2>(buffer, pixels, |[gray, alpha]| over_white([gray; 3], alpha)),
        ColorType::Rgba8 => {
            gather::<4>(buffer, pixels, |[red, green, blue, alpha]| over_white([red, green, blue], alpha))
        }
        ColorType::L16 => spread::<2>(buffer, pixels, |gray| [eight_bits(gray); 3]),
        ColorType::La16 => {
            gather::<4>(buffer, pixels, |[g0, g1, a0, a1]| over_white([eight_bits([g0, g1]); 3], eight_bits([a0, a1])))
        }
        ColorType::Rgb16 => {
            gather::<6>(buffer, pixels, |[r0, r1, g0, g1, b0, b1]| [[r0, r1], [g0, g1], [b0, b1]].map(eight_bits))
        }
        ColorType::Rgba16 => gather::<8>(buffer, pixels, |[r0, r1, g0, g1, b0, b1, a0, a1]| {
            over_white([[r0, r1], [g0, g1], [b0, b1]].map(eight_bits), eight_bits([a0, a1]))
        }),
        other => unreachable!("no decoder in use gives {other:?}"),
    };
    RgbImage::from_raw(width, height, rgb).expect("the buffer holds every pixel")
}

/// True where a pixel is not opaque.
pub(super) fn is_transparent(buffer: &[u8], color: ColorType) -> bool {
    let (pixel, channels) = (usize::from(color.bytes_per_pixel()), usize::from(color.channel_count()));
    let opaque = |pixel: &[u8]| pixel[pixel.len() - pixel.len() / channels..].iter().all(|byte| *byte == 255);
    color.has_alpha() && !buffer.chunks_exact(pixel).all(opaque)
}

/// Pixels of more than three bytes, from the first to the last: none is written over before it was read.
fn gather<const BYTES: usize>(mut buffer: Vec<u8>, pixels: usize, rgb: impl Fn([u8; BYTES]) -> [u8; 3]) -> Vec<u8> {
    for pixel in 0..pixels {
        let from = buffer[pixel * BYTES..].first_chunk().expect("the buffer holds every pixel");
        let to = rgb(*from);
        buffer[3 * pixel..3 * pixel + 3].copy_from_slice(&to);
    }
    buffer.truncate(3 * pixels);
    buffer
}

/// Pixels of fewer than three bytes, from the last to the first.
fn spread<const BYTES: usize>(mut buffer: Vec<u8>, pixels: usize, rgb: impl Fn([u8; BYTES]) -> [u8; 3]) -> Vec<u8> {
    buffer.resize(3 * pixels, 0);
    for pixel in (0..pixels).rev() {
        let from = buffer[pixel * BYTES..].first_chunk().expect("the buffer holds every pixel");
        let to = rgb(*from);
        buffer[3 * pixel..3 * pixel + 3].copy_from_slice(&to);
    }
    buffer
}

fn over_white(color: [u8; 3], alpha: u8) -> [u8; 3] {
    let alpha = u32::from(alpha);
    color.map(|channel| ((u32::from(channel) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

/// The nearest of 256 levels to one of 65,536.
fn eight_bits(native: [u8; 2]) -> u8 {
    ((u32::from(u16::from_ne_bytes(native)) + 128) / 257) as u8
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageBuffer, LumaA, Rgba};

    use super::*;

    #[test]
    fn every_kind_of_pixel_becomes_what_the_image_crate_makes_of_it() {
        let noise = |x: u32, y: u32, channel: u32| ((x * 7919 + y * 104_729 + channel * 3571) % 65_536) as u16;
        let rgba = ImageBuffer::from_fn(37, 11, |x, y| Rgba([0, 1, 2, 3].map(|channel| noise(x, y, channel))));
        let gray = ImageBuffer::from_fn(37, 11, |x, y| LumaA([0, 3].map(|channel| noise(x, y, channel))));
        let (wide, gray) = (DynamicImage::ImageRgba16(rgba), DynamicImage::ImageLumaA16(gray));
        let opaque = [
            DynamicImage::ImageLuma8(gray.to_luma8()),
            DynamicImage::ImageLuma16(gray.to_luma16()),
            DynamicImage::ImageRgb8(wide.to_rgb8()),
            DynamicImage::ImageRgb16(wide.to_rgb16()),
        ];
        for image in opaque {
            let flat = flatten(image.as_bytes().to_vec(), image.color(), 37, 11);
            assert_eq!(flat, image.to_rgb8(), "{:?}", image.color());
        }
        let transparent =
            [DynamicImage::ImageLumaA8(gray.to_luma_alpha8()), DynamicImage::ImageRgba8(wide.to_rgba8()), gray, wide];
        for image in transparent {
            let flat = flatten(image.as_bytes().to_vec(), image.color(), 37, 11);
            for (found, from) in flat.pixels().zip(image.to_rgba8().pixels()) {
                let [red, green, blue, alpha] = from.0;
                let on_white = [red, green, blue].map(|channel| {
                    let alpha = f64::from(alpha) / 255.0;
                    (f64::from(channel) * alpha + 255.0 * (1.0 - alpha)).round() as u8
                });
                assert_eq!(found.0, on_white, "{:?}", image.color());
            }
        }
    }
}

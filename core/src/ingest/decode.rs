//! Decoding behind limits, with EXIF orientation applied.

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};

use super::jpeg::check_jpeg;
use super::png::without_void_palettes;
use super::{Format, IngestError, Limits, scaled, sniff};

/// A decoded upload.
#[derive(Debug)]
pub struct Photo {
    /// Format found by its signature.
    pub format: Format,
    /// EXIF orientation as stored in the file, 1 to 8 (1 where there is none).
    pub orientation: u8,
    /// Width of the upload in pixels, upright.
    pub width: u32,
    /// Height of the upload in pixels, upright.
    pub height: u32,
    /// Upright pixels, 8-bit RGB; transparent parts lie on white. Where a decoder can, a large JPEG is decoded at a fraction of
    /// its size, always larger than the reference view.
    pub pixels: RgbImage,
}

/// A photo in all its pixels, and what its file says of their colours.
#[derive(Debug)]
pub struct Original {
    /// The photo; its pixels are never scaled down.
    pub photo: Photo,
    /// ICC profile of the pixels, if the file has one for RGB.
    pub icc_profile: Option<Vec<u8>>,
}

/// How many of a photo's pixels are wanted.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Enough for the reference view.
    Enough,
    /// All.
    All,
}

/// Decodes an upload to upright 8-bit RGB, in as many pixels as scoring needs.
///
/// # Errors
/// [`IngestError`]: empty, unsupported, beyond the limits, or not decodable. A panic inside a decoder is caught and
/// reported as not decodable.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Photo, IngestError> {
    guarded(bytes, limits, Wanted::Enough).map(|original| original.photo)
}

/// Decodes an upload to upright 8-bit RGB in all its pixels.
///
/// # Errors
/// As [`decode`].
pub fn decode_original(bytes: &[u8], limits: &Limits) -> Result<Original, IngestError> {
    guarded(bytes, limits, Wanted::All)
}

fn guarded(bytes: &[u8], limits: &Limits, wanted: Wanted) -> Result<Original, IngestError> {
    if bytes.is_empty() {
        return Err(IngestError::Empty);
    }
    let format = sniff(bytes).ok_or(IngestError::UnsupportedFormat)?;
    // Decoders meet hostile input; one that panics must cost its own request only. Nothing outlives the closure
    // but its result, so no broken state can be observed.
    catch_unwind(AssertUnwindSafe(|| decode_as(bytes, format, limits, wanted)))
        .unwrap_or_else(|_| Err(IngestError::Undecodable { format, reason: "the decoder gave up".into() }))
}

fn decode_as(bytes: &[u8], format: Format, limits: &Limits, wanted: Wanted) -> Result<Original, IngestError> {
    let undecodable = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => IngestError::TooLarge {
            width: 0,
            height: 0,
            limit: format!("at most {} bytes when decoded", limits.max_decoded_bytes),
        },
        other => IngestError::Undecodable { format, reason: other.to_string() },
    };
    let bytes = &*if format == Format::Png { without_void_palettes(bytes) } else { Cow::Borrowed(bytes) };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.image_format());
    let mut decoder_limits = image::Limits::default();
    decoder_limits.max_alloc = Some(limits.max_decoded_bytes);
    reader.limits(decoder_limits);
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height, decoder.total_bytes())?;
    if format == Format::Jpeg {
        check_jpeg(bytes).map_err(|reason| IngestError::Undecodable { format, reason: reason.into() })?;
    }
    // Broken metadata must not cost a photo that decodes.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let icc_profile = if wanted == Wanted::All { decoder.icc_profile().unwrap_or_default() } else { None };
    // The pixels will be RGB, whatever they were: a profile for grays or inks would be wrong for them.
    let icc_profile = icc_profile.filter(|profile| profile.get(16..20) == Some(b"RGB "));
    let scaled = if format == Format::Jpeg && wanted == Wanted::Enough { scaled::decode(bytes) } else { None };
    let mut image = match scaled {
        Some(pixels) => DynamicImage::ImageRgb8(pixels),
        None => DynamicImage::from_decoder(decoder).map_err(undecodable)?,
    };
    image.apply_orientation(orientation);
    let (width, height) = if orientation.to_exif() > 4 { (height, width) } else { (width, height) };
    let photo = Photo { format, orientation: orientation.to_exif(), width, height, pixels: flatten(image) };
    Ok(Original { photo, icc_profile })
}

/// 8-bit RGB with transparency composited over white, as a cut-out car would be shown on a page.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (from, to) in rgba.pixels().zip(rgb.pixels_mut()) {
        let alpha = u32::from(from[3]);
        for channel in 0..3 {
            let over_white = (u32::from(from[channel]) * alpha + 255 * (255 - alpha) + 127) / 255;
            to[channel] = u8::try_from(over_white).unwrap_or(u8::MAX);
        }
    }
    rgb
}

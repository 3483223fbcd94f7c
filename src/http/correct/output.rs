//! What a corrected photo is given out as: its format, with what that has room for, and the quality of a JPEG.

use clearshot_core::ingest::{Format, IngestError};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageResult, RgbImage};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// Quality of a JPEG, 1 to 100.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u8")]
pub(super) struct JpegQuality(u8);

impl Default for JpegQuality {
    fn default() -> Self {
        Self(90)
    }
}

impl TryFrom<u8> for JpegQuality {
    type Error = &'static str;

    fn try_from(quality: u8) -> Result<Self, Self::Error> {
        if (1..=100).contains(&quality) { Ok(Self(quality)) } else { Err("it must lie between 1 and 100") }
    }
}

/// A format that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// Lossless WebP.
    Webp,
}

impl OutputFormat {
    const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Webp];

    /// The format of a corrected photo where none is asked for.
    pub(super) fn of(upload: Format) -> Self {
        match upload {
            Format::Png => Self::Png,
            Format::Webp => Self::Webp,
            Format::Jpeg | Format::Heic | Format::Avif | Format::Gif | Format::Bmp => Self::Jpeg,
        }
    }

    /// Its name in a query.
    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// Most pixels of a side: a JPEG has 16 bits for it (ITU-T T.81), a lossless WebP 14 for one less (RFC 9649).
    fn longest_side(self) -> u32 {
        match self {
            Self::Jpeg => 65_535,
            // It has 31 bits: `--max-correct-pixels` ends far below.
            Self::Png => u32::MAX,
            Self::Webp => 16_384,
        }
    }

    /// Checks that there is room for what comes of an upload of this size, which is no larger.
    pub(super) fn check(self, (width, height): (u32, u32)) -> Result<(), ApiError> {
        let side = width.max(height);
        if side <= self.longest_side() {
            return Ok(());
        }
        let others = Self::ALL.into_iter().filter(|other| side <= other.longest_side());
        let others: Vec<String> = others.map(|other| format!("`format={}`", other.name())).collect();
        let (name, longest) = (self.name(), self.longest_side());
        let limit = format!("at most {longest} pixels a side with `format={name}`; ask for {}", others.join(" or "));
        Err(IngestError::TooLarge { width, height, limit }.into())
    }
}

/// The photo's bytes and their type.
pub(super) fn encode(
    pixels: &RgbImage,
    icc_profile: Option<Vec<u8>>,
    format: OutputFormat,
    JpegQuality(quality): JpegQuality,
) -> ImageResult<(&'static str, Vec<u8>)> {
    fn write(mut encoder: impl ImageEncoder, pixels: &RgbImage, icc_profile: Option<Vec<u8>>) -> ImageResult<()> {
        if let Some(profile) = icc_profile {
            // Each of the three encoders has a place for it.
            encoder.set_icc_profile(profile).map_err(image::ImageError::Unsupported)?;
        }
        encoder.write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
    }
    let mut bytes = Vec::new();
    let content_type = match format {
        OutputFormat::Jpeg => {
            write(JpegEncoder::new_with_quality(&mut bytes, quality), pixels, icc_profile)?;
            "image/jpeg"
        }
        OutputFormat::Png => {
            write(PngEncoder::new(&mut bytes), pixels, icc_profile)?;
            "image/png"
        }
        OutputFormat::Webp => {
            write(WebPEncoder::new_lossless(&mut bytes), pixels, icc_profile)?;
            "image/webp"
        }
    };
    Ok((content_type, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_may_be_as_long_as_its_encoder_takes() {
        for format in [OutputFormat::Jpeg, OutputFormat::Webp] {
            let longest = format.longest_side();
            for (side, fits) in [(longest, true), (longest + 1, false)] {
                for (width, height) in [(side, 1), (1, side)] {
                    let encoded = encode(&RgbImage::new(width, height), None, format, JpegQuality::default());
                    let (checked, encoded) = (format.check((width, height)).is_ok(), encoded.is_ok());
                    assert_eq!((checked, encoded), (fits, fits), "{format:?}, {width}x{height}");
                }
            }
        }
    }

    #[test]
    fn qualities_beyond_those_of_jpeg_are_refused() {
        let parsed = |quality: u8| JpegQuality::try_from(quality).map(|JpegQuality(quality)| quality);
        assert_eq!((parsed(1), parsed(100)), (Ok(1), Ok(100)));
        assert!(parsed(0).is_err() && parsed(101).is_err());
    }
}

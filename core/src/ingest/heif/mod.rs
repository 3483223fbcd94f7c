//! Pictures in a HEIF container (ISO/IEC 23008-12), which `heic-rs` reads: HEIC, coded by HEVC, as iPhones store photos (`hevc`), and
//! with the feature `avif` those coded by AV1 (`av1`).
//!
//! What that crate does not bound or read is done here: how much a container may list (`bounds`), and in which range and by
//! which matrix a stream without an `nclx` box says its colours lie. The tiles of a grid are decoded one after the other
//! into one picture, so that time is looked at between them and only one of them lies beside it.

#[cfg(feature = "avif")]
mod av1;
mod bits;
mod bounds;
mod hevc;
mod picture;
mod stream;
mod turns;

use std::time::Instant;

use heic_rs::context::Context;
use heic_rs::props::Transform;
use heic_rs::{Nclx, PixelLayout, color, transform};
use image::error::{DecodingError, ImageError, ImageFormatHint, ImageResult};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};

use self::picture::Picture;
use super::{Format, IngestError, Limits};

/// Why a file could not be decoded.
#[derive(Debug, thiserror::Error)]
enum HeifError {
    /// The decoder's word.
    #[error(transparent)]
    Decoder(#[from] heic_rs::Error),
    /// The AV1 decoder's word.
    #[cfg(feature = "avif")]
    #[error("its AV1 stream is malformed: {0}")]
    Av1(#[from] re_rav1d::Error),
    /// Parts that do not fit together, or more than a photo needs.
    #[error("{0}")]
    Unsound(&'static str),
    /// Beyond the limits.
    #[error(transparent)]
    Limits(#[from] IngestError),
    /// Time was up.
    #[error("the time was up")]
    OutOfTime,
}

impl HeifError {
    /// As the upload's error.
    fn of(self, format: Format) -> IngestError {
        match self {
            HeifError::Limits(error) => error,
            HeifError::OutOfTime => IngestError::OutOfTime,
            other => IngestError::Undecodable { format, reason: other.to_string() },
        }
    }

    /// As a decoder's error.
    fn in_decoding(self, format: Format) -> ImageError {
        match self {
            HeifError::OutOfTime => ImageError::IoError(std::io::ErrorKind::TimedOut.into()),
            other => ImageError::Decoding(DecodingError::new(ImageFormatHint::Name(format.to_string()), other)),
        }
    }
}

/// A HEIC whose container was read.
pub(super) struct Heif<'a> {
    format: Format,
    context: Context<'a>,
    main: Picture,
    alpha: Option<Picture>,
    colours: Nclx,
    profile: Option<&'a [u8]>,
    /// What is done to the pixels: crops, and what lies before the last of them.
    applied: Vec<Transform>,
    orientation: Orientation,
    /// After what is applied.
    size: (u32, u32),
    until: Option<Instant>,
}

impl<'a> Heif<'a> {
    /// Reads the container and the headers of its pictures; no pixel is made.
    ///
    /// # Errors
    /// [`IngestError::TooLarge`] for a coded picture beyond the limits, [`IngestError::Undecodable`] for what is malformed or not
    /// supported.
    pub(super) fn open(
        bytes: &'a [u8],
        format: Format,
        limits: &Limits,
        until: Option<Instant>,
    ) -> Result<Self, IngestError> {
        Self::opened(bytes, format, limits, until).map_err(|error| error.of(format))
    }

    fn opened(bytes: &'a [u8], format: Format, limits: &Limits, until: Option<Instant>) -> Result<Self, HeifError> {
        let context = bounds::open(bytes, format)?;
        let id = context.meta.primary;
        let main = Picture::open(&context, id, limits)?;
        let item = context.props(id)?;
        let tile = context.props(main.tiles[0])?;
        let coded = item.nclx.or(tile.nclx).unwrap_or(main.stream.colours);
        // An alpha plane that cannot be used must not cost the photo.
        let alpha = picture::alpha_of(&context, id).and_then(|alpha| Picture::open(&context, alpha, limits).ok());
        let alpha = alpha.filter(|alpha| alpha.size == main.size);
        let transforms = turns::by_effect(&item.transforms);
        let (applied, turns) = turns::split(&transforms);
        let size = transform::transformed_size(main.size.0, main.size.1, applied)?;
        Ok(Self {
            format,
            colours: stream::with_matrix(coded),
            profile: item.icc.or(tile.icc),
            applied: applied.to_vec(),
            orientation: turns::orientation(turns),
            main,
            alpha,
            size,
            until,
            context,
        })
    }

    /// Most memory in bytes that decoding takes beside the upload and the buffer for the pixels.
    pub(super) fn peak(&self) -> u64 {
        let pixels = self.main.pixels() * u64::from(self.color_type().bytes_per_pixel());
        let (alpha, decoding_alpha) = self.alpha.as_ref().map_or((0, 0), |alpha| (alpha.held(), alpha.peak()));
        let main = self.main.held();
        self.main.peak().max(main + decoding_alpha).max(main + alpha + pixels).max(2 * pixels)
    }

    fn pixels(&self) -> Result<Vec<u8>, HeifError> {
        let main = self.main.decode(&self.context, self.until)?;
        let alpha = self.alpha.as_ref().map(|alpha| alpha.decode(&self.context, self.until)).transpose()?;
        let layout = if alpha.is_some() { PixelLayout::Rgba8 } else { PixelLayout::Rgb8 };
        let image = color::convert(&main, alpha.as_ref(), self.colours, layout, u64::MAX, Some(1))?;
        drop((main, alpha));
        Ok(transform::apply_all(image, &self.applied)?.data)
    }
}

impl ImageDecoder for Heif<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.size
    }

    fn color_type(&self) -> ColorType {
        if self.alpha.is_some() { ColorType::Rgba8 } else { ColorType::Rgb8 }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.profile.map(<[u8]>::to_vec))
    }

    /// What the container asks for. The orientation in the file's EXIF repeats it and is not to be applied (ISO/IEC 23008-12, A.2.1).
    fn orientation(&mut self) -> ImageResult<Orientation> {
        Ok(self.orientation)
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        let pixels = self.pixels().map_err(|error| error.in_decoding(self.format))?;
        if pixels.len() != buffer.len() {
            return Err(HeifError::Unsound("it has another size than it says").in_decoding(self.format));
        }
        buffer.copy_from_slice(&pixels);
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}

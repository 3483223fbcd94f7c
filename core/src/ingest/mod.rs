//! From uploaded bytes to upright pixels: sniff the format, check the limits, decode, apply the orientation.
//!
//! The trainer decodes its photos and its synthetic uploads through the same [`decode`], so that training and
//! serving cannot differ here.

mod colour;
mod decode;
mod flatten;
mod foreign;
mod gif;
mod heif;
mod jpeg;
mod limits;
mod memory;
mod photo;
mod png;
#[cfg(test)]
pub(crate) mod samples;
mod scaled;
mod sniff;
mod traces;
mod webp;

pub use decode::{Budget, Claim, decode, decode_original, decode_whole, inspect, jpeg_decoder};
pub use foreign::{Foreign, foreign};
pub use limits::{Limits, at_least_one};
pub use memory::{DecodeMemory, Lease, OutOfTime};
pub use photo::{Original, Photo};
pub use sniff::{ENDINGS, FORMATS, Format, formats_in_words, is_named_like_a_photo, sniff};

/// Why an upload could not be turned into pixels: each is the client's to change.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Nothing was sent.
    #[error("the body is empty")]
    Empty,
    /// The bytes are not one of the supported image formats; where they are something known, this names it and the way out.
    #[error(
        "the bytes are {}not a supported image format ({}){}",
        .0.map(|found| format!("{}, ", found.name)).unwrap_or_default(),
        formats_in_words(),
        .0.map(|found| format!(": {}", found.remedy)).unwrap_or_default(),
    )]
    UnsupportedFormat(Option<&'static Foreign>),
    /// The bytes claim a supported format but do not decode.
    #[error("the {format} image cannot be decoded: {reason}")]
    Undecodable {
        /// The format found by its signature.
        format: Format,
        /// What the decoder said.
        reason: String,
    },
    /// Width, height, pixel count or decoded size is beyond the limits.
    #[error("the image of {width}x{height} pixels is too large: {limit}")]
    TooLarge {
        /// Width claimed by the header.
        width: u32,
        /// Height claimed by the header.
        height: u32,
        /// The limit that was crossed.
        limit: String,
    },
    /// Its decoder found it too large before it told the size.
    #[error("the image is too large: {limit}")]
    TooLargeToDecode {
        /// The limit that was crossed.
        limit: String,
    },
    /// Time was up before the pixels were there.
    #[error("the time was up before the image was decoded")]
    OutOfTime,
    /// A side is too short to be scored.
    #[error("the image of {width}x{height} pixels is too small: each side needs at least {min_side} pixels")]
    TooSmall {
        /// Width claimed by the header.
        width: u32,
        /// Height claimed by the header.
        height: u32,
        /// Smallest accepted side.
        min_side: u32,
    },
}

impl IngestError {
    /// The code of the problem that clients are told, over HTTP and from Python alike.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_body",
            Self::UnsupportedFormat(_) => "unsupported_format",
            Self::Undecodable { .. } => "undecodable_image",
            Self::TooLarge { .. } | Self::TooLargeToDecode { .. } => "image_too_large",
            Self::OutOfTime => "deadline_exceeded",
            Self::TooSmall { .. } => "image_too_small",
        }
    }
}

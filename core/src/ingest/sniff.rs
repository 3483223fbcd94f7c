//! The format of an upload, told from its first bytes; the `Content-Type` header is never trusted.

use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Image formats that are decoded. Others are refused even where the image crate could read them: each format is
/// attack surface, and photos come in these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG (JFIF, EXIF; baseline and progressive).
    Jpeg,
    /// PNG; of an animated one the default image.
    Png,
    /// WebP, lossy and lossless; of an animated one the first frame.
    Webp,
    /// GIF, first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// HEIC: HEVC pictures in a HEIF container; its primary image.
    Heic,
    /// AVIF: AV1 pictures in a HEIF container; its primary image. Read where the feature `avif` is built.
    Avif,
}

impl Format {
    /// The image crate's name for the format; none for HEIC and AVIF, which it is not used for.
    #[must_use]
    pub fn image_format(self) -> Option<image::ImageFormat> {
        match self {
            Format::Jpeg => Some(image::ImageFormat::Jpeg),
            Format::Png => Some(image::ImageFormat::Png),
            Format::Webp => Some(image::ImageFormat::WebP),
            Format::Gif => Some(image::ImageFormat::Gif),
            Format::Bmp => Some(image::ImageFormat::Bmp),
            Format::Heic | Format::Avif => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::Webp => "WebP",
            Format::Gif => "GIF",
            Format::Bmp => "BMP",
            Format::Heic => "HEIC",
            Format::Avif => "AVIF",
        })
    }
}

/// The formats that this build reads, in the order in which texts name them.
pub const FORMATS: &[Format] = if cfg!(feature = "avif") { &ALL_FORMATS } else { ALL_FORMATS.split_at(6).0 };

/// The last is that of the feature `avif`.
const ALL_FORMATS: [Format; 7] =
    [Format::Jpeg, Format::Heic, Format::Png, Format::Webp, Format::Gif, Format::Bmp, Format::Avif];

/// The names of the formats that this build reads, as texts list them.
#[must_use]
pub fn formats_in_words() -> String {
    FORMATS.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Endings of file names under which photos of these formats are kept; what a file really is, its content tells.
pub const ENDINGS: &[&str] = if cfg!(feature = "avif") { &ALL_ENDINGS } else { ALL_ENDINGS.split_at(10).0 };

/// The last is that of the feature `avif`.
const ALL_ENDINGS: [&str; 11] = ["jpg", "jpeg", "jpe", "jfif", "heic", "heif", "png", "webp", "gif", "bmp", "avif"];

/// True where the name of a file ends as photos' names do.
#[must_use]
pub fn is_named_like_a_photo(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Tells the format from the signature, or `None` when it is not a supported one.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Format> {
    if is_heic(bytes) {
        return Some(Format::Heic);
    }
    if cfg!(feature = "avif") && is_avif(bytes) {
        return Some(Format::Avif);
    }
    match image::guess_format(bytes).ok()? {
        image::ImageFormat::Jpeg => Some(Format::Jpeg),
        image::ImageFormat::Png => Some(Format::Png),
        image::ImageFormat::WebP => Some(Format::Webp),
        image::ImageFormat::Gif => Some(Format::Gif),
        image::ImageFormat::Bmp => Some(Format::Bmp),
        _ => None,
    }
}

/// Brands of an ISO base media file (ISO/IEC 14496-12, 4.3): the major one, then those it is compatible with; none of other files.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8; 4]> {
    /// Files have a few.
    const MOST: usize = 64;
    let content = match bytes {
        [a, b, c, d, b'f', b't', b'y', b'p', content @ ..] => {
            let length = (u32::from_be_bytes([*a, *b, *c, *d]) as usize).saturating_sub(8);
            &content[..content.len().min(length)]
        }
        _ => &[],
    };
    // Behind the major brand lies its version.
    content.as_chunks().0.iter().enumerate().filter(|(index, _)| *index != 1).map(|(_, brand)| brand).take(MOST)
}

/// True for a container whose pictures are coded by AV1.
pub(super) fn is_avif(bytes: &[u8]) -> bool {
    brands(bytes).any(|brand| matches!(brand, b"avif" | b"avis"))
}

/// True for a container of still images that are not said to be coded by another codec than HEVC.
fn is_heic(bytes: &[u8]) -> bool {
    let major: &[&[u8; 4]] = &[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];
    let mut brands = brands(bytes);
    let first = brands.next().is_some_and(|brand| major.contains(&brand));
    !is_avif(bytes) && (first || brands.any(|brand| matches!(brand, b"heic" | b"heix")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(brands: &[&[u8; 4]]) -> Vec<u8> {
        let length = u32::try_from(12 + 4 * brands.len()).expect("it is short").to_be_bytes();
        let rest: Vec<u8> = brands[1..].iter().flat_map(|brand| **brand).collect();
        [&length[..], b"ftyp", brands[0], &[0; 4], &rest, b"avif"].concat()
    }

    #[test]
    fn what_is_read_is_listed_and_nothing_else() {
        let images: [&[u8]; 7] = [
            b"\xFF\xD8\xFF\xE0",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            b"\x89PNG\r\n\x1A\n",
            b"RIFF\x24\0\0\0WEBPVP8 ",
            b"GIF89a",
            b"BM",
            b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        ];
        let read: Vec<Format> = images.iter().filter_map(|image| sniff(image)).collect();
        assert_eq!(read, FORMATS);
        assert_eq!(formats_in_words().ends_with(", AVIF"), cfg!(feature = "avif"));
        assert!(formats_in_words().starts_with("JPEG, HEIC, PNG, WebP, GIF, BMP"), "{}", formats_in_words());
        assert!(FORMATS.iter().all(|format| ENDINGS.contains(&format.to_string().to_lowercase().as_str())));
    }

    #[test]
    fn brands_tell_heic_from_avif_and_video() {
        let heic: [&[&[u8; 4]]; 5] =
            [&[b"heic", b"mif1", b"heic"], &[b"heix"], &[b"mif1", b"heic"], &[b"msf1"], &[b"MiHB", b"mif1", b"heic"]];
        for brands in heic {
            assert_eq!(sniff(&file(brands)), Some(Format::Heic), "{brands:?}");
        }
        let avif: [&[&[u8; 4]]; 2] = [&[b"avif", b"mif1"], &[b"mif1", b"avif", b"heic"]];
        for brands in avif {
            assert_eq!(sniff(&file(brands)), cfg!(feature = "avif").then_some(Format::Avif), "{brands:?}");
        }
        let others: [&[&[u8; 4]]; 2] = [&[b"isom", b"iso2"], &[b"crx ", b"isom"]];
        for brands in others {
            assert_eq!(sniff(&file(brands)), None, "{brands:?}");
        }
        assert_eq!(sniff(b"\0\0\0\x18ftyp"), None);
    }
}

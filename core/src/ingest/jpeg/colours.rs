//! What colours the planes of a JPEG are, where two segments say different things.
//!
//! JFIF (APP0) knows luma and differences of colour alone (ITU-T T.871), Adobe's segment (APP14) may say red, green and blue. Of a file of
//! three planes with both, libjpeg believes JFIF (`default_decompress_parms`), and so do browsers; zune-jpeg believes Adobe.

use std::borrow::Cow;

use super::{APP0, Segment, Segments};

const APP14: u8 = 0xEE;
/// Where in Adobe's segment it stands what the planes are (Adobe technical note 5116, section 18), and what stands there of luma and
/// differences of colour.
const TRANSFORM: usize = 11;
const LUMA_AND_CHROMA: u8 = 1;

/// The file with Adobe segments that say what JFIF says, so that decoders agree on the colours; the file itself where they do.
pub(in crate::ingest) fn cleaned(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (mut is_jfif, mut planes, mut transforms) = (false, 0, Vec::new());
    let mut segments = Segments::of(bytes);
    while let Some(Segment { marker, payload, .. }) = segments.next_of_head() {
        match marker {
            APP0 => is_jfif |= payload.len() >= 14 && payload.starts_with(b"JFIF\0"),
            // The last one counts, and none may say what zune-jpeg does not know.
            APP14 if payload.len() > TRANSFORM && payload.starts_with(b"Adobe") => {
                transforms.push(segments.at - payload.len() + TRANSFORM);
            }
            0xC0..=0xC2 => planes = payload.get(5).copied().unwrap_or_default(),
            _ => {}
        }
    }
    transforms.retain(|at| is_jfif && planes == 3 && bytes[*at] != LUMA_AND_CHROMA);
    if transforms.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut agreed = bytes.to_vec();
    for at in transforms {
        agreed[at] = LUMA_AND_CHROMA;
    }
    Cow::Owned(agreed)
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::ingest::{Limits, decode, decode_original, decode_whole};

    /// Three planes, which its JFIF segment says are luma and differences of colour.
    const PHOTO: &[u8] = include_bytes!("../../../../tests/fixtures/tilted.jpg");
    const JFIF: std::ops::Range<usize> = 2..20;

    fn adobe(transform: u8) -> Vec<u8> {
        [b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0", &[transform][..]].concat()
    }

    /// As scoring sees it, by the decoder of this build, and in all its pixels.
    fn pixels(bytes: &[u8]) -> [RgbImage; 3] {
        let limits = Limits::default();
        let whole = decode_original(bytes, &limits).map(|original| original.photo);
        [decode(bytes, &limits), decode_whole(bytes, &limits), whole].map(|photo| photo.expect("it decodes").upright())
    }

    fn mean(pixels: &RgbImage) -> [f64; 3] {
        let sum = |channel: usize| pixels.pixels().map(|pixel| f64::from(pixel[channel])).sum::<f64>();
        [0, 1, 2].map(|channel| sum(channel) / f64::from(pixels.width() * pixels.height()))
    }

    #[test]
    fn planes_are_what_jfif_says_whatever_adobe_says() {
        let plain = pixels(PHOTO);
        for transform in [0, 1, 2, 3] {
            for at in [JFIF.start, JFIF.end] {
                let with = [&PHOTO[..at], &adobe(transform), &PHOTO[at..]].concat();
                assert!(pixels(&with) == plain, "{transform} at {at}: {:?}", pixels(&with).each_ref().map(mean));
            }
        }
        for [first, second] in [[1, 0], [3, 1], [2, 3]] {
            let two = [&PHOTO[..JFIF.end], &adobe(first), &adobe(second), &PHOTO[JFIF.end..]].concat();
            assert!(pixels(&two) == plain, "{first}, then {second}");
        }
    }

    #[test]
    fn without_jfif_the_planes_are_what_adobe_says() {
        let with = |transform: u8| [&PHOTO[..JFIF.start], &adobe(transform), &PHOTO[JFIF.end..]].concat();
        assert!(pixels(&with(1)) == pixels(PHOTO));
        // Differences of colour are in the middle of their range where there is none.
        for pixels in pixels(&with(0)) {
            let [red, green, blue] = mean(&pixels);
            assert!((green - 128.0).abs() < 30.0 && (blue - 128.0).abs() < 30.0 && red < 90.0, "{:?}", mean(&pixels));
        }
    }

    #[test]
    fn a_file_of_one_meaning_stays_as_it_is() {
        let photo = |with: &[u8]| [&PHOTO[..JFIF.end], with, &PHOTO[JFIF.end..]].concat();
        let inks = [&PHOTO[..JFIF.end], &adobe(0), b"\xFF\xC0\0\x14\x08\0\x10\0\x10\x04", &[0; 12]].concat();
        let not_adobes = b"\xFF\xEE\0\x0EOther\0\x64\0\0\0\0\0";
        for bytes in [photo(&[]), photo(&adobe(1)), photo(not_adobes), photo(b"\xFF\xEE\0\x07Adobe"), inks] {
            assert!(matches!(cleaned(&bytes), Cow::Borrowed(_)));
        }
    }
}

//! PNG files as the decoder takes them: without palettes that break a rule which other readers overlook, without colour profiles that
//! are bombs, and without text that would take many times its length.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use flate2::read::ZlibDecoder;

/// Largest ICC profile that is looked at, in bytes; those of cameras and editors take a few thousand, of printers a million. In a
/// PNG it is compressed, so that a few hundred kilobytes may stand for as many megabytes.
pub(super) const MOST_PROFILE_BYTES: usize = 4 << 20;
/// Bytes of text up to which it is left to the decoder. That keeps it, of which nothing is needed here, and a short one takes ten times
/// its bytes.
const MOST_TEXT_BYTES: usize = 64 << 10;

/// Length of the signature, and of what surrounds a chunk's data: length, type and checksum.
const SIGNATURE: usize = 8;
const AROUND_DATA: usize = 12;

/// The file without what the decoder shall not see; true where a profile is left out that is too large.
pub(super) fn cleaned(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let kept = Kept::of(bytes);
    let mut void = chunks_before_pixels(bytes).filter(|chunk| !kept.has(chunk)).peekable();
    if void.peek().is_none() {
        return (Cow::Borrowed(bytes), false);
    }
    let mut copy = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for (_, chunk) in void {
        copy.extend_from_slice(&bytes[from..chunk.start]);
        from = chunk.end;
    }
    copy.extend_from_slice(&bytes[from..]);
    (Cow::Owned(copy), kept.profile_dropped)
}

/// Which chunks stay. A file may hold millions of those that do not, so that none is listed.
#[derive(Default)]
struct Kept {
    /// Where the palette begins that counts.
    ///
    /// PNG (W3C, third edition, 11.2.2) allows one palette with a colour at least, and the decoder insists; some writers put an empty one
    /// into files that need none. The last counts. An indexed image that is left without any has no colours and stays undecodable.
    palette: Option<usize>,
    /// Where the colour profile begins that counts: the first (11.3.2.3); to look into each of thousands would take minutes.
    profile: Option<usize>,
    profile_dropped: bool,
    text: bool,
}

impl Kept {
    fn of(bytes: &[u8]) -> Self {
        let (mut kept, mut profiles, mut text) = (Self::default(), 0, 0);
        for (kind, place) in chunks_before_pixels(bytes) {
            match &kind {
                b"PLTE" => kept.palette = Some(place.start).filter(|_| place.len() > AROUND_DATA),
                b"iCCP" => {
                    profiles += 1;
                    if profiles == 1 {
                        kept.profile_dropped = is_too_large(&bytes[place.clone()]);
                        kept.profile = Some(place.start).filter(|_| !kept.profile_dropped);
                    }
                }
                b"tEXt" | b"zTXt" | b"iTXt" => text += place.len(),
                _ => {}
            }
        }
        Self { text: text <= MOST_TEXT_BYTES, ..kept }
    }

    fn has(&self, (kind, place): &([u8; 4], Range<usize>)) -> bool {
        match kind {
            b"PLTE" => self.palette == Some(place.start),
            b"iCCP" => self.profile == Some(place.start),
            b"tEXt" | b"zTXt" | b"iTXt" => self.text,
            _ => true,
        }
    }
}

/// True for an iCCP chunk whose profile is larger than what is looked at; it is inflated that far and kept nowhere.
fn is_too_large(chunk: &[u8]) -> bool {
    // Name, zero, method of compression.
    let data = &chunk[AROUND_DATA - 4..chunk.len() - 4];
    let Some(name) = data.iter().position(|byte| *byte == 0) else { return false };
    let profile = ZlibDecoder::new(data.get(name + 2..).unwrap_or_default());
    let most = MOST_PROFILE_BYTES as u64 + 1;
    std::io::copy(&mut profile.take(most), &mut std::io::sink()).is_ok_and(|length| length == most)
}

/// Type and place of each whole chunk before the pixels.
fn chunks_before_pixels(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], Range<usize>)> {
    let mut at = SIGNATURE;
    std::iter::from_fn(move || {
        let head = bytes.get(at..at + 8)?;
        let length = u32::from_be_bytes(head[..4].try_into().ok()?);
        let kind: [u8; 4] = head[4..].try_into().ok()?;
        let end = at.checked_add(AROUND_DATA)?.checked_add(usize::try_from(length).ok()?)?;
        if kind == *b"IDAT" || end > bytes.len() {
            return None;
        }
        let place = at..end;
        at = end;
        Some((kind, place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk without a right checksum, which this module does not look at.
    fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).expect("it is short").to_be_bytes();
        [&length[..], &kind, data, &[0; 4]].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat()
    }

    #[test]
    fn only_the_last_palette_with_colours_stays() {
        let [header, pixels] = [chunk(*b"IHDR", &[0; 13]), chunk(*b"IDAT", &[7; 5])];
        let [void, one, two] = [&[][..], &[1, 2, 3], &[4, 5, 6]].map(|colours| chunk(*b"PLTE", colours));
        let sound = file(&[header.clone(), two.clone(), pixels.clone()]);
        assert!(matches!(cleaned(&sound).0, Cow::Borrowed(_)));
        let doubled = file(&[header.clone(), one, two, pixels.clone()]);
        assert_eq!(*cleaned(&doubled).0, sound);
        let empty = file(&[header.clone(), void, pixels.clone()]);
        assert_eq!(*cleaned(&empty).0, file(&[header, pixels]));
    }

    /// Of 14 bytes each; the decoder would take 150 for one.
    #[test]
    fn text_is_left_out_where_it_is_more_than_a_photo_has() {
        let [header, pixels] = [chunk(*b"IHDR", &[0; 13]), chunk(*b"IDAT", &[7; 5])];
        let [plain, packed, wide] = [b"tEXt", b"zTXt", b"iTXt"].map(|kind| chunk(*kind, b"k\0"));
        let with =
            |texts: Vec<u8>| file(&[header.clone(), texts, chunk(*b"pHYs", &[0; 9]), plain.clone(), pixels.clone()]);
        let dozens = with([plain.clone(), packed.clone(), wide.clone()].concat().repeat(40));
        assert!(matches!(cleaned(&dozens), (Cow::Borrowed(_), false)));
        let bare = file(&[header.clone(), chunk(*b"pHYs", &[0; 9]), pixels.clone()]);
        for kind in [&plain, &packed, &wide] {
            assert_eq!(cleaned(&with(kind.repeat(5000))), (Cow::Owned(bare.clone()), false));
        }
        // Behind the pixels nobody reads it.
        let behind = [file(&[header.clone(), pixels.clone()]), plain.repeat(5000)].concat();
        assert!(matches!(cleaned(&behind), (Cow::Borrowed(_), false)));
    }

    #[test]
    fn a_length_beyond_the_file_is_left_to_the_decoder() {
        let broken = file(&[[&u32::MAX.to_be_bytes()[..], b"PLTE"].concat()]);
        assert!(matches!(cleaned(&broken).0, Cow::Borrowed(_)));
        assert!(matches!(cleaned(b"\x89PNG").0, Cow::Borrowed(_)));
    }

    #[test]
    fn a_profile_that_inflates_beyond_the_limit_is_left_out_and_told() {
        let profile = |length: usize| {
            let mut packed = Vec::new();
            flate2::read::ZlibEncoder::new(&*vec![7; length], flate2::Compression::fast())
                .read_to_end(&mut packed)
                .expect("it is packed");
            chunk(*b"iCCP", &[&b"any\0\0"[..], &packed].concat())
        };
        let [header, pixels] = [chunk(*b"IHDR", &[0; 13]), chunk(*b"IDAT", &[7; 5])];
        let sound = file(&[header.clone(), profile(MOST_PROFILE_BYTES), pixels.clone()]);
        assert!(matches!(cleaned(&sound), (Cow::Borrowed(_), false)));
        let bomb = file(&[header.clone(), profile(MOST_PROFILE_BYTES + 1), pixels.clone()]);
        assert_eq!(cleaned(&bomb), (Cow::Owned(file(&[header.clone(), pixels.clone()])), true));
        let many = file(&[header.clone(), profile(9), profile(MOST_PROFILE_BYTES + 1), profile(7), pixels.clone()]);
        assert_eq!(cleaned(&many), (Cow::Owned(file(&[header, profile(9), pixels])), false), "the first counts");
    }
}

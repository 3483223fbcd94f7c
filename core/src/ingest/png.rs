//! PNG files that break a rule of the palette which other readers overlook.

use std::borrow::Cow;

/// Length of the signature, and of what surrounds a chunk's data: length, type and checksum.
const SIGNATURE: usize = 8;
const AROUND_DATA: usize = 12;

/// The file without palettes that count for nothing: empty ones and all but the last. PNG (W3C, third edition, 11.2.2) allows
/// one palette with a colour at least, and the decoder insists; some writers put an empty one into files that need none. An
/// indexed image that is left without any has no colours and stays undecodable.
pub(super) fn without_void_palettes(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut void: Vec<_> = chunks_before_pixels(bytes).filter(|(kind, _)| kind == b"PLTE").map(|(_, at)| at).collect();
    if void.last().is_some_and(|palette| palette.len() > AROUND_DATA) {
        void.pop();
    }
    if void.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for palette in void {
        kept.extend_from_slice(&bytes[from..palette.start]);
        from = palette.end;
    }
    kept.extend_from_slice(&bytes[from..]);
    Cow::Owned(kept)
}

/// Type and place of each whole chunk before the pixels.
fn chunks_before_pixels(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], std::ops::Range<usize>)> {
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
        assert!(matches!(without_void_palettes(&sound), Cow::Borrowed(_)));
        let doubled = file(&[header.clone(), one, two, pixels.clone()]);
        assert_eq!(*without_void_palettes(&doubled), sound);
        let empty = file(&[header.clone(), void, pixels.clone()]);
        assert_eq!(*without_void_palettes(&empty), file(&[header, pixels]));
    }

    #[test]
    fn a_length_beyond_the_file_is_left_to_the_decoder() {
        let broken = file(&[[&u32::MAX.to_be_bytes()[..], b"PLTE"].concat()]);
        assert!(matches!(without_void_palettes(&broken), Cow::Borrowed(_)));
        assert!(matches!(without_void_palettes(b"\x89PNG"), Cow::Borrowed(_)));
    }
}

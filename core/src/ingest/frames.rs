//! How large the first frame of a GIF or WebP is by its own header. Decoders make room for that, whatever size the file states as a
//! whole: one of fifty kilobytes and 64 pixels a side may hold a frame of 64 megapixels.

/// `RIFF`, the length of the file and `WEBP`.
const RIFF_HEADER: usize = 12;

/// Width and height of a GIF's first frame, which may be larger than its screen (GIF89a, sections 18 to 24); none where no frame follows.
pub(super) fn of_gif(bytes: &[u8]) -> Option<(u32, u32)> {
    const HEADER: usize = 6;
    const SCREEN: usize = 7;
    const EXTENSION: u8 = 0x21;
    const FRAME: u8 = 0x2C;
    let flags = *bytes.get(HEADER + 4)?;
    let colours = if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) };
    let mut at = HEADER + SCREEN + colours;
    while *bytes.get(at)? == EXTENSION {
        // Behind its label lie blocks, each with its length; one of no length is the last.
        at += 2;
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
    }
    // Its place comes first: left and top.
    let &[FRAME, _, _, _, _, width, wider, height, higher] = bytes.get(at..at + 9)? else { return None };
    Some((u16::from_le_bytes([width, wider]).into(), u16::from_le_bytes([height, higher]).into()))
}

/// True for a WebP that moves (RFC 9649, section 2.7.1.1).
pub(super) fn is_animated_webp(bytes: &[u8]) -> bool {
    const MOVES: u8 = 2;
    let chunk = chunks(bytes, RIFF_HEADER).next();
    chunk.is_some_and(|(kind, content)| kind == b"VP8X" && content.first().is_some_and(|flags| flags & MOVES != 0))
}

/// Width and height of a WebP's picture as its lossy coding states them, of the first one where it moves; none where it is lossless: there
/// the decoder compares them with the file's before it makes room.
pub(super) fn of_webp(bytes: &[u8]) -> Option<(u32, u32)> {
    const FRAME_HEADER: usize = 16;
    let of = |kind: &[u8; 4]| chunks(bytes, RIFF_HEADER).find(|(other, _)| *other == kind).map(|(_, content)| content);
    let picture = if is_animated_webp(bytes) {
        let mut within = chunks(of(b"ANMF")?, FRAME_HEADER);
        match within.next()? {
            // Behind its transparency lies the picture, whatever it is called.
            (b"ALPH", _) => within.next()?.1,
            (b"VP8 ", picture) => picture,
            _ => return None,
        }
    } else {
        of(b"VP8 ")?
    };
    // Of the frame's header (RFC 6386, section 9.1); the upper two bits say how to scale it.
    let sides = picture.get(6..10)?;
    let side = |at: usize| u32::from(u16::from_le_bytes([sides[at], sides[at + 1]]) & 0x3FFF);
    Some((side(0), side(2)))
}

/// Name and content of each chunk from a place on; the last is as long as the file goes.
fn chunks(bytes: &[u8], mut at: usize) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (kind, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        // An odd one is followed by a byte that fills it up.
        at = at.checked_add(8)?.checked_add(length)?.checked_add(length & 1)?;
        Some((kind, &rest[..length.min(rest.len())]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_of_a_gif_is_found_behind_colours_and_extensions() {
        let file = |flags: u8, between: &[u8]| {
            let frame = [0x2C, 1, 0, 2, 0, 0x40, 0x1F, 0x70, 0x17, 0];
            [&b"GIF89a\x40\0\x40\0"[..], &[flags, 0, 0], between, &frame].concat()
        };
        let extension = [0x21, 0xFE, 3, b'a', 0x2C, 0x21, 1, b'b', 0];
        for (flags, between) in [
            (0, vec![]),
            (0x80, vec![9; 6]),
            (0x87, vec![0x21; 768]),
            (0x70, extension.to_vec()),
            (0x81, [&[7; 12][..], &extension, &[0x21, 0xF9, 0], &extension].concat()),
        ] {
            let bytes = file(flags, &between);
            assert_eq!(of_gif(&bytes), Some((8000, 6000)), "{flags:x}");
            for length in 0..bytes.len() - 1 {
                assert_eq!(of_gif(&bytes[..length]), None, "{flags:x} to {length}");
            }
        }
        assert_eq!(of_gif(b"GIF89a\x40\0\x40\0\0\0\0;........."), None, "its end");
    }

    #[test]
    fn the_size_of_a_webp_is_that_of_the_picture_which_is_decoded() {
        let chunk = |kind: &[u8; 4], content: &[u8]| {
            let length = u32::try_from(content.len()).expect("it is short").to_le_bytes();
            [&kind[..], &length, content, &vec![0; content.len() % 2]].concat()
        };
        let file = |chunks: &[Vec<u8>]| [&b"RIFF\0\0\0\0WEBP"[..], &chunks.concat()].concat();
        // 300 by 200, to be scaled.
        let picture = [0x10, 2, 0, 0x9D, 1, 0x2A, 0x2C, 0x41, 0xC8, 0x80, 0, 0, 0];
        let other = [0x10, 2, 0, 0x9D, 1, 0x2A, 9, 0, 9, 0];
        let [still, moving] = [0, 2].map(|flags| chunk(b"VP8X", &[flags, 0, 0, 0, 63, 0, 0, 63, 0, 0]));
        let [picture, other] = [&picture[..], &other].map(|picture| chunk(b"VP8 ", picture));
        let alpha = chunk(b"ALPH", &[7; 5]);
        let frame = |within: &[Vec<u8>]| chunk(b"ANMF", &[vec![0; 16], within.concat()].concat());
        let [of_picture, of_other] = [&picture, &other].map(|picture| frame(std::slice::from_ref(picture)));
        for (what, bytes, animated, size) in [
            ("simple", file(std::slice::from_ref(&picture)), false, Some((300, 200))),
            ("extended", file(&[still, alpha.clone(), picture.clone(), other.clone()]), false, Some((300, 200))),
            ("lossless", file(&[chunk(b"VP8L", &[0x2F, 9, 9, 9, 9])]), false, None),
            ("moving", file(&[moving.clone(), other, of_picture, of_other]), true, Some((300, 200))),
            ("with alpha", file(&[moving.clone(), frame(&[alpha, picture])]), true, Some((300, 200))),
            ("lossless frame", file(&[moving, frame(&[chunk(b"VP8L", &[0x2F; 9])])]), true, None),
            ("nothing", file(&[]), false, None),
        ] {
            assert_eq!((is_animated_webp(&bytes), of_webp(&bytes)), (animated, size), "{what}");
            for length in 0..bytes.len() {
                let _ = of_webp(&bytes[..length]);
            }
        }
    }
}

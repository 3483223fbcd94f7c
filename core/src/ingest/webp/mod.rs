//! What a WebP says of its first picture (RFC 9649, section 2), as far as it decides how much memory decoding takes: the decoder makes room for
//! what the picture itself says before it compares that with what the file says.

mod codes;

/// The first picture of a file.
pub(super) struct Picture<'a> {
    /// It is one of several.
    pub(super) moves: bool,
    size: (u32, u32),
    lossy: Option<&'a [u8]>,
    lossless: Option<&'a [u8]>,
    alpha: Option<&'a [u8]>,
}

/// `RIFF`, the length of the file and `WEBP`.
const FILE_HEADER: usize = 12;
/// Place, size and time of a picture that is one of several.
const FRAME_HEADER: usize = 16;

impl<'a> Picture<'a> {
    /// That of a file which says this size.
    pub(super) fn first_of(bytes: &'a [u8], size: (u32, u32)) -> Self {
        const MOVES: u8 = 2;
        let first = chunks(bytes, FILE_HEADER).next();
        let moves =
            first.is_some_and(|(kind, content)| kind == b"VP8X" && content.first().is_some_and(|f| f & MOVES != 0));
        let of =
            |kind: &[u8; 4]| chunks(bytes, FILE_HEADER).find(|(other, _)| *other == kind).map(|(_, content)| content);
        if !moves {
            return Self { moves, size, lossy: of(b"VP8 "), lossless: of(b"VP8L"), alpha: of(b"ALPH") };
        }
        let frame = of(b"ANMF").unwrap_or_default();
        let mut found =
            Self { moves, size: (side(frame, 6), side(frame, 9)), lossy: None, lossless: None, alpha: None };
        let mut parts = chunks(frame, FRAME_HEADER);
        match parts.next() {
            // Behind its transparency lies the picture, whatever it is called.
            Some((b"ALPH", alpha)) => {
                (found.alpha, found.lossy) = (Some(alpha), parts.next().map(|(_, content)| content));
            }
            Some((b"VP8 ", content)) => found.lossy = Some(content),
            Some((b"VP8L", content)) => found.lossless = Some(content),
            _ => {}
        }
        found
    }

    /// True where its lossy coding says that it is larger than this. Of a lossless one the decoder compares the size before it makes room.
    pub(super) fn is_larger_than(&self, (width, height): (u32, u32)) -> bool {
        // Of the frame's header (RFC 6386, section 9.1); the upper two bits say how to scale it.
        let sides = self.lossy.and_then(|content| content.get(6..)?.first_chunk::<4>());
        sides.is_some_and(|&[low, high, other_low, other_high]| {
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
            side(low, high) > width || side(other_low, other_high) > height
        })
    }

    /// Memory in bytes that the codes of its lossless parts take, of each the first `most` and what goes beyond.
    pub(super) fn code_bytes(&self, most: u64) -> u64 {
        let picture = self.lossless.and_then(|content| {
            let &[_, a, b, c, d] = content.first_chunk()?;
            let sides = u32::from_le_bytes([a, b, c, d]);
            Some(codes::bytes(&content[5..], (1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)), most))
        });
        let alpha = self.alpha.and_then(|content| {
            let (head, stream) = content.split_first()?;
            (head & 3 == 1).then(|| codes::bytes(stream, self.size, most))
        });
        picture.unwrap_or(0) + alpha.unwrap_or(0)
    }
}

/// A number of three bytes that is one less than a side; 0 where it is not there.
fn side(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(|rest| rest.first_chunk::<3>());
    number.map_or(0, |&[low, middle, high]| 1 + u32::from_le_bytes([low, middle, high, 0]))
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

    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).expect("it is short").to_le_bytes();
        [&kind[..], &length, content, &vec![0; content.len() % 2]].concat()
    }

    fn file(chunks: &[&[u8]]) -> Vec<u8> {
        [&b"RIFF\0\0\0\0WEBP"[..], &chunks.concat()].concat()
    }

    #[test]
    fn the_size_that_counts_is_that_of_the_picture_which_is_decoded() {
        // 300 by 200, to be scaled.
        let picture = chunk(b"VP8 ", &[0x10, 2, 0, 0x9D, 1, 0x2A, 0x2C, 0x41, 0xC8, 0x80, 0, 0, 0]);
        let other = chunk(b"VP8 ", &[0x10, 2, 0, 0x9D, 1, 0x2A, 9, 0, 9, 0]);
        let lossless = chunk(b"VP8L", &[0x2F; 9]);
        let [still, moving] = [0, 2].map(|flags| chunk(b"VP8X", &[flags, 0, 0, 0, 63, 0, 0, 63, 0, 0]));
        let alpha = chunk(b"ALPH", &[7; 5]);
        let frame = |parts: &[&[u8]]| chunk(b"ANMF", &[vec![0; 16], parts.concat()].concat());
        for (what, bytes, moves, larger) in [
            ("simple", file(&[&picture]), false, true),
            ("extended", file(&[&still, &alpha, &picture, &other]), false, true),
            ("lossless", file(&[&lossless]), false, false),
            ("moving", file(&[&moving, &other, &frame(&[&picture]), &frame(&[&other])]), true, true),
            ("moving, then larger", file(&[&moving, &picture, &frame(&[&other]), &frame(&[&picture])]), true, false),
            ("with alpha", file(&[&moving, &frame(&[&alpha, &picture])]), true, true),
            ("lossless frame", file(&[&moving, &frame(&[&lossless, &picture])]), true, false),
            ("nothing", file(&[]), false, false),
        ] {
            let found = Picture::first_of(&bytes, (299, 200));
            assert_eq!((found.moves, found.is_larger_than((299, 200))), (moves, larger), "{what}");
            assert!(!found.is_larger_than((300, 200)), "{what}");
            for length in 0..bytes.len() {
                let cut = Picture::first_of(&bytes[..length], (299, 200));
                assert!(!cut.is_larger_than((300, 200)) && cut.code_bytes(1 << 20) < 1 << 20);
            }
        }
    }
}

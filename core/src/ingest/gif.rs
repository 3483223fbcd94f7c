//! How large a GIF's first frame is. It may be larger than the screen that the file states, and the decoder makes room for it: a file of fifty
//! kilobytes and 64 pixels a side may hold a frame of 64 megapixels.

/// Width and height of the first frame (GIF89a, sections 18 to 24); none where no frame follows.
pub(super) fn first_frame(bytes: &[u8]) -> Option<(u32, u32)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_found_behind_colours_and_extensions() {
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
            assert_eq!(first_frame(&bytes), Some((8000, 6000)), "{flags:x}");
            for length in 0..bytes.len() - 1 {
                assert_eq!(first_frame(&bytes[..length]), None, "{flags:x} to {length}");
            }
        }
        assert_eq!(first_frame(b"GIF89a\x40\0\x40\0\0\0\0;........."), None, "its end");
    }
}

//! Is a JPEG complete? The decoder fills what a truncated file lacks with gray and reports success; a half-gray photo
//! must not be scored as if it were what the camera saw.

/// True when an end-of-image marker follows the first scan (ITU-T T.81, B.1.1.3 and B.2.1).
///
/// Segments before the scan are skipped by their length, so that the end marker of an EXIF thumbnail does not count.
pub(super) fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const SOS: u8 = 0xDA;
    let mut at = 2;
    while let Some(&[0xFF, marker]) = bytes.get(at..at + 2) {
        // Fill bytes and markers without a length (TEM, RSTn) move on by what they occupy.
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                if marker == SOS {
                    return bytes.get(at..).is_some_and(|scan| scan.windows(2).any(|pair| pair == [0xFF, 0xD9]));
                }
            }
        }
    }
    false
}

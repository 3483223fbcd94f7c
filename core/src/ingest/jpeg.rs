//! What a JPEG's markers say before it is decoded.
//!
//! Is it complete? The decoder fills what a truncated file lacks with gray and reports success; a half-gray photo must not
//! be scored as if it were what the camera saw. Has it more scans than any camera or editor writes? Each scan of a
//! progressive file goes over the whole image, so that a few bytes of a hostile one cost as much as a photo.

/// Cameras and editors write a dozen.
const MOST_SCANS: usize = 100;

/// Checks that tables come before the first scan, that an end-of-image marker follows it, and that scans are not too many
/// (ITU-T T.81, B.1.1.3, B.2.1 and B.2.4). Segments before the scan are skipped by their length, so that the end marker of
/// an EXIF thumbnail does not count.
///
/// # Errors
/// What is wrong.
pub(super) fn check_jpeg(bytes: &[u8]) -> Result<(), &'static str> {
    const SOS: u8 = 0xDA;
    const DHT: u8 = 0xC4;
    // Frames that are Huffman coded: baseline, extended, progressive.
    const HUFFMAN_CODED: std::ops::RangeInclusive<u8> = 0xC0..=0xC2;
    const EOI: u8 = 0xD9;
    let cut_off = Err("the file ends before the image does");
    let mut at = 2;
    let (mut coded, mut tables) = (false, false);
    while let Some(&[0xFF, marker]) = bytes.get(at..at + 2) {
        // Fill bytes and markers without a length (TEM, RSTn) move on by what they occupy.
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { return cut_off };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                coded |= HUFFMAN_CODED.contains(&marker);
                tables |= marker == DHT;
                if marker == SOS {
                    // One decoder would take the tables of motion JPEG for granted, another not.
                    if coded && !tables {
                        return Err("it has no Huffman tables");
                    }
                    let rest = bytes.get(at..).unwrap_or_default();
                    let markers = || rest.windows(2).filter(|pair| pair[0] == 0xFF).map(|pair| pair[1]);
                    if !markers().any(|marker| marker == EOI) {
                        return cut_off;
                    }
                    let scans =
                        1 + markers().take_while(|&marker| marker != EOI).filter(|&marker| marker == SOS).count();
                    return if scans > MOST_SCANS { Err("it has too many scans") } else { Ok(()) };
                }
            }
        }
    }
    cut_off
}

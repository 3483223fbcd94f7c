//! The quality that a quantisation table stands for, by libjpeg's formula.

/// Luma table of ITU-T T.81, annex K.1, in zigzag order, as files store it.
const LUMA: [u16; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
];

/// Quality, 1 to 100, at which libjpeg's table comes closest to the first one of a segment DQT (B.2.4.1).
pub(super) fn quality(payload: &[u8]) -> Option<u8> {
    let (kind, entries) = payload.split_first()?;
    let table: Vec<i32> = if kind >> 4 == 0 {
        entries.get(..64)?.iter().map(|entry| i32::from(*entry)).collect()
    } else {
        entries.get(..128)?.chunks_exact(2).map(|entry| i32::from(u16::from_be_bytes([entry[0], entry[1]]))).collect()
    };
    let distance = |quality: &u8| -> i64 {
        let scale = scale(*quality);
        let entry = |base: u16| ((i32::from(base) * scale + 50) / 100).clamp(1, 255);
        LUMA.iter().zip(&table).map(|(base, entry_of_file)| i64::from((entry(*base) - entry_of_file).abs())).sum()
    };
    (1..=100).rev().min_by_key(distance)
}

/// Percent by which libjpeg scales its tables (`jpeg_quality_scaling`).
fn scale(quality: u8) -> i32 {
    let quality = i32::from(quality);
    if quality < 50 { 5000 / quality } else { 200 - 2 * quality }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quality_of_libjpeg_is_told_from_its_table() {
        for wanted in 5..=100u8 {
            let entry = |base: &u16| ((i32::from(*base) * scale(wanted) + 50) / 100).clamp(1, 255) as u8;
            let payload: Vec<u8> = std::iter::once(0).chain(LUMA.iter().map(entry)).collect();
            assert_eq!(quality(&payload), Some(wanted));
            let wide: Vec<u8> = std::iter::once(16).chain(LUMA.iter().flat_map(|base| [0, entry(base)])).collect();
            assert_eq!(quality(&wide), Some(wanted));
        }
    }

    #[test]
    fn a_table_that_is_cut_off_tells_nothing() {
        assert_eq!([quality(&[]), quality(&[0; 60]), quality(&[16; 100])], [None; 3]);
    }
}

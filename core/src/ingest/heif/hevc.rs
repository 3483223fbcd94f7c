//! Pictures coded by HEVC, decoded by `heic-rs`.
//!
//! What the sequence parameter set of a stream says of its pictures (ITU-T H.265, 7.3.2.2 and E.2.1) is read here: their size, and in
//! which range and by which matrix their colours are coded. iPhones say that nowhere else, and the decoder reads past it.

use heic_rs::hevc::{self, Frame};
use heic_rs::props::ItemProps;
use heic_rs::props::hvcc::HevcConfig;
use heic_rs::{ChromaFormat, MatrixCoefficients, Nclx, Range};

use super::HeifError;
use super::bits::Bits;
use super::stream::{Stream, UNSAID};

/// `nal_unit_type` of a sequence parameter set.
const SEQUENCE_PARAMETERS: u8 = 33;
/// Pixels that a picture may have beside its window, a side: coded are whole blocks of at most 64.
const MOST_BESIDE: u32 = 64;

/// What the parameter sets of a coded item say.
pub(super) fn stream(properties: &ItemProps) -> Result<Stream, HeifError> {
    let stream = read(&configuration(properties)?.parameter_sets())?;
    // The decoder takes colours of more than half the width and height, but loses its way in what x265 writes.
    if !matches!(stream.chroma, ChromaFormat::Monochrome | ChromaFormat::Yuv420) {
        return Err(HeifError::Unsound("colours coded as 4:2:2 or 4:4:4 are not read; save it as JPEG"));
    }
    Ok(stream)
}

/// The picture of a coded item that has at most so many slices.
pub(super) fn decode(properties: &ItemProps, data: &[u8], most_slices: usize) -> Result<Frame, HeifError> {
    let configuration = configuration(properties)?;
    let units = configuration.split_nals(data)?;
    if units.iter().filter(|unit| header(unit).is_some_and(|(kind, _)| kind < 32)).count() > most_slices {
        return Err(HeifError::Unsound("it has too many slices"));
    }
    Ok(hevc::decode_still(&configuration.parameter_sets(), &units)?)
}

fn configuration<'a>(properties: &'a ItemProps) -> Result<&'a HevcConfig<'a>, HeifError> {
    properties.hvcc.as_ref().ok_or(HeifError::Unsound("a picture in it is not coded by HEVC; save it as JPEG"))
}

/// Type and layer of a unit of the stream.
fn header(unit: &[u8]) -> Option<(u8, u8)> {
    let [first, second, ..] = unit else { return None };
    Some(((first >> 1) & 0x3F, (first & 1) << 5 | second >> 3))
}

/// Reads the one sequence parameter set among `sets`.
fn read(sets: &[&[u8]]) -> Result<Stream, HeifError> {
    let mut found = sets.iter().filter(|unit| header(unit) == Some((SEQUENCE_PARAMETERS, 0)));
    // Which of several counts, only a slice tells.
    let (Some(unit), None) = (found.next(), found.next()) else {
        return Err(HeifError::Unsound("it has not one sequence parameter set"));
    };
    sequence(&mut Bits::of(content(unit))).ok_or(HeifError::Unsound("its sequence parameter set is malformed"))
}

/// What lies behind a unit's header, without the bytes that keep it from looking like a start code (7.3.1.1).
fn content(unit: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for byte in unit.iter().skip(2) {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        content.push(*byte);
    }
    content
}

/// `seq_parameter_set_rbsp()`, as far as to the colours; nothing where it ends early or holds what no stream may.
fn sequence(bits: &mut Bits) -> Option<Stream> {
    bits.skip(4)?;
    let sub_layers = bits.take(3)?;
    bits.skip(1)?;
    profile(bits, sub_layers)?;
    bits.code()?;
    let format = bits.code()?;
    let separate = format == 3 && bits.flag()?;
    let chroma = if separate { ChromaFormat::Monochrome } else { ChromaFormat::from_idc(u8::try_from(format).ok()?)? };
    let (width, height) = (bits.code()?, bits.code()?);
    let size = window(bits, chroma, (width, height))?;
    let depth = u8::try_from(bits.code()?.checked_add(8)?).ok()?;
    bits.code()?;
    let order_bits = bits.code()?.checked_add(4)?;
    // Sizes of buffers, of blocks and of trees.
    let layers = if bits.flag()? { sub_layers + 1 } else { 1 };
    for _ in 0..3 * layers + 6 {
        bits.code()?;
    }
    if bits.flag()? && bits.flag()? {
        scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.code()?;
        bits.code()?;
        bits.skip(1)?;
    }
    reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.code()?.min(33) {
            bits.skip(order_bits + 1)?;
        }
    }
    bits.skip(2)?;
    let colours = if bits.flag()? { usability(bits)? } else { UNSAID };
    Some(Stream { size, colours, chroma, depth })
}

/// `vui_parameters()`, as far as to the colours.
fn usability(bits: &mut Bits) -> Option<Nclx> {
    const OTHER_ASPECT: u32 = 255;
    if bits.flag()? && bits.take(8)? == OTHER_ASPECT {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if !bits.flag()? {
        return Some(UNSAID);
    }
    bits.skip(3)?;
    let range = if bits.flag()? { Range::Full } else { Range::Limited };
    if !bits.flag()? {
        return Some(Nclx { range, ..UNSAID });
    }
    let mut code = || bits.take(8).and_then(|code| u16::try_from(code).ok());
    let (primaries, transfer, matrix_code) = (code()?, code()?, code()?);
    Some(Nclx { primaries, transfer, matrix: MatrixCoefficients::from_code(matrix_code), matrix_code, range })
}

/// `profile_tier_level( 1, sub_layers )`.
fn profile(bits: &mut Bits, sub_layers: u32) -> Option<()> {
    const PROFILE: u32 = 88;
    const LEVEL: u32 = 8;
    bits.skip(PROFILE + LEVEL)?;
    let present = (0..sub_layers).map(|_| Some((bits.flag()?, bits.flag()?))).collect::<Option<Vec<_>>>()?;
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { PROFILE } else { 0 } + if level { LEVEL } else { 0 })?;
    }
    Some(())
}

/// The size of the conformance window.
fn window(bits: &mut Bits, chroma: ChromaFormat, (width, height): (u32, u32)) -> Option<(u32, u32)> {
    let mut beside = (0, 0);
    if bits.flag()? {
        let mut both = |unit: u32| bits.code()?.checked_add(bits.code()?)?.checked_mul(unit);
        beside = (both(1 << chroma.x_shift())?, both(1 << chroma.y_shift())?);
    }
    let size = (width.checked_sub(beside.0)?, height.checked_sub(beside.1)?);
    // All of the picture is decoded, whatever is shown of it.
    (beside.0 < MOST_BESIDE && beside.1 < MOST_BESIDE && size.0 > 0 && size.1 > 0).then_some(size)
}

/// `scaling_list_data()`.
fn scaling_lists(bits: &mut Bits) -> Option<()> {
    for size in 0..4 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                bits.code()?;
                continue;
            }
            let coefficients = if size == 0 { 16 } else { 64 };
            for _ in 0..coefficients + i32::from(size > 1) {
                bits.code()?;
            }
        }
    }
    Some(())
}

/// All `st_ref_pic_set()`.
fn reference_sets(bits: &mut Bits) -> Option<()> {
    const MOST: u32 = 64;
    const MOST_PICTURES: u32 = 16;
    let sets = bits.code().filter(|sets| *sets <= MOST)?;
    let mut pictures: u32 = 0;
    for set in 0..sets {
        if set > 0 && bits.flag()? {
            bits.skip(1)?;
            bits.code()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                kept += u32::from(bits.flag()? || bits.flag()?);
            }
            pictures = kept;
        } else {
            pictures = bits.code()?.checked_add(bits.code()?).filter(|pictures| *pictures <= 2 * MOST_PICTURES)?;
            for _ in 0..pictures {
                bits.code()?;
                bits.skip(1)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::bits::Written;
    use super::super::stream::with_matrix;
    use super::*;

    fn unit(written: Written) -> Vec<u8> {
        let mut unit = vec![SEQUENCE_PARAMETERS << 1, 1];
        for byte in written.bits(1, 1).bytes() {
            if byte <= 3 && unit.ends_with(&[0, 0]) {
                unit.push(3);
            }
            unit.push(byte);
        }
        unit
    }

    /// Of one layer, 4:2:0, 8 bits, coded as 1920 by 1088 of which 1080 rows are shown, to the flag of the usability information.
    fn up_to_usability() -> Written {
        let start = Written::default()
            .bits(4, 0)
            .bits(3, 0)
            .bits(1, 1)
            .bits(32, 0x0160_0000)
            .bits(32, 0x0300_0000)
            .bits(32, 120);
        let size = start.codes(&[0, 1, 1920, 1088]).bits(1, 1).codes(&[0, 0, 0, 4]).codes(&[0, 0, 4]).bits(1, 1);
        let blocks = size.codes(&[1, 0, 0]).codes(&[0, 3, 0, 3, 0, 0]);
        // Lists of scaling, all by default; no PCM; two sets of references, the second from the first; long-term ones.
        let lists = (0..20).fold(blocks.bits(2, 0b11), |written, _| written.bits(1, 0).codes(&[0]));
        let sets = lists.bits(3, 0b110).codes(&[2, 1, 0, 0]).bits(1, 1).bits(2, 0b10).codes(&[0]).bits(2, 0b11);
        sets.bits(1, 1).codes(&[1]).bits(9, 0b1_0000_0001).bits(2, 0)
    }

    #[test]
    fn size_range_and_matrix_are_read_and_what_is_not_said_is_limited() {
        let usability = || up_to_usability().bits(1, 1).bits(1, 1).bits(8, 255).bits(32, 7).bits(2, 0b10);
        let said = unit(usability().bits(1, 1).bits(3, 5).bits(2, 0b11).bits(8, 12).bits(8, 13).bits(8, 6));
        let stream = read(&[&[64, 1], &said]).expect("it is sound");
        assert_eq!((stream.size, stream.depth, stream.chroma), ((1920, 1080), 8, ChromaFormat::Yuv420));
        let full =
            Nclx { primaries: 12, transfer: 13, matrix: MatrixCoefficients::Bt601, matrix_code: 6, range: Range::Full };
        assert_eq!(stream.colours, full);
        let only_range = unit(usability().bits(1, 1).bits(3, 5).bits(2, 0b10));
        let colours = read(&[&only_range]).expect("it is sound").colours;
        assert_eq!((colours.range, with_matrix(colours).matrix), (Range::Full, MatrixCoefficients::Bt601));
        for unsaid in [up_to_usability().bits(1, 0), usability().bits(1, 0)].map(unit) {
            assert_eq!(read(&[&unsaid]).expect("it is sound").colours, UNSAID);
        }
        for length in 0..only_range.len() - 2 {
            assert!(read(&[&only_range[..length]]).is_err(), "{length}");
        }
        assert!(read(&[&said, &said]).is_err(), "which of them counts?");
    }
}

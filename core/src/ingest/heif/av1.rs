//! Pictures coded by AV1 (AV1 Bitstream & Decoding Process Specification), decoded by `re_rav1d`.
//!
//! That decoder is `dav1d` in Rust behind the functions of its C interface, which no panic may leave: one ends the process, and
//! nobody can catch it. So it is given no more than a still picture is made of, one sequence header and one key frame. Kept from it are
//! metadata, among which it is known to panic (memorysafety/rav1d, issue 1476), layers, and whatever is predicted from other pictures.

use heic_rs::hevc::Frame;
use heic_rs::{ChromaFormat, MatrixCoefficients, Nclx, Range};
use re_rav1d::{DecodeFrameType, Decoder, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::HeifError;
use super::bits::Bits;
use super::stream::Stream;

/// `obu_type` (6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const TILE_GROUP: u8 = 4;
const FRAME: u8 = 6;
/// Units of a picture with as many tiles as there may be (`MAX_TILE_COLS`, `MAX_TILE_ROWS`), each in a group of its own.
const MOST_UNITS: usize = 64 * 64 + 2;

const MALFORMED: HeifError = HeifError::Unsound("its AV1 stream is malformed");

/// What the sequence header of a coded item says.
pub(super) fn stream(data: &[u8]) -> Result<Stream, HeifError> {
    Still::read(data).map(|still| still.stream)
}

/// The picture of a coded item, which is no larger than its header says, without film grain: that is noise which the photo did not have.
pub(super) fn decode(data: &[u8], stream: &Stream) -> Result<Frame, HeifError> {
    let still = Still::read(data)?;
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(stream.size.0.saturating_mul(stream.size.1));
    settings.set_apply_grain(false);
    settings.set_decode_frame_type(DecodeFrameType::Key);
    let mut decoder = Decoder::with_settings(&settings)?;
    decoder.send_data(still.units.concat(), None, None, None)?;
    planes(&decoder.get_picture()?)
}

fn planes(picture: &Picture) -> Result<Frame, HeifError> {
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => ChromaFormat::Monochrome,
        PixelLayout::I420 => ChromaFormat::Yuv420,
        PixelLayout::I422 => ChromaFormat::Yuv422,
        PixelLayout::I444 => ChromaFormat::Yuv444,
    };
    let depth = picture.bits_per_component().ok_or(MALFORMED)?.0;
    let (width, height) = (picture.width(), picture.height());
    let (across, down) = chroma.chroma_size(width, height);
    let plane = |component: PlanarImageComponent, width: u32, height: u32| {
        if width == 0 {
            return Vec::new();
        }
        let (bytes, stride) = (picture.plane(component), picture.stride(component) as usize);
        let mut samples = Vec::with_capacity(width as usize * height as usize);
        for row in bytes.chunks_exact(stride).take(height as usize) {
            if depth == 8 {
                samples.extend(row.iter().take(width as usize).map(|sample| u16::from(*sample)));
            } else {
                samples.extend(row.as_chunks().0.iter().take(width as usize).map(|sample| u16::from_ne_bytes(*sample)));
            }
        }
        samples
    };
    Ok(Frame {
        width,
        height,
        bit_depth: depth as u8,
        chroma,
        y: plane(PlanarImageComponent::Y, width, height),
        cb: plane(PlanarImageComponent::U, across, down),
        cr: plane(PlanarImageComponent::V, across, down),
        y_stride: width,
        c_stride: across,
    })
}

/// A still picture.
struct Still<'a> {
    stream: Stream,
    /// What the decoder needs of it.
    units: Vec<&'a [u8]>,
}

impl<'a> Still<'a> {
    fn read(mut data: &'a [u8]) -> Result<Self, HeifError> {
        let (mut sequence, mut frame, mut units) = (None, None, Vec::new());
        while !data.is_empty() {
            let unit = Unit::first_of(data).ok_or(MALFORMED)?;
            data = &data[unit.whole.len()..];
            let before = match unit.kind {
                SEQUENCE_HEADER => sequence.replace(unit.content),
                FRAME_HEADER | FRAME => frame.replace(unit.content),
                TILE_GROUP => None,
                _ => continue,
            };
            if before.is_some() || units.len() == MOST_UNITS {
                return Err(HeifError::Unsound("its AV1 stream is more than one picture; save it as JPEG"));
            }
            units.push(unit.whole);
        }
        let (Some(sequence), Some(frame)) = (sequence, frame) else { return Err(MALFORMED) };
        let (stream, is_reduced) = self::sequence(&mut Bits::of(sequence)).ok_or(MALFORMED)?;
        if !is_reduced && !is_shown_key_frame(&mut Bits::of(frame)).ok_or(MALFORMED)? {
            return Err(HeifError::Unsound("its AV1 stream does not begin with a whole picture; save it as JPEG"));
        }
        Ok(Self { stream, units })
    }
}

/// `open_bitstream_unit()` (5.3.1).
struct Unit<'a> {
    kind: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Unit<'a> {
    fn first_of(data: &'a [u8]) -> Option<Self> {
        const HAS_EXTENSION: u8 = 4;
        const HAS_SIZE: u8 = 2;
        let first = *data.first()?;
        let mut start = if first & HAS_EXTENSION == 0 { 1 } else { 2 };
        let mut length = data.len().checked_sub(start)?;
        if first & HAS_SIZE != 0 {
            let taken;
            (length, taken) = size(&data[start..])?;
            start += taken;
        }
        let whole = data.get(..start.checked_add(length)?)?;
        Some(Self { kind: first >> 3 & 0xF, content: &whole[start..], whole })
    }
}

/// `leb128()` (4.10.5), and how many bytes it takes.
fn size(data: &[u8]) -> Option<(usize, usize)> {
    let last = data.iter().take(8).position(|byte| byte & 0x80 == 0)?;
    let value = data[..=last].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7F));
    Some((usize::try_from(value).ok()?, last + 1))
}

/// `uncompressed_header()` (5.9.2), as far as it says what is shown.
fn is_shown_key_frame(bits: &mut Bits) -> Option<bool> {
    let is_shown_again = bits.flag()?;
    let is_key = bits.take(2)? == 0;
    Some(!is_shown_again && is_key && bits.flag()?)
}

/// `sequence_header_obu()` (5.5.1) as far as to the colours, and whether it is one of a still picture's, reduced; nothing where it
/// ends early.
fn sequence(bits: &mut Bits) -> Option<(Stream, bool)> {
    let profile = bits.take(3)?;
    bits.skip(1)?;
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.skip(5)?;
    } else {
        operating_points(bits)?;
    }
    let side_bits = (bits.take(4)? + 1, bits.take(4)? + 1);
    let size = (bits.take(side_bits.0)? + 1, bits.take(side_bits.1)? + 1);
    if !is_reduced && bits.flag()? {
        bits.skip(7)?;
    }
    bits.skip(3)?;
    if !is_reduced {
        inter_tools(bits)?;
    }
    bits.skip(3)?;
    let (colours, chroma, depth) = colours(bits, profile)?;
    Some((Stream { size, colours, chroma, depth }, is_reduced))
}

/// Timing and operating points of a sequence header.
fn operating_points(bits: &mut Bits) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.code()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.skip(12)?;
        if bits.take(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * delay_bits + 1)?;
        }
        if has_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}

/// What a sequence header says of prediction from other pictures.
fn inter_tools(bits: &mut Bits) -> Option<()> {
    bits.skip(4)?;
    let has_order = bits.flag()?;
    if has_order {
        bits.skip(2)?;
    }
    // Screen content: chosen by each frame, or else said here.
    let may_be_screen = bits.flag()? || bits.flag()?;
    if may_be_screen && !bits.flag()? {
        bits.skip(1)?;
    }
    if has_order {
        bits.skip(3)?;
    }
    Some(())
}

/// `color_config()` (5.5.2), as far as to the chroma planes' size.
fn colours(bits: &mut Bits, profile: u32) -> Option<(Nclx, ChromaFormat, u8)> {
    const BT_709: u16 = 1;
    const SRGB: u16 = 13;
    let is_high = bits.flag()?;
    let depth = match (is_high, profile) {
        (false, _) => 8,
        (true, 2) if bits.flag()? => 12,
        (true, _) => 10,
    };
    let is_gray = profile != 1 && bits.flag()?;
    let mut codes = [2; 3];
    if bits.flag()? {
        for code in &mut codes {
            *code = u16::try_from(bits.take(8)?).ok()?;
        }
    }
    let [primaries, transfer, matrix_code] = codes;
    let matrix = MatrixCoefficients::from_code(matrix_code);
    let is_rgb = !is_gray && (primaries, transfer) == (BT_709, SRGB) && matrix.is_identity();
    let range = if is_rgb || bits.flag()? { Range::Full } else { Range::Limited };
    let chroma = match profile {
        _ if is_gray => ChromaFormat::Monochrome,
        _ if is_rgb => ChromaFormat::Yuv444,
        0 => ChromaFormat::Yuv420,
        1 => ChromaFormat::Yuv444,
        _ if depth < 12 => ChromaFormat::Yuv422,
        _ if !bits.flag()? => ChromaFormat::Yuv444,
        _ if bits.flag()? => ChromaFormat::Yuv420,
        _ => ChromaFormat::Yuv422,
    };
    Some((Nclx { primaries, transfer, matrix, matrix_code, range }, chroma, depth))
}

#[cfg(test)]
mod tests {
    use super::super::bits::Written;
    use super::*;

    /// A unit of the stream that says its size.
    fn unit(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("it is short");
        [&[kind << 3 | 2, length][..], content].concat()
    }

    /// Not of a still picture: with timing, two operating points and identifiers, of profile 2, 1920 by 1080.
    fn up_to_colours() -> Written {
        let timing =
            Written::default().bits(3, 2).bits(2, 0).bits(1, 1).bits(32, 1).bits(32, 25).bits(1, 1).codes(&[3]);
        let delays = timing.bits(1, 1).bits(5, 9).bits(32, 1).bits(10, 0).bits(1, 1).bits(5, 1);
        let point = |written: Written, level: u32| {
            let level = written.bits(12, 1).bits(5, level).bits(u32::from(level > 7), 0);
            level.bits(1, 1).bits(21, 7).bits(1, 1).bits(4, 9)
        };
        let points = point(point(delays, 5), 13);
        let size = points.bits(4, 10).bits(4, 10).bits(11, 1919).bits(11, 1079);
        let tools = size.bits(1, 1).bits(7, 0).bits(3, 7).bits(4, 15).bits(1, 1).bits(2, 3);
        tools.bits(2, 0b01).bits(2, 0b01).bits(3, 6).bits(3, 7)
    }

    #[test]
    fn size_and_colours_are_read_behind_all_that_may_lie_before_them() {
        let read = |header: Written| sequence(&mut Bits::of(header.bytes()));
        let deep = up_to_colours().bits(2, 0b11).bits(1, 0).bits(1, 1).bits(8, 9).bits(8, 16).bits(8, 9);
        let (stream, is_reduced) = read(deep.clone().bits(1, 1).bits(2, 0b10)).expect("it is sound");
        assert!(!is_reduced);
        assert_eq!((stream.size, stream.depth, stream.chroma), ((1920, 1080), 12, ChromaFormat::Yuv422));
        let matrix = MatrixCoefficients::Bt2020Ncl;
        assert_eq!(stream.colours, Nclx { primaries: 9, transfer: 16, matrix, matrix_code: 9, range: Range::Full });
        let chroma = |bits: u32, code: u32| read(deep.clone().bits(1, 0).bits(bits, code)).map(|(read, _)| read.chroma);
        assert_eq!(chroma(2, 0b11), Some(ChromaFormat::Yuv420));
        assert_eq!(chroma(1, 0b0), Some(ChromaFormat::Yuv444));
        let (gray, _) = read(up_to_colours().bits(1, 0).bits(1, 1).bits(1, 0).bits(1, 0)).expect("it is sound");
        assert_eq!((gray.depth, gray.chroma), (8, ChromaFormat::Monochrome));
        assert_eq!(gray.colours, super::super::stream::UNSAID);
        let whole = deep.bits(1, 1).bits(2, 0b10).bytes();
        for length in 0..whole.len() - 1 {
            assert!(sequence(&mut Bits::of(&whole[..length])).is_none(), "{length}");
        }
    }

    #[test]
    fn one_key_frame_goes_to_the_decoder_and_nothing_else() {
        let header = unit(SEQUENCE_HEADER, &up_to_colours().bits(4, 0).bits(2, 0).bytes());
        let (shown_key, delimiter) = (unit(FRAME, &[0b0001_0000, 7]), unit(2, &[]));
        // What ends a process that decodes it (memorysafety/rav1d, issue 1476).
        let metadata = [47, 47, 5, 4, 128, 0, 0, 0];
        let data = [&delimiter[..], &header, &metadata, &shown_key, &unit(15, &[0; 9])].concat();
        let still = Still::read(&data).expect("it is sound");
        assert_eq!(still.units, [&header[..], &shown_key]);
        for other in [0b1000_0000, 0b0011_0000, 0b0101_0000, 0b0000_0000] {
            assert!(Still::read(&[&header[..], &unit(FRAME, &[other])].concat()).is_err(), "{other:b}");
        }
        for twice in [&header, &shown_key] {
            assert!(Still::read(&[&header[..], &shown_key, twice].concat()).is_err());
        }
        let groups = unit(TILE_GROUP, &[]).repeat(MOST_UNITS);
        assert!(Still::read(&[&header[..], &shown_key, &groups].concat()).is_err());
        for length in 0..header.len() + shown_key.len() {
            assert!(Still::read(&[&header[..], &shown_key].concat()[..length]).is_err(), "{length}");
        }
    }
}

//! What a JPEG's markers say before it is decoded: how large it is, in how many passes it comes, and whether it is complete.

mod bounds;
mod colours;
mod entropy;
mod quality;

use std::borrow::Cow;

use bounds::Counted;
pub(super) use bounds::check_head;
pub(super) use colours::cleaned;
use memchr::memchr;

const SOI_LENGTH: usize = 2;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;

/// Passes over the image beyond which a file is refused; cameras and editors write a dozen.
const MOST_SCANS: u64 = 100;
/// Passes times pixels beyond which a file is refused: each pass of a progressive file goes over the whole image, so that a few
/// bytes cost as much as a photo. 64 megapixels may have 25 passes.
const MOST_SCANNED_PIXELS: u64 = 1_600_000_000;

const MISPLACED: &str = "a marker has no place where it stands";

/// How the pixels are coded (ITU-T T.81, table B.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    /// Baseline or extended sequential, Huffman coded.
    Sequential,
    /// Progressive, Huffman coded.
    Progressive,
}

/// A plane of the image.
#[derive(Clone, Copy, Debug)]
struct Component {
    id: u8,
    /// Samples per unit, horizontally and vertically, in proportion to the other planes.
    sampling: [u32; 2],
    /// Number of its quantisation table.
    quantiser: u8,
}

/// The frame header.
#[derive(Clone, Debug)]
struct Frame {
    process: Process,
    width: u32,
    height: u32,
    components: Vec<Component>,
}

impl Frame {
    /// Reads SOFn (B.2.2).
    fn read(process: Process, payload: &[u8]) -> Option<Self> {
        let side = |at: usize| Some(u32::from(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?])));
        let count = usize::from(*payload.get(5)?);
        let components = payload.get(6..6 + 3 * count)?.chunks_exact(3).map(|component| Component {
            id: component[0],
            sampling: [u32::from(component[1] >> 4), u32::from(component[1] & 15)],
            quantiser: component[2],
        });
        let components: Vec<_> = components.collect();
        // Grays, a colour of three planes, or inks: of two planes one decoder makes a picture of something else.
        let sound = [1, 3, 4].contains(&count)
            && components.iter().all(|component| component.sampling.iter().all(|factor| (1..=4).contains(factor)));
        sound.then_some(Self { process, height: side(1)?, width: side(3)?, components })
    }

    /// Largest sampling factors of a component.
    fn most_sampled(&self) -> [u32; 2] {
        [0, 1].map(|axis| self.components.iter().map(|component| component.sampling[axis]).max().unwrap_or(1))
    }

    /// How many planes begin with a scan, by its header (B.2.3).
    fn begun_by(&self, scan: &[u8]) -> Option<usize> {
        let count = usize::from(*scan.first()?);
        let &[first, _, bits] = scan.get(1 + 2 * count..)?.first_chunk()?;
        let begins = self.process == Process::Sequential || (first == 0 && bits >> 4 == 0);
        Some(if begins { count } else { 0 })
    }

    /// Number of coefficients of all planes, whole blocks of the largest unit.
    fn coefficients(&self) -> u64 {
        let most = self.most_sampled();
        let units = |side: u32, most: u32| u64::from(side.div_ceil(8 * most));
        let blocks: u64 =
            self.components.iter().map(|component| u64::from(component.sampling[0] * component.sampling[1])).sum();
        units(self.width, most[0]) * units(self.height, most[1]) * blocks * 64
    }
}

/// What the markers say.
#[derive(Debug)]
pub(super) struct Markers {
    frame: Frame,
    scans: u64,
    /// The marker of the image's end is there.
    ended: bool,
    /// Quality that it was compressed with.
    quality: Option<u8>,
}

impl Markers {
    /// Walks over a file's segments, each by its length, and over the coded data between them, so that what looks like a marker
    /// inside a comment or a thumbnail does not count (ITU-T T.81, B.1.1). Bytes between segments are skipped, as decoders do.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let (mut frame, mut scans, mut begun, mut tables, mut ended, mut quality) =
            (None::<Frame>, 0, 0, false, false, None);
        let mut counted = Counted::default();
        for segment in Segments::of(bytes) {
            counted.add(&segment)?;
            match segment.marker {
                EOI => ended = true,
                DHT => tables = true,
                // The first table is that of luma.
                DQT if quality.is_none() => quality = quality::quality(segment.payload),
                SOS if frame.is_none() => return Err("it has no frame header"),
                // One decoder would take the tables of motion JPEG for granted, another not.
                SOS if !tables => return Err("it has no Huffman tables"),
                SOS => {
                    scans += 1;
                    begun += frame.as_ref().and_then(|frame| frame.begun_by(segment.payload)).unwrap_or(0);
                }
                // What follows would mean one image to one decoder, another to the other.
                0xC0..=0xC2 if frame.is_some() => return Err("it has two frame headers"),
                0xC0..=0xC2 => {
                    let process = if segment.marker == 0xC2 { Process::Progressive } else { Process::Sequential };
                    frame = Some(Frame::read(process, segment.payload).ok_or("its frame header is not sound")?);
                }
                0xC3 | 0xC5..=0xCF => return Err("it is lossless, hierarchical or arithmetically coded"),
                0x01 | 0xD0..=0xD8 => return Err(MISPLACED),
                _ => {}
            }
        }
        let frame = frame.filter(|_| scans > 0).ok_or("the file ends before the image does")?;
        let pixels = u64::from(frame.width) * u64::from(frame.height);
        if scans > MOST_SCANS || scans * pixels > MOST_SCANNED_PIXELS {
            return Err("it has too many scans");
        }
        // Decoders fill what never comes with gray, and keep all coefficients until the end to wait for it.
        if begun < frame.components.len() {
            return Err(if ended { "it lacks a plane of its colours" } else { "the file ends before the image does" });
        }
        Ok(Self { frame, scans, ended, quality })
    }

    /// The file with an end: one that lacks nothing but the marker of its end gets it, since decoders take what stands before the
    /// end of a file without one for unfinished.
    ///
    /// # Errors
    /// What is wrong, where the image does not reach its end. Decoders fill what is missing with gray and report success; a
    /// half-gray photo must not be scored as if it were what the camera saw.
    pub(super) fn with_end<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, &'static str> {
        if self.ended {
            return Ok(Cow::Borrowed(bytes));
        }
        let extent = entropy::extent(bytes, &self.frame);
        if extent.complete && extent.damage == 0.0 {
            Ok(Cow::Owned([bytes, &[0xFF, EOI]].concat()))
        } else {
            Err("the file ends before the image does")
        }
    }

    /// Share of the picture that is not as it was taken; takes about as long as decoding.
    pub(super) fn damage(&self, bytes: &[u8]) -> f32 {
        entropy::extent(bytes, &self.frame).damage
    }

    /// Bytes that coefficients take while a file is decoded: nothing where each row of blocks becomes pixels at once.
    pub(super) fn coefficient_bytes(&self) -> u64 {
        if self.frame.process == Process::Sequential && self.scans == 1 { 0 } else { 2 * self.frame.coefficients() }
    }

    /// Width and height in the frame header.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.frame.width, self.frame.height)
    }

    /// Quality that it was compressed with, 1 to 100.
    pub(super) fn quality(&self) -> Option<u8> {
        self.quality
    }

    /// Passes over the image.
    pub(super) fn scans(&self) -> u32 {
        u32::try_from(self.scans).unwrap_or(u32::MAX)
    }
}

/// A marker and what belongs to it.
struct Segment<'a> {
    marker: u8,
    /// Without the length.
    payload: &'a [u8],
    /// Coded data behind the header of a scan, restart markers included.
    coded: &'a [u8],
}

/// The segments of a file, up to its end or the image's.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: SOI_LENGTH }
    }

    /// The next marker at or after a place, and where it ends. Zeros after 0xFF are coded data, further 0xFF fill.
    fn next_marker(&self, mut at: usize) -> Option<(u8, usize)> {
        loop {
            at += memchr(0xFF, self.bytes.get(at..)?)? + 1;
            match *self.bytes.get(at)? {
                0xFF => {}
                0x00 => at += 1,
                marker => return Some((marker, at + 1)),
            }
        }
    }

    /// The next segment that stands before the first scan and the image's end.
    fn next_of_head(&mut self) -> Option<Segment<'a>> {
        let (marker, _) = self.next_marker(self.at)?;
        if matches!(marker, SOS | EOI) { None } else { self.next() }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let (marker, at) = self.next_marker(self.at)?;
        self.at = at;
        match marker {
            EOI => {
                self.at = self.bytes.len();
                Some(Segment { marker, payload: &[], coded: &[] })
            }
            // Without a length: TEM, RSTn, SOI.
            0x01 | 0xD0..=0xD8 => Some(Segment { marker, payload: &[], coded: &[] }),
            _ => {
                let length = self.bytes.get(at..at + 2)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                let payload = self.bytes.get(at + 2..at + length)?;
                self.at = at + length;
                let mut coded: &[u8] = &[];
                if marker == SOS {
                    let from = self.at;
                    let mut to = from;
                    // Restart markers belong to the data.
                    while let Some((0xD0..=0xD7, end)) = self.next_marker(to) {
                        to = end;
                    }
                    self.at = self.next_marker(to).map_or(self.bytes.len(), |(_, end)| end - 2);
                    coded = &self.bytes[from..self.at];
                }
                Some(Segment { marker, payload, coded })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;

    /// A photo-like JPEG; the closure sets what it shall be.
    pub(super) fn jpeg(set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
        let photo =
            RgbImage::from_fn(203, 150, |x, y| Rgb([(x * 7 % 256) as u8, (x * y % 251) as u8, (y * 3 % 256) as u8]));
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 80);
        set(&mut encoder);
        encoder.encode(photo.as_raw(), 203, 150, ColorType::Rgb).expect("it is encoded");
        bytes
    }

    fn variants() -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("4:4:4", jpeg(|encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1))),
            ("4:2:0", jpeg(|encoder| encoder.set_sampling_factor(SamplingFactor::F_2_2))),
            ("4:2:2", jpeg(|encoder| encoder.set_sampling_factor(SamplingFactor::F_2_1))),
            ("restarts", jpeg(|encoder| encoder.set_restart_interval(5))),
            ("optimised", jpeg(|encoder| encoder.set_optimized_huffman_tables(true))),
            ("progressive", jpeg(|encoder| encoder.set_progressive(true))),
            (
                "many scans",
                jpeg(|encoder| {
                    encoder.set_progressive_scans(20);
                    encoder.set_sampling_factor(SamplingFactor::F_2_2);
                }),
            ),
        ]
    }

    #[test]
    fn a_file_that_lacks_its_end_marker_alone_is_whole() {
        for (name, bytes) in variants() {
            let without = &bytes[..bytes.len() - 2];
            let markers = Markers::read(without).expect("its markers are sound");
            assert!(!markers.ended, "{name}");
            assert_eq!(*markers.with_end(without).unwrap_or_else(|reason| panic!("{name}: {reason}")), bytes, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_not_whole() {
        for (name, bytes) in variants() {
            for kept in [0.5, 0.8, 0.97] {
                let cut = &bytes[..(bytes.len() as f64 * kept) as usize];
                let whole = Markers::read(cut).and_then(|markers| markers.with_end(cut).map(|_| ()));
                assert_eq!(whole, Err("the file ends before the image does"), "{name} to {kept}");
            }
        }
    }

    #[test]
    fn stray_bytes_between_segments_are_skipped_and_what_a_comment_holds_is_no_marker() {
        let bytes = jpeg(|_| {});
        let with = |inserted: &[u8]| [&bytes[..2], inserted, &bytes[2..]].concat();
        let stray = with(&[0x12, 0x34]);
        assert!(Markers::read(&stray).is_ok_and(|markers| markers.ended));
        let comment = with(&[0xFF, 0xFE, 0, 8, 0xFF, EOI, 0xFF, SOS, 0, 12]);
        let markers = Markers::read(&comment).expect("it is sound");
        assert_eq!((markers.scans, markers.ended), (1, true));
        let cut = &comment[..comment.len() / 2];
        let markers = Markers::read(cut).expect("its markers are sound");
        assert!(!markers.ended && markers.with_end(cut).is_err());
    }

    #[test]
    fn scans_are_counted_behind_an_end_marker_in_a_comment() {
        let bytes = jpeg(|encoder| encoder.set_progressive(true));
        let Some((_, end)) = Segments::of(&bytes).next_marker(2) else { panic!("it has markers") };
        let scan = Segments::of(&bytes).find(|segment| segment.marker == SOS).expect("it has scans");
        let header = [&[0xFF, SOS, 0, scan.payload.len() as u8 + 2][..], scan.payload].concat();
        let comment = [0xFF, 0xFE, 0, 4, 0xFF, EOI];
        let many =
            [&bytes[..end - 2], &comment, &bytes[end - 2..bytes.len() - 2], &header.repeat(120), &[0xFF, EOI]].concat();
        assert_eq!(Markers::read(&many).err(), Some("it has too many scans"));
    }

    #[test]
    fn many_passes_over_a_large_image_are_refused_where_a_small_one_may_have_them() {
        let with_size = |side: u16| {
            let mut bytes = jpeg(|encoder| encoder.set_progressive_scans(10));
            let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC2]).expect("it is progressive");
            bytes[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
            bytes[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
            Markers::read(&bytes).err()
        };
        assert_eq!((with_size(1000), with_size(8000)), (None, Some("it has too many scans")));
    }

    #[test]
    fn coefficients_take_memory_where_an_image_comes_in_passes() {
        let bytes = |set: fn(&mut Encoder<&mut Vec<u8>>)| Markers::read(&jpeg(set)).expect("sound").coefficient_bytes();
        assert_eq!(bytes(|_| {}), 0);
        // 13 x 10 units of 16 x 16 pixels: six blocks of 64 coefficients, two bytes each.
        let progressive = bytes(|encoder| {
            encoder.set_progressive(true);
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
        });
        assert_eq!(progressive, 13 * 10 * 6 * 64 * 2);
    }

    #[test]
    fn any_bytes_are_walked_over() {
        proptest::proptest!(|(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), at in 0usize..4000, by in 1u8..)| {
            bytes.splice(0..0, [0xFF, 0xD8, 0xFF]);
            let _ = Markers::read(&bytes).map(|markers| markers.with_end(&bytes).is_ok());
            let mut sound = jpeg(|encoder| encoder.set_progressive(true));
            sound.truncate(sound.len() - 2);
            let at = at % sound.len();
            sound[at] = sound[at].wrapping_add(by);
            let _ = Markers::read(&sound).map(|markers| markers.with_end(&sound).is_ok());
        });
    }

    #[test]
    fn a_second_frame_header_or_a_marker_out_of_place_is_refused() {
        let bytes = jpeg(|_| {});
        let with = |inserted: &[u8]| Markers::read(&[&bytes[..2], inserted, &bytes[2..]].concat()).err();
        let decoy = [0xFF, 0xC1, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0];
        assert_eq!(with(&decoy), Some("it has two frame headers"));
        let lossless = [&[0xFF, 0xC3][..], &decoy[2..]].concat();
        assert_eq!(with(&lossless), Some("it is lossless, hierarchical or arithmetically coded"));
        assert_eq!(with(&[0xFF, 0xD0]), Some("a marker has no place where it stands"));
    }

    /// One decoder fills what is lacking with gray and says nothing of it, and both hold all coefficients meanwhile.
    #[test]
    fn a_file_that_lacks_a_plane_or_has_two_is_refused() {
        let scan_of = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == [0xFF, SOS]).expect("it has a scan");
        let bytes = jpeg(|_| {});
        let scan = scan_of(&bytes);
        let alone = [0xFF, SOS, 0, 8, 1, bytes[scan + 5], 0, 0, 63, 0];
        let alone = [&bytes[..scan], &alone, &bytes[scan + 14..]].concat();
        let mut refining = jpeg(|encoder| encoder.set_progressive(true));
        let bits = scan_of(&refining) + 9;
        refining[bits] = 0x10;
        for lacking in [alone, refining] {
            assert_eq!(Markers::read(&lacking).err(), Some("it lacks a plane of its colours"));
            let cut = &lacking[..lacking.len() - 2];
            assert_eq!(Markers::read(cut).err(), Some("the file ends before the image does"));
        }
        let mut two = bytes;
        let frame = two.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("it is sequential");
        two[frame + 9] = 2;
        assert_eq!(Markers::read(&two).err(), Some("its frame header is not sound"));
    }

    /// Encoders write nothing that damage is told by, however strong the contrast and whatever the quality.
    #[test]
    fn sound_files_of_the_strongest_contrast_have_no_damage() {
        let boards = [1, 3, 8, 13]
            .map(|side| RgbImage::from_fn(203, 150, |x, y| Rgb([(((x / side + y / side) % 2) * 255) as u8; 3])));
        let inks = RgbImage::from_fn(203, 150, |x, y| Rgb([x, y, x + y].map(|at| ((at / 5 % 2) * 255) as u8)));
        for picture in boards.iter().chain([&inks]) {
            for quality in [1, 5, 20, 50, 75, 90, 97, 100] {
                for progressive in [false, true] {
                    let mut bytes = Vec::new();
                    let mut encoder = Encoder::new(&mut bytes, quality);
                    encoder.set_progressive(progressive);
                    encoder.encode(picture.as_raw(), 203, 150, ColorType::Rgb).expect("it is encoded");
                    let damage = Markers::read(&bytes).expect("it is sound").damage(&bytes);
                    assert!(damage == 0.0, "{damage} at {quality}, progressive: {progressive}");
                }
            }
        }
    }

    /// field/README.md, kind 8: of files in which two bytes are others, some have codes that cannot be read, and more have blocks that no
    /// picture has. Where neither is, a block or two are others.
    #[test]
    fn two_wrong_bytes_are_mostly_found() {
        let bytes = jpeg(|encoder| encoder.set_sampling_factor(SamplingFactor::F_2_2));
        let coded = Segments::of(&bytes).find(|segment| segment.marker == SOS).expect("it has a scan").coded.len();
        let mut state = 7u32;
        let mut next = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let found = (0..400).filter(|_| {
            let mut wrong = bytes.clone();
            for _ in 0..2 {
                let at = bytes.len() - 2 - coded + next(coded);
                wrong[at] ^= 1 + next(254) as u8;
            }
            Markers::read(&wrong).map_or(true, |markers| markers.damage(&wrong) > 0.0)
        });
        let found = found.count();
        assert!(found >= 240, "{found} of 400");
    }

    #[test]
    fn damage_is_the_share_from_the_first_block_on_that_is_not_there() {
        for (name, bytes) in variants() {
            let markers = Markers::read(&bytes).expect("it is sound");
            assert!(markers.damage(&bytes) == 0.0, "{name}");
        }
        let bytes = jpeg(|_| {});
        let cut = [&bytes[..bytes.len() * 8 / 10], &[0xFF, EOI]].concat();
        let damage = Markers::read(&cut).expect("its markers are sound").damage(&cut);
        assert!((0.1..0.4).contains(&damage), "{damage}");
        let progressive = jpeg(|encoder| encoder.set_progressive(true));
        let cut = [&progressive[..progressive.len() / 2], &[0xFF, EOI]].concat();
        assert!(Markers::read(&cut).expect("its markers are sound").damage(&cut) >= 0.5);
    }
}

//! Limits on what a JPEG holds beside its coded data, as far as a decoder's time to read it depends on it.

use super::{APP0, DHT, DQT, MISPLACED, Segment, Segments};

/// Segments beyond which a file is refused. One decoder goes over all parts of extended XMP again behind each segment before the first
/// scan, so that millions of empty comments would take it hours; of the longest segments a file of 32 MiB has 512.
const MOST_SEGMENTS: usize = 2000;
/// Tables of codes and of quantisation steps beyond which a file is refused: there are twelve at a time (B.2.4), and each of a hundred
/// scans may bring all of them anew. Reading one takes some microseconds, and 60,000 fit into a megabyte.
const MOST_TABLES: usize = 1200;

/// What a file was seen to hold so far.
#[derive(Default)]
pub(super) struct Counted {
    segments: usize,
    tables: usize,
}

impl Counted {
    /// Counts a segment and the tables in it.
    ///
    /// # Errors
    /// What there is too much of, or that decoders would not see the same segments from here on.
    pub(super) fn add(&mut self, segment: &Segment) -> Result<(), &'static str> {
        // One decoder takes five bytes of it, and goes on amid the segment behind it.
        if segment.marker == APP0 && segment.payload.len() == 4 {
            return Err(MISPLACED);
        }
        self.segments += 1;
        self.tables += tables(segment);
        if self.segments > MOST_SEGMENTS {
            return Err("it has too many segments");
        }
        if self.tables > MOST_TABLES { Err("it has too many tables") } else { Ok(()) }
    }
}

/// Number of tables in a segment (B.2.4.1, B.2.4.2), up to one that is cut off: there decoders stop, too.
fn tables(segment: &Segment) -> usize {
    let mut rest = segment.payload;
    let table = || {
        let (&kind, body) = rest.split_first()?;
        let length = match segment.marker {
            DHT => 16 + body.get(..16)?.iter().map(|count| usize::from(*count)).sum::<usize>(),
            DQT if kind >> 4 == 0 => 64,
            DQT => 128,
            _ => return None,
        };
        rest = body.get(length..)?;
        Some(())
    };
    std::iter::from_fn(table).count()
}

/// Checks what stands before the first scan.
///
/// # Errors
/// What is wrong.
pub(in crate::ingest) fn check_head(bytes: &[u8]) -> Result<(), &'static str> {
    let mut counted = Counted::default();
    let mut segments = Segments::of(bytes);
    loop {
        match segments.next_of_head() {
            None => return Ok(()),
            // They have no length, but one decoder reads one.
            Some(Segment { marker: 0x01 | 0xD0..=0xD8, .. }) => return Err(MISPLACED),
            Some(segment) => counted.add(&segment)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::jpeg;
    use super::super::{EOI, Markers, SOS};
    use super::*;
    use crate::ingest::{Limits, decode, decode_whole};

    /// A segment with its marker and its length.
    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 2).expect("it fits into a segment");
        [&[0xFF, marker][..], &length.to_be_bytes(), payload].concat()
    }

    fn behind_the_start(bytes: &[u8], inserted: &[u8]) -> Vec<u8> {
        [&bytes[..2], inserted, &bytes[2..]].concat()
    }

    fn before_the_end(bytes: &[u8], inserted: &[u8]) -> Vec<u8> {
        [&bytes[..bytes.len() - 2], inserted, &[0xFF, EOI]].concat()
    }

    #[test]
    fn more_segments_than_a_photo_has_are_refused_wherever_they_stand() {
        let bytes = jpeg(|encoder| encoder.set_progressive(true));
        let comments = |count: usize| [0xFF, 0xFE, 0, 2].repeat(count);
        assert_eq!(check_head(&behind_the_start(&bytes, &comments(1500))), Ok(()));
        let many = comments(MOST_SEGMENTS + 1);
        assert_eq!(check_head(&behind_the_start(&bytes, &many)), Err("it has too many segments"));
        assert!(Markers::read(&before_the_end(&bytes, &comments(1500))).is_ok());
        assert_eq!(Markers::read(&before_the_end(&bytes, &many)).err(), Some("it has too many segments"));
    }

    #[test]
    fn more_tables_than_a_photo_has_are_refused_be_they_in_one_segment_or_between_scans() {
        let bytes = jpeg(|encoder| encoder.set_progressive(true));
        let refused = Some("it has too many tables");
        // Without a code; of steps of one byte and of two.
        let kinds: [(u8, Vec<u8>); 3] =
            [(DHT, vec![0; 17]), (DQT, [&[0][..], &[1; 64]].concat()), (DQT, [&[0x10][..], &[1; 128]].concat())];
        for (marker, table) in kinds {
            let hundreds = |count: usize| segment(marker, &table.repeat(100)).repeat(count);
            assert_eq!(check_head(&behind_the_start(&bytes, &hundreds(11))), Ok(()));
            assert_eq!(check_head(&behind_the_start(&bytes, &hundreds(12))).err(), refused);
            assert!(Markers::read(&before_the_end(&bytes, &hundreds(11))).is_ok());
            assert_eq!(Markers::read(&before_the_end(&bytes, &hundreds(12))).err(), refused);
        }
        let full = segment(DHT, &[0; 17].repeat(3800));
        assert_eq!(check_head(&behind_the_start(&bytes, &full)).err(), refused);
    }

    #[test]
    fn scans_with_tables_of_their_own_and_restarts_are_read() {
        let pixels = |bytes: &[u8]| decode(bytes, &Limits::default()).expect("it decodes").upright();
        let progressive = jpeg(|encoder| encoder.set_progressive_scans(10));
        for (plain, least) in [(progressive, 10), (jpeg(|encoder| encoder.set_restart_interval(5)), 1)] {
            let of = |marker: u8| Segments::of(&plain).filter(move |segment| segment.marker == marker);
            let tables = of(DHT).chain(of(DQT)).flat_map(|found| segment(found.marker, found.payload));
            let tables: Vec<u8> = tables.collect();
            let scans = plain.windows(2).enumerate().filter(|(_, pair)| *pair == [0xFF, SOS]).map(|(at, _)| at);
            let scans: Vec<usize> = scans.collect();
            assert!(scans.len() >= least && !tables.is_empty(), "{scans:?}");
            let mut each = plain.clone();
            for at in scans.into_iter().rev() {
                each.splice(at..at, tables.iter().copied());
            }
            assert!(pixels(&each) == pixels(&plain), "{least}");
        }
    }

    #[test]
    fn a_segment_that_only_one_decoder_sees_is_refused() {
        let bytes = jpeg(|_| {});
        let restart = behind_the_start(&bytes, &[0xFF, 0xD0, 0, 4, 0xFF, 0xFE]);
        assert_eq!(check_head(&restart), Err(MISPLACED));
        let short = |length: usize| segment(APP0, &[0; 5][..length]);
        assert_eq!(
            [3, 4, 5].map(|length| check_head(&behind_the_start(&bytes, &short(length))).is_ok()),
            [true, false, true]
        );
        assert_eq!(Markers::read(&before_the_end(&bytes, &short(4))).err(), Some(MISPLACED));
        assert_eq!(check_head(&behind_the_start(&bytes, &[0x12, 0x34, 0xFF])), Ok(()));
    }

    /// A stuffed zero is no marker, and what follows it no segment, to either decoder.
    #[test]
    fn what_stands_between_segments_and_is_none_is_passed_over() {
        // libjpeg-turbo warns of it, which leaves the file to the other.
        let pixels = |bytes: &[u8]| decode_whole(bytes, &Limits::default()).expect("it decodes").upright();
        let bytes = jpeg(|_| {});
        for between in [&[0xFF, 0x00, 0xFE, 0, 40][..], &[0x12, 0xFF, 0x00, 0x34], &[0xFF, 0xFF, 0x00, 0xD0]] {
            let mut segments = Segments::of(&bytes);
            segments.next().expect("it has segments");
            let with = [&bytes[..segments.at], between, &bytes[segments.at..]].concat();
            assert_eq!(check_head(&with), Ok(()));
            assert!(pixels(&with) == pixels(&bytes), "{between:x?}");
        }
        // A marker behind the zero is one to both, and counts.
        let many = [0xFF, 0x00, 0xFF, 0xFE, 0, 2].repeat(MOST_SEGMENTS + 1);
        assert_eq!(check_head(&behind_the_start(&bytes, &many)), Err("it has too many segments"));
    }
}

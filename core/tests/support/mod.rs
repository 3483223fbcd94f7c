//! What the tests of pictures in HEIF containers share.

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use clearshot_core::ingest::{Budget, Format, IngestError, Limits, Photo, decode, decode_original, inspect};
use image::imageops::{FilterType, crop_imm, flip_horizontal_in_place, grayscale, resize, rotate270};
use image::{DynamicImage, ImageFormat, RgbImage};

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    std::fs::read(folder.join(name)).expect("the fixture is there")
}

/// What another decoder makes of a file, upright and on white.
pub(crate) fn recorded(name: &str) -> RgbImage {
    image::load_from_memory_with_format(&fixture(name), ImageFormat::Png).expect("it decodes").into_rgb8()
}

/// What the files were made of.
pub(crate) fn original() -> RgbImage {
    let photo = image::load_from_memory_with_format(&fixture("pavilion.jpg"), ImageFormat::Jpeg);
    resize(&photo.expect("it decodes").into_rgb8(), 320, 208, FilterType::Lanczos3)
}

/// Mean absolute difference in levels, and the slope of one picture's levels over the other's.
pub(crate) fn compared(found: &RgbImage, expected: &RgbImage) -> (f64, f64) {
    assert_eq!(found.dimensions(), expected.dimensions());
    let count = expected.as_raw().len() as f64;
    let pairs = || {
        found.as_raw().iter().zip(expected.as_raw()).map(|(found, expected)| (f64::from(*found), f64::from(*expected)))
    };
    let difference = pairs().map(|(found, expected)| (found - expected).abs()).sum::<f64>() / count;
    let means = pairs().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0 / count, sum.1 + pair.1 / count));
    let shared = pairs().map(|(found, expected)| (found - means.0) * (expected - means.1)).sum::<f64>();
    let spread = pairs().map(|(_, expected)| (expected - means.1).powi(2)).sum::<f64>();
    (difference, shared / spread)
}

pub(crate) fn assert_is(found: &RgbImage, expected: &RgbImage, name: &str) {
    let (difference, slope) = compared(found, expected);
    println!("{name}: {difference:.2} levels, slope {slope:.3}");
    // Full range that is taken for limited has a slope of 1.13.
    assert!(difference < 6.0 && (0.97..1.03).contains(&slope), "{name}: {difference} levels, slope {slope}");
}

/// Reads a fixture of one format by its name.
pub(crate) type Read = fn(&str) -> Vec<u8>;

pub(crate) fn decoded(bytes: &[u8]) -> Photo {
    decode(bytes, &Limits::default()).expect("it decodes")
}

pub(crate) fn assert_colours_are_right(read: Read, format: Format, names: &[&str]) {
    for name in names {
        let photo = decoded(&read(name));
        assert_eq!((photo.format, photo.width, photo.height), (format, 320, 208), "{name}");
        assert_is(&photo.upright(), &original(), name);
    }
}

pub(crate) fn assert_gray_is_gray(read: Read) {
    let found = decoded(&read("gray")).upright();
    let expected = DynamicImage::ImageLuma8(grayscale(&original())).into_rgb8();
    assert_is(&found, &expected, "gray");
    assert!(found.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

pub(crate) fn assert_turns_mirrors_and_crops_are_applied(read: Read) {
    assert_eq!(decoded(&read("phone")).orientation, 6, "of the container; that of EXIF is another 6");
    // A quarter anticlockwise, then left and right exchanged.
    let photo = decoded(&read("mirrored"));
    assert_eq!((photo.width, photo.height), (208, 320));
    let mut expected = rotate270(&original());
    flip_horizontal_in_place(&mut expected);
    assert_is(&photo.upright(), &expected, "mirrored");
    let cropped = crop_imm(&original(), 60, 24, 200, 160).to_image();
    assert_is(&decoded(&read("cropped")).upright(), &cropped, "cropped");
}

pub(crate) fn assert_transparent_lies_on_white_and_profiles_are_kept(read: Read) {
    let alpha = decode_original(&read("alpha"), &Limits::default()).expect("it decodes");
    assert!(alpha.transparent);
    let pixels = alpha.photo.upright();
    let half = |pixels: &RgbImage, left: u32| crop_imm(pixels, left, 0, 152, 208).to_image();
    assert_is(&half(&pixels, 0), &half(&original(), 0), "opaque");
    assert!(half(&pixels, 168).pixels().all(|pixel| pixel.0.iter().all(|level| *level > 250)));
    let phone = decode_original(&read("phone"), &Limits::default()).expect("it decodes");
    assert!(!phone.transparent && phone.icc_profile.is_some_and(|profile| profile.get(36..40) == Some(b"acsp")));
}

pub(crate) fn assert_sizes_are_checked_first(read: Read) {
    let limits = Limits::default();
    for name in ["unsaid", "phone", "alpha"] {
        let refused = inspect(&claiming(read(name), 60_000, 60_000), &limits);
        assert!(matches!(refused, Err(IngestError::TooLarge { width: 60_000, .. })), "{name}: {refused:?}");
        // Within the limits, but not what the stream says.
        let refused = decode(&claiming(read(name), 6_000, 6_000), &limits);
        assert!(matches!(refused, Err(IngestError::Undecodable { .. })), "{name}: {refused:?}");
    }
    let small = Limits { max_pixels: 320 * 208 - 1, ..limits };
    assert!(matches!(inspect(&read("phone"), &small), Err(IngestError::TooLarge { width: 208, height: 320, .. })));
    assert!(inspect(&read("phone"), &Limits { max_pixels: 320 * 208, ..limits }).is_ok());
}

pub(crate) fn assert_a_grid_whose_time_is_up_is_given_up(read: Read) {
    let limits = Limits::default();
    let budget = Budget { until: Some(Instant::now()), ..Budget::from(&limits) };
    assert!(matches!(decode(&read("phone"), budget), Err(IngestError::OutOfTime)));
}

/// Why a file of a format is refused.
pub(crate) fn undecodable(bytes: &[u8], of: Format) -> String {
    match decode(bytes, &Limits::default()) {
        Err(IngestError::Undecodable { format, reason }) if format == of => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn assert_cut_off_is_an_error(read: Read, format: Format, names: &[&str]) {
    for name in names {
        let whole = read(name);
        for share in 1..20 {
            let reason = undecodable(&whole[..whole.len() * share / 20], format);
            assert!(!reason.contains("gave up"), "{name}: a panic at {share} twentieths");
        }
    }
}

/// Every `ispe` with another size.
fn claiming(mut bytes: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
    let sizes: Vec<usize> = (0..bytes.len() - 4).filter(|at| &bytes[*at..*at + 4] == b"ispe").collect();
    for at in sizes {
        bytes[at + 8..at + 12].copy_from_slice(&width.to_be_bytes());
        bytes[at + 12..at + 16].copy_from_slice(&height.to_be_bytes());
    }
    bytes
}

/// Whatever is flipped in such files: an answer, in time, and no panic that only the guard holds.
pub(crate) fn assert_flipped_bytes_are_an_answer(files: &[Vec<u8>]) {
    const EACH: usize = 500;
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut slowest = Duration::ZERO;
    let mut scored = 0;
    for whole in files {
        for _ in 0..EACH {
            let mut bytes = whole.clone();
            for _ in 0..=next(4) {
                // Half of them in the container and the parameter sets.
                let below = if next(2) == 0 { bytes.len() } else { 1200 };
                bytes[next(below)] = next(256) as u8;
            }
            let start = Instant::now();
            let answer = catch_unwind(|| decode(&bytes, &limits)).expect("no panic escapes");
            slowest = slowest.max(start.elapsed());
            match answer {
                Ok(photo) => {
                    assert!(u64::from(photo.width) * u64::from(photo.height) <= limits.max_pixels);
                    scored += 1;
                }
                Err(error) => assert!(!error.to_string().contains("gave up"), "a panic within: {error}"),
            }
        }
    }
    println!("{scored} of {} decoded, the slowest answer took {slowest:?}", EACH * files.len());
    assert!(scored > 0 && slowest < Duration::from_secs(5), "{slowest:?}");
}

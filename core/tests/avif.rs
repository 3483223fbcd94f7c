//! AVIF files of tests/fixtures/avif (scripts/make-avif): the photo that they were made of, or an error that says why not.
#![cfg(feature = "avif")]

mod support;

use std::time::Instant;

use clearshot_core::ingest::{Budget, Format, IngestError, Limits, Photo, decode, decode_original, inspect};
use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};
use support::{assert_flipped_bytes_are_an_answer, assert_is, claiming, compared, fixture, original};

fn avif(name: &str) -> Vec<u8> {
    fixture(&format!("avif/{name}.avif"))
}

fn decoded(name: &str) -> Photo {
    decode(&avif(name), &Limits::default()).expect("it decodes")
}

#[test]
fn colours_are_in_the_range_that_the_stream_or_the_container_says() {
    for name in ["unsaid", "limited", "deep", "twelve", "phone"] {
        let photo = decoded(name);
        assert_eq!((photo.format, photo.width, photo.height), (Format::Avif, 320, 208), "{name}");
        assert_is(&photo.upright(), &original(), name);
    }
}

/// Odd sides; where planes of colours are halved, both decoders enlarge them by filters of their own.
#[test]
fn pixels_are_those_of_libavif() {
    for (name, most, mean) in [("full_colour", 2, 0.5), ("half_colour", 40, 2.0), ("moving", 60, 2.0)] {
        let expected = image::load_from_memory(&fixture(&format!("avif/{name}.png"))).expect("it decodes").into_rgb8();
        let found = decoded(name).upright();
        let largest = found.iter().zip(expected.iter()).map(|(found, expected)| found.abs_diff(*expected)).max();
        let (difference, _) = compared(&found, &expected);
        println!("{name}: {difference:.2} levels, at most {largest:?}");
        assert!(difference < mean && largest <= Some(most), "{name}: {difference} levels, at most {largest:?}");
    }
}

#[test]
fn gray_is_three_equal_channels() {
    let found = decoded("gray").upright();
    let expected = image::DynamicImage::ImageLuma8(image::imageops::grayscale(&original())).into_rgb8();
    assert_is(&found, &expected, "gray");
    assert!(found.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

#[test]
fn turns_mirrors_and_crops_of_the_container_are_applied_and_no_exif_on_top() {
    assert_eq!(decoded("phone").orientation, 6, "of the container; that of EXIF is another 6");
    // A quarter anticlockwise, then left and right exchanged.
    let photo = decoded("mirrored");
    assert_eq!((photo.width, photo.height), (208, 320));
    let mut expected = image::imageops::rotate270(&original());
    image::imageops::flip_horizontal_in_place(&mut expected);
    assert_is(&photo.upright(), &expected, "mirrored");
    assert_is(&decoded("cropped").upright(), &crop_imm(&original(), 60, 24, 200, 160).to_image(), "cropped");
}

#[test]
fn what_is_transparent_lies_on_white_and_the_profile_is_kept() {
    let alpha = decode_original(&avif("alpha"), &Limits::default()).expect("it decodes");
    assert!(alpha.transparent);
    let pixels = alpha.photo.upright();
    let half = |pixels: &RgbImage, left: u32| crop_imm(pixels, left, 0, 152, 208).to_image();
    assert_is(&half(&pixels, 0), &half(&original(), 0), "opaque");
    assert!(half(&pixels, 168).pixels().all(|pixel| pixel.0.iter().all(|level| *level > 250)));
    let phone = decode_original(&avif("phone"), &Limits::default()).expect("it decodes");
    assert!(!phone.transparent && phone.icc_profile.is_some_and(|profile| profile.get(36..40) == Some(b"acsp")));
}

#[test]
fn the_still_picture_of_a_sequence_is_read() {
    assert_is(&decoded("moving").upright(), &resize(&original(), 95, 61, FilterType::Lanczos3), "moving");
}

#[test]
fn sizes_are_checked_before_anything_is_decoded() {
    let limits = Limits::default();
    for name in ["unsaid", "phone", "alpha"] {
        let refused = inspect(&claiming(avif(name), 60_000, 60_000), &limits);
        assert!(matches!(refused, Err(IngestError::TooLarge { width: 60_000, .. })), "{name}: {refused:?}");
        // Within the limits, but not what the stream says.
        let refused = decode(&claiming(avif(name), 6_000, 6_000), &limits);
        assert!(matches!(refused, Err(IngestError::Undecodable { .. })), "{name}: {refused:?}");
    }
    let small = Limits { max_pixels: 320 * 208 - 1, ..limits };
    assert!(matches!(inspect(&avif("phone"), &small), Err(IngestError::TooLarge { width: 208, height: 320, .. })));
    assert!(inspect(&avif("phone"), &Limits { max_pixels: 320 * 208, ..limits }).is_ok());
}

/// A file of one picture with something behind its sequence header.
fn with_units(bytes: &[u8], units: &[u8]) -> Vec<u8> {
    let at = |kind: &[u8]| bytes.windows(4).position(|part| part == kind).expect("there is one");
    let (places, data) = (at(b"iloc"), at(b"mdat"));
    let stream = &bytes[data + 4..];
    let header = 2 + usize::from(stream[1]);
    let length = |count: usize| u32::try_from(count).expect("it is short").to_be_bytes();
    let mut more = [&bytes[..data + 4], &stream[..header], units, &stream[header..]].concat();
    more[places + 22..places + 26].copy_from_slice(&length(stream.len() + units.len()));
    more[data - 4..data].copy_from_slice(&length(8 + stream.len() + units.len()));
    more
}

/// The decoder ends the process on such metadata (memorysafety/rav1d, issue 1476), and so this test were they let through.
#[test]
fn metadata_does_not_reach_the_decoder() {
    let metadata = [47, 47, 5, 4, 128, 0, 0, 0];
    let photo = decode(&with_units(&avif("unsaid"), &metadata), &Limits::default()).expect("it decodes");
    assert_eq!(photo.upright(), decoded("unsaid").upright());
}

#[test]
fn a_grid_whose_time_is_up_is_given_up() {
    let limits = Limits::default();
    let budget = Budget { until: Some(Instant::now()), ..Budget::from(&limits) };
    assert!(matches!(decode(&avif("phone"), budget), Err(IngestError::OutOfTime)));
}

fn undecodable(bytes: &[u8]) -> String {
    match decode(bytes, &Limits::default()) {
        Err(IngestError::Undecodable { format: Format::Avif, reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_cut_off_or_not_read_is_an_error_that_says_so() {
    for name in ["phone", "unsaid", "deep"] {
        let whole = avif(name);
        for share in 1..20 {
            let reason = undecodable(&whole[..whole.len() * share / 20]);
            assert!(!reason.contains("gave up"), "{name}: a panic at {share} twentieths");
        }
    }
    let twice = with_units(&avif("unsaid"), &[6 << 3 | 2, 1, 0b0001_0000]);
    assert!(undecodable(&twice).contains("more than one picture"));
}

#[test]
fn flipped_bytes_are_an_answer_in_time_and_no_panic() {
    assert_flipped_bytes_are_an_answer(&["phone", "unsaid", "alpha", "cropped", "deep", "moving"].map(avif));
}

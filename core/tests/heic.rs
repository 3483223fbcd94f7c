//! HEIC files of tests/fixtures/heic (scripts/make-heic): the photo that they were made of, or an error that says why not.

mod support;

use std::time::Instant;

use clearshot_core::ingest::{Budget, Format, IngestError, Limits, Photo, decode, decode_original, inspect};
use image::RgbImage;
use image::imageops::{crop_imm, rotate90};
use support::{assert_flipped_bytes_are_an_answer, assert_is, claiming, compared, fixture, original};

fn heic(name: &str) -> Vec<u8> {
    fixture(&format!("heic/{name}.heic"))
}

fn decoded(name: &str) -> Photo {
    decode(&heic(name), &Limits::default()).expect("it decodes")
}

#[test]
fn colours_are_in_the_range_that_the_stream_or_the_container_says() {
    for name in ["unsaid", "limited", "deep", "phone"] {
        let photo = decoded(name);
        assert_eq!((photo.format, photo.width, photo.height), (Format::Heic, 320, 208), "{name}");
        assert_is(&photo.upright(), &original(), name);
    }
}

/// What these tests are for: the decoder alone takes limited range where only the stream says that it is full.
#[test]
fn the_decoder_alone_crushes_blacks_and_whites() {
    let image = heic_rs::decode(&heic("unsaid"), &heic_rs::DecodeOptions::default()).expect("it decodes");
    let crushed = RgbImage::from_raw(image.width, image.height, image.data).expect("all pixels are there");
    let (difference, slope) = compared(&crushed, &original());
    assert!(difference > 6.0 && slope > 1.1, "{difference} levels, slope {slope}");
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
    let photo = decoded("phone");
    assert_eq!(photo.orientation, 6, "of the container; that of EXIF is another 6");
    // A quarter anticlockwise, then left and right exchanged.
    let photo = decoded("mirrored");
    assert_eq!((photo.width, photo.height), (208, 320));
    let mut expected = image::imageops::rotate270(&original());
    image::imageops::flip_horizontal_in_place(&mut expected);
    assert_is(&photo.upright(), &expected, "mirrored");
    assert_is(&decoded("cropped").upright(), &crop_imm(&original(), 60, 24, 200, 160).to_image(), "cropped");
    let (_, wrong) = compared(&rotate90(&decoded("mirrored").upright()), &original());
    assert!(wrong < 0.9, "the comparison bites: {wrong}");
}

#[test]
fn what_is_transparent_lies_on_white_and_the_profile_is_kept() {
    let alpha = decode_original(&heic("alpha"), &Limits::default()).expect("it decodes");
    assert!(alpha.transparent);
    let pixels = alpha.photo.upright();
    let half = |pixels: &RgbImage, left: u32| crop_imm(pixels, left, 0, 152, 208).to_image();
    assert_is(&half(&pixels, 0), &half(&original(), 0), "opaque");
    assert!(half(&pixels, 168).pixels().all(|pixel| pixel.0.iter().all(|level| *level > 250)));
    let phone = decode_original(&heic("phone"), &Limits::default()).expect("it decodes");
    assert!(!phone.transparent && phone.icc_profile.is_some_and(|profile| profile.get(36..40) == Some(b"acsp")));
}

#[test]
fn sizes_are_checked_before_anything_is_decoded() {
    let limits = Limits::default();
    for name in ["unsaid", "phone", "alpha"] {
        let refused = inspect(&claiming(heic(name), 60_000, 60_000), &limits);
        assert!(matches!(refused, Err(IngestError::TooLarge { width: 60_000, .. })), "{name}: {refused:?}");
        // Within the limits, but not what the stream says.
        let refused = decode(&claiming(heic(name), 6_000, 6_000), &limits);
        assert!(matches!(refused, Err(IngestError::Undecodable { .. })), "{name}: {refused:?}");
    }
    let small = Limits { max_pixels: 320 * 208 - 1, ..limits };
    assert!(matches!(inspect(&heic("phone"), &small), Err(IngestError::TooLarge { width: 208, height: 320, .. })));
    assert!(inspect(&heic("phone"), &Limits { max_pixels: 320 * 208, ..limits }).is_ok());
}

/// A file whose one picture has its slice several times.
fn with_slices(bytes: &[u8], times: usize) -> Vec<u8> {
    let at = |kind: &[u8]| bytes.windows(4).position(|part| part == kind).expect("there is one");
    let (places, data) = (at(b"iloc"), at(b"mdat"));
    let slice = &bytes[data + 4..];
    let length = |count: usize| u32::try_from(count).expect("it is short").to_be_bytes();
    let mut many = [&bytes[..data + 4], &slice.repeat(times)].concat();
    many[places + 22..places + 26].copy_from_slice(&length(times * slice.len()));
    many[data - 4..data].copy_from_slice(&length(8 + times * slice.len()));
    many
}

/// Each slice may cover the whole picture, and takes a few bytes then: a small file would keep a decoder busy for hours.
#[test]
fn a_picture_has_few_slices() {
    assert!(decode(&with_slices(&heic("unsaid"), 1), &Limits::default()).is_ok());
    assert!(undecodable(&with_slices(&heic("unsaid"), 17)).contains("too many slices"));
    let small = Limits { max_pixels: 100_000, ..Limits::default() };
    assert!(decode(&with_slices(&heic("unsaid"), 2), &small).is_err());
}

#[test]
fn a_grid_whose_time_is_up_is_given_up() {
    let limits = Limits::default();
    let budget = Budget { until: Some(Instant::now()), ..Budget::from(&limits) };
    assert!(matches!(decode(&heic("phone"), budget), Err(IngestError::OutOfTime)));
}

fn undecodable(bytes: &[u8]) -> String {
    match decode(bytes, &Limits::default()) {
        Err(IngestError::Undecodable { format: Format::Heic, reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_cut_off_or_not_read_is_an_error_that_says_so() {
    for name in ["phone", "unsaid", "alpha"] {
        let whole = heic(name);
        for share in 1..20 {
            let reason = undecodable(&whole[..whole.len() * share / 20]);
            assert!(!reason.contains("gave up"), "{name}: a panic at {share} twentieths");
        }
    }
    assert!(undecodable(&heic("full_colour")).contains("save it as JPEG"));
}

#[test]
fn flipped_bytes_are_an_answer_in_time_and_no_panic() {
    assert_flipped_bytes_are_an_answer(&["phone", "unsaid", "alpha", "cropped"].map(heic));
}

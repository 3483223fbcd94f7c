//! HEIC files of tests/fixtures/heic (scripts/make-heic): the photo that they were made of, or an error that says why not.

mod support;

use clearshot_core::ingest::{Format, Limits, decode, decode_original};
use image::RgbImage;
use image::imageops::rotate90;
use support::{
    assert_a_grid_whose_time_is_up_is_given_up, assert_colours_are_right, assert_cut_off_is_an_error,
    assert_flipped_bytes_are_an_answer, assert_gray_is_gray, assert_sizes_are_checked_first,
    assert_transparent_lies_on_white_and_profiles_are_kept, assert_turns_mirrors_and_crops_are_applied, compared,
    decoded, fixture, original, recorded, undecodable,
};

fn heic(name: &str) -> Vec<u8> {
    fixture(&format!("heic/{name}.heic"))
}

#[test]
fn colours_are_in_the_range_that_the_stream_or_the_container_says() {
    assert_colours_are_right(heic, Format::Heic, &["unsaid", "limited", "deep", "phone"]);
}

/// The shapes that phones and editors give a photo. Levels differ since both decoders enlarge halved planes of colours, by filters of
/// their own.
#[test]
fn pixels_are_those_of_libheif() {
    for name in [
        "profile",
        "small_phone",
        "small_deep",
        "turned",
        "small_mirrored",
        "small_cropped",
        "small_alpha",
        "thumbnail",
        "gain_map",
        "burst",
    ] {
        let (difference, _) = compared(&decoded(&heic(name)).upright(), &recorded(&format!("heic/{name}.png")));
        println!("{name}: {difference:.2} levels");
        assert!(difference <= 1.0, "{name}: {difference} levels");
    }
}

/// The photo is coded alike in all of them: behind its thumbnail, before a gain map that is as large, and amid a burst.
#[test]
fn neither_a_thumbnail_nor_a_gain_map_nor_the_rest_of_a_burst_is_taken_for_the_photo() {
    let original = |name: &str| decode_original(&heic(name), &Limits::default()).expect("it decodes");
    let alone = original("profile").photo.upright();
    for name in ["thumbnail", "gain_map", "burst"] {
        let found = original(name);
        assert!(!found.transparent && found.photo.upright() == alone, "{name}");
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
    assert_gray_is_gray(heic);
}

#[test]
fn turns_mirrors_and_crops_of_the_container_are_applied_and_no_exif_on_top() {
    assert_turns_mirrors_and_crops_are_applied(heic);
    let (_, wrong) = compared(&rotate90(&decoded(&heic("mirrored")).upright()), &original());
    assert!(wrong < 0.9, "the comparison bites: {wrong}");
}

#[test]
fn what_is_transparent_lies_on_white_and_the_profile_is_kept() {
    assert_transparent_lies_on_white_and_profiles_are_kept(heic);
}

#[test]
fn sizes_are_checked_before_anything_is_decoded() {
    assert_sizes_are_checked_first(heic);
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
    assert!(undecodable(&with_slices(&heic("unsaid"), 17), Format::Heic).contains("too many slices"));
    let small = Limits { max_pixels: 100_000, ..Limits::default() };
    assert!(decode(&with_slices(&heic("unsaid"), 2), &small).is_err());
}

#[test]
fn a_grid_whose_time_is_up_is_given_up() {
    assert_a_grid_whose_time_is_up_is_given_up(heic);
}

#[test]
fn what_is_cut_off_or_not_read_is_an_error_that_says_so() {
    assert_cut_off_is_an_error(heic, Format::Heic, &["phone", "unsaid", "alpha"]);
    assert!(undecodable(&heic("full_colour"), Format::Heic).contains("save it as JPEG"));
}

#[test]
fn flipped_bytes_are_an_answer_in_time_and_no_panic() {
    let names = ["phone", "unsaid", "alpha", "cropped", "thumbnail", "gain_map", "burst"];
    assert_flipped_bytes_are_an_answer(&names.map(heic));
}

//! AVIF files of tests/fixtures/avif (scripts/make-avif): the photo that they were made of, or an error that says why not.
#![cfg(feature = "avif")]

mod support;

use clearshot_core::ingest::{Format, Limits, decode};
use image::imageops::{FilterType, resize};
use support::{
    assert_a_grid_whose_time_is_up_is_given_up, assert_colours_are_right, assert_cut_off_is_an_error,
    assert_flipped_bytes_are_an_answer, assert_gray_is_gray, assert_is, assert_sizes_are_checked_first,
    assert_transparent_lies_on_white_and_profiles_are_kept, assert_turns_mirrors_and_crops_are_applied, compared,
    decoded, fixture, original, recorded, undecodable,
};

fn avif(name: &str) -> Vec<u8> {
    fixture(&format!("avif/{name}.avif"))
}

#[test]
fn colours_are_in_the_range_that_the_stream_or_the_container_says() {
    assert_colours_are_right(avif, Format::Avif, &["unsaid", "limited", "deep", "twelve", "phone"]);
}

/// Odd sides; where planes of colours are halved, both decoders enlarge them by filters of their own.
#[test]
fn pixels_are_those_of_libavif() {
    for (name, most, mean) in [("full_colour", 2, 0.5), ("half_colour", 40, 2.0), ("moving", 60, 2.0)] {
        let expected = recorded(&format!("avif/{name}.png"));
        let found = decoded(&avif(name)).upright();
        let largest = found.iter().zip(expected.iter()).map(|(found, expected)| found.abs_diff(*expected)).max();
        let (difference, _) = compared(&found, &expected);
        println!("{name}: {difference:.2} levels, at most {largest:?}");
        assert!(difference < mean && largest <= Some(most), "{name}: {difference} levels, at most {largest:?}");
    }
}

#[test]
fn gray_is_three_equal_channels() {
    assert_gray_is_gray(avif);
}

#[test]
fn turns_mirrors_and_crops_of_the_container_are_applied_and_no_exif_on_top() {
    assert_turns_mirrors_and_crops_are_applied(avif);
}

#[test]
fn what_is_transparent_lies_on_white_and_the_profile_is_kept() {
    assert_transparent_lies_on_white_and_profiles_are_kept(avif);
}

#[test]
fn the_still_picture_of_a_sequence_is_read() {
    assert_is(&decoded(&avif("moving")).upright(), &resize(&original(), 95, 61, FilterType::Lanczos3), "moving");
}

#[test]
fn sizes_are_checked_before_anything_is_decoded() {
    assert_sizes_are_checked_first(avif);
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
    assert_eq!(photo.upright(), decoded(&avif("unsaid")).upright());
}

#[test]
fn a_grid_whose_time_is_up_is_given_up() {
    assert_a_grid_whose_time_is_up_is_given_up(avif);
}

#[test]
fn what_is_cut_off_or_not_read_is_an_error_that_says_so() {
    assert_cut_off_is_an_error(avif, Format::Avif, &["phone", "unsaid", "deep"]);
    let twice = with_units(&avif("unsaid"), &[6 << 3 | 2, 1, 0b0001_0000]);
    assert!(undecodable(&twice, Format::Avif).contains("more than one picture"));
}

#[test]
fn flipped_bytes_are_an_answer_in_time_and_no_panic() {
    assert_flipped_bytes_are_an_answer(&["phone", "unsaid", "alpha", "cropped", "deep", "moving"].map(avif));
}

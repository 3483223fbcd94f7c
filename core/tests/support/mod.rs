//! What the tests of pictures in HEIF containers share.

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use clearshot_core::ingest::{Limits, decode};
use image::imageops::{FilterType, resize};
use image::{ImageFormat, RgbImage};

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    std::fs::read(folder.join(name)).expect("the fixture is there")
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

/// Every `ispe` with another size.
pub(crate) fn claiming(mut bytes: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
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

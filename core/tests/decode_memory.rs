//! What a decode really takes, beside what its header is said to take: each file is decoded in a process of its own, whose peak
//! memory the kernel tells. It counts what C libraries allocate, too.

use std::path::Path;
use std::process::Command;

use clearshot_core::ingest::{Claim, Limits, decode, decode_original, inspect};
use clearshot_core::view::ReferenceView;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use moxcms::ColorProfile;

const SIDES: (u16, u16) = (3600, 2400);
const FILE: &str = "CLEARSHOT_TEST_FILE";

fn photo() -> RgbImage {
    RgbImage::from_fn(SIDES.0.into(), SIDES.1.into(), |x, y| {
        let wave = |scale: f32| ((x as f32 / scale).sin() * (y as f32 / scale).cos() * 100.0 + 128.0) as u8;
        Rgb([wave(97.0), wave(61.0), wave(23.0)])
    })
}

fn jpeg(photo: &RgbImage, sampling: SamplingFactor, progressive: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 85);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(progressive);
    encoder.encode(photo.as_raw(), SIDES.0, SIDES.1, ColorType::Rgb).expect("it is encoded");
    bytes
}

/// Turns a JPEG by EXIF, clockwise.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"\xFF\xE1\x00\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

/// Of so few colours that next to nothing of the memory is the file's.
fn bands() -> RgbImage {
    RgbImage::from_fn(SIDES.0.into(), SIDES.1.into(), |_, y| Rgb([(y / 300 * 30) as u8, 120, 60]))
}

/// A PNG in the colours of many phones.
fn with_profile(photo: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    let profile = ColorProfile::new_display_p3().encode().expect("a profile");
    encoder.set_icc_profile(profile).expect("PNG has a place for it");
    encoder.write_image(photo.as_raw(), photo.width(), photo.height(), ExtendedColorType::Rgb8).expect("it is encoded");
    bytes
}

/// A PNG with a million texts behind its header, each of a letter.
fn with_texts(png: &[u8]) -> Vec<u8> {
    let content = b"tEXtk\0";
    let mut sum = flate2::Crc::new();
    sum.update(content);
    let text = [&2u32.to_be_bytes()[..], content, &sum.sum().to_be_bytes()].concat();
    [&png[..33], &text.repeat(1_000_000), &png[33..]].concat()
}

/// A GIF whose screen has 64 pixels a side.
fn on_small_screen(mut gif: Vec<u8>) -> Vec<u8> {
    gif[6..10].copy_from_slice(&[64, 0, 64, 0]);
    gif
}

/// A WebP that moves, of which a still one is the first picture (RFC 9649, section 2.7.1).
fn moving(still: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).expect("it is short").to_le_bytes();
        [&kind[..], &length, content].concat()
    };
    let [width, height] = [SIDES.0, SIDES.1].map(|side| u32::from(side - 1).to_le_bytes());
    let sides = [&width[..3], &height[..3]].concat();
    let frame = [&[0; 6][..], &sides, &[0; 4], &still[12..]].concat();
    let header = [&[2, 0, 0, 0][..], &sides].concat();
    let chunks = [chunk(b"VP8X", &header), chunk(b"ANIM", &[0; 6]), chunk(b"ANMF", &frame)].concat();
    chunk(b"RIFF", &[&b"WEBP"[..], &chunks].concat())
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let photo = photo();
    let encoded = |image: DynamicImage, format: ImageFormat| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("it is encoded");
        bytes.into_inner()
    };
    let image = DynamicImage::ImageRgb8(photo.clone());
    let mut transparent = image.to_rgba8();
    transparent.pixels_mut().for_each(|pixel| pixel[3] = pixel[0]);
    let transparent = DynamicImage::ImageRgba8(transparent);
    let progressive = jpeg(&photo, SamplingFactor::F_1_1, true);
    let mut files = vec![
        ("baseline.jpg", jpeg(&photo, SamplingFactor::F_2_2, false)),
        ("turned.jpg", turned(&jpeg(&photo, SamplingFactor::F_2_2, false))),
        ("progressive-420.jpg", jpeg(&photo, SamplingFactor::F_2_2, true)),
        // Cut off: one decoder gives up and the other begins anew.
        ("cut.jpg", [&progressive[..progressive.len() / 2], &[0xFF, 0xD9]].concat()),
        ("progressive-444.jpg", progressive),
    ];
    let formats =
        [("png", ImageFormat::Png), ("webp", ImageFormat::WebP), ("gif", ImageFormat::Gif), ("bmp", ImageFormat::Bmp)];
    for (ending, format) in formats {
        files.push((
            ending,
            encoded(if format == ImageFormat::Gif { transparent.clone() } else { image.clone() }, format),
        ));
    }
    files.push(("large.heic", fixture("heic/large.heic")));
    if cfg!(feature = "avif") {
        files.push(("large.avif", fixture("avif/large.avif")));
    }
    files.push(("alpha.webp", encoded(transparent.clone(), ImageFormat::WebP)));
    files.push(("rgba-16.png", encoded(transparent.to_rgba16().into(), ImageFormat::Png)));
    files.push(("gray-16.png", encoded(image.to_luma16().into(), ImageFormat::Png)));
    files.push(("gray.png", encoded(image.to_luma8().into(), ImageFormat::Png)));
    let bands = DynamicImage::ImageRgb8(bands());
    files.push(("profile.png", with_profile(&bands.to_rgb8())));
    files.push(("frame.gif", on_small_screen(encoded(bands.to_rgba8().into(), ImageFormat::Gif))));
    files.push(("texts.png", with_texts(&encoded(bands.clone(), ImageFormat::Png))));
    files.push(("moving.webp", moving(&encoded(bands, ImageFormat::WebP))));
    files
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    std::fs::read(path).expect("the fixture is there")
}

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn no_decode_takes_more_than_its_header_is_said_to_take() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files() {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).expect("it is written");
        let Claim { peak, pixels, .. } = inspect(&bytes, &limits()).expect("its header is sound");
        let [scored, whole] = ["scored", "whole"].map(|how| measured(&path, how));
        println!("{name}: claimed {} MiB, scored in {} MiB, whole {} MiB", peak >> 20, scored >> 20, whole >> 20);
        assert!(scored <= peak, "{name}: {scored} bytes for scoring, {peak} claimed");
        let upright = peak + 3 * pixels;
        assert!(whole <= upright, "{name}: {whole} bytes for all pixels, {upright} claimed");
        // Who claims far too much keeps others waiting. Half a scaled JPEG's claim is for the decoder that cannot scale.
        assert!(peak <= 3 * scored.max(whole) + (32 << 20), "{name}: {scored} bytes, {peak} claimed");
    }
}

fn measured(file: &Path, how: &str) -> u64 {
    let this = std::env::current_exe().expect("a test runs");
    let output = Command::new(this)
        .args(["--exact", "decodes_one_file", "--ignored", "--nocapture"])
        .env(FILE, file)
        .env("CLEARSHOT_TEST_HOW", how)
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{file:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let taken = text.split("took ").nth(1).and_then(|rest| rest.split_whitespace().next());
    taken.and_then(|taken| taken.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// A line of /proc/self/status in bytes.
fn status(line: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let value = text.lines().find_map(|other| other.strip_prefix(line)).expect("the line is there");
    value.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[test]
#[ignore = "run by the other test, in a process of its own"]
fn decodes_one_file() {
    let bytes = std::fs::read(std::env::var_os(FILE).expect("the other test names it")).expect("it is there");
    let before = status("VmRSS:");
    let limits = limits();
    if std::env::var("CLEARSHOT_TEST_HOW").as_deref() == Ok("whole") {
        let original = decode_original(&bytes, &limits).expect("it decodes");
        assert!(original.photo.upright().width() > 0);
    } else {
        let photo = decode(&bytes, &limits).expect("it decodes");
        assert!(ReferenceView::of(&photo, photo.area()).pixels().width() > 0);
    }
    println!("took {} bytes", status("VmHWM:") - before);
}

//! Uploads that are small as files and large when decoded: what they may take is known from their headers, shared, and waited for.

mod support;

use std::io::Cursor;
use std::time::{Duration, Instant};

use clearshot_core::ingest::{self, Limits};
use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use serde_json::Value;
use support::photos::{greedy_jpeg, jpeg, pavilion, shifted};
use support::server::{Server, problem};

/// What a container with a limit of 1 GiB may hold.
const CONTAINER: u64 = 1 << 30;

/// A PNG of 31 megapixels with 16 bits and transparency.
fn wide() -> Vec<u8> {
    let side = 5600u32;
    let mut bytes = Vec::new();
    let half = vec![128; side as usize * side as usize * 8];
    let encoder = PngEncoder::new(&mut bytes);
    encoder.write_image(&half, side, side, ExtendedColorType::Rgba16).expect("it is encoded");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_greedy_uploads_at_once_leave_the_memory_of_a_small_container_and_room_for_good_ones() {
    let server = Server::start(&["--decode-memory", &(CONTAINER / 2).to_string(), "--decoders", "4"]);
    let greedy = [greedy_jpeg(), wide()].map(axum::body::Bytes::from);
    assert!(greedy.iter().all(|bytes| bytes.len() < 4 << 20), "{:?}", greedy.each_ref().map(axum::body::Bytes::len));
    let send = |body: axum::body::Bytes| {
        let (client, url) = (server.client.clone(), format!("{}/score", server.url));
        tokio::spawn(async move { client.post(url).body(body).send().await.expect("it answers").status().as_u16() })
    };
    let greedy: Vec<_> = (0..50).map(|number| send(greedy[number % 2].clone())).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..10 {
        assert_eq!(send(pavilion().into()).await.expect("it ends"), 200, "a good photo passes beside them");
    }
    let mut scored = 0;
    for greedy in greedy {
        let status = greedy.await.expect("it ends");
        assert!([200, 503, 504].contains(&status), "{status}");
        scored += usize::from(status == 200);
    }
    println!("{scored} of 50 greedy ones scored, peak memory {} MiB", server.peak_memory() >> 20);
    assert!(scored > 0, "they are photos, too");
    assert!(server.peak_memory() < CONTAINER, "peak memory {}", server.peak_memory());
}

#[tokio::test]
async fn a_photo_that_needs_more_memory_than_there_is_is_refused_and_told_so() {
    let server = Server::start(&["--decode-memory", &(200u32 << 20).to_string()]);
    let response = server.post(greedy_jpeg()).await;
    assert_eq!(response.status(), 422);
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["code"], "image_too_large");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("bytes")), "{problem}");
    assert_eq!(server.post(pavilion()).await.status(), 200);
}

/// field/README.md, kind 11.
#[tokio::test]
async fn a_jpeg_that_lacks_its_end_marker_alone_is_scored_as_if_it_were_there() {
    let server = Server::start(&[]);
    let whole = jpeg(&image::load_from_memory(&pavilion()).expect("a photo").into_rgb8(), 90);
    let without = whole[..whole.len() - 2].to_vec();
    let half = whole[..whole.len() / 2].to_vec();
    let first_segment = 4 + usize::from(u16::from_be_bytes([whole[4], whole[5]]));
    let stray = [&whole[..first_segment], &[7, 9], &whole[first_segment..]].concat();
    let scores = server.score(whole).await["scores"].clone();
    assert_eq!(server.score(without).await["scores"], scores);
    // One decoder warns of these two bytes, and the other takes over.
    let blur = server.score(stray).await["scores"]["blur"]["value"].as_f64().expect("a number");
    assert!((blur - scores["blur"]["value"].as_f64().expect("a number")).abs() < 0.02, "{blur} px");
    let problem: Value = server.post(half).await.json().await.expect("JSON");
    assert_eq!(problem["code"], "undecodable_image");
}

/// The dark photo that /correct would brighten.
fn dark() -> RgbImage {
    shifted(&image::load_from_memory(&pavilion()).expect("a photo").into_rgb8(), -0.35)
}

async fn correct(server: &Server, body: Vec<u8>) -> reqwest::Response {
    server.client.post(format!("{}/correct", server.url)).body(body).send().await.expect("it answers")
}

#[tokio::test]
async fn an_icc_profile_that_is_a_bomb_is_neither_inflated_nor_sent_back() {
    let server = Server::start(&[]);
    for (length, dropped) in [(200 << 20, true), (3 << 20, false)] {
        let mut profile = vec![0; length];
        profile[16..20].copy_from_slice(b"RGB ");
        let mut bomb = Vec::new();
        let mut encoder = PngEncoder::new(&mut bomb);
        encoder.set_icc_profile(profile).expect("PNG has a place for it");
        let photo = dark();
        encoder
            .write_image(photo.as_raw(), photo.width(), photo.height(), ExtendedColorType::Rgb8)
            .expect("it is encoded");
        let response = correct(&server, bomb).await;
        assert_eq!(response.status(), 200);
        let receipt: Value = serde_json::from_slice(response.headers()["clearshot-receipt"].as_bytes()).expect("JSON");
        assert_eq!(receipt["profile_dropped"], dropped);
        let answer = response.bytes().await.expect("a body");
        assert!(answer.len() < 8 << 20, "{} bytes", answer.len());
        assert_eq!(answer.windows(4).any(|kind| kind == b"iCCP"), !dropped);
        assert!(server.peak_memory() < 500 << 20, "{}", server.peak_memory());
    }
}

#[tokio::test]
async fn a_transparent_photo_is_not_filled_with_white_without_a_word() {
    let server = Server::start(&[]);
    let photo = dark();
    let png = |alpha: u8| {
        let rgba = RgbaImage::from_fn(photo.width(), photo.height(), |x, y| {
            let Rgb([red, green, blue]) = *photo.get_pixel(x, y);
            Rgba([red, green, blue, if x < 40 { alpha } else { 255 }])
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(rgba).write_to(&mut bytes, ImageFormat::Png).expect("it is encoded");
        bytes.into_inner()
    };
    assert_eq!(correct(&server, png(255)).await.status(), 200, "an alpha channel alone is no transparency");
    let response = correct(&server, png(120)).await;
    assert_eq!(response.status(), 409);
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["code"], "not_correctable");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("transparent")), "{problem}");
}

/// What a phone of 200 megapixels takes.
fn huge_jpeg() -> Vec<u8> {
    let (width, height) = (16_320u16, 12_240u16);
    let small = image::load_from_memory(&pavilion()).expect("a photo").into_luma8();
    let at = |side: u16, of: u16, small: u32| (u32::from(side) * small / u32::from(of)) as usize;
    let columns: Vec<usize> = (0..width).map(|x| at(x, width, small.width())).collect();
    let rows = small.as_raw().chunks_exact(small.width() as usize).collect::<Vec<_>>();
    let pixels = (0..height).flat_map(|y| {
        let row = rows[at(y, height, small.height())];
        columns.iter().map(move |&x| row[x])
    });
    let pixels: Vec<u8> = pixels.collect();
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 60).encode(&pixels, width, height, ColorType::Luma).expect("it is encoded");
    bytes
}

/// field/README.md, kind 25.
#[tokio::test]
async fn two_hundred_megapixels_are_scored_in_little_memory_where_they_can_be_scaled() {
    let photo = huge_jpeg();
    let server = Server::start(&["--decode-memory", "300000000"]);
    let before = server.peak_memory();
    let response = server.post(photo.clone()).await;
    if !cfg!(feature = "turbojpeg") {
        problem(response, 422, "image_too_large").await;
        return;
    }
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!((&answer["image"]["width"], &answer["image"]["height"]), (&16_320.into(), &12_240.into()), "{answer}");
    let grown = server.peak_memory() - before;
    assert!(grown < 300 << 20, "{grown} bytes more");
    // Half of it: the decoder that bears with damage needs all pixels.
    let cut = [&photo[..photo.len() / 2], b"\xFF\xD9"].concat();
    problem(server.post(cut).await, 422, "image_too_large").await;
    problem(correct(&server, photo).await, 422, "image_too_large").await;
}

#[tokio::test]
async fn a_photo_too_large_to_be_corrected_is_refused_before_it_is_scored() {
    let server = Server::start(&["--max-correct-pixels", "100000"]);
    let started = Instant::now();
    let response = correct(&server, pavilion()).await;
    assert_eq!(response.status(), 422, "after {:?}", started.elapsed());
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["code"], "image_too_large");
    assert_eq!(server.photos_run("blur").await, server.photos_run("rotation").await);
    let before = server.photos_run("blur").await;
    correct(&server, pavilion()).await;
    assert_eq!(server.photos_run("blur").await, before, "no model was asked");
}

#[tokio::test]
async fn a_correction_that_needs_more_memory_than_there_is_is_refused_before_the_photo_is_scored() {
    let photo = jpeg(&dark(), 92);
    let claim = ingest::inspect(&photo, &Limits::default()).expect("its header is sound");
    let server = Server::start(&["--decode-memory", &claim.peak.to_string()]);
    assert_eq!(server.post(photo.clone()).await.status(), 200);
    let before = server.photos_run("blur").await;
    problem(correct(&server, photo).await, 422, "image_too_large").await;
    assert_eq!(server.photos_run("blur").await, before, "no model was asked");
}

/// Numbers below others that look random, the same for the same seed (`SplitMix64`, Steele et al. 2014).
fn draws(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }
}

/// Photos as files of several kinds, by name, and how many mutations of each are tried.
fn kinds_of_jpeg() -> Vec<(&'static str, Vec<u8>, u64)> {
    let photo = image::load_from_memory(&pavilion()).expect("a photo").into_rgb8();
    let large = imageops::resize(&photo, 2700, 1800, FilterType::CatmullRom);
    let small = imageops::resize(&photo, 203, 150, FilterType::CatmullRom);
    let gray = imageops::grayscale(&small);
    let encoded = |pixels: &[u8], color: ColorType, set: fn(&mut Encoder<&mut Vec<u8>>)| {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 80);
        set(&mut encoder);
        encoder.encode(pixels, 203, 150, color).expect("it is encoded");
        bytes
    };
    let coloured = |set: fn(&mut Encoder<&mut Vec<u8>>)| encoded(small.as_raw(), ColorType::Rgb, set);
    let halved = coloured(|encoder| encoder.set_sampling_factor(SamplingFactor::F_2_2));
    let restarting = coloured(|encoder| {
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_restart_interval(5);
    });
    let progressive = coloured(|encoder| encoder.set_progressive(true));
    let halved_and_progressive = coloured(|encoder| {
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_progressive_scans(12);
    });
    vec![
        ("90", jpeg(&photo, 90), 300),
        ("60", jpeg(&photo, 60), 300),
        ("large", jpeg(&large, 85), 60),
        ("4:2:0", halved, 220),
        ("4:4:4", coloured(|encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1)), 220),
        ("restarts", restarting, 220),
        ("progressive", progressive, 220),
        ("progressive, 4:2:0", halved_and_progressive, 220),
        ("gray", encoded(gray.as_raw(), ColorType::Luma, |_| {}), 120),
        ("gray, progressive", encoded(gray.as_raw(), ColorType::Luma, |encoder| encoder.set_progressive(true)), 120),
    ]
}

/// A file after what storage, transfer or a careless program does to it, anywhere in it, and what that is.
fn mutated(whole: &[u8], draw: &mut impl FnMut(usize) -> usize) -> (String, Vec<u8>) {
    let mut bytes = whole.to_vec();
    let from = draw(whole.len());
    let length = 1 + draw((whole.len() / 4).clamp(1, 4000).min(whole.len() - from));
    let run = from..from + length;
    let what = match draw(7) {
        0 => {
            bytes[from] ^= 1 + draw(255) as u8;
            "one other byte"
        }
        1 => {
            for _ in 0..2 + draw(7) {
                let at = draw(whole.len());
                bytes[at] ^= 1 + draw(255) as u8;
            }
            "several other bytes"
        }
        2 => {
            bytes.truncate(from);
            "cut off"
        }
        3 => {
            drop(bytes.drain(run));
            "a run is lost"
        }
        4 => {
            bytes[run].fill(0);
            "a run of zeros"
        }
        5 => {
            drop(bytes.splice(from..from, whole[run].iter().copied()));
            "a run comes twice"
        }
        _ => {
            let other = draw(whole.len() - length + 1);
            bytes[run.clone()].copy_from_slice(&whole[other..other + length]);
            if other.abs_diff(from) >= length {
                bytes[other..other + length].copy_from_slice(&whole[run]);
            }
            "two runs have changed places"
        }
    };
    (format!("{what}, at {from}, runs of {length}"), bytes)
}

/// Both decoders of JPEGs read the same files, and find the same ones damaged: what one service refuses the other must not pass
/// (field/README.md, kind 9).
#[test]
fn the_fast_and_the_slow_decoder_agree_on_mutated_photos() {
    let limits = Limits::default();
    let (mut tried, mut damaged, mut refused) = (0, 0, 0);
    // All of them, so that one run tells which photos and mutations they share.
    let mut disagreements = Vec::new();
    for (name, whole, count) in kinds_of_jpeg() {
        for seed in 0..count {
            let (what, bytes) = mutated(&whole, &mut draws(seed << 32 | whole.len() as u64));
            let fast = ingest::decode(&bytes, &limits).ok().map(|photo| photo.damage > 0.0);
            let slow = ingest::decode_original(&bytes, &limits).ok().map(|original| original.photo.damage > 0.0);
            if fast != slow {
                disagreements.push(format!("{name}, seed {seed} ({what}): damaged? fast {fast:?}, slow {slow:?}"));
            }
            tried += 1;
            damaged += usize::from(fast == Some(true));
            refused += usize::from(fast.is_none());
        }
    }
    println!("{damaged} of {tried} damaged, {refused} refused");
    assert!(disagreements.is_empty(), "{} of {tried}:\n{}", disagreements.len(), disagreements.join("\n"));
    assert!(tried == 2000 && damaged > 600 && refused > 250, "{damaged} of {tried} damaged, {refused} refused");
}

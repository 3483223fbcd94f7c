//! The photo in an upload (field/README.md, kinds 2, 21 and 22): bars, margins and frames are no part of what is measured.

mod support;

use std::io::Write;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage, load_from_memory};
use serde_json::Value;
use support::photos::{blurred, jpeg, pavilion, shifted, turned, with_orientation};
use support::room::room;
use support::server::Server;

fn framed(photo: &RgbImage, [left, top, right, bottom]: [u32; 4], colour: [u8; 3]) -> RgbImage {
    let mut upload = RgbImage::from_pixel(photo.width() + left + right, photo.height() + top + bottom, Rgb(colour));
    imageops::replace(&mut upload, photo, left.into(), top.into());
    upload
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("{name} is a number: {value}"))
}

/// A real photo, enlarged: with texture, which tells how sharp it is.
fn enlarged(width: u32, height: u32) -> RgbImage {
    let photo = load_from_memory(&pavilion()).expect("a photo").into_rgb8();
    imageops::resize(&photo, width, height, FilterType::CatmullRom)
}

/// Scores move by less than two fifths of the wider interval: what is cut out differs by a line or two.
fn assert_alike(framed: &Value, alone: &Value, what: &str) {
    for metric in ["blur", "brightness", "rotation"] {
        let (framed, alone) = (&framed["scores"][metric], &alone["scores"][metric]);
        let width =
            [framed, alone].map(|score| number(score, "high") - number(score, "low")).into_iter().fold(0.0, f64::max);
        let moved = (number(framed, "value") - number(alone, "value")).abs();
        assert!(moved <= 0.4 * width, "{what}: {metric} {framed} instead of {alone}");
    }
}

#[tokio::test]
async fn a_photo_is_scored_as_if_its_frame_were_not_there() {
    let server = Server::start(&[]);
    for (name, photo) in
        [("tilted", turned(&room(2400, 1600, 11), 8.0)), ("blurred", blurred(&enlarged(1200, 800), 3.0))]
    {
        let alone = server.score(jpeg(&photo, 92)).await;
        assert_eq!(alone["image"]["area"], serde_json::json!({"left": 0.0, "top": 0.0, "width": 1.0, "height": 1.0}));
        let (width, height) = photo.dimensions();
        let frames = [
            ("black bars above and below", [0, 3 * height / 10, 0, 3 * height / 10], [0; 3]),
            ("white bars at the sides", [width / 4, 0, width / 4, 0], [255; 3]),
            ("a white frame", [width / 12; 4], [255; 3]),
            ("a thin blue frame", [6; 4], [20, 60, 160]),
            ("a phone's screen", [0, height, 0, height], [0; 3]),
        ];
        for (frame, sides, colour) in frames {
            let upload = framed(&photo, sides, colour);
            let answer = server.score(jpeg(&upload, 92)).await;
            assert_alike(&answer, &alone, &format!("{name} in {frame}"));
            let area = &answer["image"]["area"];
            let drawn = [sides[0], sides[1]].map(f64::from);
            let found =
                [number(area, "left") * f64::from(upload.width()), number(area, "top") * f64::from(upload.height())];
            for (drawn, found) in drawn.into_iter().zip(found) {
                assert!((drawn - 1.0..drawn + 16.0).contains(&found), "{frame}: {found} instead of {drawn}");
            }
            let share = 1.0 - f64::from(width * height) / f64::from(upload.width() * upload.height());
            assert!((number(&answer["checks"], "frame") - share).abs() < 0.04, "{frame}: {answer}");
            let usable = (number(&answer, "max_usable_width"), f64::from(width));
            assert!(usable.0 <= usable.1, "{usable:?}: a frame is no photo");
        }
    }
}

#[tokio::test]
async fn a_photo_small_within_a_large_upload_is_scored_from_all_its_pixels() {
    let server = Server::start(&[]);
    // Softer than the reference view could hide.
    let photo = enlarged(1500, 1000);
    let upload = framed(&photo, [1450, 950, 1450, 950], [30, 40, 90]);
    assert_alike(&server.score(jpeg(&upload, 92)).await, &server.score(jpeg(&photo, 92)).await, "a third of each side");
}

#[tokio::test]
async fn the_area_is_that_of_the_upright_photo() {
    let server = Server::start(&[]);
    let photo = room(900, 600, 14);
    let upload = framed(&photo, [0, 40, 0, 200], [0; 3]);
    let upright = server.score(jpeg(&upload, 92)).await;
    // Stored on its side, and the file says so: 6 is turned clockwise to be seen.
    let answer = server.score(with_orientation(&jpeg(&imageops::rotate270(&upload), 92), 6)).await;
    assert_eq!(answer["image"]["orientation"], 6);
    for part in ["left", "top", "width", "height"] {
        let [found, expected] = [&answer, &upright].map(|answer| number(&answer["image"]["area"], part));
        assert!((found - expected).abs() < 0.02, "{part}: {answer} {upright}");
    }
    assert_alike(&answer, &upright, "on its side");
}

#[tokio::test]
async fn the_blur_map_lies_on_the_photo() {
    let server = Server::start(&[]);
    let upload = framed(&room(900, 600, 11), [300, 100, 300, 100], [255; 3]);
    let response =
        server.client.post(format!("{}/score?detail=tiles", server.url)).body(jpeg(&upload, 92)).send().await;
    let answer: Value = response.expect("it answers").json().await.expect("JSON");
    let area = &answer["image"]["area"];
    let tiles = answer["tiles"]["tiles"].as_array().expect("tiles");
    for (from, length) in [("left", "width"), ("top", "height")] {
        let (start, end) = (number(area, from), number(area, from) + number(area, length));
        let starts = tiles.iter().map(|tile| number(tile, from)).fold(1.0, f64::min);
        let ends = tiles.iter().map(|tile| number(tile, from) + number(tile, length)).fold(0.0, f64::max);
        assert!((starts - start).abs() < 0.002 && (ends - end).abs() < 0.002, "{starts} to {ends}: {area}");
    }
}

#[tokio::test]
async fn a_profile_decides_whether_a_frame_matters() {
    let mut profiles = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"{"version": 1, "profiles": [
        {"name": "default", "blur": {"high": 2.0}},
        {"name": "strict", "blur": {"high": 2.0}, "checks": {"frame": {"high": 0.02}}}]}"#;
    profiles.write_all(text.as_bytes()).expect("it is written");
    let server = Server::start(&["--profiles", profiles.path().to_str().expect("text")]);
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let upload = jpeg(&framed(&photo, [60; 4], [255; 3]), 92);
    let strict = format!("{}/score?profile=strict", server.url);
    let judged = async |url: String, body: Vec<u8>| -> Value {
        server.client.post(url).body(body).send().await.expect("it answers").json().await.expect("JSON")
    };
    let silent = judged(format!("{}/score", server.url), upload.clone()).await;
    assert_eq!((&silent["verdict"], silent["reasons"].as_array().map(Vec::len)), (&"pass".into(), Some(0)));
    let refused = judged(strict.clone(), upload).await;
    assert_eq!(refused["verdict"], "fail");
    let reason = &refused["reasons"][0];
    assert_eq!((&reason["code"], &reason["metric"]), (&"framed".into(), &"frame".into()), "{reason}");
    assert_eq!(judged(strict, jpeg(&photo, 92)).await["verdict"], "pass", "without a frame");
    let checks: Value = server.get("/checks").await.json().await.expect("JSON");
    let listed = checks["checks"].as_array().expect("a list");
    assert!(listed.iter().any(|check| check["name"] == "frame" && check["high"]["code"] == "framed"), "{checks}");
}

/// field/README.md, kind 28: one photo of four is blurred, which the others hide.
#[tokio::test]
async fn a_profile_decides_whether_a_collage_passes() {
    let mut profiles = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"{"version": 1, "profiles": [
        {"name": "default", "blur": {"high": 2.0}},
        {"name": "strict", "blur": {"high": 2.0}, "checks": {"collage": {"high": 1}}}]}"#;
    profiles.write_all(text.as_bytes()).expect("it is written");
    let server = Server::start(&["--profiles", profiles.path().to_str().expect("text")]);
    let photo = imageops::thumbnail(&load_from_memory(&pavilion()).expect("a photo").into_rgb8(), 510, 340);
    let parts = [photo.clone(), shifted(&photo, -0.25), shifted(&blurred(&photo, 3.0), -0.45), photo.clone()];
    let mut collage = RgbImage::new(1020, 680);
    for (number, part) in (0..).zip(&parts) {
        imageops::replace(&mut collage, part, number % 2 * 510, number / 2 * 340);
    }
    let judged = async |picture: &RgbImage| -> Value {
        let url = format!("{}/score?profile=strict", server.url);
        let response = server.client.post(url).body(jpeg(picture, 90)).send().await.expect("it answers");
        response.json().await.expect("JSON")
    };
    let refused = judged(&collage).await;
    assert_eq!(refused["verdict"], "fail");
    assert!(number(&refused["checks"], "collage") > 1.0, "{refused}");
    assert!(refused["reasons"].to_string().contains(r#""code":"collage""#), "{refused}");
    assert!(!judged(&photo).await["reasons"].to_string().contains("collage"), "one photo");
    assert!(!server.score(jpeg(&collage, 90)).await["reasons"].to_string().contains("collage"), "nobody asked");
}

#[tokio::test]
async fn a_correction_leaves_the_frame_out_or_around() {
    let server = Server::start(&[]);
    let photo = imageops::resize(&turned(&room(2400, 1600, 12), 8.0), 1200, 800, FilterType::Triangle);
    let upload = framed(&photo, [100, 60, 100, 60], [20, 60, 160]);
    let corrected = async |query: &str| {
        let url = format!("{}/correct?format=png{query}", server.url);
        let response = server.client.post(url).body(jpeg(&upload, 95)).send().await.expect("it answers");
        assert_eq!(response.status(), 200);
        let receipt: Value = serde_json::from_slice(response.headers()["clearshot-receipt"].as_bytes()).expect("JSON");
        let after = number(&receipt["after"], "rotation").abs();
        assert!(after < number(&receipt["before"], "rotation").abs() / 2.0, "{receipt}");
        image::load_from_memory(&response.bytes().await.expect("a body")).expect("it decodes").into_rgb8()
    };
    let alone = corrected("").await;
    assert!(alone.width() < 1200 && alone.height() < 800, "turned, and cut to what is filled");
    let around = corrected("&frame=keep").await;
    assert_eq!(around.dimensions(), upload.dimensions());
    for (x, y) in [(2, 2), (1397, 917), (700, 20), (50, 460)] {
        let blue = around.get_pixel(x, y).0;
        assert!(blue.iter().zip([20, 60, 160]).all(|(level, expected)| level.abs_diff(expected) < 12), "{blue:?}");
    }
}

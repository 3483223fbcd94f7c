//! Pictures that are no photos, and photos that lack what a profile asks for (field/README.md, kinds 16, 20 and 32).

mod support;

use std::io::Write;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use serde_json::Value;
use support::photos::{jpeg, pavilion};
use support::room::room;
use support::server::{Server, problem};

/// A floor plan: walls, doors that swing, and dashes in the place of names.
fn floor_plan() -> RgbImage {
    let mut plan = RgbImage::from_pixel(1500, 1100, Rgb([255; 3]));
    let mut fill = |left: u32, top: u32, width: u32, height: u32, level: u8| {
        for y in top..top + height {
            for x in left..left + width {
                plan.put_pixel(x, y, Rgb([level; 3]));
            }
        }
    };
    for (left, top, width, height) in
        [(150, 120, 520, 380), (662, 120, 480, 380), (150, 492, 400, 460), (542, 492, 600, 460)]
    {
        for (x, y, w, h) in [
            (left, top, width, 8),
            (left, top + height - 8, width, 8),
            (left, top, 8, height),
            (left + width - 8, top, 8, height),
        ] {
            fill(x, y, w, h, 0);
        }
        // A door, its swing, a table, and what stands for the room's name.
        fill(left + 60, top, 90, 8, 255);
        for angle in 0..200u32 {
            let angle = f64::from(angle) / 200.0 * std::f64::consts::FRAC_PI_2;
            fill(left + 60 + (angle.cos() * 90.0) as u32, top + (angle.sin() * 90.0) as u32, 2, 2, 60);
        }
        for edge in [(0, 0, 120, 2), (0, 70, 120, 2), (0, 0, 2, 70), (118, 0, 2, 72)] {
            fill(left + 200 + edge.0, top + 240 + edge.1, edge.2, edge.3, 40);
        }
        for letter in 0..14 {
            fill(left + 180 + 11 * letter, top + 160, 3, 14, 20);
            fill(left + 180 + 11 * letter, top + 160 + 5 * (letter % 3), 8, 2, 20);
        }
    }
    plan
}

async fn judged(server: &Server, profile: &str, photo: Vec<u8>) -> Value {
    let request = server.client.post(format!("{}/score?profile={profile}", server.url)).body(photo);
    request.send().await.expect("it answers").json().await.expect("JSON")
}

fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().expect("a list");
    reasons.iter().map(|reason| reason["code"].as_str().expect("text")).collect()
}

#[tokio::test]
async fn a_floor_plan_is_not_judged_as_a_photo_and_never_corrected() {
    let mut profiles = tempfile::NamedTempFile::new().expect("a file");
    let profile = |name: &str, option: &str| {
        format!(
            r#"{{"name": "{name}", {option} "blur": {{"high": 1.6}}, "brightness": {{"low": -0.25, "high": 0.2}}}}"#
        )
    };
    let [default, strict, blind] = [
        profile("default", r#""messages": {"not_a_photo": "Photos only, please.", "low_contrast": "Fog."},"#),
        profile("strict", r#""not_a_photo": "fail","#),
        profile("blind", r#""not_a_photo": "ignore","#),
    ];
    write!(profiles, r#"{{"version": 1, "profiles": [{default}, {strict}, {blind}]}}"#).expect("it is written");
    let server = Server::start(&["--profiles", profiles.path().to_str().expect("text")]);
    let plan = floor_plan();
    for quality in [70, 85, 95] {
        let upload = jpeg(&plan, quality);
        let answer = judged(&server, "default", upload.clone()).await;
        assert_eq!((&answer["verdict"], codes(&answer)), (&"unsure".into(), vec!["not_a_photo"]), "{answer}");
        assert_eq!(answer["reasons"][0]["advice"], "Photos only, please.");
        assert_eq!(answer["scores"]["brightness"]["quality"], 100, "reported, not judged: {answer}");
        let strict = judged(&server, "strict", upload.clone()).await;
        assert_eq!((&strict["verdict"], codes(&strict)), (&"fail".into(), vec!["not_a_photo"]));
        let blind = judged(&server, "blind", upload.clone()).await;
        assert!(!codes(&blind).contains(&"not_a_photo"), "{blind}");
        let response = server.client.post(format!("{}/correct", server.url)).body(upload).send().await;
        let document = problem(response.expect("it answers"), 409, "not_correctable").await;
        assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("not_a_photo")), "{document}");
    }
    for photo in [pavilion(), jpeg(&room(1500, 1000, 3), 90)] {
        let answer = judged(&server, "default", photo).await;
        assert!(!codes(&answer).contains(&"not_a_photo"), "{answer}");
    }
    let listed: Value = server.get("/checks").await.json().await.expect("JSON");
    let listed = listed["checks"].as_array().expect("a list").clone();
    for (name, side, code) in [
        ("not_a_photo", "high", "not_a_photo"),
        ("contrast", "low", "low_contrast"),
        ("clipped_highlights", "high", "blown_out"),
        ("clipped_shadows", "high", "blocked_shadows"),
        ("colourfulness", "low", "grayscale"),
        ("upscale", "high", "upscaled"),
        ("jpeg_quality", "low", "overcompressed"),
        ("short_side", "low", "too_small"),
        ("aspect", "low", "bad_aspect"),
        ("aspect", "high", "bad_aspect"),
    ] {
        assert!(listed.iter().any(|check| check["name"] == name && check[side]["code"] == code), "{name}: {listed:?}");
    }
}

/// field/README.md, kind 16.
#[tokio::test]
async fn repeated_pixels_do_not_pass_for_resolution() {
    let server = Server::start(&[]);
    // A real photo, whose own sharpness would allow more.
    let photo = image::load_from_memory(&pavilion()).expect("a photo").into_rgb8();
    let small = imageops::resize(&photo, 400, 267, FilterType::Triangle);
    let answer = server.score(jpeg(&imageops::resize(&small, 1600, 1068, FilterType::Nearest), 90)).await;
    assert_eq!(answer["verdict"], "fail", "{answer}");
    assert!(codes(&answer).contains(&"upscaled"), "{answer}");
    let usable = answer["max_usable_width"].as_u64().expect("a number");
    assert!((380..=420).contains(&usable), "{answer}");
}

/// field/README.md, kinds 17 and 32.
#[tokio::test]
async fn a_portal_may_ask_for_size_shape_colour_and_quality() {
    let mut profiles = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"{"version": 1, "profiles": [{"name": "default", "blur": {"high": 6.0}, "checks": {
        "short_side": {"low": 683}, "aspect": {"low": 1.3, "high": 1.8}, "colourfulness": {"low": 3}, "jpeg_quality": {"low": 30}}}]}"#;
    profiles.write_all(text.as_bytes()).expect("it is written");
    let server = Server::start(&["--profiles", profiles.path().to_str().expect("text")]);
    let photo = room(1200, 800, 9);
    let gray = RgbImage::from_fn(1200, 800, |x, y| Rgb([photo.get_pixel(x, y).0[1]; 3]));
    for (upload, expected) in [
        (jpeg(&photo, 85), vec![]),
        (jpeg(&imageops::resize(&photo, 600, 400, FilterType::Triangle), 85), vec!["too_small"]),
        (jpeg(&room(800, 1200, 9), 85), vec!["bad_aspect"]),
        (jpeg(&gray, 85), vec!["grayscale"]),
        (jpeg(&photo, 12), vec!["overcompressed"]),
    ] {
        let answer = server.score(upload).await;
        assert_eq!(codes(&answer), expected, "{answer}");
    }
    let quality = |answer: &Value| answer["checks"]["jpeg_quality"].as_f64();
    assert_eq!(quality(&server.score(jpeg(&photo, 85)).await), Some(85.0));
    let mut png = std::io::Cursor::new(Vec::new());
    photo.write_to(&mut png, image::ImageFormat::Png).expect("it encodes");
    assert_eq!(quality(&server.score(png.into_inner()).await), None, "a PNG has none");
}

/// A photo that is neither too bright nor too dark may have a sky or corners without detail, which no correction brings back.
#[tokio::test]
async fn a_portal_may_ask_for_detail_in_what_is_bright_and_what_is_dark() {
    let mut profiles = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"{"version": 1, "profiles": [{"name": "default", "blur": {"high": 6.0}, "checks": {
        "clipped_highlights": {"high": 0.1}, "clipped_shadows": {"high": 0.1}}}]}"#;
    profiles.write_all(text.as_bytes()).expect("it is written");
    let server = Server::start(&["--profiles", profiles.path().to_str().expect("text")]);
    let photo = image::load_from_memory(&pavilion()).expect("a photo").into_rgb8();
    let of_levels = |change: fn(f32) -> f32| {
        let mut changed = photo.clone();
        for level in changed.pixels_mut().flat_map(|pixel| &mut pixel.0) {
            *level = change(f32::from(*level)) as u8;
        }
        changed
    };
    let mut on_white = RgbImage::from_pixel(photo.width() + 80, photo.height() + 80, Rgb([255; 3]));
    imageops::replace(&mut on_white, &photo, 40, 40);
    for (what, upload, expected) in [
        ("as it is", photo.clone(), vec![]),
        ("rendered", room(1200, 800, 9), vec![]),
        ("overexposed", of_levels(|level| 1.5 * level), vec!["blown_out"]),
        ("cut off below", of_levels(|level| level - 100.0), vec!["blocked_shadows"]),
        ("stretched", of_levels(|level| 2.2 * (level - 100.0)), vec!["blown_out", "blocked_shadows"]),
        ("in a white frame, which is no part of it", on_white, vec![]),
        ("white, but no photo", floor_plan(), vec!["not_a_photo"]),
    ] {
        let answer = server.score(jpeg(&upload, 90)).await;
        assert_eq!(codes(&answer), expected, "{what}: {answer}");
        for reason in answer["reasons"].as_array().expect("a list") {
            assert_eq!(reason["severity"], "retake", "{what}: {answer}");
        }
    }
    // Darkened, what is blown out would be an even gray.
    let upload = jpeg(&of_levels(|level| 1.5 * level), 90);
    let response = server.client.post(format!("{}/correct", server.url)).body(upload).send().await;
    let document = problem(response.expect("it answers"), 409, "not_correctable").await;
    assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("`blown_out`")), "{document}");
}

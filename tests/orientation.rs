//! Photos that lie on their side or stand on their head although their file says nothing of it (field/README.md, kinds 5
//! and 6).

mod support;

use image::imageops;
use image::{RgbImage, load_from_memory};
use serde_json::Value;
use support::photos::{jpeg, pavilion};
use support::server::Server;

fn turned_ways(upright: &RgbImage) -> [(u64, &'static str, RgbImage); 3] {
    [
        (90, "sideways", imageops::rotate90(upright)),
        (180, "upside_down", imageops::rotate180(upright)),
        (270, "sideways", imageops::rotate270(upright)),
    ]
}

fn pixels(photo: &[u8]) -> RgbImage {
    load_from_memory(photo).expect("a photo").into_rgb8()
}

#[tokio::test]
async fn a_photo_that_is_turned_is_named_and_an_upright_one_is_not() {
    let server = Server::start(&[]);
    let upright = pixels(&pavilion());
    let answer = server.score(jpeg(&upright, 92)).await;
    assert_eq!(answer["orientation"]["turn"], 0, "{answer}");
    let about_turn = |answer: &Value| -> Vec<String> {
        let reasons = answer["reasons"].as_array().expect("a list").iter();
        let about = reasons.filter(|reason| reason["metric"] == "orientation");
        about.map(|reason| reason["code"].as_str().expect("a code").to_owned()).collect()
    };
    assert!(about_turn(&answer).is_empty(), "{answer}");
    for (degrees, code, turned) in turned_ways(&upright) {
        let answer = server.score(jpeg(&turned, 92)).await;
        assert_eq!(answer["orientation"]["turn"], degrees, "{answer}");
        let codes = about_turn(&answer);
        assert!(codes.len() == 1 && codes[0].trim_start_matches("possibly_") == code, "{answer}");
        assert_ne!(answer["verdict"], "pass");
    }
}

#[tokio::test]
async fn the_files_own_orientation_is_no_turn() {
    let server = Server::start(&[]);
    let sideways = imageops::rotate270(&pixels(&pavilion()));
    let answer = server.score(support::photos::with_orientation(&jpeg(&sideways, 92), 6)).await;
    assert_eq!((&answer["orientation"]["turn"], &answer["image"]["orientation"]), (&0.into(), &6.into()), "{answer}");
}

#[tokio::test]
async fn a_photo_on_its_side_is_set_upright() {
    let server = Server::start(&[]);
    let upright = pixels(&pavilion());
    for (degrees, _, turned) in turned_ways(&upright) {
        let body = support::photos::encoded(&turned, image::ImageFormat::Png);
        let found = server.score(body.clone()).await;
        let certain = found["reasons"].as_array().expect("a list").iter().any(|reason| {
            reason["metric"] == "orientation" && !reason["code"].as_str().expect("a code").starts_with("possibly_")
        });
        let answer = server.client.post(format!("{}/correct", server.url)).body(body).send().await.expect("an answer");
        if !certain {
            assert_eq!(answer.status(), 409, "{degrees}");
            continue;
        }
        assert_eq!(answer.status(), 200, "{degrees}");
        let receipt = answer.headers()["clearshot-receipt"].to_str().expect("text").to_owned();
        let receipt: Value = serde_json::from_str(&receipt).expect("JSON");
        let back = if degrees == 270 { 90.0 } else { -(degrees as f64) };
        assert_eq!(receipt["rotation"].as_f64(), Some(back));
        let corrected = pixels(&answer.bytes().await.expect("a body"));
        assert_eq!(corrected.dimensions(), upright.dimensions());
        let changed = corrected.iter().zip(upright.iter()).filter(|(a, b)| a.abs_diff(**b) > 40).count();
        assert!(changed < upright.len() / 20, "{degrees}: the photo as it was before it was turned");
    }
}

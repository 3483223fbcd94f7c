//! HEIC, and AVIF where it is built, on every way a photo takes: the answers of the same photo as JPEG (field/README.md, kind 24).

mod support;

use std::process::Command;

use image::imageops::{FilterType, resize};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use support::photos::{jpeg, pavilion};
use support::server::{Server, problem, root};

const FORMATS: &[&str] = if cfg!(feature = "avif") { &["heic", "avif"] } else { &["heic"] };

fn fixture(format: &str, name: &str) -> Vec<u8> {
    std::fs::read(root().join(format!("tests/fixtures/{format}/{name}.{format}"))).expect("the fixture is there")
}

fn value(answer: &Value, metric: &str) -> f64 {
    answer["scores"][metric]["value"].as_f64().expect("a number")
}

#[tokio::test]
async fn a_photo_is_scored_as_the_jpeg_of_it() {
    let server = Server::start(&[]);
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let expected = server.score(jpeg(&resize(&photo, 320, 208, FilterType::Lanczos3), 90)).await;
    for format in FORMATS {
        for (name, orientation) in [("phone", 6), ("unsaid", 1), ("limited", 1)] {
            let answer = server.score(fixture(format, name)).await;
            let image = &answer["image"];
            let said = (&image["format"], &image["orientation"]);
            assert_eq!(said, (&Value::from(*format), &orientation.into()), "{format}, {name}");
            assert_eq!((image["width"].as_u64(), image["height"].as_u64()), (Some(320), Some(208)), "{format}, {name}");
            for (metric, most) in [("blur", 0.5), ("brightness", 0.02), ("rotation", 1.0)] {
                let (found, expected) = (value(&answer, metric), value(&expected, metric));
                println!("{format}, {name}: {metric} {found}, as JPEG {expected}");
                assert!((found - expected).abs() < most, "{format}, {name}: {metric} {found} instead of {expected}");
            }
        }
    }
}

#[tokio::test]
async fn a_photo_is_taken_in_a_batch_and_corrected_into_jpeg() {
    let server = Server::start(&[]);
    for format in FORMATS {
        let parts = [fixture(format, "phone"), pavilion()].map(Part::bytes);
        let form = parts.into_iter().fold(Form::new(), |form, part| form.part("image", part));
        let response = server.client.post(format!("{}/score/batch", server.url)).multipart(form).send().await;
        let text = response.expect("an answer").text().await.expect("text");
        assert!(text.contains(&format!("\"format\":\"{format}\"")) && text.contains("\"format\":\"jpeg\""), "{text}");
        let request = server.client.post(format!("{}/correct", server.url)).body(fixture(format, "tilted"));
        let response = request.send().await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"image/jpeg".parse().expect("a type")),
            "{format}"
        );
        let body = response.bytes().await.expect("a body");
        assert_eq!(image::guess_format(&body).expect("an image"), image::ImageFormat::Jpeg);
    }
}

#[tokio::test]
async fn what_does_not_decode_is_refused_and_the_next_photo_is_scored() {
    let server = Server::start(&[]);
    for format in FORMATS {
        let whole = fixture(format, "phone");
        problem(server.post(whole[..whole.len() / 2].to_vec()).await, 422, "undecodable_image").await;
        server.score(whole).await;
    }
    let refused = problem(server.post(fixture("heic", "full_colour")).await, 422, "undecodable_image").await;
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("save it as JPEG")), "{refused}");
}

#[test]
fn bulk_scoring_takes_them_below_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in FORMATS {
        for (from, name) in [("phone", format.to_uppercase()), ("unsaid", (*format).to_owned())] {
            std::fs::write(folder.path().join(format!("{from}.{name}")), fixture(format, from)).expect("it is written");
        }
    }
    std::fs::write(folder.path().join("limited.heif"), fixture("heic", "limited")).expect("it is written");
    let results = tempfile::tempdir().expect("a folder");
    let output = results.path().join("results.jsonl");
    let mut run = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    let done =
        run.current_dir(root()).arg("score").arg(folder.path()).arg("-o").arg(&output).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let rows = std::fs::read_to_string(&output).expect("rows");
    for (format, count) in [("heic", 3), ("avif", if cfg!(feature = "avif") { 2 } else { 0 })] {
        assert_eq!(rows.matches(&format!("\"format\":\"{format}\"")).count(), count, "{rows}");
    }
}

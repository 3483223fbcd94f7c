//! Many photos in one request: order, partial failure, limits, and what they say as a set.

mod support;

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::Value;
use support::photos::{blurred, jpeg, pavilion, shifted, textured};
use support::room::room;
use support::server::{Server, problem};

fn form(parts: &[Vec<u8>]) -> Form {
    parts.iter().enumerate().fold(Form::new().text("note", "ignored"), |form, (index, bytes)| {
        form.part("image", Part::bytes(bytes.clone()).file_name(format!("{index}.jpg")))
    })
}

async fn send(server: &Server, query: &str, form: Form) -> reqwest::Response {
    let request = server.client.post(format!("{}/score/batch{query}", server.url)).multipart(form);
    request.send().await.expect("the server answers")
}

#[tokio::test]
async fn each_photo_gets_its_own_answer_in_order_and_bad_ones_spoil_nothing() {
    let server = Server::start(&["--max-body-bytes", "400000"]);
    let large = jpeg(&room(2000, 1500, 1), 100);
    assert!(large.len() > 400_000);
    let photos = [pavilion(), b"no photo".to_vec(), jpeg(&room(800, 600, 2), 90), Vec::new(), large, pavilion()];
    let response = send(&server, "?profile=real-estate", form(&photos)).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.expect("JSON");
    let results = answer["results"].as_array().expect("a list");
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().expect("a status")).collect();
    assert_eq!(statuses, [200, 415, 200, 400, 413, 200]);
    for (index, result) in results.iter().enumerate() {
        assert_eq!((result["index"].as_u64(), &result["name"]), (Some(index as u64), &format!("{index}.jpg").into()));
        assert_eq!(result["score"].is_object(), result["status"] == 200);
    }
    let codes: Vec<_> =
        [1, 3, 4].map(|index: usize| results[index]["problem"]["code"].as_str().expect("a code")).to_vec();
    assert_eq!(codes, ["unsupported_format", "empty_body", "body_too_large"]);
    assert_eq!(results[1]["problem"]["request_id"], answer["request_id"]);
    // For alerts: the status of the whole tells of none of them.
    let metrics = server.metrics().await;
    for (status, count) in [(200, 3), (400, 1), (413, 1), (415, 1)] {
        let line = format!("clearshot_batch_results_total{{status=\"{status}\"}} {count}");
        assert!(metrics.lines().any(|found| found == line), "no {line} in {metrics}");
    }
    assert_eq!((&results[0]["score"], &answer["summary"]), (&results[5]["score"], &Value::Null));
    let alone = server.score(pavilion()).await;
    assert_eq!(results[0]["score"]["scores"]["blur"]["raw"], alone["scores"]["blur"]["raw"]);
    assert_eq!(results[0]["score"]["profile"], "real-estate");
}

#[tokio::test]
async fn a_listing_is_summed_up() {
    let server = Server::start(&[]);
    let mut views = textured();
    views.push(image::imageops::flip_horizontal(&views[0]));
    let mut photos: Vec<_> = views.iter().map(|view| jpeg(view, 92)).collect();
    photos[1] = jpeg(&blurred(&views[1], 5.0), 92);
    photos[3] = jpeg(&shifted(&views[3], -0.45), 92);
    let answer: Value = send(&server, "?summary=true", form(&photos)).await.json().await.expect("JSON");
    let summary = &answer["summary"];
    assert_eq!(summary["brightness_outliers"], serde_json::json!([3]), "{summary}");
    let retake: Vec<u64> = summary["retake"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    assert!(retake.contains(&1) && !retake.iter().any(|index| [0, 2, 4].contains(index)), "{summary}");
    assert_eq!((&summary["duplicates"], &summary["missing"]), (&serde_json::json!([]), &0.into()), "{summary}");
    let lead = summary["lead"].as_u64().expect("there is a best one");
    assert!([0, 2, 4].contains(&lead), "{summary}");
    let counted = ["pass", "fail", "unsure"].iter().filter_map(|name| summary[name].as_u64()).sum::<u64>();
    assert_eq!(counted, 5);
}

#[tokio::test]
async fn a_listing_names_its_duplicates_and_how_many_photos_it_lacks() {
    let profiles = tempfile::NamedTempFile::new().expect("a file");
    let listed: Value = Server::start(&[]).get("/profiles").await.json().await.expect("JSON");
    let mut own = listed;
    own["profiles"][1]["min_photos"] = 6.into();
    std::fs::write(&profiles, own.to_string()).expect("it is written");
    let server = Server::start(&["--profiles", profiles.path().to_str().expect("text")]);
    let [room_a, room_b, room_c] = [1, 2, 3].map(|seed| room(1200, 900, seed));
    let photo = textured().remove(3);
    // The first again: recompressed and smaller, and cropped and blurred; of the two the worse copy comes last.
    let (width, height) = photo.dimensions();
    let small = image::imageops::resize(&photo, width / 2, height / 2, image::imageops::FilterType::CatmullRom);
    let cropped = image::imageops::crop_imm(&photo, width / 40, 0, width * 19 / 20, height * 19 / 20).to_image();
    let copies = [jpeg(&photo, 92), jpeg(&small, 60), jpeg(&blurred(&cropped, 4.0), 85)];
    let rooms = [room_a, room_b, room_c].map(|room| jpeg(&room, 90));
    let photos = [&rooms[..2], &copies, &rooms[2..]].concat();
    let answer = send(&server, "?profile=real-estate&summary=true", form(&photos)).await;
    let answer: Value = answer.json().await.expect("JSON");
    let summary = &answer["summary"];
    assert_eq!(summary["duplicates"].as_array().map(Vec::len), Some(1), "{summary}");
    let group = &summary["duplicates"][0];
    let mut members = vec![group["keep"].as_u64().expect("one is kept")];
    members.extend(group["drop"].as_array().expect("a list").iter().filter_map(Value::as_u64));
    assert_eq!(members.last(), Some(&4), "the blurred one is the worst: {summary}");
    members.sort_unstable();
    assert_eq!(members, [2, 3, 4]);
    let retake = summary["retake"].as_array().expect("a list");
    assert!(!retake.contains(&4.into()), "a better copy is there: {summary}");
    let verdict = |index: usize| answer["results"][index]["score"]["verdict"].as_str().expect("a verdict");
    let distinct = [0, 1, group["keep"].as_u64().expect("one") as usize, 5];
    let shown = distinct.iter().filter(|index| verdict(**index) != "fail").count();
    assert_eq!(summary["missing"], 6 - shown as u64, "{summary}");
    let order: Vec<u64> = summary["order"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    assert_eq!((order.len(), order.first().copied()), (6, summary["lead"].as_u64()));
}

#[tokio::test]
async fn limits_of_a_form_are_exact() {
    let small = jpeg(&room(64, 64, 1), 50);
    let server = Server::start(&["--max-images", "3", "--max-form-bytes", "20000"]);
    assert_eq!(send(&server, "", form(&vec![small.clone(); 3])).await.status(), 200);
    problem(send(&server, "", form(&vec![small.clone(); 4])).await, 413, "too_many_images").await;
    problem(send(&server, "", form(&[vec![0; 20_000]])).await, 413, "body_too_large").await;
    problem(send(&server, "", Form::new().text("picture", "x")).await, 400, "bad_multipart").await;
    let raw = server.client.post(format!("{}/score/batch", server.url)).body(small).send().await;
    problem(raw.expect("an answer"), 400, "bad_multipart").await;
    problem(send(&server, "?profile=nobody", form(&[pavilion()])).await, 400, "unknown_profile").await;
    // Photos of a form that was refused half-way are given up, if not at the very moment of the answer.
    server.until("clearshot_photos_in_flight 0", Duration::from_secs(10)).await;
}

//! From numbers to a decision: profiles, reasons, where a photo is blurred and how large it may be shown.

mod support;

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, replace, resize};
use serde_json::{Value, json};
use support::photos::{blurred, jpeg, pavilion, textured, turned};
use support::room::room;
use support::server::{Server, problem, refusal};

async fn score(server: &Server, query: &str, photo: Vec<u8>) -> Value {
    let response = server.client.post(format!("{}/score?{query}", server.url)).body(photo).send().await;
    let response = response.expect("the server answers");
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn the_same_photo_is_judged_by_the_profile_asked_for_and_the_reason_says_it_all() {
    let server = Server::start(&[]);
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let tilted = jpeg(&turned(&photo, 8.0), 92);
    let estate = score(&server, "profile=real-estate", tilted.clone()).await;
    assert_eq!((estate["verdict"].as_str(), estate["profile"].as_str()), (Some("fail"), Some("real-estate")));
    let reason = &estate["reasons"][0];
    let rotation = &estate["scores"]["rotation"];
    for field in ["value", "low", "high"] {
        assert_eq!(reason[field], rotation[field]);
    }
    assert_eq!((reason["code"].as_str(), reason["metric"].as_str()), (Some("tilted"), Some("rotation")));
    assert_eq!((reason["threshold"].as_f64(), reason["severity"].as_str()), (Some(4.0), Some("fixable")));
    let degrees = rotation["value"].as_f64().expect("a number");
    assert_eq!(reason["advice"], format!("Rotate {degrees:.1} degrees counterclockwise."));
    let probability = reason["probability"].as_f64().expect("a number");
    assert!(probability > 0.9 && probability <= 1.0, "four degrees beyond the threshold: {reason}");
    assert!(estate["quality"].as_u64() < Some(50), "{estate}");
    let dealer = score(&server, "profile=car-dealer", tilted).await;
    assert!(dealer["quality"].as_u64() > Some(50), "a tilt weighs half for a dealer: {dealer}");
    let slightly = jpeg(&turned(&photo, 5.0), 92);
    assert_ne!(score(&server, "profile=real-estate", slightly.clone()).await["verdict"], "pass");
    assert_ne!(score(&server, "profile=car-dealer", slightly).await["verdict"], "fail");
    let soft = score(&server, "profile=real-estate", jpeg(&blurred(&room(1024, 768, 5), 4.0), 92)).await;
    assert_eq!(soft["reasons"][0]["severity"], "retake");
    assert_eq!(soft["reasons"][0]["advice"], "Rest the camera on something firm and take the photo again.");
}

/// Thresholds of the profiles decide, by the probability that is said: what is said is what was compared.
#[tokio::test]
async fn the_probabilities_said_and_the_profile_listed_lead_to_the_verdict() {
    let server = Server::start(&[]);
    let listed: Value = server.get("/profiles").await.json().await.expect("JSON");
    let mut verdicts = std::collections::BTreeSet::new();
    for profile in listed["profiles"].as_array().expect("a list") {
        let [review_at, fail_at] = ["review_at", "fail_at"].map(|field| profile[field].as_f64().expect("a number"));
        for degrees in [0.0, 3.5, 4.5, 5.5, 9.0] {
            let query = format!("profile={}", profile["name"].as_str().expect("a name"));
            let answer = score(&server, &query, jpeg(&turned(&room(800, 600, 5), degrees), 90)).await;
            let reasons = answer["reasons"].as_array().expect("a list");
            let said = reasons.iter().map(|reason| reason["probability"].as_f64().expect("a number"));
            let worst = said.fold(0.0, f64::max);
            let expected = match worst {
                fault if fault >= fail_at => "fail",
                fault if fault >= review_at => "unsure",
                _ => "pass",
            };
            assert_eq!(answer["verdict"], expected, "{answer}");
            verdicts.insert(expected);
        }
    }
    assert!(verdicts.contains("pass") && verdicts.contains("fail"), "{verdicts:?}");
}

#[tokio::test]
async fn nobody_has_to_take_a_photo_again_for_ever() {
    let server = Server::start(&[]);
    let listed: Value = server.get("/profiles").await.json().await.expect("JSON");
    assert_eq!(listed["profiles"][0]["max_attempts"], 3);
    let soft = jpeg(&blurred(&textured().remove(3), 4.0), 92);
    let first = score(&server, "attempt=1", soft.clone()).await;
    assert_eq!((&first["verdict"], &first["reasons"][0]["code"]), (&"fail".into(), &"blurred".into()), "{first}");
    assert_eq!(without_id(score(&server, "attempt=2", soft.clone()).await), without_id(first.clone()));
    let mut last = score(&server, "attempt=3", soft.clone()).await;
    assert_eq!(last["verdict"], "unsure");
    last["verdict"] = "fail".into();
    assert_eq!(without_id(last), without_id(first), "nothing else changes");
    let tilted = jpeg(&turned(&room(1600, 1200, 5), 12.0), 92);
    let fixable = score(&server, "attempt=9", tilted).await;
    assert_eq!((&fixable["verdict"], &fixable["reasons"][0]["severity"]), (&"fail".into(), &"fixable".into()));
    let form = || reqwest::multipart::Form::new().part("image", reqwest::multipart::Part::bytes(soft.clone()));
    let batch = server.client.post(format!("{}/score/batch?attempt=3", server.url)).multipart(form()).send().await;
    let answer: Value = batch.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["results"][0]["score"]["verdict"], "unsure");
    for wrong in ["0", "-1", "1.5", "1001", ""] {
        let url = format!("{}/score?attempt={wrong}", server.url);
        let refused = server.client.post(url).body(soft.clone()).send().await;
        problem(refused.expect("an answer"), 400, "bad_query").await;
    }
}

fn without_id(mut answer: Value) -> Value {
    answer.as_object_mut().expect("an object").remove("request_id");
    answer
}

#[tokio::test]
async fn another_coverage_changes_intervals_and_nothing_else() {
    let server = Server::start(&[]);
    let tilted = jpeg(&turned(&room(800, 600, 5), 4.0), 92);
    let plain = score(&server, "", tilted.clone()).await;
    assert_eq!(score(&server, "coverage=0.9", tilted.clone()).await["scores"], plain["scores"]);
    let [narrow, wide] = [
        score(&server, "coverage=0.5", tilted.clone()).await,
        score(&server, "coverage=0.99&profile=default", tilted.clone()).await,
    ];
    let number = |answer: &Value, pointer: &str| answer.pointer(pointer).and_then(Value::as_f64).expect("a number");
    assert_eq!([&narrow, &plain, &wide].map(|answer| number(answer, "/coverage")), [0.5, 0.9, 0.99]);
    for metric in ["blur", "brightness", "rotation"] {
        let end = |answer: &Value, end: &str| number(answer, &format!("/scores/{metric}/{end}"));
        let width = |answer: &Value| end(answer, "high") - end(answer, "low");
        assert!(width(&narrow) < width(&plain) && width(&plain) < width(&wide), "{metric}: {narrow} {plain} {wide}");
        assert!(end(&wide, "low") <= end(&plain, "low") && end(&plain, "low") <= end(&narrow, "low"));
    }
    let decided = |answer: &Value| {
        let reasons = answer["reasons"].as_array().expect("a list").iter();
        let reasons: Vec<_> = reasons.map(|reason| (reason["code"].clone(), reason["probability"].clone())).collect();
        (answer["verdict"].clone(), answer["quality"].clone(), reasons)
    };
    assert_eq!([decided(&narrow), decided(&wide)], [decided(&plain), decided(&plain)]);
    let form = || reqwest::multipart::Form::new().part("image", reqwest::multipart::Part::bytes(tilted.clone()));
    let batch =
        |query: &str| server.client.post(format!("{}/score/batch?{query}", server.url)).multipart(form()).send();
    let answer: Value = batch("coverage=0.5").await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["results"][0]["score"]["scores"], narrow["scores"]);
    problem(batch("coverage=2").await.expect("an answer"), 400, "bad_query").await;
    for wrong in ["0.49", "0.999", "1", "-0.9", "NaN", "inf", "much", ""] {
        let url = format!("{}/score?coverage={wrong}", server.url);
        let refused = server.client.post(url).body(tilted.clone()).send().await;
        problem(refused.expect("an answer"), 400, "bad_query").await;
    }
}

#[tokio::test]
async fn profiles_are_listed_and_a_file_takes_their_place() {
    let server = Server::start(&[]);
    let listed: Value = server.get("/profiles").await.json().await.expect("JSON");
    let names = |listed: &Value| -> Vec<String> {
        let profiles = listed["profiles"].as_array().expect("a list").iter();
        profiles.map(|profile| profile["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&listed), ["default", "real-estate", "car-dealer"]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    // What is listed can be changed and given back.
    let mut own = listed;
    own["profiles"][1]["name"] = "strict".into();
    own["profiles"][1]["rotation"] = json!({"low": -0.1, "high": 0.1, "expected_share": 0.999});
    std::fs::write(&file, own.to_string()).expect("it can be written");
    let path = file.path().to_str().expect("text");
    let server = Server::start(&["--profiles", path]);
    let answer = score(&server, "profile=strict", pavilion()).await;
    assert!(answer["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{answer}");
    let gone = server.client.post(format!("{}/score?profile=real-estate", server.url)).body(pavilion()).send().await;
    problem(gone.expect("an answer"), 400, "unknown_profile").await;
    own["profiles"][1]["rotation"]["high"] = (-1.0).into();
    std::fs::write(&file, own.to_string()).expect("it can be written");
    let said = refusal(&["--profiles", path]);
    assert!(said.contains("profile `strict` is refused: rotation: `high`"), "{said}");
    own["profiles"][1]["rotation"]["high"] = 0.1.into();
    own["profiles"][1]["review_at"] = 0.9.into();
    std::fs::write(&file, own.to_string()).expect("it can be written");
    let said = refusal(&["--profiles", path]);
    assert!(said.contains("profile `strict` is refused: `review_at`"), "{said}");
    own["profiles"][1]["review_at"] = 0.3.into();
    own["profiles"][1]["checks"]["frame"] = json!({"low": 0.02});
    std::fs::write(&file, own.to_string()).expect("it can be written");
    let said = refusal(&["--profiles", path]);
    assert!(said.contains("profile `strict` is refused: frame: there is no too low"), "{said}");
}

#[tokio::test]
async fn the_map_shows_where_a_photo_is_blurred() {
    let server = Server::start(&[]);
    let sharp = room(1024, 768, 3);
    let mut half: RgbImage = sharp.clone();
    replace(&mut half, &crop_imm(&blurred(&sharp, 4.0), 0, 0, 512, 768).to_image(), 0, 0);
    let answer = score(&server, "detail=tiles", jpeg(&half, 92)).await;
    let map = &answer["tiles"];
    let tiles = map["tiles"].as_array().expect("tiles");
    let number = |value: &Value, field: &str| value[field].as_f64().expect("a number");
    assert_eq!(tiles.len() as f64, number(map, "columns") * number(map, "rows"));
    let total: f64 = tiles.iter().map(|tile| number(tile, "weight")).sum();
    assert!((total - 1.0).abs() < 1e-3, "{total}");
    // Mean blur of the tiles within one half, each by its weight.
    let mean = |from: f64, to: f64| {
        let within = |tile: &&Value| number(tile, "left") >= from && number(tile, "left") + number(tile, "width") <= to;
        let chosen: Vec<_> = tiles.iter().filter(within).collect();
        let weight: f64 = chosen.iter().map(|tile| number(tile, "weight")).sum();
        chosen.iter().map(|tile| number(tile, "sigma") * number(tile, "weight")).sum::<f64>() / weight
    };
    let (left, right) = (mean(0.0, 0.5), mean(0.5, 1.0));
    assert!(left > right + 1.5, "{left} {right}");
    assert!(server.score(jpeg(&half, 92)).await.get("tiles").is_none(), "only on demand");
    let unknown = server.client.post(format!("{}/score?detail=everything", server.url)).body(pavilion()).send().await;
    problem(unknown.expect("an answer"), 400, "bad_query").await;
}

#[tokio::test]
async fn a_photo_shown_as_wide_as_it_may_be_looks_sharp() {
    let server = Server::start(&[]);
    // Blur of 2.5 pixels on the reference view, which is 1024 pixels wide.
    let photo = blurred(&room(1600, 1200, 9), 2.5 * 1600.0 / 1024.0);
    let answer = server.score(jpeg(&photo, 92)).await;
    let width = answer["max_usable_width"].as_u64().expect("a width");
    assert!((240..=420).contains(&width), "{answer}");
    let shown = resize(&photo, width as u32, (width * 3 / 4) as u32, FilterType::CatmullRom);
    let again = server.score(jpeg(&shown, 92)).await;
    let blur = again["scores"]["blur"]["value"].as_f64().expect("a number");
    assert!(blur < 1.2, "{again}");
    assert_eq!(server.score(pavilion()).await["max_usable_width"], 640, "a sharp photo in all its width");
}

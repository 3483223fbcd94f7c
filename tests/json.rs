//! Images in JSON: clients that generate their requests send base64 or data URLs.

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Response;
use serde_json::json;
use support::photos::{jpeg, pavilion, turned};
use support::room::room;
use support::server::{Server, problem, said};

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

async fn send(server: &Server, path: &str, body: impl Into<reqwest::Body>) -> Response {
    let request = server.client.post(format!("{}{path}", server.url));
    request.header("content-type", "application/json; charset=utf-8").body(body).send().await.expect("an answer")
}

#[tokio::test]
async fn a_photo_in_json_is_scored_as_the_photo_itself() {
    let server = Server::start(&[]);
    let alone = said(server.post(pavilion()).await).await;
    let text = base64(&pavilion());
    let escaped = format!("{{\"image\": \"{}\"}}", text.replace('/', "\\/"));
    let url = json!({"image": format!("data:image/png;base64,{text}"), "note": "ignored"}).to_string();
    for body in [json!({"image": text}).to_string(), escaped, url] {
        assert_eq!(said(send(&server, "/score", body).await).await, alone);
    }
    // What is declared is not trusted: bytes that are a photo are one, and a photo's refusal is one.
    assert_eq!(said(send(&server, "/score", pavilion()).await).await, alone);
    problem(send(&server, "/score", "text").await, 415, "unsupported_format").await;
    problem(send(&server, "/score", "").await, 400, "empty_body").await;
}

#[tokio::test]
async fn a_photo_in_json_is_corrected() {
    let server = Server::start(&[]);
    let tilted = jpeg(&turned(&room(1200, 900, 3), 8.0), 92);
    let corrected = send(&server, "/correct", json!({"image": base64(&tilted)}).to_string()).await;
    assert_eq!(corrected.status(), 200);
    assert!(corrected.headers().contains_key("clearshot-receipt"));
    assert_eq!(corrected.headers()["content-type"], "image/jpeg");
    problem(send(&server, "/correct", json!({"image": "?"}).to_string()).await, 400, "bad_base64").await;
}

#[tokio::test]
async fn bad_json_and_bad_base64_are_named_with_the_way_out() {
    let server = Server::start(&[]);
    for body in
        ["{", "{}", "[]", "\"/9j/\"", "{\"image\": 1}", "{\"image\": null}", "{\"image\": \"\", \"image\": \"\"}"]
    {
        let document = problem(send(&server, "/score", body).await, 400, "bad_json").await;
        let detail = document["detail"].as_str().expect("text");
        assert!(detail.contains("send `{\"image\": \"...\"}`"), "{detail}");
    }
    for (route, body) in [
        ("/score", "{\"image\": \"/9j/\", \"profile\": \"car-dealer\"}"),
        ("/score/batch", "{\"images\": [{}], \"summary\": true}"),
    ] {
        let document = problem(send(&server, route, body).await, 400, "bad_json").await;
        assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("of the query")), "{document}");
    }
    let document = problem(send(&server, "/score", "{\"image\": \"/9j/!\"}").await, 400, "bad_base64").await;
    assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("encode the bytes of the file")));
    problem(send(&server, "/score", "{\"image\": \"\"}").await, 400, "empty_body").await;
    let text = json!({"image": base64(b"just some text")}).to_string();
    problem(send(&server, "/score", text).await, 415, "unsupported_format").await;
}

#[tokio::test]
async fn each_photo_of_a_list_gets_its_own_answer_under_its_name() {
    let server = Server::start(&[]);
    let photo = base64(&pavilion());
    let list = json!({"images": [
        {"image": photo, "name": "a.jpg"}, {"image": "?"}, {"name": "c.jpg"}, {"image": ""}, {"image": format!("data:;base64,{photo}")},
    ]});
    let answer = said(send(&server, "/score/batch?summary=true", list.to_string()).await).await;
    let results = answer["results"].as_array().expect("a list");
    let told: Vec<_> = results
        .iter()
        .map(|result| (result["name"].as_str(), result["status"].as_u64(), result["problem"]["code"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("a.jpg"), Some(200), None),
            (None, Some(400), Some("bad_base64")),
            (Some("c.jpg"), Some(400), Some("bad_json")),
            (None, Some(400), Some("empty_body")),
            (None, Some(200), None),
        ]
    );
    assert_eq!(results[0]["score"], results[4]["score"]);
    assert_eq!(answer["summary"]["duplicates"][0]["drop"], json!([4]));
    for body in ["{\"images\": []}", "{\"images\": {}}", "{\"image\": \"\"}", "", "text"] {
        problem(send(&server, "/score/batch", body).await, 400, "bad_json").await;
    }
}

#[tokio::test]
async fn json_keeps_to_the_limits_of_uploads() {
    let photo = jpeg(&room(200, 150, 1), 80);
    let one = json!({"image": base64(&photo)}).to_string();
    let list = |count: usize| json!({"images": vec![json!({"image": base64(&photo)}); count]}).to_string();
    let server = Server::start(&["--max-body-bytes", &list(2).len().to_string(), "--max-images", "2"]);
    assert_eq!(send(&server, "/score/batch", list(2)).await.status(), 200);
    problem(send(&server, "/score/batch", list(3)).await, 413, "body_too_large").await;
    problem(send(&server, "/score/batch", "{\"images\": [{}, {}, {}]}").await, 413, "too_many_images").await;
    let server = Server::start(&["--max-body-bytes", &one.len().to_string()]);
    assert_eq!(send(&server, "/score", one.clone()).await.status(), 200);
    problem(send(&server, "/score", format!("{one} ")).await, 413, "body_too_large").await;
}

#[tokio::test]
async fn photos_in_json_count_in_the_memory_of_uploads_until_they_are_done() {
    let photo = jpeg(&room(800, 600, 1), 95);
    let one = json!({"image": base64(&photo)}).to_string();
    // Room for the text, but not for what is in it beside it.
    let narrow = (one.len() * 3 / 2).to_string();
    let server = Server::start(&["--max-upload-memory", &narrow]);
    // Held alone, it may take all there is; and gives it back.
    for _ in 0..3 {
        assert_eq!(send(&server, "/score", one.clone()).await.status(), 200);
        let list = json!({"images": [{"image": base64(&photo)}]}).to_string();
        let answer = said(send(&server, "/score/batch", list).await).await;
        assert_eq!(answer["results"][0]["status"], 200, "{answer}");
    }
}

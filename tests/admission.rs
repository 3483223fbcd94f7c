//! Who is let in, and for how long: one deadline over reading and scoring, in a form from image to image.

mod support;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::{Body, Method, Response};
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, problem};

/// A body whose chunks come one after the other, each after a pause; it never ends unless the last chunk ends a form.
fn slow(chunks: Vec<Vec<u8>>, pause: Duration, ends: bool) -> Body {
    let chunks = stream::iter(chunks).then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(chunk)
    });
    if ends { Body::wrap_stream(chunks) } else { Body::wrap_stream(chunks.chain(stream::pending())) }
}

/// A part of a form up to the boundary that follows it: only that tells that the image is complete.
fn part(image: &[u8]) -> Vec<u8> {
    [b"\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n", image, b"\r\n--x"].concat()
}

async fn batch(server: &Server, body: Body) -> Response {
    let request = server.client.post(format!("{}/score/batch", server.url)).body(body);
    request.header("content-type", "multipart/form-data; boundary=x").send().await.expect("an answer")
}

#[tokio::test]
async fn a_form_may_take_longer_than_the_deadline_while_its_images_come_in_time() {
    let server = Server::start(&["--deadline-ms", "2500"]);
    let mut chunks = vec![b"--x".to_vec()];
    chunks.extend((0..4).map(|_| part(&pavilion())));
    chunks.push(b"--\r\n".to_vec());
    let started = Instant::now();
    let response = batch(&server, slow(chunks, Duration::from_millis(700), true)).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.expect("JSON");
    let statuses: Vec<_> = answer["results"].as_array().expect("a list").iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [200; 4]);
    assert!(started.elapsed() > Duration::from_millis(2500), "the test was to take longer than the deadline");
}

#[tokio::test]
async fn a_form_that_stalls_meets_the_deadline_and_frees_its_place() {
    let server = Server::start(&["--deadline-ms", "1500", "--max-in-flight", "1"]);
    let mut second = part(&pavilion());
    second.truncate(20_000);
    let chunks = vec![b"--x".to_vec(), part(&pavilion()), second];
    let started = Instant::now();
    problem(batch(&server, slow(chunks, Duration::ZERO, false)).await, 504, "deadline_exceeded").await;
    assert!(started.elapsed() > Duration::from_millis(1500), "not before its time");
    server.score(pavilion()).await;
    server.until("clearshot_photos_in_flight 0", Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_photo_that_comes_fast_enough_but_not_in_time_meets_the_deadline() {
    // 20 kB every 150 ms is far above the slowest pace that is allowed, and the server waits no longer for being sent something.
    let server = Server::start(&["--deadline-ms", "1000", "--max-in-flight", "1"]);
    let started = Instant::now();
    let chunks = vec![vec![0xFF; 20_000]; 6];
    let request = server.client.post(format!("{}/score", server.url));
    let request = request.body(slow(chunks, Duration::from_millis(150), false));
    problem(request.send().await.expect("an answer"), 504, "deadline_exceeded").await;
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    server.score(pavilion()).await;
}

#[tokio::test]
async fn methods_that_clients_make_up_are_no_labels() {
    let server = Server::start(&[]);
    let method = Method::from_bytes(b"FROBNICATE").expect("a token");
    let response = server.client.request(method, format!("{}/livez", server.url)).send().await.expect("an answer");
    problem(response, 405, "method_not_allowed").await;
    let metrics = server.metrics().await;
    let counted = "clearshot_http_requests_total{route=\"/livez\",method=\"other\",status=\"405\"} 1";
    assert!(metrics.lines().any(|line| line == counted) && !metrics.contains("FROBNICATE"), "{metrics}");
}

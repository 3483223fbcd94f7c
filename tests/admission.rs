//! Who is let in, and for how long: one deadline over reading and scoring, in a form for each image, and whose fault it is where it
//! passes.

mod support;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::{Body, Response};
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

/// The detail of an answer that must blame the client's upload.
async fn blamed(response: Response) -> String {
    let document = problem(response, 408, "upload_too_slow").await;
    document["detail"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_form_that_stalls_meets_the_deadline_and_frees_its_place() {
    let server = Server::start(&["--deadline-ms", "1500", "--max-in-flight", "1"]);
    let mut second = part(&pavilion());
    second.truncate(20_000);
    let chunks = vec![b"--x".to_vec(), part(&pavilion()), second];
    let started = Instant::now();
    let detail = blamed(batch(&server, slow(chunks, Duration::ZERO, false)).await).await;
    assert!(detail.contains("complete after 1.5 s"), "{detail}");
    assert!(started.elapsed() > Duration::from_millis(1500), "not before its time");
    server.score(pavilion()).await;
    server.until("clearshot_photos_in_flight 0", Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_form_that_drips_above_the_slowest_pace_holds_its_place_no_longer_than_one_image_may_take() {
    let server = Server::start(&["--deadline-ms", "1500", "--max-in-flight", "1"]);
    // 40 kB a second, for half a minute.
    let mut chunks = vec![b"--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".to_vec()];
    chunks.extend(vec![vec![0; 4000]; 300]);
    let started = Instant::now();
    let dripping = batch(&server, slow(chunks, Duration::from_millis(100), true));
    blamed(dripping.await).await;
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    server.score(pavilion()).await;
}

#[tokio::test]
async fn a_form_of_many_small_images_has_ten_times_the_time_of_one() {
    let server = Server::start(&["--deadline-ms", "2000", "--min-upload-rate", "0", "--max-in-flight", "1"]);
    // Each in time, together not: 50 times half a second.
    let mut chunks = vec![part(b"no photo"); 50];
    chunks[0].splice(..0, *b"--x");
    chunks.push(b"--\r\n".to_vec());
    let started = Instant::now();
    let detail = blamed(batch(&server, slow(chunks, Duration::from_millis(500), true)).await).await;
    assert!(detail.contains("complete after 20 s"), "{detail}");
    assert!(started.elapsed() >= Duration::from_secs(20), "not before its time: {:?}", started.elapsed());
    let again = batch(&server, Body::from([&b"--x"[..], &part(b"no photo"), b"--\r\n"].concat())).await;
    assert_eq!(again.status(), 200, "its place is free");
}

#[tokio::test]
async fn a_photo_that_comes_fast_enough_but_not_in_time_is_the_clients_fault() {
    // 20 kB every 150 ms is far above the slowest pace that is allowed, and the server waits no longer for being sent something.
    let server = Server::start(&["--deadline-ms", "1000", "--max-in-flight", "1"]);
    let started = Instant::now();
    let chunks = vec![vec![0xFF; 20_000]; 6];
    let request = server.client.post(format!("{}/score", server.url));
    let request = request.body(slow(chunks, Duration::from_millis(150), false));
    blamed(request.send().await.expect("an answer")).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    server.score(pavilion()).await;
}

/// Waits so long for a batch to fill that no photo alone is scored in time.
const LATE: [&str; 4] = ["--max-batch", "8", "--max-delay-ms", "20000"];

#[tokio::test]
async fn who_took_the_larger_part_of_the_time_is_to_blame() {
    let server = Server::start(&[&LATE[..], &["--deadline-ms", "6000", "--min-upload-rate", "0"]].concat());
    let send = async |pause| {
        let (first, last) = (pavilion()[..1000].to_vec(), pavilion()[1000..].to_vec());
        let request = server.client.post(format!("{}/score", server.url));
        request.body(slow(vec![first, last], pause, true)).send().await.expect("an answer")
    };
    let detail = blamed(send(Duration::from_secs(2)).await).await;
    assert!(detail.contains("of the 6 s"), "{detail}");
    problem(send(Duration::ZERO).await, 504, "deadline_exceeded").await;
}

/// A photo of noise, which no encoder makes small.
fn large() -> Vec<u8> {
    let mut state = 1u32;
    let noise = image::RgbImage::from_fn(1000, 800, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
    });
    support::photos::jpeg(&noise, 90)
}

#[tokio::test]
async fn time_in_which_the_server_does_not_read_is_not_the_clients() {
    // Each photo waits a second for a batch that does not fill, one after the other: meanwhile the form is not read, and its sender
    // is stopped by full buffers. On average it is far slower than the slowest pace that is allowed.
    let flags = ["--decoders", "1", "--max-batch", "8", "--max-delay-ms", "1000", "--min-upload-rate", "20000000"];
    let server = Server::start(&[&flags[..], &["--deadline-ms", "10000"]].concat());
    let photo = large();
    assert!(photo.len() > 600_000, "{}", photo.len());
    let mut form = b"--x".to_vec();
    (0..16).for_each(|_| form.extend(part(&photo)));
    form.extend(b"--\r\n");
    let chunks = form.chunks(64 << 10).map(<[u8]>::to_vec).collect();
    let started = Instant::now();
    let response = batch(&server, slow(chunks, Duration::ZERO, true)).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.expect("text"));
    assert!(started.elapsed() > Duration::from_secs(5), "the server was to be slow: {:?}", started.elapsed());
    let answer: Value = response.json().await.expect("JSON");
    assert!(answer["results"].as_array().expect("a list").iter().all(|one| one["status"] == 200), "{answer}");
}

#[tokio::test]
async fn uploads_hold_no_more_than_they_may_together() {
    let server = Server::start(&["--max-upload-memory", "300000"]);
    let photo = pavilion();
    let held = stream::iter([Ok::<_, Infallible>(photo[..190_000].to_vec())]).chain(stream::pending());
    let request = server.client.post(format!("{}/score", server.url)).body(Body::wrap_stream(held));
    let holding = tokio::spawn(async move { request.send().await });
    // It has to be there before others come: who comes while there is no room is refused, and that could be it.
    server.until("clearshot_photos_in_flight 1", Duration::from_secs(20)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let started = Instant::now();
    while server.post(photo.clone()).await.status() == 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "both were held");
    }
    let refused = server.post(photo.clone()).await;
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 503, "overloaded").await;
    let small = support::photos::jpeg(&support::room::room(64, 48, 1), 80);
    server.score(small).await;
    // Its client hangs up.
    holding.abort();
    let started = Instant::now();
    while server.post(photo.clone()).await.status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "what it held is not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! Requests that must be refused: with the right status and code, as a problem document, and without harm.

mod support;

use std::time::Duration;

use support::photos::{jpeg, pavilion, with_claimed_size};
use support::room::room;
use support::server::{Server, problem};

#[tokio::test]
async fn uploads_that_are_no_photo_are_refused_and_the_next_is_scored() {
    let server = Server::start(&[]);
    problem(server.post("").await, 400, "empty_body").await;
    problem(server.post("just some text").await, 415, "unsupported_format").await;
    let photo = pavilion();
    for share in [3, 50, 90] {
        let cut = photo[..photo.len() * share / 100].to_vec();
        problem(server.post(cut).await, 422, "undecodable_image").await;
    }
    let small = jpeg(&room(64, 48, 1), 80);
    problem(server.post(with_claimed_size(&small, 30_000, 30_000)).await, 422, "image_too_large").await;
    problem(server.post(jpeg(&room(31, 400, 1), 80)).await, 422, "image_too_small").await;
    server.score(photo).await;
}

/// field/README.md, kinds 24 and 43.
#[tokio::test]
async fn what_is_sent_instead_of_a_photo_is_named_with_the_way_out() {
    let server = Server::start(&[]);
    let photo = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pavilion());
    for (sent, named, remedy) in [
        (b"\0\0\0\x0CJXL \r\n\x87\n".to_vec(), "a JPEG XL image", "save it as JPEG"),
        (b"II*\0\x08\0\0\0".to_vec(), "a TIFF or a camera's raw image", "save it as JPEG"),
        (b"%PDF-1.7\n".to_vec(), "a PDF document", "render it"),
        (format!("data:image/jpeg;base64,{photo}").into_bytes(), "a data URL", "the bytes of the file itself"),
        (photo.clone().into_bytes(), "an image in base64", "the bytes of the file itself"),
        (format!("{{\"image\": \"{photo}\"}}").into_bytes(), "JSON", "`Content-Type: application/json`"),
    ] {
        let document = problem(server.post(sent).await, 415, "unsupported_format").await;
        let detail = document["detail"].as_str().expect("text");
        assert!(detail.contains(named) && detail.contains(remedy), "{detail}");
    }
}

/// What curl makes of a photo by `-d @photo.jpg`: it takes line breaks and zeros out. What the decoder says of the rest is one line.
#[tokio::test]
async fn what_a_decoder_says_is_told_in_one_line() {
    let server = Server::start(&[]);
    let photo: Vec<u8> = pavilion().into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
    let document = problem(server.post(photo).await, 422, "undecodable_image").await;
    let detail = document["detail"].as_str().expect("text");
    assert!(detail.ends_with('.') && !detail.contains('\n'), "{detail}");
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_told_where_to_look() {
    let server = Server::start(&[]);
    let document = problem(server.get("/v1/score").await, 404, "not_found").await;
    assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("`/docs`")), "{document}");
    let refused = server.get("/score").await;
    assert_eq!(refused.headers()["allow"], "POST");
    let document = problem(refused, 405, "method_not_allowed").await;
    assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("`Allow`")), "{document}");
}

#[tokio::test]
async fn an_avif_is_refused_by_name_where_it_is_not_read() {
    let server = Server::start(&[]);
    let head = b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif".to_vec();
    let (status, code, said) = if cfg!(feature = "avif") {
        (422, "undecodable_image", "the AVIF image cannot be decoded")
    } else {
        (
            415,
            "unsupported_format",
            "the bytes are an AVIF image, not a supported image format (JPEG, HEIC, PNG, WebP, GIF, BMP): save it as JPEG, PNG or WebP",
        )
    };
    let document = problem(server.post(head).await, status, code).await;
    assert!(document["detail"].as_str().is_some_and(|detail| detail.starts_with(said)), "{document}");
}

/// What is refused is told what is read, in the problem and on the page alike.
#[tokio::test]
async fn the_formats_that_a_build_reads_are_named() {
    let server = Server::start(&[]);
    let formats = if cfg!(feature = "avif") {
        "JPEG, HEIC, PNG, WebP, GIF, BMP, AVIF"
    } else {
        "JPEG, HEIC, PNG, WebP, GIF, BMP"
    };
    let document = problem(server.post("text").await, 415, "unsupported_format").await;
    assert_eq!(document["detail"], format!("the bytes are not a supported image format ({formats})."));
    let page = server.get("/").await.text().await.expect("text");
    assert!(page.contains(&format!("or choose some: {formats}. ")), "{page}");
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_such() {
    let server = Server::start(&[]);
    let send = async |path: &str, coding: &str| {
        let request = server.client.post(format!("{}{path}", server.url)).header("content-encoding", coding);
        request.body(pavilion()).send().await.expect("an answer")
    };
    for path in ["/score", "/score/batch", "/correct"] {
        let refused = send(path, "gzip").await;
        assert_eq!(refused.headers()["accept-encoding"], "identity");
        problem(refused, 415, "unsupported_encoding").await;
    }
    problem(send("/score", "identity, br").await, 415, "unsupported_encoding").await;
    assert_eq!(send("/score", "Identity").await.status(), 200);
}

#[tokio::test]
async fn what_is_said_to_a_client_again_is_short() {
    let server = Server::start(&[]);
    let long = "y".repeat(20_000);
    for query in [format!("profile={long}"), format!("detail={long}")] {
        let request = server.client.post(format!("{}/score?{query}", server.url)).body(pavilion());
        let answer = request.send().await.expect("an answer").text().await.expect("text");
        assert!(answer.len() < 1000 && answer.contains("yyyy"), "{} bytes", answer.len());
    }
}

#[tokio::test]
async fn limits_hold_exactly() {
    let photo = jpeg(&room(200, 150, 1), 80);
    let size = photo.len();
    let server = Server::start(&["--max-body-bytes", &size.to_string(), "--max-pixels", "30000"]);
    server.score(photo.clone()).await;
    let mut longer = photo.clone();
    longer.push(0);
    problem(server.post(longer.clone()).await, 413, "body_too_large").await;
    // Without a declared length the limit is found while reading.
    let chunks = longer.chunks(1000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let streamed = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    problem(server.post(streamed).await, 413, "body_too_large").await;
    problem(server.post(jpeg(&room(201, 150, 1), 10)).await, 422, "image_too_large").await;
}

#[tokio::test]
async fn a_side_may_be_as_long_as_the_limit_and_no_longer() {
    let server = Server::start(&["--max-side", "200"]);
    for (width, height) in [(200, 50), (50, 200)] {
        server.score(jpeg(&room(width, height, 1), 80)).await;
    }
    for (width, height) in [(201, 50), (50, 201)] {
        let refused = problem(server.post(jpeg(&room(width, height, 1), 80)).await, 422, "image_too_large").await;
        let detail = refused["detail"].as_str().expect("text");
        assert!(detail.contains("at most 200 pixels a side"), "{detail}");
    }
}

#[tokio::test]
async fn forms_must_hold_one_image() {
    let server = Server::start(&[]);
    // A connection whose upload was refused half way is closed: none is used twice, or the next request may meet the end.
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let send =
        async |form| client.post(format!("{}/score", server.url)).multipart(form).send().await.expect("an answer");
    let form = reqwest::multipart::Form::new;
    let part = || reqwest::multipart::Part::bytes(pavilion());
    let document = problem(send(form().text("picture", "x")).await, 400, "bad_multipart").await;
    assert!(document["detail"].as_str().is_some_and(|detail| detail.contains("`-F image=@FILE`")), "{document}");
    problem(send(form().part("image", part()).part("image", part())).await, 400, "bad_multipart").await;
    problem(send(form().text("image", "")).await, 400, "empty_body").await;
    let broken = server.client.post(format!("{}/score", server.url));
    let broken = broken.header("content-type", "multipart/form-data; boundary=x").body("--y\r\n").send();
    problem(broken.await.expect("an answer"), 400, "bad_multipart").await;
}

#[tokio::test]
async fn unknown_profiles_routes_and_methods_are_problems_too() {
    let server = Server::start(&[]);
    let unknown = server.client.post(format!("{}/score?profile=nobody", server.url)).body(pavilion()).send();
    problem(unknown.await.expect("an answer"), 400, "unknown_profile").await;
    let twice = server.client.post(format!("{}/score?profile=a&profile=b", server.url)).body(pavilion()).send();
    problem(twice.await.expect("an answer"), 400, "bad_query").await;
    // A misspelt one would be judged by defaults, and nobody would know.
    for route in ["score?profil=car-dealer", "score/batch?summery=true", "correct?frames=keep"] {
        let misspelt = server.client.post(format!("{}/{route}", server.url)).body(pavilion()).send();
        let detail = problem(misspelt.await.expect("an answer"), 400, "bad_query").await["detail"].to_string();
        assert!(detail.contains("unknown field") && detail.contains("`profile`"), "{detail}");
    }
    problem(server.get("/nothing/here").await, 404, "not_found").await;
    let wrong = server.get("/score").await;
    assert_eq!(wrong.headers().get("allow").and_then(|allow| allow.to_str().ok()), Some("POST"));
    problem(wrong, 405, "method_not_allowed").await;
}

type Chunk = Result<Vec<u8>, std::io::Error>;

/// A body that goes on until its sender is dropped.
fn endless_body() -> (tokio::sync::mpsc::Sender<Chunk>, reqwest::Body) {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Chunk>(1);
    let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    (sender, reqwest::Body::wrap_stream(stream))
}

#[tokio::test]
async fn a_full_house_refuses_with_retry_after_and_recovers() {
    let server = Server::start(&["--max-in-flight", "1"]);
    // Holds the only permit: the body never comes to its end until this sender is dropped.
    let (sender, body) = endless_body();
    let photo = pavilion();
    sender.send(Ok(photo[..1000].to_vec())).await.expect("it is read");
    let request = server.client.post(format!("{}/score", server.url)).body(body);
    let slow = tokio::spawn(async move { request.send().await });
    server.until("clearshot_photos_in_flight 1", Duration::from_secs(10)).await;
    let refused = server.post(photo.clone()).await;
    assert!(refused.headers().contains_key("retry-after"));
    problem(refused, 503, "overloaded").await;
    assert_eq!(server.get("/readyz").await.status(), 200, "overload does not flip readiness");
    sender.send(Ok(photo[1000..].to_vec())).await.expect("it is read");
    drop(sender);
    assert_eq!(slow.await.expect("it ends").expect("an answer").status(), 200);
    server.score(photo).await;
}

#[tokio::test]
async fn a_body_that_never_ends_meets_the_deadline() {
    let server = Server::start(&["--deadline-ms", "300"]);
    let (sender, body) = endless_body();
    sender.send(Ok(vec![0xFF, 0xD8])).await.expect("it is read");
    let answer = server.client.post(format!("{}/score", server.url)).body(body).send().await.expect("an answer");
    problem(answer, 408, "upload_too_slow").await;
    drop(sender);
}

#[tokio::test]
async fn harmless_request_ids_are_kept_and_others_replaced() {
    let server = Server::start(&[]);
    let send = async |id: &str| {
        let response = server.client.get(format!("{}/livez", server.url)).header("x-request-id", id).send();
        response.await.expect("an answer").headers()["x-request-id"].to_str().expect("text").to_owned()
    };
    assert_eq!(send("order-17.front_door").await, "order-17.front_door");
    for harmful in ["a b", "x\"}{", &"y".repeat(65)] {
        assert_eq!(send(harmful).await.len(), 36);
    }
}

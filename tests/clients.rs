//! Clients that are slow or go away: they cost nothing afterwards, and the metrics tell.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use support::photos::{encoded, pavilion};
use support::server::Server;

/// A connection that has sent the head of an upload and a part of its body.
fn begun(server: &Server, sent: &[u8]) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!("POST /score HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n", pavilion().len());
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.write_all(sent).expect("it reads");
    stream
}

#[tokio::test]
async fn a_client_that_hangs_up_in_its_body_is_forgotten() {
    let server = Server::start(&["--max-in-flight", "1"]);
    let stream = begun(&server, &pavilion()[..5000]);
    server.until("clearshot_photos_in_flight 1", Duration::from_secs(10)).await;
    drop(stream);
    server.until("clearshot_photos_in_flight 0", Duration::from_secs(10)).await;
    let metrics = server.metrics().await;
    let counted = metrics.contains("clearshot_abandoned_total{stage=\"Read\"} 1")
        || metrics.contains("clearshot_rejected_total{reason=\"broken_body\"} 1");
    assert!(counted, "{metrics}");
    server.score(pavilion()).await;
}

#[test]
fn a_client_that_never_ends_its_head_is_let_go() {
    let server = Server::start(&[]);
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").expect("plain HTTP")).expect("it listens");
    stream.write_all(b"POST /score HTTP/1.1\r\nhost: x\r\n").expect("it reads");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it can be set");
    let started = Instant::now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server closes it");
    assert!(started.elapsed() > Duration::from_secs(5), "not before it had its chance");
}

#[tokio::test]
async fn a_client_that_hangs_up_while_its_photo_waits_never_reaches_the_model() {
    // One decoder, which three large photos keep busy: decoding them takes long, sending them does not.
    let server = Server::start(&["--decoders", "1"]);
    let large = encoded(&RgbImage::from_pixel(8000, 7000, Rgb([120, 130, 140])), ImageFormat::Png);
    let send = || server.client.post(format!("{}/score", server.url)).body(large.clone());
    let before: Vec<_> = (0..3)
        .map(|_| {
            let request = send();
            tokio::spawn(async move { request.send().await.expect("an answer").status() })
        })
        .collect();
    server.until("clearshot_photos_in_flight 3", Duration::from_secs(10)).await;
    let stream = begun(&server, &pavilion());
    server.until("clearshot_photos_in_flight 4", Duration::from_secs(10)).await;
    drop(stream);
    server.until("clearshot_abandoned_total{stage=\"Wait\"} 1", Duration::from_secs(10)).await;
    for first in before {
        assert_eq!(first.await.expect("it ends"), 200);
    }
    server.score(pavilion()).await;
    server.until("clearshot_photos_in_flight 0", Duration::from_secs(10)).await;
    for metric in ["blur", "brightness", "rotation"] {
        assert_eq!(server.photos_run(metric).await, 4, "{metric}: the large ones and the last");
    }
}

#[test]
fn a_client_that_sends_a_byte_now_and_then_is_cut_off() {
    let server = Server::start(&["--max-in-flight", "1"]);
    let started = Instant::now();
    let mut stream = begun(&server, &pavilion()[..10]);
    stream.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
    let mut answer = Vec::new();
    let mut sent = 10;
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(started.elapsed() < Duration::from_secs(10), "it was not cut off");
        std::thread::sleep(Duration::from_millis(200));
        let _ = stream.write_all(&pavilion()[sent..=sent]);
        sent += 1;
        let mut bytes = [0; 2048];
        if let Ok(count) = stream.read(&mut bytes) {
            answer.extend_from_slice(&bytes[..count]);
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn metrics_tell_what_was_done() {
    let server = Server::start(&[]);
    server.score(pavilion()).await;
    assert_eq!(server.post("text").await.status(), 415);
    let metrics = server.metrics().await;
    for line in [
        "clearshot_http_requests_total{route=\"/score\",method=\"POST\",status=\"200\"} 1",
        "clearshot_http_requests_total{route=\"/score\",method=\"POST\",status=\"415\"} 1",
        "clearshot_rejected_total{reason=\"unsupported_format\"} 1",
        "clearshot_batch_size_count{metric=\"blur\"} 1",
        "clearshot_stage_duration_seconds_count{stage=\"Run\"} 1",
        "clearshot_score_count{metric=\"rotation\"} 1",
        "clearshot_queue_depth{metric=\"rotation\"} 0",
        "clearshot_photos_in_flight 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no `{line}` in\n{metrics}");
    }
    assert!(metrics.contains("provider=\"cpu\"") && metrics.contains("clearshot_build_info{version="), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
}

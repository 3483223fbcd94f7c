//! What a client may do to a connection, and for how long: be idle, be slow, read nothing, end its side.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use image::{ImageFormat, Rgb, RgbImage};
use rcgen::generate_simple_self_signed;
use support::photos::{encoded, pavilion};
use support::raw::Raw;
use support::server::{Server, default_of, help, key};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than whatever is to happen, on a busy machine, too; and shorter than what must not be waited for.
const SOON: Duration = Duration::from_secs(40);

/// The upload of a photo.
fn upload(version: &str) -> Vec<u8> {
    let head = format!("POST /score HTTP/{version}\r\nhost: x\r\ncontent-length: {}\r\n\r\n", pavilion().len());
    [head.into_bytes(), pavilion()].concat()
}

#[test]
fn an_idle_connection_outlives_the_pools_of_proxies_and_a_head_that_has_begun_does_not() {
    let server = Server::start(&[]);
    let mut idle = Raw::connect(&server);
    assert_eq!(idle.get("/livez").status(), 200);
    let mut slow = Raw::connect(&server);
    assert_eq!(slow.get("/livez").status(), 200);
    let started = Instant::now();
    // A byte now and then must not help.
    slow.send("GET /livez HTTP/1.1\r\nx: ");
    let mut writer = slow.stream.try_clone().expect("it can be");
    let dripping = std::thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    slow.closed_within(SOON);
    assert!(started.elapsed() > Duration::from_secs(5), "not before it had its chance");
    dripping.join().expect("it ends with the connection");
    std::thread::sleep(Duration::from_secs(12).saturating_sub(started.elapsed()));
    assert_eq!(idle.get("/livez").status(), 200, "idle for longer than a head may take");
    assert!(default_of(&help("serve"), "--keep-alive-ms") > 60_000, "proxies keep theirs for a minute");
}

#[test]
fn an_idle_connection_is_let_go_at_last() {
    let server = Server::start(&["--keep-alive-ms", "1500"]);
    let mut idle = Raw::connect(&server);
    assert_eq!(idle.get("/livez").status(), 200);
    let waited = idle.closed_within(SOON);
    assert!(waited > Duration::from_secs(1), "{waited:?}");
}

/// A connection by HTTP/2 without TLS, whose answers may each be this large before they are read.
async fn by_http2(server: &Server, window: u32) -> (SendRequest<Empty<Bytes>>, JoinHandle<hyper::Result<()>>) {
    let address = server.url.strip_prefix("http://").expect("plain HTTP");
    let stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let mut builder = http2::Builder::new(TokioExecutor::new());
    let builder = builder.initial_stream_window_size(window);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/2");
    (sender, tokio::spawn(connection))
}

fn get(server: &Server, path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("{}{path}", server.url)).body(Empty::new()).expect("a request")
}

#[tokio::test]
async fn an_idle_connection_by_http2_is_let_go_too() {
    let server = Server::start(&["--keep-alive-ms", "1500"]);
    let (mut sender, connection) = by_http2(&server, 1 << 16).await;
    let answer = sender.send_request(get(&server, "/livez")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().collect().await.expect("its body");
    let started = Instant::now();
    timeout(SOON, connection).await.expect("the server ends it").expect("it runs").expect("it ends in peace");
    assert!(started.elapsed() > Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_answer_by_http2_that_is_not_taken_ends_its_connection_though_others_are() {
    let server = Server::start(&["--write-timeout-ms", "1500"]);
    let (mut sender, connection) = by_http2(&server, 500).await;
    let untaken = sender.send_request(get(&server, "/profiles")).await.expect("the head of an answer");
    let started = Instant::now();
    while !connection.is_finished() {
        assert!(started.elapsed() < SOON, "the answer is still kept");
        if let Ok(answer) = sender.send_request(get(&server, "/livez")).await {
            let _ = answer.into_body().collect().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(started.elapsed() > Duration::from_secs(1), "{:?}", started.elapsed());
    drop(untaken);
}

#[tokio::test]
async fn a_client_by_http2_is_told_at_once_that_the_service_stops() {
    let server = Server::start(&["--shutdown-grace-ms", "60000"]);
    let (mut sender, connection) = by_http2(&server, 1 << 16).await;
    let answer = sender.send_request(get(&server, "/livez")).await.expect("an answer");
    answer.into_body().collect().await.expect("its body");
    server.signal("TERM");
    timeout(SOON, connection).await.expect("GOAWAY ends it").expect("it runs").expect("it ends in peace");
    let (mut sender, connection) = by_http2(&server, 1 << 16).await;
    let answer = sender.send_request(get(&server, "/livez")).await.expect("a new one has its request");
    assert_eq!(answer.status(), StatusCode::OK);
    timeout(SOON, connection).await.expect("and ends after it").expect("it runs").expect("it ends in peace");
}

#[test]
fn a_client_that_reads_no_answer_is_let_go() {
    let server = Server::start(&["--write-timeout-ms", "1500"]);
    let mut client = Raw::connect(&server);
    client.ask_without_reading("/openapi.json");
    client.refused_within(SOON);
    assert!(server.peak_memory() < 1 << 30, "{}", server.peak_memory());
    assert_eq!(Raw::connect(&server).get("/livez").status(), 200);
}

#[test]
fn a_client_that_reads_slowly_gets_its_answers() {
    let server = Server::start(&["--write-timeout-ms", "1500"]);
    let mut client = Raw::connect(&server);
    let whole = client.get("/openapi.json").body.len();
    let answers = 40;
    client.send("GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(answers - 1));
    client.send("GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let (mut seen, mut bytes) = (0, vec![0; 512 << 10]);
    let started = Instant::now();
    loop {
        // Slower than the server could, for longer than it would wait.
        std::thread::sleep(Duration::from_millis(if started.elapsed() < Duration::from_secs(3) { 200 } else { 0 }));
        match client.stream.read(&mut bytes).expect("the answers come") {
            0 => break,
            count => seen += count,
        }
    }
    assert!(seen > answers * whole, "{seen} bytes of {answers} answers of {whole}");
}

#[test]
fn a_handshake_that_is_never_made_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("it is made");
    std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("it is written");
    std::fs::write(path("cert.pem"), made.cert.pem()).expect("it is written");
    let server = Server::start(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
    let mut silent = Raw::connect(&server);
    let waited = silent.closed_within(SOON);
    assert!(waited > Duration::from_secs(5), "{waited:?}");
}

#[test]
fn a_connection_beyond_the_most_waits_for_a_place() {
    let server = Server::start(&["--max-connections", "2"]);
    let mut held = [Raw::connect(&server), Raw::connect(&server)];
    assert!(held.iter_mut().all(|raw| raw.get("/livez").status() == 200));
    let mut third = Raw::connect(&server);
    third.send("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    third.stream.set_read_timeout(Some(Duration::from_secs(1))).expect("it can be set");
    assert!(third.answer().is_err(), "there is no place for it");
    drop(held);
    third.stream.set_read_timeout(Some(SOON)).expect("it can be set");
    assert_eq!(third.answer().expect("there is a place now").status(), 200);
}

#[test]
fn who_is_refused_is_not_asked_for_the_body_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let portal = key(&file, "portal", &[]);
    let server = Server::start(&["--keys", file.to_str().expect("text")]);
    let begin = |headers: &str, length: usize| {
        let mut raw = Raw::connect(&server);
        let expect = "expect: 100-continue\r\n";
        raw.send(format!("POST /score HTTP/1.1\r\nhost: x\r\n{expect}{headers}content-length: {length}\r\n\r\n"));
        let answer = raw.answer().expect("an answer");
        (raw, answer)
    };
    let (mut raw, refused) = begin("", pavilion().len());
    assert_eq!((refused.status(), refused.closes()), (401, true), "{refused:?}");
    raw.closed_within(SOON);
    let with_key = format!("x-api-key: {portal}\r\n");
    // Too large is refused before the body is read, too.
    let (_, refused) = begin(&with_key, 1 << 30);
    assert_eq!((refused.status(), refused.closes()), (413, true), "{refused:?}");
    let (mut raw, asked) = begin(&with_key, pavilion().len());
    assert_eq!(asked.status(), 100);
    raw.send(pavilion());
    assert_eq!(raw.answer().expect("an answer").status(), 200);
}

/// What docs/clients.md and SECURITY.md say of requests that are no HTTP: they are refused before there is a request to be
/// answered.
#[test]
fn what_is_no_http_is_refused_without_a_document() {
    let server = Server::start(&[]);
    let header = |size: usize| format!("GET /livez HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(size));
    let headers = format!("GET /livez HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(101));
    let both = "POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx";
    for (request, status) in [
        ("anything\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /livez HTTP/1.1\r\nhost x\r\n\r\n".to_owned(), 400),
        (both.to_owned(), 400),
        (header(70_000), 431),
        (headers, 431),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(70_000)), 431),
    ] {
        let shown = &request[..request.len().min(60)];
        let mut raw = Raw::connect(&server);
        // The server may refuse it before all is sent.
        let _ = raw.stream.write_all(request.as_bytes());
        let answer = raw.answer().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
        let said = (answer.status(), answer.closes(), answer.header("content-length").as_deref() == Some("0"));
        assert_eq!(said, (status, true, true), "{shown:?}: {answer:?}");
        raw.closed_within(SOON);
    }
    assert_eq!(Raw::connect(&server).get(&format!("/livez?{}", "y".repeat(30_000))).status(), 200, "long, and read");
}

#[test]
fn a_client_that_ends_its_side_after_its_photo_gets_the_answer() {
    let server = Server::start(&[]);
    for version in ["1.0", "1.1"] {
        let mut raw = Raw::connect(&server);
        raw.send(upload(version));
        raw.stream.shutdown(Shutdown::Write).expect("it is open");
        let mut answer = raw.answer().expect("an answer");
        if answer.status() == 100 {
            // On a machine that was busy for longer than most photos take.
            answer = raw.answer().expect("an answer");
        }
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert!(String::from_utf8_lossy(&answer.body).contains("\"scores\""));
        raw.closed_within(SOON);
    }
}

#[tokio::test]
async fn a_client_that_ends_its_side_and_waits_long_is_looked_for_and_gets_the_answer() {
    // One decoder, which large photos keep busy.
    let server = Server::start(&["--decoders", "1"]);
    let large = encoded(&RgbImage::from_pixel(8000, 7000, Rgb([120, 130, 140])), ImageFormat::Png);
    let before: Vec<_> = (0..3)
        .map(|_| {
            let request = server.client.post(format!("{}/score", server.url)).body(large.clone());
            tokio::spawn(async move { request.send().await.expect("an answer").status() })
        })
        .collect();
    server.until("clearshot_photos_in_flight 3", SOON).await;
    let mut raw = Raw::connect(&server);
    raw.send(upload("1.1"));
    raw.stream.shutdown(Shutdown::Write).expect("it is open");
    let (probed, answer) = tokio::task::spawn_blocking(move || {
        let first = raw.answer().expect("an answer");
        if first.status() == 100 { (true, raw.answer().expect("an answer")) } else { (false, first) }
    })
    .await
    .expect("it reads");
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert!(probed, "the test was to wait for longer than most photos take");
    for first in before {
        assert_eq!(first.await.expect("it ends"), 200);
    }
}

#[test]
fn an_upload_that_breaks_off_is_told_so() {
    let server = Server::start(&[]);
    let mut raw = Raw::connect(&server);
    let whole = upload("1.1");
    raw.send(&whole[..whole.len() / 2]);
    raw.stream.shutdown(Shutdown::Write).expect("it is open");
    let mut answer = raw.answer().expect("an answer");
    if answer.status() == 100 {
        answer = raw.answer().expect("an answer");
    }
    assert_eq!(answer.status(), 400, "{answer:?}");
    assert!(String::from_utf8_lossy(&answer.body).contains("broken_body"), "{answer:?}");
}

#[test]
fn a_sender_that_is_refused_sees_the_answer_and_not_a_reset() {
    let server = Server::start(&["--max-body-bytes", "1000"]);
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").expect("plain HTTP")).expect("it listens");
    stream
        .write_all(b"POST /score HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 300000\r\n\r\n")
        .expect("it reads");
    // It does not wait to be asked, as many do not.
    let _ = stream.write_all(&vec![0; 300_000]);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it is not reset");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}

#[test]
fn a_sender_that_is_refused_in_the_middle_keeps_its_connection() {
    let server = Server::start(&[]);
    let part = |name: &str, value: &[u8]| {
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), value, b"\r\n"].concat()
    };
    let body = [part("note", b"y").repeat(17), part("image", &vec![0; 2_000_000]), b"--x--\r\n".to_vec()].concat();
    let head = format!(
        "POST /score HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut raw = Raw::connect(&server);
    raw.send(head.as_bytes());
    raw.send(&body[..500_000]);
    let answer = raw.answer().expect("it comes before the body's end");
    assert_eq!(answer.status(), 400, "{answer:?}");
    raw.send(&body[500_000..]);
    assert_eq!(raw.get("/livez").status(), 200, "the connection is as good as before");
}

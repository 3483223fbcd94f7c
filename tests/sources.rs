//! Photos that the service fetches itself: only from where it may, and whatever a source does, within bounds.

#![cfg(feature = "object-store")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::generate_simple_self_signed;
use reqwest::Response;
use serde_json::{Value, json};
use support::photos::{jpeg, pavilion, turned};
use support::room::room;
use support::server::{Server, command, on_a_free_port, problem, said};

/// A server on the web that does what its path says, and keeps the heads of what it was asked.
struct Web {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// One that redirects what is asked for below `/out` to a port.
    fn start(out: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    let mut head = String::new();
                    let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
                    while lines.read_line(&mut head).is_ok_and(|length| length > 2) {}
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    kept.lock().expect("it is whole").push(head);
                    // Whoever hangs up has seen enough.
                    let _ = answer(stream, &path, out);
                });
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn heads(&self) -> Vec<String> {
        self.asked.lock().expect("it is whole").clone()
    }
}

fn answer(mut stream: TcpStream, path: &str, out: u16) -> std::io::Result<()> {
    let mut say = |head: &str, body: &[u8]| {
        stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes())?;
        stream.write_all(body)
    };
    let photo = pavilion();
    match path {
        "/in/photo.jpg" | "/in/signed?key=secret" => say(&format!("200 OK\r\ncontent-length: {}", photo.len()), &photo),
        "/in/tilted.jpg" => say("200 OK", &jpeg(&turned(&room(1200, 900, 3), 8.0), 92)),
        "/in/moved" => say("302 Found\r\nlocation: /in/photo.jpg", b""),
        "/in/out" => say(&format!("302 Found\r\nlocation: http://127.0.0.1:{out}/in/photo.jpg"), b""),
        "/in/up" => say("302 Found\r\nlocation: /secret.jpg", b""),
        "/in/loop" => say("302 Found\r\nlocation: /in/loop", b""),
        "/in/short" => say("200 OK\r\ncontent-length: 900000", &photo),
        "/in/long" => say("200 OK\r\ncontent-length: 1000000000000", &photo),
        "/in/empty" => say("200 OK\r\ncontent-length: 0", b""),
        "/in/text" => say("200 OK", b"no photo at all"),
        "/in/denied" => say("403 Forbidden", b"for reasons of my own"),
        "/in/broken" => say("500 Oops", b""),
        "/in/garbage" => stream.write_all(b"220 smtp.example ESMTP\r\n"),
        "/in/silent" => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        "/in/late" => {
            thread::sleep(Duration::from_secs(2));
            say("200 OK", &photo)
        }
        "/in/slow" | "/in/endless" => {
            say("200 OK", &photo[..1000])?;
            loop {
                if path == "/in/slow" {
                    thread::sleep(Duration::from_millis(50));
                    stream.write_all(b"x")?;
                } else {
                    stream.write_all(&[b'x'; 65_536])?;
                }
            }
        }
        _ => say("404 Not Found", b""),
    }
}

/// A service that may fetch from a server below `/in`.
fn service(web: &Web, more: &[&str]) -> Server {
    let prefix = web.url("/in");
    Server::start(&[&["--allow-source", &prefix, "--allow-source-network", "127.0.0.0/8"], more].concat())
}

async fn send(server: &Server, path: &str, body: Value) -> Response {
    let request = server.client.post(format!("{}{path}", server.url)).header("authorization", "Bearer own-secret");
    request.header("content-type", "application/json").body(body.to_string()).send().await.expect("an answer")
}

async fn by_source(server: &Server, source: &str) -> Response {
    send(server, "/score", json!({"source": source})).await
}

#[tokio::test]
async fn nothing_is_fetched_unless_it_is_allowed() {
    let web = Web::start(0);
    let closed = Server::start(&[]);
    let refused = problem(by_source(&closed, &web.url("/in/photo.jpg")).await, 403, "source_not_allowed").await;
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("send the file itself")), "{refused}");
    let open = service(&web, &[]);
    let port = web.port;
    for beside in [
        web.url("/secret.jpg"),
        web.url("/in/../secret.jpg"),
        web.url("/in/..%2fsecret.jpg"),
        web.url("/inside.jpg"),
        format!("http://localhost:{port}/in/photo.jpg"),
        format!("http://127.0.0.1:{}/in/photo.jpg", port ^ 1),
        format!("http://u:p@127.0.0.1:{port}/in/photo.jpg"),
        format!("https://127.0.0.1:{port}/in/photo.jpg"),
        "file:///etc/passwd".into(),
        "s3://bucket/in/photo.jpg".into(),
        "in/photo.jpg".into(),
        String::new(),
    ] {
        problem(by_source(&open, &beside).await, 403, "source_not_allowed").await;
    }
    assert_eq!(web.heads(), [""; 0]);
}

#[tokio::test]
async fn a_photo_that_is_fetched_is_scored_as_if_it_had_been_sent() {
    let web = Web::start(0);
    let server = service(&web, &[]);
    let sent = said(server.post(pavilion()).await).await;
    for path in ["/in/photo.jpg", "/in/moved", "/in/signed?key=secret"] {
        assert_eq!(said(by_source(&server, &web.url(path)).await).await, sent, "{path}");
    }
    let heads = web.heads().concat().to_ascii_lowercase();
    for own in ["authorization", "cookie", "referer", "x-request-id", "own-secret"] {
        assert!(!heads.contains(own), "{own} is passed on: {heads}");
    }
    let corrected = send(&server, "/correct", json!({"source": web.url("/in/tilted.jpg")})).await;
    assert_eq!(corrected.status(), 200);
    assert!(corrected.headers().contains_key("clearshot-receipt"));
    for body in [json!({}), json!({"source": web.url("/in/photo.jpg"), "image": "/9j/"}), json!({"source": 7})] {
        problem(send(&server, "/score", body).await, 400, "bad_json").await;
    }
}

#[tokio::test]
async fn photos_of_a_batch_are_fetched_each_for_itself() {
    let web = Web::start(0);
    let server = service(&web, &[]);
    let images =
        ["/in/photo.jpg", "/secret.jpg", "/in/none.jpg", "/in/moved", "/in/denied", "/in/photo.jpg", "/in/moved"];
    let images = images.map(|path| json!({"source": web.url(path), "name": path}));
    let both = [json!({"source": web.url("/in/photo.jpg"), "image": "/9j/"})];
    let images = [&images[..], &both].concat();
    let answer = said(send(&server, "/score/batch", json!({"images": images})).await).await;
    let results = answer["results"].as_array().expect("results");
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().expect("a status")).collect();
    assert_eq!(statuses, [200, 403, 422, 200, 502, 200, 200, 400], "{answer}");
    assert_eq!(results[3]["name"], "/in/moved");
    assert_eq!(results[0]["score"], results[3]["score"]);
    assert_eq!(results[4]["problem"]["code"], "source_unavailable");
}

#[tokio::test]
async fn whatever_a_source_does_is_bounded() {
    let other = Web::start(0);
    let web = Web::start(other.port);
    let server = service(&web, &["--max-body-bytes", "400000", "--source-timeout-ms", "2000"]);
    let before = server.peak_memory();
    for (path, status, code, said) in [
        ("/in/none.jpg", 422, "source_not_found", "no photo"),
        ("/in/denied", 502, "source_unavailable", "denied"),
        ("/in/broken", 502, "source_unavailable", "does not give it"),
        ("/in/garbage", 502, "source_unavailable", "cannot be reached"),
        ("/in/out", 502, "source_unavailable", "redirects"),
        ("/in/up", 502, "source_unavailable", "redirects"),
        ("/in/loop", 502, "source_unavailable", "redirects"),
        ("/in/short", 413, "body_too_large", "400000"),
        ("/in/long", 413, "body_too_large", "400000"),
        ("/in/endless", 413, "body_too_large", "400000"),
        ("/in/empty", 502, "source_unavailable", "empty"),
        ("/in/text", 415, "unsupported_format", ""),
        ("/in/silent", 502, "source_unavailable", "longer than 2 s"),
        ("/in/slow", 502, "source_unavailable", "longer than 2 s"),
    ] {
        let started = Instant::now();
        let document = problem(by_source(&server, &web.url(path)).await, status, code).await;
        let detail = document["detail"].as_str().expect("text");
        assert!(
            detail.contains(said) && !detail.contains("127.0.0.1") && !detail.contains("my own"),
            "{path}: {detail}"
        );
        assert!(started.elapsed() < Duration::from_secs(15), "{path}: {:?}", started.elapsed());
    }
    assert_eq!(other.heads(), [""; 0], "a redirect was followed to where nothing is allowed");
    assert!(!web.heads().iter().any(|head| head.contains("/secret.jpg")));
    let grown = server.peak_memory() - before;
    assert!(grown < 40 << 20, "{grown} bytes more");
    server.score(pavilion()).await;
}

#[tokio::test]
async fn a_source_that_breaks_off_or_drips_is_told_from_a_client_that_does() {
    let web = Web::start(0);
    let server = service(&web, &[]);
    problem(by_source(&server, &web.url("/in/short")).await, 502, "source_unavailable").await;
    // At the slowest pace of uploads.
    let slow = problem(by_source(&server, &web.url("/in/slow")).await, 502, "source_unavailable").await;
    assert!(slow["detail"].as_str().is_some_and(|detail| detail.contains("too slowly")), "{slow}");
}

/// `--source-timeout-ms` may leave a source all the time that a photo has.
#[tokio::test]
async fn a_source_that_takes_the_larger_part_of_the_time_is_to_blame_and_no_client() {
    let web = Web::start(0);
    // A batch that does not fill waits so long that no photo is scored in time.
    let flags = ["--source-timeout-ms", "60000", "--max-batch", "8", "--max-delay-ms", "20000"];
    let server = service(&web, &[&flags[..], &["--deadline-ms", "3500"]].concat());
    let blamed = problem(by_source(&server, &web.url("/in/late")).await, 502, "source_unavailable").await;
    assert!(blamed["detail"].as_str().is_some_and(|detail| detail.contains("of the 3.5 s")), "{blamed}");
    problem(by_source(&server, &web.url("/in/photo.jpg")).await, 504, "deadline_exceeded").await;
    let started = Instant::now();
    let silent = problem(by_source(&server, &web.url("/in/silent")).await, 502, "source_unavailable").await;
    assert!(silent["detail"].as_str().is_some_and(|detail| detail.contains("longer than 3.5 s")), "{silent}");
    assert!(started.elapsed() < Duration::from_secs(15), "it is not waited for: {:?}", started.elapsed());
}

#[tokio::test]
async fn addresses_that_are_not_public_are_not_connected_to() {
    let web = Web::start(0);
    let port = web.port;
    // Allowed by prefix, but where they lead is not: as an address, and by a name.
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("http://{host}:{port}/in/photo.jpg");
        let server = Server::start(&["--allow-source", &format!("http://{host}:{port}/")]);
        let refused = problem(by_source(&server, &url).await, 502, "source_unavailable").await;
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("cannot be reached")), "{refused}");
    }
    assert_eq!(web.heads(), [""; 0]);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).expect("it is written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("it is written");
    let (chain, key) = (chain.to_str().expect("text"), key.to_str().expect("text"));
    let origin = Server::start(&["--tls-cert", chain, "--tls-key", key]);
    let url = format!("{}/livez", origin.url.replace("127.0.0.1", "localhost"));
    let flags = ["--allow-source", &url, "--allow-source-network", "127.0.0.0/8,::1/128"];
    let doubting = Server::start(&flags);
    problem(by_source(&doubting, &url).await, 502, "source_unavailable").await;
    let mut trusting = command(&on_a_free_port(&flags));
    trusting.env("SSL_CERT_FILE", chain);
    // What lies there is fetched, and is no photo.
    problem(by_source(&Server::start_as(trusting), &url).await, 415, "unsupported_format").await;
}

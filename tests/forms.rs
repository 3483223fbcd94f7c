//! Forms that hold more than images: what is around these is bounded, and a form that never comes to the point is refused while it is
//! still being sent.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use support::photos::pavilion;
use support::server::{Server, problem};

const ROUTES: [&str; 3] = ["/score", "/score/batch", "/correct"];

async fn send(server: &Server, path: &str, form: Form) -> Response {
    let request = server.client.request(Method::POST, format!("{}{path}", server.url)).multipart(form);
    request.send().await.expect("the server answers")
}

fn image() -> Part {
    Part::bytes(pavilion()).file_name("pavilion.jpg")
}

/// Begins a form of a hundred megabytes with this, and goes on only as long as nothing is answered; gives the answer, and how much was
/// sent until it came.
fn begun(server: &Server, path: &str, start: &str, filler: &[u8]) -> (String, usize) {
    const LENGTH: usize = 100 << 20;
    let address = server.url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {LENGTH}\r\n\r\n{start}"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream.set_nonblocking(true).expect("it can be set");
    let (mut answer, mut sent) = (Vec::new(), 0);
    while sent < LENGTH {
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        if answer.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
        sent += stream.write(filler).unwrap_or(0);
        // Slowly enough that what is sent after the refusal is little.
        std::thread::sleep(Duration::from_millis(1));
    }
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}

#[tokio::test]
async fn heads_and_preambles_without_end_are_refused_while_they_come() {
    let flags = ["--max-body-bytes", "200000000", "--max-form-bytes", "200000000", "--min-upload-rate", "0"];
    let server = Server::start(&flags);
    let before = server.peak_memory();
    let head = "--x\r\nContent-Disposition: form-data; name=\"image\"\r\nX-Long: ";
    for path in ROUTES {
        for (start, filler) in [
            (head, &[b'a'; 16_384][..]),
            (head, &[b'a'; 64]),
            ("--x\r\n", b"X: y\r\n"),
            ("--x", &[b' '; 16_384]),
            ("", &[b'a'; 16_384]),
            ("", b"--xx\r\n"),
        ] {
            let (answer, sent) = begun(&server, path, start, filler);
            let filler = filler[..filler.len().min(8)].escape_ascii();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}, {start:?}, {filler}: {answer:?} after {sent} bytes");
            assert!(sent < 10 << 20, "{path}, {start:?}, {filler}: {sent} bytes were taken");
        }
    }
    let grown = server.peak_memory() - before;
    assert!(grown < 40 << 20, "{grown} bytes more");
    server.score(pavilion()).await;
}

#[tokio::test]
async fn a_form_may_hold_some_parts_that_are_no_images_and_no_more() {
    let server = Server::start(&[]);
    let others = |count: usize| (0..count).fold(Form::new(), |form, number| form.text(format!("note{number}"), "x"));
    for path in ROUTES {
        let expected = if path == "/correct" { 409 } else { 200 };
        assert_eq!(send(&server, path, others(16).part("image", image())).await.status(), expected, "{path}");
        let detail = problem(send(&server, path, others(17).part("image", image())).await, 400, "bad_multipart").await;
        assert!(detail["detail"].as_str().is_some_and(|detail| detail.contains("more than 16 parts")), "{detail}");
        let after = others(8).part("image", image());
        let after = (0..9).fold(after, |form, number| form.text(format!("more{number}"), "x"));
        problem(send(&server, path, after).await, 400, "bad_multipart").await;
    }
}

#[tokio::test]
async fn forms_are_read_as_their_senders_write_them() {
    let server = Server::start(&[]);
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = server.client.post(format!("{}/score", server.url)).header("content-type", content_type);
        request.body(body).send().await.expect("the server answers")
    };
    let part = |head: &str, end: &str| [head.as_bytes(), &pavilion(), end.as_bytes()].concat();
    for (content_type, body) in [
        (
            "multipart/form-data; boundary=x",
            part("--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n", "\r\n--x--"),
        ),
        (
            "Multipart/Form-Data;boundary=\"x y\"",
            part("--x y\r\ncontent-disposition:form-data;name=image\r\n\r\n", "\r\n--x y--\r\n"),
        ),
        (
            "multipart/form-data; charset=utf-8; boundary=--x",
            part(
                "A preamble.\r\n----x \t\r\nContent-Type: image/jpeg\r\nContent-Disposition: form-data; filename=\"a;name=b\"; name=\"image\"\r\n\r\n",
                "\r\n----x--\r\nAn epilogue.",
            ),
        ),
        // As Java programs write it that make their forms by hand; it ought to have quotation marks.
        (
            "multipart/form-data; boundary====17===",
            part("--===17===\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n", "\r\n--===17===--\r\n"),
        ),
        (
            "multipart/form-data; charset=utf-8; Boundary = a/b:c ",
            part("--a/b:c\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n", "\r\n--a/b:c--\r\n"),
        ),
    ] {
        let response = send(content_type, body).await;
        assert_eq!(response.status(), 200, "{content_type}: {}", response.text().await.expect("text"));
    }
    let body = part("--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n", "\r\n--x--");
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=y",
        "multipart/form-data; boundary=x\"",
        "multipart/form-data; boundary=x@x",
    ] {
        problem(send(content_type, body.clone()).await, 400, "bad_multipart").await;
    }
    problem(send("multipart/form-data; boundary=x", body[..body.len() - 4].to_vec()).await, 400, "bad_multipart").await;
}

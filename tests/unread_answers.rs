//! Clients that ask and do not read the answer: they keep their place until it is written or they are gone, and all answers together
//! hold no more than they may.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use image::RgbImage;
use image::imageops::FilterType;
use support::photos::{jpeg, pavilion, turned};
use support::room::room;
use support::server::{Server, problem};

/// A tilted photo whose correction is larger than what two sockets buffer: noise makes a PNG as large as its pixels.
fn grainy() -> Vec<u8> {
    let mut state = 1u32;
    let small = turned(&room(2000, 1400, 5), 7.0);
    let mut photo: RgbImage = image::imageops::resize(&small, 3400, 2380, FilterType::Triangle);
    for channel in photo.iter_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *channel = channel.saturating_sub((state >> 26) as u8);
    }
    jpeg(&photo, 95)
}

/// Asks for a correction as PNG, and reads nothing.
fn ask(server: &Server, photo: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").expect("plain HTTP")).expect("it listens");
    let head = format!("POST /correct?format=png HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", photo.len());
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream.write_all(photo).expect("it is sent");
    stream
}

/// Reads the answer to its end; gives its length.
fn read(mut stream: &TcpStream) -> usize {
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
    let (mut answer, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let length = stream.read(&mut piece).expect("there is more");
        assert!(length > 0, "it ended after {}", answer.len());
        answer.extend_from_slice(&piece[..length]);
        if let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
            assert!(head.starts_with("http/1.1 200 "), "{head}");
            let body = head.split("content-length: ").nth(1).expect("it says how long it is");
            let body: usize = body.split("\r\n").next().and_then(|text| text.parse().ok()).expect("a number");
            while answer.len() < end + 4 + body {
                let length = stream.read(&mut piece).expect("there is more");
                assert!(length > 0, "it ended after {} of {body}", answer.len());
                answer.extend_from_slice(&piece[..length]);
            }
            return body;
        }
    }
}

/// Waits for the first byte of an answer: all of it is made by then.
fn wait_for_answer(stream: &TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it can be set");
    assert!(stream.peek(&mut [0]).expect("an answer") > 0);
}

#[tokio::test]
async fn an_answer_that_is_not_read_keeps_its_place_and_no_longer() {
    let photo = grainy();
    let server = Server::start(&["--max-in-flight", "1", "--deadline-ms", "120000"]);
    let first = ask(&server, &photo);
    wait_for_answer(&first);
    tokio::time::sleep(Duration::from_millis(500)).await;
    problem(server.post(pavilion()).await, 503, "overloaded").await;
    let size = read(&first);
    // Linux lets two sockets grow to ten megabytes together.
    assert!(size > 12 << 20, "{size} bytes may fit into the buffers of two sockets");
    // Read to its end, it gives the place back; and so does a client that goes away.
    until_free(&server).await;
    let second = loop {
        let asked = ask(&server, &photo);
        wait_for_answer(&asked);
        // Whoever found the place free has it until its own answer is written: it may be refused once.
        let mut head = [0; 12];
        asked.peek(&mut head).expect("an answer");
        if head.ends_with(b"200") {
            break asked;
        }
    };
    problem(server.post(pavilion()).await, 503, "overloaded").await;
    drop(second);
    until_free(&server).await;
}

async fn until_free(server: &Server) {
    let started = Instant::now();
    while server.post(pavilion()).await.status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "the place is not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn answers_that_are_not_read_hold_no_more_than_they_may_together() {
    let photo = grainy();
    let server = Server::start(&["--max-answer-memory", "20000000", "--deadline-ms", "40000"]);
    let first = ask(&server, &photo);
    wait_for_answer(&first);
    let request = server.client.post(format!("{}/correct?format=png", server.url)).body(photo.clone());
    problem(request.send().await.expect("an answer"), 503, "overloaded").await;
    // Scores have room.
    server.score(pavilion()).await;
    // One that waits gets its turn when another is read.
    let waiting = ask(&server, &photo);
    tokio::time::sleep(Duration::from_millis(500)).await;
    read(&first);
    read(&waiting);
}

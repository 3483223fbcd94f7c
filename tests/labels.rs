//! What strangers make up is no label: `/metrics` is as long after thousands of odd requests as after the first of each kind. And what
//! was replaced goes: names of keys, versions of models.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::server::{Server, key};

/// Sends a request as it stands, which a client library would not; what is answered to it is of no interest, as long as something is
/// or the connection ends.
fn send(address: &str, head: &str) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it can be set");
    let request = format!("{head}\r\nHost: x\r\nConnection: close\r\n\r\n");
    // Refused in its first line, it may end in a reset.
    if stream.write_all(request.as_bytes()).is_ok() {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

/// A round of odd requests, each of whose odd parts is made up anew.
fn strange(address: &str, round: usize) {
    let made_up = format!("x{}", uuid::Uuid::new_v4().simple());
    let known = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE"];
    for path in ["/livez", "/score", "/score/batch", "/correct", "/metrics", "/", "/docs/x", "/nowhere"] {
        send(address, &format!("{} {path} HTTP/1.1", made_up.to_uppercase()));
        send(address, &format!("{made_up} {path} HTTP/1.1"));
        send(address, &format!("{} {path} HTTP/1.1", known[round % known.len()]));
    }
    for path in
        [format!("/{made_up}"), format!("/score/{made_up}"), format!("/docs/{made_up}"), format!("/page/{made_up}")]
    {
        send(address, &format!("GET {path} HTTP/1.1"));
        send(address, &format!("POST {path}?{made_up}={made_up} HTTP/1.1"));
        send(address, &format!("GET http://{made_up}{path} HTTP/1.1"));
    }
    for path in ["/score", "/score/batch", "/correct"] {
        send(address, &format!("POST {path}?profile={made_up} HTTP/1.1"));
        send(address, &format!("POST {path}?detail={made_up}&format={made_up} HTTP/1.1"));
        send(address, &format!("POST {path} HTTP/1.1\r\nContent-Type: {made_up}/{made_up}"));
        send(address, &format!("POST {path} HTTP/1.1\r\nContent-Encoding: {made_up}"));
        send(address, &format!("POST {path} HTTP/1.1\r\nContent-Type: multipart/form-data; boundary={made_up}"));
    }
    for header in ["X-Request-Id", "X-Api-Key", "Authorization", "traceparent", "Origin", "User-Agent", &made_up] {
        send(address, &format!("POST /score HTTP/1.1\r\n{header}: {made_up}"));
    }
    for version in ["HTTP/1.0".to_owned(), "HTTP/0.9".to_owned(), format!("HTTP/{round}.7"), made_up] {
        send(address, &format!("GET /livez {version}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_do_not_grow_by_what_strangers_send() {
    let server = Server::start(&[]);
    let address = server.url.strip_prefix("http://").expect("plain HTTP").to_owned();
    let rounds = async |rounds: std::ops::Range<usize>| {
        let address = address.clone();
        let sending = tokio::task::spawn_blocking(move || rounds.for_each(|round| strange(&address, round)));
        sending.await.expect("all are sent");
        server.metrics().await
    };
    // Every known method once, so that what is closed is complete.
    let before = rounds(0..9).await;
    let after = rounds(9..36).await;
    let series = |metrics: &str| {
        let named = metrics.lines().filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series.to_owned());
        named.collect::<std::collections::BTreeSet<_>>()
    };
    let (before, after) = (series(&before), series(&after));
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "{new:#?}");
    let counted = "clearshot_http_requests_total{route=\"/livez\",method=\"other\",status=\"405\"}";
    assert!(after.contains(counted), "{after:#?}");
}

#[tokio::test]
async fn a_key_that_is_revoked_is_no_longer_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let old = key(&file, "old", &[]);
    let server = Server::start(&["--keys", file.to_str().expect("text"), "--admin-listen", "127.0.0.1:0"]);
    let mut server = server;
    let admin = server.second_line().strip_prefix("admin routes on ").expect("it says where").to_owned();
    let told = async |name: &str| {
        let metrics = server.client.get(format!("{admin}/metrics")).send().await.expect("it answers");
        metrics.text().await.expect("text").contains(&format!("key_requests_total{{key=\"{name}\"}}"))
    };
    let ask = async |key: &str| {
        let request = server.client.get(format!("{}/profiles", server.url)).header("x-api-key", key);
        request.send().await.expect("it answers").status()
    };
    assert_eq!(ask(&old).await, 200);
    assert!(told("old").await);
    std::fs::remove_file(&file).expect("it is there");
    let new = key(&file, "new", &[]);
    server.signal("HUP");
    let started = Instant::now();
    while ask(&new).await != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "the new key is not noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(told("new").await && !told("old").await);
}

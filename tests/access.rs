//! Who may use the service: keys, their allowances, browsers of other origins, TLS, and the listener for operators.

mod support;

use std::convert::Infallible;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Certificate, Client, Response};
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, client, key, problem, refusal, root};

async fn with(server: &Server, header: &str, value: &str) -> Response {
    let request = server.client.post(format!("{}/score", server.url)).header(header, value);
    request.body(pavilion()).send().await.expect("the server answers")
}

#[tokio::test]
async fn a_service_with_keys_serves_none_but_their_holders() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let [portal, dealer] = ["portal", "dealer"].map(|name| key(&file, name, &[]));
    let server = Server::start(&["--keys", file.to_str().expect("text")]);
    assert_eq!(with(&server, "authorization", &format!("Bearer {portal}")).await.status(), 200);
    assert_eq!(with(&server, "authorization", &format!("bearer {dealer}")).await.status(), 200);
    assert_eq!(with(&server, "x-api-key", &dealer).await.status(), 200);
    for (header, value) in
        [("authorization", "Bearer clearshot_00"), ("authorization", "Basic cDpw"), ("x-api-key", ""), ("x-a", "b")]
    {
        let response = with(&server, header, value).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        problem(response, 401, "unauthorized").await;
    }
    for path in ["/profiles", "/models", "/metrics"] {
        problem(server.get(path).await, 401, "unauthorized").await;
    }
    for path in ["/livez", "/readyz", "/openapi.json", "/", "/docs/"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    let request = server.client.get(format!("{}/metrics", server.url)).bearer_auth(&portal);
    let metrics = request.send().await.expect("it answers").text().await.expect("text");
    assert!(metrics.contains("clearshot_key_requests_total{key=\"dealer\"} 2"), "{metrics}");
    assert!(!metrics.contains(&portal) && !std::fs::read_to_string(&file).expect("it is there").contains(&portal));
}

#[tokio::test]
async fn a_change_of_the_keys_needs_no_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let old = key(&file, "old", &[]);
    let server = Server::start(&["--keys", file.to_str().expect("text")]);
    let new = key(&file, "new", &[]);
    let started = Instant::now();
    while with(&server, "x-api-key", &new).await.status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "the new key is not noticed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(with(&server, "x-api-key", &old).await.status(), 200);
    // A broken file revokes nobody; a sound one without the key does.
    std::fs::write(&file, "{").expect("it is written");
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(with(&server, "x-api-key", &old).await.status(), 200);
    std::fs::remove_file(&file).expect("it is there");
    key(&file, "another", &[]);
    server.signal("HUP");
    let started = Instant::now();
    while with(&server, "x-api-key", &old).await.status() != 401 {
        assert!(started.elapsed() < Duration::from_secs(20), "the old key is still good");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A pipe that the service reads its profiles from, after the keys: it waits there until somebody writes.
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

/// Opens the pipe when the service has come to it, which it does after it has read the keys.
fn when_read(path: &Path) -> File {
    const O_NONBLOCK: i32 = 0o4000;
    let started = Instant::now();
    loop {
        // Without a reader this is an error, and does not wait for one.
        if let Ok(pipe) = File::options().write(true).custom_flags(O_NONBLOCK).open(path) {
            return pipe;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the service never read its profiles");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_revocation_while_the_service_starts_is_noticed_and_a_hangup_does_not_end_it() {
    for hangup in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, profiles, id] = ["keys.json", "profiles.json", "id"].map(|name| folder.path().join(name));
        let revoked = key(&file, "revoked", &[]);
        pipe(&profiles);
        let mut process = Command::new("sh");
        process.args([
            "-c",
            "echo $$ > \"$ID\"; exec \"$0\" serve --listen 127.0.0.1:0",
            env!("CARGO_BIN_EXE_clearshot"),
        ]);
        process.current_dir(root()).env("RUST_LOG", "error").env("ID", &id);
        process.env("CLEARSHOT_KEYS", &file).env("CLEARSHOT_PROFILES", &profiles);
        let starting = std::thread::spawn(move || Server::start_as(process));
        let mut pipe = when_read(&profiles);
        std::fs::remove_file(&file).expect("it is there");
        let kept = key(&file, "kept", &[]);
        if hangup {
            let id = std::fs::read_to_string(&id).expect("it is there");
            assert!(Command::new("kill").args(["-HUP", id.trim()]).status().expect("kill runs").success());
        }
        let built_in = std::fs::read(root().join("core/src/scoring/profiles.json")).expect("it is there");
        pipe.write_all(&built_in).expect("it reads");
        drop(pipe);
        let server = starting.join().expect("it starts");
        let started = Instant::now();
        while with(&server, "x-api-key", &revoked).await.status() != 401 {
            assert!(started.elapsed() < Duration::from_secs(20), "the revoked key is still good");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(with(&server, "x-api-key", &kept).await.status(), 200);
    }
}

#[test]
fn keys_that_are_made_at_once_are_all_there_and_the_file_stays_what_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let [file, link] = ["kept.json", "keys.json"].map(|name| folder.path().join(name));
    key(&file, "first", &[]);
    std::fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("it is ours");
    std::os::unix::fs::symlink("kept.json", &link).expect("a link");
    // Whoever holds the folder makes the others come together.
    let held = File::open(folder.path()).expect("a folder");
    held.lock().expect("it can be locked");
    let make = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot"));
        command.args(["key", &format!("key-{number}"), "--keys", link.to_str().expect("text")]).stdout(Stdio::null());
        command.spawn().expect("it runs")
    };
    let mut made: Vec<Child> = (0..8).map(make).collect();
    std::thread::sleep(Duration::from_millis(300));
    assert!(made.iter_mut().all(|child| child.try_wait().expect("it runs").is_none()), "none waits");
    held.unlock().expect("it was locked");
    assert!(made.iter_mut().all(|child| child.wait().expect("it ends").success()));
    let keys: Value = serde_json::from_slice(&std::fs::read(&file).expect("it is there")).expect("JSON");
    assert_eq!(keys["keys"].as_array().expect("keys").len(), 9, "{keys}");
    assert!(link.is_symlink(), "the link leads where it led");
    assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 2, "nothing is left behind");
    let again = Command::new(env!("CARGO_BIN_EXE_clearshot"))
        .args(["key", "first", "--keys", file.to_str().expect("text")])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success() && said.contains("choose another name, or delete that entry"), "{said}");
}

#[tokio::test]
async fn a_key_has_an_allowance_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let limited = key(&file, "limited", &["--photos-per-minute", "2"]);
    let free = key(&file, "free", &[]);
    let server = Server::start(&["--keys", file.to_str().expect("text")]);
    for _ in 0..2 {
        assert_eq!(with(&server, "x-api-key", &limited).await.status(), 200);
    }
    let response = with(&server, "x-api-key", &limited).await;
    let wait: u64 = response.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    problem(response, 429, "rate_limited").await;
    assert_eq!(with(&server, "x-api-key", &free).await.status(), 200);
}

/// The status of each photo of a form, and the problem of the last.
async fn batch(server: &Server, key: &str, photos: usize) -> (Vec<u64>, Value) {
    let form = (0..photos).fold(Form::new(), |form, _| form.part("image", Part::bytes(pavilion())));
    let request = server.client.post(format!("{}/score/batch", server.url)).header("x-api-key", key).multipart(form);
    let response = request.send().await.expect("the server answers");
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.expect("JSON");
    let results = answer["results"].as_array().expect("a list");
    let statuses = results.iter().filter_map(|result| result["status"].as_u64()).collect();
    (statuses, results.last().expect("there is one")["problem"].clone())
}

#[tokio::test]
async fn an_allowance_counts_photos_whatever_way_they_come() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let three = key(&file, "three", &["--photos-per-minute", "3"]);
    let tiles = key(&file, "tiles", &["--photos-per-minute", "5"]);
    let corrections = key(&file, "corrections", &["--photos-per-minute", "11"]);
    let server = Server::start(&["--keys", file.to_str().expect("text")]);
    let (statuses, beyond) = batch(&server, &three, 5).await;
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(beyond["code"], "rate_limited");
    problem(with(&server, "x-api-key", &three).await, 429, "rate_limited").await;
    let send = async |path: &str, key: &str| {
        let request = server.client.post(format!("{}{path}", server.url)).header("x-api-key", key);
        request.body(pavilion()).send().await.expect("the server answers").status().as_u16()
    };
    for expected in [200, 200, 429] {
        assert_eq!(send("/score?detail=tiles", &tiles).await, expected, "each is two of five");
    }
    for expected in [409, 429] {
        assert_eq!(send("/correct", &corrections).await, expected, "each is ten of eleven");
    }
    assert_eq!(send("/score?profile=nobody", &corrections).await, 400, "what is refused costs nothing");
    assert_eq!(send("/score", &corrections).await, 200, "one was left");
}

#[tokio::test]
async fn a_key_has_so_many_requests_under_way_and_leaves_room_for_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    let greedy = key(&file, "greedy", &[]);
    let other = key(&file, "other", &["--concurrent", "1"]);
    let flags = ["--max-in-flight", "4", "--min-upload-rate", "0", "--keys", file.to_str().expect("text")];
    let server = Server::start(&flags);
    let hold = |key: &str| {
        let begun = stream::iter([Ok::<_, Infallible>(pavilion()[..1000].to_vec())]).chain(stream::pending());
        let request = server.client.post(format!("{}/score", server.url)).header("x-api-key", key);
        tokio::spawn(request.body(Body::wrap_stream(begun)).send())
    };
    let (mut held, started) = (Vec::new(), Instant::now());
    let refused = loop {
        held.push(hold(&greedy));
        let response = with(&server, "x-api-key", &greedy).await;
        if response.status() == 429 {
            break response;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "more than half of the places went to one key");
    };
    assert!(refused.headers().contains_key("retry-after"));
    let refused = problem(refused, 429, "rate_limited").await;
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("2 requests under way")), "{refused}");
    assert_eq!(with(&server, "x-api-key", &other).await.status(), 200);
    let (mut more, started) = (Vec::new(), Instant::now());
    while with(&server, "x-api-key", &other).await.status() != 429 {
        assert!(started.elapsed() < Duration::from_secs(20), "it has two at a time");
        more.push(hold(&other));
    }
    held.into_iter().for_each(|request| request.abort());
    let started = Instant::now();
    while with(&server, "x-api-key", &greedy).await.status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "its places are not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn others_are_served_only_with_keys_or_when_that_is_meant() {
    let said = refusal(&["--listen", "0.0.0.0:0"]);
    assert!(said.contains("--keys") && said.contains("--allow-anonymous"), "{said}");
    let server = Server::start(&["--listen", "0.0.0.0:0", "--allow-anonymous"]);
    let port = server.url.rsplit(':').next().expect("a port");
    assert_eq!(
        server.client.get(format!("http://127.0.0.1:{port}/readyz")).send().await.expect("it answers").status(),
        200
    );
    let said = refusal(&["--keys", "nowhere.json"]);
    assert!(said.contains("nowhere.json"), "{said}");
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_only_where_they_are_named() {
    let preflight = async |server: &Server, origin: &str| {
        let request = server.client.request(reqwest::Method::OPTIONS, format!("{}/score", server.url));
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "x-api-key").send().await.expect("it answers")
    };
    let allowed = |response: &Response| response.headers().get("access-control-allow-origin").cloned();
    let closed = Server::start(&[]);
    assert_eq!(allowed(&preflight(&closed, "https://portal.example").await), None);
    let open = Server::start(&["--cors-origins", "https://portal.example,https://other.example"]);
    assert_eq!(
        allowed(&preflight(&open, "https://portal.example").await).expect("it is named"),
        "https://portal.example"
    );
    assert_eq!(allowed(&preflight(&open, "https://evil.example").await), None);
    // Refusals, too, must be readable by the page.
    let request = open.client.post(format!("{}/score", open.url)).header("origin", "https://other.example");
    let response = request.send().await.expect("it answers");
    assert_eq!((response.status().as_u16(), allowed(&response).is_some()), (400, true));
    let any = Server::start(&["--cors-origins", "*"]);
    let response = preflight(&any, "https://anybody.example").await;
    assert_eq!(allowed(&response).expect("any is let in"), "*");
    assert!(response.headers().get("access-control-allow-credentials").is_none());
    for (wrong, right) in [("https://portal.example/", "write https://portal.example"), ("portal.example", "a scheme")]
    {
        let said = refusal(&["--cors-origins", wrong]);
        assert!(said.contains(right) && !said.contains("panicked"), "{said}");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful() {
    let server = Server::start(&[]);
    for (path, policy) in
        [("/livez", "default-src 'none'"), ("/nowhere", "default-src 'none'"), ("/", "script-src 'self'")]
    {
        let response = server.get(path).await;
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "no-referrer"), "{path}");
        assert!(header("content-security-policy").contains(policy) && !header("cache-control").is_empty(), "{path}");
    }
    assert_eq!(server.get("/livez").await.headers()["cache-control"], "no-store");
}

/// A certificate for localhost, and a client that trusts it and nothing else.
fn certificate(folder: &Path) -> Client {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).expect("it is made");
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("it is written");
    std::fs::write(folder.join("cert.pem"), cert.pem()).expect("it is written");
    client();
    let trusted = Certificate::from_pem(cert.pem().as_bytes()).expect("a certificate");
    Client::builder().tls_certs_only([trusted]).build().expect("a client")
}

#[tokio::test]
async fn tls_is_served_and_a_new_certificate_needs_no_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusting_first = certificate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let server = Server::start(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
    let url = server.url.replace("127.0.0.1", "localhost") + "/score";
    assert!(url.starts_with("https://"), "{url}");
    let response = trusting_first.post(&url).body(pavilion()).send().await.expect("TLS works");
    assert_eq!((response.status().as_u16(), response.headers().contains_key("strict-transport-security")), (200, true));
    let trusting_second = certificate(folder.path());
    assert!(trusting_second.get(&url).send().await.is_err(), "the old certificate is still served");
    server.signal("HUP");
    let started = Instant::now();
    while trusting_second.get(&url).send().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "the new certificate is not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = refusal(&["--tls-cert", &path("key.pem"), "--tls-key", &path("key.pem")]);
    assert!(said.contains("cannot serve TLS"), "{said}");
    // A health check that asks in plain HTTP is told where to ask instead.
    let address = server.url.strip_prefix("https://").expect("TLS");
    let asked = Command::new(env!("CARGO_BIN_EXE_clearshot")).args(["health", "--listen", address]).output();
    let asked = asked.expect("it runs");
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(!asked.status.success() && said.contains("--admin-listen"), "{said}");
}

#[tokio::test]
async fn operators_have_a_listener_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    key(&file, "portal", &[]);
    let mut server = Server::start(&["--keys", file.to_str().expect("text"), "--admin-listen", "127.0.0.1:0"]);
    let admin = server.second_line().strip_prefix("admin routes on ").expect("it says where").to_owned();
    let get = async |url: String| server.client.get(url).send().await.expect("it answers");
    assert_eq!(get(format!("{admin}/metrics")).await.status(), 200, "without a key");
    assert_eq!(get(format!("{admin}/readyz")).await.status(), 200);
    problem(get(format!("{admin}/profiles")).await, 404, "not_found").await;
    problem(server.get("/metrics").await, 404, "not_found").await;
    let address = admin.strip_prefix("http://").expect("plain HTTP");
    let asked = Command::new(env!("CARGO_BIN_EXE_clearshot")).args(["health", "--admin-listen", address]).status();
    assert!(asked.expect("it runs").success());
}

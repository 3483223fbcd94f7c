//! Starting, probing and stopping the real process.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;
use support::photos::{encoded, jpeg, pavilion};
use support::raw::Raw;
use support::server::{Server, models_copy, problem, refusal, root};

/// ONNX Runtime's official builds would keep a database of what they send home in the user's cache folder.
#[tokio::test]
async fn the_service_calls_nobody_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = support::server::command(&["--listen", "127.0.0.1:0"]);
    // As a user starts it; on the machines of CI the library keeps quiet of its own accord.
    for variable in ["ORT_DISABLE_TELEMETRY", "CI", "XDG_CACHE_HOME"] {
        command.env_remove(variable);
    }
    let mut server = Server::start_as({
        command.env("HOME", home.path());
        command
    });
    server.score(support::photos::pavilion()).await;
    server.signal("INT");
    server.wait(Duration::from_secs(10));
    let left: Vec<_> = std::fs::read_dir(home.path()).expect("it is there").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn probes_models_and_document_answer() {
    let server = Server::start(&[]);
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    let models: serde_json::Value = server.get("/models").await.json().await.expect("JSON");
    let metrics: Vec<_> =
        models["models"].as_array().expect("cards").iter().map(|card| card["metric"]["name"].clone()).collect();
    assert_eq!(metrics, ["blur", "brightness", "rotation", "turn"]);
    assert_eq!(models["provider"], "cpu");
    for card in models["models"].as_array().expect("cards") {
        let samples = card["evaluation"]["all"]["samples"].as_u64().or(card["turns"]["all"]["photos"].as_u64());
        assert!(samples.is_some_and(|samples| samples > 500), "{card}");
    }
    let document: serde_json::Value = server.get("/openapi.json").await.json().await.expect("JSON");
    assert!(document["paths"]["/score"]["post"].is_object());
}

/// Photos by check and upper bound, as `/metrics` counts them: those with values up to the bound.
fn counted(metrics: &str) -> BTreeMap<String, Vec<(f64, usize)>> {
    let mut counted: BTreeMap<String, Vec<(f64, usize)>> = BTreeMap::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("clearshot_check_bucket{le=\"")) {
        let (bound, rest) = line.split_once("\",check=\"").expect("two labels");
        let (check, count) = rest.split_once("\"} ").expect("a count");
        let bin = (bound.parse().expect("a bound"), count.parse().expect("a count"));
        counted.entry(check.to_owned()).or_default().push(bin);
    }
    counted
}

fn grained(photo: &RgbImage) -> RgbImage {
    let mut grained = photo.clone();
    for (x, y, pixel) in grained.enumerate_pixels_mut() {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) % 25;
        pixel.0 = pixel.0.map(|level| level.saturating_add(grain as u8));
    }
    grained
}

fn on_white(photo: &RgbImage) -> RgbImage {
    let mut sheet = RgbImage::from_pixel(photo.width() + 80, photo.height() + 80, Rgb([255; 3]));
    imageops::replace(&mut sheet, photo, 40, 40);
    sheet
}

/// A portal whose tools change sends the same photos as before, but smaller, framed, grained or compressed harder: no model need see it.
#[tokio::test]
async fn metrics_tell_what_checks_measured_and_where_uploads_change() {
    let server = Server::start(&[]);
    let described: Value = server.get("/checks").await.json().await.expect("JSON");
    let names = described["checks"].as_array().expect("a list").iter().map(|check| check["name"].as_str());
    let names: BTreeSet<&str> = names.map(|name| name.expect("a name")).collect();
    let nothing = counted(&server.metrics().await);
    assert_eq!(nothing.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
    assert!(nothing.values().flatten().all(|(_, count)| *count == 0), "{nothing:?}");

    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let half = imageops::resize(&photo, photo.width() / 2, photo.height() / 2, FilterType::Triangle);
    let mut answers = vec![server.score(jpeg(&photo, 92)).await];
    let first = counted(&server.metrics().await);
    let mut before = first.clone();
    for (check, upload) in [
        ("jpeg_quality", jpeg(&photo, 55)),
        ("noise", encoded(&grained(&photo), ImageFormat::Png)),
        ("frame", encoded(&on_white(&photo), ImageFormat::Png)),
        ("short_side", encoded(&half, ImageFormat::Png)),
    ] {
        answers.push(server.score(upload).await);
        let after = counted(&server.metrics().await);
        let came = after[check].iter().zip(&before[check]).map(|((_, now), (_, then))| now - then);
        assert!(came.ne(first[check].iter().map(|(_, count)| *count)), "{check} is in the bin of the first: {after:?}");
        before = after;
    }

    // Each photo is in the bins of what its answer says, and in none of what it has no value of, as a PNG of a quality.
    assert!(answers.iter().any(|answer| answer["checks"]["jpeg_quality"].is_null()), "{answers:#?}");
    for (check, bins) in before {
        let value = |answer: &Value| answer["checks"][&check].as_f64().map(|value| f64::from(value as f32));
        let values: Vec<f64> = answers.iter().filter_map(value).collect();
        for (bound, count) in bins {
            let expected = values.iter().filter(|value| **value <= bound).count();
            assert_eq!(count, expected, "{check}: {values:?} up to {bound}");
        }
    }
}

#[tokio::test]
async fn sigterm_turns_readiness_off_keeps_serving_for_the_grace_time_and_ends_well() {
    let mut server = Server::start(&["--shutdown-grace-ms", "1500"]);
    server.score(pavilion()).await;
    server.signal("TERM");
    let started = Instant::now();
    while server.get("/readyz").await.status() == 200 {
        assert!(started.elapsed() < Duration::from_secs(1), "readiness did not turn off");
    }
    problem(server.get("/readyz").await, 503, "draining").await;
    assert_eq!(server.get("/livez").await.status(), 200);
    server.score(pavilion()).await;
    assert!(server.wait(Duration::from_secs(10)).success());
}

#[test]
fn from_sigterm_on_every_answer_closes_its_connection() {
    let mut server = Server::start(&["--shutdown-grace-ms", "6000"]);
    let [mut used, mut unused, mut idle] = [(); 3].map(|()| Raw::connect(&server));
    assert!(!used.get("/livez").closes() && !idle.get("/livez").closes());
    server.signal("TERM");
    let started = Instant::now();
    while Raw::connect(&server).get("/readyz").status() == 200 {
        assert!(started.elapsed() < Duration::from_secs(4), "readiness did not turn off");
    }
    for raw in [&mut used, &mut unused, &mut Raw::connect(&server)] {
        let answer = raw.get("/livez");
        assert_eq!((answer.status(), answer.closes()), (200, true), "{answer:?}");
        raw.closed_within(Duration::from_secs(10));
    }
    assert!(started.elapsed() < Duration::from_millis(5500), "the grace time was over before all was asked");
    // Whoever has nothing to ask is let go when the listener is.
    idle.closed_within(Duration::from_secs(10));
    assert!(started.elapsed() > Duration::from_millis(5500), "an idle connection may be used for the grace time");
    assert!(server.wait(Duration::from_secs(10)).success());
}

#[test]
fn clients_that_do_not_read_or_never_end_hold_the_end_up_for_the_drain_time_only() {
    let flags = ["--shutdown-grace-ms", "500", "--drain-ms", "1500", "--min-upload-rate", "0"];
    let mut server = Server::start(&flags);
    let mut deaf = Raw::connect(&server);
    deaf.ask_without_reading("/openapi.json");
    let mut endless = Raw::connect(&server);
    endless.send("POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx");
    let mut in_head = Raw::connect(&server);
    in_head.send("GET /livez HTTP/1.1\r\nx");
    let _silent = Raw::connect(&server);
    server.signal("TERM");
    let started = Instant::now();
    assert!(server.wait(Duration::from_secs(15)).success());
    assert!(started.elapsed() > Duration::from_millis(1500), "not before its time: {:?}", started.elapsed());
}

#[test]
fn an_end_amid_photos_is_no_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..5 {
        let said = folder.path().join(round.to_string());
        let mut command = support::server::command(&["--listen", "127.0.0.1:0", "--drain-ms", "0"]);
        command.stderr(std::fs::File::create(&said).expect("it can be written"));
        let mut server = Server::start_as(command);
        let photo = pavilion();
        let head = format!("POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", photo.len());
        let request = [head.as_bytes(), &photo].concat();
        let mut clients: Vec<_> = (0..8).map(|_| Raw::connect(&server)).collect();
        clients.iter_mut().for_each(|raw| raw.send(&request));
        assert_eq!(clients[0].answer().expect("an answer").status(), 200);
        clients.iter_mut().for_each(|raw| raw.send(&request));
        server.signal("INT");
        assert!(server.wait(Duration::from_secs(20)).success());
        assert_eq!(std::fs::read_to_string(said).expect("text"), "", "errors in the log of round {round}");
    }
}

#[tokio::test]
async fn a_photo_that_is_being_scored_when_the_grace_time_ends_gets_its_answer() {
    let mut server = Server::start(&["--shutdown-grace-ms", "0"]);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }));
    sender.send(Ok(pavilion()[..1000].to_vec())).await.expect("it is read");
    let request = server.client.post(format!("{}/score", server.url)).body(body);
    let scoring = tokio::spawn(async move { request.send().await.expect("an answer") });
    server.until("clearshot_photos_in_flight 1", Duration::from_secs(10)).await;
    server.signal("TERM");
    let address = server.url.strip_prefix("http://").expect("plain HTTP");
    let started = Instant::now();
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "it goes on accepting");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sender.send(Ok(pavilion()[1000..].to_vec())).await.expect("it is read");
    drop(sender);
    let answer = scoring.await.expect("it ends");
    assert_eq!((answer.status().as_u16(), &answer.headers()["connection"]), (200, &"close".parse().expect("a value")));
    assert!(answer.text().await.expect("all of it").contains("\"scores\""));
    assert!(server.wait(Duration::from_secs(10)).success());
}

#[test]
fn a_service_that_cannot_work_says_why_and_how_to_correct_it() {
    let empty = tempfile::tempdir().expect("a folder");
    let said = refusal(&["--models", empty.path().to_str().expect("text")]);
    assert!(said.contains("blur.json"), "{said}");
    let said = refusal(&["--onnxruntime", "/nowhere/libonnxruntime.so"]);
    assert!(said.contains("scripts/setup-onnxruntime"), "{said}");
    let not_a_library = root().join("Cargo.toml");
    let said = refusal(&["--onnxruntime", not_a_library.to_str().expect("text")]);
    assert!(said.contains("cannot be loaded"), "{said}");
    assert!(refusal(&["--max-batch", "0"]).contains("--max-batch"));
    // The shipped library is ONNX Runtime for CPUs: CUDA asked for is refused, and the message says what is missing.
    let said = refusal(&["--device", "cuda"]);
    assert!(said.contains("built without the CUDA provider") && said.contains("onnxruntime-gpu"), "{said}");
    assert!(refusal(&["--device", "gpu"]).contains("cuda:N"));
}

/// Most machines have none, so that nothing is to be read as a fault; see the test above for the shipped library.
#[test]
fn a_start_without_a_gpu_is_told_as_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let mut command = support::server::command(&["--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "clearshot_core=info").stderr(std::fs::File::create(&said).expect("it can be written"));
    drop(Server::start_as(command));
    let said = std::fs::read_to_string(said).expect("text");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("the models run on the CPU")).collect();
    let [line] = lines[..] else { panic!("{said}") };
    assert!(line.contains("INFO") && line.contains("built without the CUDA provider"), "{line}");
    let line = line.to_lowercase();
    assert!(["error", "fail", "cannot"].iter().all(|word| !line.contains(word)), "{line}");
}

#[test]
fn models_that_do_not_match_their_cards_are_refused() {
    let with = |change: &dyn Fn(&Path)| {
        let folder = models_copy();
        change(folder.path());
        refusal(&["--models", folder.path().to_str().expect("text")])
    };
    let said = with(&|folder| {
        let path = folder.join("rotation.onnx");
        let bytes = std::fs::read(&path).expect("a model");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("it can be written");
    });
    assert!(said.contains("does not match its card"), "{said}");
    let said = with(&|folder| {
        std::fs::copy(folder.join("blur.json"), folder.join("brightness.json")).expect("it can be copied");
    });
    assert!(said.contains("it is the card of blur"), "{said}");
    let said = with(&|folder| std::fs::write(folder.join("blur.json"), "{}").expect("it can be written"));
    assert!(said.contains("not a valid model card"), "{said}");
}

#[test]
fn the_health_command_tells_a_ready_service_from_none() {
    let health = |address: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_clearshot")).args(["health", "--listen", address]).output();
        output.expect("the binary runs")
    };
    let server = Server::start(&[]);
    let address = server.url.strip_prefix("http://").expect("plain HTTP").to_owned();
    assert!(health(&address).status.success());
    let port = address.rsplit(':').next().expect("a port");
    assert!(health(&format!("0.0.0.0:{port}")).status.success(), "all addresses stand for this machine");
    drop(server);
    let refused = health(&address);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nothing listens"), "{refused:?}");
}

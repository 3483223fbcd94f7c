//! Starting, probing and stopping the real process.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::photos::pavilion;
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
    assert_eq!(metrics, ["blur", "brightness", "rotation"]);
    assert_eq!(models["provider"], "cpu");
    for card in models["models"].as_array().expect("cards") {
        assert!(card["evaluation"]["all"]["samples"].as_u64().is_some_and(|samples| samples > 500), "{card}");
    }
    let document: serde_json::Value = server.get("/openapi.json").await.json().await.expect("JSON");
    assert!(document["paths"]["/score"]["post"].is_object());
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

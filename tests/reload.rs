//! New models without a restart: atomically, and a bad set is refused.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::photos::pavilion;
use support::server::{Server, models_copy};

fn change_version(folder: &Path) {
    let path = folder.join("blur.json");
    let text = std::fs::read_to_string(&path).expect("a card");
    let mut card: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    card["version"] = "blur-other".into();
    std::fs::write(path, card.to_string()).expect("it can be written");
}

#[tokio::test]
async fn sighup_takes_a_good_set_and_refuses_a_bad_one() {
    let folder = models_copy();
    let server = Server::start(&["--models", folder.path().to_str().expect("text")]);
    let before = server.score(pavilion()).await;
    // One broken model spoils the set, though the other card is new and sound.
    let rotation = std::fs::read(folder.path().join("rotation.onnx")).expect("a model");
    std::fs::write(folder.path().join("rotation.onnx"), &rotation[..1000]).expect("it can be written");
    change_version(folder.path());
    server.signal("HUP");
    server.until("clearshot_model_reloads_total{reason=\"refused\"} 1", Duration::from_secs(20)).await;
    let still = server.score(pavilion()).await;
    assert_eq!((&still["models"], &still["scores"]), (&before["models"], &before["scores"]));
    std::fs::write(folder.path().join("rotation.onnx"), &rotation).expect("it can be written");
    server.signal("HUP");
    server.until("clearshot_model_reloads_total{reason=\"loaded\"} 1", Duration::from_secs(20)).await;
    let after = server.score(pavilion()).await;
    assert_eq!(after["models"]["blur"], "blur-other");
    assert_eq!(after["scores"], before["scores"]);
}

#[tokio::test]
async fn a_watched_folder_is_reloaded_while_requests_go_on() {
    let folder = models_copy();
    let server = Server::start(&["--watch-models", "--models", folder.path().to_str().expect("text")]);
    let first = server.score(pavilion()).await;
    change_version(folder.path());
    let started = Instant::now();
    loop {
        let answer = server.score(pavilion()).await;
        assert_eq!(answer["scores"], first["scores"]);
        if answer["models"]["blur"] == "blur-other" {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "the change was not seen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_lose_and_mix_no_answer() {
    let folder = models_copy();
    let server = Server::start(&["--models", folder.path().to_str().expect("text")]);
    let first = server.score(pavilion()).await;
    let rotation = std::fs::read(folder.path().join("rotation.onnx")).expect("a model");
    let done = AtomicBool::new(false);
    let load = async {
        let mut answers = 0;
        while !done.load(Ordering::Relaxed) {
            let answer = server.score(pavilion()).await;
            assert_eq!(answer["scores"], first["scores"]);
            answers += 1;
        }
        answers
    };
    let reloads = async {
        for round in 1..=3 {
            std::fs::write(folder.path().join("rotation.onnx"), &rotation[..1000]).expect("it can be written");
            server.signal("HUP");
            let refused = format!("clearshot_model_reloads_total{{reason=\"refused\"}} {round}");
            server.until(&refused, Duration::from_secs(20)).await;
            std::fs::write(folder.path().join("rotation.onnx"), &rotation).expect("it can be written");
            server.signal("HUP");
            let loaded = format!("clearshot_model_reloads_total{{reason=\"loaded\"}} {round}");
            server.until(&loaded, Duration::from_secs(20)).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (answers, ()) = tokio::join!(load, reloads);
    assert!(answers > 10, "{answers} answers are no load");
}

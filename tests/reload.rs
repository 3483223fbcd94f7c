//! New models without a restart: atomically, and a bad set is refused. The new model has other weights, so that answers tell which
//! of the two gave them.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clearshot_core::digest::sha256_hex;
use futures_util::future::join_all;
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, models_copy, root};

/// Versions and scores of an answer: what must come from one set of models.
type Whole = (Value, Value);

fn whole(answer: &Value) -> Whole {
    (answer["models"].clone(), answer["scores"].clone())
}

/// Adds `amount` to what the shipped brightness model puts out, and gives it a version of its own.
fn put_brightness(folder: &Path, amount: f32, version: &str) {
    let mut onnx = std::fs::read(root().join("models/brightness.onnx")).expect("a model");
    // In the file a tensor's name is followed by the field of its bytes: here two numbers, of which the first is the output's bias.
    let mark = b"head.output.bias\x4a\x08";
    let mut places = onnx.windows(mark.len()).enumerate().filter(|(_, window)| window == mark).map(|(place, _)| place);
    let bias = places.next().expect("the model has an output") + mark.len();
    assert_eq!(places.next(), None);
    let before = f32::from_le_bytes(onnx[bias..bias + 4].try_into().expect("four bytes"));
    onnx[bias..bias + 4].copy_from_slice(&(before + amount).to_le_bytes());
    let text = std::fs::read_to_string(root().join("models/brightness.json")).expect("a card");
    let mut card: Value = serde_json::from_str(&text).expect("JSON");
    card["version"] = version.into();
    card["sha256"] = sha256_hex(&onnx).into();
    std::fs::write(folder.join("brightness.onnx"), onnx).expect("it can be written");
    std::fs::write(folder.join("brightness.json"), card.to_string()).expect("it can be written");
}

async fn outcome(server: &Server, outcome: &str, count: u32) {
    let line = format!("clearshot_model_reloads_total{{reason=\"{outcome}\"}} {count}");
    server.until(&line, Duration::from_secs(60)).await;
}

/// Asserts that brightness alone changed, by its model's new weights.
fn assert_other_brightness(before: &Value, after: &Value) {
    assert_eq!(after["models"]["brightness"], "brightness-other");
    let raw = |answer: &Value| answer["scores"]["brightness"]["raw"].as_f64().expect("a number");
    assert!((raw(after) - raw(before) - 2.0).abs() < 1e-3, "{before} {after}");
    for metric in ["blur", "rotation"] {
        assert_eq!(
            (&after["scores"][metric], &after["models"][metric]),
            (&before["scores"][metric], &before["models"][metric])
        );
    }
}

#[tokio::test]
async fn sighup_takes_a_good_set_and_refuses_a_bad_one() {
    let folder = models_copy();
    let server = Server::start(&["--models", folder.path().to_str().expect("text")]);
    let before = server.score(pavilion()).await;
    // One broken model spoils the set, though the other model is new and sound.
    let rotation = std::fs::read(folder.path().join("rotation.onnx")).expect("a model");
    std::fs::write(folder.path().join("rotation.onnx"), &rotation[..1000]).expect("it can be written");
    put_brightness(folder.path(), 2.0, "brightness-other");
    server.signal("HUP");
    outcome(&server, "refused", 1).await;
    assert_eq!(whole(&server.score(pavilion()).await), whole(&before));
    std::fs::write(folder.path().join("rotation.onnx"), &rotation).expect("it can be written");
    server.signal("HUP");
    outcome(&server, "loaded", 1).await;
    assert_other_brightness(&before, &server.score(pavilion()).await);
}

#[tokio::test]
async fn a_watched_folder_is_reloaded_while_requests_go_on() {
    let folder = models_copy();
    let server = Server::start(&["--watch-models", "--models", folder.path().to_str().expect("text")]);
    let before = server.score(pavilion()).await;
    put_brightness(folder.path(), 2.0, "brightness-other");
    let started = Instant::now();
    let after = loop {
        let answer = server.score(pavilion()).await;
        if whole(&answer) != whole(&before) {
            break answer;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the change was not seen");
    };
    assert_other_brightness(&before, &after);
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_lose_and_mix_no_answer() {
    let folder = models_copy();
    let server = Server::start(&["--models", folder.path().to_str().expect("text")]);
    let old = server.score(pavilion()).await;
    let done = AtomicBool::new(false);
    let load = async {
        let mut answers = Vec::new();
        while !done.load(Ordering::Relaxed) {
            answers.extend(join_all((0..4).map(|_| server.score(pavilion()))).await);
        }
        answers
    };
    let rotation = std::fs::read(folder.path().join("rotation.onnx")).expect("a model");
    let reloads = async {
        // The new model comes, goes and comes again; a bad set before each.
        for round in 1..=3 {
            std::fs::write(folder.path().join("rotation.onnx"), &rotation[..1000]).expect("it can be written");
            server.signal("HUP");
            outcome(&server, "refused", round).await;
            std::fs::write(folder.path().join("rotation.onnx"), &rotation).expect("it can be written");
            let (amount, version) = if round == 2 { (0.0, "brightness-again") } else { (2.0, "brightness-other") };
            put_brightness(folder.path(), amount, version);
            server.signal("HUP");
            outcome(&server, "loaded", round).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (answers, ()) = tokio::join!(load, reloads);
    let new = server.score(pavilion()).await;
    assert_other_brightness(&old, &new);
    // Of all the models that were in use, metrics name those that are and those before them.
    let metrics = server.metrics().await;
    let mut told: Vec<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("clearshot_model{metric=\"brightness\",")).collect();
    told.sort_unstable();
    let line = |version: &str, in_use: u8| format!("version=\"{version}\",provider=\"cpu\"}} {in_use}");
    assert_eq!(told, [line("brightness-again", 0), line("brightness-other", 1)]);
    let mut again = whole(&old);
    again.0["brightness"] = "brightness-again".into();
    let sets = [whole(&old), whole(&new), again];
    let counts = sets.each_ref().map(|set| answers.iter().filter(|answer| whole(answer) == *set).count());
    assert_eq!(counts.iter().sum::<usize>(), answers.len(), "an answer is of neither set: {answers:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?} answers of the sets are no load");
}

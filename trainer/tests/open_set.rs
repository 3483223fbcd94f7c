//! The set of metrics is open: two files in the models folder add a metric to the server, which is neither changed nor
//! rebuilt for it. Saturation and crop are trained here, briefly, and served beside the shipped models by the real binary.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests may panic; a shared module is wider than its use here")]

#[path = "../../tests/support/room.rs"]
mod room;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use clearshot_core::models::ModelSet;
use image::RgbImage;
use serde_json::{Value, json};
use support::{Server, clearshot, copy_shipped, root, run};

const FIVE: [&str; 5] = ["blur", "brightness", "rotation", "crop", "saturation"];

/// A folder with what the tests share: `models` (the shipped ones and two more), `photos` to score, `profiles.json`.
fn shared() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("open_set");
        let _ = std::fs::remove_dir_all(&folder);
        let [sources, models, photos] = ["sources", "models", "photos"].map(|name| folder.join(name));
        for folder in [&sources, &models, &photos] {
            std::fs::create_dir_all(folder).unwrap();
        }
        for seed in 0..24 {
            room::room(320, 240, seed).save(sources.join(format!("{seed}.jpg"))).unwrap();
        }
        let mut all = Command::new(env!("CARGO_BIN_EXE_clearshot-train"));
        all.current_dir(root()).args(["all", "--transformation", "saturation", "--transformation", "crop"]);
        all.args(["--steps", "100", "--batch-photos", "4", "--validate-every", "50", "--per-photo", "12"]);
        all.arg("--photos").arg(&sources).arg("--work").arg(folder.join("work")).arg("--out").arg(&models);
        run(&mut all);
        copy_shipped(&["blur", "brightness", "rotation"], &models);
        let room = room::room(320, 240, 100);
        room.save(photos.join("room.jpg")).unwrap();
        saturated(&room, 0.2).save(photos.join("faded.jpg")).unwrap();
        let profile = |name: &str, more: Value| {
            let mut profile = json!({"name": name, "description": "", "blur": {"high": 1.6},
                "brightness": {"low": -0.25, "high": 0.28}, "rotation": {"low": -5.0, "high": 5.0}, "not_a_photo": "ignore"});
            profile.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            profile
        };
        let bounded = profile("default", json!({"saturation": {"low": -0.2, "high": 1.0, "expected_share": 0.5}}));
        let profiles = json!({"version": 1, "profiles": [bounded, profile("without", json!({}))]});
        std::fs::write(folder.join("profiles.json"), profiles.to_string()).unwrap();
        folder
    })
}

/// Every pixel's distance from gray times `factor`.
fn saturated(photo: &RgbImage, factor: f32) -> RgbImage {
    let mut changed = photo.clone();
    for pixel in changed.pixels_mut() {
        let [red, green, blue] = pixel.0.map(f32::from);
        let gray = 0.299 * red + 0.587 * green + 0.114 * blue;
        pixel.0 = [red, green, blue].map(|channel| (gray + (channel - gray) * factor).round().clamp(0.0, 255.0) as u8);
    }
    changed
}

/// A running server with the shared models and profiles.
fn server() -> Server {
    Server::start(&shared().join("models"), Some(&shared().join("profiles.json")))
}

fn score(server: &Server, photo: &str, profile: &str) -> Value {
    server.score(&shared().join("photos").join(photo), profile)
}

/// The codes of reasons on a metric.
fn codes<'a>(answer: &'a Value, metric: &str) -> Vec<&'a str> {
    let reasons = answer["reasons"].as_array().unwrap().iter();
    reasons.filter(|reason| reason["metric"] == metric).map(|reason| reason["code"].as_str().unwrap()).collect()
}

#[test]
fn cards_of_further_metrics_load_beside_the_shipped_ones() {
    let set = ModelSet::load(&shared().join("models")).unwrap();
    let names: Vec<&str> = set.metrics().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, FIVE);
    assert_eq!(set.views().len(), 3, "saturation and crop look at the view of brightness");
    for name in ["saturation", "crop"] {
        let card = set.cards().find(|card| card.metric.name == name).unwrap();
        assert!(card.evaluation["all"].samples > 0 && card.reference.as_ref().unwrap().photos > 0);
        let transformation = clearshot_trainer::transform::find(name).unwrap();
        assert_eq!(card.metric, transformation.spec().metric());
    }
}

#[test]
fn the_report_shows_a_further_metric() {
    let page = shared().join("report.html");
    let mut report = Command::new(env!("CARGO_BIN_EXE_clearshot-train"));
    report.current_dir(root()).args(["report", "--transformation", "saturation", "--per-photo", "1"]);
    report.arg("--photos").arg(shared().join("sources")).arg("--work").arg(shared().join("work"));
    run(report.arg("--out").arg(shared().join("models")).arg("--report").arg(&page));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("<section id=\"saturation\">") && html.contains("Colourfulness"));
    assert_eq!(html.matches("<section").count(), 1);
}

#[test]
fn the_server_answers_with_the_further_metrics() {
    let server = server();
    let room = score(&server, "room.jpg", "default");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&room["scores"]), FIVE);
    let mut models = FIVE.map(str::to_owned).to_vec();
    models.sort();
    assert_eq!(keys(&room["models"]), models);
    let score = &room["scores"]["saturation"];
    assert_eq!(score["unit"], "log2");
    let [low, value, high] = ["low", "value", "high"].map(|part| score[part].as_f64().unwrap());
    assert!(-2.0 <= low && low <= value && value <= high && high <= 1.0, "{score}");

    let cards: Value = serde_json::from_str(&server.ask("GET", "/models", &[]).1).unwrap();
    let cards = cards["models"].as_array().unwrap();
    let names: Vec<&str> = cards.iter().map(|card| card["metric"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, FIVE);
    assert_eq!(cards[4]["metric"]["title"], "Colourfulness");

    let metrics = server.ask("GET", "/metrics", &[]).1;
    for name in FIVE {
        let label = format!("metric=\"{name}\"");
        for family in ["clearshot_score_bucket{", "clearshot_score_reference{", "clearshot_model{"] {
            let found = metrics.lines().any(|line| line.starts_with(family) && line.contains(&label));
            assert!(found, "no {family} of {name} in\n{metrics}");
        }
    }
}

#[test]
fn a_profile_bounds_a_further_metric() {
    let server = server();
    let faded = score(&server, "faded.jpg", "default");
    assert_eq!(codes(&faded, "saturation"), ["dull"], "{faded}");
    assert_eq!(faded["verdict"], "fail");
    let reason = faded["reasons"].as_array().unwrap().iter().find(|reason| reason["code"] == "dull").unwrap();
    assert_eq!(reason["advice"], "Raise the saturation.");
    // So brief a training leaves wide intervals, but an untouched room is not certain to be dull.
    assert!(!codes(&score(&server, "room.jpg", "default"), "saturation").contains(&"dull"));
    // Without a band a metric is reported, not judged.
    let unjudged = score(&server, "faded.jpg", "without");
    assert_eq!(unjudged["scores"]["saturation"]["value"], faded["scores"]["saturation"]["value"]);
    assert!(codes(&unjudged, "saturation").is_empty());
}

#[test]
fn results_have_columns_of_the_further_metrics_and_older_results_are_still_read() {
    let results = tempfile::tempdir().unwrap();
    let score = |models: &Path, output: &Path| {
        let mut command = clearshot();
        command.arg("score").arg(shared().join("photos")).arg("--models").arg(models).arg("--output").arg(output);
        command
    };
    let backtest = |output: &Path| -> Value {
        let mut command = clearshot();
        command.args(["backtest", "--json"]).arg("--models").arg(shared().join("models"));
        command.arg("--profile").arg(shared().join("profiles.json")).arg(output);
        serde_json::from_str(&run(&mut command)).unwrap()
    };
    let dull = |found: &Value| found["profiles"][0]["reasons"]["dull"].as_f64();
    for ending in ["csv", "jsonl", "parquet"] {
        let output = results.path().join(format!("new.{ending}"));
        let mut command = score(&shared().join("models"), &output);
        run(command.arg("--profiles").arg(shared().join("profiles.json")));
        let bytes = std::fs::read(&output).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if ending == "jsonl" {
            let row: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            assert!(
                row["scores"]["saturation"]["low"].is_number() && row["scores"]["crop"]["low"].is_number(),
                "{row}"
            );
        } else {
            // Parquet names its columns in plain text, too.
            for column in ["saturation", "saturation_low", "saturation_high", "saturation_model", "crop", "crop_low"] {
                assert!(text.contains(column), "{ending}: no column {column}");
            }
        }
        let found = backtest(&output);
        assert_eq!((&found["photos"], dull(&found)), (&json!(2), Some(0.5)), "{ending}: {found}");
    }
    let old = results.path().join("old.csv");
    run(&mut score(&root().join("models"), &old));
    assert!(!std::fs::read_to_string(&old).unwrap().contains("saturation"));
    let found = backtest(&old);
    assert_eq!((&found["photos"], &found["not_scored"], dull(&found)), (&json!(2), &json!(0), None), "{found}");
}

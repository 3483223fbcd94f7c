//! A head for labels of one's own, end to end: rendered rooms and facades are labelled, a head is trained on the shipped encoder, and
//! the service's real binary tells unseen ones apart.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests may panic; a shared module is wider than its use here")]

#[path = "../../tests/support/room.rs"]
mod room;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use clearshot_core::models::ModelSet;
use clearshot_core::session::{BranchSession, Runtime};
use image::{Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use support::{Server, clearshot, copy_shipped, root, run};

/// Photos of each label to learn from, and unseen ones.
const LABELLED: u32 = 12;
const UNSEEN: u32 = 6;

/// A house from the street: sky, a wall with rows of windows, ground.
fn facade(width: u32, height: u32, seed: u32) -> RgbImage {
    let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
    let wall: [f32; 3] = std::array::from_fn(|_| rng.random_range(120.0..220.0));
    let (roof, ground) = (rng.random_range(0.1..0.3), rng.random_range(0.75..0.9));
    let (columns, rows) = (rng.random_range(3.0f32..7.0), rng.random_range(3.0f32..6.0));
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let window = |at: f32, count: f32| (0.3..0.7).contains(&(at * count).fract());
        let colour = if v < roof {
            [120.0 + 80.0 * v, 160.0 + 60.0 * v, 230.0]
        } else if v > ground {
            [90.0, 100.0, 80.0]
        } else if window(u, columns) && window((v - roof) / (ground - roof), rows) {
            [45.0, 55.0, 70.0]
        } else {
            wall
        };
        let grain = rng.random_range(-4.0..4.0);
        Rgb(colour.map(|channel: f32| (channel + grain).clamp(0.0, 255.0) as u8))
    })
}

fn photo(label: &str, seed: u32) -> RgbImage {
    if label == "room" { room::room(320, 240, seed) } else { facade(320, 240, seed) }
}

/// The file of a photo, which stands below the folder of photos.
fn file(label: &str, seed: u32) -> String {
    format!("{label}-{seed}.jpg")
}

/// The command of a head, with the labels in a file.
fn head(name: &str, labels: &Path, out: &Path) -> Command {
    let mut head = Command::new(env!("CARGO_BIN_EXE_clearshot-train"));
    head.current_dir(root()).args(["head", "--title", "Scene", "--encoder", "models"]);
    head.arg("--name").arg(name).arg("--labels").arg(labels).arg("--out").arg(out);
    head.arg("--photos").arg(labels.parent().unwrap());
    head
}

/// A folder with what the tests share: photos, `labels.csv`, `unseen.csv`, what the command `said`, and `models` with a head.
fn shared() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("head");
        let _ = std::fs::remove_dir_all(&folder);
        let models = folder.join("models");
        std::fs::create_dir_all(&models).unwrap();
        for (name, seeds) in [("labels.csv", 0..LABELLED), ("unseen.csv", LABELLED..LABELLED + UNSEEN)] {
            let mut table = String::from("file,label,group\n");
            for label in ["room", "facade"] {
                for seed in seeds.clone() {
                    photo(label, seed).save(folder.join(file(label, seed))).unwrap();
                    table += &format!("{},{label},street-{}\n", file(label, seed), seed / 2);
                }
            }
            std::fs::write(folder.join(name), table).unwrap();
        }
        copy_shipped(&["blur", "brightness", "rotation", "turn"], &models);
        let said = run(head("scene", &folder.join("labels.csv"), &models).arg("--test").arg(folder.join("unseen.csv")));
        std::fs::write(folder.join("said"), said).unwrap();
        folder
    })
}

#[test]
fn the_card_says_how_well_labels_are_told_and_the_command_what_the_encoder_is_worth() {
    let set = ModelSet::load(&shared().join("models")).unwrap();
    assert!(set.metrics().map(|metric| metric.name.as_str()).eq(["blur", "brightness", "rotation"]));
    let card = set.labelling().next().unwrap();
    let labels = card.labels.as_ref().unwrap();
    assert_eq!((card.metric.name.as_str(), card.metric.title.as_str()), ("scene", "Scene"));
    assert!(labels.names.iter().map(|name| name.as_str()).eq(["facade", "room"]));
    assert_eq!((labels.photos, labels.groups), (24, 6));
    assert!(labels.accuracy > 0.9 && labels.share_of_commonest == 0.5, "{labels:?}");
    let [low, high] = labels.accuracy_interval;
    assert!(low < labels.accuracy && labels.accuracy <= high, "{labels:?}");
    let said = std::fs::read_to_string(shared().join("said")).unwrap();
    for line in ["24 photos in 6 groups: facade 12, room 12", "12 test photos in 3 groups", "random weights"] {
        assert!(said.contains(line), "{said}");
    }

    // What is said of a photo does not depend on those beside it.
    let model = set.models().iter().find(|model| model.card == *card).unwrap();
    let mut session = BranchSession::of(&Runtime::load(None).unwrap(), model, 1).unwrap();
    let tensors: Vec<Vec<f32>> = ["room", "facade", "room"]
        .iter()
        .zip(100..)
        .map(|(label, seed)| model.view.tensor(&clearshot_core::view::ReferenceView::new(photo(label, seed))))
        .collect();
    let together = session.run(&tensors.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    for (tensor, output) in tensors.iter().zip(&together) {
        assert_eq!(session.run(&[tensor]).unwrap()[0], *output);
    }
}

#[test]
fn the_server_labels_unseen_photos() {
    let server = Server::start(&shared().join("models"), None);
    for label in ["room", "facade"] {
        for seed in LABELLED..LABELLED + UNSEEN {
            let answer = server.score(&shared().join(file(label, seed)), "default");
            let found = &answer["labels"]["scene"];
            assert_eq!(found["label"], label, "{seed}: {found}");
            let of_label = |label: &str| found["probabilities"][label].as_f64().unwrap();
            assert_eq!(found["probability"], found["probabilities"][label]);
            assert!((of_label("room") + of_label("facade") - 1.0).abs() < 0.002, "{found}");
            assert!(answer["models"]["scene"].as_str().unwrap().starts_with("scene-"));
            assert!(answer["scores"]["scene"].is_null(), "a label is no score");
        }
    }
    let metrics = server.ask("GET", "/metrics", &[]).1;
    for label in ["room", "facade"] {
        let line = format!("clearshot_labels_total{{model=\"scene\",label=\"{label}\"}} {UNSEEN}");
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
    let cards: Value = serde_json::from_str(&server.ask("GET", "/models", &[]).1).unwrap();
    let card = cards["models"].as_array().unwrap().iter().find(|card| card["reading"] == "labels").unwrap();
    assert_eq!(card["labels"]["names"], serde_json::json!(["facade", "room"]));
    // Without such a model answers are what they were.
    let plain = Server::start(&root().join("models"), None).score(&shared().join(file("room", LABELLED)), "default");
    assert!(plain.get("labels").is_none(), "{plain}");
}

#[test]
fn results_have_columns_of_the_label() {
    let results = tempfile::tempdir().unwrap();
    for ending in ["csv", "jsonl", "parquet"] {
        let output = results.path().join(format!("scored.{ending}"));
        let mut score = clearshot();
        score.arg("score").arg(shared().join(file("facade", LABELLED))).arg("--output").arg(&output);
        run(score.arg("--models").arg(shared().join("models")));
        let bytes = std::fs::read(&output).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if ending == "jsonl" {
            let row: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            assert_eq!(row["labels"]["scene"]["label"], "facade", "{row}");
            continue;
        }
        // Parquet names its columns in plain text, too.
        assert!(text.contains("label_scene") && text.contains("label_scene_probability"), "{ending}: {text}");
        if ending == "csv" {
            let mut table = csv::Reader::from_reader(&*bytes);
            let place = table.headers().unwrap().iter().position(|column| column == "label_scene").unwrap();
            let row = table.records().next().unwrap().unwrap();
            assert_eq!(&row[place], "facade");
            assert!(row[place + 1].parse::<f32>().unwrap() >= 0.5, "{row:?}");
        }
    }
}

#[test]
fn mistakes_are_named() {
    let out = tempfile::tempdir().unwrap();
    let labels = shared().join("mistaken.csv");
    let lines = |label: &str, seeds: std::ops::Range<u32>| -> String {
        seeds.map(|seed| format!("{},{label}\n", file(label, seed))).collect()
    };
    let good = lines("room", 0..6) + &lines("facade", 0..6);
    for (table, wanted) in [
        (format!("photo,label\n{good}"), "needs the columns `file` and `label`"),
        (format!("file,kind\n{good}"), "needs the columns `file` and `label`"),
        ("file,label\n".to_owned(), "names no photos"),
        (format!("file,label\n{good}attic.jpg,room\n"), "attic.jpg"),
        (format!("file,label\n{good}{}", lines("room", 3..4)), "room-3.jpg twice"),
        (format!("file,label\n{}", lines("room", 0..8)), "every photo has the label `room`"),
        (format!("file,label\n{}{}", lines("room", 0..8), lines("facade", 0..2)), "the label `facade` has 2 photos"),
        (format!("file,label\n{good}facade-9.jpg,a house\n"), "`a house` is no name"),
    ] {
        std::fs::write(&labels, &table).unwrap();
        let output = head("scene", &labels, out.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(wanted), "{table}: {said}");
    }
    for (name, wanted) in [("blur", "name of a transformation"), ("quality", "means something else")] {
        let output = head(name, &shared().join("labels.csv"), out.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(wanted), "{name}: {said}");
    }
    assert!(std::fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was written");
}

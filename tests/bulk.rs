//! Bulk scoring and backtests by the real command.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;
use support::photos::{blurred, encoded, jpeg, pavilion, turned};
use support::room::room;
use support::server::{Server, models_with_a_fourth_metric, root};

fn clearshot(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    command.current_dir(root()).env("RUST_LOG", "warn").args(arguments);
    command
}

/// Runs `clearshot score`; what it said on standard error, and its exit code.
fn score(arguments: &[&str]) -> (String, Option<i32>) {
    let output = clearshot(&[&["score"], arguments].concat()).output().expect("it runs");
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// Photos, one of them broken, in two folders, and files that are none.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rooms")).expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("it is written");
    let sharp = room(800, 600, 3);
    write("pavilion.jpg", &pavilion());
    write("rooms/sharp.png", &encoded(&sharp, image::ImageFormat::Png));
    write("rooms/blurred.JPEG", &jpeg(&blurred(&sharp, 6.0), 90));
    write("rooms/turned.webp", &encoded(&turned(&sharp, 15.0), image::ImageFormat::WebP));
    write("rooms/broken.jpg", &pavilion()[..3000]);
    write("rooms/notes.txt", b"no photo");
    folder
}

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("it is there");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn paths(path: &Path) -> Vec<String> {
    rows(path).iter().map(|row| row["path"].as_str().expect("a path").to_owned()).collect()
}

#[tokio::test]
async fn rows_are_the_answers_of_the_service() {
    let folder = photos();
    let output = folder.path().join("results.jsonl");
    let (said, code) = score(&[text(folder.path()), "--output", text(&output)]);
    assert_eq!(code, Some(3), "one photo is broken: {said}");
    assert!(said.contains("5 photos in") && said.contains("1 refused"), "{said}");
    let server = Server::start(&[]);
    let rows = rows(&output);
    assert_eq!(rows.len(), 5, "in the folders' order, without the text file");
    for mut row in rows {
        let row = row.as_object_mut().expect("an object");
        let path = row.remove("path").expect("a path");
        let response = server.post(std::fs::read(path.as_str().expect("text")).expect("it is there")).await;
        let mut answer: Value = response.json().await.expect("JSON");
        let answer = answer.as_object_mut().expect("an object");
        match row.get("problem") {
            Some(problem) => {
                assert_eq!((&problem["code"], &problem["detail"]), (&answer["code"], &answer["detail"]), "{path}");
            }
            None => {
                answer.remove("request_id");
                assert_eq!(&*row, &*answer, "{path}");
            }
        }
    }
}

#[test]
fn an_interrupted_run_is_resumed_to_the_same_output() {
    let folder = photos();
    let (whole, cut) = (folder.path().join("whole.jsonl"), folder.path().join("cut.jsonl"));
    score(&[text(folder.path()), "-o", text(&whole)]);
    let lines = std::fs::read_to_string(&whole).expect("it is there");
    let two: usize = lines.split_inclusive('\n').take(2).map(str::len).sum();
    std::fs::write(&cut, &lines[..two + 100]).expect("it is written");
    let (said, _) = score(&[text(folder.path()), "-o", text(&cut)]);
    assert!(said.contains("3 photos in") && said.contains("2 skipped"), "{said}");
    assert_eq!(std::fs::read_to_string(&cut).expect("it is there"), lines);
    let (said, code) = score(&[text(folder.path()), "-o", text(&cut)]);
    assert!(said.contains("0 photos in") && said.contains("5 skipped"), "{said}");
    assert_eq!(code, Some(0), "nothing failed this time");
}

#[test]
fn batches_and_threads_change_nothing() {
    let folder = photos();
    let outputs = [vec!["--threads", "1"], vec!["--threads", "3", "--readers", "1"], vec!["--batch", "3"]].map(|how| {
        let output = folder.path().join("results.jsonl");
        score(&[&[text(folder.path()), "-o", text(&output)], &how[..]].concat());
        let rows = std::fs::read_to_string(&output).expect("it is there");
        std::fs::remove_file(&output).expect("it is there");
        rows
    });
    assert_eq!(outputs[0].lines().count(), 5);
    assert!(outputs.iter().all(|rows| *rows == outputs[0]));
}

#[test]
fn csv_and_parquet_hold_the_same_and_grow() {
    let folder = photos();
    let (rooms, pavilion) = (folder.path().join("rooms"), folder.path().join("pavilion.jpg"));
    let mut backtests = BTreeSet::new();
    for name in ["results.jsonl", "results.csv", "results.parquet"] {
        let output = folder.path().join(name);
        let (said, code) = score(&[text(&rooms), "-o", text(&output)]);
        assert_eq!(code, Some(3), "{said}");
        let (said, code) = score(&[text(&rooms), text(&pavilion), "-o", text(&output)]);
        assert!(code == Some(0) && said.contains("1 photos in") && said.contains("4 skipped"), "{said}");
        backtests.insert(backtest(&[text(&output), "--json"]));
    }
    assert_eq!(backtests.len(), 1, "{backtests:?}");
    // As if a run had ended just before it removed its journal.
    let parquet = folder.path().join("results.parquet");
    std::fs::copy(folder.path().join("results.jsonl"), folder.path().join("results.parquet.partial")).expect("a copy");
    score(&[text(&rooms), "-o", text(&parquet)]);
    assert!(backtest(&[text(&parquet)]).contains("4 photos with scores, 1 without"), "no row is there twice");
    assert!(!folder.path().join("results.parquet.partial").exists());
    let mut csv = csv::Reader::from_path(folder.path().join("results.csv")).expect("CSV");
    let rows: Vec<BTreeMap<String, String>> = csv.deserialize().collect::<Result<_, _>>().expect("rows");
    assert_eq!(rows.len(), 5);
    let of = |name: &str| rows.iter().find(|row| row["path"].ends_with(name)).expect("it has a row");
    assert!(of("blurred.JPEG")["reasons"].split(' ').any(|reason| reason == "blurred"), "{:?}", of("blurred.JPEG"));
    assert_eq!(of("broken.jpg")["problem"], "undecodable_image");
    let turned: f32 = of("turned.webp")["rotation"].parse().expect("a number");
    assert!((turned - 15.0).abs() < 5.0, "{turned}");
}

fn backtest(arguments: &[&str]) -> String {
    let Output { stdout, stderr, status } = clearshot(&[&["backtest"], arguments].concat()).output().expect("it runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

#[test]
fn a_backtest_tells_what_a_profile_would_have_decided() {
    let folder = photos();
    let output = folder.path().join("results.jsonl");
    score(&[text(folder.path()), "-o", text(&output)]);
    let profiles = folder.path().join("profiles.json");
    // Nobody's tilt matters; any blur fails.
    let profile = r#"{"version": 1, "profiles": [{"name": "default", "blur": {"high": 0.001},
        "brightness": {"low": -0.5, "high": 0.5}, "rotation": {"low": -45, "high": 45}}]}"#;
    std::fs::write(&profiles, profile).expect("it is written");
    let found: Value =
        serde_json::from_str(&backtest(&["--profile", text(&profiles), text(&output), "--json"])).expect("JSON");
    assert_eq!((&found["photos"], &found["not_scored"]), (&4.into(), &1.into()));
    let decided = &found["profiles"][0];
    assert_eq!(decided["reasons"].get("tilted"), None, "{found}");
    let (fail, unsure) = (&decided["verdicts"]["fail"], &decided["verdicts"]["unsure"]);
    assert_eq!(fail, &decided["reasons"]["blurred"], "{found}");
    assert!(fail.as_f64() >= Some(0.25) && fail.as_f64().zip(unsure.as_f64()).is_some_and(|(a, b)| a + b == 1.0));
    let table = backtest(&["--profile", text(&profiles), text(&output)]);
    assert!(table.contains("4 photos with scores, 1 without") && table.contains("blurred"), "{table}");
}

/// Columns of a Parquet file, and its rows: what is not null, as text.
fn parquet(path: &Path) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let reader = SerializedFileReader::new(File::open(path).expect("it is there")).expect("it is Parquet");
    let schema = reader.metadata().file_metadata().schema_descr();
    let columns = schema.columns().iter().map(|column| column.name().to_owned()).collect();
    let row = |row: Result<parquet::record::Row, _>| {
        let row = row.expect("a row");
        let cells = row.get_column_iter().filter(|(_, field)| !matches!(field, Field::Null));
        let text = |field: &Field| match field {
            Field::Str(text) => text.clone(),
            other => other.to_string(),
        };
        cells.map(|(column, field)| (column.clone(), text(field))).collect()
    };
    (columns, reader.get_row_iter(None).expect("rows").map(row).collect())
}

/// The columns that a metric adds.
fn columns_of(metric: &str) -> Vec<String> {
    ["", "_low", "_high", "_raw", "_model"].map(|part| format!("{metric}{part}")).into()
}

#[test]
fn columns_follow_from_the_models_in_every_format() {
    let folder = photos();
    let models = models_with_a_fourth_metric();
    let [json, csv, parquet_file] = ["jsonl", "csv", "parquet"].map(|ending| {
        let output = folder.path().join(format!("results.{ending}"));
        let (said, code) = score(&[text(folder.path()), "--models", text(models.path()), "-o", text(&output)]);
        assert_eq!(code, Some(3), "{said}");
        output
    });
    let rows = rows(&json);
    let mut csv = csv::Reader::from_path(csv).expect("CSV");
    let header: Vec<String> = csv.headers().expect("a header").iter().map(str::to_owned).collect();
    let (columns, from_parquet) = parquet(&parquet_file);
    assert_eq!(header, columns);
    let at = |name: &str| header.iter().position(|column| column == name).expect(name);
    assert!(at("rotation_raw") < at("exposure") && at("exposure") < at("turn"), "{header:?}");
    let from_csv: Vec<BTreeMap<String, String>> = csv.deserialize().collect::<Result<_, _>>().expect("rows");
    assert_eq!([rows.len(), from_csv.len(), from_parquet.len()], [5; 3]);
    for ((row, from_csv), from_parquet) in rows.iter().zip(&from_csv).zip(&from_parquet) {
        assert_eq!(from_parquet["path"], from_csv["path"]);
        if row.get("problem").is_some() {
            assert!(columns_of("exposure").iter().all(|column| from_csv[column].is_empty()), "{from_csv:?}");
            assert!(columns_of("exposure").iter().all(|column| !from_parquet.contains_key(column)), "{from_parquet:?}");
            continue;
        }
        let (exposure, brightness) = (&row["scores"]["exposure"], &row["scores"]["brightness"]);
        assert_eq!(exposure["raw"], brightness["raw"], "the fourth metric is brightness by another name");
        for (column, part) in columns_of("exposure").iter().zip(["value", "low", "high", "raw"]) {
            let number = |text: &String| text.parse::<f32>().expect("a number");
            let wanted = exposure[part].as_f64().expect("a number") as f32;
            assert_eq!([number(&from_csv[column]), number(&from_parquet[column])], [wanted; 2], "{column}");
        }
        assert_eq!(row["models"]["exposure"].as_str(), Some(from_csv["exposure_model"].as_str()));
        assert_eq!(from_parquet["exposure_model"], from_csv["exposure_model"]);
        assert_eq!(from_parquet["width"], from_csv["width"]);
    }
    // A profile may bound the fourth metric; results that lack it are judged by the others.
    let profiles = folder.path().join("profiles.json");
    let profile = r#"{"version": 1, "profiles": [{"name": "default", "exposure": {"low": -0.001, "high": 0.001}}]}"#;
    std::fs::write(&profiles, profile).expect("it is written");
    let judged = |output: &Path| -> Value {
        let how = ["--models", text(models.path()), "--profile", text(&profiles), text(output), "--json"];
        serde_json::from_str(&backtest(&how)).expect("JSON")
    };
    let found = judged(&json);
    let reasons = found["profiles"][0]["reasons"].as_object().expect("an object");
    let of_exposure = |code: &String| code.ends_with("underexposed") || code.ends_with("overexposed");
    assert!(!reasons.is_empty() && reasons.keys().all(of_exposure), "{found}");
    assert_eq!(found, judged(&parquet_file));
    let old = judged(&old_results("csv"));
    assert_eq!((&old["photos"], &old["profiles"][0]["verdicts"]["pass"]), (&2.into(), &1.0.into()), "{old}");
}

/// Results of version 0.1 before metrics came from the models folder: pavilion.jpg, tilted.jpg and a text file.
fn old_results(ending: &str) -> std::path::PathBuf {
    root().join("tests/fixtures/results").join(format!("three_metrics.{ending}"))
}

#[test]
fn results_of_an_older_version_are_read_and_continued() {
    let folder = tempfile::tempdir().expect("a folder");
    let (photo, new) = ("tests/fixtures/pavilion.jpg", folder.path().join("new.jpg"));
    std::fs::write(&new, jpeg(&room(800, 600, 3), 90)).expect("it is written");
    let mut backtests = BTreeSet::new();
    for ending in ["jsonl", "csv", "parquet"] {
        backtests.insert(backtest(&[text(&old_results(ending)), "--json"]));
        let output = folder.path().join(format!("results.{ending}"));
        std::fs::copy(old_results(ending), &output).expect("it can be copied");
        let (said, code) = score(&[photo, text(&new), "-o", text(&output)]);
        if ending == "csv" {
            assert!(code == Some(1) && said.contains("has other columns"), "{said}");
            assert_eq!(std::fs::read(&output).ok(), std::fs::read(old_results(ending)).ok(), "it is as it was");
        } else {
            assert!(code == Some(0) && said.contains("1 photos in") && said.contains("1 skipped"), "{said}");
        }
    }
    assert_eq!(backtests.len(), 1, "{backtests:?}");
    let found: Value = serde_json::from_str(backtests.first().expect("one")).expect("JSON");
    assert_eq!((&found["photos"], &found["not_scored"]), (&2.into(), &1.into()));
    let default = &found["profiles"][0];
    assert_eq!((&default["verdicts"]["pass"], &default["verdicts"]["fail"]), (&0.5.into(), &0.5.into()), "{found}");
    assert_eq!((&default["reasons"]["tilted"], &default["reasons"]["possibly_too_dark"]), (&0.5.into(), &0.5.into()));
    let (columns, rows) = parquet(&folder.path().join("results.parquet"));
    assert!(columns.contains(&"turn_probability".to_owned()) && rows.len() == 4, "{rows:?}");
    let again = rows.iter().find(|row| row["path"] == photo).expect("it keeps its row");
    assert_eq!((again["width"].as_str(), again["blur_model"].as_str()), ("640", "blur-95b55b84"));
}

#[test]
fn results_of_other_models_are_not_continued() {
    let folder = photos();
    let models = models_with_a_fourth_metric();
    let photo = folder.path().join("pavilion.jpg");
    for (ending, reason) in [("jsonl", "holds scores of"), ("parquet", "holds scores of"), ("csv", "has other columns")]
    {
        let output = folder.path().join(format!("results.{ending}"));
        let (said, code) = score(&[text(&photo), "-o", text(&output)]);
        assert_eq!(code, Some(0), "{said}");
        let before = std::fs::read(&output).expect("it is there");
        let (said, code) = score(&[text(folder.path()), "--models", text(models.path()), "-o", text(&output)]);
        assert!(code == Some(1) && said.contains(reason), "{said}");
        assert!(before == std::fs::read(&output).expect("it is there"), "it is as it was");
    }
}

#[test]
fn a_photo_on_which_a_model_fails_costs_its_own_row_only() {
    let folder = photos();
    let models = models_with_a_fourth_metric();
    // A graph that ONNX Runtime cannot run for photos that are nearly black: it looks up what is not there.
    let graph = root().join("tests/fixtures/models/fails_on_black.onnx");
    let place = |name: &str| models.path().join(name);
    std::fs::copy(&graph, place("exposure.onnx")).expect("it can be copied");
    let card = std::fs::read_to_string(place("exposure.json")).expect("it is there");
    let mut card: Value = serde_json::from_str(&card).expect("JSON");
    card["sha256"] = clearshot_core::digest::sha256_hex(&std::fs::read(&graph).expect("it is there")).into();
    std::fs::write(place("exposure.json"), card.to_string()).expect("it is written");
    let black = encoded(&image::RgbImage::new(640, 480), image::ImageFormat::Png);
    std::fs::write(folder.path().join("a-black.png"), black).expect("it is written");
    for how in [["--threads", "1"], ["--batch", "8"]] {
        let output = folder.path().join("results.jsonl");
        let arguments = [text(folder.path()), "--models", text(models.path()), "-o", text(&output)];
        let (said, code) = score(&[&arguments[..], &how].concat());
        assert!(code == Some(3) && said.contains("6 photos in") && said.contains("2 refused"), "{said}");
        assert!(said.contains("a photo failed") && said.contains("exposure"), "the log says which model: {said}");
        let rows = rows(&output);
        assert_eq!((rows.len(), &rows[0]["problem"]["code"]), (6, &"internal".into()), "{}", rows[0]);
        assert_eq!(rows.iter().filter(|row| row.get("problem").is_none()).count(), 4);
        std::fs::remove_file(&output).expect("it is there");
    }
}

#[test]
fn shards_share_the_photos_out() {
    let folder = photos();
    let mut all = Vec::new();
    for shard in ["0/3", "1/3", "2/3"] {
        let output = folder.path().join("shard.jsonl");
        score(&[text(folder.path()), "-o", text(&output), "--shard", shard]);
        all.extend(paths(&output));
        std::fs::remove_file(&output).expect("it is there");
    }
    assert_eq!((all.len(), BTreeSet::from_iter(all).len()), (5, 5));
    let (said, code) = score(&[text(folder.path()), "--shard", "3/3"]);
    assert!(code == Some(2) && said.contains("I from 0 to N-1"), "{said}");
}

#[test]
fn a_list_from_standard_input_survives_what_is_gone() {
    let folder = photos();
    let output = folder.path().join("results.jsonl");
    let mut child = clearshot(&["score", "-", "-o", text(&output)])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let list = format!("{0}/pavilion.jpg\n{0}/gone.jpg\n\n{0}/rooms/sharp.png\n", text(folder.path()));
    child.stdin.take().expect("it is piped").write_all(list.as_bytes()).expect("it reads");
    let done = child.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(3), "a photo could not be read");
    assert!(String::from_utf8_lossy(&done.stderr).contains("gone.jpg"));
    // What could not be read has no row, so that the next run tries again.
    let (said, code) = score(&[text(&folder.path().join("gone.jpg")), "-o", text(&output)]);
    assert!(code == Some(3) && said.contains("1 could not be read"), "{said}");
    assert_eq!(paths(&output).len(), 2);
}

#[test]
fn scores_that_do_not_compare_are_not_mixed() {
    let folder = photos();
    let output = folder.path().join("results.csv");
    let photo = folder.path().join("pavilion.jpg");
    score(&[text(&photo), "-o", text(&output)]);
    let (said, code) = score(&[text(folder.path()), "-o", text(&output), "--profile", "car-dealer"]);
    assert!(code == Some(1) && said.contains("holds scores of profile default"), "{said}");
}

#[test]
fn the_contact_sheet_shows_the_worst_first() {
    let folder = photos();
    std::fs::write(folder.path().join("<b>&.jpg"), pavilion()).expect("it is written");
    let (output, sheet) = (folder.path().join("results.jsonl"), folder.path().join("sheet.html"));
    let (said, _) = score(&[text(folder.path()), "-o", text(&output), "--html", text(&sheet), "--html-photos", "5"]);
    let page = std::fs::read_to_string(&sheet).unwrap_or_else(|_| panic!("no sheet: {said}"));
    let place = |name: &str| page.find(name).unwrap_or_else(|| panic!("{name} is not on the sheet"));
    assert!(place("broken.jpg") < place("blurred.JPEG") && place("blurred.JPEG") < place("sharp.png"));
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 4, "the broken one has no picture");
    assert!(page.contains("1 are left out") && !page.contains("<b>"), "names are escaped");
    assert_eq!(page.matches("<li>Tilt ").count(), 4, "scores go by the titles on the cards");
    let models = models_with_a_fourth_metric();
    let output = folder.path().join("four.jsonl");
    let how = ["--models", text(models.path()), "-o", text(&output), "--html", text(&sheet)];
    score(&[&[text(folder.path())], &how[..]].concat());
    let page = std::fs::read_to_string(&sheet).expect("a sheet");
    assert_eq!(page.matches("<li>Exposure ").count(), 5, "a further metric stands beside the others");
}

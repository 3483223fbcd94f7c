//! Bulk scoring and backtests by the real command.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
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

/// Runs a command with a list on its standard input; what it said on standard error, and its exit code.
fn with_list(command: &mut Command, list: &[u8]) -> (String, Option<i32>) {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("it is piped").write_all(list).expect("it reads");
    let done = child.wait_with_output().expect("it ends");
    (String::from_utf8_lossy(&done.stderr).into_owned(), done.status.code())
}

/// Runs `clearshot score -`.
fn score_list(list: &[u8], arguments: &[&str]) -> (String, Option<i32>) {
    with_list(&mut clearshot(&[&["score", "-"], arguments].concat()), list)
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

fn paths_of(path: &Path) -> Vec<String> {
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
        row.remove("scored_by").expect("each row says what made it");
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
        assert!(code == Some(0) && said.contains("1 photo in") && said.contains("4 skipped"), "{said}");
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
    let profile = r#"{"version": 1, "profiles": [{"name": "default", "blur": {"high": 0.001, "expected_share": 0.999},
        "brightness": {"low": -0.5, "high": 0.5}, "rotation": {"low": -45, "high": 45}}]}"#;
    std::fs::write(&profiles, profile).expect("it is written");
    let found: Value =
        serde_json::from_str(&backtest(&["--profiles", text(&profiles), text(&output), "--json"])).expect("JSON");
    assert_eq!((&found["photos"], &found["not_scored"]), (&4.into(), &1.into()));
    let decided = &found["profiles"][0];
    assert_eq!(decided["reasons"].get("tilted"), None, "{found}");
    let (fail, unsure) = (&decided["verdicts"]["fail"], &decided["verdicts"]["unsure"]);
    assert_eq!(fail, &decided["reasons"]["blurred"], "{found}");
    assert!(fail.as_f64() >= Some(0.25) && fail.as_f64().zip(unsure.as_f64()).is_some_and(|(a, b)| a + b == 1.0));
    // The flag's former name.
    let table = backtest(&["--profile", text(&profiles), text(&output)]);
    assert!(table.contains("4 photos with scores, 1 without") && table.contains("blurred"), "{table}");
}

#[test]
fn a_photo_that_results_hold_twice_counts_once_and_its_last_row_is_the_one() {
    let folder = photos();
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let small = image::imageops::resize(&photo, 400, 267, image::imageops::FilterType::CatmullRom);
    std::fs::write(folder.path().join("small.jpg"), jpeg(&small, 60)).expect("it is written");
    let [full, csv, parquet] = ["jsonl", "csv", "parquet"].map(|ending| {
        let output = folder.path().join(format!("results.{ending}"));
        score(&[text(folder.path()), "-o", text(&output)]);
        output
    });
    let part = folder.path().join("part.jsonl");
    let pavilion = folder.path().join("pavilion.jpg");
    score(&[text(&pavilion), "-o", text(&part)]);

    // Nothing is a copy of itself, and no photo is both kept and dropped.
    let duplicates = |results: &[&Path]| {
        let results: Vec<&str> = results.iter().map(|path| text(path)).collect();
        let Output { stdout, stderr, .. } =
            clearshot(&[&["duplicates"], &results[..]].concat()).output().expect("it runs");
        [stdout, stderr].map(|said| String::from_utf8(said).expect("text"))
    };
    let [alone, _] = duplicates(&[&full]);
    assert_eq!(alone.matches(text(&pavilion)).count(), 1, "{alone}");
    let [one, six] = ["1 row of these 2 results is left out", "6 rows of these 2 results are left out"];
    for (together, left_out) in [([&part, &full], one), ([&full, &part], one), ([&csv, &parquet], six)] {
        let [groups, said] = duplicates(&together.map(std::path::PathBuf::as_path));
        let sorted = |groups: &str| groups.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&groups).len(), sorted(&alone).len(), "{groups}");
        assert_eq!(groups.matches(text(&pavilion)).count(), 1, "{groups}");
        assert!(said.contains(left_out), "{said}");
        assert!(said.contains("5 photos, 2 groups") && said.contains("2 to drop; 1 row without a hash"), "{said}");
    }

    // A row of an earlier run, of which the photo was another one.
    let mut row = rows(&part).remove(0);
    row["scores"]["rotation"]["value"] = 30.0.into();
    row["scores"]["rotation"]["low"] = 29.0.into();
    row["scores"]["rotation"]["high"] = 31.0.into();
    let other = folder.path().join("other.jsonl");
    std::fs::write(&other, format!("{row}\n")).expect("it is written");
    let found = backtest(&["--json", text(&full)]);
    assert_eq!(backtest(&["--json", text(&full), text(&csv), text(&parquet)]), found);
    assert_eq!(backtest(&["--json", text(&other), text(&full)]), found, "the last row counts");
    assert_ne!(backtest(&["--json", text(&full), text(&other)]), found, "the last row counts");

    // Within one file, too, such as two that were joined.
    let joined = std::fs::read_to_string(&full).expect("it is there").repeat(2);
    std::fs::write(&full, joined).expect("it is written");
    assert_eq!(backtest(&["--json", text(&full)]), found);
    let sheet = folder.path().join("sheet.html");
    let (said, _) = score(&[text(folder.path()), "-o", text(&full), "--html", text(&sheet)]);
    assert!(said.contains(&format!("6 rows of {} are left out", text(&full))), "{said}");
    let page = std::fs::read_to_string(&sheet).expect("it is there");
    assert_eq!(
        page.matches("src=\"data:image/jpeg;base64,").count(),
        5,
        "each photo once, the broken one has no picture"
    );
}

#[test]
fn rows_that_nobody_reads_any_more_end_the_run_without_a_word() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let run = clearshot(&["score", "tests/fixtures/pavilion.jpg", "tests/fixtures/tilted.jpg"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("it runs");
    // Not every photo was scored.
    assert_eq!((run.status.code(), String::from_utf8_lossy(&run.stderr).as_ref()), (Some(3), ""));
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
    assert_eq!(at("probability"), at("reasons") + 1, "{header:?}");
    let from_csv: Vec<BTreeMap<String, String>> = csv.deserialize().collect::<Result<_, _>>().expect("rows");
    assert_eq!([rows.len(), from_csv.len(), from_parquet.len()], [5; 3]);
    let mut judged_by_a_reason = 0;
    for ((row, from_csv), from_parquet) in rows.iter().zip(&from_csv).zip(&from_parquet) {
        assert_eq!(from_parquet["path"], from_csv["path"]);
        if row.get("problem").is_some() {
            assert!(columns_of("exposure").iter().all(|column| from_csv[column].is_empty()), "{from_csv:?}");
            assert!(columns_of("exposure").iter().all(|column| !from_parquet.contains_key(column)), "{from_parquet:?}");
            assert!(from_csv["probability"].is_empty() && !from_parquet.contains_key("probability"), "{from_csv:?}");
            continue;
        }
        let worst = row["reasons"].get(0).map(|reason| reason["probability"].as_f64().expect("a number") as f32);
        let read = |text: Option<&String>| text.and_then(|text| text.parse::<f32>().ok());
        let found = [from_csv.get("probability"), from_parquet.get("probability")].map(read);
        assert_eq!(found, [worst; 2], "{row}");
        judged_by_a_reason += usize::from(worst.is_some());
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
    assert!(judged_by_a_reason >= 2, "one is blurred, one is turned: {rows:?}");
    // A profile may bound the fourth metric; results that lack it are judged by the others. Rendered rooms may pass for drawings.
    let profiles = folder.path().join("profiles.json");
    let profile = r#"{"version": 1, "profiles": [{"name": "default", "not_a_photo": "ignore",
            "exposure": {"low": -0.001, "high": 0.001, "expected_share": 0.999}}]}"#;
    std::fs::write(&profiles, profile).expect("it is written");
    let judged = |output: &Path| -> Value {
        let how = ["--models", text(models.path()), "--profiles", text(&profiles), text(output), "--json"];
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
fn results_of_an_older_version_are_read_and_not_continued() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut backtests = BTreeSet::new();
    for ending in ["jsonl", "csv", "parquet"] {
        backtests.insert(backtest(&[text(&old_results(ending)), "--json"]));
        let output = folder.path().join(format!("results.{ending}"));
        std::fs::copy(old_results(ending), &output).expect("it can be copied");
        let (said, code) = score(&["tests/fixtures/pavilion.jpg", "-o", text(&output)]);
        let reason = if ending == "jsonl" { "of an older version" } else { "has other columns" };
        assert!(code == Some(1) && said.contains(reason) && said.contains("name another output"), "{said}");
        assert!(std::fs::read(&output).ok() == std::fs::read(old_results(ending)).ok(), "it is as it was");
    }
    assert_eq!(backtests.len(), 1, "{backtests:?}");
    let found: Value = serde_json::from_str(backtests.first().expect("one")).expect("JSON");
    assert_eq!((&found["photos"], &found["not_scored"]), (&2.into(), &1.into()));
    let default = &found["profiles"][0];
    assert_eq!((&default["verdicts"]["pass"], &default["verdicts"]["fail"]), (&0.5.into(), &0.5.into()), "{found}");
    assert_eq!((&default["reasons"]["tilted"], &default["reasons"]["too_dark"]), (&0.5.into(), &0.5.into()));
}

#[test]
fn results_of_other_models_are_not_continued() {
    let folder = photos();
    let models = models_with_a_fourth_metric();
    let photo = folder.path().join("pavilion.jpg");
    for (ending, reason) in
        [("jsonl", "models with the digest"), ("parquet", "has other columns"), ("csv", "has other columns")]
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

/// The shipped models and a fourth one, a graph that ONNX Runtime cannot run for photos that are nearly black, as it looks up what is not
/// there; or for all others.
fn models_of_which_one_fails(on_black: bool) -> tempfile::TempDir {
    let models = models_with_a_fourth_metric();
    let place = |name: &str| models.path().join(name);
    let mut graph = std::fs::read(root().join("tests/fixtures/models/fails_on_black.onnx")).expect("it is there");
    if !on_black {
        // What is compared, the other way round.
        let (compared, reversed) = (b"\n\x04mean\n\x05black", b"\n\x05black\n\x04mean");
        let at = graph.windows(compared.len()).position(|bytes| bytes == compared).expect("it compares");
        graph[at..at + reversed.len()].copy_from_slice(reversed);
    }
    std::fs::write(place("exposure.onnx"), &graph).expect("it is written");
    let card = std::fs::read_to_string(place("exposure.json")).expect("it is there");
    let mut card: Value = serde_json::from_str(&card).expect("JSON");
    card["sha256"] = clearshot_core::digest::sha256_hex(&graph).into();
    std::fs::write(place("exposure.json"), card.to_string()).expect("it is written");
    models
}

fn black() -> Vec<u8> {
    encoded(&image::RgbImage::new(640, 480), image::ImageFormat::Png)
}

#[test]
fn a_photo_on_which_a_model_fails_has_a_row_that_says_so_and_is_not_tried_for_ever() {
    let folder = photos();
    let models = models_of_which_one_fails(true);
    std::fs::write(folder.path().join("a-black.png"), black()).expect("it is written");
    for how in [["--threads", "1"], ["--batch", "8"]] {
        let output = folder.path().join("results.jsonl");
        let arguments = [text(folder.path()), "--models", text(models.path()), "-o", text(&output)];
        let (said, code) = score(&[&arguments[..], &how].concat());
        assert!(code == Some(3) && said.contains("6 photos in") && said.contains("2 refused"), "{said}");
        assert!(said.contains("a-black.png") && said.contains("exposure"), "the log names both: {said}");
        let written = rows(&output);
        assert_eq!(written.len(), 6);
        assert_eq!(written.iter().filter(|row| row.get("problem").is_none()).count(), 4);
        let row = written.iter().find(|row| row["path"].as_str().is_some_and(|path| path.ends_with("a-black.png")));
        let problem = &row.expect("it has one")["problem"];
        let detail = problem["detail"].as_str().expect("text");
        assert!(problem["code"] == "internal" && detail.contains("the exposure model failed"), "{problem}");
        let (said, code) = score(&[&arguments[..], &how].concat());
        assert!(code == Some(0) && said.contains("0 photos in") && said.contains("6 skipped"), "{said}");
        assert_eq!(rows(&output).len(), 6);
        std::fs::remove_file(&output).expect("it is there");
    }
}

/// The models run on the first photo and on none after it, as if the device were lost.
#[test]
fn a_run_without_its_device_ends_and_goes_on_when_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = models_of_which_one_fails(false);
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).expect("a folder");
    std::fs::write(photos.join("00.png"), black()).expect("it is written");
    let photo = encoded(&room(320, 240, 3), image::ImageFormat::Png);
    let add = |number: usize, photo: &[u8]| {
        std::fs::write(photos.join(format!("{number:02}.png")), photo).expect("it is written");
    };
    (1..20).for_each(|number| add(number, &photo));
    for (ending, how) in [("jsonl", ["--threads", "1"]), ("parquet", ["--batch", "8"])] {
        let output = folder.path().join(format!("results.{ending}"));
        let arguments = [text(&photos), "--models", text(models.path()), "-o", text(&output)];
        let run = || score(&[&arguments[..], &how].concat());
        // A few may fail: it could be back by now.
        let (said, code) = run();
        assert!(code == Some(3) && said.contains("20 photos in"), "{said}");
        assert!(said.contains("19 on which the models could not run: the next run tries them again"), "{said}");
        add(20, &photo);
        let (said, code) = run();
        assert!(code == Some(1) && said.contains("failed on 20 photos in a row"), "{said}");
        assert!(said.contains("the exposure model failed") && said.contains("goes on from there"), "{said}");
        // What the models run on stands for a device that is back: each photo has its row now, the first one from before.
        (1..21).for_each(|number| add(number, &black()));
        let (said, code) = run();
        assert!(code == Some(0) && said.contains("20 photos in") && said.contains("1 skipped"), "{said}");
        (1..20).for_each(|number| add(number, &photo));
        std::fs::remove_file(photos.join("20.png")).expect("it is there");
    }
}

#[test]
fn shards_share_the_photos_out() {
    let folder = photos();
    let mut all = Vec::new();
    for shard in ["0/3", "1/3", "2/3"] {
        let output = folder.path().join("shard.jsonl");
        score(&[text(folder.path()), "-o", text(&output), "--shard", shard]);
        all.extend(paths_of(&output));
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
    let list = format!("{0}/pavilion.jpg\n{0}/gone.jpg\n\n{0}/rooms/sharp.png\n", text(folder.path()));
    let (said, code) = score_list(list.as_bytes(), &["-o", text(&output)]);
    assert!(code == Some(3) && said.contains("gone.jpg"), "a photo could not be read: {said}");
    // What could not be read has no row, so that the next run tries again.
    let (said, code) = score(&[text(&folder.path().join("gone.jpg")), "-o", text(&output)]);
    assert!(code == Some(3) && said.contains("1 could not be read"), "{said}");
    assert_eq!(paths_of(&output).len(), 2);
}

#[test]
fn scores_that_do_not_compare_are_not_mixed() {
    let folder = photos();
    let photo = folder.path().join("pavilion.jpg");
    // Other thresholds under the same name.
    let profiles = folder.path().join("profiles.json");
    let built_in = std::fs::read_to_string(root().join("core/src/scoring/profiles.json")).expect("it is there");
    std::fs::write(&profiles, built_in.replacen("1.6", "1.7", 1)).expect("it is written");
    for ending in ["jsonl", "csv", "parquet"] {
        let output = folder.path().join(format!("results.{ending}"));
        score(&[text(&photo), "-o", text(&output)]);
        let before = std::fs::read(&output).expect("it is there");
        for (how, reason) in [
            (["--profile", "car-dealer"], "profile default:"),
            (["--profiles", text(&profiles)], "profile default:"),
            (["--max-pixels", "1000000"], "--max-pixels 64000000 there, 1000000 here"),
            (["--max-file-bytes", "1000000"], "--max-file-bytes"),
        ] {
            let (said, code) = score(&[&[text(folder.path()), "-o", text(&output)], &how[..]].concat());
            assert!(code == Some(1) && said.contains("would not compare") && said.contains(reason), "{ending}: {said}");
            assert!(std::fs::read(&output).expect("it is there") == before, "{ending} is as it was");
        }
    }
    // Another version, and another build.
    let output = folder.path().join("results.jsonl");
    let change = |field: &str, to: &str| {
        let mut row = rows(&output).remove(0);
        row["scored_by"][field] = to.into();
        std::fs::write(&output, format!("{row}\n")).expect("it is written");
        score(&[text(&photo), "-o", text(&output)])
    };
    let (said, code) = change("build", "a machine of old");
    assert!(code == Some(0) && said.contains("another build") && said.contains("a machine of old"), "{said}");
    let (said, code) = change("version", "0.0.1");
    assert!(code == Some(1) && said.contains("version 0.0.1 there"), "{said}");
}

/// A Parquet file with a column of paths that is not ours.
fn foreign_parquet(path: &Path) {
    use parquet::data_type::{ByteArray, ByteArrayType};
    let schema = parquet::schema::parser::parse_message_type("message any { required binary path (UTF8); }");
    let file = File::create(path).expect("it is made");
    let mut writer =
        SerializedFileWriter::new(file, schema.expect("a schema").into(), Arc::default()).expect("it is made");
    let mut group = writer.next_row_group().expect("a group");
    let mut column = group.next_column().expect("a column").expect("a column");
    column.typed::<ByteArrayType>().write_batch(&[ByteArray::from("a.jpg")], None, None).expect("it is written");
    column.close().expect("it ends");
    group.close().expect("it ends");
    writer.close().expect("it ends");
}

#[test]
fn what_is_no_output_or_sheet_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let photo = "tests/fixtures/pavilion.jpg";
    let foreign = [
        ("objects.jsonl", "{\"path\":\"a.jpg\",\"price\":3}\n"),
        ("notes.jsonl", "a line\nand one without an end"),
        ("half.jsonl", "without an end"),
        ("prices.csv", "path,price\na.jpg,3\nb.jpg,4"),
        ("words.csv", "not a table at all"),
        ("text.parquet", "not Parquet"),
        ("other.parquet", ""),
    ];
    foreign_parquet(&place("other.parquet"));
    for (name, content) in foreign {
        if !content.is_empty() {
            std::fs::write(place(name), content).expect("it is written");
        }
        let before = std::fs::read(place(name)).expect("it is there");
        let (said, code) = score(&[photo, "-o", text(&place(name))]);
        assert!(code == Some(1) && said.contains("name another output"), "{name}: {said}");
        assert!(std::fs::read(place(name)).expect("it is there") == before, "{name} is as it was");
    }
    // What a Parquet file is made of beside it.
    for name in ["new.parquet.partial", "new.parquet.new"] {
        std::fs::write(place(name), "somebody's").expect("it is written");
        let (said, code) = score(&[photo, "-o", text(&place("new.parquet"))]);
        assert!(code == if name.ends_with("partial") { Some(1) } else { Some(0) }, "{said}");
        assert_eq!(std::fs::read_to_string(place(name)).ok().as_deref(), Some("somebody's"), "{name}");
        std::fs::remove_file(place(name)).expect("it is there");
    }
    let output = place("results.jsonl");
    std::fs::write(place("page.html"), "<!DOCTYPE html><p>somebody's").expect("it is written");
    for sheet in [place("page.html"), output.clone(), place("prices.csv")] {
        let (said, code) = score(&[photo, "-o", text(&output), "--html", text(&sheet)]);
        let before = std::fs::read(&sheet).expect("it is there");
        assert!(code == Some(1) && said.contains("no contact sheet"), "{said}");
        assert!(!String::from_utf8_lossy(&before).contains("contact sheet"), "{sheet:?} is as it was");
    }
    let (said, code) = score(&[photo, "-o", text(&output), "--html", text(&place("sheet.html"))]);
    assert!(code == Some(0) && rows(&output).len() == 1, "{said}");
    let (said, code) = score(&[photo, "-o", text(&output), "--html", text(&place("sheet.html"))]);
    assert_eq!(code, Some(0), "a sheet is written over: {said}");
}

#[test]
fn a_last_line_without_its_end_keeps_its_row() {
    let folder = photos();
    for ending in ["jsonl", "csv"] {
        let output = folder.path().join(format!("results.{ending}"));
        let rooms = folder.path().join("rooms");
        score(&[text(&rooms), "-o", text(&output)]);
        let whole = std::fs::read(&output).expect("it is there");
        std::fs::write(&output, &whole[..whole.len() - 1]).expect("it is written");
        let (said, code) = score(&[text(&rooms), "-o", text(&output)]);
        assert!(code == Some(0) && said.contains("0 photos in") && said.contains("4 skipped"), "{said}");
        assert!(std::fs::read(&output).expect("it is there") == whole, "{ending}");
        std::fs::write(&output, &whole[..whole.len() - 2]).expect("it is written");
        let (said, code) = score(&[text(&rooms), "-o", text(&output)]);
        assert!(code == Some(0) && said.contains("1 photo in") && said.contains("3 skipped"), "{said}");
        assert!(std::fs::read(&output).expect("it is there") == whole, "{ending}");
    }
}

#[test]
fn no_file_of_a_folder_is_lost_without_a_word_and_none_ends_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let photos: [&[u8]; 5] = [b"\xfe.jpg", b"\xff.jpg", b"a.JFIF", b"b.jpe", b"no-ending"];
    std::fs::create_dir(place(b".hidden")).expect("a folder");
    for name in photos.into_iter().chain([&b"._a.jpg"[..], b".hidden/b.jpg"]) {
        std::fs::write(place(name), pavilion()).expect("it is written");
    }
    for name in [&b"README"[..], b"notes.txt", b"c.CR3"] {
        std::fs::write(place(name), "no photo").expect("it is written");
    }
    std::os::unix::fs::symlink("gone.jpg", place(b"dangling.jpg")).expect("a link");
    std::os::unix::fs::symlink("gone.txt", place(b"dangling.txt")).expect("a link");
    std::os::unix::fs::symlink(".", place(b"round")).expect("a link");
    let pipe = place(b"pipe.jpg");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    // The output lies elsewhere: it would be left out, too.
    let results = tempfile::tempdir().expect("a folder");
    let (output, sheet) = (results.path().join("results.csv"), results.path().join("sheet.html"));
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).expect("a folder");
    std::os::unix::fs::symlink("..", inside.join("up")).expect("a link");
    let (said, code) = score(&[text(folder.path()), "-o", text(&output), "--html", text(&sheet)]);
    // Five photos; a link that leads nowhere and two that lead back.
    assert!(code == Some(3) && said.contains("8 photos in") && said.contains("3 could not be read"), "{said}");
    for named in ["dangling.jpg", "inside/up", "round", "leads back to"] {
        assert!(said.contains(named), "{named}: {said}");
    }
    for kind in ["left out: 2 .txt, 2 hidden", "1 .cr3", "1 no file", "1 without an ending"] {
        assert!(said.contains(kind), "{kind}: {said}");
    }
    let mut csv = csv::Reader::from_path(&output).expect("CSV");
    let paths: Vec<String> = csv.records().map(|row| row.expect("a row")[0].to_owned()).collect();
    assert_eq!(paths.len(), 5, "{paths:?}");
    assert!(paths.iter().any(|path| path == &format!("file://{}/%FF.jpg", text(folder.path()))), "{paths:?}");
    let page = std::fs::read_to_string(&sheet).expect("a sheet");
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 5, "each is found again by its path");
    let (said, _) = score(&[text(folder.path()), "-o", text(&output)]);
    assert!(said.contains("5 skipped") && !said.contains("found no photo"), "{said}");
    let nothing = tempfile::tempdir().expect("a folder");
    let (said, code) = score(&[text(nothing.path())]);
    assert!(code == Some(0) && said.contains("this run found no photo"), "{said}");
    // What is named is taken; a pipe nobody writes to does not hold the run up.
    let named = results.path().join("named.jsonl");
    let (said, code) = score(&[text(&place(b"._a.jpg")), text(&pipe), "-o", text(&named)]);
    assert!(code == Some(3) && said.contains("it is no file") && paths_of(&named).len() == 1, "{said}");
}

#[test]
fn a_bad_line_of_a_list_costs_itself_only() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(OsStr::from_bytes(b"\xff.jpg")), pavilion()).expect("it is written");
    let output = folder.path().join("results.jsonl");
    let at = text(folder.path());
    let list = [
        format!("{at}/").as_bytes(),
        b"\xff.jpg\r\nftp://a/b.jpg\ns3://\nfile://a/b.jpg\n\xff\xfe\0\n  \ntests/fixtures/pavilion.jpg\nfile://",
        root().join("tests/fixtures/tilted.jpg").as_os_str().as_bytes(),
    ]
    .concat();
    let (said, code) = score_list(&list, &["-o", text(&output)]);
    assert!(code == Some(3) && said.contains("7 photos in") && said.contains("4 could not be read"), "{said}");
    for named in ["ftp://a/b.jpg", "s3://", "file://a/b.jpg", "%FF%FE"] {
        assert!(said.contains(named), "{named}: {said}");
    }
    assert_eq!(paths_of(&output).len(), 3);
}

#[test]
fn names_are_no_formulas_in_a_spreadsheet_and_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["=1+1.jpg", "+a.jpg", "-b.jpg", "@c.jpg", "\td.jpg", "'=e.jpg", "'f.jpg", "g;=1+1.jpg", " h.jpg"];
    for name in names {
        std::fs::write(folder.path().join(name), pavilion()).expect("it is written");
    }
    let list = names.join("\n");
    let models = root().join("models");
    let mut backtests = BTreeSet::new();
    for output in ["results.csv", "results.jsonl"].map(|name| folder.path().join(name)) {
        let how = ["-o", text(&output), "--models", text(&models)];
        let mut command = clearshot(&[&["score", "-"], &how[..]].concat());
        let (said, code) = with_list(command.current_dir(folder.path()), list.as_bytes());
        assert!(code == Some(0) && said.contains("9 photos in"), "{said}");
        let mut command = clearshot(&[&["score", "-"], &how[..]].concat());
        let (said, code) = with_list(command.current_dir(folder.path()), list.as_bytes());
        assert!(code == Some(0) && said.contains("9 skipped"), "{said}");
        backtests.insert(backtest(&[text(&output), "--json"]));
    }
    assert_eq!(backtests.len(), 1, "{backtests:?}");
    let written = std::fs::read_to_string(folder.path().join("results.csv")).expect("text");
    for cell in
        ["\"'=1+1.jpg\"", "\"'+a.jpg\"", "\"'-b.jpg\"", "\"'@c.jpg\"", "\"'\td.jpg\"", "\"''=e.jpg\"", "\"'f.jpg\""]
    {
        assert!(written.contains(cell), "{cell}: {written}");
    }
    // Numbers stay numbers, and text is in quotation marks: programs that part cells by semicolons find no formula either.
    let mut csv = csv::Reader::from_path(folder.path().join("results.csv")).expect("CSV");
    let column = csv.headers().expect("a header").iter().position(|name| name == "rotation_low").expect("a column");
    let tilts: Vec<f32> = csv.records().map(|row| row.expect("a row")[column].parse().expect("a number")).collect();
    assert!(tilts.iter().all(|tilt| *tilt < 0.0), "{tilts:?}");
    assert!(written.lines().any(|line| line.starts_with("\"g;=1+1.jpg\",")), "{written}");
    // Decisions on the paths as they stand there are decisions on the photos.
    let decisions = folder.path().join("decisions.csv");
    let mut csv = csv::Reader::from_path(folder.path().join("results.csv")).expect("CSV");
    let mut writer = csv::Writer::from_path(&decisions).expect("a file");
    writer.write_record(["path", "decision"]).expect("it is written");
    for row in csv.records() {
        writer.write_record([&row.expect("a row")[0], " accepted"]).expect("it is written");
    }
    writer.flush().expect("it is written");
    for results in ["results.csv", "results.jsonl"].map(|name| folder.path().join(name)) {
        let told = backtest(&["--json", "--decisions", text(&decisions), text(&results)]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let decided = &told["profiles"][0]["decided"]["good_refused"]["of"];
        assert_eq!((decided, &told["without_scores"]), (&names.len().into(), &0.into()), "{told}");
    }
}

#[test]
fn results_without_a_row_are_no_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let (some, groups) = (old_results("csv"), place("groups.csv"));
    let rows = std::fs::read_to_string(&some).expect("it is there");
    let header = rows.split_inclusive('\n').next().expect("a header");
    let (csv, json) = (place("none.csv"), place("none.jsonl"));
    std::fs::write(&csv, header).expect("it is written");
    std::fs::write(&json, "").expect("it is written");
    for command in [&["backtest"][..], &["backtest", "--json"], &["duplicates", "-o", text(&groups)]] {
        let run = |results: &[&Path]| {
            let results: Vec<&str> = results.iter().map(|path| text(path)).collect();
            let Output { stdout, stderr, status } =
                clearshot(&[command, &results[..]].concat()).output().expect("it runs");
            let [told, said] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
            (status.code(), told, said)
        };
        for (results, whose) in [
            (&[csv.as_path()][..], "none.csv holds no row"),
            (&[json.as_path()][..], "none.jsonl holds no row"),
            (&[csv.as_path(), json.as_path()][..], "these 2 results hold no row"),
        ] {
            let (code, told, said) = run(results);
            assert!(code == Some(1) && told.is_empty() && said.contains(whose), "{command:?}: {told}{said}");
        }
        assert!(!groups.exists(), "nothing was found");
        // One part of several may be empty.
        let (code, _, said) = run(&[&csv, &some, &json]);
        assert_eq!(code, Some(0), "{command:?}: {said}");
    }
}

#[test]
fn an_empty_file_is_told_to_be_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (photo, output) = (folder.path().join("empty.jpg"), folder.path().join("results.jsonl"));
    std::fs::write(&photo, "").expect("it is written");
    let (said, code) = score(&[text(&photo), "-o", text(&output)]);
    assert!(code == Some(3) && said.contains("1 refused"), "{said}");
    let rows = rows(&output);
    let problem = &rows[0]["problem"];
    assert_eq!((&problem["code"], &problem["detail"]), (&"empty_body".into(), &"The file is empty.".into()));
}

#[test]
fn limits_that_let_nothing_in_are_refused_before_a_photo_is_read() {
    let folder = photos();
    let output = folder.path().join("results.jsonl");
    let (said, code) = score(&[text(folder.path()), "-o", text(&output), "--min-side", "64", "--max-side", "63"]);
    assert!(code == Some(1) && said.contains("--min-side") && !output.exists(), "{said}");
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

#[test]
fn the_contact_sheet_shows_area_checks_and_probability() {
    let folder = tempfile::tempdir().expect("a folder");
    let photo = blurred(&image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8(), 4.0);
    let mut framed = image::RgbImage::from_pixel(photo.width() + 320, photo.height(), image::Rgb([20, 60, 160]));
    image::imageops::replace(&mut framed, &photo, 160, 0);
    std::fs::write(folder.path().join("framed.jpg"), jpeg(&framed, 92)).expect("it is written");
    std::fs::write(folder.path().join("pavilion.jpg"), pavilion()).expect("it is written");
    let (output, sheet) = (folder.path().join("results.csv"), folder.path().join("sheet.html"));
    let (said, code) = score(&[text(folder.path()), "-o", text(&output), "--html", text(&sheet)]);
    assert_eq!(code, Some(0), "{said}");
    let mut csv = csv::Reader::from_path(&output).expect("CSV");
    let rows: Vec<BTreeMap<String, String>> = csv.deserialize().collect::<Result<_, _>>().expect("rows");
    let row = rows.iter().find(|row| row["path"].ends_with("framed.jpg")).expect("it has a row");
    let page = std::fs::read_to_string(&sheet).expect("a sheet");
    let figure = |name: &str| page.split("<figure").find(|figure| figure.contains(name)).expect("it is shown");
    let (framed, plain) = (figure("framed.jpg"), figure("pavilion.jpg"));

    let number = |column: &str| row[column].parse::<f32>().expect("a number");
    let (worst, share) = (row["reasons"].split(' ').next().expect("it is blurred"), 100.0 * number("probability"));
    assert!(framed.contains(&format!(": {} ({share:.0} %)", worst.replace('_', " "))), "{framed}");
    // What compression mixes with the bars is no part of the photo.
    let (_, outline) = framed.split_once("<svg viewBox=\"0 0 960 427\"").expect("an outline in pixels of the upload");
    let drawn = |side: &str| -> u32 {
        let (_, rest) = outline.split_once(&format!(" {side}=\"")).expect("a side of the outline");
        rest.split('"').next().and_then(|pixels| pixels.parse().ok()).expect("a number")
    };
    let (left, right) = (drawn("x"), drawn("x") + drawn("width"));
    assert!((160..176).contains(&left) && (785..=800).contains(&right), "{left} to {right}");
    assert_eq!((drawn("y"), drawn("height")), (0, 427));
    assert!(framed.contains(&format!("<li>frame: {}</li>", row["frame"])), "{framed}");
    // Three digits of 640 / 427; nothing of what every photo has, or has none of.
    assert!(plain.contains("<li>aspect: 1.5</li>") && plain.contains("<li>short side: 427</li>"), "{plain}");
    for usual in ["<svg", "<li>frame", "<li>damage", "<li>collage", "<li>upscale"] {
        assert!(!plain.contains(usual), "{usual}: {plain}");
    }
}

#[test]
fn photos_that_show_the_same_are_found_in_results_and_the_best_is_kept() {
    let folder = photos();
    let photo = image::load_from_memory(&pavilion()).expect("it decodes").into_rgb8();
    let small = image::imageops::resize(&photo, 400, 267, image::imageops::FilterType::CatmullRom);
    std::fs::write(folder.path().join("small.jpg"), jpeg(&small, 60)).expect("it is written");
    let mut found = BTreeSet::new();
    for ending in ["jsonl", "csv", "parquet"] {
        let output = folder.path().join(format!("results.{ending}"));
        score(&[text(folder.path()), "-o", text(&output)]);
        let groups = folder.path().join("groups.csv");
        // With the results of an older version, whose rows have no hash.
        let said = clearshot(&["duplicates", text(&output), text(&old_results(ending)), "-o", text(&groups)]).output();
        let said = String::from_utf8(said.expect("it runs").stderr).expect("text");
        // Of the three rooms, the blurred one shows what the sharp one does.
        assert!(said.contains("5 photos, 2 groups") && said.contains("2 to drop; 4 rows without a hash"), "{said}");
        found.insert(std::fs::read_to_string(&groups).expect("it is there"));
    }
    assert_eq!(found.len(), 1, "{found:?}");
    let found = found.pop_first().expect("one");
    let row = |group: &str, keep: &str, name: &str| format!("{group},{keep},{}\n", text(&folder.path().join(name)));
    let rooms = row("0", "yes", "rooms/sharp.png") + &row("0", "no", "rooms/blurred.JPEG");
    let pavilions = row("1", "yes", "pavilion.jpg") + &row("1", "no", "small.jpg");
    let (other_rooms, other_pavilions) = (rooms.replace("0,", "1,"), pavilions.replace("1,", "0,"));
    let header = "group,keep,path\n";
    assert!(
        found == format!("{header}{rooms}{pavilions}") || found == format!("{header}{other_pavilions}{other_rooms}"),
        "{found}"
    );
    let notes = folder.path().join("rooms/notes.txt");
    let refused = clearshot(&["duplicates", text(&old_results("csv")), "-o", text(&notes)]).output().expect("it runs");
    assert_eq!((refused.status.code(), std::fs::read(&notes).ok()), (Some(1), Some(b"no photo".to_vec())));
}

#[test]
fn drift_tells_what_changed_and_what_did_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, at: usize, tilt: f32| {
        let view = turned(&room(480 + 8 * at as u32, 400, at as u32 + 1), tilt);
        std::fs::write(folder.path().join(name).join(format!("{at}.jpg")), jpeg(&view, 85)).expect("it is written");
    };
    for (name, tilt) in [("old", 0.0), ("new", 12.0)] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
        (0..24).for_each(|at| write(name, at, tilt));
    }
    let results = ["old", "new"].map(|name| {
        let output = folder.path().join(format!("{name}.csv"));
        let (said, code) = score(&[text(&folder.path().join(name)), "-o", text(&output)]);
        assert_eq!(code, Some(0), "{said}");
        output
    });
    let page = folder.path().join("drift.html");
    let drift = |old: &Path, new: &Path| -> Value {
        let told = clearshot(&["drift", text(old), text(new), "--json", "--html", text(&page)]).output();
        serde_json::from_slice(&told.expect("it runs").stdout).expect("JSON")
    };
    let found = drift(&results[0], &results[1]);
    let column = |found: &Value, name: &str| {
        let columns = found["columns"].as_array().expect("a list").iter();
        columns.into_iter().find(|column| column["name"] == name).expect("it is there").clone()
    };
    assert_eq!(found["photos"], serde_json::json!([24, 24]));
    assert_eq!(column(&found, "rotation")["level"], "other", "{found}");
    assert_eq!(found["made_otherwise"], serde_json::json!([]));
    // None has a frame; of so few photos that says little.
    let frame = column(&found, "frame");
    assert_eq!((&frame["level"], &frame["enough"]), (&"too_few".into(), &30.into()), "{frame}");
    let share = |at: usize| found["verdicts"]["fail"][at]["share"].as_f64().unwrap_or_default();
    assert!(share(1) > share(0) + 0.5, "{found}");
    let shown = std::fs::read_to_string(&page).expect("it is there");
    assert!(shown.contains("rotation: <span class=\"level\">another population") && shown.contains("<polyline"));
    let levels = |found: &Value| -> BTreeSet<String> {
        let columns = found["columns"].as_array().expect("a list").iter();
        columns.filter_map(|column| column["level"].as_str().map(str::to_owned)).collect()
    };
    let rows = std::fs::read_to_string(&results[0]).expect("it is there");
    let (header, rows) = rows.split_once('\n').expect("it has a header");
    let written = |name: &str, rows: &str| {
        let output = folder.path().join(name);
        std::fs::write(&output, format!("{header}\n{rows}")).expect("it is written");
        output
    };
    let many: String = (0..10).map(|copy| rows.replace("/old/", &format!("/old/{copy}/"))).collect();
    let many = written("many.csv", &many);
    let same = drift(&many, &many);
    assert_eq!((&same["photos"], levels(&same)), (&serde_json::json!([240, 240]), BTreeSet::from(["same".to_owned()])));
    // The same photos again are no more photos.
    let twice = written("twice.csv", &rows.repeat(2));
    let few = drift(&twice, &results[0]);
    let too_few = BTreeSet::from(["too_few".to_owned()]);
    assert_eq!((&few["photos"], levels(&few)), (&serde_json::json!([24, 24]), too_few), "{few}");
    let shown = std::fs::read_to_string(&page).expect("it is there");
    assert!(shown.contains("frame: <span class=\"level\">too few to tell: 30 on each side are enough"), "{shown}");
    let one = written("one.csv", rows.lines().next().expect("a row"));
    let told = clearshot(&["drift", text(&many), text(&one)]).output().expect("it runs");
    let told = String::from_utf8(told.stdout).expect("text");
    assert!(told.contains("too few to tell") && !told.contains("the same"), "{told}");
    let none = written("none.csv", "");
    for sides in [[&none, &many], [&many, &none]] {
        let refused = clearshot(&["drift", text(sides[0]), text(sides[1])]).output().expect("it runs");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains("none.csv holds no row"), "{said}");
    }
    // Results of an older version, by other models: read, and said so, as is what they lack.
    let older = drift(&old_results("csv"), &results[0]);
    assert!(!older["made_otherwise"].as_array().is_some_and(Vec::is_empty));
    let [of_old, of_new] = ["old", "new"].map(|side| older["on_one_side"][side].as_array().expect("a list").as_slice());
    assert!(of_old.is_empty() && of_new.contains(&"contrast".into()) && !of_new.contains(&"blur".into()), "{older}");
    let shown = std::fs::read_to_string(&page).expect("it is there");
    assert!(shown.contains("Only the new results have: ") && !shown.contains("Only the old"), "{shown}");
    let told = clearshot(&["drift", text(&results[0]), text(&old_results("csv"))]).output().expect("it runs");
    let told = String::from_utf8(told.stdout).expect("text");
    assert!(told.contains("only the old results have: ") && !told.contains("only the new"), "{told}");
    assert_eq!(same["on_one_side"], serde_json::json!({"old": [], "new": []}));
}

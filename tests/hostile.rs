//! A folder of unusual, damaged and malicious files, each sent over HTTP. The files may not be redistributed: they lie
//! beside the checkout (or where CLEARSHOT_HOSTILE says), and without them the test says so and does nothing.

mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, root};

/// What one answer may take, in time and in peak memory of the whole server.
const LONGEST: Duration = Duration::from_secs(5);
const MOST_MEMORY: u64 = 1 << 30;

/// An indexed image with an empty palette. The reader that gave the manifest its verdicts invents grays for it; we refuse to
/// score colours that the file does not have.
const WITHOUT_COLOURS: &str = "f427b6bee1acd1fea3ec953bc556a18a.png";

#[derive(Deserialize)]
struct Row {
    file: String,
    /// What a good decoder does: accept, reject or either.
    good_decoder: String,
}

fn folder() -> PathBuf {
    std::env::var_os("CLEARSHOT_HOSTILE").map_or_else(|| root().join("../shared/hostile"), PathBuf::from)
}

#[tokio::test]
async fn every_hostile_file_gets_the_answer_it_deserves_and_does_no_harm() {
    let folder = folder();
    let Ok(mut manifest) = csv::Reader::from_path(folder.join("manifest.csv")) else {
        println!("SKIPPED: there are no hostile files in {}", folder.display());
        return;
    };
    let server = Server::start(&[]);
    let before = server.score(pavilion()).await["scores"].clone();
    let (mut scored, mut refused) = (0, 0);
    for row in manifest.deserialize() {
        let row: Row = row.expect("a row of the manifest");
        let bytes = std::fs::read(folder.join(&row.file)).expect("the manifest's files are there");
        let started = Instant::now();
        let response = server.post(bytes).await;
        assert!(started.elapsed() < LONGEST, "{} took {:?}", row.file, started.elapsed());
        let status = response.status().as_u16();
        if status == 200 {
            let answer: Value = response.json().await.expect("the answer is JSON");
            let numbers = ["blur", "brightness", "rotation"].map(|metric| &answer["scores"][metric]);
            let finite = |score: &Value| ["value", "low", "high"].iter().all(|field| score[field].is_f64());
            assert!(numbers.into_iter().all(finite), "{}: {answer}", row.file);
            assert_ne!(row.good_decoder, "reject", "{} was scored", row.file);
            scored += 1;
        } else {
            let code = response_code(response, status).await;
            let why = format!("{}: {status} {code}", row.file);
            assert!([400, 413, 415, 422].contains(&status), "{why}");
            let allowed = row.good_decoder != "accept"
                || code == "image_too_small"
                || (code == "unsupported_format" && is_other_format(&row.file))
                || row.file.ends_with(WITHOUT_COLOURS);
            assert!(allowed, "{why}");
            refused += 1;
        }
    }
    assert!(scored > 100 && refused > 30, "{scored} scored, {refused} refused");
    assert_eq!(server.score(pavilion()).await["scores"], before, "the next photo is scored as before");
    let peak = server.peak_memory();
    println!("{scored} scored, {refused} refused, peak memory {} MiB", peak >> 20);
    assert!(peak < MOST_MEMORY, "peak memory {peak}");
}

/// Code of an answer that must be a sound problem document.
async fn response_code(response: reqwest::Response, status: u16) -> String {
    let bytes = response.bytes().await.expect("the answer has a body");
    let document: Value = serde_json::from_slice(&bytes).expect("the problem is JSON");
    assert_eq!(document["status"], status);
    document["code"].as_str().expect("a problem has a code").to_owned()
}

/// Formats that Clearshot does not read.
fn is_other_format(file: &str) -> bool {
    let file = file.to_lowercase();
    [".heic", ".avif", ".tiff", ".tif", ".ico"].iter().any(|extension| file.ends_with(extension))
}

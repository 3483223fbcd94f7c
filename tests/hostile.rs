//! Unusual, damaged and malicious files, each sent over HTTP: those of tests/fixtures/hostile, which `scripts/make-hostile`
//! writes, and a larger folder that may not be redistributed. The latter lies beside the checkout (or where
//! CLEARSHOT_HOSTILE says); without it its test says so and does nothing.

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use csv::Reader;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, root};

/// What one answer may take, in time and in peak memory of the whole server.
const LONGEST: Duration = Duration::from_secs(5);
const MOST_MEMORY: u64 = 1 << 30;

/// An indexed image with an empty palette. The reader that gave the manifest its verdicts invents grays for it; we refuse to
/// score colours that the file does not have.
const WITHOUT_COLOURS: &str = "f427b6bee1acd1fea3ec953bc556a18a.png";
/// An AVIF in layers, each predicted from the one before: no more than one key frame goes to the decoder (docs/uploads.md).
const LAYERED: &str = "avif_draw_points_idat_progressive.avif";

/// What the server made of a file.
enum Answer {
    Scored,
    /// A problem of this code.
    Refused(String),
}

/// Sends a file; fails unless the answer comes in time and is either finite scores or a sound problem document.
async fn send(server: &Server, path: &Path) -> Answer {
    let name = path.display();
    let started = Instant::now();
    let response = server.post(std::fs::read(path).expect("the manifest's files are there")).await;
    assert!(started.elapsed() < LONGEST, "{name} took {:?}", started.elapsed());
    let status = response.status().as_u16();
    if status == 200 {
        let answer: Value = response.json().await.expect("the answer is JSON");
        let numbers = ["blur", "brightness", "rotation"].map(|metric| &answer["scores"][metric]);
        let finite = |score: &Value| ["value", "low", "high"].iter().all(|field| score[field].is_f64());
        assert!(numbers.into_iter().all(finite), "{name}: {answer}");
        return Answer::Scored;
    }
    let code = response_code(response, status).await;
    assert!([400, 413, 415, 422].contains(&status), "{name}: {status} {code}");
    Answer::Refused(code)
}

/// Sends every file of a manifest to one server, which must then be as well as before; gives the answers.
async fn send_all<Row: DeserializeOwned>(
    folder: &Path,
    manifest: Reader<File>,
    file: fn(&Row) -> &str,
) -> Vec<(Row, Answer)> {
    let server = Server::start(&[]);
    let before = server.score(pavilion()).await["scores"].clone();
    let mut answers = Vec::new();
    for row in manifest.into_deserialize() {
        let row: Row = row.expect("a row of the manifest");
        let answer = send(&server, &folder.join(file(&row))).await;
        answers.push((row, answer));
    }
    assert_eq!(server.score(pavilion()).await["scores"], before, "the next photo is scored as before");
    let scored = answers.iter().filter(|(_, answer)| matches!(answer, Answer::Scored)).count();
    let peak = server.peak_memory();
    println!("{scored} of {} scored, peak memory {} MiB", answers.len(), peak >> 20);
    assert!(peak < MOST_MEMORY, "peak memory {peak}");
    answers
}

/// A row of the fixtures' manifest.
#[derive(Deserialize)]
struct Fixture {
    file: String,
    /// `scored`, the code of the problem, or `any`.
    answer: String,
}

#[tokio::test]
async fn generated_hostile_files_get_exactly_the_answer_of_their_manifest() {
    let folder = root().join("tests/fixtures/hostile");
    let manifest = Reader::from_path(folder.join("manifest.csv")).expect("the fixtures are there");
    let mut wrong = Vec::new();
    for (Fixture { file, answer: expected }, answer) in send_all(&folder, manifest, |row: &Fixture| &row.file).await {
        let found = match answer {
            Answer::Scored => "scored".to_owned(),
            Answer::Refused(code) => code,
        };
        // Of the formats that only some builds read, there is a head alone.
        let expected =
            if cfg!(feature = "avif") && file.ends_with(".avif") { "undecodable_image" } else { expected.as_str() };
        if expected != "any" && found != expected {
            wrong.push(format!("{file}: {found} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A row of the other folder's manifest.
#[derive(Deserialize)]
struct Row {
    file: String,
    /// What a good decoder does: accept, reject or either.
    good_decoder: String,
}

#[tokio::test]
async fn every_collected_hostile_file_gets_the_answer_it_deserves() {
    let folder = std::env::var_os("CLEARSHOT_HOSTILE").map_or_else(|| root().join("../shared/hostile"), PathBuf::from);
    let Ok(manifest) = Reader::from_path(folder.join("manifest.csv")) else {
        return support::skipped::skip(&format!("there are no hostile files in {}", folder.display()));
    };
    for (Row { file, good_decoder }, answer) in send_all(&folder, manifest, |row: &Row| &row.file).await {
        let fair = match &answer {
            Answer::Scored => good_decoder != "reject",
            Answer::Refused(code) => {
                good_decoder != "accept"
                    || code == "image_too_small"
                    || (code == "unsupported_format" && is_other_format(&file))
                    || file.ends_with(WITHOUT_COLOURS)
                    || file.ends_with(LAYERED)
            }
        };
        assert!(fair, "{file} should be {good_decoder}ed");
    }
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
    [".avif", ".tiff", ".tif", ".ico"].iter().any(|extension| file.ends_with(extension))
}

//! What `--help` says: each command, each flag and the environment variable that sets it. Scripts and manifests rely on these names,
//! so that one that changes has to be changed here, too.

mod support;

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use support::server::{help, root};

/// Flags of `serve` whose variable is the flag's own name: `--max-batch` is CLEARSHOT_MAX_BATCH.
const SERVE: &str = "admin-listen allow-anonymous allow-source allow-source-network cors-origins cuda-conv-search cuda-memory-limit deadline-ms decoders device \
    drain-ms intra-threads keep-alive-ms keys listen log-format max-answer-memory max-batch max-body-bytes max-connections \
    max-correct-pixels max-decoded-bytes max-delay-ms max-form-bytes max-images max-in-flight max-pixels max-scaled-pixels max-side \
    max-upload-memory min-side min-upload-rate models profiles queue shutdown-grace-ms tls-cert tls-key watch-models workers \
    source-timeout-ms write-timeout-ms decode-memory";

/// The same of `score`.
const SCORE: &str = "cuda-conv-search cuda-memory-limit decode-memory device log-format max-decoded-bytes max-pixels max-scaled-pixels max-side min-side models \
    profiles";

/// Each flag of a command, and its variable if it has one.
fn flags(command: &str) -> BTreeMap<String, Option<String>> {
    // Lines are broken anywhere, so that each flag's text is put together first.
    let mut texts: Vec<(String, String)> = Vec::new();
    for line in help(command).lines().map(str::trim) {
        let long = line.split_once("--").filter(|(before, _)| before.is_empty() || before.starts_with('-'));
        if let Some((_, rest)) = long {
            texts.push((rest.split([' ', '[']).next().unwrap_or_default().to_owned(), String::new()));
        }
        if let Some((_, text)) = texts.last_mut() {
            *text += &format!("{line} ");
        }
    }
    let variable = |text: &str| Some(text.split_once("[env: ")?.1.split('=').next()?.to_owned());
    texts.into_iter().map(|(flag, text)| (flag, variable(&text))).collect()
}

fn twins(flags: &str) -> BTreeMap<String, Option<String>> {
    let twin = |flag: &str| format!("CLEARSHOT_{}", flag.replace('-', "_").to_uppercase());
    flags.split_whitespace().map(|flag| (flag.to_owned(), Some(twin(flag)))).collect()
}

fn with(mut flags: BTreeMap<String, Option<String>>, more: &[(&str, &str)]) -> BTreeMap<String, Option<String>> {
    let variable = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    flags.extend(more.iter().map(|(flag, name)| ((*flag).to_owned(), variable(name))));
    flags.insert("help".to_owned(), None);
    flags
}

#[test]
fn every_command_is_listed() {
    let text = help("");
    let list = text.split("Commands:\n").nth(1).expect("it lists commands").split("\n\n").next().expect("it ends");
    // Names stand two spaces in, what is said of them further on.
    let names = list.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(
        names,
        ["serve", "score", "backtest", "tune", "duplicates", "drift", "key", "doctor", "health", "openapi", "help"]
    );
}

#[test]
fn every_flag_of_the_service_is_listed_with_its_variable() {
    let mut more = vec![("onnxruntime", "ORT_DYLIB_PATH")];
    if cfg!(feature = "otlp") {
        more.push(("otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"));
    }
    assert_eq!(flags("serve"), with(twins(SERVE), &more));
    more.retain(|(flag, _)| *flag == "onnxruntime" || *flag == "otlp-endpoint");
    more.push(("json", ""));
    assert_eq!(flags("doctor"), with(twins(SERVE), &more));
}

#[test]
fn every_flag_of_the_other_commands_is_listed() {
    let files = [("onnxruntime", "ORT_DYLIB_PATH"), ("max-file-bytes", "CLEARSHOT_MAX_BODY_BYTES")];
    let own =
        ["batch", "html", "html-photos", "output", "profile", "readers", "shard", "threads"].map(|flag| (flag, ""));
    assert_eq!(flags("score"), with(twins(SCORE), &[&files[..], &own].concat()));
    let own = ["compare", "compare-profile", "decisions", "json", "profiles", "show"].map(|flag| (flag, ""));
    assert_eq!(flags("backtest"), with(twins("models"), &own));
    let own = "scores decisions max-refused-good max-passed-bad output profiles name show html html-photos json";
    let own: Vec<_> = own.split_whitespace().map(|flag| (flag, "")).chain([files[1]]).collect();
    assert_eq!(
        flags("tune"),
        with(twins("models max-decoded-bytes max-pixels max-scaled-pixels max-side min-side"), &own)
    );
    assert_eq!(flags("duplicates"), with(twins(""), &[("output", "")]));
    assert_eq!(flags("drift"), with(twins(""), &[("html", ""), ("json", "")]));
    assert_eq!(flags("key"), with(twins("keys"), &[("photos-per-minute", ""), ("burst", ""), ("concurrent", "")]));
    assert_eq!(flags("health"), with(twins("listen admin-listen"), &[]));
    assert_eq!(flags("openapi"), with(twins(""), &[("3.0", "")]));
}

#[test]
fn a_reader_that_went_away_ends_a_report_without_a_word() {
    let results = "tests/fixtures/results/three_metrics.csv";
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.json");
    for (arguments, code, words) in [
        (&["backtest", results][..], 0, ""),
        (&["backtest", results, "--json"], 0, ""),
        (&["drift", results, results], 0, ""),
        // What it says on standard error in any case.
        (&["duplicates", results], 0, "0 photos, 0 groups"),
        (&["doctor", "--listen", "127.0.0.1:0"], 0, ""),
        (&["openapi"], 0, ""),
        // A key that nobody read is of no use.
        (&["key", "editor", "--keys", keys.to_str().expect("text")], 1, "Error: Broken pipe"),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot"));
        command.current_dir(root()).args(arguments).stdout(writer).stderr(Stdio::piped());
        let run = command.spawn().and_then(Child::wait_with_output).expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.starts_with(words) && said.is_empty() == words.is_empty(), "{arguments:?}: {said}");
    }
}

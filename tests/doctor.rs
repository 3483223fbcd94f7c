//! `clearshot doctor`: what it says of a service that would start, and of ones that would not.

mod support;

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use support::server::{models_copy, refusal, root};

/// What the doctor finds, and whether it says that the service would start.
fn examined(arguments: &[&str]) -> (Vec<Value>, bool) {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    doctor.current_dir(root()).args(["doctor", "--json"]).args(arguments);
    if !arguments.contains(&"--listen") {
        // Whatever listens on the default port of this machine.
        doctor.args(["--listen", "127.0.0.1:0"]);
    }
    let output = doctor.output().expect("it runs");
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (findings, output.status.success())
}

fn found<'a>(findings: &'a [Value], part: &str) -> (&'a str, &'a str) {
    let finding = findings.iter().find(|finding| finding["part"] == part).expect(part);
    (finding["state"].as_str().expect("text"), finding["found"].as_str().expect("text"))
}

#[test]
fn a_service_that_would_start_is_sound() {
    let (findings, sound) = examined(&[]);
    assert!(sound, "{findings:?}");
    for (part, said) in [
        ("ONNX Runtime", "libonnxruntime"),
        ("profiles", "real-estate"),
        ("models", "blur-"),
        ("device", "cpu"),
        ("limits", "photos of 32 to 16384 pixels a side"),
        ("a photo", " ms "),
        ("access", "this machine alone"),
        ("port", "is free"),
    ] {
        let (state, text) = found(&findings, part);
        assert_eq!(state, "good", "{part}: {text}");
        assert!(text.contains(said), "{part}: {text}");
    }
}

#[test]
fn what_is_wrong_is_broken_and_names_its_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it listens").to_string();
    let damaged = models_copy();
    std::fs::write(damaged.path().join("blur.onnx"), b"none").expect("it can be written");
    let damaged = damaged.path().to_str().expect("text");
    for (arguments, part, remedy) in [
        (vec!["--listen", &address], "port", "choose another by --listen"),
        (vec!["--models", damaged], "models", "--models"),
        (vec!["--models", "nowhere"], "models", "--models"),
        (vec!["--onnxruntime", "nowhere.so"], "ONNX Runtime", "scripts/setup-onnxruntime"),
        (vec!["--profiles", "nowhere.json"], "profiles", "nowhere.json"),
        (vec!["--listen", "0.0.0.0:0"], "access", "--allow-anonymous"),
        (vec!["--keys", "nowhere.json"], "keys", "nowhere.json"),
        (vec!["--device", "cuda"], "device", "--device cpu"),
        (vec!["--decode-memory", "1000"], "limits", "--decode-memory"),
    ] {
        let (findings, sound) = examined(&arguments);
        let (state, text) = found(&findings, part);
        assert_eq!((sound, state), (false, "broken"), "{arguments:?}: {text}");
        assert!(text.contains(remedy), "{arguments:?}: {text}");
        let broken = findings.iter().filter(|finding| finding["state"] == "broken").count();
        assert_eq!(broken, 1, "what is sound is not blamed: {findings:?}");
    }
}

/// What the doctor says of flags that refuse everything, a start says, too.
#[test]
fn flags_that_refuse_everything_are_refused_by_the_doctor_and_at_the_start() {
    for (arguments, said) in [
        (&["--queue", "0"][..], "--queue must be at least 1"),
        (&["--max-images", "0"], "--max-images must be at least 1"),
        (&["--max-upload-memory", "0"], "--max-upload-memory must be at least 1"),
        (&["--max-answer-memory", "0"], "--max-answer-memory must be at least 1"),
        (&["--max-body-bytes", "0"], "--max-body-bytes must be at least 1"),
        (&["--max-form-bytes", "0"], "--max-form-bytes must be at least 1"),
        (&["--max-pixels", "0"], "--max-pixels must be at least 1"),
        (&["--max-pixels", "1023"], "--max-pixels must be at least 1024"),
        (&["--max-decoded-bytes", "0"], "--max-decoded-bytes must be at least 1"),
        (&["--max-side", "0"], "--max-side must be at least 1"),
        (&["--min-side", "0", "--max-side", "10"], "--min-side must be at least 1"),
        (&["--max-side", "10"], "--min-side must be at most --max-side: 32 is more than 10"),
    ] {
        let (findings, sound) = examined(arguments);
        let (state, text) = found(&findings, "flags");
        assert_eq!((sound, state), (false, "broken"), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
        let broken = findings.iter().filter(|finding| finding["state"] == "broken").count();
        assert_eq!(broken, 1, "it is told once: {findings:?}");
        let refused = refusal(arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
}

/// Whoever starts in another folder is told which flag names the files, and why they cannot be read is told once.
#[test]
fn files_that_are_not_there_are_told_once() {
    for (arguments, said) in [
        (["--models", "nowhere"], "cannot read the models folder nowhere"),
        (["--profiles", "nowhere.json"], "cannot read the profiles in nowhere.json"),
        (["--keys", "nowhere.json"], "cannot read the keys in nowhere.json"),
    ] {
        let refused = refusal(&arguments);
        assert!(refused.contains(said), "{refused}");
        assert_eq!(refused.matches("No such file").count(), 1, "{refused}");
    }
    assert!(refusal(&["--models", "nowhere"]).contains("--models names another"));
}

#[test]
fn limits_that_refuse_a_common_photo_are_told_and_may_be_meant() {
    for (arguments, said) in [
        (["--max-side", "1000"], "at most 1000 pixels a side; raise --max-side"),
        (["--max-pixels", "786431"], "at most 786431 pixels in all; raise --max-side, --max-pixels"),
        (["--min-side", "769"], "each side needs at least 769 pixels; lower --min-side"),
        (["--max-body-bytes", "1000"], "--max-body-bytes lets in 1000"),
        (["--max-form-bytes", "1000"], "--max-form-bytes lets in 1000"),
        (["--max-upload-memory", "1000"], "--max-upload-memory lets in 1000"),
    ] {
        let (findings, sound) = examined(&arguments);
        let (state, text) = found(&findings, "limits");
        assert_eq!((sound, state), (true, "poor"), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
        assert_eq!(found(&findings, "a photo").0, "good", "the models are tried all the same");
    }
    for least in [["--max-side", "1024"], ["--max-pixels", "786432"], ["--min-side", "768"]] {
        let (findings, _) = examined(&least);
        assert_eq!(found(&findings, "limits").0, "good", "{least:?}: {findings:?}");
    }
}

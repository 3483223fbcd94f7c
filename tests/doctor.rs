//! `clearshot doctor`: what it says of a service that would start, and of ones that would not.

mod support;

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;
use support::server::{models_copy, root};

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
    ] {
        let (findings, sound) = examined(&arguments);
        let (state, text) = found(&findings, part);
        assert_eq!((sound, state), (false, "broken"), "{arguments:?}: {text}");
        assert!(text.contains(remedy), "{arguments:?}: {text}");
        let broken = findings.iter().filter(|finding| finding["state"] == "broken").count();
        assert_eq!(broken, 1, "what is sound is not blamed: {findings:?}");
    }
}

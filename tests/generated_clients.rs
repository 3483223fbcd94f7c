//! Clients generated from the OpenAPI documents, the document's linter and fuzzer, the page, the Python package, each used beside the
//! real service, and bulk scoring from a store.
//! What they need beyond Python comes with `apt-get install nodejs npm default-jdk-headless chromium`; where a tool is missing,
//! its test says so and does nothing.

mod support;

use std::process::Command;

use support::server::{Server, models_with_a_fourth_metric, root};
use support::skipped::has_tool;

/// Runs `tests/clients/<name>/run` on a fresh server, if one of each group of tools is there.
fn run(name: &str, tools: &[&[&str]]) {
    run_on(name, tools, &[]);
}

/// The same on a server with a further metric, which the client has to read.
fn run_on_four_metrics(name: &str, tools: &[&[&str]]) {
    let models = models_with_a_fourth_metric();
    run_on(name, tools, &["--models", models.path().to_str().expect("text")]);
}

fn run_on(name: &str, tools: &[&[&str]], arguments: &[&str]) {
    if !tools.iter().all(|group| has_tool(group)) {
        return;
    }
    let server = Server::start(arguments);
    // A client that waits for ever fails as itself, and not as a check that ran out of time.
    let script = root().join(format!("tests/clients/{name}/run"));
    let mut client = Command::new("timeout");
    client.args(["--kill-after=10", "1200"]).arg(script).arg(&server.url);
    client.env("CLEARSHOT_PROGRAM", env!("CARGO_BIN_EXE_clearshot"));
    let output = client.output().expect("coreutils are there");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn python() {
    run_on_four_metrics("python", &[&["python3"]]);
}

/// The package that scores without HTTP, installed as users install it.
#[test]
fn python_package() {
    run("package", &[&["python3"]]);
}

/// The package on engines that spread work over machines.
#[test]
fn ray() {
    run("ray", &[&["python3"]]);
}

#[test]
fn spark() {
    run("spark", &[&["python3"], &["java"]]);
}

#[test]
fn typescript_and_linter() {
    run_on_four_metrics("typescript", &[&["npm"]]);
}

#[test]
fn java() {
    run_on_four_metrics("java", &[&["javac"]]);
}

#[test]
fn kotlin() {
    run_on_four_metrics("kotlin", &[&["npm"], &["java"]]);
}

#[test]
fn rust() {
    run_on_four_metrics("rust", &[&["cargo"]]);
}

#[test]
fn schemathesis() {
    run("schemathesis", &[&["python3"]]);
}

#[test]
fn page() {
    run("page", &[&["chromium", "google-chrome", "chromium-browser"]]);
}

#[test]
#[cfg(feature = "object-store")]
fn store() {
    run("store", &[&["python3"]]);
}

/// The short examples that the README points to.
#[test]
fn examples() {
    run("examples", &[&["npm"], &["curl"]]);
}

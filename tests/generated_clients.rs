//! Clients generated from the OpenAPI documents, the document's linter and fuzzer, the page, each used on the real service, and bulk
//! scoring from a store.
//! What they need beyond Python comes with `apt-get install nodejs npm default-jdk-headless chromium`; where a tool is missing,
//! its test says so and does nothing.

mod support;

use std::process::Command;

use support::server::{Server, root};
use support::skipped::has_tool;

/// Runs `tests/clients/<name>/run` on a fresh server, if one of each group of tools is there.
fn run(name: &str, tools: &[&[&str]]) {
    if !tools.iter().all(|group| has_tool(group)) {
        return;
    }
    let server = Server::start(&[]);
    let output = Command::new(root().join(format!("tests/clients/{name}/run"))).arg(&server.url).output();
    let output = output.expect("bash is there");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn python() {
    run("python", &[&["python3"]]);
}

#[test]
fn typescript_and_linter() {
    run("typescript", &[&["npm"]]);
}

#[test]
fn java() {
    run("java", &[&["javac"]]);
}

#[test]
fn rust() {
    run("rust", &[&["cargo"]]);
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

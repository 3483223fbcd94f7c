//! The real `clearshot serve`, on a free port, with the shipped models.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value;

pub struct Server {
    process: Child,
    said: BufReader<ChildStdout>,
    pub url: String,
    pub client: Client,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A client; its TLS is that of the service. It opens a new connection after a pause: the server lets one go that was
/// idle for long, and a test may render photos for longer on a busy machine.
pub fn client() -> Client {
    clearshot::crypto::ensure_provider();
    Client::builder().pool_idle_timeout(Duration::from_secs(5)).build().expect("a client")
}

/// Makes a key by the real command.
pub fn key(file: &Path, name: &str, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_clearshot"))
        .args(["key", name, "--keys", file.to_str().expect("text")])
        .args(more)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// What a command, or with an empty name `clearshot` itself, says of itself. Variables of whoever runs the tests are no
/// part of it.
pub fn help(command: &str) -> String {
    let mut asked = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    let own = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CLEARSHOT_"));
    for (name, _) in own.chain([("ORT_DYLIB_PATH".into(), "".into())]) {
        asked.env_remove(name);
    }
    let output = asked.args([command, "--help"].into_iter().filter(|word| !word.is_empty())).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The default of a flag that takes a whole number, as the help says it.
pub fn default_of(help: &str, flag: &str) -> u64 {
    let after = help.split(&format!("{flag} <")).nth(1).unwrap_or_else(|| panic!("no {flag} in {help}"));
    let digits = after.split("[default: ").nth(1).and_then(|text| text.split(']').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{flag} has no number as its default"))
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    command.current_dir(root()).env("RUST_LOG", "error").arg("serve").args(arguments);
    command
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_as(command(&on_a_free_port(arguments)))
    }

    pub fn start_as(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the server's binary runs");
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().expect("stdout is piped"));
        said.read_line(&mut line).expect("the server says where it listens");
        let url = line.trim().strip_prefix("listening on ").expect("the server started").to_owned();
        Self { process, said, url, client: client() }
    }

    /// What the server says after where it listens.
    pub fn second_line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it says something");
        line.trim().to_owned()
    }

    /// Posts a raw body to `/score`.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        self.client.post(format!("{}/score", self.url)).body(body).send().await.expect("the server answers")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.expect("the server answers")
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.text().await.expect("text")
    }

    /// Waits until `/metrics` has a line.
    pub async fn until(&self, line: &str, limit: Duration) {
        let started = Instant::now();
        while !self.metrics().await.lines().any(|found| found == line) {
            assert!(started.elapsed() < limit, "no `{line}` in\n{}", self.metrics().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Photos that a metric's model was given so far.
    pub async fn photos_run(&self, metric: &str) -> u64 {
        let metrics = self.metrics().await;
        let line = format!("clearshot_batch_size_sum{{metric=\"{metric}\"}} ");
        let sum = metrics.lines().find_map(|found| found.strip_prefix(&line));
        sum.map_or(0, |sum| sum.parse::<f64>().expect("a number") as u64)
    }

    /// Batches that a metric's model ran so far.
    pub async fn batches_run(&self, metric: &str) -> u64 {
        let metrics = self.metrics().await;
        let line = format!("clearshot_batch_size_count{{metric=\"{metric}\"}} ");
        let count = metrics.lines().find_map(|found| found.strip_prefix(&line));
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    /// Scores an image that must be accepted.
    pub async fn score(&self, body: impl Into<reqwest::Body>) -> Value {
        let response = self.post(body).await;
        let status = response.status();
        let answer: Value = response.json().await.expect("the answer is JSON");
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Largest resident memory so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        kilobytes << 10
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.process.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        wait(&mut self.process, limit)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Unless the arguments say where to listen.
pub fn on_a_free_port<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let listen: &[&str] = if arguments.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    [listen, arguments].concat()
}

/// A copy of the shipped models, to be spoilt.
pub fn models_copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(root().join("models")).expect("models are shipped") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("it can be copied");
    }
    folder
}

/// The shipped models and a fourth one: brightness's network under the name `exposure`, with reasons of its own.
pub fn models_with_a_fourth_metric() -> tempfile::TempDir {
    let folder = models_copy();
    let path = |name: &str| folder.path().join(name);
    std::fs::copy(path("brightness.onnx"), path("exposure.onnx")).expect("it can be copied");
    let card = std::fs::read_to_string(path("brightness.json")).expect("it is there");
    let mut card: Value = serde_json::from_str(&card).expect("a card is JSON");
    let metric = &mut card["metric"];
    metric["name"] = "exposure".into();
    metric["title"] = "Exposure".into();
    metric["low"]["code"] = "underexposed".into();
    metric["high"]["code"] = "overexposed".into();
    std::fs::write(path("exposure.json"), card.to_string()).expect("it is written");
    folder
}

/// Runs a server that must refuse to start; returns what it said.
pub fn refusal(arguments: &[&str]) -> String {
    let mut process = command(&on_a_free_port(arguments))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server's binary runs");
    let status = wait(&mut process, Duration::from_secs(30));
    assert!(!status.success());
    let mut said = String::new();
    process.stderr.take().expect("stderr is piped").read_to_string(&mut said).expect("it is text");
    said
}

fn wait(process: &mut Child, limit: Duration) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = process.try_wait().expect("the process can be waited for") {
            return status;
        }
        assert!(started.elapsed() < limit, "the process did not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The codes of the problems that the API's document lists for the route of a path, with their status; none where there
/// is no such route.
pub fn documented_problems(path: &str) -> Vec<(u16, String)> {
    let document = std::fs::read_to_string(root().join("openapi/openapi.json")).expect("it is committed");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let operations = document["paths"][path].as_object().into_iter().flat_map(|item| item.values());
    let responses = operations.flat_map(|operation| operation["responses"].as_object().expect("responses"));
    let errors = responses.map(|(status, response)| (status.parse().expect("a status"), response));
    let codes = errors.filter(|(status, _)| *status >= 400).flat_map(|(status, response)| {
        let quoted = response["description"].as_str().expect("text").split('`').skip(1).step_by(2);
        quoted.filter(|code| *code != "Retry-After").map(move |code| (status, code.to_owned())).collect::<Vec<_>>()
    });
    codes.collect()
}

/// What an answer says of the photo, without the request's name.
pub async fn said(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    let mut answer: Value = response.json().await.expect("JSON");
    answer["request_id"] = Value::Null;
    answer
}

/// Asserts that an answer is a problem document with this status and code, which the API's document lists for the
/// route, and returns it.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    let found = response.status();
    let documented = documented_problems(response.url().path());
    let of_no_route = documented.is_empty() || [404, 405].contains(&status);
    assert!(of_no_route || documented.contains(&(status, code.to_owned())), "{code} is not among {documented:?}");
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request_id = response.headers().get("x-request-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let document: Value = response.json().await.expect("the problem is JSON");
    assert_eq!((found.as_u16(), document["code"].as_str()), (status, Some(code)), "{document}");
    assert_eq!(content_type.as_deref(), Some("application/problem+json"));
    assert_eq!(document["status"], status);
    assert_eq!(document["type"], format!("urn:clearshot:problem:{code}"));
    assert_eq!(document["request_id"].as_str(), request_id.as_deref());
    assert!(document["title"].is_string() && document["detail"].is_string());
    document
}

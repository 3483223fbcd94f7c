//! The service's real binary, as tests of models use it that the trainer has made.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The server's binary, which `cargo test --workspace` builds beside this test.
pub fn clearshot() -> Command {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().and_then(Path::parent).unwrap().join("clearshot");
    assert!(binary.is_file(), "{} is not built: test with --workspace, or build it first", binary.display());
    let mut command = Command::new(binary);
    command.current_dir(root()).env("RUST_LOG", "error");
    command
}

pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Copies models with their cards from those that are shipped.
pub fn copy_shipped(names: &[&str], models: &Path) {
    for file in names.iter().flat_map(|name| [format!("{name}.json"), format!("{name}.onnx")]) {
        std::fs::copy(root().join("models").join(&file), models.join(&file)).unwrap();
    }
}

/// A running server.
pub struct Server {
    process: Child,
    address: String,
}

impl Server {
    pub fn start(models: &Path, profiles: Option<&Path>) -> Self {
        let mut command = clearshot();
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).arg("--models").arg(models);
        if let Some(profiles) = profiles {
            command.arg("--profiles").arg(profiles);
        }
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect("the server started").to_owned();
        let server = Self { process, address };
        let started = Instant::now();
        while server.ask("GET", "/readyz", &[]).0 != 200 {
            assert!(started.elapsed() < Duration::from_secs(60), "it does not become ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Status and body of the answer to a request.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        // HTTP/1.0: the answer comes whole, and the connection ends with it.
        write!(stream, "{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub fn score(&self, photo: &Path, profile: &str) -> Value {
        let (status, body) = self.ask("POST", &format!("/score?profile={profile}"), &std::fs::read(photo).unwrap());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! The container image, built and run as in production: read-only, as nobody, with one CPU and 512 MB. Without a running engine the
//! test says so and does nothing; `docker info` tells whether there is one.

mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::photos::pavilion;
use support::server::root;

fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").current_dir(root()).args(arguments).output().expect("docker runs")
}

fn said(arguments: &[&str]) -> String {
    let output = docker(arguments);
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Stops and removes a container when the test ends, however it ends.
struct Container(String);

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}

#[tokio::test]
async fn the_image_serves_without_privileges_and_stops_when_told() {
    let engine = Command::new("docker").arg("info").output();
    if !engine.is_ok_and(|output| output.status.success()) {
        support::skipped::skip("no container engine runs here");
        return;
    }
    said(&["build", "--quiet", "--tag", "clearshot", "."]);
    let limits =
        ["--read-only", "--cap-drop", "ALL", "--cpus", "1", "--memory", "512m", "--publish", "127.0.0.1::8080"];
    let refused = docker(&["run", "--rm", "clearshot"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--allow-anonymous"), "{refused:?}");
    let anonymous = ["--env", "CLEARSHOT_ALLOW_ANONYMOUS=true"];
    let start = [&["run", "--detach"][..], &limits, &anonymous, &["clearshot"]].concat();
    let container = Container(said(&start));
    let address = said(&["port", &container.0, "8080"]);
    let client = support::server::client();
    let started = Instant::now();
    let answer: Value = loop {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", said(&["logs", &container.0]));
        if let Ok(answer) = client.post(format!("http://{address}/score")).body(pavilion()).send().await {
            break answer.json().await.expect("JSON");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(answer["verdict"], "pass", "{answer}");
    let healthy = docker(&["exec", &container.0, "clearshot", "health"]);
    assert!(healthy.status.success(), "{healthy:?}");
    assert_eq!(said(&["exec", &container.0, "id", "-u"]), "65532");
    let folder = "/usr/share/clearshot/models";
    let bulk = docker(&["run", "--rm", "--read-only", "clearshot", "score", folder]);
    assert!(String::from_utf8_lossy(&bulk.stderr).contains("0 photos"), "{bulk:?}");
    said(&["stop", "-t", "20", &container.0]);
    assert_eq!(said(&["inspect", "--format", "{{.State.ExitCode}}", &container.0]), "0", "SIGTERM is a clean end");
    let bytes: f64 = said(&["image", "inspect", "--format", "{{.Size}}", "clearshot"]).parse().expect("a size");
    println!("the image takes {:.0} MB", bytes / 1e6);
}

//! The container image, built and run as in production: read-only, as nobody, with one CPU and 512 MB, then
//! with 1 GiB under a flood of photos that are small as files and large when decoded. Without a running engine the
//! test says so and does nothing; `docker info` tells whether there is one.

mod support;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::photos::{greedy_jpeg, pavilion};
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

/// Starts the service in a container with so much memory and waits until it scores; its address with it.
async fn serve(memory: &str) -> (Container, String) {
    let limits =
        ["--read-only", "--cap-drop", "ALL", "--cpus", "1", "--memory", memory, "--publish", "127.0.0.1::8080"];
    let anonymous = ["--env", "CLEARSHOT_ALLOW_ANONYMOUS=true"];
    let container = Container(said(&[&["run", "--detach"][..], &limits, &anonymous, &["clearshot"]].concat()));
    let address = said(&["port", &container.0, "8080"]);
    let client = support::server::client();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", said(&["logs", &container.0]));
        if let Ok(answer) = client.post(format!("http://{address}/score")).body(pavilion()).send().await {
            let answer: Value = answer.json().await.expect("JSON");
            assert_eq!(answer["verdict"], "pass", "{answer}");
            return (container, address);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
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
    let refused = docker(&["run", "--rm", "clearshot"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--allow-anonymous"), "{refused:?}");
    let (container, _) = serve("512m").await;
    let healthy = docker(&["exec", &container.0, "clearshot", "health"]);
    assert!(healthy.status.success(), "{healthy:?}");
    assert_eq!(said(&["exec", &container.0, "id", "-u"]), "65532");
    let folder = "/usr/share/clearshot/models";
    let bulk = docker(&["run", "--rm", "--read-only", "clearshot", "score", folder]);
    assert!(String::from_utf8_lossy(&bulk.stderr).contains("0 photos"), "{bulk:?}");
    drop(container);

    let (container, address) = serve("1g").await;
    let client = support::server::client();
    let greedy = axum::body::Bytes::from(greedy_jpeg());
    let send = |body: axum::body::Bytes| {
        let (client, url) = (client.clone(), format!("http://{address}/score"));
        tokio::spawn(async move { client.post(url).body(body).send().await.expect("it answers").status().as_u16() })
    };
    let flood: Vec<_> = (0..50).map(|_| send(greedy.clone())).collect();
    for _ in 0..5 {
        assert_eq!(
            send(pavilion().into()).await.expect("it ends"),
            200,
            "a good photo passes beside fifty greedy ones"
        );
    }
    for greedy in flood {
        assert!([200, 503, 504].contains(&greedy.await.expect("it ends")));
    }
    assert_eq!(said(&["inspect", "--format", "{{.State.OOMKilled}} {{.RestartCount}}", &container.0]), "false 0");
    said(&["stop", "-t", "20", &container.0]);
    assert_eq!(said(&["inspect", "--format", "{{.State.ExitCode}}", &container.0]), "0", "SIGTERM is a clean end");
    let bytes: f64 = said(&["image", "inspect", "--format", "{{.Size}}", "clearshot"]).parse().expect("a size");
    println!("the image takes {:.0} MB", bytes / 1e6);
}

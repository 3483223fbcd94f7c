//! What operators look at, checked by Prometheus itself: configuration, alerts, and that every panel and rule has data of the real
//! service behind it. `apt-get install prometheus` brings the tools; without them the tests say so and do nothing.

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clearshot_core::checks::CHECKS;
use serde_json::Value;
use support::photos::pavilion;
use support::server::{Server, client, key, models_with_a_fourth_metric, root};
use support::skipped::has_tool;

#[test]
fn configuration_and_alerts_pass_their_own_tool() {
    if !has_tool(&["promtool"]) {
        return;
    }
    for arguments in [
        ["check", "config", "deploy/prometheus/prometheus.yml"],
        ["test", "rules", "deploy/prometheus/alerts_test.yml"],
    ] {
        let output = Command::new("promtool").args(arguments).current_dir(root()).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}

/// Grafana comes with a user whose password is in its manual.
#[test]
fn nobody_can_log_in_to_grafana_and_images_are_pinned() {
    let compose = std::fs::read_to_string(root().join("docker-compose.yml")).expect("it is there");
    let images = compose.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    for image in images.filter(|image| image.contains('/')) {
        let digest = image.split_once("@sha256:").unwrap_or_else(|| panic!("{image} is not pinned")).1;
        assert!(digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()), "{image}");
    }
    for setting in [
        "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: \"true\"",
        "GF_AUTH_DISABLE_LOGIN_FORM: \"true\"",
        "GF_AUTH_BASIC_ENABLED: \"false\"",
        "GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer",
    ] {
        assert!(compose.contains(setting), "{setting}");
    }
    let published = compose.lines().filter_map(|line| line.trim().strip_prefix("ports: ["));
    assert!(
        published.clone().count() > 3 && published.clone().all(|port| port.starts_with("\"127.0.0.1:")),
        "{compose}"
    );
}

/// Every alert has a test of its own.
#[test]
fn no_alert_is_untested() {
    let read = |name: &str| std::fs::read_to_string(root().join("deploy/prometheus").join(name)).expect("it is there");
    let tests = read("alerts_test.yml");
    for alert in read("alerts.yml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ").map(str::to_owned))
    {
        let fires = tests.split("alertname: ").any(|case| case.starts_with(&alert) && case.contains("exp_alerts"));
        assert!(fires, "no test makes {alert} fire");
    }
}

/// Shares are of the requests that do work, all of them: what probes and scrapes add would hide failures.
#[test]
fn alerts_count_every_route_that_takes_photos_and_no_other() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).expect("it is there");
    let document: Value = serde_json::from_str(&read("openapi/openapi.json")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let mut routes: Vec<&str> = paths.filter(|(_, of)| of["post"].is_object()).map(|(path, _)| path.as_str()).collect();
    routes.sort_unstable();
    let selector = format!("clearshot_http_requests_total{{method=\"POST\", route=~\"{}\"", routes.join("|"));
    let alerts = read("deploy/prometheus/alerts.yml");
    let counted = alerts.matches("clearshot_http_requests_total").count();
    assert!(counted > 2, "{alerts}");
    assert_eq!(alerts.matches(&selector).count(), counted, "{selector}");
}

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prometheus with the shipped rules, evaluated every second, on a service.
fn prometheus(folder: &Path, target: &str, port: u16) -> Prometheus {
    let rules = std::fs::read_to_string(root().join("deploy/prometheus/alerts.yml")).expect("it is there");
    std::fs::write(folder.join("alerts.yml"), rules.replace("interval: 1m", "interval: 1s")).expect("it is written");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yml]\nscrape_configs:\n- job_name: \
         clearshot\n  static_configs: [{{targets: ['{target}']}}]\n"
    );
    std::fs::write(folder.join("prometheus.yml"), config).expect("it is written");
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stderr(Stdio::null())
        .spawn();
    Prometheus(child.expect("it runs"))
}

/// Results of a query; none while Prometheus is not up.
async fn results(port: u16, query: &str) -> usize {
    let request = client().get(format!("http://127.0.0.1:{port}/api/v1/query")).query(&[("query", query)]);
    let Ok(response) = request.send().await else { return 0 };
    let Ok(answer) = response.json::<Value>().await else { return 0 };
    assert_ne!(answer["errorType"], "bad_data", "{query}: {answer}");
    answer["data"]["result"].as_array().map_or(0, Vec::len)
}

/// Queries of all panels, for each of these metrics where a panel is repeated by metric, and for each check where it is by check.
fn queries(metrics: &[&str]) -> Vec<String> {
    let checks: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    let dashboard =
        std::fs::read_to_string(root().join("deploy/grafana/dashboards/clearshot.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets").clone());
    let queries = targets.flat_map(|target| {
        let query = target["expr"].as_str().expect("an expression").replace("$__rate_interval", "10s");
        let names: &[&str] = if query.contains("$metric") {
            metrics
        } else if query.contains("$check") {
            &checks
        } else {
            &[""]
        };
        names.iter().map(|name| query.replace("$metric", name).replace("$check", name)).collect::<Vec<_>>()
    });
    queries.collect()
}

#[tokio::test]
async fn every_panel_has_data_of_the_service_behind_it() {
    if !has_tool(&["prometheus"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.json");
    let key = key(&keys, "portal", &[]);
    let models = models_with_a_fourth_metric();
    let [keys, models] = [&keys, models.path()].map(|path| path.to_str().expect("text"));
    let mut server = Server::start(&["--keys", keys, "--models", models, "--admin-listen", "127.0.0.1:0"]);
    let admin = server.second_line();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|any| any.local_addr()).expect("a port").port();
    let _prometheus = prometheus(folder.path(), admin.rsplit('/').next().expect("an address"), port);
    let mut missing: Vec<String> = queries(&["blur", "brightness", "rotation", "exposure"]);
    assert!(missing.len() > 30, "the dashboard is read");
    // It needs a week; promtool tests it.
    missing.retain(|query| !query.contains("from_last_week") && !query.contains("abandoned"));
    let tilted = std::fs::read(root().join("tests/fixtures/tilted.jpg")).expect("the fixture is there");
    let started = Instant::now();
    while !missing.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing behind {missing:#?}");
        for body in [pavilion(), tilted.clone(), b"no photo".to_vec()] {
            let request = server.client.post(format!("{}/score", server.url)).header("x-api-key", &key);
            request.body(body).send().await.expect("it answers");
        }
        let mut still = Vec::new();
        for query in missing {
            if results(port, &query).await == 0 {
                still.push(query);
            }
        }
        missing = still;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // What the dashboard lists metrics by, and the rules that no metric is named in.
    for query in ["clearshot_score_count", "clearshot:score_drift_from_card:6h"] {
        assert_eq!(results(port, query).await, 4, "{query}");
    }
    for query in ["clearshot_check_count", "count by (check) (clearshot:check_share:6h)"] {
        assert_eq!(results(port, query).await, CHECKS.len(), "{query}");
    }
    assert_eq!(results(port, "ALERTS{alertstate=\"firing\", alertname=~\"ClearshotDown|ClearshotFailing\"}").await, 0);
}

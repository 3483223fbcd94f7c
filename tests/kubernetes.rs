//! The Kubernetes manifests: rendered by kustomize, checked against the schemas of Kubernetes and of the Prometheus operator, and
//! for what no schema knows. Without kubectl or npm the tests say so and do nothing.

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use support::server::{default_of, help, root};
use support::skipped::{has_tool, skip};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn manifests_fit_their_schemas() {
    // Debian 12 has a kubectl that is too old for these files, so that CI cannot promise one.
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        return skip("there is no kubectl");
    }
    if !has_tool(&["npm"]) {
        return;
    }
    let output = Command::new(root().join("tests/kubernetes/run")).output().expect("bash is there");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    for kind in ["deployment", "service", "horizontalpodautoscaler", "poddisruptionbudget", "networkpolicy", "job"] {
        assert!(said.contains(&format!("passed for resource {kind}/")), "{kind} is not checked: {said}");
    }
    assert_eq!(said.matches("ServiceMonitor clearshot fits").count(), 3, "{said}");
    // Selectors are ours alone (tests/kubernetes/selectors.mjs fails otherwise).
    for kind in ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"] {
        assert!(said.contains(&format!("{kind} clearshot selects {{\"app.kubernetes.io/name\"")), "{kind}: {said}");
    }
    // A metric that no adapter serves would keep the service from scaling down.
    let scaled: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("scales Deployment clearshot by ")).collect();
    assert_eq!(scaled, ["cpu", "cpu", "cpu, clearshot_queue_depth"], "base, gpu, and gpu with the component");
}

/// A misspelt environment variable would be ignored without a word.
#[test]
fn every_variable_is_one_that_the_command_knows() {
    let help = help("serve") + &help("score") + &help("health");
    let files = [
        "deploy/kubernetes/base/deployment.yaml",
        "deploy/kubernetes/gpu/deployment.yaml",
        "deploy/kubernetes/bulk/job.yaml",
        "deploy/helm/clearshot/templates/deployment.yaml",
        "deploy/helm/clearshot/values.yaml",
        "docker-compose.yml",
        "Dockerfile",
    ];
    let text: String = files.map(read).concat();
    let is_name = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    let named: BTreeSet<&str> =
        text.split(|letter| !is_name(letter)).filter(|word| word.starts_with("CLEARSHOT_")).collect();
    assert!(named.len() > 6, "{named:?}");
    for name in named {
        assert!(help.contains(&format!("[env: {name}=")), "nothing knows {name}");
    }
}

#[test]
fn a_pod_is_given_the_time_it_needs_to_end() {
    let deployment = read("deploy/kubernetes/base/deployment.yaml");
    let number = |after: &str| -> u64 {
        let rest = deployment.split(after).nth(1).unwrap_or_else(|| panic!("no {after}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    for name in ["CLEARSHOT_SHUTDOWN_GRACE_MS", "CLEARSHOT_DRAIN_MS", "CLEARSHOT_DEADLINE_MS"] {
        assert!(!deployment.contains(name), "{name} is set here, and this test takes the default");
    }
    let help = help("serve");
    let seconds = |flag| default_of(&help, flag).div_ceil(1000);
    let (grace, drain) = (seconds("--shutdown-grace-ms"), seconds("--drain-ms"));
    assert!(number("terminationGracePeriodSeconds: ") > number("sleep, \"") + grace + drain);
    assert!(drain > seconds("--deadline-ms"), "a photo that came at the last moment has the time it may take");
    let compose = read("docker-compose.yml");
    let period = compose.split("stop_grace_period: ").nth(1).and_then(|rest| rest.split('s').next());
    assert!(period.and_then(|seconds| seconds.parse().ok()) > Some(grace + drain), "docker-compose.yml");
}

#[test]
fn the_profiles_of_the_config_map_are_the_built_in_ones() {
    assert_eq!(read("deploy/kubernetes/base/profiles.json"), read("core/src/scoring/profiles.json"));
}

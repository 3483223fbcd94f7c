//! The Helm chart: rendered by Helm's own engine (tests/kubernetes/chart.py), compared with the manifests of deploy/kubernetes, and
//! checked against the same schemas.

mod support;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Map, Value, json};
use support::server::root;
use support::skipped::has_tool;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that the chart has, what needs the Prometheus operator and the bulk job included.
fn everything() -> Value {
    json!({
        "serviceMonitor": {"enabled": true, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": true},
        "bulk": {"enabled": true},
    })
}

fn chart(arguments: &[&str]) -> Output {
    let setup = Command::new(root().join("scripts/setup-kubernetes")).output().expect("bash is there");
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let mut python = Command::new(root().join("target/kubernetes/venv/bin/python"));
    python.current_dir(root()).arg("tests/kubernetes/chart.py").args(arguments).output().expect("it runs")
}

fn made(arguments: &[&str]) -> Value {
    let output = chart(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn render(release: &str, values: &Value) -> Value {
    made(&["render", release, &values.to_string()])
}

fn objects(made: &Value) -> &[Value] {
    made["objects"].as_array().expect("a list")
}

fn object<'a>(made: &'a Value, kind: &str) -> &'a Value {
    objects(made).iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

fn container(made: &Value) -> &Value {
    &object(made, "Deployment")["spec"]["template"]["spec"]["containers"][0]
}

/// Takes out what a release is told apart by, and what Kubernetes takes where nothing is said.
fn plain(object: &mut Value) {
    match object {
        Value::Object(fields) => {
            for label in ["instance", "version", "managed-by"] {
                fields.remove(&format!("app.kubernetes.io/{label}"));
            }
            for (name, default) in [("imagePullPolicy", "IfNotPresent"), ("type", "ClusterIP")] {
                if fields.get(name).is_some_and(|value| value == default) {
                    fields.remove(name);
                }
            }
            fields.remove("helm.sh/chart");
            fields.remove("clearshot.io/profiles");
            fields.values_mut().for_each(plain);
            fields.retain(|_, value| *value != json!({}));
        }
        Value::Array(entries) => entries.iter_mut().for_each(plain),
        _ => {}
    }
}

/// Patches as Kustomize does: lists of what has names are merged by these.
fn patch(object: &mut Value, by: &Value) {
    match (object, by) {
        (Value::Object(fields), Value::Object(patches)) => {
            for (name, by) in patches {
                patch(fields.entry(name).or_insert(Value::Null), by);
            }
        }
        (Value::Array(entries), Value::Array(patches)) => {
            for by in patches {
                match entries.iter_mut().find(|entry| !by["name"].is_null() && entry["name"] == by["name"]) {
                    Some(entry) => patch(entry, by),
                    None => entries.push(by.clone()),
                }
            }
        }
        (object, by) => *object = by.clone(),
    }
}

/// An object of deploy/kubernetes, with the image that Kustomize gives it.
fn manifest(path: &str, tag: &str) -> Value {
    let mut object = objects(&made(&["read", &format!("deploy/kubernetes/{path}")]))[0].clone();
    if let Some(container) = object.pointer_mut("/spec/template/spec/containers/0") {
        container["image"] = format!("clearshot:{tag}").into();
    }
    object
}

fn assert_same(made: &Value, mut expected: Value) {
    let kind = expected["kind"].as_str().expect("text").to_owned();
    let mut found = object(made, &kind).clone();
    for object in [&mut found, &mut expected] {
        object["metadata"].as_object_mut().map(|metadata| metadata.remove("labels"));
        plain(object);
    }
    assert_eq!(found, expected, "{kind}");
}

#[test]
fn defaults_make_what_the_manifests_make() {
    if !has_tool(&["python3"]) {
        return;
    }
    let mut values = everything();
    values["serviceMonitor"]["labels"] = json!({});
    let made = render("clearshot", &values);
    for file in ["deployment", "service", "hpa", "pdb", "networkpolicy", "servicemonitor"] {
        assert_same(&made, manifest(&format!("base/{file}.yaml"), VERSION));
    }
    assert_same(&made, manifest("bulk/job.yaml", VERSION));
    let profiles = std::fs::read_to_string(root().join("core/src/scoring/profiles.json")).expect("it is there");
    assert_eq!(object(&made, "ConfigMap")["data"]["profiles.json"], *profiles);
    // Services and monitors find each other by labels, and alerts ask for the job by one of them.
    assert_eq!(object(&made, "Service")["metadata"]["labels"]["app.kubernetes.io/name"], "clearshot");

    values["gpu"] = json!({"enabled": true});
    let mut gpu = manifest("base/deployment.yaml", &format!("{VERSION}-cuda"));
    let mut by = manifest("gpu/deployment.yaml", &format!("{VERSION}-cuda"));
    by["metadata"] = json!({});
    patch(&mut gpu, &by);
    assert_same(&render("clearshot", &values), gpu);
}

/// What a cluster without the Prometheus operator would refuse, and what costs a hundred pods, is asked for.
#[test]
fn nothing_that_not_every_cluster_knows_is_on_by_default() {
    if !has_tool(&["python3"]) {
        return;
    }
    let made = render("clearshot", &json!({}));
    let kinds: BTreeSet<&str> = objects(&made).iter().filter_map(|object| object["kind"].as_str()).collect();
    let expected =
        ["ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Service"];
    assert_eq!(kinds, BTreeSet::from(expected));
}

#[test]
fn the_rule_has_the_alerts_of_the_prometheus_folder() {
    if !has_tool(&["python3"]) {
        return;
    }
    let alerts = made(&["read", "deploy/prometheus/alerts.yml"]);
    assert_eq!(object(&render("clearshot", &everything()), "PrometheusRule")["spec"], objects(&alerts)[0]);
}

/// Profiles and alerts are links to where they are kept.
#[test]
fn a_packaged_chart_has_what_it_links_to() {
    if !has_tool(&["python3"]) {
        return;
    }
    let values = everything();
    assert_eq!(made(&["packaged", "clearshot", &values.to_string()]), render("clearshot", &values));
}

#[test]
fn helm_finds_nothing_to_mend() {
    if !has_tool(&["python3"]) {
        return;
    }
    let report = made(&["lint"]);
    assert_eq!((&report["total_charts_linted"], &report["errors"]), (&json!(1), &json!([])), "{report}");
    // 1: an icon is recommended.
    let messages = report["messages"].as_array().expect("a list");
    assert!(messages.iter().all(|message| message["severity"].as_u64() <= Some(1)), "{report}");
}

#[test]
fn wrong_values_are_refused() {
    if !has_tool(&["python3"]) {
        return;
    }
    for (values, said) in [
        (json!({"replica": 3}), "'replica' not allowed"),
        (json!({"image": {"name": "clearshot"}}), "'name' not allowed"),
        (json!({"replicas": "3"}), "at '/replicas'"),
        (json!({"keys": {"existingSecret": ""}}), "at '/keys/existingSecret'"),
        (json!({"env": {"CLEARSHOT_MAX_BODY_BYTES": 33_554_432}}), "at '/env/CLEARSHOT_MAX_BODY_BYTES'"),
        (json!({"envFrom": [{"secretRef": "store"}]}), "at '/envFrom/0/secretRef'"),
        (json!({"envFrom": [{"secret": {"name": "store"}}]}), "'secret' not allowed"),
        (json!({"envFrom": [{"prefix": "AWS_"}]}), "at '/envFrom/0'"),
        (json!({"serviceAccountName": "Photo Reader"}), "at '/serviceAccountName'"),
        (json!({"bulk": {"serviceAccountName": "Photo Reader"}}), "at '/bulk/serviceAccountName'"),
        (json!({"resources": {"limits": {"memory": "1 GB"}}}), "at '/resources/limits/memory'"),
        (json!({"service": {"port": 9090}}), "at '/service/port'"),
        (json!({"networkPolicy": {"clients": [{}]}}), "at '/networkPolicy/clients/0'"),
        (json!({"bulk": {"list": "photos.txt; true"}}), "at '/bulk/list'"),
        (json!({"profiles": "version: 1"}), "not the text of a profiles file"),
    ] {
        let output = chart(&["render", "clearshot", &values.to_string()]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{values}: {error}");
    }
}

#[test]
fn values_arrive() {
    if !has_tool(&["python3"]) {
        return;
    }
    let profiles = r#"{"version": 1, "profiles": []}"#;
    let values = json!({
        "image": {"repository": "registry.example/clearshot", "tag": "1.2.3", "pullSecrets": [{"name": "registry"}]},
        "keys": {"anonymous": true},
        "env": {"CLEARSHOT_MAX_BODY_BYTES": "33554432"},
        "profiles": profiles,
        "autoscaling": {"queueDepth": 8},
        "networkPolicy": {"clients": [], "egress": [{"to": [{"podSelector": {}}]}]},
        "tolerations": [{"key": "photos", "operator": "Exists"}],
        "gpu": {"enabled": true},
        "service": {"port": 8000},
    });
    let made = render("portal", &values);
    let (container, pod) = (container(&made), &object(&made, "Deployment")["spec"]["template"]);
    assert_eq!(container["image"], "registry.example/clearshot:1.2.3");
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    let variables = container["env"].as_array().expect("a list");
    for variable in [
        json!({"name": "CLEARSHOT_ALLOW_ANONYMOUS", "value": "true"}),
        json!({"name": "CLEARSHOT_MAX_BODY_BYTES", "value": "33554432"}),
    ] {
        assert!(variables.contains(&variable), "{variables:?}");
    }
    assert!(variables.iter().all(|variable| variable["name"] != "CLEARSHOT_KEYS"), "{variables:?}");
    assert_eq!(
        pod["spec"]["volumes"],
        json!([{"name": "profiles", "configMap": {"name": "portal-clearshot-profiles"}}])
    );
    assert_eq!(object(&made, "ConfigMap")["data"]["profiles.json"], profiles);
    let digest = |made: &Value| {
        object(made, "Deployment")["spec"]["template"]["metadata"]["annotations"]["clearshot.io/profiles"].clone()
    };
    assert_ne!(digest(&made), digest(&render("portal", &json!({}))), "other profiles roll the pods");
    assert_eq!(pod["spec"]["tolerations"].as_array().map(Vec::len), Some(2));
    let metrics = &object(&made, "HorizontalPodAutoscaler")["spec"]["metrics"];
    assert_eq!(metrics[1]["pods"]["metric"]["name"], "clearshot_queue_depth");
    // A rule without senders would let everybody in.
    let policy = &object(&made, "NetworkPolicy")["spec"];
    assert_eq!(
        (policy["ingress"].as_array().map(Vec::len), policy["egress"].as_array().map(Vec::len)),
        (Some(1), Some(1))
    );
    let notes = made["notes"].as_str().expect("text");
    assert!(notes.contains("http://portal-clearshot.photos:8000/score") && notes.contains("no key"), "{notes}");

    let made = render("portal", &json!({"autoscaling": {"enabled": false}, "replicas": 3}));
    assert_eq!(object(&made, "Deployment")["spec"]["replicas"], 3);
    assert!(objects(&made).iter().all(|object| object["kind"] != "HorizontalPodAutoscaler"));
    let made = render("scan", &json!({"serve": false, "bulk": {"enabled": true, "shards": 7}}));
    assert_eq!(objects(&made).len(), 1);
    let job = &object(&made, "Job")["spec"];
    let shards = &job["template"]["spec"]["containers"][0]["env"][0]["value"];
    assert_eq!((&job["completions"], shards), (&json!(7), &json!("7")));
}

/// What gets the service and the bulk job into a store: variables of a Secret, or the role of a ServiceAccount.
#[test]
fn pods_may_have_credentials_of_stores() {
    if !has_tool(&["python3"]) {
        return;
    }
    let variables = json!([
        {"secretRef": {"name": "uploads"}},
        {"prefix": "AWS_", "configMapRef": {"name": "region", "optional": true}},
    ]);
    let values = json!({
        "env": {"CLEARSHOT_ALLOW_SOURCE": "s3://uploads/"},
        "envFrom": variables,
        "serviceAccountName": "uploads-reader",
        "bulk": {"enabled": true, "storeSecret": "", "serviceAccountName": "archive-reader"},
    });
    let made = render("portal", &values);
    assert_eq!(container(&made)["envFrom"], variables);
    let job = &object(&made, "Job")["spec"]["template"]["spec"];
    assert_eq!(job["containers"][0].get("envFrom"), None);
    for (pod, account) in
        [(&object(&made, "Deployment")["spec"]["template"]["spec"], "uploads-reader"), (job, "archive-reader")]
    {
        assert_eq!(pod["serviceAccountName"], account);
        assert_eq!(pod["automountServiceAccountToken"], false, "the cluster's API is none of {account}'s business");
    }
    let made = render("portal", &json!({"bulk": {"enabled": true}}));
    for kind in ["Deployment", "Job"] {
        assert_eq!(object(&made, kind)["spec"]["template"]["spec"].get("serviceAccountName"), None, "{kind}");
    }
    assert_eq!(container(&made).get("envFrom"), None);
}

#[test]
fn two_releases_share_a_namespace() {
    if !has_tool(&["python3"]) {
        return;
    }
    let [one, other] = ["clearshot-cars", "clearshot-homes"].map(|release| render(release, &everything()));
    let names = |made: &Value| -> BTreeSet<String> {
        objects(made).iter().map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
    };
    assert_eq!(objects(&one).len(), names(&one).len());
    assert!(names(&one).is_disjoint(&names(&other)));
    let labels = &object(&other, "Deployment")["spec"]["template"]["metadata"]["labels"];
    let selects = |selector: &Value| -> bool {
        let wanted: &Map<String, Value> = selector.as_object().expect("labels");
        wanted.iter().all(|(name, value)| labels[name] == *value)
    };
    for (kind, selector) in [
        ("Deployment", "/spec/selector/matchLabels"),
        ("Service", "/spec/selector"),
        ("PodDisruptionBudget", "/spec/selector/matchLabels"),
        ("NetworkPolicy", "/spec/podSelector/matchLabels"),
        ("ServiceMonitor", "/spec/selector/matchLabels"),
    ] {
        let select = |made| object(made, kind).pointer(selector).map(selects);
        assert_eq!((select(&one), select(&other)), (Some(false), Some(true)), "{kind}");
    }
}

#[test]
fn what_it_makes_fits_the_schemas() {
    if !has_tool(&["python3"]) || !has_tool(&["npm"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut gpu = everything();
    gpu["gpu"] = json!({"enabled": true});
    gpu["autoscaling"] = json!({"queueDepth": 8});
    gpu["networkPolicy"] = json!({"clients": [], "scrapers": []});
    gpu["envFrom"] = json!([{"secretRef": {"name": "store"}}]);
    gpu["serviceAccountName"] = json!("photos");
    gpu["bulk"] = json!({"enabled": true, "storeSecret": "", "serviceAccountName": "photos"});
    for (name, values) in [("everything", everything()), ("gpu", gpu)] {
        let file = folder.path().join(name);
        // JSON is YAML.
        let documents: Vec<String> = objects(&render("clearshot", &values)).iter().map(Value::to_string).collect();
        std::fs::write(&file, documents.join("\n---\n")).expect("it is written");
        let output = Command::new(root().join("tests/kubernetes/check")).current_dir(root()).arg(&file).output();
        let output = output.expect("bash is there");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        for kind in ["deployment", "service", "horizontalpodautoscaler", "poddisruptionbudget", "networkpolicy", "job"]
        {
            assert!(said.contains(&format!("passed for resource {kind}/")), "{kind} is not checked: {said}");
        }
        for kind in ["ServiceMonitor", "PrometheusRule"] {
            assert!(said.contains(&format!("{kind} clearshot fits")), "{said}");
        }
    }
}

//! What a release needs: one version everywhere.

mod support;

use support::server::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    for (path, line) in [
        ("python/Cargo.toml", format!("version = \"{version}\"")),
        ("python/pyproject.toml", format!("version = \"{version}\"")),
        ("deploy/helm/clearshot/Chart.yaml", format!("\nversion: {version}\nappVersion: {version}\n")),
        ("deploy/kubernetes/base/kustomization.yaml", format!("newTag: {version}\n")),
        ("deploy/kubernetes/gpu/kustomization.yaml", format!("newTag: {version}-cuda\n")),
        ("deploy/kubernetes/bulk/kustomization.yaml", format!("newTag: {version}\n")),
        ("Dockerfile", format!("org.opencontainers.image.version=\"{version}\"")),
    ] {
        assert!(read(path).contains(&line), "{path} has another version than {version}");
    }
}

/// The package runs what the service runs on: another ONNX Runtime may round the last bit of a score differently.
#[test]
fn python_asks_for_the_onnx_runtime_that_is_set_up() {
    let setup = read("scripts/setup-onnxruntime");
    let version = setup.lines().find_map(|line| line.strip_prefix("version=")).expect("it is pinned");
    for path in ["python/pyproject.toml", "python/clearshot/__init__.py", "tests/clients/package/install"] {
        assert!(read(path).contains(&format!("onnxruntime=={version}")), "{path} wants another");
    }
}

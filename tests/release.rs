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

/// Chart and manifests ask for the version without the tag's `v`, with `-cuda` behind it for GPUs.
#[test]
fn a_release_pushes_the_images_that_chart_and_manifests_ask_for() {
    let workflow = read(".github/workflows/release.yml");
    let tags: Vec<&str> =
        workflow.lines().filter_map(|line| line.trim().strip_prefix("ghcr.io/${{ github.repository }}:")).collect();
    let version = "${{ steps.version.outputs.version }}${{ matrix.suffix }}";
    assert_eq!(tags, [version, "latest${{ matrix.suffix }}"]);
    for line in [
        "run: echo \"version=${GITHUB_REF_NAME#v}\" >> \"$GITHUB_OUTPUT\"\n",
        "build-args: DEVICE=${{ matrix.device }}\n",
        "- {device: cpu, suffix: \"\", platforms: \"linux/amd64,linux/arm64\"}\n",
        "- {device: cuda, suffix: \"-cuda\", platforms: linux/amd64}\n",
    ] {
        assert!(workflow.contains(line), "the images are not made by {line}");
    }
}

/// CI installs the package for the oldest Python that it promises.
#[test]
fn ci_has_the_oldest_python_that_the_package_takes() {
    let project = read("python/pyproject.toml");
    let oldest = project.lines().find_map(|line| line.strip_prefix("requires-python = \">=")).expect("it says");
    let line = format!("python-version: \"{oldest}\n");
    assert!(read(".github/workflows/ci.yml").contains(&line), "CI has another Python than {oldest}");
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

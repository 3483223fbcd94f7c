//! What a release needs: one version everywhere, its notes, and what it is built for.

mod support;

use std::process::Command;

use support::server::root;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_version_is_the_same_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let locked = |name: &str| format!("name = \"{name}\"\nversion = \"{version}\"\n");
    for (path, line) in [
        ("Cargo.toml", format!("clearshot-core = {{ path = \"core\", version = \"{version}\" }}\n")),
        ("fuzz/Cargo.lock", locked("clearshot")),
        ("fuzz/Cargo.lock", locked("clearshot-core")),
        ("python/Cargo.lock", locked("clearshot-core")),
        ("python/Cargo.lock", locked("clearshot-python")),
        ("openapi/openapi.json", format!("\n    \"version\": \"{version}\"\n")),
        ("openapi/openapi-3.0.json", format!("\n    \"version\": \"{version}\"\n")),
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

/// The notes of a release are what `CHANGELOG.md` says below the heading with its version and day.
#[test]
fn the_changelog_has_the_notes_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let heading = format!("## {version} - 20");
    assert!(read("CHANGELOG.md").lines().any(|line| line.starts_with(&heading)), "there is no `{heading}..`");
    let workflow = read(".github/workflows/release.yml");
    let script = workflow.lines().find_map(|line| line.trim().strip_suffix(" > notes.md")).expect("it writes notes");
    let notes = |version: &str| {
        let mut shell = Command::new("sh");
        shell.current_dir(root()).args(["-c", script]).env("GITHUB_REF_NAME", format!("v{version}"));
        let output = shell.output().expect("a shell is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the changelog is UTF-8")
    };
    assert!(notes(version).trim_start().starts_with("- "), "{}", notes(version));
    let (beginning, _) = version.rsplit_once('.').expect("a version has three numbers");
    assert_eq!(notes(beginning), "", "a version that only begins alike is another");
}

/// A wheel or an image for which nobody pinned an ONNX Runtime could not be tried from a checkout.
#[test]
fn each_architecture_of_a_release_has_a_pinned_onnx_runtime() {
    let (workflow, setup) = (read(".github/workflows/release.yml"), read("scripts/setup-onnxruntime"));
    let target =
        |line: &str| Some(line.split_once("runner: ")?.1.split_once("target: ")?.1.strip_suffix('}')?.to_owned());
    let targets: Vec<String> = workflow.lines().filter_map(target).collect();
    assert_eq!(targets.len(), 2, "{targets:?}");
    for target in targets {
        assert!(setup.contains(&format!("\"cpu Linux {target}\")")), "setup-onnxruntime does not know {target}");
        assert!(read("docs/start.md").contains(&target.replace('_', "-")), "{target} is not said to be supported");
    }
    assert!(read(".github/workflows/ci.yml").contains("runs-on: ubuntu-24.04-arm\n"), "CI does not build for ARM");
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

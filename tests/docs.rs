//! The pages of docs/ and the README: each is in the book, no link leads nowhere, and commands do what is written beside them.

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::server::{Server, models_copy, on_a_free_port, root};
use support::skipped::has_tool;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn markdown_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("it is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    files.sort();
    files
}

/// Fenced blocks with their languages, and the text around them.
fn blocks(text: &str) -> (Vec<(&str, String)>, String) {
    let (mut blocks, mut prose, mut fenced) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fenced = !fenced;
            if fenced {
                blocks.push((language, String::new()));
            }
        } else {
            let into = if fenced { &mut blocks.last_mut().expect("one has begun").1 } else { &mut prose };
            *into += line;
            into.push('\n');
        }
    }
    (blocks, prose)
}

/// What links of a text lead to.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// A heading's anchor, as GitHub and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn the_book_has_every_page_once() {
    let summary = root().join("docs/SUMMARY.md");
    let text = read(&summary);
    let listed: Vec<PathBuf> = links(&text).map(|page| root().join("docs").join(page)).collect();
    let mut pages = markdown_in("docs");
    pages.retain(|page| *page != summary);
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(sorted, pages);
    let parts: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    let expected = ["Summary", "Deciding", "Correcting", "Clients", "Operations", "Scale", "Models", "Internals"];
    assert_eq!(parts, expected);
    // Titles of chapters are those of the pages, and scripts/build-docs knows no folders.
    for (page, title) in listed.iter().zip(text.split('[').skip(1).filter_map(|rest| rest.split(']').next())) {
        let heading = read(page).lines().next().and_then(|line| line.strip_prefix("# ").map(str::to_owned));
        assert!(heading.is_some_and(|heading| heading.starts_with(title)), "{} is no `{title}`", page.display());
        assert_eq!(page.parent(), summary.parent());
    }
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for page in [markdown_in("."), markdown_in("docs")].concat() {
        let (_, prose) = blocks(&read(&page));
        for link in links(&prose).filter(|link| !link.contains("://")) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().expect("a folder").join(path) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !fragment.is_empty() {
                let headings = blocks(&read(&target)).1;
                let mut anchors = headings
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| anchor(line.trim_start_matches('#').trim()));
                assert!(anchors.any(|found| found == fragment), "{}: {link}", page.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed} links were found");
}

/// Pages whose commands are not run: they build for minutes, or train on photos that may not be redistributed.
const LEFT_OUT: [&str; 2] = ["CONTRIBUTING.md", "training.md"];

/// Commands that are not run here, by how they begin, and what runs them, or covers what they are for.
const ELSEWHERE: [(&str, &str); 23] = [
    ("make ", "CI"),
    ("docker build ", "tests/container.rs"),
    ("docker compose ", "tests/monitoring.rs"),
    ("kubectl ", "tests/kubernetes.rs"),
    ("helm ", "tests/helm.rs"),
    ("promtool ", "tests/monitoring.rs"),
    ("sh examples/", "tests/generated_clients.rs"),
    ("python3 examples/", "tests/generated_clients.rs"),
    ("python3 -m venv ", "tests/clients/package/install"),
    ("pip install ./python", "tests/clients/package/install"),
    ("MATURIN_PEP517_ARGS=", "tests/clients/package/install"),
    ("pip install 'ray", "tests/clients/ray/run"),
    ("pip install 'pyspark", "tests/clients/spark/install"),
    ("cargo run --release --example", "tests/generated_clients.rs"),
    ("cargo build ", "CI, with every feature"),
    ("cargo deny ", "CI"),
    ("cargo cyclonedx ", "a release, for the Python package"),
    ("AWS_ACCESS_KEY_ID=", "tests/generated_clients.rs"),
    ("target/release/clearshot serve --listen", "every test of the service"),
    ("target/release/clearshot serve --otlp-endpoint", "tests/tracing.rs"),
    ("target/release/clearshot doctor", "tests/doctor.rs"),
    ("clearshot serve --allow-source", "tests/sources.rs"),
    ("curl -H 'Content-Type: application/json' -d '{\"source\"", "tests/sources.rs"),
];

/// The part of a page from one text to another.
fn part(page: &str, from: &str, to: &str) -> String {
    let text = read(&root().join("docs").join(page));
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{page} has no {from:?}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{page} has no {to:?}")).0.to_owned()
}

#[test]
fn every_column_of_results_is_described() {
    let table = part("scale.md", "| columns | hold |", "\n\n");
    for column in clearshot::bulk::row::columns(&["M"], &["L"]) {
        // Those of what made a row are listed by their ends.
        let name = column.name.replace("scored_by_", "_").replace("_version", "scored_by_version");
        assert!(table.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_metric_of_dashboard_and_alerts_is_described() {
    let table = part("operations.md", "## Metrics", "### Alerts");
    let mut names = BTreeSet::new();
    for file in ["deploy/grafana/dashboards/clearshot.json", "deploy/prometheus/alerts.yml"] {
        let text = read(&root().join(file));
        for rest in text.split("clearshot_").skip(1) {
            let name = rest.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_').next();
            let name = name.unwrap_or_default();
            let histogram = ["_bucket", "_count", "_sum"].iter().find_map(|part| name.strip_suffix(part));
            names.insert(histogram.unwrap_or(name).to_owned());
        }
    }
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(table.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_route_that_keys_guard_is_said_to_be() {
    let said = part("operations.md", "Keys guard ", "Probes");
    let document: Value = serde_json::from_str(&clearshot::router::document().text_3_1()).expect("JSON");
    let guarded = document["paths"].as_object().expect("paths").iter().filter(|(_, methods)| {
        methods.as_object().is_some_and(|methods| methods.values().any(|route| route.get("security").is_some()))
    });
    let guarded: Vec<&String> = guarded.map(|(path, _)| path).collect();
    assert!(guarded.len() > 5, "{guarded:?}");
    for path in guarded {
        assert!(said.contains(&format!("`{path}`")), "{path}");
    }
}

#[test]
fn limits_of_pictures_are_those_that_are_stated() {
    let limits = clearshot_core::ingest::Limits::default();
    let grouped = |number: u64| {
        let digits = number.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        groups.join(",")
    };
    let stated = [
        grouped(limits.max_pixels),
        grouped(limits.max_side.into()),
        format!("{} million", limits.most_scaled() / 1_000_000),
    ];
    for text in [
        part("operations.md", "| images that grow when decoded |", "\n"),
        part("correcting.md", "Photos beyond 52 megapixels", "corrected"),
    ] {
        assert!(stated.iter().all(|limit| text.contains(limit)), "{stated:?} in {text}");
    }
}

/// The shipped models, of which one has a version of its own.
fn other_models() -> tempfile::TempDir {
    let folder = models_copy();
    let path = folder.path().join("brightness.json");
    let mut card: Value = serde_json::from_str(&read(&path)).expect("a card is JSON");
    card["version"] = "brightness-other".into();
    std::fs::write(path, card.to_string()).expect("it is written");
    folder
}

/// A folder that looks like the checkout after `make run`, where commands may leave what they write, with what the pages say
/// that the reader has: photos, of which some were decided on, a worker's part of a list, and other models.
fn checkout(other_models: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["core", "models", "openapi", "tests", "README.md", ".onnxruntime"] {
        symlink(root().join(name), path(name)).expect("it is linked");
    }
    for (name, models) in [("models-1", root().join("models")), ("models-2", other_models.to_owned())] {
        symlink(models, path(name)).expect("it is linked");
    }
    symlink(other_models, path("new-models")).expect("it is linked");
    for name in ["target/release", "deploy/kubernetes/base", "photos", "decided/accepted", "decided/rejected"] {
        std::fs::create_dir_all(path(name)).expect("it is made");
    }
    symlink(env!("CARGO_BIN_EXE_clearshot"), path("target/release/clearshot")).expect("it is linked");
    let copy = |from: &str, to: &str| std::fs::copy(root().join(from), path(to)).expect("it is copied");
    copy("deploy/kubernetes/base/keys.json", "deploy/kubernetes/base/keys.json");
    for (decision, photo) in [("accepted", "pavilion.jpg"), ("rejected", "tilted.jpg")] {
        copy(&format!("tests/fixtures/{photo}"), &format!("decided/{decision}/{photo}"));
        copy(&format!("tests/fixtures/{photo}"), &format!("photos/{photo}"));
    }
    std::fs::write(path("part-17.txt"), "tests/fixtures/pavilion.jpg\n").expect("it is written");
    folder
}

/// What the commands of a page ask: a service without flags, or the one that the page has started last.
struct Service {
    server: Server,
    /// The listener of operators, where there is one.
    admin: Option<String>,
}

impl Service {
    /// Starts what a command starts, on free ports; `None` where it starts no service.
    fn of(command: &str, folder: &Path) -> Option<Self> {
        let (before, arguments) = command.split_once("clearshot serve").filter(|(_, rest)| !rest.contains("--help"))?;
        let arguments = arguments.replace("127.0.0.1:9090", "127.0.0.1:0");
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut service = support::server::command(&on_a_free_port(&arguments));
        service.current_dir(folder).envs(before.split_whitespace().filter_map(|word| word.split_once('=')));
        let mut server = Server::start_as(service);
        let admin = arguments.contains(&"--admin-listen").then(|| server.second_line());
        Some(Self { server, admin })
    }
}

/// What a container is started for, without the container: `/keys` is the folder that the page mounts there.
fn without_container(command: &str) -> String {
    let Some(rest) = command.strip_prefix("docker run ") else { return command.to_owned() };
    let (options, arguments) = rest.rsplit_once(" clearshot").expect("the image's name");
    let variables = options.split(" -e ").skip(1).filter_map(|set| set.split(' ').next());
    let words: Vec<&str> = variables.chain(["clearshot"]).collect();
    let arguments = if arguments.is_empty() { " serve" } else { arguments };
    (words.join(" ") + arguments).replace("/keys/", "keys/")
}

fn run(command: &str, folder: &Path, service: &Service) -> Output {
    let port = |url: &str| format!(":{}", url.rsplit(':').next().expect("an address has a port"));
    let mut command = command.replace(":8080", &port(&service.server.url));
    if let Some(admin) = &service.admin {
        command = command.replace(":9090", &port(admin));
    }
    let path = std::env::var("PATH").expect("text");
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &command]).current_dir(folder);
    shell.env("PATH", format!("{}:{path}", folder.join("target/release").display()));
    shell.env("ORT_DYLIB_PATH", root().join(".onnxruntime/libonnxruntime.so"));
    shell.output().expect("bash is there")
}

/// What the comment beside a command that swaps models says: SIGHUP takes the others, and the same with the first ones goes back.
fn swap_and_back(command: &str, folder: &Path, service: &Service) {
    let takes = |version: &Value| {
        service.server.signal("HUP");
        let started = Instant::now();
        loop {
            let output = run("curl http://127.0.0.1:8080/models", folder, service);
            let found = String::from_utf8_lossy(&output.stdout).into_owned();
            if found.contains(&version.to_string()) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{version} is not in use: {found}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    takes(&"brightness-other".into());
    let back = run(&command.replace("models-2", "models-1"), folder, service);
    assert!(back.status.success(), "{back:?}");
    let card: Value = serde_json::from_str(&read(&root().join("models/brightness.json"))).expect("a card is JSON");
    takes(&card["version"]);
}

/// The JSON that a command printed, as its body or in its receipt; formats as the default build lists them.
fn answer(said: &str) -> Option<Value> {
    let receipt = said.lines().find_map(|line| line.strip_prefix("clearshot-receipt: "));
    serde_json::from_str(&receipt.unwrap_or(said).replace(", AVIF)", ")")).ok()
}

/// Whether an answer has the fields that a page shows, and decides the same. Numbers are the processor's to round, and versions
/// the models'.
fn assert_like(shown: &Value, found: &Value, at: &str) {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => {
            for (name, shown) in shown {
                let found = found.get(name).unwrap_or_else(|| panic!("{at} has no {name}"));
                assert_like(shown, found, &format!("{at}/{name}"));
            }
        }
        (Value::Array(shown), Value::Array(found)) => {
            assert_eq!(shown.len(), found.len(), "{at}: {found:?}");
            shown.iter().zip(found).for_each(|(shown, found)| assert_like(shown, found, at));
        }
        (Value::String(shown), Value::String(_)) if shown.contains('…') || at.contains("/models") => {}
        (Value::String(_), Value::String(found)) if at.ends_with("request_id") => assert!(!found.is_empty()),
        (Value::String(shown), Value::String(found)) if at.ends_with("advice") => {
            // Degrees are the processor's, too.
            let words =
                |text: &str| text.split(' ').filter(|word| word.parse::<f64>().is_err()).map(str::to_owned).collect();
            let [shown, found]: [Vec<String>; 2] = [words(shown), words(found)];
            assert_eq!(shown, found, "{at}");
        }
        (Value::Number(_), Value::Number(_)) => {}
        _ => assert_eq!(shown, found, "{at}"),
    }
}

#[test]
fn commands_do_what_is_written() {
    if !["curl", "openssl"].into_iter().all(|tool| has_tool(&[tool])) {
        return;
    }
    let without_flags = Service { server: Server::start(&[]), admin: None };
    let other_models = other_models();
    let mut begun = BTreeSet::new();
    let mut shown_answers = 0;
    let mut pages = [markdown_in("."), markdown_in("docs")].concat();
    pages.retain(|page| !LEFT_OUT.iter().any(|name| page.ends_with(name)));
    for path in pages {
        let folder = checkout(other_models.path());
        let mut started = None;
        let text = read(&path);
        let page = path.strip_prefix(root()).expect("it lies there").display();
        let blocks = blocks(&text).0;
        for (index, (_, commands)) in blocks.iter().enumerate().filter(|(_, (language, _))| *language == "sh") {
            for command in commands.replace("\\\n", "").lines().filter(|line| !line.is_empty()) {
                if let Some((start, _)) = ELSEWHERE.iter().find(|(start, _)| command.starts_with(start)) {
                    begun.insert(*start);
                    continue;
                }
                let command = without_container(command);
                if let Some(service) = Service::of(&command, folder.path()) {
                    started = Some(service);
                    continue;
                }
                let service = started.as_ref().unwrap_or(&without_flags);
                let output = run(&command, folder.path(), service);
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                let error = String::from_utf8_lossy(&output.stderr);
                // 3: some photos were not scored, as broken ones among the fixtures.
                let done = matches!(output.status.code(), Some(0 | 3));
                // Two photos are too few decisions, as the page says.
                let asks_for_more = command.contains(" tune ") && error.contains("it takes 99");
                assert!(done || asks_for_more, "{page}: {command}: {said}{error}");
                // The answer that stands below: in full, or some of its lines.
                let shown =
                    blocks.get(index + 1).filter(|(language, _)| *language == "json" && command.contains("curl"));
                if let Some((_, shown)) = shown {
                    let found = answer(&said).unwrap_or_else(|| panic!("{page}: {command}: {said}{error}"));
                    let lines = || serde_json::from_str(&format!("{{{}}}", shown.trim().trim_end_matches(',')));
                    let shown = serde_json::from_str(shown).or_else(|_| lines()).expect("JSON");
                    assert_like(&shown, &found, &format!("{page}: {command}: "));
                    shown_answers += 1;
                } else if command.contains("curl") && command.ends_with("/metrics") {
                    assert!(said.ends_with("# EOF\n"), "{page}: {command}: {said}{error}");
                } else if command.contains("curl") {
                    let found = answer(&said).unwrap_or_else(|| panic!("{page}: {command}: {said}{error}"));
                    assert!(found.get("type").is_none(), "{page}: {command}: {found}");
                } else if command.contains("# then SIGHUP") {
                    swap_and_back(&command, folder.path(), service);
                }
            }
        }
    }
    assert_eq!(shown_answers, 5, "scores in part and in full, a decision, a receipt and a problem");
    let unused: Vec<_> = ELSEWHERE.iter().filter(|(start, _)| !begun.contains(start)).collect();
    assert!(unused.is_empty(), "no page has {unused:?}");
    let tests = ELSEWHERE.iter().filter(|(_, test)| test.starts_with("tests/"));
    let gone: Vec<_> = tests.filter(|(_, test)| !root().join(test).exists()).collect();
    assert!(gone.is_empty(), "there is no test any more of {gone:?}");
}

//! A profile from an operator's decisions, by the real command: results with known errors of measurement, decisions by known
//! thresholds.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

/// Numbers from 0 to 1, the same on every machine (Lehmer, 1951, with the factor of Park and Miller, 1988).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        self.0 as f64 / f64::from(0x7fff_ffff)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    /// An error of measurement: Laplace with the mean size 1.
    fn error(&mut self) -> f64 {
        let sign = if self.next() < 0.5 { -1.0 } else { 1.0 };
        -sign * (1.0 - self.next()).max(1e-9).ln()
    }
}

/// A photo as degraded, and the row that scoring it gave.
struct Photo {
    path: String,
    blur: f64,
    tilt: f64,
    row: Value,
}

/// The row of a photo with measured blur and tilt, and the mean size of the tilt's error.
fn row(path: &str, blur: f64, tilt: f64, mean_size: f64) -> Value {
    let score = |value: f64, mean_size: f64, [min, max]: [f64; 2]| {
        let reach = mean_size * std::f64::consts::LN_10;
        let value = value.clamp(min, max);
        json!({"value": value, "unit": "any", "low": (value - reach).max(min), "high": (value + reach).min(max), "quality": 50, "raw": 0.0})
    };
    json!({
        "path": path,
        "image": {"format": "jpeg", "width": 800, "height": 600, "bytes": 1, "sha256": "", "orientation": 1},
        "scores": {
            "blur": score(blur, 0.2, [0.0, 6.0]),
            "brightness": score(0.0, 0.03, [-0.5, 0.5]),
            "rotation": score(tilt, mean_size, [-45.0, 45.0]),
        },
        "checks": {}, "coverage": 0.9, "quality": 50, "max_usable_width": 800, "profile": "default", "verdict": "pass", "reasons": [], "models": {},
    })
}

fn photo(number: usize, draws: &mut Draws) -> Photo {
    // As uploads are: most are sound, some are tilted or blurred by whatever happened.
    let sound = draws.next() < 0.6;
    let (blur, tilt) = if sound {
        (draws.between(0.0, 0.8), draws.between(-1.5, 1.5))
    } else {
        (draws.between(0.0, 5.0), draws.between(-15.0, 15.0))
    };
    let mean_size = draws.between(0.3, 1.5);
    let path = format!("photos/{number}.jpg");
    let row = row(&path, blur + 0.2 * draws.error(), tilt + mean_size * draws.error(), mean_size);
    Photo { path, blur, tilt, row }
}

/// The operator accepts tilts up to 3 degrees and blur up to 1 px, and errs once in a hundred times.
fn rejects(photo: &Photo, draws: &mut Draws) -> bool {
    (photo.tilt.abs() > 3.0 || photo.blur > 1.0) != (draws.next() < 0.01)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it is written");
    path.to_str().expect("text").to_owned()
}

fn results(folder: &Path, name: &str, photos: &[Photo]) -> String {
    let lines = photos.iter().fold(String::new(), |mut lines, photo| {
        writeln!(lines, "{}", photo.row).expect("it is written");
        lines
    });
    write(folder, name, &lines)
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command
}

fn clearshot(arguments: &[&str]) -> Output {
    command(arguments).output().expect("it runs")
}

fn told(arguments: &[&str]) -> Value {
    let output = clearshot(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn refused(arguments: &[&str]) -> String {
    let output = clearshot(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn share(told: &Value, rate: &str) -> f64 {
    let decided = &told["profiles"][0]["decided"];
    decided[rate]["share"].as_f64().unwrap_or_else(|| panic!("there is no {rate}: {told}"))
}

#[test]
fn decisions_become_a_profile_that_keeps_its_promises_on_other_photos() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut draws = Draws(18);
    let photos: Vec<Photo> = (0..1600).map(|number| photo(number, &mut draws)).collect();
    let others: Vec<Photo> = (1600..6600).map(|number| photo(number, &mut draws)).collect();
    let mut decide = |photos: &[Photo]| {
        photos.iter().fold("path,decision\n".to_owned(), |mut lines, photo| {
            let decision = if rejects(photo, &mut draws) { "rejected" } else { "accepted" };
            writeln!(lines, "{},{decision}", photo.path).expect("it is written");
            lines
        })
    };
    let (decisions, of_others) = (decide(&photos), decide(&others));
    let decisions = write(folder, "decisions.csv", &decisions);
    let of_others = write(folder, "others.csv", &of_others);
    let (scores, other_scores) = (results(folder, "results.jsonl", &photos), results(folder, "others.jsonl", &others));
    let output = folder.join("tuned.json");
    let output = output.to_str().expect("text");
    let promises = ["--max-refused-good", "0.02", "--max-passed-bad", "0.05"];
    let common = ["tune", "--scores", &scores, "--decisions", &decisions, "--output", output, "--json"];
    let tuned = told(&[&common[..], &promises].concat());

    // The operator's thresholds are found, or somewhat tighter ones: they are 3 degrees and 1 px, not 5 and 1.6.
    let number = |pointer: &str| tuned.pointer(pointer).and_then(Value::as_f64).expect("a number");
    let (tilt, blur) = (number("/profile/rotation/high"), number("/profile/blur/high"));
    assert!((1.8..=3.3).contains(&tilt) && (0.8..=1.15).contains(&blur), "{tilt} {blur}");
    let moved: Vec<_> = tuned["moved"].as_array().expect("a list").iter().map(|moved| moved["name"].clone()).collect();
    assert!(!moved.contains(&"brightness".into()), "nothing speaks of brightness: {moved:?}");
    let disagreements = tuned["disagreements"].as_array().expect("a list");
    assert_eq!(disagreements.len(), 20);
    let worst = &disagreements[0];
    let of_worst = photos.iter().find(|photo| worst["path"] == *photo.path).expect("it is one of the photos");
    assert_eq!(worst["decision"] == "rejected", of_worst.tilt.abs() < 3.0 && of_worst.blur < 1.0, "a slip: {worst}");

    // On other photos of the same kind, within what 5,000 of them can tell.
    let backtest = |profile: &str| {
        told(&[
            "backtest",
            "--json",
            "--profiles",
            profile,
            "--decisions",
            &of_others,
            "--models",
            "models",
            &other_scores,
        ])
    };
    let judged = backtest(output);
    assert!(share(&judged, "good_refused") < 0.035 && share(&judged, "bad_passed") < 0.08, "{judged}");
    let shipped = backtest("core/src/scoring/profiles.json");
    assert!(share(&shipped, "bad_passed") > 0.06, "the shipped profile is not this operator's: {shipped}");

    // Photo by photo, what the one decides and the other does not.
    let compared = told(&["backtest", "--json", "--compare", output, &other_scores]);
    let changes = compared["profiles"][0]["changes"].as_array().expect("a list");
    let of = |judged: &Value, verdict: &str| judged["profiles"][0]["verdicts"][verdict].as_f64().expect("a share");
    let to_and_from = |verdict: &str| {
        let count = |field: &str| changes.iter().filter(|change| change[field] == verdict).count() as f64;
        (count("to") - count("from")) / others.len() as f64
    };
    for verdict in ["pass", "fail", "unsure"] {
        let difference = of(&judged, verdict) - of(&compared, verdict);
        assert!((difference - to_and_from(verdict)).abs() < 1e-9, "{verdict}");
    }
    assert!(compared["profiles"][1]["changes"].as_array().is_some_and(Vec::is_empty), "only `default` was tuned");
}

#[test]
fn a_profile_is_compared_with_one_of_another_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut draws = Draws(7);
    let photos: Vec<Photo> = (0..2000).map(|number| photo(number, &mut draws)).collect();
    let scores = results(folder, "results.jsonl", &photos);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let changes = |judged: &Value, from: &str, to: &str| -> Vec<[String; 3]> {
        let changes = judged["changes"].as_array().expect("a list");
        changes.iter().map(|change| [&change["path"], &change[from], &change[to]].map(text)).collect()
    };

    // Of the same file: verdicts differ by what is listed, photo by photo.
    let found = told(&["backtest", "--json", "--compare-profile", "real-estate", &scores]);
    let [default, stricter] = [&found["profiles"][0], &found["profiles"][1]];
    assert_eq!([&default["profile"], &stricter["profile"]], ["default", "real-estate"]);
    let changed = changes(default, "from", "to");
    for verdict in ["pass", "unsure", "fail"] {
        let of = |judged: &Value| judged["verdicts"][verdict].as_f64().expect("a share");
        let gained = changed.iter().filter(|[_, _, to]| to == verdict).count() as f64;
        let lost = changed.iter().filter(|[_, from, _]| from == verdict).count() as f64;
        let moved = (gained - lost) / photos.len() as f64;
        assert!((of(stricter) - of(default) - moved).abs() < 1e-9, "{verdict}: {moved}");
    }
    assert!(changed.iter().any(|[_, from, to]| from == "pass" && to != "pass"), "its thresholds are tighter");
    assert_eq!(changes(stricter, "from", "to"), [[""; 3]; 0], "it decides as itself");

    // Of another file, which holds that one alone: the same, the other way round.
    let mut shipped: Value = serde_json::from_str(include_str!("../core/src/scoring/profiles.json")).expect("JSON");
    shipped["profiles"].as_array_mut().expect("a list").retain(|profile| profile["name"] == "default");
    let one = write(folder, "one.json", &shipped.to_string());
    let back = told(&["backtest", "--json", "--compare", &one, "--compare-profile", "default", &scores]);
    assert_eq!(changes(&back["profiles"][1], "to", "from"), changed);
    // By its own name each profile but `default` has nothing to be compared with.
    let same = told(&["backtest", "--json", "--compare", &one, &scores]);
    assert!(same["profiles"][0].get("changes").is_some() && same["profiles"][1].get("changes").is_none(), "{same}");

    let said = refused(&["backtest", "--compare-profile", "nobody", &scores]);
    assert!(said.contains("there is no profile `nobody`, but default, real-estate, car-dealer"), "{said}");
    let said = refused(&["backtest", "--compare", &one, "--compare-profile", "real-estate", &scores]);
    assert!(said.contains("there is no profile `real-estate`, but default"), "{said}");
}

#[test]
fn too_few_decisions_say_how_many_it_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut draws = Draws(4);
    let photos: Vec<Photo> = (0..120).map(|number| photo(number, &mut draws)).collect();
    let scores = results(folder, "results.jsonl", &photos);
    let listed = |count: usize| {
        let lines = photos.iter().take(count).fold("path,decision,reason\n".to_owned(), |mut lines, photo| {
            let rejected = photo.tilt.abs() > 3.0 || photo.blur > 1.0;
            writeln!(lines, "{},{},", photo.path, if rejected { "rejected" } else { "accepted" })
                .expect("it is written");
            lines
        });
        write(folder, "decisions.csv", &lines)
    };
    let output = folder.join("tuned.json");
    let output = output.to_str().expect("text");
    let tune = |decisions: &str| refused(&["tune", "--scores", &scores, "--decisions", decisions, "--output", output]);
    let said = tune(&listed(60));
    let wanted = "at most 1.0 % of them fail, it takes 99 (and 129 to find thresholds, too)";
    assert!(said.contains(wanted), "{said}");
    // The same results once more are no more photos.
    let twice = ["tune", "--scores", &scores, &scores, "--decisions", &listed(60), "--output", output];
    let said_twice = refused(&twice);
    assert!(
        said_twice.contains("120 rows of these 2 results are left out") && said_twice.ends_with(&said),
        "{said_twice}"
    );
    assert!(!Path::new(output).exists());
    // Enough for a promise, not for thresholds: they stay.
    let decisions = listed(120);
    let tuned = told(&[
        "tune",
        "--scores",
        &scores,
        "--decisions",
        &decisions,
        "--output",
        output,
        "--max-refused-good",
        "0.02",
        "--json",
    ]);
    assert_eq!((&tuned["fitted"], &tuned["moved"]), (&Value::Null, &json!([])));
    // Whoever reads the report may go away.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let common = ["tune", "--scores", &scores, "--decisions", &decisions, "--output", output];
    let unread = command(&[&common[..], &["--max-refused-good", "0.02"]].concat())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .expect("it runs");
    assert_eq!((unread.status.code(), String::from_utf8_lossy(&unread.stderr).as_ref()), (Some(0), ""));

    let strangers = write(folder, "strangers.csv", "path,decision\nelsewhere.jpg,accepted\n");
    let said = tune(&strangers);
    assert!(said.contains("such as photos/0.jpg"), "{said}");
    assert_eq!(refused(&["backtest", "--decisions", &strangers, &scores]), said);
    let empty = write(folder, "empty.jsonl", "");
    let of_nothing = refused(&["tune", "--scores", &empty, "--decisions", &strangers, "--output", output]);
    assert!(of_nothing.contains("empty.jsonl holds no row"), "{of_nothing}");
    assert_eq!(refused(&["backtest", "--decisions", &strangers, &empty]), of_nothing);
    // Of the decisions of a backtest, too, it is said how many are on photos without scores.
    let both = write(folder, "both.csv", "path,decision\nphotos/0.jpg,accepted\nelsewhere.jpg,accepted\n");
    assert_eq!(told(&["backtest", "--json", "--decisions", &both, &scores])["without_scores"], 1);
    let table = clearshot(&["backtest", "--decisions", &both, &scores]).stdout;
    let table = String::from_utf8_lossy(&table);
    let wanted = "120 photos with scores, 0 without; 1 decision on photos without scores\n";
    assert!(table.starts_with(wanted), "{table}");
    // Nor is a profile lost that somebody has made.
    let own = std::fs::read_to_string(output).expect("it is there").replace("\"car-dealer\"", "\"strict\"");
    std::fs::write(output, &own).expect("it is written");
    let said = tune(&decisions);
    assert!(said.contains("it holds a profile `strict`, which would be lost"), "{said}");
    assert_eq!(std::fs::read_to_string(output).expect("it is there"), own);
    std::fs::write(output, "notes").expect("it is written");
    let said = tune(&decisions);
    assert!(said.contains("it holds no profiles"), "{said}");
    assert_eq!(std::fs::read_to_string(output).expect("it is there"), "notes");
}

#[test]
fn what_is_rejected_for_a_reason_that_nobody_measures_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut draws = Draws(5);
    let photos: Vec<Photo> = (0..400).map(|number| photo(number, &mut draws)).collect();
    let scores = results(folder, "results.jsonl", &photos);
    let with_reason = |reason: &str| {
        let lines = photos.iter().enumerate().fold("path,decision,reason\n".to_owned(), |mut lines, (index, photo)| {
            let tilted = photo.tilt.abs() > 3.0 || photo.blur > 1.0;
            let (decision, reason) = match (tilted, index % 10) {
                (true, _) => ("rejected", ""),
                (false, 0) => ("rejected", reason),
                (false, _) => ("accepted", ""),
            };
            writeln!(lines, "{},{decision},{reason}", photo.path).expect("it is written");
            lines
        });
        write(folder, "decisions.csv", &lines)
    };
    let output = folder.join("tuned.json");
    let output = output.to_str().expect("text");
    let common =
        ["tune", "--scores", &scores, "--output", output, "--max-refused-good", "0.02", "--max-passed-bad", "0.1"];
    let tuned = told(&[&common[..], &["--json", "--decisions", &with_reason("a stranger's watermark")]].concat());
    assert!(tuned["not_measured"]["a stranger's watermark"].as_u64() > Some(10), "{tuned}");
    assert_eq!(tuned["without_scores"], 0);
    // Without a reason they are bad photos that show nothing: the promise is kept by looking at many of the good ones, too.
    let blind = told(&[&common[..], &["--json", "--decisions", &with_reason("")]].concat());
    let unsure = |told: &Value| told.pointer("/rates/good_unsure/share").and_then(Value::as_f64).expect("a share");
    assert!(unsure(&blind) > unsure(&tuned) + 0.25, "{blind} {tuned}");
}

/// Results and decisions of 40 photos that are level, or tilted by 15 degrees and rejected; `change` may add to their rows.
fn told_apart(folder: &Path, change: impl Fn(usize, &mut Value)) -> [String; 2] {
    let photo = |number: usize| {
        let (path, tilt) = (format!("photos/{number}.jpg"), if number.is_multiple_of(2) { 0.0 } else { 15.0 });
        let mut row = row(&path, 0.3, tilt, 0.3);
        change(number, &mut row);
        Photo { path, blur: 0.3, tilt, row }
    };
    let photos: Vec<Photo> = (0..40).map(photo).collect();
    let lines = photos.iter().fold("path,decision\n".to_owned(), |mut lines, photo| {
        let decision = if photo.tilt > 3.0 { "rejected" } else { "accepted" };
        writeln!(lines, "{},{decision}", photo.path).expect("it is written");
        lines
    });
    [results(folder, "results.jsonl", &photos), write(folder, "decisions.csv", &lines)]
}

#[test]
fn scores_of_other_models_promise_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let by_others =
        json!({"version": "any", "build": "any", "limits": "any", "models": "0123456789abcdef", "profile": "any"});
    let [scores, decisions] = told_apart(folder, |number, row| {
        if number < 5 {
            row["scored_by"] = by_others.clone();
        }
    });
    let output = folder.join("tuned.json");
    let output = output.to_str().expect("text");
    let files = ["tune", "--scores", &scores, "--decisions", &decisions, "--output", output];
    let common = [&files[..], &["--max-refused-good", "0.07", "--max-passed-bad", "0.07"]].concat();
    assert_eq!(told(&[&common[..], &["--json"]].concat())["by_other_models"], 5);
    let report = clearshot(&common).stdout;
    let report = String::from_utf8_lossy(&report);
    assert!(report.contains("\n5 of them were scored by other models than these"), "{report}");
    assert!(report.contains("at most 7 % of good ones will fail and 7 % of bad ones pass"), "{report}");
    let written = format!("\nProfile `default` is written: clearshot serve --profiles {output}\n");
    assert!(report.ends_with(&written), "{report}");
    let said = refused(&[&common[..], &["--name", "nobody"]].concat());
    assert!(said.contains("there is no profile `nobody`, but default, real-estate, car-dealer"), "{said}");
}

#[test]
fn a_check_that_new_numbers_silence_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    // What is told apart without doubt needs nobody to look at it, nor at what is there with 0.45.
    let [scores, decisions] = told_apart(folder, |_, _| ());
    let output = folder.join("tuned.json");
    let output = output.to_str().expect("text");
    let files = ["tune", "--scores", &scores, "--decisions", &decisions, "--output", output];
    let common = [&files[..], &["--max-refused-good", "0.05", "--max-passed-bad", "0.05"]].concat();
    let silenced = |how: &[&str]| told(&[&common[..], &["--json"], how].concat())["silenced"].clone();
    let by = |number: &str| json!({"check": "partial_blur", "probability": 0.45, "by": number});
    assert_eq!(silenced(&[]), json!([by("review_at")]));
    let report = clearshot(&common).stdout;
    let report = String::from_utf8_lossy(&report);
    let no_longer = "  partial_blur (probability 0.45) is no longer looked at: review_at is above it\n";
    assert!(report.contains(no_longer) && !report.contains("makes a photo fail"), "{report}");

    // A profile by which it fails loses that, too; what was silent before, or is not bounded, loses nothing.
    let built_in = std::fs::read_to_string("core/src/scoring/profiles.json").expect("it is there");
    let with = |name: &str, from: &str, to: &str| {
        assert!(built_in.contains(from), "{from}");
        write(folder, name, &built_in.replace(from, to))
    };
    let strict = with("strict.json", "\"fail_at\": 0.5", "\"fail_at\": 0.4");
    assert_eq!(silenced(&["--profiles", &strict]), json!([by("review_at"), by("fail_at")]));
    let report = clearshot(&[&common[..], &["--profiles", &strict]].concat()).stdout;
    let report = String::from_utf8_lossy(&report);
    let fails_no_more = "  partial_blur (probability 0.45) no longer makes a photo fail: fail_at is above it\n";
    assert!(report.contains(no_longer) && report.contains(fails_no_more), "{report}");
    assert_eq!(silenced(&["--profiles", output]), json!([]));
    let unbounded = with("unbounded.json", ", \"partial_blur\": {\"high\": 0.0}", "");
    assert_eq!(silenced(&["--profiles", &unbounded]), json!([]));
    // The flag's former name.
    assert_eq!(silenced(&["--profile", &unbounded]), json!([]));
}

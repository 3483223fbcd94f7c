//! The trainer as a user runs it, on a handful of rendered rooms: every command, from photos to a model that scores.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests may panic; a shared module is wider than its use here")]

mod probe;
#[path = "../../tests/support/room.rs"]
mod room;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clearshot::engine::{BranchSession, Runtime};
use clearshot::metric::Metric;
use clearshot::scoring::card::VerifiedModel;
use clearshot::view::{self, ReferenceView};
use clearshot_trainer::generator::Recipe;
use clearshot_trainer::photos::{Library, Part};
use clearshot_trainer::transform::{Frame, REGISTRY};
use image::Rgb;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FEW: [&str; 8] = ["--steps", "6", "--batch-photos", "2", "--magnitudes", "3", "--validate-every", "3"];

fn trainer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearshot-train"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &said
}

/// A folder with twelve rooms, one file that is no photo, and an empty one.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..12 {
        room::room(480, 320, seed).save(folder.path().join(format!("room-{seed}.jpg"))).unwrap();
    }
    std::fs::write(folder.path().join("notes.jpg"), "not a photo").unwrap();
    folder
}

#[test]
fn all_makes_three_models_that_the_server_code_loads_and_runs() {
    let (photos, out) = (photos(), tempfile::tempdir().unwrap());
    let (work, models) = (out.path().join("work"), out.path().join("models"));
    let mut command = trainer();
    command.args(["all", "--per-photo", "2"]).args(FEW);
    command.arg("--photos").arg(photos.path()).arg("--work").arg(&work).arg("--out").arg(&models);
    let said = run(&mut command);
    assert!(said.contains("notes.jpg"), "the unreadable photo is named: {said}");
    let runtime = Runtime::load(None).unwrap();
    let gray = ReferenceView::new(image::RgbImage::from_pixel(300, 200, Rgb([120; 3])));
    for metric in Metric::ALL {
        let VerifiedModel { card, onnx } = VerifiedModel::load(&models, metric).unwrap();
        assert!(card.training.photos > 0 && card.training.command.contains("--seed 1"));
        assert!(card.evaluation["all"].samples > 0);
        let mut session = BranchSession::new(&runtime, metric, &onnx, 1).unwrap();
        let tensor = view::tensor(metric, &gray);
        let outputs = session.run(&[tensor.clone(), tensor]).unwrap();
        assert_eq!(outputs[0], outputs[1]);
        let estimate = card.calibration.apply(outputs[0]);
        assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
        let log = std::fs::read_to_string(work.join(metric.name()).join("metrics.jsonl")).unwrap();
        let steps: Vec<u64> = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
            .collect();
        assert_eq!(steps, [3, 6]);
    }
}

#[test]
fn a_killed_training_resumes_where_it_stopped() {
    let (photos, work) = (photos(), tempfile::tempdir().unwrap());
    let train = || {
        let mut command = trainer();
        command.args([
            "train",
            "--transformation",
            "brightness",
            "--steps",
            "400",
            "--validate-every",
            "40",
            "--resume",
        ]);
        command.args(["--batch-photos", "2"]).arg("--photos").arg(photos.path()).arg("--work").arg(work.path());
        command
    };
    let progress = work.path().join("brightness/progress.json");
    let step = |path: &PathBuf| {
        let text = std::fs::read(path).ok()?;
        serde_json::from_slice::<serde_json::Value>(&text).ok()?["step"].as_u64()
    };
    let mut killed = train().stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while step(&progress).is_none() {
        assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint came");
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let reached = step(&progress).unwrap();
    assert!(reached < 400, "it was killed too late to tell");
    run(&mut train());
    assert_eq!(step(&progress), Some(400));
    let log = std::fs::read_to_string(work.path().join("brightness/metrics.jsonl")).unwrap();
    assert!(log.lines().count() >= 10, "{log}");
}

/// Transformations that the server knows nothing of are trained all the same; another task starts from what one learnt.
#[test]
fn an_unserved_task_is_trained_and_its_encoder_starts_another() {
    let (photos, out) = (photos(), tempfile::tempdir().unwrap());
    let step = |command: &str, task: &str, more: &[&str]| {
        let mut process = trainer();
        process.args([command, "--transformation", task]).args(more).arg("--photos").arg(photos.path());
        process.arg("--work").arg(out.path().join("work"));
        process
    };
    let models = out.path().join("models");
    for task in ["saturation", "crop"] {
        run(&mut step("train", task, &FEW));
        run(step("export", task, &[]).arg("--out").arg(&models));
        assert!(models.join(format!("{task}.onnx")).is_file());
        let refused = step("calibrate", task, &[]).arg("--out").arg(&models).output().unwrap();
        assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("no metric for it"));
    }
    run(step("export", "saturation", &["--encoder"]).arg("--out").arg(&models));
    let weights = models.join("saturation-encoder.safetensors");
    assert!(models.join("saturation-encoder.onnx").is_file() && weights.is_file());
    let said = run(step("train", "brightness", &FEW).arg("--init-from").arg(&weights));
    assert!(said.contains("started from the encoder"), "{said}");
    let wrong = step("train", "rotation", &FEW).arg("--init-from").arg(&weights).output().unwrap();
    assert!(!wrong.status.success(), "a rotation network cannot start from a saturation encoder");
}

#[test]
fn the_report_is_one_page_that_needs_nothing_else() {
    let (photos, out) = (photos(), tempfile::tempdir().unwrap());
    let (work, models, page) = (out.path().join("work"), out.path().join("models"), out.path().join("report.html"));
    let mut all = trainer();
    all.args(["all", "--per-photo", "1"]).args(FEW).arg("--photos").arg(photos.path());
    run(all.arg("--work").arg(&work).arg("--out").arg(&models));
    let mut report = trainer();
    report.args(["report", "--per-photo", "1"]).arg("--photos").arg(photos.path()).arg("--work").arg(&work);
    run(report.arg("--out").arg(&models).arg("--report").arg(&page));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(!html.contains("http://") || html.matches("http://").count() == html.matches("http://www.w3.org/").count());
    assert!(!html.contains("https://") && !html.contains("<script"));
    // Scatter, two charts by magnitude and a learning curve for each branch; seven degradations and the sorted photos.
    assert_eq!(html.matches("<svg").count(), 12);
    assert!(html.matches("<img").count() >= 3 * 8);
}

/// Turned images without a direction of their own must not tell how far they were turned: what a network finds in their
/// finest detail would be a trace of the generator (grid of the source's JPEG, interpolation), not of gravity.
#[test]
#[ignore = "takes minutes; run it with `cargo test --release --workspace -- --ignored`"]
fn a_high_pass_probe_learns_nothing_from_turned_noise() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for index in 0..24 {
        // Blobs of all sizes and no direction, saved as JPEG as sources are.
        let mut image = image::RgbImage::from_fn(640, 480, |_, _| Rgb([rng.random_range(0..=255u8); 3]));
        image = imageproc::filter::gaussian_blur_f32(&image, 1.5 + index as f32 % 5.0);
        let [low, high] = image.pixels().fold([255u8, 0], |[low, high], pixel| [low.min(pixel[0]), high.max(pixel[0])]);
        for channel in image.pixels_mut().flat_map(|pixel| &mut pixel.0) {
            *channel = (f32::from(*channel - low) * 255.0 / f32::from(high - low)) as u8;
        }
        image.save(folder.path().join(format!("noise-{index}.jpg"))).unwrap();
    }
    let library = Library::open(folder.path(), None).unwrap();
    let transformation = clearshot_trainer::transform::find("rotation").unwrap();
    let recipe = Recipe { transformation, range: [-30.0, 30.0], photos: 8, magnitudes: 4, frame: Frame::Part, seed: 4 };
    let accuracy = probe::accuracy(&library, &recipe, 120, 30);
    assert!((accuracy - 0.5).abs() < 0.06, "the probe orders {accuracy} of the pairs by how far they were turned");
    // The same probe must be able to see a trace where there is one, or the test above means nothing.
    let transformation = clearshot_trainer::transform::find("blur").unwrap();
    let blur = Recipe { transformation, range: [0.0, 4.0], ..recipe };
    let seen = probe::accuracy(&library, &blur, 120, 30);
    assert!(seen > 0.7, "the probe is blind: {seen}");
}

#[test]
fn help_explains_every_flag() {
    for command in ["train", "export", "calibrate", "evaluate", "report", "split", "all"] {
        let help = run(trainer().args([command, "--help"]));
        let lines: Vec<&str> = help.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with("--")) {
            let beside = line.trim_start().split("  ").filter(|part| !part.is_empty()).count() > 1;
            let below =
                lines.get(index + 1).is_some_and(|next| next.starts_with("          ") && !next.trim().is_empty());
            assert!(beside || below, "{command}: {line} is not explained");
        }
    }
}

#[test]
fn batches_are_reproducible_from_the_seed_and_differ_between_seeds() {
    let photos = photos();
    let library = Library::open(photos.path(), None).unwrap();
    assert_eq!(library.skipped.len(), 1);
    for transformation in REGISTRY {
        let recipe = |seed| Recipe {
            transformation,
            range: transformation.magnitudes(),
            photos: 2,
            magnitudes: 2,
            frame: Frame::Part,
            seed,
        };
        let [once, again, other] = [1, 1, 2].map(|seed| recipe(seed).batch(&library, Part::Train, 5));
        assert_eq!(once.magnitudes, again.magnitudes);
        assert!(once.inputs == again.inputs, "{}", transformation.name());
        assert!(once.inputs != other.inputs, "{}", transformation.name());
        assert!(once.magnitudes.iter().all(|m| (recipe(1).range[0]..=recipe(1).range[1]).contains(m)));
        assert_eq!(once.inputs.len(), 4 * view::len(transformation.branch()));
    }
}

//! The trainer as a user runs it, on a handful of rendered rooms: every command, from photos to a model that scores.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests may panic; a shared module is wider than its use here")]

mod probe;
#[path = "../../tests/support/room.rs"]
mod room;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::card::VerifiedModel;
use clearshot_core::scoring::orientation::TURN;
use clearshot_core::scoring::output::Output;
use clearshot_core::scoring::profile::Profiles;
use clearshot_core::session::{BranchSession, Runtime};
use clearshot_core::view::ReferenceView;
use clearshot_trainer::generator::Recipe;
use clearshot_trainer::photos::{Library, Part};
use clearshot_trainer::run::{Run, Settings};
use clearshot_trainer::siamese::LossSettings;
use clearshot_trainer::train::train;
use clearshot_trainer::transform::{self, Frame, REGISTRY};
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

/// A folder with twelve rooms and one file that is no photo.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..12 {
        room::room(300, 200, seed).save(folder.path().join(format!("room-{seed}.jpg"))).unwrap();
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
    let set = ModelSet::load(&models).unwrap();
    assert_eq!(set.models().len(), 3);
    for model in set.models() {
        let card = &model.card;
        assert!(card.reference.as_ref().unwrap().photos > 0);
        assert!(card.training.photos > 0 && card.training.command.contains("--seed 1"));
        assert!(card.evaluation["all"].samples > 0);
        let mut session = BranchSession::of(&runtime, model, 1).unwrap();
        let tensor = model.view.tensor(&gray);
        let outputs = session.run(&[tensor.as_slice(); 2]).unwrap();
        assert_eq!(outputs[0], outputs[1]);
        let estimate = card.calibration.apply(outputs[0].scalar());
        assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
        let log = std::fs::read_to_string(work.join(card.metric.name.as_str()).join("metrics.jsonl")).unwrap();
        let steps: Vec<u64> = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
            .collect();
        assert_eq!(steps, [3, 6]);
    }
}

#[test]
fn all_makes_a_model_that_tells_the_turn_by_both_ends_of_a_photo() {
    let (photos, out) = (photos(), tempfile::tempdir().unwrap());
    let models = out.path().join("models");
    let all = |few: [&str; 8]| {
        let mut command = trainer();
        command.args(["all", "--transformation", TURN, "--ranking", "listwise"]).args(few);
        command.arg("--photos").arg(photos.path()).arg("--work").arg(out.path().join("work")).arg("--out").arg(&models);
        command
    };
    let refused = all(FEW).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--magnitudes 4"), "a photo has four right-angle copies");
    run(&mut all(FEW.map(|word| if word == "3" { "4" } else { word })));
    let model = VerifiedModel::load(&models, TURN).unwrap();
    let card = &model.card;
    assert!(card.turns["all"].photos > 0 && card.evaluation.is_empty() && card.reference.is_none());
    let page = out.path().join("report.html");
    let mut report = trainer();
    report.args(["report", "--transformation", TURN, "--per-photo", "1"]).arg("--photos").arg(photos.path());
    run(report.arg("--work").arg(out.path().join("work")).arg("--out").arg(&models).arg("--report").arg(&page));
    let html = std::fs::read_to_string(page).unwrap();
    assert!(["made 0 deg", "made 270 deg", "turned, named"].iter().all(|said| html.contains(said)));
    assert!(!html.contains("NaN") && !html.contains("Pearson"), "a turn has no scale");
    // Rows of another shade at either end: what is seen there counts, whichever end it is.
    let ends = [0u8, 90].map(|dark| {
        let shade = move |x: u32, y: u32| (y + if x < 200 { 0 } else { u32::from(dark) }) as u8;
        model.view.tensor(&ReferenceView::new(image::RgbImage::from_fn(400, 200, |x, y| Rgb([shade(x, y); 3]))))
    });
    let half = model.view.len() / 2;
    let swapped = [&ends[1][half..], &ends[1][..half]].concat();
    let mut session = BranchSession::of(&Runtime::load(None).unwrap(), &model, 1).unwrap();
    let outputs = session.run(&[&ends[0], &ends[1], swapped.as_slice()]).unwrap();
    let [Output::Copies(alike), Output::Copies(other), Output::Copies(swapped)] = outputs[..] else {
        panic!("not what tells a turn: {outputs:?}")
    };
    assert!(alike != other, "the right end is seen");
    assert!(other.iter().zip(swapped).all(|(a, b)| (a - b).abs() < 1e-4), "{other:?} {swapped:?}");
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

/// The first steps are those of the whole schedule: stopped and resumed, a training is the same.
#[test]
fn a_training_stopped_early_is_the_beginning_of_the_whole_one() {
    let (photos, work) = (photos(), tempfile::tempdir().unwrap());
    let train = |name: &str, more: &[&str]| {
        let mut command = trainer();
        command.args(["train", "--transformation", "brightness", "--steps", "12", "--validate-every", "3"]).args(more);
        command
            .args(["--batch-photos", "2"])
            .arg("--photos")
            .arg(photos.path())
            .arg("--work")
            .arg(work.path().join(name));
        run(&mut command);
        std::fs::read_to_string(work.path().join(name).join("brightness/metrics.jsonl")).unwrap()
    };
    let whole = train("whole", &[]);
    let begun = train("parts", &["--stop-after", "5"]);
    assert_eq!(begun.lines().count(), 2, "{begun}");
    assert_eq!(begun.lines().next(), whole.lines().next());
    let resumed = train("parts", &["--resume"]);
    let rates = |log: &str| -> Vec<f64> {
        let line =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["learning_rate"].as_f64().unwrap();
        log.lines().map(line).collect()
    };
    assert_eq!(rates(&whole)[1..], rates(&resumed)[2..], "the schedule is that of all steps");
}

#[test]
fn an_encoder_is_exported_and_starts_another_task() {
    let (photos, out) = (photos(), tempfile::tempdir().unwrap());
    let step = |command: &str, task: &str, more: &[&str]| {
        let mut process = trainer();
        process.args([command, "--transformation", task]).args(more).arg("--photos").arg(photos.path());
        process.arg("--work").arg(out.path().join("work"));
        process
    };
    let models = out.path().join("models");
    run(&mut step("train", "saturation", &FEW));
    run(step("export", "saturation", &["--encoder"]).arg("--out").arg(&models));
    let weights = models.join("saturation-encoder.safetensors");
    assert!(models.join("saturation-encoder.onnx").is_file() && weights.is_file());
    let said = run(step("train", "brightness", &FEW).arg("--init-from").arg(&weights));
    assert!(said.contains("started from the weights"), "{said}");
    let wrong = step("train", "rotation", &FEW).arg("--init-from").arg(&weights).output().unwrap();
    assert!(!wrong.status.success(), "a rotation network cannot start from a saturation encoder");
}

/// A loss with a wrong sign, a generator that labels at random or an optimiser that does nothing would all pass the other
/// tests.
#[test]
fn a_short_training_learns() {
    let (photos, work) = (photos(), tempfile::tempdir().unwrap());
    let library = Arc::new(Library::open(photos.path(), None).unwrap());
    let spec = transform::find("brightness").unwrap().spec();
    let settings = Settings {
        transformation: spec.name.to_owned(),
        range: spec.trained,
        steps: 40,
        photos: 3,
        magnitudes: 4,
        learning_rate: 2e-3,
        weight_decay: Settings::WEIGHT_DECAY,
        validate_every: 40,
        patience: 1,
        seed: 1,
        loss: LossSettings::default(),
        no_augmentation: false,
        init_from: None,
        also: None,
    };
    let run = Run::new(work.path(), spec.name);
    train(&library, &settings, &run, &Device::flex(), false, None).unwrap();
    let found = run.validations().unwrap().pop().unwrap();
    // Tossing coins orders half of the pairs; always saying the middle of the range errs by a quarter of it.
    let [low, high] = spec.trained;
    assert!(found.validation_pair_accuracy > 0.8, "{found:?}");
    assert!(found.validation_error < 0.6 * (high - low) / 4.0, "{found:?}");
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
    let panels: Vec<&str> = html.split("role=\"img\" aria-label=\"").skip(1).collect();
    assert_eq!(html.matches("<svg").count(), 12 + panels.len());
    assert!(html.matches("<img").count() >= 3 * 8);
    // Whether faults are there as often as stated, under every built-in profile; described for whoever does not see the chart.
    for panel in &panels {
        let (described, chart) = panel.split_once('"').unwrap();
        let chart = chart.split_once("</svg>").unwrap().0;
        let points = described.matches("observed ").count();
        assert!(points > 0 && chart.matches("<circle").count() == points, "{described}");
    }
    for section in html.split("<section").skip(1) {
        for profile in Profiles::built_in().iter() {
            let titles = section.split("share that has it, ").skip(1).map(|title| title.split(':').next().unwrap());
            let mut names = titles.flat_map(|title| title.split(", "));
            assert!(names.any(|name| profile.name == name), "{} is not there", profile.name);
        }
    }
}

/// Turned images without a direction of their own must not tell how far they were turned: what a network finds in their
/// finest detail would be a trace of the generator (grid of the source's JPEG, interpolation), not of gravity.
#[test]
fn a_high_pass_probe_learns_nothing_from_turned_noise_and_sees_blur() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for index in 0..12 {
        // Blobs of all sizes and no direction, saved as JPEG as sources are.
        let mut image = image::RgbImage::from_fn(400, 320, |_, _| Rgb([rng.random_range(0..=255u8); 3]));
        image = imageproc::filter::gaussian_blur_f32(&image, 1.5 + index as f32 % 3.0);
        let [low, high] = image.pixels().fold([255u8, 0], |[low, high], pixel| [low.min(pixel[0]), high.max(pixel[0])]);
        for channel in image.pixels_mut().flat_map(|pixel| &mut pixel.0) {
            *channel = (f32::from(*channel - low) * 255.0 / f32::from(high - low)) as u8;
        }
        image.save(folder.path().join(format!("noise-{index}.jpg"))).unwrap();
    }
    let library = Library::open(folder.path(), None).unwrap();
    let transformation = transform::find("rotation").unwrap();
    let recipe = Recipe { transformation, range: [-30.0, 30.0], photos: 4, magnitudes: 4, frame: Frame::Part, seed: 4 };
    let accuracy = probe::accuracy(&library, &recipe, 30, 24);
    assert!((accuracy - 0.5).abs() < 0.06, "the probe orders {accuracy} of the pairs by how far they were turned");
    // The same probe must be able to see a trace where there is one, or the test above means nothing: in whole photos, on which no banner
    // or noise lies that hides it.
    let blur = transform::find("blur").unwrap();
    let blur = Recipe { transformation: blur, range: [0.0, 4.0], frame: Frame::Whole, ..recipe };
    let seen = probe::accuracy(&library, &blur, 60, 8);
    assert!(seen > 0.8, "the probe is blind: {seen}");
}

#[test]
fn help_explains_every_command_and_every_flag() {
    let help = run(trainer().arg("--help"));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A command's line is indented by two; what explains it may go on below, further in.
    let listed: Vec<&str> = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).collect();
    assert!(listed.len() > 5, "{help}");
    for line in listed {
        let (command, explained) = line.trim().split_once(' ').unwrap_or((line, ""));
        assert!(!explained.trim().is_empty(), "{command} is not explained");
        if command == "help" {
            continue;
        }
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
fn the_list_names_every_transformation_with_what_its_model_measures() {
    let table = run(trainer().arg("list"));
    for transformation in REGISTRY {
        let spec = transformation.spec();
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(spec.name)).unwrap();
        for part in [spec.unit, spec.view, spec.high.code, &spec.steps.to_string()] {
            assert!(row.contains(part), "{row} lacks {part}");
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
            range: transformation.spec().trained,
            photos: 2,
            magnitudes: 4,
            frame: Frame::Part,
            seed,
        };
        let [once, again, other] = [1, 1, 2].map(|seed| recipe(seed).batch(&library, Part::Train, 5));
        assert_eq!(once.magnitudes, again.magnitudes);
        assert!(once.inputs == again.inputs, "{}", transformation.spec().name);
        assert!(once.inputs != other.inputs, "{}", transformation.spec().name);
        assert!(once.magnitudes.iter().all(|m| (recipe(1).range[0]..=recipe(1).range[1]).contains(m)));
        assert_eq!(once.magnitudes.len(), 8);
        // The four copies that a turn compares are half a view: one of a photo's two squares.
        let views = if transformation.spec().name == TURN { 1 } else { 8 };
        assert_eq!(once.inputs.len(), views * transformation.spec().view().len());
    }
}

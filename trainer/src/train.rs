//! Training one branch: all-pairs ranking, cosine decay, checkpoints with resume, early stopping on held-out groups.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use clearshot_core::scoring::orientation::TURN;
use clearshot_core::view::COPIES;

use crate::encoder;
use crate::generator::{Batch, Recipe};
use crate::model::{Branch, MultiTask};
use crate::photos::{Library, Part, progress};
use crate::run::{Progress, Run, Settings, Validated, load, write_json};
use crate::siamese::{self, LossSettings, Ranking, TargetScale};
use crate::transform::Frame;

/// What the loss of a second task counts beside the first.
const SECOND_TASK_WEIGHT: f32 = 0.5;

/// Trains one branch into `run`. With `resume` it goes on where an earlier run of the same settings stopped; with `stop_after` it stops
/// at that step of its schedule, to be resumed.
///
/// # Errors
/// When files cannot be written, the generator dies, or the settings to resume differ.
pub fn train(
    library: &Arc<Library>,
    settings: &Settings,
    run: &Run,
    device: &Device,
    resume: bool,
    stop_after: Option<usize>,
) -> Result<()> {
    let recipe = settings.recipe()?;
    let spec = recipe.transformation.spec();
    let scale = TargetScale::new(settings.range);
    ensure!(
        spec.name != TURN || settings.magnitudes == COPIES,
        "{TURN} compares the {COPIES} right-angle copies of a photo: train it with --magnitudes {COPIES}"
    );
    fs::create_dir_all(&run.folder)?;
    let device = device.clone().autodiff();
    device.seed(settings.seed);
    let second = settings.second()?;
    let fresh = |branch| MultiTask::new(branch, second.is_some(), &device);
    let mut network = fresh(Branch::new(spec.view(), &device)?);
    let shape = network.branch.training_shape(spec.view());
    let mut optimiser = AdamWConfig::new().with_weight_decay(settings.weight_decay).init();
    let mut state = Progress { step: 0, best_step: 0, best_loss: f32::INFINITY, without_gain: 0 };
    let resuming = resume && run.folder.join("progress.json").is_file();
    if resuming {
        ensure!(run.settings()? == *settings, "the run in {} had other settings", run.folder.display());
        state = run.progress()?;
        network = load(network, &run.folder.join("last.bpk"))?;
        optimiser = optimiser.load(run.folder.join("optimiser.bpk")).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    } else {
        if let Some((file, _)) = &settings.init_from {
            if file.extension().is_some_and(|extension| extension == "bpk") {
                network = fresh(load(network.branch, file)?);
            } else {
                let (found, fresh) = encoder::load(&mut network.branch, file)?;
                tracing::info!(found, fresh, "started from the weights in {}", file.display());
            }
        }
        write_json(&run.folder.join("settings.json"), settings)?;
    }
    let mut log = MetricsLog::open(&run.folder.join("metrics.jsonl"), resuming)?;
    let validation = validation_set(library, &recipe)?;
    let mut stream = recipe.stream(Arc::clone(library), state.step)?;
    let mut second_stream = second.map(|recipe| recipe.stream(Arc::clone(library), state.step)).transpose()?;
    let bar = progress(settings.steps as u64, spec.name);
    bar.set_position(state.step as u64);
    let mut running = Running::default();
    let last = stop_after.map_or(settings.steps, |step| step.min(settings.steps));
    while state.step < last {
        let batch = stream.next_batch()?;
        let rate = learning_rate(settings, state.step);
        let (input, targets) = tensors(&batch, shape, scale, &device);
        let outputs = network.branch.forward(input);
        let mut loss = siamese::loss(&outputs, &targets, settings.magnitudes, settings.loss);
        let raw: Vec<f32> = siamese::to_pairs(outputs)?.into_iter().map(|pair| pair.0).collect();
        running
            .add(loss.clone().into_scalar::<f32>(), siamese::pair_accuracy(&raw, &batch.magnitudes, listed(settings)));
        if let (Some(stream), Some(recipe)) = (&mut second_stream, second) {
            let (input, targets) = tensors(&stream.next_batch()?, shape, TargetScale::new(recipe.range), &device);
            if let Some(outputs) = network.forward_second(input) {
                loss =
                    loss + siamese::loss(&outputs, &targets, settings.magnitudes, settings.loss) * SECOND_TASK_WEIGHT;
            }
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = optimiser.step(rate, network, gradients);
        state.step += 1;
        bar.inc(1);
        if state.step.is_multiple_of(10) {
            bar.set_message(format!(
                "loss {:.3} pairs {:.3} validation {:.3}",
                running.loss(),
                running.accuracy(),
                state.best_loss
            ));
        }
        if state.step.is_multiple_of(settings.validate_every) || state.step == last {
            let found = validate(&network.branch.valid(), shape, scale, &validation, settings)?;
            log.write(&Validated {
                step: state.step,
                loss: running.loss(),
                pair_accuracy: running.accuracy(),
                learning_rate: rate,
                validation_loss: found.loss,
                validation_error: found.error,
                validation_pair_accuracy: found.pair_accuracy,
            })?;
            running = Running::default();
            state.without_gain += 1;
            if found.loss < state.best_loss {
                state = Progress { best_step: state.step, best_loss: found.loss, without_gain: 0, ..state };
                save(&network.branch, &run.folder.join("best.bpk"))?;
            }
            checkpoint(run, &network, &optimiser, &state)?;
            if state.without_gain >= settings.patience {
                bar.println(format!("{}: no gain in {} validations, stopping early", spec.name, settings.patience));
                break;
            }
        }
    }
    bar.finish();
    Ok(())
}

/// Warm-up over the first 2 %, then half a cosine down to a hundredth.
fn learning_rate(settings: &Settings, step: usize) -> f64 {
    let warm_up = (settings.steps / 50).max(10) as f64;
    let at = (step + 1) as f64;
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * at / settings.steps as f64).cos());
    settings.learning_rate * (at / warm_up).min(1.0) * (0.01 + 0.99 * cosine)
}

fn tensors(batch: &Batch, shape: [usize; 3], scale: TargetScale, device: &Device) -> (Tensor<4>, Tensor<2>) {
    let [channels, height, width] = shape;
    let count = batch.magnitudes.len();
    let each = batch.inputs.len() / count;
    let wanted = channels * height * width;
    let inputs: Vec<f32> = batch.inputs.chunks_exact(each).flat_map(|sample| &sample[..wanted]).copied().collect();
    let targets: Vec<f32> = batch.magnitudes.iter().map(|&magnitude| scale.target(magnitude)).collect();
    (
        Tensor::from_data(TensorData::new(inputs, [count, channels, height, width]), device),
        Tensor::from_data(TensorData::new(targets, [count, 1]), device),
    )
}

/// A fixed set of degraded photos of groups that are not trained on.
fn validation_set(library: &Library, recipe: &Recipe) -> Result<Vec<Batch>> {
    ensure!(!library.part(Part::Validate).is_empty(), "there are no photos to validate on");
    // Always augmented, so that runs with and without augmentation can be compared.
    let recipe = Recipe { frame: Frame::Part, ..*recipe };
    Ok((0..12).map(|step| recipe.batch(library, Part::Validate, step)).collect())
}

/// Neighbours of a batch that are compared with each other: those of one photo, or all.
fn listed(settings: &Settings) -> usize {
    let LossSettings { ranking, within_photo, .. } = settings.loss;
    let all = settings.photos * settings.magnitudes;
    if within_photo || ranking == Ranking::Listwise { settings.magnitudes } else { all }
}

/// What a validation found.
struct Validation {
    /// Mean negative log likelihood of the truth, or of lists that their least degraded comes first. Decides which checkpoint is best: unlike the error, it does not hang on
    /// the samples that hold no evidence, as long as the network says so.
    loss: f32,
    /// Mean absolute error in the magnitude's unit.
    error: f32,
    /// Share of pairs in the right order.
    pair_accuracy: f32,
}

fn validate(
    branch: &Branch,
    shape: [usize; 3],
    scale: TargetScale,
    set: &[Batch],
    settings: &Settings,
) -> Result<Validation> {
    let device = Device::clone(branch.devices().first().context("a network has a device")?);
    let mut found = Validation { loss: 0.0, error: 0.0, pair_accuracy: 0.0 };
    for batch in set {
        let (input, targets) = tensors(batch, shape, scale, &device);
        let outputs = branch.forward(input);
        let lists = settings.loss.ranking == Ranking::Listwise;
        if lists {
            let loss = siamese::loss(&outputs, &targets, settings.magnitudes, settings.loss);
            found.loss += loss.into_scalar::<f32>() / set.len() as f32;
        }
        let outputs = siamese::to_pairs(outputs)?;
        let count = (outputs.len() * set.len()) as f32;
        for (&(raw, log_scale), &magnitude) in outputs.iter().zip(&batch.magnitudes) {
            let error = (raw - scale.target(magnitude)).abs();
            found.loss += if lists { 0.0 } else { (error * (-log_scale).exp() + log_scale) / count };
            found.error += scale.to_units(error) / count;
        }
        let raw: Vec<f32> = outputs.iter().map(|output| output.0).collect();
        found.pair_accuracy += siamese::pair_accuracy(&raw, &batch.magnitudes, listed(settings)) / set.len() as f32;
    }
    Ok(found)
}

fn checkpoint(run: &Run, network: &MultiTask, optimiser: &ModuleOptimizer, state: &Progress) -> Result<()> {
    save(network, &run.folder.join("last.bpk"))?;
    optimiser.save(run.folder.join("optimiser.bpk")).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    // Last, so that a run cut off between the files resumes from what it says.
    write_json(&run.folder.join("progress.json"), state)
}

fn save<M: Module>(network: &M, path: &Path) -> Result<()> {
    network.valid().save_file(path).map_err(|error| anyhow::anyhow!("cannot write {}: {error:?}", path.display()))
}

/// Means since the last validation.
#[derive(Default)]
struct Running {
    loss: f32,
    accuracy: f32,
    steps: u32,
}

impl Running {
    fn add(&mut self, loss: f32, accuracy: f32) {
        self.loss += loss;
        self.accuracy += accuracy;
        self.steps += 1;
    }

    fn loss(&self) -> f32 {
        self.loss / self.steps.max(1) as f32
    }

    fn accuracy(&self) -> f32 {
        self.accuracy / self.steps.max(1) as f32
    }
}

/// Metrics as JSON lines, flushed at each, so that a run can be watched.
struct MetricsLog(BufWriter<File>);

impl MetricsLog {
    fn open(path: &Path, append: bool) -> Result<Self> {
        let file = OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(path)?;
        Ok(Self(BufWriter::new(file)))
    }

    fn write(&mut self, point: &Validated) -> Result<()> {
        writeln!(self.0, "{}", serde_json::to_string(point)?)?;
        Ok(self.0.flush()?)
    }
}

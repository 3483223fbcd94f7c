//! Training one branch: all-pairs ranking, cosine decay, checkpoints with resume, early stopping on held-out groups.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use clap::ValueEnum;
use clearshot::metric::Metric;
use serde::{Deserialize, Serialize};

use crate::encoder;
use crate::generator::{Batch, Recipe};
use crate::model::{Branch, MultiTask, training_shape};
use crate::photos::{Library, Part, progress};
use crate::siamese::{self, LossSettings, TargetScale};
use crate::transform::{self, Frame, Transformation};

/// What the loss of a second task counts beside the first.
const SECOND_TASK_WEIGHT: f32 = 0.5;

/// Everything that decides what a training run gives; stored with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the transformation.
    pub transformation: String,
    /// Smallest and largest magnitude.
    pub range: [f32; 2],
    /// Optimiser steps.
    pub steps: usize,
    /// Photos in a batch.
    pub photos: usize,
    /// Magnitudes for each photo of a batch.
    pub magnitudes: usize,
    /// Largest learning rate, reached after the warm-up and then lowered along a cosine.
    pub learning_rate: f64,
    /// Steps between validations.
    pub validate_every: usize,
    /// Validations without gain after which training stops.
    pub patience: usize,
    /// Seed of photos, degradations and weights.
    pub seed: u64,
    /// Terms of the loss.
    #[serde(default)]
    pub loss: LossSettings,
    /// Whole photos without random parts, exposure and noise, instead of augmented parts.
    #[serde(default)]
    pub no_augmentation: bool,
    /// Safetensors file with an encoder's weights to start from (see `export --encoder`), and its SHA-256.
    #[serde(default)]
    pub init_from: Option<(PathBuf, String)>,
    /// Name of a second transformation of the same view, ranked by a head of its own on the shared encoder.
    #[serde(default)]
    pub also: Option<String>,
}

impl Settings {
    /// The transformation that is trained.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn transformation(&self) -> Result<&'static dyn Transformation> {
        transform::find(&self.transformation).map_err(anyhow::Error::msg)
    }

    /// The generator's recipe.
    ///
    /// # Errors
    /// When there is no transformation of that name.
    pub fn recipe(&self) -> Result<Recipe> {
        Ok(Recipe {
            transformation: self.transformation()?,
            range: self.range,
            photos: self.photos,
            magnitudes: self.magnitudes,
            frame: if self.no_augmentation { Frame::Whole } else { Frame::Part },
            seed: self.seed,
        })
    }

    /// The generator's recipe for the second task.
    ///
    /// # Errors
    /// When there is no transformation of that name, or it looks at another view.
    fn second(&self) -> Result<Option<Recipe>> {
        let Some(name) = &self.also else { return Ok(None) };
        let (first, transformation) = (self.recipe()?, transform::find(name).map_err(anyhow::Error::msg)?);
        ensure!(
            transformation.branch() == first.transformation.branch(),
            "{name} does not look at the view of {}",
            self.transformation
        );
        Ok(Some(Recipe { transformation, range: transformation.magnitudes(), ..first }))
    }

    /// The command line that gives the same training, but for the folder of photos.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = format!(
            "clearshot-train train --photos PHOTOS --transformation {} --range={},{} --steps {} --batch-photos {} \
             --magnitudes {} --learning-rate {} --validate-every {} --patience {} --seed {}",
            self.transformation,
            self.range[0],
            self.range[1],
            self.steps,
            self.photos,
            self.magnitudes,
            self.learning_rate,
            self.validate_every,
            self.patience,
            self.seed
        );
        if self.loss != LossSettings::default() {
            let LossSettings { ranking, no_gap_weight, within_photo, regression } = self.loss;
            let ranking = ranking.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            command += &format!(" --ranking {ranking} --regression {regression}");
            command += if no_gap_weight { " --no-gap-weight" } else { "" };
            command += if within_photo { " --within-photo" } else { "" };
        }
        command += if self.no_augmentation { " --no-augmentation" } else { "" };
        if let Some((file, _)) = &self.init_from {
            // The name only: where it lay is nobody else's business.
            let name = file.file_name().unwrap_or_default();
            command += &format!(" --init-from {}", Path::new(name).display());
        }
        command += &self.also.as_ref().map_or_else(String::new, |name| format!(" --also {name}"));
        command
    }
}

/// Where a run stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Step of the best checkpoint.
    pub best_step: usize,
    /// Validation loss of the best checkpoint: the mean negative log likelihood of the truth.
    pub best_loss: f32,
    /// Validations since then.
    pub without_gain: usize,
}

/// One validation: a line of a run's metrics.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Optimiser steps done.
    pub step: usize,
    /// Mean training loss since the last validation.
    pub loss: f32,
    /// Share of training pairs in the right order since then.
    pub pair_accuracy: f32,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean negative log likelihood on validation groups.
    pub validation_loss: f32,
    /// Mean absolute error on validation groups, in the magnitude's unit.
    pub validation_error: f32,
    /// Share of validation pairs in the right order.
    pub validation_pair_accuracy: f32,
}

/// A folder with settings, checkpoints and metrics of one run.
pub struct Run {
    folder: PathBuf,
}

impl Run {
    /// The run of a transformation in a work folder.
    #[must_use]
    pub fn new(work: &Path, transformation: &str) -> Self {
        Self { folder: work.join(transformation) }
    }

    /// Settings of a run that was started before.
    ///
    /// # Errors
    /// When there is none.
    pub fn settings(&self) -> Result<Settings> {
        read_json(&self.folder.join("settings.json"))
    }

    /// Progress of a run that was started before.
    ///
    /// # Errors
    /// When there is none.
    pub fn progress(&self) -> Result<Progress> {
        read_json(&self.folder.join("progress.json"))
    }

    /// Its validations so far, in order.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn metrics(&self) -> Result<Vec<Point>> {
        let text = fs::read_to_string(self.folder.join("metrics.jsonl"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The network at the best checkpoint, freshly loaded.
    ///
    /// # Errors
    /// When there is no checkpoint, or it is not of this network.
    pub fn best(&self, metric: Metric, device: &Device) -> Result<Branch> {
        load(Branch::new(metric, device), &self.folder.join("best.bpk"))
    }
}

fn load<M: Module>(network: M, path: &Path) -> Result<M> {
    network
        .try_load_file(path)
        .map_err(|error| anyhow::anyhow!("{} is not a checkpoint of this network: {error:?}", path.display()))
}

/// Trains one branch into `run`. With `resume` it goes on where an earlier run of the same settings stopped.
///
/// # Errors
/// When files cannot be written, the generator dies, or the settings to resume differ.
pub fn train(library: &Arc<Library>, settings: &Settings, run: &Run, device: &Device, resume: bool) -> Result<()> {
    let recipe = settings.recipe()?;
    let metric = recipe.transformation.branch();
    let scale = TargetScale::new(settings.range);
    fs::create_dir_all(&run.folder)?;
    let device = device.clone().autodiff();
    device.seed(settings.seed);
    let second = settings.second()?;
    let fresh = |branch| MultiTask::new(branch, metric, second.is_some(), &device);
    let mut network = fresh(Branch::new(metric, &device));
    let mut optimiser = AdamWConfig::new().with_weight_decay(1e-3).init();
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
                tracing::info!(found, fresh, "started from the encoder in {}", file.display());
            }
        }
        write_json(&run.folder.join("settings.json"), settings)?;
    }
    let mut log = MetricsLog::open(&run.folder.join("metrics.jsonl"), resuming)?;
    let validation = validation_set(library, &recipe)?;
    let mut stream = recipe.stream(Arc::clone(library), state.step)?;
    let mut second_stream = second.map(|recipe| recipe.stream(Arc::clone(library), state.step)).transpose()?;
    let bar = progress(settings.steps as u64, metric.name());
    bar.set_position(state.step as u64);
    let mut running = Running::default();
    while state.step < settings.steps {
        let batch = stream.next_batch()?;
        let rate = learning_rate(settings, state.step);
        let (input, targets) = tensors(&batch, metric, scale, &device);
        let outputs = network.branch.forward(input);
        let mut loss = siamese::loss(&outputs, &targets, settings.magnitudes, settings.loss);
        let raw: Vec<f32> = siamese::to_pairs(outputs)?.into_iter().map(|pair| pair.0).collect();
        running.add(loss.clone().into_scalar::<f32>(), siamese::pair_accuracy(&raw, &batch.magnitudes));
        if let (Some(stream), Some(recipe)) = (&mut second_stream, second) {
            let (input, targets) = tensors(&stream.next_batch()?, metric, TargetScale::new(recipe.range), &device);
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
        if state.step.is_multiple_of(settings.validate_every) || state.step == settings.steps {
            let found = validate(&network.branch.valid(), metric, scale, &validation)?;
            log.write(&Point {
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
                bar.println(format!("{metric}: no gain in {} validations, stopping early", settings.patience));
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

fn tensors(batch: &Batch, metric: Metric, scale: TargetScale, device: &Device) -> (Tensor<4>, Tensor<2>) {
    let [channels, height, width] = training_shape(metric);
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

/// What a validation found.
struct Validation {
    /// Mean negative log likelihood of the truth. Decides which checkpoint is best: unlike the error, it does not hang on
    /// the samples that hold no evidence, as long as the network says so.
    loss: f32,
    /// Mean absolute error in the magnitude's unit.
    error: f32,
    /// Share of pairs in the right order.
    pair_accuracy: f32,
}

fn validate(branch: &Branch, metric: Metric, scale: TargetScale, set: &[Batch]) -> Result<Validation> {
    let device = Device::clone(branch.devices().first().context("a network has a device")?);
    let mut found = Validation { loss: 0.0, error: 0.0, pair_accuracy: 0.0 };
    for batch in set {
        let (input, _) = tensors(batch, metric, scale, &device);
        let outputs = siamese::to_pairs(branch.forward(input))?;
        let count = (outputs.len() * set.len()) as f32;
        for (&(raw, log_scale), &magnitude) in outputs.iter().zip(&batch.magnitudes) {
            let error = (raw - scale.target(magnitude)).abs();
            found.loss += (error * (-log_scale).exp() + log_scale) / count;
            found.error += scale.to_units(error) / count;
        }
        let raw: Vec<f32> = outputs.iter().map(|output| output.0).collect();
        found.pair_accuracy += siamese::pair_accuracy(&raw, &batch.magnitudes) / set.len() as f32;
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

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}: train first", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
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

    fn write(&mut self, point: &Point) -> Result<()> {
        writeln!(self.0, "{}", serde_json::to_string(point)?)?;
        Ok(self.0.flush()?)
    }
}

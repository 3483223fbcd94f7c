//! A training run on disk: its settings, its progress, its validations and its checkpoints. Training writes it; export,
//! calibration, the encoder's commands and the report read it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::tensor::Device;
use clap::ValueEnum;
use clearshot_core::view::View;
use serde::{Deserialize, Serialize};

use crate::generator::Recipe;
use crate::model::Branch;
use crate::siamese::LossSettings;
use crate::transform::{self, Frame, Transformation};

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
    /// Decoupled weight decay of AdamW.
    #[serde(default = "Settings::default_weight_decay")]
    pub weight_decay: f32,
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
    /// Weight decay unless another is asked for.
    pub const WEIGHT_DECAY: f32 = 1e-3;

    fn default_weight_decay() -> f32 {
        Self::WEIGHT_DECAY
    }

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
    pub fn second(&self) -> Result<Option<Recipe>> {
        let Some(name) = &self.also else { return Ok(None) };
        let (first, transformation) = (self.recipe()?, transform::find(name).map_err(anyhow::Error::msg)?);
        ensure!(
            transformation.spec().view == first.transformation.spec().view,
            "{name} does not look at the view of {}",
            self.transformation
        );
        Ok(Some(Recipe { transformation, range: transformation.spec().trained, ..first }))
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
        if self.weight_decay != Self::WEIGHT_DECAY {
            command += &format!(" --weight-decay {}", self.weight_decay);
        }
        command += if self.no_augmentation { " --no-augmentation" } else { "" };
        if let Some((file, _)) = &self.init_from {
            // Of an absolute path the name only: where it lay is nobody else's business.
            let name = if file.is_absolute() { file.file_name().map_or(file.as_path(), Path::new) } else { file };
            command += &format!(" --init-from {}", name.display());
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

/// What a validation found: a line of a run's `metrics.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Validated {
    /// Optimiser steps done.
    pub step: usize,
    /// Mean training loss since the last validation.
    pub loss: f32,
    /// Share of training pairs in the right order since then.
    pub pair_accuracy: f32,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean negative log likelihood on validation groups, or the loss of their lists.
    pub validation_loss: f32,
    /// Mean absolute error on validation groups, in the magnitude's unit.
    pub validation_error: f32,
    /// Share of validation pairs in the right order.
    pub validation_pair_accuracy: f32,
}

/// A folder with settings, checkpoints and metrics of one run.
pub struct Run {
    pub(crate) folder: PathBuf,
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
    pub fn validations(&self) -> Result<Vec<Validated>> {
        let text = fs::read_to_string(self.folder.join("metrics.jsonl"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The network at the best checkpoint, freshly loaded.
    ///
    /// # Errors
    /// When there is no checkpoint, or it is not of this network.
    pub fn best(&self, view: &View, device: &Device) -> Result<Branch> {
        load(Branch::new(view, device)?, &self.folder.join("best.bpk"))
    }
}

/// A network with the weights of a checkpoint.
pub(crate) fn load<M: Module>(network: M, path: &Path) -> Result<M> {
    network
        .try_load_file(path)
        .map_err(|error| anyhow::anyhow!("{} is not a checkpoint of this network: {error:?}", path.display()))
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}: train first", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
}

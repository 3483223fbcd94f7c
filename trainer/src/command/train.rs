//! `clearshot-train train`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use clearshot_core::digest::sha256_hex;
use clearshot_trainer::photos::Library;
use clearshot_trainer::run::Settings;
use clearshot_trainer::siamese::LossSettings;
use clearshot_trainer::train::train;
use clearshot_trainer::transform::Transformation;

use crate::cli::{Named, PhotosArgs, Range, TransformationArgs, WorkArgs};

#[derive(Args)]
pub(crate) struct Train {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    which: TransformationArgs,
    #[command(flatten)]
    training: TrainingArgs,
}

impl Train {
    pub(crate) fn run(self) -> Result<()> {
        train_one(&Arc::new(self.photos.open()?), self.which.transformation(), &self.work, &self.training)
    }
}

/// How to train.
#[derive(Args, Clone)]
pub(crate) struct TrainingArgs {
    /// Smallest and largest magnitude, in the transformation's unit [default: the transformation's own].
    #[arg(long, allow_hyphen_values = true)]
    range: Option<Range>,
    /// Optimiser steps [default: the transformation's own].
    #[arg(long)]
    steps: Option<usize>,
    /// Photos in a batch.
    #[arg(long, default_value_t = 8)]
    batch_photos: usize,
    /// Magnitudes drawn for each photo of a batch.
    #[arg(long, default_value_t = 4)]
    magnitudes: usize,
    /// Largest learning rate, reached after a warm-up and lowered along a cosine.
    #[arg(long, default_value_t = 2e-3)]
    learning_rate: f64,
    /// Decoupled weight decay (AdamW, Loshchilov and Hutter, ICLR 2019): more where a network knows its photos by heart.
    #[arg(long, default_value_t = Settings::WEIGHT_DECAY)]
    weight_decay: f32,
    /// Steps between validations on held-out groups.
    #[arg(long, default_value_t = 200)]
    validate_every: usize,
    /// Validations without gain after which training stops.
    #[arg(long, default_value_t = 12)]
    patience: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    loss: LossSettings,
    /// Train on whole photos, without random parts, exposure and noise: to see what augmentation is worth.
    #[arg(long)]
    no_augmentation: bool,
    /// Start from the weights of an encoder that `export --encoder` wrote or of a whole network (.safetensors), or from another run
    /// (its best.bpk): a second cosine, with a smaller learning rate, gains a little more.
    #[arg(long)]
    init_from: Option<PathBuf>,
    /// Multi-task training: rank a second transformation beside, with a head of its own on the shared encoder. It must
    /// look at the same view, as saturation and crop do at brightness's.
    #[arg(long)]
    also: Option<Named>,
    /// What computes.
    #[arg(long, value_enum, default_value_t = Compute::Cpu)]
    device: Compute,
    /// A twentieth of the default steps: to see it work in minutes, not to get a good model.
    #[arg(long)]
    quick: bool,
    /// Go on from the last checkpoint of the same settings.
    #[arg(long)]
    resume: bool,
    /// Stop at this step, as if the time were up: the schedule stays that of `--steps`, and `--resume` goes on.
    #[arg(long)]
    stop_after: Option<usize>,
}

/// What computes.
#[derive(Clone, Copy, ValueEnum)]
enum Compute {
    /// All cores of this machine.
    Cpu,
    /// The first NVIDIA GPU; needs a build with `--features cuda`.
    Cuda,
}

/// Trains the network of a transformation into its run.
pub(crate) fn train_one(
    library: &Arc<Library>,
    transformation: &'static dyn Transformation,
    work: &WorkArgs,
    args: &TrainingArgs,
) -> Result<()> {
    let spec = transformation.spec();
    let steps = args.steps.unwrap_or(spec.steps / if args.quick { 20 } else { 1 });
    let settings = Settings {
        transformation: spec.name.to_owned(),
        range: args.range.map_or(spec.trained, |range| range.0),
        steps,
        photos: args.batch_photos,
        magnitudes: args.magnitudes,
        learning_rate: args.learning_rate,
        weight_decay: args.weight_decay,
        validate_every: args.validate_every.min(steps.div_ceil(2)),
        patience: args.patience,
        seed: args.seed,
        loss: args.loss,
        no_augmentation: args.no_augmentation,
        init_from: args.init_from.clone().map(with_hash).transpose()?,
        also: args.also.map(|second| second.0.spec().name.to_owned()),
    };
    train(library, &settings, &work.run_of(transformation), &device(args.device)?, args.resume, args.stop_after)
}

/// A file and the SHA-256 of what it holds.
fn with_hash(file: PathBuf) -> Result<(PathBuf, String)> {
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((file, sha256_hex(&bytes)))
}

fn device(compute: Compute) -> Result<Device> {
    match compute {
        Compute::Cpu => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        Compute::Cuda => Ok(Device::cuda(0)),
        #[cfg(not(feature = "cuda"))]
        Compute::Cuda => {
            anyhow::bail!("this build has no CUDA: build the trainer with `--features cuda`")
        }
    }
}

//! `clearshot-train`: trains, exports, calibrates and evaluates the branch models.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clearshot_trainer::photos::Library;
use clearshot_trainer::train::{Run, Settings, train};
use clearshot_trainer::transform;

#[derive(Parser)]
#[command(version, about = "Trains, exports, calibrates and evaluates Clearshot's branch models", max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train the network of one transformation into the work folder.
    Train(TrainArgs),
}

/// Where the photos are.
#[derive(Args)]
struct PhotosArgs {
    /// Folder of good photos (sharp, well exposed, upright); searched with its subfolders.
    #[arg(long)]
    photos: PathBuf,
    /// CSV with the columns file, group and category; photos of one group stay in one part of the split. Default:
    /// manifest.csv in the folder of photos, where there is one; else every photo is its own group.
    #[arg(long)]
    manifest: Option<PathBuf>,
}

/// Where runs are kept.
#[derive(Args)]
struct WorkArgs {
    /// Folder for checkpoints and metrics, one subfolder per transformation.
    #[arg(long, default_value = "target/train")]
    work: PathBuf,
}

/// What computes.
#[derive(Clone, Copy, ValueEnum)]
enum Compute {
    /// All cores of this machine.
    Cpu,
    /// The first NVIDIA GPU; needs a build with `--features cuda`.
    Cuda,
}

#[derive(Args)]
struct TrainArgs {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    work: WorkArgs,
    /// What to train: a name from the registry (blur, brightness, rotation).
    #[arg(long)]
    transformation: String,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Smallest and largest magnitude, in the transformation's unit [default: the transformation's own].
    #[arg(long, value_delimiter = ',', num_args = 2, allow_hyphen_values = true)]
    range: Option<Vec<f32>>,
    /// Go on from the last checkpoint of the same settings.
    #[arg(long)]
    resume: bool,
}

/// How to train; what is not given is the transformation's default.
#[derive(Args, Clone)]
struct SettingsArgs {
    /// Optimiser steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Photos in a batch.
    #[arg(long)]
    batch_photos: Option<usize>,
    /// Magnitudes drawn for each photo of a batch.
    #[arg(long)]
    magnitudes: Option<usize>,
    /// Largest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    learning_rate: f64,
    /// Steps between validations on held-out groups.
    #[arg(long, default_value_t = 250)]
    validate_every: usize,
    /// Validations without gain after which training stops.
    #[arg(long, default_value_t = 12)]
    patience: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What computes.
    #[arg(long, value_enum, default_value_t = Compute::Cpu)]
    device: Compute,
}

/// Tensors of a step are large and short-lived; the system allocator hands each back to the kernel and faults it in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    match Cli::parse().command {
        Command::Train(args) => {
            let library = Arc::new(Library::open(&args.photos.photos, args.photos.manifest.as_deref())?);
            let settings = settings(&args.transformation, args.range.as_deref(), &args.settings)?;
            let run = Run::new(&args.work.work, &args.transformation);
            train(&library, &settings, &run, &device(args.settings.device)?, args.resume)
        }
    }
}

fn settings(transformation: &str, range: Option<&[f32]>, args: &SettingsArgs) -> Result<Settings> {
    let transformation = transform::find(transformation).map_err(anyhow::Error::msg)?;
    let range = match range {
        Some(&[low, high]) if low < high => [low, high],
        Some(_) => anyhow::bail!("--range takes two ascending numbers"),
        None => transformation.magnitudes(),
    };
    Ok(Settings {
        transformation: transformation.name().to_owned(),
        range,
        steps: args.steps.unwrap_or(4000),
        photos: args.batch_photos.unwrap_or(8),
        magnitudes: args.magnitudes.unwrap_or(4),
        learning_rate: args.learning_rate,
        validate_every: args.validate_every,
        patience: args.patience,
        seed: args.seed,
    })
}

fn device(compute: Compute) -> Result<Device> {
    match compute {
        Compute::Cpu => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        Compute::Cuda => Ok(Device::cuda(0)),
        #[cfg(not(feature = "cuda"))]
        Compute::Cuda => anyhow::bail!("this build has no CUDA: build the trainer with `--features cuda`"),
    }
}

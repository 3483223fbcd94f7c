//! `clearshot-train`: trains, exports, calibrates and evaluates the branch models.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clearshot::engine::{Runtime, privacy};
use clearshot::metric::Metric;
use clearshot::scoring::card::sha256_hex;
use clearshot_trainer::calibrate::calibrate;
use clearshot_trainer::encoder;
use clearshot_trainer::evaluate::{Evaluation, Options, evaluate};
use clearshot_trainer::export::export;
use clearshot_trainer::photos::Library;
use clearshot_trainer::reference::reference;
use clearshot_trainer::report;
use clearshot_trainer::siamese::LossSettings;
use clearshot_trainer::train::{Run, Settings, train};
use clearshot_trainer::transform::{self, REGISTRY, Transformation};
use tracing_subscriber::EnvFilter;

/// Tensors of a step are large and short-lived; the system allocator hands each back to the kernel and faults it in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(version, about = "Trains, exports, calibrates and evaluates Clearshot's branch models", max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train the network of one transformation into the work folder.
    Train {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        work: WorkArgs,
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        training: TrainingArgs,
    },
    /// Write the best checkpoint as ONNX, checked against the trainer's own forward pass.
    Export {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        work: WorkArgs,
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        models: ModelsArgs,
        /// Write the encoder alone instead: its features as ONNX and its weights as safetensors, for `train --init-from`.
        #[arg(long)]
        encoder: bool,
    },
    /// Fit curve and intervals of an exported model on photos that training never saw, and write its card.
    Calibrate {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        work: WorkArgs,
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        models: ModelsArgs,
        #[command(flatten)]
        measure: MeasureArgs,
    },
    /// Measure a calibrated model on photos that nothing else saw; prints a table and fills in the card.
    Evaluate {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        which: WhichArgs,
        #[command(flatten)]
        models: ModelsArgs,
        #[command(flatten)]
        measure: MeasureArgs,
        /// Smallest and largest magnitude, in the transformation's unit [default: the transformation's own].
        #[arg(long, value_parser = parse_range, allow_hyphen_values = true)]
        range: Option<Range>,
        /// Measure the classical rivals beside the model: Laplacian variance, mean V, Hough lines.
        #[arg(long)]
        baselines: bool,
        /// Seed of the degradations.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Also write every sample (photo, truth, value, interval, raw output) to this CSV file.
        #[arg(long)]
        save: Option<PathBuf>,
    },
    /// Write one self-contained HTML page on the models: sweeps, scatter plots, coverage, learning curves, photos by score.
    Report {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        work: WorkArgs,
        #[command(flatten)]
        models: ModelsArgs,
        #[command(flatten)]
        measure: MeasureArgs,
        /// Where the page goes.
        #[arg(long, default_value = "report.html")]
        report: PathBuf,
        /// Photo that is degraded more and more [default: the largest held-out photo].
        #[arg(long)]
        sweep: Option<PathBuf>,
        /// Leave the held-out photos out, for a page that may be passed on; with --sweep no photo of the folder is shown.
        #[arg(long)]
        without_photos: bool,
    },
    /// Write the distribution of values on good held-out photos into the cards of all three models.
    Reference {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        models: ModelsArgs,
    },
    /// Print which photo is used for what (train, validate, calibrate, test), as CSV.
    Split {
        #[command(flatten)]
        photos: PhotosArgs,
    },
    /// Train, export, calibrate and evaluate all three branches.
    All {
        #[command(flatten)]
        photos: PhotosArgs,
        #[command(flatten)]
        work: WorkArgs,
        #[command(flatten)]
        training: TrainingArgs,
        #[command(flatten)]
        models: ModelsArgs,
        #[command(flatten)]
        measure: MeasureArgs,
    },
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

/// Which branch.
#[derive(Args)]
struct WhichArgs {
    /// Name of the transformation: blur, brightness, rotation; saturation and crop can be trained, but are not served.
    #[arg(long, value_parser = parse_transformation)]
    transformation: Named,
}

/// Where models are.
#[derive(Args)]
struct ModelsArgs {
    /// Folder of the exported models and their cards.
    #[arg(long, default_value = "models")]
    out: PathBuf,
    /// ONNX Runtime's library; default: where scripts/setup-onnxruntime put it, else the system's.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    onnxruntime: Option<PathBuf>,
}

/// How much to measure.
#[derive(Args, Clone, Copy)]
struct MeasureArgs {
    /// Magnitudes measured per photo for calibration and evaluation; three times as many for photos from 900 pixels up.
    #[arg(long, default_value_t = 3)]
    per_photo: usize,
}

/// What computes.
#[derive(Clone, Copy, ValueEnum)]
enum Compute {
    /// All cores of this machine.
    Cpu,
    /// The first NVIDIA GPU; needs a build with `--features cuda`.
    Cuda,
}

/// How to train.
#[derive(Args, Clone)]
struct TrainingArgs {
    /// Smallest and largest magnitude, in the transformation's unit [default: the transformation's own].
    #[arg(long, value_parser = parse_range, allow_hyphen_values = true)]
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
    /// Steps between validations on held-out groups.
    #[arg(long, default_value_t = 200)]
    validate_every: usize,
    /// Validations without gain after which training stops.
    #[arg(long, default_value_t = 12)]
    patience: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    loss: LossSettings,
    /// Train on whole photos, without random parts, exposure and noise: to see what augmentation is worth.
    #[arg(long)]
    no_augmentation: bool,
    /// Start from the weights of an encoder that `export --encoder` wrote (.safetensors), or from the whole network of another
    /// run (its best.bpk): a second cosine, with a smaller learning rate, gains a little more.
    #[arg(long)]
    init_from: Option<PathBuf>,
    /// Multi-task training: rank a second transformation beside, with a head of its own on the shared encoder. It must look
    /// at the same view, as saturation and crop do at brightness's.
    #[arg(long, value_parser = parse_transformation)]
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
}

/// Two ascending magnitudes.
#[derive(Clone, Copy)]
struct Range([f32; 2]);

/// A transformation of the registry.
#[derive(Clone, Copy)]
struct Named(&'static dyn Transformation);

fn parse_range(text: &str) -> Result<Range, String> {
    let parsed =
        text.split_once(',').and_then(|(low, high)| Some([low.trim().parse().ok()?, high.trim().parse().ok()?]));
    parsed
        .filter(|[low, high]: &[f32; 2]| low < high)
        .map(Range)
        .ok_or_else(|| "two ascending numbers, like -30,30".to_owned())
}

fn parse_transformation(name: &str) -> Result<Named, String> {
    transform::find(name).map(Named)
}

fn main() -> Result<()> {
    privacy::ensure_private()?;
    let quiet = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,ort=warn"));
    tracing_subscriber::fmt().with_env_filter(quiet).with_writer(std::io::stderr).with_target(false).init();
    match Cli::parse().command {
        Command::Train { photos, work, which, training } => {
            let library = Arc::new(open(&photos)?);
            train_one(&library, which.transformation.0, &work, &training)
        }
        Command::Export { work, which, models, encoder: true, .. } => {
            for path in encoder::export(&run_of(&work, which.transformation.0), &models.out)? {
                println!("{}", path.display());
            }
            Ok(())
        }
        Command::Export { photos, work, which, models, encoder: false } => {
            export_one(&open(&photos)?, which.transformation.0, &work, &runtime(&models)?, &models)
        }
        Command::Calibrate { photos, work, which, models, measure } => {
            calibrate_one(&open(&photos)?, which.transformation.0, &work, &runtime(&models)?, &models, measure)
        }
        Command::Evaluate { photos, which, models, measure, range, baselines, seed, save } => {
            let transformation = which.transformation.0;
            let range = range.map_or(transformation.evaluated(), |range| range.0);
            let options = Options { range, per_photo: measure.per_photo, baselines, seed };
            let found = evaluate_one(&open(&photos)?, transformation, &runtime(&models)?, &models, options)?;
            save.map_or(Ok(()), |file| found.save(&file))
        }
        Command::Report { photos, work, models, measure, report: path, sweep, without_photos } => {
            let options = report::Options {
                models: &models.out,
                work: &work.work,
                sweep: sweep.as_deref(),
                without_photos,
                per_photo: measure.per_photo,
            };
            let page = report::report(&open(&photos)?, &runtime(&models)?, &options)?;
            std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
        }
        Command::Reference { photos, models } => {
            let (library, runtime) = (open(&photos)?, runtime(&models)?);
            Metric::ALL.into_iter().try_for_each(|metric| reference_one(&library, metric, &runtime, &models))
        }
        Command::Split { photos } => {
            let mut table = csv::Writer::from_writer(std::io::stdout());
            table.write_record(["file", "part", "category", "group"])?;
            for photo in &open(&photos)?.photos {
                let part = format!("{:?}", photo.part).to_lowercase();
                table.write_record([&photo.file, &part, &photo.category, &photo.group])?;
            }
            Ok(table.flush()?)
        }
        Command::All { photos, work, training, models, measure } => {
            let library = Arc::new(open(&photos)?);
            // ONNX Runtime can be loaded once per process.
            let runtime = runtime(&models)?;
            for transformation in REGISTRY.into_iter().filter(|transformation| transformation.is_served()) {
                train_one(&library, transformation, &work, &training)?;
                export_one(&library, transformation, &work, &runtime, &models)?;
                calibrate_one(&library, transformation, &work, &runtime, &models, measure)?;
                let options = Options {
                    range: transformation.evaluated(),
                    per_photo: measure.per_photo,
                    baselines: false,
                    seed: training.seed,
                };
                evaluate_one(&library, transformation, &runtime, &models, options)?;
                reference_one(&library, transformation.branch(), &runtime, &models)?;
            }
            Ok(())
        }
    }
}

fn open(photos: &PhotosArgs) -> Result<Library> {
    Library::open(&photos.photos, photos.manifest.as_deref())
        .with_context(|| format!("cannot use the photos in {}", photos.photos.display()))
}

fn runtime(models: &ModelsArgs) -> Result<Runtime> {
    Ok(Runtime::load(models.onnxruntime.as_deref())?)
}

fn run_of(work: &WorkArgs, transformation: &dyn Transformation) -> Run {
    Run::new(Path::new(&work.work), transformation.name())
}

fn train_one(
    library: &Arc<Library>,
    transformation: &'static dyn Transformation,
    work: &WorkArgs,
    args: &TrainingArgs,
) -> Result<()> {
    let default_steps = transformation.steps() / if args.quick { 20 } else { 1 };
    let steps = args.steps.unwrap_or(default_steps);
    let settings = Settings {
        transformation: transformation.name().to_owned(),
        range: args.range.map_or(transformation.magnitudes(), |range| range.0),
        steps,
        photos: args.batch_photos,
        magnitudes: args.magnitudes,
        learning_rate: args.learning_rate,
        validate_every: args.validate_every.min(steps.div_ceil(2)),
        patience: args.patience,
        seed: args.seed,
        loss: args.loss,
        no_augmentation: args.no_augmentation,
        init_from: args.init_from.clone().map(with_hash).transpose()?,
        also: args.also.map(|second| second.0.name().to_owned()),
    };
    train(library, &settings, &run_of(work, transformation), &device(args.device)?, args.resume)
}

/// A file and the SHA-256 of what it holds.
fn with_hash(file: PathBuf) -> Result<(PathBuf, String)> {
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok((file, sha256_hex(&bytes)))
}

fn export_one(
    library: &Library,
    transformation: &dyn Transformation,
    work: &WorkArgs,
    runtime: &Runtime,
    models: &ModelsArgs,
) -> Result<()> {
    let difference = export(library, &run_of(work, transformation), runtime, &models.out)?;
    println!("{}: exported; differs from the trainer by {difference:.1e} at most", transformation.name());
    Ok(())
}

fn calibrate_one(
    library: &Library,
    transformation: &dyn Transformation,
    work: &WorkArgs,
    runtime: &Runtime,
    models: &ModelsArgs,
    measure: MeasureArgs,
) -> Result<()> {
    let card = calibrate(library, &run_of(work, transformation), runtime, &models.out, measure.per_photo)?;
    println!("{}: calibrated on {} samples", card.version, card.calibration.samples());
    Ok(())
}

fn evaluate_one(
    library: &Library,
    transformation: &'static dyn Transformation,
    runtime: &Runtime,
    models: &ModelsArgs,
    options: Options,
) -> Result<Evaluation> {
    let evaluation = evaluate(library, transformation, runtime, &models.out, options)?;
    println!("{}", evaluation.table);
    Ok(evaluation)
}

fn reference_one(library: &Library, metric: Metric, runtime: &Runtime, models: &ModelsArgs) -> Result<()> {
    let found = reference(library, metric, runtime, &models.out)?;
    println!("{metric}: distribution on {} good photos", found.photos);
    Ok(())
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

//! Arguments that several commands take.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser};
use clearshot_core::scoring::card;
use clearshot_core::session::Runtime;
use clearshot_trainer::photos::Library;
use clearshot_trainer::run::Run;
use clearshot_trainer::transform::{self, REGISTRY, Transformation};

use crate::command::Command;

#[derive(Parser)]
#[command(version, about = "Trains, exports, calibrates and evaluates Clearshot's branch models", max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the photos are.
#[derive(Args)]
pub(crate) struct PhotosArgs {
    /// Folder of good photos (sharp, well exposed, upright); searched with its subfolders.
    #[arg(long)]
    photos: PathBuf,
    /// CSV with the columns file, group, category and source; photos of one group stay in one part of the split. Default:
    /// manifest.csv in the folder of photos, where there is one; else every photo is its own group.
    #[arg(long)]
    manifest: Option<PathBuf>,
}

impl PhotosArgs {
    pub(crate) fn open(&self) -> Result<Library> {
        Library::open(&self.photos, self.manifest.as_deref())
            .with_context(|| format!("cannot use the photos in {}", self.photos.display()))
    }
}

/// Where runs are kept.
#[derive(Args)]
pub(crate) struct WorkArgs {
    /// Folder for checkpoints and metrics, one subfolder per transformation.
    #[arg(long, default_value = "target/train")]
    pub(crate) work: PathBuf,
}

impl WorkArgs {
    pub(crate) fn run_of(&self, transformation: &dyn Transformation) -> Run {
        Run::new(&self.work, transformation.spec().name)
    }
}

/// Which transformation.
#[derive(Args)]
pub(crate) struct TransformationArgs {
    /// Name of the transformation; `clearshot-train list` prints all.
    #[arg(long)]
    transformation: Named,
}

impl TransformationArgs {
    pub(crate) fn transformation(&self) -> &'static dyn Transformation {
        self.transformation.0
    }
}

/// Which of the models in a folder.
#[derive(Args)]
pub(crate) struct SelectionArgs {
    /// Name of a transformation; may be repeated [default: all that have a model in the folder].
    #[arg(long)]
    transformation: Vec<Named>,
}

impl SelectionArgs {
    /// The transformations that were named, else all that have a card in `models`.
    pub(crate) fn or_all_in(&self, models: &Path) -> Result<Vec<&'static dyn Transformation>> {
        if !self.transformation.is_empty() {
            return Ok(self.transformation.iter().map(|named| named.0).collect());
        }
        let has_card =
            |transformation: &&dyn Transformation| card::card_path(models, transformation.spec().name).is_file();
        let found: Vec<_> = REGISTRY.into_iter().filter(has_card).collect();
        ensure!(!found.is_empty(), "no calibrated model of a transformation lies in {}", models.display());
        Ok(found)
    }
}

/// Where models are.
#[derive(Args)]
pub(crate) struct ModelsArgs {
    /// Folder of the exported models and their cards.
    #[arg(long, default_value = "models")]
    pub(crate) out: PathBuf,
    /// ONNX Runtime's library; default: where scripts/setup-onnxruntime put it, else the system's.
    #[arg(long, env = "ORT_DYLIB_PATH")]
    onnxruntime: Option<PathBuf>,
}

impl ModelsArgs {
    /// ONNX Runtime; it can be loaded once per process.
    pub(crate) fn runtime(&self) -> Result<Runtime> {
        Ok(Runtime::load(self.onnxruntime.as_deref())?)
    }
}

/// How much to measure.
#[derive(Args, Clone, Copy)]
pub(crate) struct MeasureArgs {
    /// Magnitudes measured per photo for calibration and evaluation; three times as many for photos from 900 pixels up.
    #[arg(long, default_value_t = 3)]
    pub(crate) per_photo: usize,
}

/// Two ascending magnitudes.
#[derive(Clone, Copy)]
pub(crate) struct Range(pub(crate) [f32; 2]);

impl std::str::FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed =
            text.split_once(',').and_then(|(low, high)| Some([low.trim().parse().ok()?, high.trim().parse().ok()?]));
        parsed
            .filter(|[low, high]: &[f32; 2]| low < high)
            .map(Range)
            .ok_or_else(|| "two ascending numbers, like -30,30".to_owned())
    }
}

/// A transformation of the registry.
#[derive(Clone, Copy)]
pub(crate) struct Named(pub(crate) &'static dyn Transformation);

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        transform::find(name).map(Named)
    }
}

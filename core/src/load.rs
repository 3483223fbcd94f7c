//! Everything that scoring needs at the start: ONNX Runtime, models and profiles that fit each other. Server, bulk scoring and
//! benchmarks load it here.

use std::path::PathBuf;

use crate::models::ModelSet;
use crate::scoring::card::CardError;
use crate::scoring::profile::{ProfileError, Profiles};
use crate::session::{DeviceConfig, Runtime, RuntimeError};

/// Files that scoring needs.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Files {
    /// Folder of the models and their cards.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_MODELS", default_value = "models"))]
    pub models: PathBuf,
    /// File of profiles (see docs/profiles.md) in the place of the built-in ones; read at the start.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_PROFILES"))]
    pub profiles: Option<PathBuf>,
    /// ONNX Runtime's library; default: where scripts/setup-onnxruntime put it, else the system's.
    #[cfg_attr(feature = "cli", arg(long, env = "ORT_DYLIB_PATH"))]
    pub onnxruntime: Option<PathBuf>,
}

/// Why scoring cannot start, or a new set of models was refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// ONNX Runtime or a model cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The profiles were refused.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// A model or its card was refused.
    #[error(transparent)]
    Card(#[from] CardError),
}

/// What scoring needs.
pub struct Loaded {
    /// ONNX Runtime, with what sessions will run on.
    pub runtime: Runtime,
    /// The models.
    pub models: ModelSet,
    /// The profiles, which fit the models.
    pub profiles: Profiles,
}

/// Loads everything.
///
/// # Errors
/// [`LoadError`], which names the remedy.
pub fn load(files: &Files, device: DeviceConfig) -> Result<Loaded, LoadError> {
    let profiles = Profiles::load_or_built_in(files.profiles.as_deref())?;
    let models = load_models(files, &profiles)?;
    let runtime = Runtime::load(files.onnxruntime.as_deref())?.on(device, &models.models()[0])?;
    Ok(Loaded { runtime, models, profiles })
}

/// Loads the models alone, as a reload does.
///
/// # Errors
/// [`LoadError`]: a model is not sound, or the profiles do not fit.
pub fn load_models(files: &Files, profiles: &Profiles) -> Result<ModelSet, LoadError> {
    let models = ModelSet::load(&files.models)?;
    profiles.check(models.metrics())?;
    Ok(models)
}

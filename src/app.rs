//! The state that handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::Semaphore;

use crate::access::{KeyError, Keys};
use crate::config::ServeConfig;
use crate::engine::{Engine, Runtime, RuntimeError};
use crate::http::upload::UploadLimits;
use crate::ingest::Limits;
use crate::scoring::card::{CardError, ModelCard, VerifiedModel};
use crate::scoring::profile::{ProfileError, Profiles};
use crate::telemetry::metrics::Metrics;

/// Why the service cannot start, or a new set of models was refused.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A flag makes no sense.
    #[error("{0}")]
    Config(String),
    /// ONNX Runtime or a model cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The file of keys was refused.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The file of profiles was refused.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// A model or its card was refused.
    #[error(transparent)]
    Card(#[from] CardError),
}

/// A set of models in use: always whole, never of two versions.
pub struct Models {
    /// The branches.
    pub engine: Engine,
    /// Their cards, in the order of [`Metric::ALL`].
    pub cards: [ModelCard; 3],
}

/// State of the running service.
pub struct App {
    /// The models in use. A request takes them once and keeps them to its end.
    pub models: ArcSwap<Models>,
    /// Name of the execution provider in use.
    pub provider: String,
    /// The profiles that photos can be judged by.
    pub profiles: Profiles,
    /// Limits on images.
    pub limits: Limits,
    /// Limits on request bodies.
    pub upload_limits: UploadLimits,
    /// Time from the first byte of a request to its answer.
    pub deadline: Duration,
    /// One permit for each request in flight; taken before the body is read.
    pub in_flight: Arc<Semaphore>,
    /// One permit for each photo being decoded.
    pub decoders: Arc<Semaphore>,
    /// What is counted and timed.
    pub metrics: Arc<Metrics>,
    keys: ArcSwapOption<Keys>,
    runtime: Runtime,
    config: ServeConfig,
    draining: AtomicBool,
}

impl App {
    /// Loads and warms up everything that requests need.
    ///
    /// # Errors
    /// [`StartError`], which names the remedy.
    pub fn start(config: &ServeConfig) -> Result<Arc<Self>, StartError> {
        config.validate().map_err(StartError::Config)?;
        let profiles = Profiles::load_or_built_in(config.files.profiles.as_deref())?;
        let keys = config.access.keys.as_deref().map(Keys::load).transpose()?;
        let metrics = Arc::new(Metrics::new());
        let verified = VerifiedModel::load_all(&config.files.models)?;
        let runtime = Runtime::load(config.files.onnxruntime.as_deref())?;
        let probe = &verified[0];
        let runtime = runtime.on(config.engine.device, probe.card.metric, &probe.onnx)?;
        let models = load(&runtime, verified, config, &metrics)?;
        let provider = runtime.provider();
        metrics.models(&models.cards, &provider, true);
        tracing::info!(provider, onnxruntime = %runtime.path().display(), "models are ready");
        Ok(Arc::new(Self {
            models: ArcSwap::from_pointee(models),
            provider,
            profiles,
            limits: config.limits,
            upload_limits: config.upload_limits,
            deadline: config.deadline(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight)),
            decoders: Arc::new(Semaphore::new(config.decoders)),
            metrics,
            keys: ArcSwapOption::from_pointee(keys),
            runtime,
            config: config.clone(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Loads the models anew and, when all three are sound, puts them in the place of the old; requests in flight end with
    /// the models they began with. A bad set is refused as a whole and the old goes on serving.
    ///
    /// # Errors
    /// [`StartError`]: what is wrong with the new set.
    pub fn reload(&self) -> Result<(), StartError> {
        let new = VerifiedModel::load_all(&self.config.files.models)
            .map_err(StartError::from)
            .and_then(|verified| load(&self.runtime, verified, &self.config, &self.metrics));
        self.metrics.reloaded(if new.is_ok() { "loaded" } else { "refused" });
        let new = Arc::new(new?);
        let old = self.models.swap(Arc::clone(&new));
        self.metrics.models(&old.cards, &self.provider, false);
        self.metrics.models(&new.cards, &self.provider, true);
        Ok(())
    }

    /// Loads the keys anew; from then on only they are known. A bad file is refused and the old keys go on.
    ///
    /// # Errors
    /// [`KeyError`]: what is wrong with the file.
    pub fn reload_keys(&self) -> Result<(), KeyError> {
        let Some(path) = &self.config.access.keys else { return Ok(()) };
        let new = Keys::load(path)?;
        let new = match &*self.keys.load() {
            Some(old) => new.after(old),
            None => new,
        };
        self.keys.store(Some(Arc::new(new)));
        Ok(())
    }

    /// The keys that requests need; none where everybody may use the service.
    #[must_use]
    pub fn keys(&self) -> Option<Arc<Keys>> {
        self.keys.load_full()
    }

    /// How the service was started.
    #[must_use]
    pub fn config(&self) -> &ServeConfig {
        &self.config
    }

    /// True once the service was told to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on `/readyz` says 503.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

fn load(
    runtime: &Runtime,
    verified: [VerifiedModel; 3],
    config: &ServeConfig,
    metrics: &Arc<Metrics>,
) -> Result<Models, StartError> {
    let engine = Engine::start(runtime, &verified, &config.engine, metrics)?;
    Ok(Models { engine, cards: verified.map(|model| model.card) })
}

//! The state that handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::config::ServeConfig;
use crate::engine::{Engine, Runtime, RuntimeError};
use crate::ingest::Limits;
use crate::metric::Metric;
use crate::scoring::card::{CardError, ModelCard, VerifiedModel};

/// Name of the execution provider in use.
pub const PROVIDER: &str = "cpu";

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A flag makes no sense.
    #[error("{0}")]
    Config(String),
    /// ONNX Runtime or a model cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A model or its card was refused.
    #[error(transparent)]
    Card(#[from] CardError),
}

/// State of the running service.
pub struct App {
    /// The branches.
    pub engine: Engine,
    /// Cards of the models in use, in the order of [`Metric::ALL`].
    pub cards: [ModelCard; 3],
    /// Limits on uploads.
    pub limits: Limits,
    /// Time from the first byte of a request to its answer.
    pub deadline: Duration,
    /// One permit for each request in flight; taken before the body is read.
    pub in_flight: Arc<Semaphore>,
    /// One permit for each photo being decoded.
    pub decoders: Arc<Semaphore>,
    draining: AtomicBool,
}

impl App {
    /// Loads and warms up everything that requests need.
    ///
    /// # Errors
    /// [`StartError`], which names the remedy.
    pub fn start(config: &ServeConfig) -> Result<Arc<Self>, StartError> {
        config.validate().map_err(StartError::Config)?;
        let runtime = Runtime::load(config.onnxruntime.as_deref())?;
        let load = |metric: Metric| VerifiedModel::load(&config.models, metric);
        let models = [load(Metric::Blur)?, load(Metric::Brightness)?, load(Metric::Rotation)?];
        let engine = Engine::start(&runtime, &models, &config.engine)?;
        tracing::info!(provider = PROVIDER, onnxruntime = %runtime.path().display(), "models are ready");
        Ok(Arc::new(Self {
            engine,
            cards: models.map(|model| model.card),
            limits: config.limits,
            deadline: config.deadline(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight)),
            decoders: Arc::new(Semaphore::new(config.decoders)),
            draining: AtomicBool::new(false),
        }))
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

//! The state that handlers share.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use clap::Args;
use clearshot_core::ingest::{Limits, at_least_one};
use clearshot_core::load::{Files, LoadError, Loaded, load, load_models};
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::profile::Profiles;
use clearshot_core::session::Runtime;
use tokio::sync::Semaphore;

use crate::access::{AccessConfig, KeyError, Keys};
use crate::budget::Budget;
use crate::decoders::Decoders;
use crate::engine::{Engine, EngineConfig};
use crate::memory::{self, MemoryConfig};
use crate::source::{SourceConfig, Sources};
use crate::telemetry::metrics::Metrics;
use crate::upload::{Reading, UploadLimits};

/// What requests are answered with, and how many at once.
#[derive(Clone, Debug, Args)]
pub struct AppConfig {
    /// Files that scoring needs.
    #[command(flatten)]
    pub files: Files,
    /// Who may use the service, and from where.
    #[command(flatten)]
    pub access: AccessConfig,
    /// Requests being read, decoded or scored at once; further ones are refused with 503.
    #[arg(long, env = "CLEARSHOT_MAX_IN_FLIGHT", default_value = "64")]
    pub max_in_flight: NonZeroUsize,
    /// Photos decoded at once; unless given, one per core.
    #[arg(long, env = "CLEARSHOT_DECODERS", default_value_t = cores())]
    pub decoders: NonZeroUsize,
    /// What decoding may take.
    #[command(flatten)]
    pub memory: MemoryConfig,
    /// Milliseconds from the first byte of a request to its answer. A form of /score/batch has them for each image: to come, and
    /// once it is there to be scored; but all its images have to come within ten times as long.
    #[arg(long, env = "CLEARSHOT_DEADLINE_MS", default_value = "30000")]
    pub deadline_ms: NonZeroU64,
    /// Most bytes of uploads held at once, from all clients; what is beyond is refused with 503 [default: 128 MiB for each core,
    /// at most a tenth of the memory that is there].
    #[arg(long, env = "CLEARSHOT_MAX_UPLOAD_MEMORY", default_value_t = at_most_a_tenth(cores().get() * (128 << 20)), hide_default_value = true)]
    pub max_upload_memory: usize,
    /// Most bytes of corrected photos under way to their clients at once; a further one waits, and is refused with 503 if none gets
    /// through in time [default: 256 MiB, at most a tenth of the memory that is there].
    #[arg(long, env = "CLEARSHOT_MAX_ANSWER_MEMORY", default_value_t = at_most_a_tenth(256 << 20), hide_default_value = true)]
    pub max_answer_memory: usize,
    /// Limits on images.
    #[command(flatten)]
    pub limits: Limits,
    /// Limits on request bodies.
    #[command(flatten)]
    pub upload_limits: UploadLimits,
    /// What may be fetched instead of being sent.
    #[command(flatten)]
    pub sources: SourceConfig,
    /// How the models run.
    #[command(flatten)]
    pub engine: EngineConfig,
}

impl AppConfig {
    /// Checks that the numbers make sense: what the service refuses to start with, and the doctor tells.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        at_least_one(&[
            ("--max-upload-memory", self.max_upload_memory as u64),
            ("--max-answer-memory", self.max_answer_memory as u64),
        ])?;
        self.engine.validate()?;
        self.limits.validate()?;
        self.upload_limits.validate()
    }

    /// The time that a photo has.
    fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms.get())
    }

    /// How many requests a key may have under way if its entry does not say: half, so that no key keeps the others out.
    fn share(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.max_in_flight.get().div_ceil(2)).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Respects cgroup quotas and affinity.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Together with what decoding takes it fits a small container.
fn at_most_a_tenth(bytes: usize) -> usize {
    bytes.min(usize::try_from(memory::available() / 10).unwrap_or(usize::MAX))
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A flag makes no sense.
    #[error("{0}")]
    Config(String),
    /// The file of keys was refused.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Models, profiles or ONNX Runtime cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// State of the running service.
pub struct App {
    /// The models in use. A request takes them once and keeps them to its end.
    pub engine: ArcSwap<Engine>,
    /// Name of the execution provider in use.
    pub provider: String,
    /// The profiles that photos can be judged by.
    pub profiles: Profiles,
    /// Limits on images.
    pub limits: Limits,
    /// How uploads are read.
    pub reading: Reading,
    /// The bytes of corrected photos that may be under way to their clients.
    pub answers: Budget,
    /// Time from the first byte of a request to its answer, and in a form from image to image.
    pub deadline: Duration,
    /// One permit for each request in flight; taken before the body is read.
    pub in_flight: Arc<Semaphore>,
    /// What photos are decoded with.
    pub decoders: Decoders,
    /// What is counted and timed.
    pub metrics: Arc<Metrics>,
    keys: ArcSwapOption<Keys>,
    runtime: Runtime,
    config: AppConfig,
    draining: AtomicBool,
}

impl App {
    /// Loads and warms up everything that requests need.
    ///
    /// # Errors
    /// [`StartError`], which names the remedy.
    pub fn start(config: &AppConfig) -> Result<Arc<Self>, StartError> {
        config.validate().map_err(StartError::Config)?;
        let sources = Sources::of(&config.sources).map_err(StartError::Config)?;
        let keys = config.access.keys.as_deref().map(|path| Keys::load(path, config.share())).transpose()?;
        let metrics = Arc::new(Metrics::new());
        let Loaded { runtime, models, profiles } = load(&config.files, config.engine.device)?;
        let engine = start(&runtime, models, config, &metrics)?;
        let provider = runtime.provider();
        metrics.models(engine.models(), &provider);
        if let Some(keys) = &keys {
            metrics.keys(&keys.names());
        }
        tracing::info!(provider, onnxruntime = %runtime.path().display(), "models are ready");
        Ok(Arc::new(Self {
            engine: ArcSwap::from_pointee(engine),
            provider,
            profiles,
            limits: config.limits,
            reading: Reading {
                limits: config.upload_limits,
                patience: config.deadline(),
                budget: Budget::new(config.max_upload_memory),
                sources,
            },
            answers: Budget::new(config.max_answer_memory),
            deadline: config.deadline(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.get())),
            decoders: Decoders::new(config.decoders, config.memory.decode()),
            metrics,
            keys: ArcSwapOption::from_pointee(keys),
            runtime,
            config: config.clone(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Loads the models anew and, when all are sound, puts them in the place of the old; requests in flight end with
    /// the models they began with. A bad set is refused as a whole and the old goes on serving.
    ///
    /// # Errors
    /// [`LoadError`]: what is wrong with the new set.
    pub fn reload(&self) -> Result<(), LoadError> {
        let new = load_models(&self.config.files, &self.profiles)
            .and_then(|models| start(&self.runtime, models, &self.config, &self.metrics));
        self.metrics.reloaded(if new.is_ok() { "loaded" } else { "refused" });
        let new = Arc::new(new?);
        self.engine.store(Arc::clone(&new));
        self.metrics.models(new.models(), &self.provider);
        Ok(())
    }

    /// Loads the keys anew; from then on only they are known. A bad file is refused and the old keys go on.
    ///
    /// # Errors
    /// [`KeyError`]: what is wrong with the file.
    pub fn reload_keys(&self) -> Result<(), KeyError> {
        let Some(path) = &self.config.access.keys else { return Ok(()) };
        let new = Keys::load(path, self.config.share())?;
        let new = match &*self.keys.load() {
            Some(old) => new.after(old),
            None => new,
        };
        self.metrics.keys(&new.names());
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
    pub fn config(&self) -> &AppConfig {
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

fn start(runtime: &Runtime, models: ModelSet, config: &AppConfig, metrics: &Arc<Metrics>) -> Result<Engine, LoadError> {
    Ok(Engine::start(runtime, &Arc::new(models), &config.engine, metrics)?)
}

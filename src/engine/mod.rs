//! Running the branch models: a queue and a batch worker for each.

mod branch;

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use clearshot_core::batch::RunError;
use clearshot_core::ingest::at_least_one;
use clearshot_core::models::{ModelSet, Tensor};
use clearshot_core::scoring::output::Output;
use clearshot_core::session::{DeviceConfig, Runtime, RuntimeError};

use crate::telemetry::metrics::Metrics;
use branch::{Branch, Waiting};

/// How the branches run.
#[derive(Clone, Copy, Debug, Args)]
pub struct EngineConfig {
    /// Sessions per model, each with a thread of its own; unless given, one for every three cores.
    #[arg(long, env = "CLEARSHOT_WORKERS", default_value_t = EngineConfig::default().workers)]
    pub workers: usize,
    /// Threads within each session.
    #[arg(long, env = "CLEARSHOT_INTRA_THREADS", default_value_t = EngineConfig::default().intra_threads)]
    pub intra_threads: usize,
    /// Largest batch that a session takes at once [default: 32 on a GPU; 1 on a CPU, where more gain nothing worth the memory that each
    /// size takes].
    #[arg(long, env = "CLEARSHOT_MAX_BATCH")]
    pub max_batch: Option<usize>,
    /// Milliseconds that a free worker waits for its batch to fill. 0 is right for a CPU; a GPU gains from a few.
    #[arg(long, env = "CLEARSHOT_MAX_DELAY_MS", default_value_t = EngineConfig::default().max_delay_ms)]
    pub max_delay_ms: u64,
    /// What they run on.
    #[command(flatten)]
    pub device: DeviceConfig,
    /// Photos that may wait for each model before further ones are refused.
    #[arg(long, env = "CLEARSHOT_QUEUE", default_value_t = EngineConfig::default().queue)]
    pub queue: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        // Respects cgroup quotas and affinity. Three branches share the cores, and decoding wants some, too.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            workers: cores.div_ceil(3),
            intra_threads: 1,
            max_batch: None,
            max_delay_ms: 0,
            device: DeviceConfig::default(),
            queue: 64,
        }
    }
}

impl EngineConfig {
    /// Checks that the numbers make sense.
    ///
    /// # Errors
    /// A message that names the flag.
    pub fn validate(&self) -> Result<(), String> {
        at_least_one(&[
            ("--workers", self.workers as u64),
            ("--intra-threads", self.intra_threads as u64),
            ("--max-batch", self.max_batch.unwrap_or(1) as u64),
            ("--queue", self.queue as u64),
        ])
    }

    /// Largest batch on what a runtime runs on.
    fn largest_batch(&self, runtime: &Runtime) -> usize {
        self.max_batch.unwrap_or(if runtime.provider() == "cpu" { 1 } else { 32 })
    }
}

/// Why a photo got no output.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A queue is full.
    #[error("too many photos are waiting")]
    Overloaded,
    /// The deadline passed while the photo waited.
    #[error("the deadline passed before the photo was scored")]
    DeadlineExceeded,
    /// The model failed or panicked on this photo.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The workers are gone.
    #[error("the model's workers have stopped")]
    Stopped,
}

/// A branch for each model of a set, ready.
pub struct Engine {
    models: Arc<ModelSet>,
    branches: Vec<Branch>,
}

impl Engine {
    /// Starts workers for the models.
    ///
    /// # Errors
    /// [`RuntimeError`] when a model cannot be loaded or fails its warm-up.
    pub fn start(
        runtime: &Runtime,
        models: &Arc<ModelSet>,
        config: &EngineConfig,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, RuntimeError> {
        let start = |model| Branch::start(runtime, model, config, metrics);
        let branches = models.models().iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { models: Arc::clone(models), branches })
    }

    /// The models that run.
    #[must_use]
    pub fn models(&self) -> &Arc<ModelSet> {
        &self.models
    }

    /// Photos that wait for each branch, by its metric.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, usize)> {
        self.branches.iter().map(|branch| (branch.metric(), branch.waiting()))
    }

    /// Runs a photo's tensors, in the order of [`ModelSet::views`], through the branches; outputs in the order of the models.
    ///
    /// # Errors
    /// [`EngineError`]. When one branch refuses or fails, the others are cancelled.
    pub async fn run(&self, tensors: &[Tensor], deadline: Instant) -> Result<Vec<Output>, EngineError> {
        let submit = |(index, branch): (usize, &Branch)| {
            branch.submit(Arc::clone(&tensors[self.models.view_of(index)]), deadline)
        };
        let waiting = self.branches.iter().enumerate().map(submit).collect::<Result<Vec<_>, _>>()?;
        let mut outputs = Vec::with_capacity(waiting.len());
        for receiver in waiting {
            outputs.push(wait(receiver, deadline).await?);
        }
        Ok(outputs)
    }

    /// Runs one tensor through the branch of the model at `index`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn run_one(&self, index: usize, tensor: Tensor, deadline: Instant) -> Result<Output, EngineError> {
        wait(self.branches[index].submit(tensor, deadline)?, deadline).await
    }
}

async fn wait(waiting: Waiting, deadline: Instant) -> Result<Output, EngineError> {
    tokio::time::timeout_at(deadline.into(), waiting)
        .await
        .map_err(|_| EngineError::DeadlineExceeded)?
        .map_err(|_| EngineError::Stopped)?
}

//! Running the branch models: a queue and a batch worker for each, and the ONNX Runtime sessions behind them.

mod branch;
pub mod privacy;
mod runtime;

use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use crate::metric::Metric;
use crate::scoring::calibration::RawOutput;
use crate::scoring::card::VerifiedModel;
use crate::telemetry::metrics::Metrics;
use branch::{Branch, Waiting};
pub use runtime::{BranchSession, ConvSearch, Device, DeviceConfig, Runtime, RuntimeError};

/// How the branches run.
#[derive(Clone, Copy, Debug, Args)]
pub struct EngineConfig {
    /// Sessions per branch, each with a thread of its own.
    #[arg(long, env = "CLEARSHOT_WORKERS", default_value_t = EngineConfig::default().workers)]
    pub workers: usize,
    /// Intra-op threads per session.
    #[arg(long, env = "CLEARSHOT_INTRA_THREADS", default_value_t = EngineConfig::default().intra_threads)]
    pub intra_threads: usize,
    /// Largest batch that a session takes at once. On a CPU more than a few gain nothing and cost memory; a GPU likes 32.
    #[arg(long, env = "CLEARSHOT_MAX_BATCH", default_value_t = EngineConfig::default().max_batch)]
    pub max_batch: usize,
    /// Milliseconds that a free worker waits for its batch to fill. 0 is right for a CPU; a GPU gains from a few.
    #[arg(long, env = "CLEARSHOT_MAX_DELAY_MS", default_value_t = EngineConfig::default().max_delay_ms)]
    pub max_delay_ms: u64,
    /// What they run on.
    #[command(flatten)]
    pub device: DeviceConfig,
    /// Photos that may wait for each branch before further ones are refused.
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
            max_batch: 4,
            max_delay_ms: 0,
            device: DeviceConfig::default(),
            queue: 64,
        }
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
    /// ONNX Runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The model's worker panicked on this photo.
    #[error("the model's worker panicked")]
    Panicked,
    /// The workers are gone.
    #[error("the model's workers have stopped")]
    Stopped,
}

/// The three branches, ready.
pub struct Engine {
    branches: [Branch; 3],
}

impl Engine {
    /// Starts workers for the models, given in the order of [`Metric::ALL`].
    ///
    /// # Errors
    /// [`RuntimeError`] when a model cannot be loaded or fails its warm-up.
    pub fn start(
        runtime: &Runtime,
        models: &[VerifiedModel; 3],
        config: &EngineConfig,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, RuntimeError> {
        let start = |index: usize| Branch::start(runtime, Metric::ALL[index], &models[index].onnx, config, metrics);
        Ok(Self { branches: [start(0)?, start(1)?, start(2)?] })
    }

    /// Photos that wait for each branch, in the order of [`Metric::ALL`].
    #[must_use]
    pub fn waiting(&self) -> [usize; 3] {
        self.branches.each_ref().map(Branch::waiting)
    }

    /// Runs a photo's view tensors, in the order of [`Metric::ALL`], through their branches.
    ///
    /// # Errors
    /// [`EngineError`]. When one branch refuses or fails, the others are cancelled.
    pub async fn run(&self, tensors: [Vec<f32>; 3], deadline: Instant) -> Result<[RawOutput; 3], EngineError> {
        let [blur, brightness, rotation] = tensors;
        let waiting = [
            self.branches[0].submit(blur, deadline)?,
            self.branches[1].submit(brightness, deadline)?,
            self.branches[2].submit(rotation, deadline)?,
        ];
        let mut outputs = [RawOutput { raw: f32::NAN, log_scale: f32::NAN }; 3];
        for (output, receiver) in outputs.iter_mut().zip(waiting) {
            *output = wait(receiver, deadline).await?;
        }
        Ok(outputs)
    }

    /// Runs one view tensor through the branch of its metric.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn run_one(&self, metric: Metric, tensor: Vec<f32>, deadline: Instant) -> Result<RawOutput, EngineError> {
        wait(self.branches[metric as usize].submit(tensor, deadline)?, deadline).await
    }
}

async fn wait(waiting: Waiting, deadline: Instant) -> Result<RawOutput, EngineError> {
    tokio::time::timeout_at(deadline.into(), waiting)
        .await
        .map_err(|_| EngineError::DeadlineExceeded)?
        .map_err(|_| EngineError::Stopped)?
}

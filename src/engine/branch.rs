//! One branch: a bounded queue and workers that each own a session.
//!
//! Batching is adaptive and needs no timer: a free worker takes what is queued, up to the largest batch, so that an idle
//! server adds no delay and a busy one batches by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::runtime::{BranchSession, Runtime, RuntimeError};
use super::{EngineConfig, EngineError};
use crate::metric::Metric;
use crate::scoring::calibration::RawOutput;
use crate::telemetry::metrics::Metrics;

/// A photo waiting for its output.
struct Job {
    tensor: Vec<f32>,
    deadline: Instant,
    reply: oneshot::Sender<Result<RawOutput, EngineError>>,
}

impl AsRef<[f32]> for Job {
    fn as_ref(&self) -> &[f32] {
        #[cfg(test)]
        assert!(!self.tensor.is_empty(), "injected: an empty tensor stands for whatever panics in a worker");
        &self.tensor
    }
}

/// Gets the output of a queued photo.
pub(super) type Waiting = oneshot::Receiver<Result<RawOutput, EngineError>>;

/// Handle of a branch; workers end when the last handle is dropped and the queue is empty.
pub(super) struct Branch {
    queue: Sender<Job>,
}

impl Branch {
    /// Loads a session for each worker, runs every batch size once so that the first photo does not pay for it, and
    /// starts the workers.
    pub(super) fn start(
        runtime: &Runtime,
        metric: Metric,
        onnx: &[u8],
        config: &EngineConfig,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, RuntimeError> {
        let (queue, jobs) = bounded(config.queue);
        for worker in 0..config.workers {
            let mut session = BranchSession::new(runtime, metric, onnx, config.intra_threads)?;
            session.warm_up(config.max_batch)?;
            let (jobs, metrics) = (jobs.clone(), Arc::clone(metrics));
            let (max_batch, max_delay) = (config.max_batch, Duration::from_millis(config.max_delay_ms));
            thread::Builder::new()
                .name(format!("{metric}-{worker}"))
                .spawn(move || work(&mut session, &jobs, max_batch, max_delay, &metrics))
                .map_err(|error| RuntimeError::Model { metric, reason: format!("no thread for it: {error}") })?;
        }
        Ok(Self { queue })
    }

    /// Photos in the queue.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Queues a tensor; the receiver gets the output. Dropping the receiver cancels the job.
    pub(super) fn submit(&self, tensor: Vec<f32>, deadline: Instant) -> Result<Waiting, EngineError> {
        let (reply, output) = oneshot::channel();
        self.queue.try_send(Job { tensor, deadline, reply }).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Overloaded,
            TrySendError::Disconnected(_) => EngineError::Stopped,
        })?;
        Ok(output)
    }
}

fn work(session: &mut BranchSession, jobs: &Receiver<Job>, max_batch: usize, max_delay: Duration, metrics: &Metrics) {
    while let Ok(first) = jobs.recv() {
        // With no delay this takes what is there; with one it waits, until the batch is full or the first waited enough.
        let until = Instant::now() + max_delay;
        let more = std::iter::from_fn(|| jobs.recv_deadline(until).ok());
        let waiting = std::iter::once(first).chain(more.take(max_batch - 1));
        // Cancelled and expired jobs never reach the model.
        let now = Instant::now();
        let mut batch = Vec::new();
        for job in waiting.filter(|job| !job.reply.is_closed()) {
            if job.deadline <= now {
                let _ = job.reply.send(Err(EngineError::DeadlineExceeded));
            } else {
                batch.push(job);
            }
        }
        if batch.is_empty() {
            continue;
        }
        metrics.batch(session.metric(), batch.len());
        match run(session, &batch) {
            Ok(outputs) => {
                for (job, output) in batch.into_iter().zip(outputs) {
                    let _ = job.reply.send(Ok(output));
                }
            }
            // One bad item must not fail its neighbours: each gets a run of its own.
            Err(error) => {
                metrics.batch_failed(session.metric());
                tracing::warn!(metric = %session.metric(), size = batch.len(), %error, "a batch failed; retrying item by item");
                for job in batch {
                    let output = run(session, std::slice::from_ref(&job)).map(|outputs| outputs[0]);
                    let _ = job.reply.send(output);
                }
            }
        }
    }
}

fn run(session: &mut BranchSession, batch: &[Job]) -> Result<Vec<RawOutput>, EngineError> {
    // A panic must cost its own batch only, never the worker. The session keeps no state between runs.
    catch_unwind(AssertUnwindSafe(|| session.run(batch)))
        .map_err(|_| EngineError::Panicked)?
        .map_err(EngineError::Runtime)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scoring::card::VerifiedModel;
    use crate::view;

    #[test]
    fn what_fails_or_panics_in_a_batch_fails_alone_and_the_worker_goes_on() {
        let metric = Metric::Brightness;
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let VerifiedModel { onnx, .. } = VerifiedModel::load(&models, metric).expect("models are shipped");
        let runtime = Runtime::load(None).expect("ONNX Runtime is set up");
        let metrics = Arc::new(Metrics::new());
        // One worker that waits long enough to take all of them at once.
        let config = EngineConfig { workers: 1, max_batch: 4, max_delay_ms: 500, ..EngineConfig::default() };
        let branch = Branch::start(&runtime, metric, &onnx, &config, &metrics).expect("it starts");
        let deadline = Instant::now() + Duration::from_secs(60);
        let submit = |tensor: Vec<f32>| branch.submit(tensor, deadline).expect("there is room");
        let good = vec![0.25; view::len(metric)];
        let replies = [good.clone(), vec![0.25; 3], Vec::new(), good.clone()].map(submit);
        let [first, wrong, panicking, last] = replies.map(|reply| reply.blocking_recv().expect("the worker lives"));
        assert!(matches!(wrong, Err(EngineError::Runtime(_))), "{wrong:?}");
        assert!(matches!(panicking, Err(EngineError::Panicked)), "{panicking:?}");
        let alone = submit(good).blocking_recv().expect("the worker lives").expect("it is scored");
        for output in [first, last] {
            let output = output.expect("a good photo is scored whatever came with it");
            assert_eq!(output.raw.to_bits(), alone.raw.to_bits());
        }
        let text = metrics.text();
        assert!(text.contains("clearshot_batch_failures_total{metric=\"brightness\"} 1"), "{text}");
    }
}

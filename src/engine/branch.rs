//! One branch: a bounded queue and workers that each own a session.
//!
//! Batching is adaptive and needs no timer: a free worker takes what is queued, up to the largest batch, so that an idle
//! server adds no delay and a busy one batches by itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clearshot_core::batch::run_batch;
use clearshot_core::models::Tensor;
use clearshot_core::scoring::card::VerifiedModel;
use clearshot_core::scoring::output::Output;
use clearshot_core::session::{BranchSession, Runtime, RuntimeError};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::{EngineConfig, EngineError};
use crate::telemetry::metrics::Metrics;

/// A photo waiting for its output.
struct Job {
    tensor: Tensor,
    deadline: Instant,
    reply: oneshot::Sender<Result<Output, EngineError>>,
}

/// Gets the output of a queued photo.
pub(super) type Waiting = oneshot::Receiver<Result<Output, EngineError>>;

/// What a worker does to a batch: a session's run, and in tests whatever is to go wrong.
type Run = Box<dyn FnMut(&[&[f32]]) -> Result<Vec<Output>, RuntimeError> + Send>;

/// Handle of a branch; workers end when it is dropped and the queue is empty.
pub(super) struct Branch {
    metric: String,
    queue: Sender<Job>,
    /// Never gets anything; it is disconnected when all workers have ended.
    working: Receiver<Infallible>,
}

impl Drop for Branch {
    /// Waits for what the workers are at: a process that ends takes ONNX Runtime from under a batch.
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        self.queue = bounded(0).0;
        let _ = self.working.recv_timeout(PATIENCE);
    }
}

impl Branch {
    /// Loads a session for each worker, runs every batch size once so that the first photo does not pay for it, and
    /// starts the workers.
    pub(super) fn start(
        runtime: &Runtime,
        model: &VerifiedModel,
        config: &EngineConfig,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, RuntimeError> {
        let max_batch = config.largest_batch(runtime);
        let session = |_| -> Result<Run, RuntimeError> {
            let mut session = BranchSession::of(runtime, model, config.intra_threads)?;
            session.warm_up(max_batch)?;
            Ok(Box::new(move |batch| session.run(batch)))
        };
        let runs = (0..config.workers).map(session).collect::<Result<Vec<Run>, _>>()?;
        Self::with_workers(model.card.metric.name.as_str(), runs, max_batch, config, metrics)
    }

    /// Starts a worker for each `run`.
    fn with_workers(
        metric: &str,
        runs: Vec<Run>,
        max_batch: usize,
        config: &EngineConfig,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, RuntimeError> {
        let (queue, jobs) = bounded(config.queue);
        let (at_work, working) = bounded(0);
        for (number, run) in runs.into_iter().enumerate() {
            let worker = Worker {
                metric: metric.to_owned(),
                jobs: jobs.clone(),
                max_batch,
                max_delay: Duration::from_millis(config.max_delay_ms),
                metrics: Arc::clone(metrics),
            };
            let failed =
                |error| RuntimeError::Model { metric: metric.to_owned(), reason: format!("no thread for it: {error}") };
            let builder = thread::Builder::new().name(format!("{metric}-{number}"));
            let at_work = at_work.clone();
            let work = move || {
                worker.work(run);
                drop(at_work);
            };
            builder.spawn(work).map_err(failed)?;
        }
        Ok(Self { metric: metric.to_owned(), queue, working })
    }

    /// Name of its metric.
    pub(super) fn metric(&self) -> &str {
        &self.metric
    }

    /// Photos in the queue.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Queues a tensor; the receiver gets the output. Dropping the receiver cancels the job.
    pub(super) fn submit(&self, tensor: Tensor, deadline: Instant) -> Result<Waiting, EngineError> {
        let (reply, output) = oneshot::channel();
        self.queue.try_send(Job { tensor, deadline, reply }).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Overloaded,
            TrySendError::Disconnected(_) => EngineError::Stopped,
        })?;
        Ok(output)
    }
}

/// A thread that takes batches from the queue.
struct Worker {
    metric: String,
    jobs: Receiver<Job>,
    max_batch: usize,
    max_delay: Duration,
    metrics: Arc<Metrics>,
}

impl Worker {
    fn work(&self, mut run: Run) {
        while let Ok(first) = self.jobs.recv() {
            // With no delay this takes what is there; with one it waits, until the batch is full or the first waited enough.
            let until = Instant::now() + self.max_delay;
            let more = std::iter::from_fn(|| self.jobs.recv_deadline(until).ok());
            let taken: Vec<Job> = std::iter::once(first).chain(more.take(self.max_batch - 1)).collect();
            // Cancelled and expired jobs never reach the model. They are told only now: the batch may have waited.
            let now = Instant::now();
            let mut batch = Vec::with_capacity(taken.len());
            for job in taken.into_iter().filter(|job| !job.reply.is_closed()) {
                if job.deadline <= now {
                    let _ = job.reply.send(Err(EngineError::DeadlineExceeded));
                } else {
                    batch.push(job);
                }
            }
            if batch.is_empty() {
                continue;
            }
            self.metrics.batch(&self.metric, batch.len());
            let tensors: Vec<&[f32]> = batch.iter().map(|job| job.tensor.as_slice()).collect();
            let outcome = run_batch(&self.metric, &tensors, &mut run);
            if outcome.retried {
                self.metrics.batch_failed(&self.metric);
            }
            for (job, output) in batch.into_iter().zip(outcome.outputs) {
                // Whoever went away meanwhile needs no answer.
                let _ = job.reply.send(output.map_err(EngineError::Run));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use clearshot_core::batch::RunError;

    use super::*;
    use clearshot_core::scoring::calibration::RawOutput;

    /// A model that counts what it is given: its output is the first value; -1 makes it panic, -2 fail.
    fn branch(config: &EngineConfig, gate: Option<mpsc::Receiver<()>>) -> (Branch, Arc<AtomicUsize>, Arc<Metrics>) {
        let seen = Arc::new(AtomicUsize::new(0));
        let metrics = Arc::new(Metrics::new());
        let counter = Arc::clone(&seen);
        let gate = gate.map(Mutex::new);
        let run: Run = Box::new(move |batch| {
            if let Some(gate) = &gate {
                let _ = gate.lock().expect("nobody panics with it").recv();
            }
            counter.fetch_add(batch.len(), Ordering::SeqCst);
            assert!(batch.iter().all(|tensor| tensor[0] > -0.5 || tensor[0] < -1.5), "injected");
            if batch.iter().any(|tensor| tensor[0] < -1.5) {
                return Err(RuntimeError::Run { metric: "any".into(), reason: "injected".into() });
            }
            Ok(batch.iter().map(|tensor| Output::Scalar(RawOutput { raw: tensor[0], log_scale: 0.0 })).collect())
        });
        let branch = Branch::with_workers("any", vec![run], config.max_batch.unwrap_or(1), config, &metrics)
            .expect("threads start");
        (branch, seen, metrics)
    }

    fn tensor(value: f32) -> Tensor {
        Arc::new(vec![value])
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn what_fails_or_panics_in_a_batch_fails_alone_and_the_worker_goes_on() {
        // One worker that waits long enough to take all of them at once.
        let config = EngineConfig { workers: 1, max_batch: Some(4), max_delay_ms: 500, ..EngineConfig::default() };
        let (branch, _, metrics) = branch(&config, None);
        let submit = |value: f32| branch.submit(tensor(value), later()).expect("there is room");
        let replies = [0.25, -2.0, -1.0, 0.5].map(submit);
        let [first, wrong, panicking, last] = replies.map(|reply| reply.blocking_recv().expect("the worker lives"));
        assert!(matches!(wrong, Err(EngineError::Run(RunError::Runtime(_)))), "{wrong:?}");
        assert!(matches!(panicking, Err(EngineError::Run(RunError::Panicked))), "{panicking:?}");
        assert_eq!([first, last].map(|output| output.expect("a good photo is scored").scalar().raw), [0.25, 0.5]);
        let alone = submit(0.75).blocking_recv().expect("the worker lives").expect("it is scored");
        assert!((alone.scalar().raw - 0.75).abs() < 1e-6);
        let text = metrics.text();
        assert!(text.contains("clearshot_batch_failures_total{metric=\"any\"} 1"), "{text}");
    }

    #[test]
    fn a_full_queue_refuses_and_cancelled_or_expired_photos_never_reach_the_model() {
        let (open, gate) = mpsc::channel();
        let config = EngineConfig { workers: 1, max_batch: Some(1), queue: 2, ..EngineConfig::default() };
        let (branch, seen, _) = branch(&config, Some(gate));
        let first = branch.submit(tensor(0.1), later()).expect("there is room");
        // The worker holds the first at the gate; then two fit into the queue and no more.
        while branch.waiting() > 0 {
            thread::yield_now();
        }
        let cancelled = branch.submit(tensor(0.2), later()).expect("there is room");
        let soon = Instant::now() + Duration::from_millis(20);
        let expired = branch.submit(tensor(0.3), soon).expect("there is room");
        assert!(matches!(branch.submit(tensor(0.4), later()), Err(EngineError::Overloaded)));
        drop(cancelled);
        thread::sleep(Duration::from_millis(30));
        // From now on the gate is open.
        drop(open);
        assert!(first.blocking_recv().expect("the worker lives").is_ok());
        let expired = expired.blocking_recv().expect("the worker lives");
        assert!(matches!(expired, Err(EngineError::DeadlineExceeded)), "{expired:?}");
        let last = branch.submit(tensor(0.5), later()).expect("there is room");
        assert!(last.blocking_recv().expect("the worker lives").is_ok());
        assert_eq!(seen.load(Ordering::SeqCst), 2, "the first and the last");
    }

    #[test]
    fn photos_that_are_cancelled_or_expire_while_a_batch_fills_never_reach_the_model() {
        let config = EngineConfig { workers: 1, max_batch: Some(4), max_delay_ms: 300, ..EngineConfig::default() };
        let (branch, seen, _) = branch(&config, None);
        let soon = Instant::now() + Duration::from_millis(50);
        let expiring = branch.submit(tensor(0.1), soon).expect("there is room");
        let cancelled = branch.submit(tensor(0.2), later()).expect("there is room");
        thread::sleep(Duration::from_millis(100));
        drop(cancelled);
        let good = branch.submit(tensor(0.3), later()).expect("there is room");
        assert!(good.blocking_recv().expect("the worker lives").is_ok());
        let expired = expiring.blocking_recv().expect("the worker lives");
        assert!(matches!(expired, Err(EngineError::DeadlineExceeded)), "{expired:?}");
        assert_eq!(seen.load(Ordering::SeqCst), 1, "the last");
    }
}

//! Running a batch so that one bad photo cannot fail its neighbours: what every worker does, over HTTP and in bulk.

use crate::guard::{Panicked, guarded};
use crate::scoring::output::Output;
use crate::session::RuntimeError;

/// Why a photo got no output.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// ONNX Runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The model panicked on this photo.
    #[error("the model's worker panicked")]
    Panicked,
}

impl From<Panicked> for RunError {
    fn from(Panicked: Panicked) -> Self {
        Self::Panicked
    }
}

/// What came of a batch.
pub struct BatchOutcome {
    /// One for each photo, in their order.
    pub outputs: Vec<Result<Output, RunError>>,
    /// True when the batch failed as a whole and each photo was tried alone.
    pub retried: bool,
}

/// Runs a batch; where that fails or panics, each of its photos alone. `metric` names the model in the log.
pub fn run_batch<T>(
    metric: &str,
    batch: &[T],
    mut run: impl FnMut(&[T]) -> Result<Vec<Output>, RuntimeError>,
) -> BatchOutcome {
    // A session keeps no state between runs.
    let mut try_run = |part: &[T]| -> Result<Vec<Output>, RunError> { Ok(guarded(|| run(part))??) };
    match try_run(batch) {
        Ok(outputs) => BatchOutcome { outputs: outputs.into_iter().map(Ok).collect(), retried: false },
        Err(error) => {
            tracing::warn!(metric, size = batch.len(), %error, "a batch failed; retrying item by item");
            let mut alone = |item: &T| {
                let output = try_run(std::slice::from_ref(item)).map(|mut outputs| outputs.swap_remove(0));
                if let Err(error) = &output {
                    tracing::error!(metric, %error, "a photo failed");
                }
                output
            };
            BatchOutcome { outputs: batch.iter().map(&mut alone).collect(), retried: true }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::calibration::RawOutput;

    fn model(batch: &[i32]) -> Result<Vec<Output>, RuntimeError> {
        assert!(!batch.contains(&-1), "injected");
        if batch.contains(&-2) {
            return Err(RuntimeError::Run { metric: "any".into(), reason: "injected".into() });
        }
        Ok(batch.iter().map(|&item| Output::Scalar(RawOutput { raw: item as f32, log_scale: 0.0 })).collect())
    }

    #[test]
    fn what_fails_or_panics_fails_alone() {
        let BatchOutcome { outputs, retried } = run_batch("any", &[1, -1, 2, -2], model);
        assert!(retried);
        assert!(matches!(outputs[1], Err(RunError::Panicked)) && matches!(outputs[3], Err(RunError::Runtime(_))));
        let raw = |index: usize| outputs[index].as_ref().map(|output| output.scalar().raw).ok();
        assert_eq!([raw(0), raw(2)], [Some(1.0), Some(2.0)]);
        let BatchOutcome { outputs, retried } = run_batch("any", &[1, 2], model);
        assert!(!retried && outputs.iter().all(Result::is_ok));
    }
}

//! A photo's whole way through the models without queues: what bulk scoring and benchmarks do on each thread.

use std::sync::Arc;

use crate::assessment::{Assessment, Prepared};
use crate::batch::{RunError, run_batch};
use crate::guard::guarded;
use crate::models::ModelSet;
use crate::scoring::output::Output;
use crate::scoring::profile::Profile;
use crate::session::{BranchSession, Runtime, RuntimeError};

/// A session for each model of a set.
pub struct Scorer {
    models: Arc<ModelSet>,
    sessions: Vec<BranchSession>,
}

impl Scorer {
    /// Loads the sessions, each with one thread.
    ///
    /// # Errors
    /// [`RuntimeError`] when a model cannot be loaded.
    pub fn new(runtime: &Runtime, models: Arc<ModelSet>) -> Result<Self, RuntimeError> {
        let session = |model| BranchSession::of(runtime, model, 1);
        let sessions = models.models().iter().map(session).collect::<Result<_, _>>()?;
        Ok(Self { models, sessions })
    }

    /// The models that score.
    #[must_use]
    pub fn models(&self) -> &Arc<ModelSet> {
        &self.models
    }

    /// The sessions, in the order of the models.
    pub fn sessions(&mut self) -> &mut [BranchSession] {
        &mut self.sessions
    }

    /// Runs every model on a batch of photos and judges each. A photo on which a model fails, fails alone.
    pub fn score(&mut self, batch: Vec<Prepared>, profile: &Profile) -> Vec<Result<Assessment, RunError>> {
        let mut outputs: Vec<Result<Vec<Output>, RunError>> = batch.iter().map(|_| Ok(Vec::new())).collect();
        for (index, session) in self.sessions.iter_mut().enumerate() {
            let view = self.models.view_of(index);
            let tensors: Vec<&[f32]> = batch.iter().map(|photo| photo.tensors[view].as_slice()).collect();
            let metric = session.metric().to_owned();
            for (found, output) in
                outputs.iter_mut().zip(run_batch(&metric, &tensors, |part| session.run(part)).outputs)
            {
                match (output, &mut *found) {
                    (Ok(output), Ok(outputs)) => outputs.push(output),
                    (Err(error), Ok(_)) => *found = Err(error),
                    (_, Err(_)) => {}
                }
            }
        }
        let judge = |(prepared, outputs): (Prepared, Result<Vec<Output>, RunError>)| {
            let outputs = outputs?;
            Ok(guarded(|| Assessment::new(prepared, &outputs, &self.models, profile, None))?)
        };
        batch.into_iter().zip(outputs).map(judge).collect()
    }
}

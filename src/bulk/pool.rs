//! The threads of a bulk run: readers fetch bytes, workers decode and score them, the caller gets what came of each photo in the
//! order of the photos: of every photo, whatever panics on one, as those after it wait for it. On a CPU each worker has sessions of
//! its own and no queue lies between decoding and models: that is the fastest that cores can go. On a GPU workers share a few
//! sessions and run photos in batches.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use clearshot_core::assessment::{Assessment, Prepared, prepare};
use clearshot_core::batch::RunError;
use clearshot_core::ingest::{Budget, DecodeMemory, Limits};
use clearshot_core::models::ModelSet;
use clearshot_core::scorer::Scorer;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::session::{Runtime, RuntimeError};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::error::ReadError;
use super::row::Refusal;
use super::source::{PhotoSource, Sources};
use crate::error::ApiError;

/// What came of a photo.
pub(super) enum Outcome {
    /// It was scored.
    Scored(Box<Assessment>),
    /// It never will be.
    Refused(Refusal),
    /// It could not be read this time.
    Unread(String),
}

/// Sizes of a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Threads that read.
    pub(super) readers: usize,
    /// Threads that decode and score.
    pub(super) workers: usize,
    /// Sets of sessions that workers share.
    pub(super) sessions: usize,
    /// Photos that a session takes at once.
    pub(super) batch: usize,
    /// Largest file in bytes.
    pub(super) max_file_bytes: usize,
}

/// Scores photos.
pub(super) struct Pool {
    sizes: Sizes,
    limits: Limits,
    memory: Arc<DecodeMemory>,
    models: Arc<ModelSet>,
    scorers: Vec<Mutex<Scorer>>,
    profile: Profile,
}

type Read = (usize, Result<Vec<u8>, ReadError>);

impl Pool {
    /// Loads the sessions.
    ///
    /// # Errors
    /// [`RuntimeError`] when a model cannot be loaded.
    pub(super) fn new(
        runtime: &Runtime,
        models: Arc<ModelSet>,
        profile: Profile,
        limits: Limits,
        memory: Arc<DecodeMemory>,
        sizes: Sizes,
    ) -> Result<Self, RuntimeError> {
        let scorer = |_| Ok(Mutex::new(Scorer::new(runtime, Arc::clone(&models))?));
        let scorers = (0..sizes.sessions).map(scorer).collect::<Result<Vec<_>, RuntimeError>>()?;
        Ok(Self { sizes, limits, memory, models, scorers, profile })
    }

    /// Scores the photos and hands over what came of each, in their order.
    ///
    /// # Errors
    /// The first error of `take`, which ends the run.
    pub(super) fn run<E>(
        &self,
        sources: &Sources,
        photos: &[PhotoSource],
        mut take: impl FnMut(&PhotoSource, Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let next = AtomicUsize::new(0);
        let (read, to_score) = bounded::<Read>(self.sizes.workers * self.sizes.batch);
        let (scored, results) = bounded(self.sizes.workers * self.sizes.batch);
        thread::scope(|scope| {
            for _ in 0..self.sizes.readers {
                let (next, read) = (&next, read.clone());
                scope.spawn(move || {
                    while let Some((index, photo)) = take_next(next, photos) {
                        // An error says that the run was ended.
                        let bytes = guarded(|| sources.read(photo, self.sizes.max_file_bytes));
                        let panicked = |_| Err(ReadError::Unreadable("reading it panicked".to_owned()));
                        if read.send((index, bytes.unwrap_or_else(panicked))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(read);
            for worker in 0..self.sizes.workers {
                let (to_score, scored) = (to_score.clone(), scored.clone());
                scope.spawn(move || self.work(worker, &to_score, &scored));
            }
            drop((to_score, scored));
            let mut early = BTreeMap::new();
            let mut expected = 0;
            for (index, outcome) in results {
                early.insert(index, outcome);
                while let Some(outcome) = early.remove(&expected) {
                    take(&photos[expected], outcome)?;
                    expected += 1;
                }
            }
            Ok(())
        })
    }

    fn work(&self, worker: usize, to_score: &Receiver<Read>, scored: &Sender<(usize, Outcome)>) {
        let scorer = &self.scorers[worker % self.scorers.len()];
        while let Ok(first) = to_score.recv() {
            let mut batch = Vec::with_capacity(self.sizes.batch);
            for (index, read) in std::iter::once(first).chain(to_score.try_iter()).take(self.sizes.batch) {
                match self.prepare(read) {
                    Ok(prepared) => batch.push((index, prepared)),
                    Err(outcome) => {
                        if scored.send((index, outcome)).is_err() {
                            return;
                        }
                    }
                }
            }
            if batch.is_empty() {
                continue;
            }
            for outcome in self.score(scorer, batch) {
                if scored.send(outcome).is_err() {
                    return;
                }
            }
        }
    }

    fn prepare(&self, read: Result<Vec<u8>, ReadError>) -> Result<Prepared, Outcome> {
        let bytes = read.map_err(|error| match error {
            ReadError::Unreadable(reason) => Outcome::Unread(reason),
            ReadError::TooLarge { limit } => refused(&ApiError::BodyTooLarge { limit }, Some(error.to_string())),
        })?;
        let budget = Budget { limits: &self.limits, memory: Some(&self.memory), until: None };
        prepare(&bytes, budget, self.models.views(), false).map_err(|error| refused(&error.into(), None))
    }

    fn score(&self, scorer: &Mutex<Scorer>, batch: Vec<(usize, Prepared)>) -> Vec<(usize, Outcome)> {
        let (indices, photos): (Vec<usize>, Vec<Prepared>) = batch.into_iter().unzip();
        let scored = guarded(|| scorer.lock().unwrap_or_else(PoisonError::into_inner).score(photos, &self.profile));
        let scored = scored.unwrap_or_else(|_| indices.iter().map(|_| Err(RunError::Panicked)).collect());
        let outcome = |scored: Result<Assessment, RunError>| match scored {
            Ok(assessment) => Outcome::Scored(Box::new(assessment)),
            Err(error) => refused(&ApiError::Internal, Some(error.to_string())),
        };
        indices.into_iter().zip(scored.into_iter().map(outcome)).collect()
    }
}

/// The steps guard themselves where photos are known to break them; this is for what nobody thought of.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, RunError> {
    // A step keeps no state but what it returns, so nothing broken is left behind.
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| RunError::Panicked)
}

/// The next item that no other thread has taken.
pub(super) fn take_next<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

fn refused(error: &ApiError, detail: Option<String>) -> Outcome {
    let detail = detail.unwrap_or_else(|| error.to_string());
    Outcome::Refused(Refusal { code: error.problem().code.to_owned(), detail })
}

//! The threads of a bulk run: readers fetch bytes, workers decode and score them, the caller gets what came of each photo in the
//! order of the photos: of every photo, whatever panics on one, as those after it wait for it. On a CPU each worker has sessions of
//! its own and no queue lies between decoding and models: that is the fastest that cores can go. On a GPU workers share a few
//! sessions and run photos in batches. Where the models fail on a photo, a picture of our own tells whether that is the photo's
//! fault, which then is refused, or the device's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use clearshot_core::assessment::{Assessment, PrepareError, Prepared, prepare};
use clearshot_core::batch::RunError;
use clearshot_core::guard::{Panicked, guarded};
use clearshot_core::ingest::{Budget, DecodeMemory, IngestError, Limits};
use clearshot_core::models::ModelSet;
use clearshot_core::scorer::Scorer;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::session::{Runtime, RuntimeError};
use clearshot_core::view::View;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::error::ReadError;
use super::row::Refusal;
use super::source::PhotoSource;
use crate::drawn;
use crate::error::ApiError;

/// What came of a photo.
pub(super) enum Outcome {
    /// It was scored.
    Scored(Box<Assessment>),
    /// It never will be: it cannot be decoded, or the models fail on it and on no other.
    Refused(Refusal),
    /// It could not be read this time.
    Unread(String),
    /// The models could not run this time, on no other picture either: the device may be lost, or its memory be taken.
    Failed(String),
    /// It is none, and nobody said that it is one.
    NoPhoto,
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
}

/// What a worker does to decoded photos: a scorer's work, and in tests whatever is to go wrong.
type Score = Box<dyn FnMut(Vec<Prepared>) -> Vec<Result<Assessment, RunError>> + Send>;

/// Scores photos.
pub(super) struct Pool {
    sizes: Sizes,
    limits: Limits,
    memory: Arc<DecodeMemory>,
    views: Vec<&'static View>,
    scorers: Vec<Mutex<Score>>,
}

type Read = (usize, Result<Vec<u8>, ReadError>);

/// Width and height of the picture by which it is seen whether the models run.
const PICTURE: [u32; 2] = [640, 480];

impl Pool {
    /// Loads the sessions.
    ///
    /// # Errors
    /// [`RuntimeError`] when a model cannot be loaded.
    pub(super) fn new(
        runtime: &Runtime,
        models: &Arc<ModelSet>,
        profile: &Profile,
        limits: Limits,
        memory: Arc<DecodeMemory>,
        sizes: Sizes,
    ) -> Result<Self, RuntimeError> {
        let scorer = |_| -> Result<Score, RuntimeError> {
            let (mut scorer, profile) = (Scorer::new(runtime, Arc::clone(models))?, profile.clone());
            Ok(Box::new(move |photos| scorer.score(photos, &profile)))
        };
        let scorers = (0..sizes.sessions).map(scorer).collect::<Result<Vec<Score>, RuntimeError>>()?;
        Ok(Self {
            sizes,
            limits,
            memory,
            views: models.views().to_vec(),
            scorers: scorers.into_iter().map(Mutex::new).collect(),
        })
    }

    /// Reads and scores the photos and hands over what came of each, in their order.
    ///
    /// # Errors
    /// The first error of `take`, which ends the run.
    pub(super) fn run<E>(
        &self,
        read: impl Fn(&PhotoSource) -> Result<Vec<u8>, ReadError> + Sync,
        photos: &[PhotoSource],
        mut take: impl FnMut(&PhotoSource, Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let read = |photo: &PhotoSource| {
            let panicked = |Panicked| Err(ReadError::Unreadable("reading it panicked".to_owned()));
            guarded(|| read(photo)).unwrap_or_else(panicked)
        };
        let next = AtomicUsize::new(0);
        let (fetched, to_score) = bounded::<Read>(self.sizes.workers * self.sizes.batch);
        let (scored, results) = bounded(self.sizes.workers * self.sizes.batch);
        thread::scope(|scope| {
            for _ in 0..self.sizes.readers {
                let (next, read, fetched) = (&next, &read, fetched.clone());
                scope.spawn(move || {
                    while let Some((index, photo)) = take_next(next, photos) {
                        // An error says that the run was ended.
                        if fetched.send((index, read(photo))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(fetched);
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
                    let photo = &photos[expected];
                    take(photo, self.settled(outcome, || read(photo)))?;
                    expected += 1;
                }
            }
            Ok(())
        })
    }

    /// What is said of a photo in the end. One on which the models failed although they run is tried again, by itself: what failed may
    /// have been another one of its batch, or the device for a moment.
    fn settled(&self, outcome: Outcome, read: impl FnOnce() -> Result<Vec<u8>, ReadError>) -> Outcome {
        match outcome {
            Outcome::Failed(_) if self.runs() => {
                match self.prepare(read()).map(|prepared| self.score_alone(prepared)) {
                    Ok(Outcome::Failed(reason)) => refused(&ApiError::Internal, Some(reason)),
                    Ok(outcome) | Err(outcome) => outcome,
                }
            }
            outcome => outcome,
        }
    }

    /// True where the models run on a picture that nothing is wrong with, whatever the limits say of it.
    fn runs(&self) -> bool {
        let prepared = prepare(&drawn::photo(PICTURE), &Limits::default(), &self.views, false);
        prepared.is_ok_and(|prepared| matches!(self.score_alone(prepared), Outcome::Scored(_)))
    }

    fn score_alone(&self, prepared: Prepared) -> Outcome {
        Self::score(&self.scorers[0], vec![(0, prepared)]).swap_remove(0).1
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
            for outcome in Self::score(scorer, batch) {
                if scored.send(outcome).is_err() {
                    return;
                }
            }
        }
    }

    fn prepare(&self, read: Result<Vec<u8>, ReadError>) -> Result<Prepared, Outcome> {
        let bytes = read.map_err(|error| match error {
            ReadError::Unreadable(reason) => Outcome::Unread(reason),
            ReadError::NoPhoto => Outcome::NoPhoto,
            ReadError::TooLarge { limit } => refused(&ApiError::BodyTooLarge { limit }, Some(error.to_string())),
        })?;
        let budget = Budget { limits: &self.limits, memory: Some(&self.memory), until: None };
        prepare(&bytes, budget, &self.views, false).map_err(|error| {
            // What a client is told is about its request and the service's log.
            let detail = match &error {
                PrepareError::Ingest(IngestError::Empty) => Some("The file is empty.".to_owned()),
                PrepareError::Panicked => Some(error.to_string()),
                PrepareError::Ingest(_) => None,
            };
            refused(&error.into(), detail)
        })
    }

    fn score(scorer: &Mutex<Score>, batch: Vec<(usize, Prepared)>) -> Vec<(usize, Outcome)> {
        let (indices, photos): (Vec<usize>, Vec<Prepared>) = batch.into_iter().unzip();
        // The steps within guard themselves where photos are known to break them; this is for what nobody thought of.
        let scored = guarded(|| scorer.lock().unwrap_or_else(PoisonError::into_inner)(photos));
        let outcome = |scored: Result<Assessment, RunError>| match scored {
            Ok(assessment) => Outcome::Scored(Box::new(assessment)),
            // It was alone then, and would be its own undoing again.
            Err(error @ RunError::Panicked) => refused(&ApiError::Internal, Some(error.to_string())),
            Err(error @ RunError::Runtime(_)) => Outcome::Failed(error.to_string()),
        };
        let outcomes: Vec<Outcome> = match scored {
            Ok(scored) => scored.into_iter().map(outcome).collect(),
            Err(Panicked) if indices.len() == 1 => vec![outcome(Err(RunError::Panicked))],
            Err(Panicked) => {
                let lost = |_: &usize| Outcome::Failed("a step panicked on the photos that it stood among".to_owned());
                indices.iter().map(lost).collect()
            }
        };
        indices.into_iter().zip(outcomes).collect()
    }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clearshot_core::digest::sha256_hex;
    use clearshot_core::scoring::calibration::RawOutput;
    use clearshot_core::scoring::output::Output;
    use clearshot_core::scoring::profile::Profiles;

    use super::*;

    /// A pool that scores every photo alike, and panics on a batch that holds one with this hash.
    fn pool(sizes: Sizes, panics_on: &str) -> Pool {
        let models = ModelSet::load(Path::new("models")).expect("models are shipped");
        let views = models.views().to_vec();
        let profile = Profiles::built_in().find("default").expect("it is built in").clone();
        let outputs = vec![Output::Scalar(RawOutput { raw: 0.0, log_scale: 0.0 }); models.models().len()];
        let score = move |panics_on: String| -> Mutex<Score> {
            let (models, profile, outputs) = (models.clone(), profile.clone(), outputs.clone());
            Mutex::new(Box::new(move |photos| {
                assert!(photos.iter().all(|photo| photo.image.sha256 != panics_on), "injected");
                photos.into_iter().map(|photo| Ok(Assessment::new(photo, &outputs, &models, &profile, None))).collect()
            }))
        };
        let scorers = (0..sizes.sessions).map(|_| score(panics_on.to_owned())).collect();
        Pool { sizes, limits: Limits::default(), memory: DecodeMemory::new(1 << 30), views, scorers }
    }

    #[test]
    fn a_panic_in_any_step_costs_its_own_photos_and_every_photo_has_its_outcome_in_order() {
        let good = std::fs::read("tests/fixtures/pavilion.jpg").expect("the fixture is there");
        // The decoder ignores what follows a JPEG's end; the hash does not.
        let bad = [&good[..], b"!"].concat();
        let read = |photo: &PhotoSource| {
            assert!(!photo.path.contains("panics when read"), "injected");
            Ok(if photo.path.contains("panics when scored") { bad.clone() } else { good.clone() })
        };
        let paths = ["a", "panics when read", "b", "panics when scored", "c", "panics when read, too", "d", "e"];
        let photos: Vec<PhotoSource> = paths.iter().map(|path| PhotoSource::file((*path).into())).collect();
        for (workers, sessions, batch) in [(1, 1, 1), (3, 3, 1), (2, 1, 4)] {
            let pool = pool(Sizes { readers: 2, workers, sessions, batch }, &sha256_hex(&bad));
            let mut outcomes = Vec::new();
            let ran = pool.run(read, &photos, |photo, outcome| {
                let outcome = match outcome {
                    Outcome::Scored(_) => "scored",
                    Outcome::Refused(refusal) if refusal.code == "internal" => "panicked in scoring",
                    Outcome::Unread(reason) if reason.contains("panicked") => "panicked in reading",
                    Outcome::Refused(_) | Outcome::Unread(_) | Outcome::Failed(_) | Outcome::NoPhoto => "another",
                };
                outcomes.push((photo.path.clone(), outcome));
                Ok::<(), ()>(())
            });
            assert_eq!(ran, Ok(()));
            assert!(outcomes.iter().map(|(path, _)| path.as_str()).eq(paths), "{outcomes:?}");
            for (path, outcome) in &outcomes {
                let wanted = match path.as_str() {
                    // Alone it is known to be at fault, and what stood in one batch with it is not.
                    "panics when scored" => "panicked in scoring",
                    path if path.contains("panics when read") => "panicked in reading",
                    _ => "scored",
                };
                assert_eq!(*outcome, wanted, "{path}, in batches of {batch}");
            }
        }
    }

    /// What comes of a batch when the device is lost.
    fn lost(photos: &[Prepared]) -> Vec<Result<Assessment, RunError>> {
        let error = || RuntimeError::Run { metric: "any".into(), reason: "the device is lost".into() };
        photos.iter().map(|_| Err(RunError::Runtime(error()))).collect()
    }

    #[test]
    fn what_failed_for_a_moment_is_scored() {
        let photo = std::fs::read("tests/fixtures/pavilion.jpg").expect("the fixture is there");
        let read = |_: &PhotoSource| Ok(photo.clone());
        let photos = ["a", "b", "c"].map(|path| PhotoSource::file(path.into()));
        for batch in [1, 2] {
            let mut pool = pool(Sizes { readers: 1, workers: 1, sessions: 1, batch }, "");
            let mut well = pool.scorers.remove(0).into_inner().expect("nobody panicked with it");
            let mut fails = true;
            let score: Score =
                Box::new(move |photos| if std::mem::take(&mut fails) { lost(&photos) } else { well(photos) });
            pool.scorers.push(Mutex::new(score));
            let mut scored = 0;
            let ran = pool.run(read, &photos, |_, outcome| {
                scored += usize::from(matches!(outcome, Outcome::Scored(_)));
                Ok::<(), ()>(())
            });
            assert_eq!((ran, scored), (Ok(()), 3));
        }
    }

    #[test]
    fn a_lost_device_is_not_held_against_photos() {
        let photo = std::fs::read("tests/fixtures/pavilion.jpg").expect("the fixture is there");
        let read = |_: &PhotoSource| Ok(photo.clone());
        let photos = ["a", "b", "c"].map(|path| PhotoSource::file(path.into()));
        for batch in [1, 2] {
            let score: Score = Box::new(|photos| lost(&photos));
            let sizes = Sizes { readers: 1, workers: 1, sessions: 1, batch };
            let pool = Pool { scorers: vec![Mutex::new(score)], ..pool(sizes, "") };
            let mut failed = 0;
            let ran = pool.run(read, &photos, |_, outcome| {
                failed += usize::from(matches!(outcome, Outcome::Failed(reason) if reason.contains("is lost")));
                Ok::<(), ()>(())
            });
            assert_eq!((ran, failed), (Ok(()), 3));
        }
    }
}

//! What a key allows its holder: so many photos a minute, so many requests at once.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Entry;

/// What is done with a photo, and so what it takes out of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// It is scored.
    Score,
    /// It is scored, and so is each tile of it.
    Tiles,
    /// It is scored, corrected, encoded and scored again, in all its pixels.
    Correct,
}

impl Work {
    /// How many photos it counts as: about what it costs the service, in scores of one photo.
    #[must_use]
    pub fn photos(self) -> NonZeroU32 {
        const SCORE: NonZeroU32 = NonZeroU32::MIN;
        const TILES: NonZeroU32 = NonZeroU32::new(2).expect("it is not zero");
        const CORRECT: NonZeroU32 = NonZeroU32::new(10).expect("it is not zero");
        match self {
            Self::Score => SCORE,
            Self::Tiles => TILES,
            Self::Correct => CORRECT,
        }
    }
}

/// What is left of what a key allows.
pub(super) struct Allowance {
    /// Photos, and the most that can be had at once.
    photos: Option<(DefaultDirectRateLimiter, NonZeroU32)>,
    places: Arc<Semaphore>,
    concurrent: usize,
}

impl Allowance {
    /// The whole allowance of an entry, which may have `share` requests under way if it says nothing else.
    pub(super) fn new(entry: &Entry, share: NonZeroUsize) -> Self {
        let photos = entry.photos_per_minute.map(|rate| {
            let burst = entry.burst.unwrap_or(rate);
            (DefaultDirectRateLimiter::direct(Quota::per_minute(rate).allow_burst(burst)), burst)
        });
        let concurrent = entry.concurrent.unwrap_or(share).get();
        Self { photos, places: Arc::new(Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS))), concurrent }
    }

    /// Takes work on one photo out of it. What counts as more photos than can be had at once takes these all.
    pub(super) fn spend(&self, work: Work) -> Result<(), Duration> {
        let Some((limiter, burst)) = &self.photos else { return Ok(()) };
        match limiter.check_n(work.photos().min(*burst)) {
            Ok(Err(until)) => Err(until.wait_time_from(DefaultClock::default().now())),
            // It is never more than the burst.
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// A place for one more request.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, usize> {
        self.places.clone().try_acquire_owned().map_err(|_| self.concurrent)
    }
}

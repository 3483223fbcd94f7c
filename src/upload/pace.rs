//! How long a client may keep the service waiting for its upload. Only that time counts: while the service does something else, it
//! does not read, and a client that cannot send is not slow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{FORM_PATIENCE, Reading};
use crate::error::ApiError;

/// Time before the average counts.
const GRACE: Duration = Duration::from_secs(3);

/// The pace of one body, shared by whoever reads it and the body itself.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<Mutex<Account>>);

#[derive(Debug)]
struct Account {
    /// Slowest average in bytes a second; 0 for none.
    rate: u32,
    /// For each image.
    patience: Duration,
    /// Bytes that came.
    seen: u64,
    /// Time for which the service waited, before `since`.
    waited: Duration,
    /// Since when it waits now.
    since: Option<Instant>,
    /// What `waited` was when the present image began.
    began: Duration,
}

impl Pace {
    pub(super) fn new(reading: &Reading) -> Self {
        let Reading { limits, patience, .. } = reading;
        let account = Account {
            rate: limits.min_upload_rate,
            patience: *patience,
            seen: 0,
            waited: Duration::ZERO,
            since: None,
            began: Duration::ZERO,
        };
        Self(Arc::new(Mutex::new(account)))
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next image is wanted.
    pub(super) fn begin(&self) {
        let mut account = self.account();
        account.began = account.waited;
    }

    /// Nothing is wanted for now.
    pub(super) fn pause(&self) {
        self.account().pause();
    }

    /// Something came.
    pub(super) fn came(&self, bytes: usize) {
        let mut account = self.account();
        account.pause();
        account.seen += bytes as u64;
    }

    /// Nothing is there yet: until when it is waited for.
    pub(super) fn waiting(&self) -> Instant {
        let mut account = self.account();
        let since = *account.since.get_or_insert_with(Instant::now);
        since + account.left().0
    }

    /// Why waiting was given up.
    pub(super) fn too_slow(&self) -> ApiError {
        self.account().left().1
    }
}

impl Account {
    fn pause(&mut self) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// How much longer than `waited` a client may keep the service waiting, and what it is told when that is over.
    fn left(&self) -> (Duration, ApiError) {
        let whole = self.patience.saturating_mul(FORM_PATIENCE);
        let (until, within) = (self.began + self.patience, self.patience).min((whole, whole));
        let in_time = (until, ApiError::UploadTooLate { within });
        let on_average = (self.rate > 0).then(|| {
            let until = GRACE + Duration::from_secs(self.seen) / self.rate;
            (until, ApiError::UploadTooSlow { bytes_per_second: self.rate })
        });
        let (until, error) = match on_average {
            Some(on_average) if on_average.0 < in_time.0 => on_average,
            _ => in_time,
        };
        (until.saturating_sub(self.waited), error)
    }
}

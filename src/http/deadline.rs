//! By when a photo has to be answered, and whose fault it is where it is not.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::Request;
use tokio::time::timeout_at;

use super::assess::Assessor;
use crate::error::ApiError;
use crate::telemetry::metrics::Passage;
use crate::upload::{self, Upload};

/// By when something has to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    set: Instant,
    time: Duration,
}

impl Deadline {
    /// The deadline that is `time` away.
    pub(super) fn after(time: Duration) -> Self {
        Self { set: Instant::now(), time }
    }

    /// The moment.
    pub(super) fn instant(self) -> Instant {
        self.set + self.time
    }

    /// The time that is left.
    pub(super) fn left(self) -> Duration {
        self.time.saturating_sub(self.set.elapsed())
    }

    /// What `work` comes to, if that is in time.
    pub(super) async fn bound<T>(self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        timeout_at(self.instant().into(), work).await.unwrap_or(Err(ApiError::DeadlineExceeded))
    }

    /// Reads the one photo of a request and works on it. A client that does not send in time is told so, and so is one whose upload took
    /// the larger part of the time that the service would have needed; where it was a source that did, that is to blame.
    pub(super) async fn bound_photo<T, W>(
        self,
        request: Request,
        assessor: &Assessor,
        passage: &Passage,
        work: impl FnOnce(Bytes) -> W,
    ) -> Result<T, ApiError>
    where
        W: Future<Output = Result<T, ApiError>>,
    {
        let done = async {
            let Upload { bytes, is_fetched } = upload::read(request, &assessor.app.reading).await?;
            let (took, of) = (self.set.elapsed(), self.time);
            self.bound(work(bytes)).await.map_err(|error| match error {
                ApiError::DeadlineExceeded if took > of / 2 && is_fetched => {
                    let (took, of) = (took.as_secs_f32(), of.as_secs_f32());
                    ApiError::SourceUnavailable(format!("it took {took:.1} s of the {of} s that a photo has"))
                }
                ApiError::DeadlineExceeded if took > of / 2 => ApiError::UploadTookTheTime { took, of },
                error => error,
            })
        };
        // Whatever came of it: only a client that goes away leaves a passage without an end.
        let done = done.await;
        passage.end();
        done
    }
}

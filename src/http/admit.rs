//! Letting a scoring request in, before a byte of its body is read, and the time it has: `/score`, `/score/batch` and `/correct`
//! take the same way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use clearshot_core::scoring::profile::Profile;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout_at;

use super::assess::Assessor;
use crate::app::App;
use crate::error::ApiError;
use crate::telemetry::metrics::Passage;
use crate::upload;

/// The query of a route that scores.
pub(crate) trait ScoringQuery: DeserializeOwned + Send {
    /// Name of the profile to judge by.
    fn profile(&self) -> &str;
}

/// A request that was let in. A refused one costs nothing: its upload is not read.
pub(crate) struct Admitted<Q> {
    /// What the query asks for.
    pub(super) query: Q,
    /// Scores the request's photos, by its profile and with the models that serve now.
    pub(super) assessor: Assessor,
    /// By when the answer has to be there.
    pub(super) deadline: Deadline,
    /// The request, whose body is still to be read.
    pub(super) request: Request,
    /// The request's place among those in flight, to be held until the answer is there.
    pub(super) place: Place,
}

/// A place among the requests in flight; dropping it makes room for another.
#[must_use]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl<Q: ScoringQuery> FromRequest<Arc<App>> for Admitted<Q> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let deadline = Deadline::after(app.deadline);
        let (mut parts, body) = request.into_parts();
        let query = Query::from_request_parts(&mut parts, app).await;
        let request = Request::from_parts(parts, body);
        match admit(app, query) {
            Ok((query, assessor, place)) => Ok(Self { query, assessor, deadline, request, place }),
            Err(error) => {
                upload::discard(request).await;
                Err(error)
            }
        }
    }
}

fn admit<Q: ScoringQuery>(
    app: &Arc<App>,
    query: Result<Query<Q>, QueryRejection>,
) -> Result<(Q, Assessor, Place), ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::BadQuery(format!("{}.", rejection.body_text())))?;
    let profile = profile(app, query.profile())?;
    let permit = app.in_flight.clone().try_acquire_owned().map_err(|_| ApiError::Overloaded)?;
    let assessor = Assessor { app: Arc::clone(app), engine: app.engine.load_full(), profile };
    Ok((query, assessor, Place { _permit: permit }))
}

fn profile(app: &App, name: &str) -> Result<Arc<Profile>, ApiError> {
    app.profiles.find(name).cloned().map(Arc::new).ok_or_else(|| ApiError::UnknownProfile(name.to_owned()))
}

/// Name of the profile where a query names none.
pub(super) fn default_profile() -> String {
    "default".to_owned()
}

/// By when something has to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The deadline that is `time` away.
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The moment.
    pub(super) fn instant(self) -> Instant {
        self.0
    }

    /// What `work` comes to, if that is in time.
    pub(super) async fn bound<T>(self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        timeout_at(self.0.into(), work).await.unwrap_or(Err(ApiError::DeadlineExceeded))
    }

    /// The same for the work on one photo, whose passage ends whatever came of it: only a client that goes away leaves a
    /// passage without an end.
    pub(super) async fn bound_photo<T>(
        self,
        passage: &Passage,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let done = self.bound(work).await;
        passage.end();
        done
    }
}

//! Letting a scoring request in, before a byte of its body is read: `/score`, `/score/batch` and `/correct` take the same way.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::HeaderMap;
use clearshot_core::scoring::attempt::Attempt;
use clearshot_core::scoring::coverage::Coverage;
use clearshot_core::scoring::profile::Profile;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::assess::Assessor;
use super::deadline::Deadline;
use crate::access::{Key, Work};
use crate::app::App;
use crate::error::{ApiError, quoted};
use crate::upload;

/// The query of a route that scores.
pub(crate) trait ScoringQuery: DeserializeOwned + Send {
    /// Name of the profile to judge by.
    fn profile(&self) -> &str;

    /// Coverage of the intervals, where the query asks for another than the models' own.
    fn coverage(&self) -> Option<Coverage>;

    /// Which attempt at the photo it is, where the query says so.
    fn attempt(&self) -> Option<Attempt>;

    /// What is done with each photo.
    fn work(&self) -> Work;
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
    /// The request's place among those in flight, to be held until the answer is written, see `answer`.
    pub(super) place: Place,
    /// Who pays for the photos; the first is paid.
    pub(super) payer: Payer,
}

/// A place among the requests in flight, and among those of its key; dropping it makes room for another.
#[must_use]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _of_key: Option<OwnedSemaphorePermit>,
}

/// The key that a request came with, where the service has keys.
#[derive(Clone)]
pub(super) struct Payer(Option<Arc<Key>>);

impl Payer {
    /// Takes the work on one photo out of the key's allowance.
    pub(super) fn pay(&self, work: Work) -> Result<(), ApiError> {
        let Some(key) = &self.0 else { return Ok(()) };
        key.spend(work).map_err(|wait| ApiError::RateLimited { wait })
    }

    fn enter(&self) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        self.0.as_ref().map(|key| key.enter().map_err(|limit| ApiError::TooManyAtOnce { limit })).transpose()
    }
}

impl<Q: ScoringQuery> FromRequest<Arc<App>> for Admitted<Q> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let deadline = Deadline::after(app.deadline);
        let (mut parts, body) = request.into_parts();
        let query = Query::from_request_parts(&mut parts, app).await;
        let payer = Payer(parts.extensions.get().cloned());
        let admitted = admit(app, query, &parts.headers, &payer);
        let request = Request::from_parts(parts, body);
        match admitted {
            Ok((query, assessor, place)) => Ok(Self { query, assessor, deadline, request, place, payer }),
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
    headers: &HeaderMap,
    payer: &Payer,
) -> Result<(Q, Assessor, Place), ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::BadQuery(format!("{}.", quoted(&rejection.body_text()))))?;
    let profile = profile(app, query.profile())?;
    upload::understood(headers)?;
    let of_key = payer.enter()?;
    let permit = app.in_flight.clone().try_acquire_owned().map_err(|_| ApiError::Overloaded)?;
    // Last, so that what is refused for another reason costs the key nothing.
    payer.pay(query.work())?;
    let (coverage, attempt) = (query.coverage(), query.attempt());
    let assessor = Assessor { app: Arc::clone(app), engine: app.engine.load_full(), profile, coverage, attempt };
    Ok((query, assessor, Place { _permit: permit, _of_key: of_key }))
}

fn profile(app: &App, name: &str) -> Result<Arc<Profile>, ApiError> {
    app.profiles.find(name).cloned().map(Arc::new).ok_or_else(|| ApiError::UnknownProfile(quoted(name)))
}

/// Name of the profile where a query names none.
pub(super) fn default_profile() -> String {
    "default".to_owned()
}

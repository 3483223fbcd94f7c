//! The way of one photo, from the bytes of an upload to its judgement: decode, view, run, judge. Every scoring route takes it.

use std::sync::Arc;

use axum::body::Bytes;
use clearshot_core::assessment::{Assessment, Prepared, prepare};
use clearshot_core::ingest::{Budget, Claim, Limits, inspect};
use clearshot_core::scoring::attempt::Attempt;
use clearshot_core::scoring::coverage::Coverage;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::scoring::sharpness::BlurMap;
use clearshot_core::view::MapTile;

use super::deadline::Deadline;
use crate::app::App;
use crate::engine::Engine;
use crate::error::ApiError;
use crate::telemetry::metrics::{Passage, Stage};

/// Runs work on a thread that may block.
async fn block<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "decoding panicked");
        ApiError::Internal
    })
}

/// How photos of a request are assessed.
#[derive(Clone)]
pub(super) struct Assessor {
    pub(super) app: Arc<App>,
    /// The same models from the first step to the last, whatever is reloaded meanwhile.
    pub(super) engine: Arc<Engine>,
    pub(super) profile: Arc<Profile>,
    /// Coverage of the intervals, where another than the models' own was asked for.
    pub(super) coverage: Option<Coverage>,
    /// Which attempt at the photo it is, where the client says so.
    pub(super) attempt: Option<Attempt>,
}

impl Assessor {
    /// Assesses the photo in an upload's bytes; `tiles` adds the map of where it is blurred.
    pub(super) async fn assess(
        &self,
        bytes: Bytes,
        tiles: bool,
        deadline: Deadline,
        passage: &Passage,
    ) -> Result<Assessment, ApiError> {
        let claim = self.inspect(bytes.clone(), self.app.limits).await?;
        self.assess_claimed(bytes, claim, tiles, deadline, passage).await
    }

    /// The same for one whose header was looked at already.
    pub(super) async fn assess_claimed(
        &self,
        bytes: Bytes,
        claim: Claim,
        tiles: bool,
        deadline: Deadline,
        passage: &Passage,
    ) -> Result<Assessment, ApiError> {
        let models = Arc::clone(self.engine.models());
        let work = move |budget: Budget| Ok(prepare(&bytes, budget, models.views(), tiles)?);
        let prepared = self.decode(claim, deadline, passage, work).await?;
        passage.enter(Stage::Run);
        let assessment = self.judge(prepared, deadline).await?;
        self.app.metrics.judged(&assessment);
        Ok(assessment)
    }

    /// What the header of an upload claims; it is checked against the limits before the upload waits for anything.
    pub(super) async fn inspect(&self, bytes: Bytes, limits: Limits) -> Result<Claim, ApiError> {
        Ok(block(move || inspect(&bytes, &limits)).await??)
    }

    /// Runs work on a photo's pixels on a thread that may block, when a decoder is free; the work is told what it may take.
    pub(super) async fn decode<T: Send + 'static>(
        &self,
        claim: Claim,
        deadline: Deadline,
        passage: &Passage,
        work: impl FnOnce(Budget) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        passage.enter(Stage::Wait);
        let place = self.app.decoders.place(claim.peak).await;
        passage.enter(Stage::Decode);
        let app = Arc::clone(&self.app);
        block(move || {
            let until = Some(deadline.instant());
            let done = work(Budget { limits: &app.limits, memory: Some(&app.decoders.memory), until });
            // Held by the blocking task itself: a client that hangs up must not let a second decoder start beside it.
            drop(place);
            done
        })
        .await?
    }

    /// Runs the branches and judges what they say. `/metrics` does not count it: what becomes of a correction is no upload.
    pub(super) async fn judge(&self, mut prepared: Prepared, deadline: Deadline) -> Result<Assessment, ApiError> {
        let outputs = self.engine.run(&prepared.tensors, deadline.instant()).await?;
        let map = prepared.map.take();
        let mut assessment = Assessment::new(prepared, &outputs, self.engine.models(), &self.profile, self.coverage);
        if let Some(attempt) = self.attempt {
            assessment.verdict = attempt.verdict(assessment.verdict, &assessment.reasons, &self.profile);
        }
        if let Some(map) = map {
            assessment.tiles = Some(self.blur_map(map, deadline).await?);
        }
        Ok(assessment)
    }

    /// One tile after the other, so that a map takes no more room in the queue than a photo.
    async fn blur_map(
        &self,
        (columns, rows, tiles): (usize, usize, Vec<MapTile>),
        deadline: Deadline,
    ) -> Result<BlurMap, ApiError> {
        let (index, card) = self.engine.models().blur();
        let mut outputs = Vec::with_capacity(tiles.len());
        for tile in &tiles {
            outputs.push(self.engine.run_one(index, Arc::new(tile.tensor()), deadline.instant()).await?.scalar());
        }
        Ok(BlurMap::new(columns, rows, &tiles, &outputs, &card.calibration))
    }
}

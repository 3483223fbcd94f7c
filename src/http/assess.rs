//! The way of one photo, from the bytes of an upload to its judgement: decode, view, run, judge. Every scoring route takes it.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;

use crate::app::{App, Models};
use crate::assessment::{Assessment, Prepared, prepare};
use crate::error::ApiError;
use crate::metric::Metric;
use crate::scoring::profile::Profile;
use crate::scoring::sharpness::BlurMap;
use crate::telemetry::metrics::{Passage, Stage};
use crate::view::MapTile;

/// How photos of a request are assessed.
#[derive(Clone)]
pub(super) struct Assessor {
    pub(super) app: Arc<App>,
    /// The same models from the first step to the last, whatever is reloaded meanwhile.
    pub(super) models: Arc<Models>,
    pub(super) profile: Arc<Profile>,
    /// Add the map of where the photo is blurred.
    pub(super) tiles: bool,
}

impl Assessor {
    /// Assesses the photo in an upload's bytes.
    pub(super) async fn assess(
        &self,
        bytes: Bytes,
        deadline: Instant,
        passage: &mut Passage<'_>,
    ) -> Result<Assessment, ApiError> {
        let (limits, tiles) = (self.app.limits, self.tiles);
        let prepared = self.decode(passage, move || Ok(prepare(&bytes, &limits, tiles)?)).await?;
        passage.enter(Stage::Run);
        self.judge(prepared, deadline).await
    }

    /// Runs work on a photo's pixels on a thread that may block, when a decoder is free.
    pub(super) async fn decode<T: Send + 'static>(
        &self,
        passage: &mut Passage<'_>,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        passage.enter(Stage::Wait);
        let decoder = self.app.decoders.clone().acquire_owned().await.map_err(|_| ApiError::Draining)?;
        passage.enter(Stage::Decode);
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held by the blocking task itself: a client that hangs up must not let a second decoder start beside it.
            drop(decoder);
            done
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "decoding panicked");
            ApiError::Internal
        })?
    }

    /// Runs the branches and judges what they say.
    pub(super) async fn judge(&self, prepared: Prepared, deadline: Instant) -> Result<Assessment, ApiError> {
        let Prepared { image, tensors, map } = prepared;
        let outputs = self.models.engine.run(tensors, deadline).await?;
        let mut assessment = Assessment::new(image, &outputs, self.models.cards.each_ref(), &self.profile);
        self.app.metrics.judged(&assessment);
        if let Some(map) = map {
            assessment.tiles = Some(self.blur_map(map, deadline).await?);
        }
        Ok(assessment)
    }

    /// One tile after the other, so that a map takes no more room in the queue than a photo.
    async fn blur_map(
        &self,
        (columns, rows, tiles): (usize, usize, Vec<MapTile>),
        deadline: Instant,
    ) -> Result<BlurMap, ApiError> {
        let mut outputs = Vec::with_capacity(tiles.len());
        for tile in &tiles {
            outputs.push(self.models.engine.run_one(Metric::Blur, tile.tensor(), deadline).await?);
        }
        let calibration = &self.models.cards[Metric::Blur as usize].calibration;
        Ok(BlurMap::new(columns, rows, &tiles, &outputs, calibration))
    }
}

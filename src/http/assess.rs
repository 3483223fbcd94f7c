//! The way of one photo, from the bytes of an upload to its judgement: decode, view, run, judge. Every scoring route takes it.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Models};
use crate::error::ApiError;
use crate::ingest::{self, Format, Limits, Photo};
use crate::metric::Metric;
use crate::scoring::card::sha256_hex;
use crate::scoring::profile::Profile;
use crate::scoring::sharpness::{BlurMap, max_usable_width};
use crate::scoring::verdict::{Judgement, Reason, Scores, Verdict, judge};
use crate::telemetry::metrics::{Passage, Stage};
use crate::view::{self, MapTile, ReferenceView};

/// The scored image.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScoredImage {
    /// Format, told from the content.
    pub format: Format,
    /// Width in pixels, after EXIF orientation.
    #[schema(example = 4032)]
    pub width: u32,
    /// Height in pixels, after EXIF orientation.
    #[schema(example = 3024)]
    pub height: u32,
    /// Size of the file.
    #[schema(example = 3_168_343)]
    pub bytes: usize,
    /// SHA-256 of the file.
    #[schema(example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    pub sha256: String,
    /// EXIF orientation that was applied, 1 to 8.
    #[schema(example = 6, minimum = 1, maximum = 8)]
    pub orientation: u8,
}

/// Versions of the models that scored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ModelVersions {
    /// Version of the blur model.
    pub blur: String,
    /// Version of the brightness model.
    pub brightness: String,
    /// Version of the rotation model.
    pub rotation: String,
}

/// A photo's scores and what follows from them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Assessment {
    /// What was scored.
    pub image: ScoredImage,
    /// The scores.
    pub scores: Scores,
    /// Share of photos whose true value lies inside the interval.
    #[schema(example = 0.9)]
    pub coverage: f32,
    /// The worst of the three qualities.
    #[schema(example = 64, minimum = 0, maximum = 100)]
    pub quality: u8,
    /// Largest width in pixels at which the photo still looks sharp on a screen.
    #[schema(example = 1600)]
    pub max_usable_width: u32,
    /// The profile judged by.
    #[schema(example = "default")]
    pub profile: String,
    /// Publish, do not, or look yourself.
    pub verdict: Verdict,
    /// Why the photo did not pass, worst first.
    pub reasons: Vec<Reason>,
    /// Where the photo is blurred; only with `detail=tiles`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tiles: Option<BlurMap>,
    /// The models that scored.
    pub models: ModelVersions,
}

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
        let prepared = self.decode(passage, move || prepare(&bytes, &limits, tiles)).await?;
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
        let cards = &self.models.cards;
        let outputs = self.models.engine.run(tensors, deadline).await?;
        let estimates = std::array::from_fn(|index| cards[index].calibration.apply(outputs[index]));
        let Judgement { scores, quality, verdict, reasons } = judge(&outputs, &estimates, &self.profile);
        self.app.metrics.judged(&self.profile.name, verdict, &reasons, &estimates);
        let tiles = match map {
            Some(map) => Some(self.blur_map(map, deadline).await?),
            None => None,
        };
        let [blur, brightness, rotation] = cards.each_ref().map(|card| card.version.clone());
        Ok(Assessment {
            max_usable_width: max_usable_width(image.width, image.height, scores.blur.value),
            image,
            scores,
            coverage: cards.iter().map(|card| card.calibration.coverage()).fold(1.0, f32::min),
            quality,
            profile: self.profile.name.clone(),
            verdict,
            reasons,
            tiles,
            models: ModelVersions { blur, brightness, rotation },
        })
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

/// A decoded photo, ready for the branches.
pub(super) struct Prepared {
    image: ScoredImage,
    tensors: [Vec<f32>; 3],
    map: Option<(usize, usize, Vec<MapTile>)>,
}

/// Everything between the bytes and the models; blocks.
pub(super) fn prepare(bytes: &[u8], limits: &Limits, tiles: bool) -> Result<Prepared, ApiError> {
    Ok(prepare_photo(ingest::decode(bytes, limits)?, bytes, tiles))
}

/// Everything between the pixels and the models; blocks.
pub(super) fn prepare_photo(photo: Photo, bytes: &[u8], tiles: bool) -> Prepared {
    let Photo { format, orientation, width, height, pixels } = photo;
    let image = ScoredImage { format, width, height, bytes: bytes.len(), sha256: sha256_hex(bytes), orientation };
    let view = ReferenceView::new(pixels);
    let tensors = Metric::ALL.map(|metric| view::tensor(metric, &view));
    Prepared { image, tensors, map: tiles.then(|| view::blur_map(&view)) }
}

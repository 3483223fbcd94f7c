//! What is said of one photo, and the steps around the models that lead to it: decode and view before, judge after. Every way of
//! scoring a photo, over HTTP or in bulk, takes them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ingest::{self, Format, IngestError, Limits, Photo};
use crate::metric::Metric;
use crate::scoring::calibration::RawOutput;
use crate::scoring::card::{ModelCard, sha256_hex};
use crate::scoring::profile::Profile;
use crate::scoring::sharpness::{BlurMap, max_usable_width};
use crate::scoring::verdict::{Judgement, Reason, Scores, Verdict, judge};
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl Assessment {
    /// Judges what the branches said of a photo; outputs and cards in the order of [`Metric::ALL`].
    #[must_use]
    pub fn new(image: ScoredImage, outputs: &[RawOutput; 3], cards: [&ModelCard; 3], profile: &Profile) -> Self {
        let estimates = std::array::from_fn(|index| cards[index].calibration.apply(outputs[index]));
        let judgement = judge(&outputs.map(|output| output.raw), &estimates, profile);
        let Judgement { scores, quality, verdict, reasons } = judgement;
        Self {
            max_usable_width: max_usable_width(image.width, image.height, scores.blur.value),
            image,
            scores,
            coverage: cards.iter().map(|card| card.calibration.coverage()).fold(1.0, f32::min),
            quality,
            profile: profile.name.clone(),
            verdict,
            reasons,
            tiles: None,
            models: ModelVersions::of(cards),
        }
    }
}

impl ModelVersions {
    /// The versions on the cards, which are given in the order of [`Metric::ALL`].
    #[must_use]
    pub fn of(cards: [&ModelCard; 3]) -> Self {
        let [blur, brightness, rotation] = cards.map(|card| card.version.clone());
        Self { blur, brightness, rotation }
    }
}

/// A decoded photo, ready for the branches.
pub struct Prepared {
    /// What is known of it already.
    pub image: ScoredImage,
    /// The branches' inputs, in the order of [`Metric::ALL`].
    pub tensors: [Vec<f32>; 3],
    /// Columns, rows and tiles of the blur map, if it is wanted.
    pub map: Option<(usize, usize, Vec<MapTile>)>,
}

/// Everything between the bytes and the models; blocks.
///
/// # Errors
/// As [`ingest::decode`].
pub fn prepare(bytes: &[u8], limits: &Limits, tiles: bool) -> Result<Prepared, IngestError> {
    let Photo { format, orientation, width, height, pixels } = ingest::decode(bytes, limits)?;
    let image = ScoredImage { format, width, height, bytes: bytes.len(), sha256: sha256_hex(bytes), orientation };
    let view = ReferenceView::new(pixels);
    let tensors = Metric::ALL.map(|metric| view::tensor(metric, &view));
    Ok(Prepared { image, tensors, map: tiles.then(|| view::blur_map(&view)) })
}

//! What came of one photo of a bulk run: nested, as a line of JSON Lines (the same object as an answer of `POST /score`), and
//! flat, as a row of CSV or Parquet.

use parquet_derive::ParquetRecordWriter;
use serde::{Deserialize, Serialize};

use crate::assessment::{Assessment, ModelVersions};
use crate::metric::Metric;
use crate::scoring::calibration::Estimate;
use crate::scoring::verdict::Score;

/// A line of JSON Lines: either the photo's assessment or why it has none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The photo's path or URL, as it was given or found.
    pub path: String,
    /// Its scores and verdict.
    #[serde(flatten)]
    pub assessment: Option<Assessment>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Refusal>,
}

/// Why a photo could not be scored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, for machines: a code of the API's problems.
    pub code: String,
    /// What went wrong.
    pub detail: String,
}

/// A row of CSV or Parquet. Columns of the scores are empty where there is a problem, and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ParquetRecordWriter)]
#[allow(missing_docs, reason = "the columns are those of the API's answer, see src/assessment.rs")]
pub struct FlatRow {
    pub path: String,
    pub verdict: Option<String>,
    /// Codes, worst first, separated by spaces.
    pub reasons: Option<String>,
    pub quality: Option<u32>,
    pub blur: Option<f32>,
    pub blur_low: Option<f32>,
    pub blur_high: Option<f32>,
    pub blur_raw: Option<f32>,
    pub brightness: Option<f32>,
    pub brightness_low: Option<f32>,
    pub brightness_high: Option<f32>,
    pub brightness_raw: Option<f32>,
    pub rotation: Option<f32>,
    pub rotation_low: Option<f32>,
    pub rotation_high: Option<f32>,
    pub rotation_raw: Option<f32>,
    pub coverage: Option<f32>,
    pub max_usable_width: Option<u32>,
    pub format: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
    pub orientation: Option<u32>,
    pub profile: Option<String>,
    pub blur_model: Option<String>,
    pub brightness_model: Option<String>,
    pub rotation_model: Option<String>,
    pub problem: Option<String>,
    pub detail: Option<String>,
}

impl From<Row> for FlatRow {
    fn from(row: Row) -> Self {
        let refusal = row.problem.map(|refusal| (refusal.code, refusal.detail.replace('\n', " ")));
        let (problem, detail) = refusal.unzip();
        let Some(assessment) = row.assessment else {
            return Self { path: row.path, problem, detail, ..Self::default() };
        };
        let Assessment {
            image, scores, coverage, quality, max_usable_width, profile, verdict, reasons, models, ..
        } = assessment;
        let codes: Vec<String> = reasons.into_iter().map(|reason| reason.code).collect();
        let of = |score: &Score| (Some(score.value), Some(score.low), Some(score.high), Some(score.raw));
        let (blur, blur_low, blur_high, blur_raw) = of(&scores.blur);
        let (brightness, brightness_low, brightness_high, brightness_raw) = of(&scores.brightness);
        let (rotation, rotation_low, rotation_high, rotation_raw) = of(&scores.rotation);
        Self {
            path: row.path,
            verdict: Some(verdict.name().to_owned()),
            // CSV cannot tell an empty text from none; none it is, in every format.
            reasons: Some(codes.join(" ")).filter(|codes| !codes.is_empty()),
            quality: Some(quality.into()),
            blur,
            blur_low,
            blur_high,
            blur_raw,
            brightness,
            brightness_low,
            brightness_high,
            brightness_raw,
            rotation,
            rotation_low,
            rotation_high,
            rotation_raw,
            coverage: Some(coverage),
            max_usable_width: Some(max_usable_width),
            format: Some(image.format.to_string()),
            width: Some(image.width),
            height: Some(image.height),
            bytes: u64::try_from(image.bytes).ok(),
            sha256: Some(image.sha256),
            orientation: Some(image.orientation.into()),
            profile: Some(profile),
            blur_model: Some(models.blur),
            brightness_model: Some(models.brightness),
            rotation_model: Some(models.rotation),
            problem,
            detail,
        }
    }
}

impl FlatRow {
    /// The calibrated value and interval of each metric, in the order of [`Metric::ALL`]; `None` for a photo without scores.
    #[must_use]
    pub fn estimates(&self) -> Option<[Estimate; 3]> {
        let of = |metric| {
            let (value, low, high) = match metric {
                Metric::Blur => (self.blur, self.blur_low, self.blur_high),
                Metric::Brightness => (self.brightness, self.brightness_low, self.brightness_high),
                Metric::Rotation => (self.rotation, self.rotation_low, self.rotation_high),
            };
            Some(Estimate { value: value?, low: low?, high: high? })
        };
        Some([of(Metric::Blur)?, of(Metric::Brightness)?, of(Metric::Rotation)?])
    }

    /// Profile and models that scored the photo.
    #[must_use]
    pub fn scored_by(&self) -> Option<(String, ModelVersions)> {
        let [blur, brightness, rotation] =
            [&self.blur_model, &self.brightness_model, &self.rotation_model].map(Clone::clone);
        let models = ModelVersions { blur: blur?, brightness: brightness?, rotation: rotation? };
        Some((self.profile.clone()?, models))
    }
}

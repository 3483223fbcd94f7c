//! Model cards: what a trained branch measures, what it was trained on and how to read its output.
//!
//! `models/<metric>.json` lies beside `models/<metric>.onnx`. Loading checks the card against the file's hash and
//! against the views of this code, so that a swapped, truncated or outdated model never serves a score.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::digest::sha256_hex;
use crate::metric::Metric;
use crate::scoring::calibration::Calibration;
use crate::scoring::label::Labels;
use crate::scoring::orientation::TURN;
use crate::scoring::second_look::SecondLook;
use crate::view::{self, View};

/// Everything known about one branch model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelCard {
    /// What the model measures.
    pub metric: Metric,
    /// What kind of answer the model gives.
    #[serde(default)]
    pub reading: Reading,
    /// Version, derived from the weights: metric and the first eight digits of the hash.
    pub version: String,
    /// SHA-256 of the ONNX file, lower-case hexadecimal.
    pub sha256: String,
    /// Input the model takes.
    pub preprocessing: Preprocessing,
    /// Which photos it looks at twice; of a model without, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub second_look: Option<SecondLook>,
    /// How raw outputs become values and intervals.
    pub calibration: Calibration,
    /// Where the weights come from.
    pub training: Training,
    /// Held-out figures by set (`all` and each category), on groups that neither training nor calibration saw.
    #[serde(default)]
    pub evaluation: BTreeMap<String, Figures>,
    /// The same of a model of classes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub turns: BTreeMap<String, TurnFigures>,
    /// What a model of labels tells apart, and how well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub labels: Option<Labels>,
    /// What the model says of good photos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reference: Option<Reference>,
    /// What the model is for, and what it cannot do.
    pub intended_use: String,
}

/// What kind of answer a model gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// One number with an interval.
    #[default]
    Scalar,
    /// Which of a photo's right-angle copies is upright, with a probability.
    Classes,
    /// Which of an operator's own labels fits the photo, with a probability.
    Labels,
}

/// The input of a model beside its view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Preprocessing {
    /// Long side of the reference view in pixels.
    pub reference_long_side: u32,
    /// Shape of one item, channels first.
    pub shape: [usize; 3],
}

/// Where the weights of a model come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Training {
    /// Photos used for training the weights.
    pub photos: usize,
    /// Groups (houses, sites, photos) they belong to.
    pub groups: usize,
    /// SHA-256 over the sorted hashes of all photo files of the folder.
    pub photos_digest: String,
    /// Smallest and largest magnitude of the synthetic degradation.
    pub magnitudes: [f32; 2],
    /// Seed of photos, degradations and weights.
    pub seed: u64,
    /// Optimiser steps done at the checkpoint that was kept.
    pub steps: usize,
    /// Command line that reproduces the model.
    pub command: String,
}

/// Distribution of a model's values on good photos as they are, which neither training nor calibration saw: a service whose own
/// distribution is far from it gets other photos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reference {
    /// Number of photos.
    pub photos: usize,
    /// Share of photos with a value up to each of [`Metric::bin_bounds`].
    pub shares: Vec<f32>,
}

/// Figures of merit on held-out photos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// Number of samples.
    pub samples: usize,
    /// Pearson correlation of calibrated value and truth.
    pub pearson: f32,
    /// Spearman rank correlation of raw output and truth.
    pub spearman: f32,
    /// Mean absolute error of the calibrated value.
    pub mean_absolute_error: f32,
    /// Median absolute error.
    pub median_absolute_error: f32,
    /// 95th percentile of the absolute error.
    pub p95_absolute_error: f32,
    /// Share of true values inside their interval.
    pub coverage: f32,
    /// Mean width of the intervals.
    pub mean_interval_width: f32,
    /// The same by true magnitude, in ascending order; given for all photos together only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_magnitude: Vec<MagnitudeFigures>,
}

/// What a model that tells the turn says of held-out photos, upright and turned in each of three ways; all but `photos` are shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TurnFigures {
    /// Number of photos.
    pub photos: usize,
    /// The upright copy looks most upright.
    pub upright_copy_found: f32,
    /// Upright photos that are called turned, with a probability over 0.5.
    pub upright_called_turned: f32,
    /// The same with a probability of at least 0.9, which fails a photo.
    pub upright_called_turned_for_certain: f32,
    /// Turned photos whose turn is named, with a probability over 0.5.
    pub turned_named: f32,
    /// The same with a probability of at least 0.9, which fails a photo.
    pub turned_named_for_certain: f32,
    /// Turned photos that are called turned in another way.
    pub turned_named_wrongly: f32,
}

/// Figures of merit on the held-out photos whose true magnitude lies in a bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MagnitudeFigures {
    /// Smallest true magnitude of the bin.
    pub from: f32,
    /// Largest true magnitude of the bin.
    pub to: f32,
    /// Number of samples.
    pub samples: usize,
    /// Mean absolute error of the calibrated value.
    pub mean_absolute_error: f32,
    /// Share of true values inside their interval.
    pub coverage: f32,
    /// Mean width of the intervals.
    pub mean_interval_width: f32,
}

/// A card whose model file is the one it describes, and whose view is one of this code.
#[derive(Clone, Debug)]
pub struct VerifiedModel {
    /// The card.
    pub card: ModelCard,
    /// The ONNX file's bytes, as hashed.
    pub onnx: Vec<u8>,
    /// What the model looks at.
    pub view: &'static View,
}

/// Why a model was refused.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// There is no folder of models, or it cannot be listed.
    #[error("cannot read the models folder {}: {cause}; --models names another", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The card is not valid JSON or its parts do not fit together.
    #[error("{} is not a valid model card: {cause}", path.display())]
    Invalid {
        /// The card.
        path: PathBuf,
        /// What is wrong.
        cause: serde_json::Error,
    },
    /// The model file is not the one the card describes.
    #[error("{} does not match its card: the card says sha256 {expected}, the file has {actual}", path.display())]
    HashMismatch {
        /// The model file.
        path: PathBuf,
        /// The hash in the card.
        expected: String,
        /// The hash of the file.
        actual: String,
    },
    /// The card describes another metric or another view than those of this code.
    #[error("{} does not fit this version of clearshot: {reason}", path.display())]
    Incompatible {
        /// The card.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

impl Preprocessing {
    /// The preprocessing of this code for a view.
    #[must_use]
    pub fn of(view: &View) -> Self {
        Self { reference_long_side: view::LONG_SIDE, shape: view.shape }
    }
}

impl ModelCard {
    /// Path of the card in a models folder.
    #[must_use]
    pub fn path_in(&self, models: &Path) -> PathBuf {
        card_path(models, self.metric.name.as_str())
    }

    fn check(&self, name: &str) -> Result<&'static View, String> {
        if self.metric.name != name {
            return Err(format!("it is the card of {}, not of {name}", self.metric.name));
        }
        match self.reading {
            Reading::Classes if name == TURN => {}
            Reading::Classes => return Err(format!("it reads classes; only `{TURN}` does")),
            Reading::Labels => self.metric.check_name()?,
            Reading::Scalar => self.metric.check()?,
        }
        match &self.labels {
            Some(labels) if self.reading == Reading::Labels => labels.check()?,
            None if self.reading != Reading::Labels => {}
            _ => return Err("a model has labels if it reads labels, and only then".to_owned()),
        }
        let view = view::find(&self.metric.view);
        let view =
            view.ok_or_else(|| format!("it looks at the view {}, which this code does not make", self.metric.view))?;
        let preprocessing = Preprocessing::of(view);
        if self.preprocessing != preprocessing {
            return Err(format!("the model wants {:?}, this code makes {preprocessing:?}", self.preprocessing));
        }
        match &self.second_look {
            Some(look) if view.can_be_turned() && self.reading == Reading::Scalar => look.check()?,
            Some(_) => return Err(format!("nothing that looks at {} can look twice", view.name)),
            None => {}
        }
        Ok(view)
    }
}

/// Path of a metric's model file in a models folder.
#[must_use]
pub fn onnx_path(models: &Path, metric: &str) -> PathBuf {
    models.join(format!("{metric}.onnx"))
}

/// Path of a metric's card in a models folder.
#[must_use]
pub fn card_path(models: &Path, metric: &str) -> PathBuf {
    models.join(format!("{metric}.json"))
}

impl VerifiedModel {
    /// Reads a metric's model and card from a models folder and checks that they belong together and to this code.
    ///
    /// # Errors
    /// [`CardError`], naming the file and the remedy's starting point.
    pub fn load(models: &Path, metric: &str) -> Result<Self, CardError> {
        let path = card_path(models, metric);
        let card: ModelCard =
            serde_json::from_slice(&read(&path)?).map_err(|cause| CardError::Invalid { path: path.clone(), cause })?;
        let view = card.check(metric).map_err(|reason| CardError::Incompatible { path, reason })?;
        let path = onnx_path(models, metric);
        let onnx = read(&path)?;
        let actual = sha256_hex(&onnx);
        if actual != card.sha256 {
            return Err(CardError::HashMismatch { path, expected: card.sha256, actual });
        }
        Ok(Self { card, onnx, view })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CardError> {
    std::fs::read(path).map_err(|cause| CardError::Unreadable { path: path.to_owned(), cause })
}

//! Labels of an operator's own (a room's type, accepted or rejected), told by a head on a frozen encoder: `clearshot-train head` makes
//! one from labelled photos.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::card::{ModelCard, Reading};
use super::output::Output;
use crate::name::Name;
use crate::rounding::thousandths;

/// Which label fits a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The likeliest label.
    #[schema(example = "kitchen")]
    pub label: String,
    /// Probability that it fits.
    #[schema(example = 0.83, minimum = 0, maximum = 1)]
    pub probability: f32,
    /// The probability of each label; together they are 1.
    #[schema(example = json!({"bathroom": 0.17, "kitchen": 0.83}))]
    pub probabilities: BTreeMap<String, f32>,
}

/// What a model of labels tells apart, and how well, on labelled photos of groups that its head had not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Labels {
    /// The labels, in the order of the model's outputs.
    #[schema(value_type = Vec<String>, example = json!(["bathroom", "kitchen"]))]
    pub names: Vec<Name>,
    /// Labelled photos.
    pub photos: usize,
    /// Groups that they belong to.
    pub groups: usize,
    /// Share of photos that get their label.
    pub accuracy: f32,
    /// Ends of its 95 % interval (Wilson's, counting groups).
    pub accuracy_interval: [f32; 2],
    /// The same share for a head on the same network with random weights.
    pub accuracy_of_random_encoder: f32,
    /// Share of photos that have the commonest label: what always saying it would reach.
    pub share_of_commonest: f32,
}

impl Labels {
    /// Checks that there is something to tell apart.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let different: BTreeSet<&Name> = self.names.iter().collect();
        if different.len() < 2 || different.len() < self.names.len() {
            return Err("a model of labels needs two labels or more, all of them different".to_owned());
        }
        Ok(())
    }
}

impl Label {
    /// What a model of labels says: the softmax of its logits, each divided by the temperature of the card's calibration (Guo et al.,
    /// ICML 2017). Nothing for any other model.
    #[must_use]
    pub fn read(card: &ModelCard, output: &Output) -> Option<Self> {
        let (Output::Logits(logits), Reading::Labels, Some(labels)) = (output, card.reading, &card.labels) else {
            return None;
        };
        let calibrated: Vec<f32> = logits.iter().map(|logit| card.calibration.value(*logit)).collect();
        Self::of(&labels.names, &calibrated)
    }

    fn of(names: &[Name], logits: &[f32]) -> Option<Self> {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // A number that is not finite is no evidence for anything.
        let finite = logits.iter().all(|logit| logit.is_finite());
        let weights: Vec<f32> = logits.iter().map(|logit| if finite { (logit - largest).exp() } else { 1.0 }).collect();
        let total: f32 = weights.iter().sum();
        let likeliest = (0..weights.len()).reduce(|best, at| if weights[at] > weights[best] { at } else { best })?;
        let probability = |at: usize| thousandths(weights[at] / total);
        Some(Self {
            label: names.get(likeliest)?.to_string(),
            probability: probability(likeliest),
            probabilities: names.iter().enumerate().map(|(at, name)| (name.to_string(), probability(at))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| name.parse().expect("a name")).collect()
    }

    #[test]
    fn the_largest_logit_tells_the_label_and_all_probabilities_are_one() {
        let found = Label::of(&names(&["kitchen", "bath", "hall"]), &[0.0, 2.0, 1.0]).expect("there are labels");
        assert_eq!((found.label.as_str(), found.probability), ("bath", found.probabilities["bath"]));
        assert!((found.probability - 0.665).abs() < 1e-6, "{found:?}");
        assert!((found.probabilities.values().sum::<f32>() - 1.0).abs() < 0.002, "{found:?}");
        assert!(found.probabilities["hall"] > found.probabilities["kitchen"]);
    }

    #[test]
    fn numbers_that_are_not_finite_are_no_evidence() {
        for nothing in [[f32::NAN, 0.0], [f32::INFINITY, 0.0], [f32::NEG_INFINITY; 2]] {
            let found = Label::of(&names(&["yes", "no"]), &nothing).expect("there are labels");
            assert_eq!(found.probabilities.values().copied().collect::<Vec<_>>(), [0.5, 0.5], "{nothing:?}");
        }
    }

    #[test]
    fn one_label_or_the_same_twice_is_refused() {
        let labels = |names: Vec<Name>| Labels {
            names,
            photos: 8,
            groups: 4,
            accuracy: 1.0,
            accuracy_interval: [0.5, 1.0],
            accuracy_of_random_encoder: 0.5,
            share_of_commonest: 0.5,
        };
        assert!(labels(names(&["a", "b"])).check().is_ok());
        assert!(labels(names(&["a"])).check().is_err() && labels(names(&["a", "b", "a"])).check().is_err());
    }
}

//! A photo that lies on its side or stands on its head although its file says nothing of it: its EXIF orientation was lost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::card::{ModelCard, Reading};
use super::output::{COPIES, Output};
use crate::rounding::thousandths;

/// How a scene appears to be turned, by whole right angles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Orientation {
    /// Degrees by which the scene appears turned clockwise: 0, 90, 180 or 270. Of a photo that is rather not upright the likeliest turn.
    #[schema(example = 90)]
    pub turn: u16,
    /// Probability that it is turned so.
    #[schema(example = 0.98, minimum = 0, maximum = 1)]
    pub probability: f32,
}

/// Name of the model that tells.
pub const TURN: &str = "turn";
/// Code of the reason for a photo on its side.
pub const SIDEWAYS: &str = "sideways";
/// Code of the reason for a photo on its head.
pub const UPSIDE_DOWN: &str = "upside_down";

/// Probability of not being upright, whatever the turn, from which on a photo is taken to be turned.
const POSSIBLE: f32 = 0.5;
/// Probability from which on a turn is certain, whatever less the profile asks of other faults: sideways photos are rare, and a good one
/// that is refused is a nuisance to its owner, who sees that it is upright.
pub const CERTAIN: f32 = 0.9;

/// Share of uploads that are turned in each of the three wrong ways: so much evidence a turn needs to be believed.
const EXPECTED_SHARE: f32 = 0.05;

impl Orientation {
    /// What the model that tells the turn says; nothing for any other model.
    #[must_use]
    pub fn read(card: &ModelCard, output: &Output) -> Option<Self> {
        match *output {
            Output::Copies(upright) if card.reading == Reading::Classes => {
                Some(Self::of(upright.map(|raw| card.calibration.value(raw))))
            }
            _ => None,
        }
    }

    /// From the calibrated logarithm of how upright each copy looks, weighed with how often photos are turned.
    fn of(logits: [f32; COPIES]) -> Self {
        let largest = logits.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let expected = |copy: usize| if copy == 0 { 1.0 - 3.0 * EXPECTED_SHARE } else { EXPECTED_SHARE };
        let evidence =
            |logit: f32| if largest.is_finite() && logit.is_finite() { (logit - largest).exp() } else { 1.0 };
        let weights: [f32; COPIES] = std::array::from_fn(|copy| expected(copy) * evidence(logits[copy]));
        let total: f32 = weights.iter().sum();
        let upright = weights[0] / total;
        let turned = (2..COPIES).fold(1, |most, copy| if weights[copy] > weights[most] { copy } else { most });
        let most = if upright > 1.0 - POSSIBLE { 0 } else { turned };
        Self { turn: 90 * most as u16, probability: thousandths(weights[most] / total) }
    }

    /// What is wrong with the photo, if something is; with the turn's own probability.
    #[must_use]
    pub fn fault(self) -> Option<&'static str> {
        match self.turn {
            0 => None,
            180 => Some(UPSIDE_DOWN),
            _ => Some(SIDEWAYS),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> String {
        match self.turn {
            90 => "Turn the photo by 90 degrees counterclockwise.".to_owned(),
            270 => "Turn the photo by 90 degrees clockwise.".to_owned(),
            turn => format!("Turn the photo by {turn} degrees."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_that_looks_most_upright_tells_the_turn() {
        for copy in 0..COPIES {
            let mut logits = [0.0; COPIES];
            logits[copy] = 8.0;
            let found = Orientation::of(logits);
            assert_eq!(found.turn, 90 * copy as u16);
            assert!(found.probability > 0.95, "{found:?}");
        }
    }

    #[test]
    fn without_evidence_a_photo_is_upright_as_most_are() {
        for nothing in [[0.0; COPIES], [f32::NAN; COPIES], [1e30; COPIES], [f32::NEG_INFINITY; COPIES]] {
            let found = Orientation::of(nothing);
            assert_eq!((found.turn, found.fault()), (0, None));
            assert!((found.probability - 0.85).abs() < 1e-3, "{found:?}");
        }
        // A little evidence does not outweigh what is expected.
        assert_eq!(Orientation::of([0.0, 2.0, 0.0, 0.0]).turn, 0);
    }

    #[test]
    fn a_photo_that_may_stand_in_either_wrong_way_is_not_upright() {
        // Weights .85, .67, .55, .05: each turn is less likely than upright, both together are not.
        let found = Orientation::of([0.0, 2.6, 2.4, 0.0]);
        assert_eq!((found.turn, found.fault()), (90, Some(SIDEWAYS)));
        assert!((found.probability - 0.317).abs() < 0.01, "{found:?}");
        assert_eq!(Orientation::of([0.0, 2.6, 0.0, 0.0]).turn, 0);
    }
}

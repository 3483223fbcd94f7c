//! Correcting a photo: what its scores ask for, straightening, and exposure with highlights rolled off.

mod exposure;
mod frame;
mod straighten;

pub use exposure::shift_value;
pub use frame::cut_out;
pub use straighten::{set_upright, straighten};

use clearshot_core::scoring::verdict::{Score, Scores};

/// Tilt below which nobody sees that a photo was straightened, in degrees.
const SMALLEST_TILT: f32 = 0.5;
/// Shift of V below which nobody sees that a photo was corrected.
const SMALLEST_SHIFT: f32 = 0.05;

/// What to do to a photo; never nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectionPlan {
    /// Degrees by which the scene appears turned clockwise, a multiple of 90, which is undone first.
    pub turn: u16,
    /// Turn the pixels by so many degrees, clockwise positive.
    pub rotation: Option<f32>,
    /// Shift the mean of HSV value V by so much.
    pub value_shift: Option<f32>,
}

impl CorrectionPlan {
    /// What the scores ask for, or none if a correction is as likely to harm as to help: where an interval holds zero. `turn`: by how
    /// much the photo certainly lies on its side; what tilt was read then is none of the upright photo.
    #[must_use]
    pub fn of(scores: &Scores, turn: u16) -> Option<Self> {
        let certain = |score: &Score, least: f32| {
            ((score.low > 0.0 || score.high < 0.0) && score.value.abs() >= least).then_some(-score.value)
        };
        let rotation = certain(&scores.rotation, SMALLEST_TILT).filter(|_| turn == 0);
        let value_shift = certain(&scores.brightness, SMALLEST_SHIFT);
        (turn != 0 || rotation.is_some() || value_shift.is_some()).then_some(Self { turn, rotation, value_shift })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_and_visible_is_corrected() {
        let score = |low, value, high| Score { value, unit: String::new(), low, high, quality: 0, raw: 0.0 };
        let scores = |brightness, rotation| Scores {
            blur: score(0.0, 0.0, 0.0),
            brightness,
            rotation,
            further: Default::default(),
        };
        let plan = CorrectionPlan::of(&scores(score(-0.3, -0.2, -0.1), score(-1.0, 3.0, 7.0)), 0);
        assert_eq!(plan, Some(CorrectionPlan { turn: 0, rotation: None, value_shift: Some(0.2) }));
        let plan = CorrectionPlan::of(&scores(score(-0.1, 0.0, 0.1), score(2.0, 3.0, 4.0)), 0);
        assert_eq!(plan, Some(CorrectionPlan { turn: 0, rotation: Some(-3.0), value_shift: None }));
        let plan = CorrectionPlan::of(&scores(score(-0.1, 0.0, 0.1), score(2.0, 3.0, 4.0)), 90);
        assert_eq!(plan, Some(CorrectionPlan { turn: 90, rotation: None, value_shift: None }));
        assert_eq!(CorrectionPlan::of(&scores(score(-0.04, -0.03, -0.02), score(0.1, 0.3, 0.5)), 0), None);
    }
}

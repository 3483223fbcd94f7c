//! Correcting a photo: what its scores ask for, straightening, and exposure with highlights rolled off.

mod exposure;
mod frame;
mod straighten;

pub use exposure::shift_value;
pub use frame::cut_out;
pub use straighten::{set_upright, straighten};

use clearshot_core::models::ModelSet;
use clearshot_core::scoring::calibration::Estimate;
use clearshot_core::scoring::distribution::Distribution;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::scoring::verdict::{Score, Scores};

/// Tilt below which nobody sees that a photo was straightened, in degrees.
const SMALLEST_TILT: f64 = 0.5;
/// Shift of V below which nobody sees that a photo was corrected.
const SMALLEST_SHIFT: f64 = 0.05;
/// Probability with which a correction has to bring the true value nearer to zero. Chosen on held-out photos that were turned or shifted
/// visibly, see docs/profiles.md: of those that are corrected at 0.8, 99 % are better for it; 0.95 would leave alone a sixth of all that
/// could be helped. How few uploads are faulty does not count here: what is asked is not whether there is a fault.
const SURE: f64 = 0.8;

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

/// A metric's score as evidence of the true value.
pub struct Evidence<'a> {
    score: &'a Score,
    distribution: Distribution,
}

impl<'a> Evidence<'a> {
    /// A photo's score of a metric; nothing where the profile does not judge it. The interval stands for the distribution of errors: an
    /// answer has no more.
    #[must_use]
    pub fn of(metric: &str, scores: &'a Scores, coverage: f32, models: &ModelSet, profile: &Profile) -> Option<Self> {
        let card = models.cards().find(|card| card.metric.name == *metric)?;
        profile.band(metric)?;
        Some(Self::new(scores.get(metric)?, coverage, card.calibration.range()))
    }

    fn new(score: &'a Score, coverage: f32, range: [f32; 2]) -> Self {
        let Score { value, low, high, .. } = *score;
        Self { score, distribution: Distribution::of_interval(Estimate { value, low, high }, coverage, range) }
    }

    /// What to add to the value: its negative, where that is worth it. The true value `t` becomes `t - value`: it has to come nearer to
    /// zero probably enough, and by a visible step on average.
    fn correction(&self, visible: f64) -> Option<f32> {
        let value = f64::from(self.score.value);
        let nearer = |truth: f64| truth.abs() - (truth - value).abs();
        let probability = self.distribution.expect(|truth| f64::from(u8::from(nearer(truth) > 0.0)));
        (probability >= SURE && self.distribution.expect(nearer) >= visible).then_some(-self.score.value)
    }
}

impl CorrectionPlan {
    /// The plan and, where it would turn the photo and change its light, the turn alone and then, of an upright photo, the light alone: where
    /// the whole cannot be given out, a part may be.
    pub fn attempts(self) -> impl Iterator<Item = Self> {
        let turn = Self { value_shift: None, ..self };
        let light = Self { rotation: None, ..self };
        let turns = self.turn != 0 || self.rotation.is_some();
        let turn = (turns && self.value_shift.is_some()).then_some(turn);
        let light = turn.and(self.rotation).map(|_| light);
        std::iter::once(self).chain(turn).chain(light)
    }

    /// The plan with what is left of the tilt undone, too, where a tilt would be seen: both scores tell the tilt of one photo, `before` as it
    /// came and `after` as this plan left it, and each counts by the inverse of its interval's width. Nearly level, a photo tells its tilt
    /// better: of held-out interiors that were turned by 3 to 25 degrees, 81 % are left within a degree in truth so, and 73 % by the first
    /// look alone (docs/profiles.md).
    #[must_use]
    pub fn finer(self, before: &Score, after: &Score) -> Option<Self> {
        let rotation = self.rotation.filter(|_| f64::from(after.value.abs()) >= SMALLEST_TILT)?;
        let [first, second] = [before, after].map(|score| score.high - score.low);
        let left = after.value * first / (first + second);
        left.is_finite().then_some(Self { rotation: Some(rotation - left), ..self })
    }

    /// What the scores ask for, or none if a correction might harm. `turn`: by how much the photo certainly lies on its side; what tilt
    /// was read then is none of the upright photo.
    #[must_use]
    pub fn of(rotation: Option<&Evidence>, brightness: Option<&Evidence>, turn: u16) -> Option<Self> {
        let rotation = rotation.filter(|_| turn == 0).and_then(|evidence| evidence.correction(SMALLEST_TILT));
        let value_shift = brightness.and_then(|evidence| evidence.correction(SMALLEST_SHIFT));
        (turn != 0 || rotation.is_some() || value_shift.is_some()).then_some(Self { turn, rotation, value_shift })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(low: f32, value: f32, high: f32) -> Score {
        Score { value, unit: String::new(), low, high, quality: 0, raw: 0.0 }
    }

    fn plan(brightness: &Score, rotation: &Score, turn: u16) -> Option<CorrectionPlan> {
        let rotation = Evidence::new(rotation, 0.9, [-45.0, 45.0]);
        let brightness = Evidence::new(brightness, 0.9, [-0.5, 0.5]);
        CorrectionPlan::of(Some(&rotation), Some(&brightness), turn)
    }

    #[test]
    fn only_what_probably_helps_and_is_seen_is_corrected() {
        let (none, dark) = (score(-0.1, 0.0, 0.1), score(-0.25, -0.2, -0.15));
        let only = |rotation, value_shift| Some(CorrectionPlan { turn: 0, rotation, value_shift });
        assert_eq!(plan(&dark, &score(-4.0, 3.0, 10.0), 0), only(None, Some(0.2)));
        assert_eq!(plan(&none, &score(2.0, 3.0, 4.0), 0), only(Some(-3.0), None));
        let turned = Some(CorrectionPlan { turn: 90, rotation: None, value_shift: None });
        assert_eq!(plan(&none, &score(2.0, 3.0, 4.0), 90), turned, "it is none of the upright photo");
        assert_eq!(plan(&score(-0.04, -0.03, -0.02), &score(0.1, 0.3, 0.5), 0), None, "nobody would see it");
        // As probably tilted to the other side; and where the value may be twice what there is to undo.
        assert_eq!(plan(&none, &score(-2.0, 1.0, 4.0), 0), None);
        assert_eq!(plan(&none, &score(-1.0, 5.0, 11.0), 0), only(Some(-5.0), None));
        assert_eq!(plan(&none, &score(-5.0, 5.0, 15.0), 0), None);
    }

    #[test]
    fn what_is_left_of_a_tilt_is_undone_as_far_as_the_second_look_counts() {
        let plan = CorrectionPlan { turn: 0, rotation: Some(-8.0), value_shift: Some(0.2) };
        let finer = |before, after| plan.finer(&before, &after).and_then(|finer| finer.rotation);
        // Three times as narrow, the second counts three times as much.
        assert_eq!(finer(score(5.0, 8.0, 11.0), score(-3.0, -2.0, -1.0)), Some(-6.5));
        assert_eq!(finer(score(7.0, 8.0, 9.0), score(0.0, 1.0, 2.0)), Some(-8.5));
        assert_eq!(finer(score(7.0, 8.0, 9.0), score(-1.0, 0.4, 2.0)), None, "nobody would see it");
        assert_eq!(finer(score(8.0, 8.0, 8.0), score(1.0, 1.0, 1.0)), None, "neither has an interval");
        let light = CorrectionPlan { rotation: None, ..plan };
        assert_eq!(light.finer(&score(1.0, 2.0, 3.0), &score(1.0, 2.0, 3.0)), None, "its tilt was left alone");
    }

    #[test]
    fn where_the_whole_fails_its_parts_are_tried_but_no_photo_is_left_on_its_side() {
        let attempts = |turn, rotation, value_shift| {
            let tried = CorrectionPlan { turn, rotation, value_shift }.attempts();
            tried.map(|plan| (plan.turn, plan.rotation, plan.value_shift)).collect::<Vec<_>>()
        };
        let (tilt, light) = (Some(-3.0), Some(0.2));
        assert_eq!(attempts(0, tilt, light), [(0, tilt, light), (0, tilt, None), (0, None, light)]);
        assert_eq!(attempts(90, None, light), [(90, None, light), (90, None, None)]);
        for alone in [(0, tilt, None), (0, None, light), (90, None, None)] {
            assert_eq!(attempts(alone.0, alone.1, alone.2), [alone]);
        }
    }
}

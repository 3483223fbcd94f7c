//! A second look at a photo that is seen to be tilted: turned back by what was read, and read again. A network is surest of what is nearly
//! upright, and the two looks meet the same lines on other pixels: averaged, tilts of rooms and houses are read a tenth better (docs/training.md).
//!
//! It is test-time augmentation of which the first look chooses the angle. A photo that the first look says little about is left: there the
//! second gains nothing, since both err alike.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calibration::RawOutput;

/// When a model looks at a photo twice, as its card states it: only a model whose view can be turned does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecondLook {
    /// What the raw output of 1 stands for, in degrees: the scale that training gave its targets.
    pub unit: f32,
    /// Photos that are tilted by less, in degrees, are looked at once.
    pub from: f32,
    /// Photos of which the first look expects a larger error, in degrees, are looked at once.
    pub expected_error: f32,
}

/// A second look whose expected error is larger than the first's by more than this, as a logarithm, sees less than the first did and does
/// not count. Of two in a hundred photos.
const LESS_SURE: f32 = 0.2;

impl SecondLook {
    /// Says what is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        let sound = |value: f32| value.is_finite() && value > 0.0;
        if [self.unit, self.from, self.expected_error].into_iter().all(sound) {
            Ok(())
        } else {
            Err(format!("the numbers of its second look must be above 0 and finite: {self:?}"))
        }
    }

    /// By how many degrees the scene is turned clockwise for a second look; nothing where one is enough.
    pub(crate) fn turn(&self, first: RawOutput) -> Option<f32> {
        let (tilt, error) = (first.raw * self.unit, first.log_scale.exp() * self.unit);
        // An output that is no number answers neither.
        (tilt.is_finite() && tilt.abs() >= self.from && error <= self.expected_error).then_some(-tilt)
    }

    /// What both looks say of the photo as it came, each weighed by how sure it is.
    pub(crate) fn joined(&self, first: RawOutput, second: RawOutput, turn: f32) -> RawOutput {
        if second.log_scale > first.log_scale + LESS_SURE {
            return first;
        }
        let [one, other] = [first, second].map(|look| (-look.log_scale).exp());
        let raw = (one * first.raw + other * (second.raw - turn / self.unit)) / (one + other);
        let log_scale = -((one + other) / 2.0).ln();
        if raw.is_finite() && log_scale.is_finite() { RawOutput { raw, log_scale } } else { first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: SecondLook = SecondLook { unit: 20.0, from: 2.0, expected_error: 2.5 };

    fn output(raw: f32, log_scale: f32) -> RawOutput {
        RawOutput { raw, log_scale }
    }

    #[test]
    fn only_a_tilt_that_is_seen_clearly_is_looked_at_again() {
        assert_eq!(LOOK.turn(output(0.5, -3.0)), Some(-10.0));
        assert_eq!(LOOK.turn(output(-0.5, -3.0)), Some(10.0));
        assert_eq!(LOOK.turn(output(0.05, -3.0)), None, "a degree");
        assert_eq!(LOOK.turn(output(0.5, -1.0)), None, "it expects an error of seven degrees");
        assert_eq!(LOOK.turn(output(f32::NAN, -3.0)), None);
        assert_eq!(LOOK.turn(output(0.5, f32::NAN)), None);
    }

    #[test]
    fn both_looks_count_by_how_sure_they_are() {
        let first = output(0.5, -3.0);
        let turn = LOOK.turn(first).expect("it is tilted");
        // Alike sure: half of the two degrees that the second finds are left.
        let alike = LOOK.joined(first, output(0.1, -3.0), turn);
        assert!((alike.raw - 0.55).abs() < 1e-6 && (alike.log_scale + 3.0).abs() < 1e-6, "{alike:?}");
        let surer = LOOK.joined(first, output(0.1, -6.0), turn);
        assert!(surer.raw > 0.59 && surer.log_scale < -5.0, "{surer:?}");
        assert_eq!(LOOK.joined(first, output(f32::NAN, -3.0), turn), first);
        assert_eq!(LOOK.joined(first, output(0.1, -2.7), turn), first, "it sees less");
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert_eq!(LOOK.check(), Ok(()));
        for wrong in [
            SecondLook { unit: 0.0, ..LOOK },
            SecondLook { from: f32::NAN, ..LOOK },
            SecondLook { expected_error: -1.0, ..LOOK },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}

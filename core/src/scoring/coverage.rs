//! How much of what may be true an interval is to hold, where a client asks for another share than the card's.

use serde::Deserialize;

/// Share of photos whose true value lies inside the interval, from 0.5 to 0.99: what a calibration's samples can tell.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f32")]
pub struct Coverage(f32);

impl TryFrom<f32> for Coverage {
    type Error = &'static str;

    fn try_from(share: f32) -> Result<Self, Self::Error> {
        if (0.5..=0.99).contains(&share) { Ok(Self(share)) } else { Err("it must lie between 0.5 and 0.99") }
    }
}

impl Coverage {
    /// The share.
    #[must_use]
    pub fn share(self) -> f32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_samples_can_tell_is_a_coverage() {
        let share = |share: f32| Coverage::try_from(share).map(Coverage::share);
        assert_eq!((share(0.5), share(0.99)), (Ok(0.5), Ok(0.99)));
        assert!([0.49, 0.991, 1.0, -0.9, f32::NAN, f32::INFINITY].map(share).iter().all(Result::is_err));
    }
}

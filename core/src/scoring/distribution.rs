//! Where the true value of a metric may lie, given what its model said: the calibration's errors laid about the value, within the
//! metric's range. Intervals of any coverage and probabilities follow from it.

use super::calibration::Estimate;

/// Shares of errors at which a calibration keeps a quantile.
pub const LEVELS: [f32; 15] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99];

/// Parts into which a range is cut to take an expectation.
const PARTS: u16 = 900;

/// Mass within the range below which an output says nothing about where in the range the true value lies.
const NOTHING: f64 = 1e-9;

/// Errors of a calibration: what is to be added to the value to get the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Errors {
    /// Nothing is known of them.
    Unknown,
    /// Half of them on each side, falling exponentially (Laplace, 1774): all that can be said where an interval alone is known.
    /// Mean sizes below and above.
    Laplace([f32; 2]),
    /// Quantiles at [`LEVELS`] in units of `scale`.
    Measured { quantiles: [f32; 15], scale: f32 },
}

/// Where the true value may lie, if nothing else is known but that it lies within the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    value: f32,
    range: [f32; 2],
    errors: Errors,
}

impl Distribution {
    pub(super) fn new(value: f32, range: [f32; 2], errors: Errors) -> Self {
        Self { value, range, errors }
    }

    /// The distribution that an interval alone speaks for: of results that keep no more. An end that the range cut off says
    /// little; the other one stands for it.
    #[must_use]
    pub fn of_interval(estimate: Estimate, coverage: f32, range: [f32; 2]) -> Self {
        let Estimate { value, low, high } = estimate;
        let [min, max] = range;
        let (below, above) = (value - low, high - value);
        let errors = match (low <= min, high >= max) {
            (true, true) => Errors::Unknown,
            (true, false) => laplace([below.max(above), above], coverage),
            (false, true) => laplace([below, above.max(below)], coverage),
            (false, false) => laplace([below, above], coverage),
        };
        Self { value: value.clamp(min, max), range, errors }
    }

    /// Probability that the true value lies below a threshold.
    #[must_use]
    pub fn below(&self, threshold: f32) -> f64 {
        self.between(f64::from(self.range[0]), f64::from(threshold))
    }

    /// Probability that the true value lies above a threshold.
    #[must_use]
    pub fn above(&self, threshold: f32) -> f64 {
        self.between(f64::from(threshold), f64::from(self.range[1]))
    }

    /// What bounds true values.
    pub(super) fn range(&self) -> [f32; 2] {
        self.range
    }

    /// What is expected: the mean of `of` over all that the true value may be.
    #[must_use]
    pub fn expect(&self, of: impl Fn(f64) -> f64) -> f64 {
        let [min, max] = self.range.map(f64::from);
        let step = (max - min) / f64::from(PARTS);
        let part = |at: u16| {
            let from = min + step * f64::from(at);
            self.between(from, from + step) * of(from + step / 2.0)
        };
        (0..PARTS).map(part).sum()
    }

    /// Probability that the true value lies between two.
    pub(super) fn between(&self, from: f64, to: f64) -> f64 {
        let [min, max] = self.range.map(f64::from);
        let (from, to) = (from.clamp(min, max), to.clamp(min, max));
        let even = (to - from).max(0.0) / (max - min);
        let upto = |end: f64| self.errors.upto(end - f64::from(self.value));
        let Some((first, last)) = upto(min).zip(upto(max)) else { return even };
        let whole = last - first;
        if whole < NOTHING {
            return even;
        }
        let part = upto(to).zip(upto(from)).map_or(0.0, |(to, from)| to - from);
        (part / whole).clamp(0.0, 1.0)
    }
}

/// Errors of which an interval holds the share `coverage`, reaching so far below and above the value.
pub(super) fn laplace(reach: [f32; 2], coverage: f32) -> Errors {
    Errors::Laplace(reach.map(|reach| reach / laplace_reach(coverage)))
}

/// How far an interval of a Laplace distribution reaches on either side, in mean sizes.
pub(super) fn laplace_reach(coverage: f32) -> f32 {
    -(1.0 - coverage).ln()
}

impl Errors {
    /// The share of errors up to `error`; none where nothing is known.
    fn upto(self, error: f64) -> Option<f64> {
        match self {
            Self::Unknown => None,
            Self::Laplace([below, above]) => {
                Some(if error < 0.0 { 0.5 * exponential(-error, below) } else { 1.0 - 0.5 * exponential(error, above) })
            }
            Self::Measured { quantiles, scale } => {
                Some(measured(&quantiles, error / f64::from(scale.max(f32::MIN_POSITIVE))))
            }
        }
    }
}

/// The share of an exponential distribution beyond `distance`.
fn exponential(distance: f64, mean: f32) -> f64 {
    match (mean > 0.0, distance > 0.0) {
        (_, false) => 1.0,
        (true, true) => (-distance / f64::from(mean)).exp(),
        (false, true) => 0.0,
    }
}

/// The share of measured errors up to `error`: straight between the quantiles, falling exponentially beyond the outer ones.
fn measured(quantiles: &[f32; 15], error: f64) -> f64 {
    let level = |index: usize| f64::from(LEVELS[index]);
    let at = |index: usize| f64::from(quantiles[index]);
    let after = quantiles.partition_point(|quantile| f64::from(*quantile) <= error);
    match after {
        0 => level(0) * exponential(at(0) - error, outer_mean(quantiles[1] - quantiles[0])),
        15 => 1.0 - level(0) * exponential(error - at(14), outer_mean(quantiles[14] - quantiles[13])),
        _ => {
            let along = (error - at(after - 1)) / (at(after) - at(after - 1));
            level(after - 1) + along * (level(after) - level(after - 1))
        }
    }
}

/// The error up to which lies the share `level` of measured errors.
pub(super) fn quantile(quantiles: &[f32; 15], level: f32) -> f32 {
    let after = LEVELS.partition_point(|known| *known <= level);
    match after {
        0 => quantiles[0] + outer_mean(quantiles[1] - quantiles[0]) * (level / LEVELS[0]).ln(),
        15 => quantiles[14] - outer_mean(quantiles[14] - quantiles[13]) * ((1.0 - level) / (1.0 - LEVELS[14])).ln(),
        _ => {
            let along = (level - LEVELS[after - 1]) / (LEVELS[after] - LEVELS[after - 1]);
            quantiles[after - 1] + along * (quantiles[after] - quantiles[after - 1])
        }
    }
}

/// Mean size of what an exponential tail adds to an outer quantile, from how far apart the two outer ones are.
fn outer_mean(apart: f32) -> f32 {
    apart / (LEVELS[1] / LEVELS[0]).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(value: f32, reach: f32) -> Distribution {
        Distribution::of_interval(Estimate { value, low: value - reach, high: value + reach }, 0.9, [-45.0, 45.0])
    }

    #[test]
    fn an_expectation_agrees_with_the_probability_and_with_what_is_known() {
        for (value, reach) in [(7.0, 4.0), (-2.0, 9.0), (1.0, 100.0)] {
            let distribution = about(value, reach);
            let found = distribution.expect(|truth| f64::from(u8::from(truth > 5.0)));
            assert!((found - distribution.above(5.0)).abs() < 0.01, "{found}");
            assert!((distribution.expect(|_| 1.0) - 1.0).abs() < 1e-4);
        }
        assert!((about(3.0, 0.5).expect(|truth| truth) - 3.0).abs() < 0.05);
        assert!(about(12.0, 100.0).expect(|truth| truth).abs() < 1e-4, "what shows nothing may lie on either side");
    }
}

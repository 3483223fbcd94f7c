//! How probable it is that a metric's true value lies beyond a profile's thresholds: what the photo shows, weighed with what is
//! expected of uploads (Bayes' rule).
//!
//! The calibration's distribution of errors tells where the true value may lie if it were spread evenly over the metric's range. It
//! is not: of a client's uploads the share `s` (`expected_share`) lies beyond the thresholds. With `L` and `H` the masses of that
//! distribution below the lower and above the upper threshold, `W` the mass between them, and `b` and `w` the parts of the range
//! beyond and within the thresholds (`b + w = 1`), the probabilities are
//!
//! ```text
//!            L s/b                          H s/b                                        1-s
//! low = ---------------,   high = ---------------   with   total = (L + H) s/b  +  W  ---
//!            total                          total                                         w
//! ```
//!
//! A photo that shows nothing has `L + H = b` and `W = w`, so that `low + high = s`: a tilt that nobody can see is no defect. The more
//! a photo shows, the less the share counts. Thresholds far closer to zero than the interval is wide need a larger share: few photos
//! beyond them are then as good as a claim that nearly all lie within.

use super::distribution::Distribution;
use super::profile::Band;
use crate::metric::Metric;

/// Probabilities that the true value lies beyond thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beyond {
    /// Below the lower one; zero where there is none.
    pub low: f64,
    /// Above the upper one.
    pub high: f64,
}

impl Beyond {
    /// Probability of the metric's fault. A tilt is a tilt, to whichever side; a photo is not both too dark and too bright.
    #[must_use]
    pub fn fault(self, metric: &Metric) -> f64 {
        if metric.is_one_fault() { self.low + self.high } else { self.low.max(self.high) }
    }
}

/// How probable it is that the true value lies beyond the thresholds of a band.
#[must_use]
pub fn beyond(distribution: &Distribution, band: Band) -> Beyond {
    let masses = |of: &Distribution| [band.low.map_or(0.0, |low| of.below(low)), of.above(band.high)];
    let [low, high] = masses(distribution);
    let part: f64 = masses(&distribution.evenly()).iter().sum();
    // Thresholds at the ends of the range: there is nothing beyond, or nothing within.
    if part <= 0.0 || part >= 1.0 {
        return Beyond { low, high };
    }
    let share = f64::from(band.expected_share);
    let weight = share / part;
    let within = (1.0 - low - high).max(0.0) * (1.0 - share) / (1.0 - part);
    let total = (low + high) * weight + within;
    Beyond { low: low * weight / total, high: high * weight / total }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::calibration::Estimate;
    use proptest::prelude::*;

    const RANGE: [f32; 2] = [-40.0, 40.0];

    fn band(threshold: f32, expected_share: f32) -> Band {
        Band { low: Some(-threshold), high: threshold, weight: 1.0, expected_share }
    }

    fn about(value: f32, reach: f32) -> Distribution {
        let estimate = Estimate { value, low: value - reach, high: value + reach };
        Distribution::of_interval(estimate, 0.9, RANGE)
    }

    fn fault(distribution: &Distribution, band: Band) -> f64 {
        let Beyond { low, high } = beyond(distribution, band);
        low + high
    }

    #[test]
    fn a_worked_example() {
        // Two degrees beyond the threshold, 2.303 to either side at 90 %: the mean error is 1, so that e^-2 / 2 lies within.
        let distribution = about(7.0, std::f32::consts::LN_10);
        let within = 0.5 * ((-2.0f64).exp() - (-12.0f64).exp());
        let weight = 0.2 / (70.0 / 80.0);
        let expected = (1.0 - within) * weight / ((1.0 - within) * weight + within * 0.8 / (10.0 / 80.0));
        let found = fault(&distribution, band(5.0, 0.2));
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        assert!((found - 0.33).abs() < 0.01, "{found}");
    }

    #[test]
    fn there_is_nothing_beyond_the_range() {
        assert!(fault(&about(39.0, 5.0), band(45.0, 0.9)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_photo_that_shows_nothing_is_as_probably_faulty_as_any(
            value in -40.0f32..40.0, threshold in 0.1f32..39.0, share in 0.01f32..0.99,
        ) {
            let found = fault(&about(value, 100.0), band(threshold, share));
            prop_assert!((found - f64::from(share)).abs() < 1e-4, "{found} {share}");
        }

        #[test]
        fn a_larger_share_and_a_value_farther_out_make_a_fault_likelier(
            value in 0.0f32..30.0, farther in 0.0f32..9.0, reach in 0.1f32..20.0,
            threshold in 0.5f32..20.0, share in 0.02f32..0.5, more in 0.0f32..0.4,
        ) {
            let plain = fault(&about(value, reach), band(threshold, share));
            prop_assert!(fault(&about(value, reach), band(threshold, share + more)) >= plain - 1e-9);
            // An interval that the range cuts off is another one.
            if value + farther + reach < 40.0 {
                prop_assert!(fault(&about(value + farther, reach), band(threshold, share)) >= plain - 1e-6);
            }
        }

        #[test]
        fn a_wider_threshold_makes_a_fault_less_likely(
            value in 0.0f32..30.0, reach in 0.1f32..9.0, wider in 0.0f32..5.0, times in 1.0f32..4.0, share in 0.02f32..0.5,
        ) {
            // From thresholds on that the photo's errors can tell from zero.
            let threshold = times * reach;
            let found = fault(&about(value, reach), band(threshold, share));
            let with_wider = fault(&about(value, reach), band(threshold + wider, share));
            prop_assert!(with_wider <= found + 1e-6, "{found} {with_wider}");
        }
    }
}

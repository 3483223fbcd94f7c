//! How probable it is that a metric's true value lies beyond a profile's thresholds: what the photo shows, weighed with what is
//! expected of uploads (Bayes' rule).
//!
//! The calibration's distribution of errors tells where the true value may lie if it were spread evenly over the metric's range. It
//! is not: most uploads are nearly right, a few are far off. What is expected of values before a photo is seen falls with their
//! distance from zero as `1 / (1 + (x / width)^2)` (Cauchy's distribution) within the range, with the width at which the share `s`
//! (`expected_share`) lies beyond the thresholds. The density of the true value is that of the errors times it.
//!
//! A photo that shows nothing is then as probably faulty as any upload, by `s`: a tilt that nobody can see is no defect. The more a
//! photo shows, the less the share counts: what is clearly far off is not taken for an error, since the expectation falls slower than
//! errors do. And a value a little beyond a threshold is hardly less expected than one a little within. Thresholds far closer to zero
//! than the interval is wide need a larger share: few photos beyond them are then as good as a claim that nearly all lie at zero.

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
    let mut sums = [0.0; 3];
    for part in parts(distribution, band) {
        sums[part.side as usize] += part.mass;
    }
    let total = sums.iter().sum::<f64>();
    Beyond { low: sums[Side::Low as usize] / total, high: sums[Side::High as usize] / total }
}

/// Where a part of the range lies: below the thresholds, within or above them.
#[derive(Clone, Copy)]
enum Side {
    Low,
    Within,
    High,
}

/// A part of the range and how probable it is that the true value lies there, but for a common factor.
struct Part {
    side: Side,
    mass: f64,
}

/// Parts into which each stretch between zero, thresholds and the ends of the range is cut: the expectation is taken as even within one.
const PARTS: u16 = 64;

fn parts(distribution: &Distribution, band: Band) -> impl Iterator<Item = Part> {
    let expected = Expected::of_band(distribution.range(), band);
    let Expected { range, thresholds, .. } = expected;
    let zero = 0f64.clamp(thresholds[0], thresholds[1]);
    let stretches = [
        (Side::Low, range[0], thresholds[0]),
        (Side::Within, thresholds[0], zero),
        (Side::Within, zero, thresholds[1]),
        (Side::High, thresholds[1], range[1]),
    ];
    let distribution = *distribution;
    stretches.into_iter().filter(|(_, from, to)| from < to).flat_map(move |(side, from, to)| {
        let at = move |part: u16| from + (to - from) * f64::from(part) / f64::from(PARTS);
        (0..PARTS).map(move |part| {
            let ends = [at(part), at(part + 1)];
            let shown = distribution.between(ends[0], ends[1]);
            let weight = if matches!(side, Side::Within) { expected.within } else { expected.beyond };
            Part { side, mass: shown * weight * expected.mass(ends) / (ends[1] - ends[0]) }
        })
    })
}

/// What a band expects of a metric's true values before a photo is seen.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    range: [f64; 2],
    thresholds: [f64; 2],
    width: f64,
    /// What values within and beyond the thresholds count besides: 1, unless the thresholds leave less of the range beyond them
    /// than the share, which no width can bring about.
    within: f64,
    beyond: f64,
}

impl Expected {
    /// What a band expects of values within `range`.
    #[must_use]
    pub fn of_band(range: [f32; 2], band: Band) -> Self {
        let range = range.map(f64::from);
        let thresholds =
            [band.low.map_or(range[0], f64::from), f64::from(band.high)].map(|at| at.clamp(range[0], range[1]));
        Self::of(range, thresholds, f64::from(band.expected_share))
    }

    /// The share of photos whose true value is expected to lie between two values.
    #[must_use]
    pub fn share(self, ends: [f64; 2]) -> f64 {
        self.weighed(ends) / self.weighed(self.range)
    }

    /// The expectation of which the share `share` within the range lies beyond the thresholds.
    fn of(range: [f64; 2], thresholds: [f64; 2], share: f64) -> Self {
        let of_width = |width| Self { range, thresholds, width, within: 1.0, beyond: 1.0 };
        let beyond = |expected: Self| {
            let out = expected.mass([range[0], thresholds[0]]) + expected.mass([thresholds[1], range[1]]);
            out / (out + expected.mass(thresholds))
        };
        let far = range[0].abs().max(range[1].abs());
        let (mut narrow, mut wide) = (1e-6 * far, 1e3 * far);
        for _ in 0..50 {
            let middle = (narrow * wide).sqrt();
            if beyond(of_width(middle)) < share { narrow = middle } else { wide = middle }
        }
        let found = of_width(wide);
        let reached = beyond(found);
        // Thresholds at the ends of the range: there is nothing beyond, or nothing within.
        if reached <= 0.0 || reached >= 1.0 {
            return found;
        }
        Self { within: (1.0 - share) / (1.0 - reached), beyond: share / reached, ..found }
    }

    /// Integral between two values, each side of the thresholds with what it counts; not normalised.
    fn weighed(self, ends: [f64; 2]) -> f64 {
        let [from, to] = ends.map(|end| end.clamp(self.range[0], self.range[1]));
        let [low, high] = self.thresholds;
        let beyond = self.mass([from, to.min(low)]) + self.mass([from.max(high), to]);
        self.beyond * beyond + self.within * self.mass([from.max(low), to.min(high)])
    }

    /// Integral of Cauchy's distribution between two values; not normalised.
    fn mass(self, [from, to]: [f64; 2]) -> f64 {
        if to <= from { 0.0 } else { self.width * ((to / self.width).atan() - (from / self.width).atan()) }
    }
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
        // Of Cauchy's distribution of width w, cut off at 40, the share (atan(40/w) - atan(5/w)) / atan(40/w) lies beyond 5: with
        // w = 1.8292 a fifth. Two degrees beyond the threshold, 2.303 to either side at 90 %: the mean error is 1.
        let width = 1.8292f64;
        let share = ((40.0 / width).atan() - (5.0 / width).atan()) / (40.0 / width).atan();
        assert!((share - 0.2).abs() < 1e-3, "{share}");
        // The integral by small steps.
        let density = |x: f64| (-(x - 7.0).abs()).exp() / (1.0 + (x / width).powi(2));
        let sum = |from: f64, to: f64| {
            let step = (to - from) / 1e5;
            (0..100_000u32).map(|index| step * density(from + step * (f64::from(index) + 0.5))).sum::<f64>()
        };
        let expected = (sum(-40.0, -5.0) + sum(5.0, 40.0)) / sum(-40.0, 40.0);
        let found = fault(&about(7.0, std::f32::consts::LN_10), band(5.0, 0.2));
        assert!((found - expected).abs() < 2e-3, "{found} {expected}");
        assert!((found - 0.816).abs() < 0.003, "{found}");
    }

    #[test]
    fn what_is_expected_adds_up_and_is_most_at_zero() {
        let [low, high] = RANGE.map(f64::from);
        // Near the range's end no width leaves that much beyond, and what lies there counts more besides.
        for (threshold, share) in [(5.0f32, 0.25f32), (0.5, 0.9), (39.0, 0.6)] {
            let expected = Expected::of_band(RANGE, band(threshold, share));
            let at = f64::from(threshold);
            let [below, within, above] = [[low, -at], [-at, at], [at, high]].map(|ends| expected.share(ends));
            assert!((below + above - f64::from(share)).abs() < 1e-6 && (below - above).abs() < 1e-9, "{below} {above}");
            assert!((below + within + above - 1.0).abs() < 1e-9);
            assert!((expected.share([low, 0.0]) - 0.5).abs() < 1e-9, "a part may lie on both sides of a threshold");
            assert!(expected.share([high, high + 1.0]).abs() < 1e-12);
        }
        let usual = Expected::of_band(RANGE, band(5.0, 0.25));
        assert!(usual.share([0.0, 1.0]) > 2.0 * usual.share([4.0, 5.0]));
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
            value in 0.0f32..30.0, reach in 0.1f32..9.0, wider in 0.0f32..5.0, times in 2.0f32..5.0, share in 0.02f32..0.5,
        ) {
            // From thresholds on that the photo's errors can tell from zero.
            let threshold = times * reach;
            // Near the range's end the same share lies in ever less room, and each of its values becomes more likely.
            prop_assume!(threshold + wider < 30.0);
            let found = fault(&about(value, reach), band(threshold, share));
            let with_wider = fault(&about(value, reach), band(threshold + wider, share));
            prop_assert!(with_wider <= found + 1e-6, "{found} {with_wider}");
        }
    }
}

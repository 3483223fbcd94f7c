//! Maps a branch's raw output to a value in physical units with an interval of stated coverage.
//!
//! Value: a strictly increasing piecewise-linear curve, fitted by isotonic regression. Interval: split conformal
//! prediction on residuals normalised by the scale that the network itself predicts (Lei et al., "Distribution-free
//! predictive inference for regression", 2018), with quantiles per bin of that scale (Mondrian conformal prediction,
//! Vovk et al. 2003), so that a photo without evidence gets a wide interval. Fitting lives in the trainer. A bin may keep the
//! whole distribution of its errors: from it follow intervals of other coverages, and the probability that the true value lies
//! beyond a threshold. Where it keeps the two ends of its interval only, a two-sided exponential (Laplace) distribution through
//! them stands for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::distribution::{Distribution, Errors, laplace, laplace_reach, quantile};

/// What a branch network emits for one photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawOutput {
    /// Ranking output; only its order means something.
    pub raw: f32,
    /// Natural logarithm of the expected absolute error, in the units of `raw`.
    pub log_scale: f32,
}

/// A calibrated value with its interval, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Best estimate.
    pub value: f32,
    /// Lower end of the interval, at most `value`.
    pub low: f32,
    /// Upper end of the interval, at least `value`.
    pub high: f32,
}

/// One bin of the conformal intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntervalBin {
    /// The bin holds outputs whose `log_scale` is at most this; the last bin holds all the rest.
    pub max_log_scale: f32,
    /// Interval below the value, in units of the predicted scale.
    pub below: f32,
    /// Interval above the value, in units of the predicted scale.
    pub above: f32,
    /// Quantiles of the error (true value less calibrated one) in units of the predicted scale, at 1, 2.5, 5, 10, 20, ... 80, 90,
    /// 95, 97.5 and 99 %, as they were measured: the interval is wider. Cards of older trainers have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<[f32; 15]>,
}

/// A fitted calibration, as stored in a model card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Unchecked")]
pub struct Calibration {
    coverage: f32,
    samples: usize,
    range: [f32; 2],
    curve: Vec<[f32; 2]>,
    intervals: Vec<IntervalBin>,
}

/// A calibration that would not give finite, ordered answers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("invalid calibration: {0}")]
pub struct CalibrationError(String);

/// The stored form, before it is checked.
#[derive(Deserialize)]
struct Unchecked {
    coverage: f32,
    samples: usize,
    range: [f32; 2],
    curve: Vec<[f32; 2]>,
    intervals: Vec<IntervalBin>,
}

impl TryFrom<Unchecked> for Calibration {
    type Error = CalibrationError;

    fn try_from(stored: Unchecked) -> Result<Self, CalibrationError> {
        let Unchecked { coverage, samples, range, curve, intervals } = stored;
        Self::new(coverage, samples, range, curve, intervals)
    }
}

impl Calibration {
    /// Checks and builds a calibration.
    ///
    /// `curve` holds (raw, value) knots; `range` bounds values and intervals; `samples` says on how many samples it was
    /// fitted; `coverage` is the share of true values the intervals hold.
    ///
    /// # Errors
    /// [`CalibrationError`] unless knots and bins are finite, both coordinates of the curve strictly increase, bins are
    /// in ascending order and their widths are not negative.
    pub fn new(
        coverage: f32,
        samples: usize,
        range: [f32; 2],
        curve: Vec<[f32; 2]>,
        intervals: Vec<IntervalBin>,
    ) -> Result<Self, CalibrationError> {
        let require = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(CalibrationError(rule.to_owned())) }
        };
        require(coverage > 0.0 && coverage < 1.0, "coverage must lie between 0 and 1")?;
        require(
            range.iter().all(|end| end.is_finite()) && range[0] < range[1],
            "the range must be finite and ascending",
        )?;
        require(curve.len() >= 2, "the curve needs two knots")?;
        require(curve.iter().flatten().all(|coordinate| coordinate.is_finite()), "the curve must be finite")?;
        require(
            curve.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1]),
            "the curve must strictly increase",
        )?;
        require(!intervals.is_empty(), "there must be an interval bin")?;
        let finite =
            |bin: &IntervalBin| [bin.max_log_scale, bin.below, bin.above].iter().all(|value| value.is_finite());
        require(intervals.iter().all(finite), "interval bins must be finite")?;
        require(
            intervals.iter().all(|bin| bin.below >= 0.0 && bin.above >= 0.0),
            "interval widths must not be negative",
        )?;
        let ascending = |errors: [f32; 15]| {
            errors.iter().all(|error| error.is_finite()) && errors.windows(2).all(|pair| pair[0] <= pair[1])
        };
        require(
            intervals.iter().filter_map(|bin| bin.errors).all(ascending),
            "quantiles of errors must be finite and ascending",
        )?;
        require(
            intervals.windows(2).all(|pair| pair[0].max_log_scale < pair[1].max_log_scale),
            "interval bins must be in ascending order",
        )?;
        Ok(Self { coverage, samples, range, curve, intervals })
    }

    /// Share of true values that the intervals hold on unseen photos.
    #[must_use]
    pub fn coverage(&self) -> f32 {
        self.coverage
    }

    /// What bounds values and intervals.
    #[must_use]
    pub fn range(&self) -> [f32; 2] {
        self.range
    }

    /// Number of samples the calibration was fitted on.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Calibrated value and interval of one output. A non-finite output is no evidence: it gets the middle of the range
    /// and the whole range as its interval.
    #[must_use]
    pub fn apply(&self, output: RawOutput) -> Estimate {
        let [min, max] = self.range;
        if !output.raw.is_finite() || !output.log_scale.is_finite() {
            return Estimate { value: f32::midpoint(min, max), low: min, high: max };
        }
        let bin = self.bin(output.log_scale);
        self.reaching([bin.below, bin.above], output)
    }

    /// The same with an interval that holds the true value with another coverage.
    #[must_use]
    pub fn apply_at(&self, output: RawOutput, coverage: f32) -> Estimate {
        if !output.raw.is_finite() || !output.log_scale.is_finite() {
            return self.apply(output);
        }
        let reach = self.bin(output.log_scale).reach(coverage, self.coverage);
        self.reaching(reach, output)
    }

    /// The output that results speak of: they keep its ranking output and, rounded to thousandths, its value and an interval of some
    /// coverage, but not its scale. Nothing where no output of this calibration has such an estimate.
    ///
    /// The interval's width tells the scale once its bin is known: of each bin's scale, the one whose interval fits best is taken. Where
    /// the range cut an end off, the other one tells alone, and two neighbouring bins may fit alike; where it cut off both, the scale
    /// is at least as large as the one that is taken.
    #[must_use]
    pub fn output_of(&self, raw: f32, estimate: Estimate, coverage: f32) -> Option<RawOutput> {
        let Estimate { low, high, .. } = estimate;
        let [min, max] = self.range;
        // Thousandths of large numbers are less exact.
        let rounding = (1e-6 * (max - min)).max(1e-3);
        let value = self.value(raw);
        if (value - estimate.value).abs() > rounding {
            return None;
        }
        let reached = [value - low, high - value];
        let last = self.intervals.len() - 1;
        let starts = std::iter::once(-LARGEST).chain(self.intervals.iter().map(|bin| bin.max_log_scale.next_up()));
        let outputs = self.intervals.iter().zip(starts).enumerate().map(|(index, (bin, start))| {
            let reach = bin.reach(coverage, self.coverage);
            let of_side = |side: usize| reached[side] / reach[side];
            let scale = match (low <= min, high >= max) {
                (false, false) => (reached[0] + reached[1]) / (reach[0] + reach[1]),
                (true, false) => of_side(1),
                (false, true) => of_side(0),
                (true, true) => of_side(0).max(of_side(1)),
            };
            let end = if index == last { LARGEST } else { bin.max_log_scale };
            let output = RawOutput { raw, log_scale: scale.ln().max(start).min(end) };
            let found = self.apply_at(output, coverage);
            ((found.low - low).abs() + (found.high - high).abs(), output)
        });
        let fitting = outputs.filter(|(misfit, _)| *misfit <= 2.0 * rounding);
        fitting.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, output)| output)
    }

    /// Where the true value may lie, given a photo's output.
    #[must_use]
    pub fn distribution(&self, output: RawOutput) -> Distribution {
        let Estimate { value, .. } = self.apply(output);
        if !output.raw.is_finite() || !output.log_scale.is_finite() {
            return Distribution::new(value, self.range, Errors::Unknown);
        }
        let (bin, scale) = (self.bin(output.log_scale), scale(output));
        let errors = match bin.errors {
            Some(quantiles) => Errors::Measured { quantiles, scale },
            None => laplace([bin.below * scale, bin.above * scale], self.coverage),
        };
        Distribution::new(value, self.range, errors)
    }

    /// The interval that reaches so far below and above the value, in units of the predicted scale.
    fn reaching(&self, [below, above]: [f32; 2], output: RawOutput) -> Estimate {
        let [min, max] = self.range;
        let (value, scale) = (self.value(output.raw), scale(output));
        Estimate {
            value,
            low: (value - below * scale).clamp(min, value),
            high: (value + above * scale).clamp(value, max),
        }
    }

    /// The curve, continued along its outer segments and bounded by the range.
    #[must_use]
    pub fn value(&self, raw: f32) -> f32 {
        let after = self.curve.partition_point(|knot| knot[0] <= raw).clamp(1, self.curve.len() - 1);
        let ([x0, y0], [x1, y1]) = (self.curve[after - 1], self.curve[after]);
        let value = y0 + (raw - x0) / (x1 - x0) * (y1 - y0);
        value.clamp(self.range[0], self.range[1])
    }

    fn bin(&self, log_scale: f32) -> IntervalBin {
        let index = self.intervals.partition_point(|bin| bin.max_log_scale < log_scale);
        self.intervals[index.min(self.intervals.len() - 1)]
    }
}

/// Bounds logarithms of scales: an infinite scale times an interval of zero would be no number.
const LARGEST: f32 = 50.0;

fn scale(output: RawOutput) -> f32 {
    output.log_scale.min(LARGEST).exp()
}

impl IntervalBin {
    /// How far the interval of a coverage reaches below and above the value. That of the `stated` coverage was widened, for few samples
    /// and for what calibration did not see; another is widened as much. A wider one must not be narrower than it, nor the other way
    /// round.
    fn reach(&self, coverage: f32, stated: f32) -> [f32; 2] {
        let known = [self.below, self.above];
        // What the card states is given as it states it, to the last bit.
        if coverage == stated {
            return known;
        }
        let Some(errors) = &self.errors else {
            // Divided first: a wider coverage must not be rounded to a narrower interval.
            let times = laplace_reach(coverage) / laplace_reach(stated);
            return known.map(|reach| reach * times);
        };
        let ends = |coverage: f32| {
            let tail = (1.0 - coverage) / 2.0;
            [-quantile(errors, tail), quantile(errors, 1.0 - tail)]
        };
        let (found, measured) = (ends(coverage), ends(stated));
        std::array::from_fn(|side| {
            let (known, measured) = (known[side], measured[side]);
            let widening = if measured > 0.0 { known / measured } else { 1.0 };
            let reach = (found[side] * widening).max(0.0);
            if coverage > stated { reach.max(known) } else { reach.min(known) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounding::thousandths;
    use proptest::prelude::*;

    fn calibration() -> Calibration {
        let bins = [(-1.0, 1.0, 2.0), (0.0, 3.0, 4.0)];
        let intervals =
            bins.map(|(max_log_scale, below, above)| IntervalBin { max_log_scale, below, above, errors: None });
        let intervals = intervals.to_vec();
        let curve = vec![[-2.0, -10.0], [0.0, 0.5], [1.0, 8.0]];
        Calibration::new(0.9, 1000, [-20.0, 20.0], curve, intervals).expect("it is sound")
    }

    #[test]
    fn interpolates_extrapolates_and_bounds() {
        let calibration = calibration();
        assert!((calibration.value(-1.0) - -4.75).abs() < 1e-6);
        assert!((calibration.value(2.0) - 15.5).abs() < 1e-6);
        assert!((calibration.value(9.0) - 20.0).abs() < 1e-6);
        let wide = calibration.apply(RawOutput { raw: 0.0, log_scale: 0.0 });
        assert!((wide.low - -2.5).abs() < 1e-6 && (wide.high - 4.5).abs() < 1e-6);
        let blind = calibration.apply(RawOutput { raw: f32::NAN, log_scale: 0.0 });
        assert_eq!((blind.low, blind.high), (-20.0, 20.0));
    }

    #[test]
    fn refuses_a_curve_with_a_plateau() {
        let bin = IntervalBin { max_log_scale: 0.0, below: 1.0, above: 1.0, errors: None };
        let plateau = vec![[0.0, 0.0], [1.0, 1.0], [2.0, 1.0]];
        assert!(Calibration::new(0.9, 10, [0.0, 1.0], plateau, vec![bin]).is_err());
        let stored = r#"{"coverage":0.9,"samples":1,"range":[0,1],"curve":[[0,1],[1,0]],"intervals":[]}"#;
        assert!(serde_json::from_str::<Calibration>(stored).is_err());
    }

    /// The synthetic one and those of the shipped models.
    fn calibrations() -> [Calibration; 4] {
        let shipped = [
            include_str!("../../../models/blur.json"),
            include_str!("../../../models/brightness.json"),
            include_str!("../../../models/rotation.json"),
        ];
        let [blur, brightness, rotation] = shipped.map(|card| {
            serde_json::from_str::<crate::scoring::card::ModelCard>(card).expect("a shipped card is sound").calibration
        });
        [calibration(), blur, brightness, rotation]
    }

    /// The synthetic one with measured errors, which lie above the value more often than below it.
    fn measured() -> Calibration {
        let errors = [-3.9, -3.5, -3.0, -1.5, -0.5, 0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 3.0, 3.8, 4.4, 5.0];
        let intervals = vec![IntervalBin { max_log_scale: 0.0, below: 3.1, above: 4.0, errors: Some(errors) }];
        Calibration { intervals, ..calibration() }
    }

    #[test]
    fn the_stated_coverage_is_the_cards_to_the_last_bit() {
        for calibration in calibrations().into_iter().chain([measured()]) {
            for step in -40i16..40 {
                let output = RawOutput { raw: f32::from(step) / 4.0, log_scale: f32::from(step) / 9.0 };
                assert_eq!(calibration.apply_at(output, 0.9), calibration.apply(output));
            }
        }
    }

    #[test]
    fn intervals_and_probabilities_follow_the_measured_errors() {
        let calibration = measured();
        let output = RawOutput { raw: 0.0, log_scale: 0.0 };
        let Estimate { value, low, high } = calibration.apply_at(output, 0.8);
        assert!((value - 0.5).abs() < 1e-6 && (low - -1.05).abs() < 1e-5, "{value} {low}");
        // As much wider than the errors as the stated one.
        assert!((high - (0.5 + 3.0 * 4.0 / 3.8)).abs() < 1e-5, "{high}");
        let distribution = calibration.distribution(output);
        for (threshold, above) in [(-1.0, 0.9), (0.5, 0.7), (0.8, 0.5), (3.5, 0.1)] {
            assert!(
                (distribution.above(threshold) - above).abs() < 1e-3,
                "{threshold}: {}",
                distribution.above(threshold)
            );
            assert!((distribution.below(threshold) - (1.0 - above)).abs() < 1e-3);
        }
        // In twice the scale, errors are twice as large.
        let distribution = calibration.distribution(RawOutput { raw: 0.0, log_scale: 2.0f32.ln() });
        assert!((distribution.above(6.5) - 0.1).abs() < 1e-3);
    }

    #[test]
    fn without_measured_errors_the_ends_of_the_interval_speak_for_them() {
        let output = RawOutput { raw: 0.0, log_scale: 0.0 };
        let distribution = calibration().distribution(output);
        let Estimate { low, high, .. } = calibration().apply(output);
        assert!((distribution.below(low) - 0.05).abs() < 2e-3 && (distribution.above(high) - 0.05).abs() < 2e-3);
        let Estimate { low, high, .. } = calibration().apply_at(output, 0.99);
        assert!((distribution.below(low) - 0.005).abs() < 1e-3 && (distribution.above(high) - 0.005).abs() < 1e-3);
    }

    /// What a row of results keeps.
    fn as_written(estimate: Estimate) -> Estimate {
        let Estimate { value, low, high } = estimate;
        let [value, low, high] = [value, low, high].map(thousandths);
        Estimate { value, low, high }
    }

    /// Of outputs all over a calibration's curve and bins, the share of which some probability differs by more than a hundredth from
    /// that of `distribution`.
    fn apart(calibration: &Calibration, distribution: impl Fn(RawOutput) -> Distribution) -> f64 {
        let [min, max] = calibration.range;
        let (first, last) = (calibration.curve[0][0], calibration.curve[calibration.curve.len() - 1][0]);
        let (mut all, mut wrong) = (0u32, 0u32);
        let mut start = calibration.intervals[0].max_log_scale - 0.4;
        for bin in &calibration.intervals {
            for (across, along) in (0..50u8).flat_map(|across| (0..10u8).map(move |along| (across, along))) {
                let raw = first + (last - first) * f32::from(across) / 49.0;
                let log_scale = start + (bin.max_log_scale - start) * (f32::from(along) + 0.5) / 10.0;
                let output = RawOutput { raw, log_scale };
                let (served, found) = (calibration.distribution(output), distribution(output));
                let threshold = |tenth: u8| min + (max - min) * f32::from(tenth) / 10.0;
                all += 1;
                wrong += u32::from((1..10).map(threshold).any(|at| (served.above(at) - found.above(at)).abs() > 0.01));
            }
            start = bin.max_log_scale;
        }
        f64::from(wrong) / f64::from(all)
    }

    #[test]
    fn results_lead_back_to_the_probabilities_of_the_output() {
        for calibration in calibrations().into_iter().skip(1).chain([measured()]) {
            for coverage in [calibration.coverage, 0.8] {
                let found = apart(&calibration, |output| {
                    let row = as_written(calibration.apply_at(output, coverage));
                    let found = calibration.output_of(output.raw, row, coverage).expect("there is one");
                    calibration.distribution(found)
                });
                // Most of them where the range cut an end off and two bins fit alike.
                assert!(found < 0.08, "of {coverage}: {found}");
            }
            // Which nothing but the interval would not do.
            let by_interval = apart(&calibration, |output| {
                let row = as_written(calibration.apply(output));
                Distribution::of_interval(row, calibration.coverage, calibration.range)
            });
            assert!(by_interval > 0.3, "{by_interval}");
        }
    }

    #[test]
    fn what_no_output_comes_to_leads_back_to_none() {
        let calibration = measured();
        let output = RawOutput { raw: 0.0, log_scale: -0.5 };
        let row = as_written(calibration.apply(output));
        assert!(calibration.output_of(0.0, row, 0.9).is_some_and(|found| (found.log_scale + 0.5).abs() < 1e-2));
        let other = [
            (0.1, row),
            (f32::NAN, row),
            (0.0, Estimate { high: row.value, ..row }),
            // As wide, but to the sides by another share.
            (0.0, Estimate { low: row.low - 0.1, high: row.high - 0.1, ..row }),
        ];
        for (raw, row) in other {
            assert_eq!(calibration.output_of(raw, row, 0.9), None, "{raw} {row:?}");
        }
        // Nothing was known of it: what rows write where an output was not finite.
        let blind = as_written(calibration.apply(RawOutput { raw: f32::NAN, log_scale: 0.0 }));
        assert_eq!(calibration.output_of(0.0, blind, 0.9), None);
    }

    #[test]
    fn quantiles_must_ascend() {
        let card = serde_json::to_string(&measured()).expect("it serialises");
        assert_eq!(serde_json::from_str(&card).ok(), Some(measured()));
        let refused = serde_json::from_str::<Calibration>(&card.replace("-3.5", "-4.5")).expect_err("it is refused");
        assert!(refused.to_string().contains("ascending"), "{refused}");
    }

    proptest! {
        #[test]
        fn a_wider_coverage_contains_a_narrower_one(
            raw in -3.0f32..3.0, log_scale in -9.0f32..9.0, one in 0.5f32..0.99, other in 0.5f32..0.99,
        ) {
            let output = RawOutput { raw, log_scale };
            let mut coverages = [one, other, 0.9];
            coverages.sort_by(f32::total_cmp);
            for calibration in calibrations().into_iter().chain([measured()]) {
                let [narrow, middle, wide] = coverages.map(|coverage| calibration.apply_at(output, coverage));
                prop_assert!(wide.low <= middle.low && middle.low <= narrow.low && narrow.low <= narrow.value);
                prop_assert!(wide.high >= middle.high && middle.high >= narrow.high && narrow.high >= narrow.value);
            }
        }

        #[test]
        fn the_farther_a_threshold_the_less_lies_beyond_it(
            raw in -9.0f32..9.0, log_scale in -20.0f32..60.0, one in -20.0f32..20.0, other in -20.0f32..20.0,
        ) {
            for calibration in calibrations().into_iter().chain([measured()]) {
                let distribution = calibration.distribution(RawOutput { raw, log_scale });
                let (near, far) = (distribution.above(one.min(other)), distribution.above(one.max(other)));
                prop_assert!((0.0..=1.0).contains(&far) && far <= near && near <= 1.0, "{} {}", near, far);
                prop_assert!((distribution.above(one) + distribution.below(one) - 1.0).abs() < 1e-6);
            }
        }

        #[test]
        fn value_is_monotone_and_inside_its_interval(a in -50.0f32..50.0, b in -50.0f32..50.0, log_scale in -20.0f32..20.0) {
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            for calibration in calibrations() {
                prop_assert!(calibration.value(low) <= calibration.value(high));
                let estimate = calibration.apply(RawOutput { raw: a, log_scale });
                prop_assert!(estimate.low <= estimate.value && estimate.value <= estimate.high);
                prop_assert!(estimate.low >= calibration.range[0] && estimate.high <= calibration.range[1]);
            }
        }
    }
}

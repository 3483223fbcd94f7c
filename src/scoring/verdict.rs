//! Publish, fix or retake: scores of a photo under a profile.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calibration::Estimate;
use super::profile::{Band, Profile};
use crate::metric::Metric;

const BLURRED: &str = "blurred";
const TOO_DARK: &str = "too_dark";
const TOO_BRIGHT: &str = "too_bright";
const TILTED: &str = "tilted";
/// Codes of the reasons not to pass, without `possibly_`.
pub(super) const REASON_CODES: [&str; 4] = [BLURRED, TOO_DARK, TOO_BRIGHT, TILTED];

/// One metric's calibrated score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// Calibrated value, in `unit`.
    #[schema(example = 0.41)]
    pub value: f32,
    /// Unit of value and interval: `px`, `V` or `deg`.
    #[schema(example = "px")]
    pub unit: String,
    /// Lower end of the interval.
    #[schema(example = 0.2)]
    pub low: f32,
    /// Upper end of the interval.
    #[schema(example = 0.8)]
    pub high: f32,
    /// How acceptable the value is under the profile: 100 at zero, 50 on the threshold, falling like a bell curve (for a
    /// metric of weight 1; of one with weight w the shortfall from 100 counts w times).
    #[schema(example = 93, minimum = 0, maximum = 100)]
    pub quality: u8,
    /// The model's ranking output; only its order means something.
    #[schema(example = -1.41)]
    pub raw: f32,
}

/// The three scores of a photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scores {
    /// Standard deviation of the equivalent Gaussian blur on the reference view (long side 1024 px).
    pub blur: Score,
    /// Shift of HSV value V against a well exposed photo; negative is too dark.
    pub brightness: Score,
    /// Tilt of the scene; positive when it appears turned clockwise.
    pub rotation: Score,
}

impl Scores {
    /// The score of a metric.
    #[must_use]
    pub fn get(&self, metric: Metric) -> &Score {
        match metric {
            Metric::Blur => &self.blur,
            Metric::Brightness => &self.brightness,
            Metric::Rotation => &self.rotation,
        }
    }
}

/// What to do with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every whole interval lies within the profile's thresholds.
    Pass,
    /// A whole interval lies beyond a threshold.
    Fail,
    /// Neither is certain.
    Unsure,
}

impl Verdict {
    /// The name in answers and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unsure => "unsure",
        }
    }
}

/// What it takes to mend a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An editor can mend it.
    Fixable,
    /// It has to be taken again.
    Retake,
}

/// Why a photo did not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// `blurred`, `too_dark`, `too_bright` or `tilted`; with `possibly_` before it where the interval crosses the
    /// threshold.
    #[schema(example = "tilted")]
    pub code: String,
    /// The metric at fault.
    pub metric: Metric,
    /// Its calibrated value.
    #[schema(example = -7.3)]
    pub value: f32,
    /// Lower end of its interval.
    #[schema(example = -8.1)]
    pub low: f32,
    /// Upper end of its interval.
    #[schema(example = -6.6)]
    pub high: f32,
    /// The threshold at stake.
    #[schema(example = -5.0)]
    pub threshold: f32,
    /// What it takes to mend it.
    pub severity: Severity,
    /// What to do, in a sentence.
    #[schema(example = "Rotate 7.3 degrees clockwise.")]
    pub advice: String,
}

/// Scores, verdict and reasons of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The three scores.
    pub scores: Scores,
    /// The worst of the three qualities.
    pub quality: u8,
    /// What to do.
    pub verdict: Verdict,
    /// Why, worst first; empty when the photo passes.
    pub reasons: Vec<Reason>,
}

/// Judges a photo's ranking outputs and estimates, given in the order of [`Metric::ALL`].
#[must_use]
pub fn judge(raw: &[f32; 3], estimates: &[Estimate; 3], profile: &Profile) -> Judgement {
    let score = |index: usize| score(Metric::ALL[index], raw[index], estimates[index], profile);
    let scores = Scores { blur: score(0), brightness: score(1), rotation: score(2) };
    let mut found: Vec<(bool, u8, Reason)> = Vec::new();
    for metric in Metric::ALL {
        let score = scores.get(metric);
        if let Some((certain, threshold)) = crossing(score, profile.band(metric)) {
            found.push((certain, score.quality, reason(metric, score, certain, threshold, profile)));
        }
    }
    found.sort_by_key(|(certain, quality, _)| (!certain, *quality));
    let verdict = match found.first() {
        None => Verdict::Pass,
        Some((true, ..)) => Verdict::Fail,
        Some((false, ..)) => Verdict::Unsure,
    };
    let quality = Metric::ALL.into_iter().map(|metric| scores.get(metric).quality).min().unwrap_or(0);
    Judgement { scores, quality, verdict, reasons: found.into_iter().map(|(_, _, reason)| reason).collect() }
}

/// Numbers are rounded before they are judged, so that a client that checks the verdict against the answer's numbers
/// comes to the same.
fn score(metric: Metric, raw: f32, estimate: Estimate, profile: &Profile) -> Score {
    let round = |value: f32| (value * 1000.0).round() / 1000.0 + 0.0;
    let value = round(estimate.value);
    Score {
        value,
        unit: metric.unit().to_owned(),
        low: round(estimate.low),
        high: round(estimate.high),
        quality: profile.band(metric).quality(value),
        // JSON has no number for "not finite"; such an output is no evidence, and its interval says so.
        raw: if raw.is_finite() { raw } else { 0.0 },
    }
}

/// The threshold that the interval lies beyond (true) or crosses (false).
fn crossing(score: &Score, band: Band) -> Option<(bool, f32)> {
    if score.low > band.high {
        return Some((true, band.high));
    }
    if let Some(low) = band.low.filter(|low| score.high < *low) {
        return Some((true, low));
    }
    let below = band.low.is_some_and(|low| score.low < low);
    let above = score.high > band.high;
    match (below, above) {
        (false, false) => None,
        (true, true) => Some((false, band.threshold(score.value))),
        (true, false) => band.low.map(|low| (false, low)),
        (false, true) => Some((false, band.high)),
    }
}

fn reason(metric: Metric, score: &Score, certain: bool, threshold: f32, profile: &Profile) -> Reason {
    let too_low = threshold < 0.0;
    let (code, severity, advice) = match metric {
        Metric::Blur => (BLURRED, Severity::Retake, "Take the photo again: hold still and focus.".to_owned()),
        Metric::Brightness if too_low => {
            (TOO_DARK, Severity::Fixable, format!("Brighten by {:.2} of V.", score.value.abs()))
        }
        Metric::Brightness => (TOO_BRIGHT, Severity::Fixable, format!("Darken by {:.2} of V.", score.value.abs())),
        Metric::Rotation => {
            let direction = if score.value > 0.0 { "counterclockwise" } else { "clockwise" };
            (TILTED, Severity::Fixable, format!("Rotate {:.1} degrees {direction}.", score.value.abs()))
        }
    };
    let advice = profile.messages.get(code).cloned().unwrap_or(advice);
    let code = if certain { code.to_owned() } else { format!("possibly_{code}") };
    let Score { value, low, high, .. } = *score;
    Reason { code, metric, value, low, high, threshold, severity, advice }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::scoring::profile::Profiles;
    use proptest::prelude::*;

    fn default_profile() -> &'static Profile {
        static PROFILES: LazyLock<Profiles> = LazyLock::new(Profiles::built_in);
        PROFILES.find("default").expect("it is built in")
    }

    fn judged(intervals: [(f32, f32, f32); 3]) -> Judgement {
        let estimates = intervals.map(|(low, value, high)| Estimate { value, low, high });
        judge(&[0.0; 3], &estimates, default_profile())
    }

    #[test]
    fn a_whole_interval_beyond_fails_and_says_why() {
        let judgement = judged([(0.0, 0.3, 0.8), (-0.1, 0.0, 0.1), (-12.0, -10.0, -8.0)]);
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(judgement.reasons.len(), 1);
        let reason = &judgement.reasons[0];
        assert_eq!((reason.code.as_str(), reason.severity), ("tilted", Severity::Fixable));
        assert_eq!(reason.advice, "Rotate 10.0 degrees clockwise.");
        assert!((reason.threshold - -5.0).abs() < 1e-6);
        assert_eq!(judgement.quality, judgement.scores.rotation.quality);
    }

    #[test]
    fn an_interval_across_a_threshold_is_unsure() {
        let judgement = judged([(0.0, 0.3, 0.8), (-0.3, -0.2, 0.1), (-1.0, 0.0, 1.0)]);
        assert_eq!(judgement.verdict, Verdict::Unsure);
        assert_eq!(judgement.reasons[0].code, "possibly_too_dark");
        assert_eq!(judged([(0.0, 0.3, 0.8), (-0.1, 0.0, 0.1), (-1.0, 0.0, 1.0)]).verdict, Verdict::Pass);
    }

    proptest! {
        #[test]
        fn the_verdict_follows_from_the_answers_own_numbers(
            blur in (0.0f32..6.0, 0.0f32..3.0, 0.0f32..3.0),
            brightness in (-0.5f32..0.5, 0.0f32..0.4, 0.0f32..0.4),
            rotation in (-45.0f32..45.0, 0.0f32..20.0, 0.0f32..20.0),
        ) {
            let interval = |(value, below, above): (f32, f32, f32)| (value - below, value, value + above);
            let judgement = judged([interval(blur), interval(brightness), interval(rotation)]);
            let profile = default_profile();
            let bands = Metric::ALL.map(|metric| (judgement.scores.get(metric).clone(), profile.band(metric)));
            let beyond = bands.iter().any(|(score, band)| score.low > band.high || band.low.is_some_and(|low| score.high < low));
            let within = bands.iter().all(|(score, band)| score.high <= band.high && band.low.is_none_or(|low| score.low >= low));
            let expected = if beyond { Verdict::Fail } else if within { Verdict::Pass } else { Verdict::Unsure };
            prop_assert_eq!(judgement.verdict, expected);
            prop_assert_eq!(judgement.reasons.is_empty(), expected == Verdict::Pass);
        }
    }
}

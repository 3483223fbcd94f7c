//! Publish, fix or retake: scores of a photo under a profile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calibration::Estimate;
use super::no_photo::no_photo;
use super::orientation::Orientation;
use super::profile::{Band, Profile};
use crate::checks::{Check, NOT_A_PHOTO};
use crate::metric::{Metric, Severity};
use crate::rounding::thousandths;

/// One metric's calibrated score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// Calibrated value, in `unit`.
    #[schema(example = 0.41)]
    pub value: f32,
    /// Unit of value and interval.
    #[schema(example = "px")]
    pub unit: String,
    /// Lower end of the interval.
    #[schema(example = 0.2)]
    pub low: f32,
    /// Upper end of the interval.
    #[schema(example = 0.8)]
    pub high: f32,
    /// How acceptable the value is under the profile: 100 at zero, 50 on the threshold, falling like a bell curve (for a
    /// metric of weight 1; of one with weight w the shortfall from 100 counts w times). 100 for a metric that the profile does
    /// not bound.
    #[schema(example = 93, minimum = 0, maximum = 100)]
    pub quality: u8,
    /// The model's ranking output; only its order means something.
    #[schema(example = -1.41)]
    pub raw: f32,
}

/// The scores of a photo: three that every photo has, and those of further models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scores {
    /// Standard deviation of the equivalent Gaussian blur on the reference view (long side 1024 px).
    pub blur: Score,
    /// Shift of HSV value V against a well exposed photo; negative is too dark.
    pub brightness: Score,
    /// Tilt of the scene; positive when it appears turned clockwise.
    pub rotation: Score,
    /// Scores of further metrics by name.
    #[serde(flatten)]
    pub further: BTreeMap<String, Score>,
}

impl Scores {
    /// The score of a metric, if it was scored.
    #[must_use]
    pub fn get(&self, metric: &str) -> Option<&Score> {
        match metric {
            "blur" => Some(&self.blur),
            "brightness" => Some(&self.brightness),
            "rotation" => Some(&self.rotation),
            other => self.further.get(other),
        }
    }

    /// Every score with the name of its metric, the required ones first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Score)> {
        let required = [("blur", &self.blur), ("brightness", &self.brightness), ("rotation", &self.rotation)];
        required.into_iter().chain(self.further.iter().map(|(name, score)| (name.as_str(), score)))
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

/// Why a photo did not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// `blurred`, `too_dark`, `too_bright`, `tilted` or that of a further metric or check; with `possibly_` before it where the
    /// interval crosses the threshold.
    #[schema(example = "tilted")]
    pub code: String,
    /// The metric or check at fault.
    #[schema(example = "rotation")]
    pub metric: String,
    /// Its value.
    #[schema(example = -7.3)]
    pub value: f32,
    /// Lower end of its interval; absent for a check, which has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = -8.1)]
    pub low: Option<f32>,
    /// Upper end of its interval; absent for a check, which has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = -6.6)]
    pub high: Option<f32>,
    /// The threshold at stake.
    #[schema(example = -5.0)]
    pub threshold: f32,
    /// What it takes to make the photo acceptable.
    pub severity: Severity,
    /// What to do, in a sentence.
    #[schema(example = "Rotate 7.3 degrees clockwise.")]
    pub advice: String,
}

/// What is known of a photo before it is judged.
#[derive(Default)]
pub struct Findings<'a> {
    /// For each metric, the required ones first: its ranking output and its calibrated value.
    pub metrics: Vec<(&'a Metric, f32, Estimate)>,
    /// How the photo is turned by right angles, where a model tells.
    pub orientation: Option<Orientation>,
    /// Values of the checks.
    pub checks: Vec<(&'a Check, f32)>,
}

/// Scores, verdict and reasons of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The scores.
    pub scores: Scores,
    /// The worst quality of a score.
    pub quality: u8,
    /// What to do.
    pub verdict: Verdict,
    /// Why, worst first; empty when the photo passes.
    pub reasons: Vec<Reason>,
}

/// Judges a photo by a profile.
///
/// # Panics
/// Unless the required metrics are among the findings: whoever loads models or results makes sure of it.
#[must_use]
pub fn judge(findings: &Findings, profile: &Profile) -> Judgement {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    // Whether it is certain, how acceptable the photo is, and why.
    let mut found: Vec<(bool, u8, Reason)> = Vec::new();
    // What is no photo has neither tilt nor light nor focus: see `no_photo`.
    let no_photo = no_photo(findings, profile);
    let is_photo = no_photo.is_none();
    for &(metric, raw, estimate) in &findings.metrics {
        let band = profile.band(&metric.name).filter(|_| is_photo);
        let score = score(metric, raw, estimate, band);
        if let Some((certain, threshold)) = band.and_then(|band| crossing(&score, band)) {
            found.push((certain, score.quality, reason(metric, &score, threshold)));
        }
        scores.insert(metric.name.to_string(), score);
    }
    found.extend(findings.orientation.filter(|_| is_photo).and_then(turned));
    let judged = |check: &Check| check.name != NOT_A_PHOTO && (is_photo || !check.of_photos);
    for &(check, value) in findings.checks.iter().filter(|(check, _)| judged(check)) {
        found.extend(profile.checks.get(check.name).and_then(|bound| beyond(check, value, bound.low, bound.high)));
    }
    for (certain, _, reason) in &mut found {
        if let Some(message) = profile.messages.get(&reason.code) {
            reason.advice.clone_from(message);
        }
        if !*certain {
            reason.code.insert_str(0, "possibly_");
        }
    }
    // It is certain even where somebody shall look at it: its code has no `possibly_`.
    found.extend(no_photo.map(|(fails, reason)| (fails, 0, reason)));
    found.sort_by_key(|(certain, quality, _)| (!certain, *quality));
    let verdict = match found.first() {
        None => Verdict::Pass,
        Some((true, ..)) => Verdict::Fail,
        Some((false, ..)) => Verdict::Unsure,
    };
    let quality = scores.values().map(|score| score.quality).min().unwrap_or(0);
    let mut required = |name: &str| scores.remove(name).expect("required metrics are always scored");
    let [blur, brightness, rotation] = crate::metric::REQUIRED.map(&mut required);
    let scores = Scores { blur, brightness, rotation, further: scores };
    Judgement { scores, quality, verdict, reasons: found.into_iter().map(|(_, _, reason)| reason).collect() }
}

/// Numbers are rounded before they are judged, so that a client that checks the verdict against the answer's numbers
/// comes to the same.
fn score(metric: &Metric, raw: f32, estimate: Estimate, band: Option<Band>) -> Score {
    let value = thousandths(estimate.value);
    Score {
        value,
        unit: metric.unit.clone(),
        low: thousandths(estimate.low),
        high: thousandths(estimate.high),
        quality: band.map_or(100, |band| band.quality(value)),
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

fn reason(metric: &Metric, score: &Score, threshold: f32) -> Reason {
    let fault = metric.fault(threshold);
    Reason {
        code: fault.code.to_string(),
        metric: metric.name.to_string(),
        value: score.value,
        low: Some(score.low),
        high: Some(score.high),
        threshold,
        severity: fault.severity,
        advice: metric.advice(score.value, threshold),
    }
}

/// A photo that is turned by a right angle is not acceptable at all.
fn turned(orientation: Orientation) -> Option<(bool, u8, Reason)> {
    let (code, certain) = orientation.fault()?;
    let reason = Reason {
        code: code.to_owned(),
        metric: "orientation".to_owned(),
        value: f32::from(orientation.turn),
        low: None,
        high: None,
        threshold: 0.0,
        severity: Severity::Fixable,
        advice: orientation.advice(),
    };
    Some((certain, 0, reason))
}

fn beyond(check: &Check, value: f32, low: Option<f32>, high: Option<f32>) -> Option<(bool, u8, Reason)> {
    let too_low = low.filter(|low| value < *low).zip(check.low.as_ref());
    let too_high = high.filter(|high| value > *high).zip(check.high.as_ref());
    let (threshold, fault) = too_low.or(too_high)?;
    let reason = Reason {
        code: fault.code.to_string(),
        metric: check.name.to_owned(),
        value,
        low: None,
        high: None,
        threshold,
        severity: fault.severity,
        advice: fault.advice_for(value),
    };
    Some((true, 0, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Fault;
    use crate::metric::tests::required;
    use crate::scoring::no_photo::NoPhoto;
    use crate::scoring::profile::Profiles;
    use proptest::prelude::*;

    fn default_profile() -> Profile {
        Profiles::built_in().find("default").expect("it is built in").clone()
    }

    fn findings(metrics: &[Metric], intervals: [(f32, f32, f32); 3]) -> Findings<'_> {
        let estimates = intervals.map(|(low, value, high)| Estimate { value, low, high });
        let metrics = metrics.iter().zip(estimates).map(|(metric, estimate)| (metric, 0.0, estimate)).collect();
        Findings { metrics, ..Findings::default() }
    }

    fn judged(intervals: [(f32, f32, f32); 3]) -> Judgement {
        judge(&findings(&required(), intervals), &default_profile())
    }

    const GOOD: [(f32, f32, f32); 3] = [(0.0, 0.3, 0.8), (-0.1, 0.0, 0.1), (-1.0, 0.0, 1.0)];

    #[test]
    fn a_metric_without_a_band_is_reported_and_not_judged() {
        let mut profile = default_profile();
        let tilted = [GOOD[0], GOOD[1], (-12.0, -10.0, -8.0)];
        profile.bands.remove("rotation");
        let judgement = judge(&findings(&required(), tilted), &profile);
        assert_eq!((judgement.verdict, judgement.scores.rotation.quality), (Verdict::Pass, 100));
    }

    #[test]
    fn a_photo_on_its_side_fails_where_that_is_certain() {
        let metrics = required();
        let turned = |turn: u16, probability: f32| {
            let findings =
                Findings { orientation: Some(Orientation { turn, probability }), ..findings(&metrics, GOOD) };
            let judgement = judge(&findings, &default_profile());
            (judgement.verdict, judgement.reasons.first().map(|reason| reason.code.clone()))
        };
        assert_eq!(turned(90, 0.99), (Verdict::Fail, Some("sideways".into())));
        assert_eq!(turned(180, 0.99), (Verdict::Fail, Some("upside_down".into())));
        assert_eq!(turned(270, 0.7), (Verdict::Unsure, Some("possibly_sideways".into())));
        assert_eq!(turned(0, 0.99), (Verdict::Pass, None));
        assert_eq!(turned(90, 0.3), (Verdict::Pass, None));
    }

    #[test]
    fn a_check_counts_where_the_profile_bounds_it() {
        let low = Fault {
            code: "low_contrast".parse().expect("a name"),
            severity: Severity::Retake,
            advice: "Wipe the lens: contrast is {value:.2}.".to_owned(),
        };
        let check = Check {
            name: "contrast",
            title: "",
            unit: "",
            low: Some(low),
            high: None,
            of_photos: true,
            measure: |_| None,
        };
        let metrics = required();
        let with =
            |profile: &Profile| judge(&Findings { checks: vec![(&check, 0.1)], ..findings(&metrics, GOOD) }, profile);
        let mut profile = default_profile();
        assert_eq!(with(&profile).verdict, Verdict::Pass);
        let bound = crate::scoring::profile::Bound { low: Some(0.2), high: None };
        profile.checks.insert("contrast".to_owned(), bound);
        let judgement = with(&profile);
        assert_eq!((judgement.verdict, judgement.reasons[0].code.as_str()), (Verdict::Fail, "low_contrast"));
        assert_eq!(
            (judgement.reasons[0].low, judgement.reasons[0].advice.as_str()),
            (None, "Wipe the lens: contrast is 0.10.")
        );
    }

    /// field/README.md, kind 20: a plan is neither too bright nor tilted nor without contrast.
    #[test]
    fn what_is_no_photo_is_not_judged_as_one() {
        let metrics = required();
        let spoilt = [GOOD[0], (0.3, 0.35, 0.4), (8.0, 9.8, 11.0)];
        let check = |name: &str| crate::checks::find(name).expect("it is listed");
        let with = |drawn: f32, profile: &Profile| {
            let checks = vec![(check("damage"), 0.0), (check("not_a_photo"), drawn), (check("contrast"), 0.01)];
            let orientation = Some(Orientation { turn: 90, probability: 0.99 });
            let judgement = judge(&Findings { checks, orientation, ..findings(&metrics, spoilt) }, profile);
            let codes: Vec<String> = judgement.reasons.iter().map(|reason| reason.code.clone()).collect();
            (judgement.verdict, codes)
        };
        let mut profile = default_profile();
        assert_eq!(with(0.9, &profile), (Verdict::Unsure, vec!["not_a_photo".to_owned()]));
        assert_eq!(with(0.5, &profile).1.len(), 4, "a photo, and spoilt");
        profile.not_a_photo = NoPhoto::Fail;
        assert_eq!(with(0.9, &profile), (Verdict::Fail, vec!["not_a_photo".to_owned()]));
        profile.not_a_photo = NoPhoto::Ignore;
        assert_eq!(with(0.9, &profile), with(0.1, &profile));
        // A bound moves the border, damage is damage, and the advice may be one's own.
        profile.not_a_photo = NoPhoto::Unsure;
        profile.messages.insert("not_a_photo".to_owned(), "Photos only.".to_owned());
        profile.checks.insert("not_a_photo".to_owned(), crate::scoring::profile::Bound { low: None, high: Some(0.95) });
        assert_eq!(with(0.9, &profile).1.len(), 4);
        let checks = vec![(check("damage"), 0.3), (check("not_a_photo"), 0.97)];
        let judgement = judge(&Findings { checks, ..findings(&metrics, spoilt) }, &profile);
        let codes: Vec<&str> = judgement.reasons.iter().map(|reason| reason.code.as_str()).collect();
        assert_eq!((judgement.verdict, codes), (Verdict::Fail, vec!["damaged", "not_a_photo"]));
        assert_eq!(judgement.reasons[1].advice, "Photos only.");
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
            let band = |name: &str| profile.band(name).expect("every metric is bounded");
            let bands: Vec<_> = judgement.scores.iter().map(|(name, score)| (score.clone(), band(name))).collect();
            let beyond = bands.iter().any(|(score, band)| score.low > band.high || band.low.is_some_and(|low| score.high < low));
            let within = bands.iter().all(|(score, band)| score.high <= band.high && band.low.is_none_or(|low| score.low >= low));
            let expected = if beyond { Verdict::Fail } else if within { Verdict::Pass } else { Verdict::Unsure };
            prop_assert_eq!(judgement.verdict, expected);
            prop_assert_eq!(judgement.reasons.is_empty(), expected == Verdict::Pass);
        }
    }
}

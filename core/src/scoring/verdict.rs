//! Publish, fix or retake: scores of a photo under a profile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::calibration::Estimate;
use super::distribution::Distribution;
use super::no_photo::{NoPhoto, no_photo};
use super::orientation::{CERTAIN, Orientation};
use super::posterior::beyond;
use super::profile::{Band, Profile};
use crate::checks::{BACKLIGHT, BACKLIT_FROM, Check, NOT_A_PHOTO};
use crate::metric::{Metric, Severity};
use crate::rounding::thousandths;

/// What reasons give as the metric of a turn.
const ORIENTATION: &str = "orientation";

const BRIGHTNESS: &str = "brightness";

/// The check that tells fog, see [`name_fog`].
const CONTRAST: &str = "contrast";

/// What stands before the code of a reason that is not certain.
pub const POSSIBLY: &str = "possibly_";

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

/// What to do with a photo: `pass`, publish it; `fail`, do not; `unsure`, let a person look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every fault's probability is below the profile's `review_at`.
    Pass,
    /// A fault's probability is at least the profile's `fail_at`.
    Fail,
    /// A fault's probability is at least `review_at`, and none reaches `fail_at`, or it was the last `attempt`: let a person look.
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
    /// `blurred`, `too_dark`, `too_bright`, `tilted`, `sideways`, `upside_down` or that of a further metric or check; with `possibly_` before
    /// it where its probability is below the profile's `fail_at`, or that of a turn below 0.9.
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
    /// Probability that the true value lies beyond the threshold, weighed with the share of faulty uploads that the profile expects
    /// (of a metric that is at fault on either side alike, as a tilt is: beyond either threshold). Of a check 1, but 0.45 where what it
    /// finds may be meant (`partial_blur`), of `orientation` that of its turn. The verdict is `fail` where it is at least the profile's
    /// `fail_at`, and of a turn at least 0.9, too. But `not_a_photo` is `unsure` unless the profile says `fail`, and a late `attempt` makes
    /// a photo `unsure` that would have to be taken again.
    #[serde(default = "certain")]
    #[schema(required, example = 0.97, minimum = 0, maximum = 1)]
    pub probability: f32,
    /// What it takes to make the photo acceptable.
    pub severity: Severity,
    /// What to do, in a sentence.
    #[schema(example = "Rotate 7.3 degrees clockwise.")]
    pub advice: String,
}

impl Reason {
    /// Whether the fault is taken to be there, and not only possibly.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !self.code.starts_with(POSSIBLY)
    }

    /// Whether it makes a photo fail: it is certain, and not what the profile wants looked at.
    #[must_use]
    pub fn fails(&self, profile: &Profile) -> bool {
        self.is_certain() && (self.metric != NOT_A_PHOTO || profile.not_a_photo == NoPhoto::Fail)
    }
}

/// Results of older versions do not say; there a reason was certain, unless it was `possibly_` one.
fn certain() -> f32 {
    1.0
}

/// What a model found in a photo.
#[derive(Clone, Copy)]
pub struct Measurement<'a> {
    /// What it measures.
    pub metric: &'a Metric,
    /// Its ranking output.
    pub raw: f32,
    /// The calibrated value with the interval to report.
    pub estimate: Estimate,
    /// Where the true value may lie.
    pub distribution: Distribution,
}

/// What is known of a photo before it is judged.
#[derive(Default)]
pub struct Findings<'a> {
    /// What was measured by models, the required metrics first.
    pub metrics: Vec<Measurement<'a>>,
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
    // How acceptable the photo is, and why.
    let mut found: Vec<(u8, Reason)> = Vec::new();
    // What is no photo has neither tilt nor light nor focus: see `no_photo`.
    let no_photo = no_photo(findings, profile);
    let is_photo = no_photo.is_none();
    for &Measurement { metric, raw, estimate, distribution } in &findings.metrics {
        let band = profile.band(&metric.name).filter(|_| is_photo);
        let score = score(metric, raw, estimate, band);
        let reason = band.map(|band| suspicion(metric, &score, band, &distribution));
        found.extend(reason.map(|reason| (score.quality, name_backlight(reason, &findings.checks))));
        scores.insert(metric.name.to_string(), score);
    }
    found.extend(findings.orientation.filter(|_| is_photo).and_then(turned));
    let judged = |check: &Check| check.name != NOT_A_PHOTO && (is_photo || !check.of_photos);
    for &(check, value) in findings.checks.iter().filter(|(check, _)| judged(check)) {
        found.extend(profile.checks.get(check.name).and_then(|bound| violated(check, value, bound.low, bound.high)));
    }
    found.retain(|(_, reason)| reason.probability >= profile.review_at);
    name_fog(&mut found);
    let mut found: Vec<(bool, u8, Reason)> = found
        .into_iter()
        .map(|(quality, mut reason)| {
            let least = if reason.metric == ORIENTATION { CERTAIN } else { 0.0 };
            let certain = reason.probability >= profile.fail_at.max(least);
            if let Some(message) = profile.messages.get(&reason.code) {
                reason.advice.clone_from(message);
            }
            if !certain {
                reason.code.insert_str(0, POSSIBLY);
            }
            (certain, quality, reason)
        })
        .collect();
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

/// What would be wrong with the photo, and how probable that is; rounded as answers give it, so that a client that compares it with
/// the profile's `review_at` and `fail_at` comes to the same verdict.
fn suspicion(metric: &Metric, score: &Score, band: Band, distribution: &Distribution) -> Reason {
    let found = beyond(distribution, band);
    let threshold = band.low.filter(|_| found.low > found.high).unwrap_or(band.high);
    let fault = metric.fault(threshold);
    Reason {
        code: fault.code.to_string(),
        metric: metric.name.to_string(),
        value: score.value,
        low: Some(score.low),
        high: Some(score.high),
        threshold,
        probability: thousandths(found.fault(metric) as f32),
        severity: fault.severity,
        advice: metric.advice(score.value, threshold),
    }
}

/// A photo that is too dark since the camera exposed for a window is called what it is: brightening it all would do little good.
fn name_backlight(mut reason: Reason, checks: &[(&Check, f32)]) -> Reason {
    let backlight = checks.iter().find(|(check, value)| check.name == BACKLIGHT && *value >= BACKLIT_FROM);
    if let Some((check, stops)) = backlight.filter(|_| reason.metric == BRIGHTNESS && reason.threshold < 0.0)
        && let Some(fault) = &check.high
    {
        reason.code = fault.code.to_string();
        reason.advice = fault.advice_for(*stops);
    }
    reason
}

/// A photo that is bright since fog, or light that shines into the lens, lies over it is called what it is: darkened, it would still lack
/// contrast. The check is certain, so that the photo fails all the same.
fn name_fog(found: &mut Vec<(u8, Reason)>) {
    if found.iter().any(|(_, reason)| reason.metric == CONTRAST) {
        found.retain(|(_, reason)| reason.metric != BRIGHTNESS || reason.threshold < 0.0);
    }
}

/// A photo that is turned by a right angle is not acceptable at all.
fn turned(orientation: Orientation) -> Option<(u8, Reason)> {
    let code = orientation.fault()?;
    let reason = Reason {
        code: code.to_owned(),
        metric: ORIENTATION.to_owned(),
        value: f32::from(orientation.turn),
        low: None,
        high: None,
        threshold: 0.0,
        probability: thousandths(orientation.probability),
        severity: Severity::Fixable,
        advice: orientation.advice(),
    };
    Some((0, reason))
}

fn violated(check: &Check, value: f32, low: Option<f32>, high: Option<f32>) -> Option<(u8, Reason)> {
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
        probability: check.certainty,
        severity: fault.severity,
        advice: fault.advice_for(value),
    };
    Some((0, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Fault;
    use crate::metric::tests::required;
    use crate::scoring::posterior::Beyond;
    use crate::scoring::profile::Profiles;
    use proptest::prelude::*;

    fn default_profile() -> Profile {
        Profiles::built_in().find("default").expect("it is built in").clone()
    }

    /// Where the true value of a metric may lie, as an interval that nothing cuts off speaks for it.
    fn measurement(metric: &Metric, (low, value, high): (f32, f32, f32)) -> Measurement<'_> {
        let estimate = Estimate { value, low, high };
        let distribution = Distribution::of_interval(estimate, 0.9, metric.range);
        Measurement { metric, raw: 0.0, estimate, distribution }
    }

    fn findings(metrics: &[Metric], intervals: [(f32, f32, f32); 3]) -> Findings<'_> {
        let metrics = metrics.iter().zip(intervals).map(|(metric, interval)| measurement(metric, interval)).collect();
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
    fn a_photo_on_its_side_fails_from_the_profiles_probability_on() {
        let metrics = required();
        let turned = |turn: u16, probability: f32| {
            let findings =
                Findings { orientation: Some(Orientation { turn, probability }), ..findings(&metrics, GOOD) };
            let judgement = judge(&findings, &Profile { fail_at: 0.95, ..default_profile() });
            assert!(judgement.reasons.iter().all(|reason| (reason.probability - probability).abs() < 1e-3));
            (judgement.verdict, judgement.reasons.first().map(|reason| reason.code.clone()))
        };
        assert_eq!(turned(90, 0.99), (Verdict::Fail, Some("sideways".into())));
        assert_eq!(turned(180, 0.99), (Verdict::Fail, Some("upside_down".into())));
        assert_eq!(turned(270, 0.7), (Verdict::Unsure, Some("possibly_sideways".into())));
        assert_eq!(turned(0, 0.99), (Verdict::Pass, None));
        assert_eq!(turned(90, 0.2), (Verdict::Pass, None));
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
            certainty: 1.0,
            bins: &[0.5],
            measure: |_| None,
        };
        let metrics = required();
        let with =
            |profile: &Profile| judge(&Findings { checks: vec![(&check, 0.1)], ..findings(&metrics, GOOD) }, profile);
        let mut profile = default_profile();
        profile.checks.clear();
        assert_eq!(with(&profile).verdict, Verdict::Pass);
        let bound = crate::scoring::profile::Bound { low: Some(0.2), high: None };
        profile.checks.insert("contrast".to_owned(), bound);
        let judgement = with(&profile);
        assert_eq!((judgement.verdict, judgement.reasons[0].code.as_str()), (Verdict::Fail, "low_contrast"));
        assert_eq!(
            (judgement.reasons[0].low, judgement.reasons[0].advice.as_str()),
            (None, "Wipe the lens: contrast is 0.10.")
        );
        assert!((judgement.reasons[0].probability - 1.0).abs() < f32::EPSILON);
    }

    /// field/README.md, kind 23.
    #[test]
    fn a_dark_photo_before_a_window_is_backlit_and_a_good_or_bright_one_is_not() {
        let metrics = required();
        let check = crate::checks::find("backlight").expect("it is listed");
        let codes = |brightness: (f32, f32, f32), stops: f32| {
            let intervals = [GOOD[0], brightness, GOOD[2]];
            let findings = Findings { checks: vec![(check, stops)], ..findings(&metrics, intervals) };
            let reasons = judge(&findings, &default_profile()).reasons;
            reasons.into_iter().map(|reason| (reason.code, reason.metric)).collect::<Vec<_>>()
        };
        let brightness = |code: &str| vec![(code.to_owned(), "brightness".to_owned())];
        assert_eq!(codes((-0.45, -0.36, -0.27), 4.0), brightness("backlit"));
        assert_eq!(codes((-0.37, -0.25, -0.13), 4.0), brightness("possibly_backlit"));
        assert_eq!(codes((-0.45, -0.36, -0.27), 1.0), brightness("too_dark"));
        assert_eq!(codes((0.3, 0.4, 0.5), 4.0), brightness("too_bright"));
        assert_eq!(codes(GOOD[1], 4.0), []);
    }

    /// field/README.md, kind 31: the veil is the fault, not the light that it adds.
    #[test]
    fn a_photo_that_is_bright_for_lack_of_contrast_is_told_that_and_no_other_fault_is_hidden() {
        let metrics = required();
        let check = crate::checks::find(CONTRAST).expect("it is listed");
        let told = |profile: &Profile, [brightness, rotation]: [(f32, f32, f32); 2], contrast: f32| {
            let intervals = [GOOD[0], brightness, rotation];
            let findings = Findings { checks: vec![(check, contrast)], ..findings(&metrics, intervals) };
            let Judgement { verdict, quality, scores, reasons } = judge(&findings, profile);
            assert_eq!(quality, scores.iter().map(|(_, score)| score.quality).min().expect("three"), "of all scores");
            (verdict, reasons.into_iter().map(|reason| reason.code).collect::<Vec<_>>())
        };
        let [bright, perhaps, dark] = [(0.3, 0.4, 0.5), (0.2, 0.28, 0.36), (-0.45, -0.36, -0.27)];
        let mut profile = default_profile();
        // Without the veil.
        assert_eq!(told(&profile, [bright, GOOD[2]], 0.8), (Verdict::Fail, vec!["too_bright".to_owned()]));
        assert_eq!(told(&profile, [perhaps, GOOD[2]], 0.8), (Verdict::Unsure, vec!["possibly_too_bright".to_owned()]));
        // With it.
        for brightness in [bright, perhaps, GOOD[1]] {
            let fogged = told(&profile, [brightness, GOOD[2]], 0.3);
            assert_eq!(fogged, (Verdict::Fail, vec!["low_contrast".to_owned()]), "{brightness:?}");
        }
        // What a veil does not explain is told as before.
        let codes = |told: (Verdict, Vec<String>)| told.1;
        assert_eq!(codes(told(&profile, [dark, GOOD[2]], 0.3)), ["low_contrast", "too_dark"]);
        assert_eq!(codes(told(&profile, [bright, (9.0, 10.0, 11.0)], 0.3)), ["low_contrast", "tilted"]);
        // Where nobody asks for contrast, the light alone tells of the veil.
        profile.checks.remove(CONTRAST);
        assert_eq!(codes(told(&profile, [bright, GOOD[2]], 0.3)), ["too_bright"]);
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
        let spoilt_photo = ["low_contrast", "sideways", "tilted"];
        let of_photo = |profile: &Profile, drawn: f32| {
            let mut codes = with(drawn, profile).1;
            codes.sort();
            codes
        };
        assert_eq!(of_photo(&profile, 0.5), spoilt_photo, "a photo, and spoilt");
        profile.not_a_photo = NoPhoto::Fail;
        assert_eq!(with(0.9, &profile), (Verdict::Fail, vec!["not_a_photo".to_owned()]));
        profile.not_a_photo = NoPhoto::Ignore;
        assert_eq!(with(0.9, &profile), with(0.1, &profile));
        // A bound moves the border, damage is damage, and the advice may be one's own.
        profile.not_a_photo = NoPhoto::Unsure;
        profile.messages.insert("not_a_photo".to_owned(), "Photos only.".to_owned());
        profile.checks.insert("not_a_photo".to_owned(), crate::scoring::profile::Bound { low: None, high: Some(0.95) });
        assert_eq!(of_photo(&profile, 0.9), spoilt_photo);
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
    fn a_photo_at_a_threshold_is_unsure_or_faulty_and_one_far_within_passes() {
        // Half of the distribution lies beyond; what is expected makes it less likely.
        let mut profile = default_profile();
        let verdict = |profile: &Profile, low: f32, value: f32, high: f32| {
            let judgement = judge(&findings(&required(), [GOOD[0], (low, value, high), GOOD[2]]), profile);
            (judgement.verdict, judgement.reasons.first().map(|reason| reason.code.clone()))
        };
        assert_eq!(verdict(&profile, -0.37, -0.25, -0.13), (Verdict::Unsure, Some("possibly_too_dark".into())));
        assert_eq!(verdict(&profile, -0.45, -0.36, -0.27), (Verdict::Fail, Some("too_dark".into())));
        assert_eq!(verdict(&profile, -0.3, -0.2, 0.1), (Verdict::Pass, None), "its interval crosses the threshold");
        // Who expects more faulty uploads gets more of them.
        profile.bands.get_mut("brightness").expect("it is bounded").expected_share = 0.9;
        assert_eq!(verdict(&profile, -0.37, -0.25, -0.13), (Verdict::Fail, Some("too_dark".into())));
    }

    #[test]
    fn a_photo_that_shows_nothing_passes_and_is_as_probably_faulty_as_any() {
        let mut profile = default_profile();
        let nothing = [GOOD[0], GOOD[1], (-45.0, 12.0, 45.0)];
        let metrics = required();
        let judgement = judge(&findings(&metrics, nothing), &profile);
        assert_eq!((judgement.verdict, judgement.reasons), (Verdict::Pass, vec![]));
        // Told to speak up, it says what was expected.
        profile.review_at = 0.2;
        let judgement = judge(&findings(&metrics, nothing), &profile);
        let share = profile.bands["rotation"].expected_share;
        assert_eq!((judgement.verdict, judgement.reasons[0].probability), (Verdict::Unsure, share));
        assert_eq!(judgement.reasons[0].code, "possibly_tilted");
    }

    #[test]
    fn what_is_certain_comes_first_and_then_what_is_worst() {
        let mut profile = default_profile();
        profile.bands.get_mut("blur").expect("it is bounded").weight = 0.1;
        // Blur is certain and weighs little; brightness is worse and less certain.
        let metrics = required();
        let judgement =
            judge(&findings(&metrics, [(2.8, 3.0, 3.2), (-0.37, -0.25, -0.13), (9.0, 10.0, 11.0)]), &profile);
        let codes: Vec<_> = judgement.reasons.iter().map(|reason| reason.code.as_str()).collect();
        assert_eq!(codes, ["tilted", "blurred", "possibly_too_dark"]);
    }

    proptest! {
        #[test]
        fn the_verdict_follows_from_the_answers_own_numbers(
            blur in (0.0f32..6.0, 0.01f32..3.0),
            brightness in (-0.5f32..0.5, 0.01f32..0.4),
            rotation in (-45.0f32..45.0, 0.01f32..20.0),
            [review_at, more] in [0.05f32..0.5, 0.0f32..0.45],
        ) {
            let interval = |(value, reach): (f32, f32)| (value - reach, value, value + reach);
            let intervals = [interval(blur), interval(brightness), interval(rotation)];
            let profile = Profile { review_at, fail_at: review_at + more, ..default_profile() };
            let metrics = required();
            let judgement = judge(&findings(&metrics, intervals), &profile);
            let probable = judgement.reasons.iter().map(|reason| reason.probability).fold(0.0, f32::max);
            let expected = match probable {
                fault if fault >= profile.fail_at => Verdict::Fail,
                fault if fault >= profile.review_at => Verdict::Unsure,
                _ => Verdict::Pass,
            };
            prop_assert_eq!(judgement.verdict, expected);
            for reason in &judgement.reasons {
                prop_assert_eq!(reason.code.starts_with("possibly_"), reason.probability < profile.fail_at);
                prop_assert!((reason.probability - thousandths(reason.probability)).abs() < f32::EPSILON);
            }
            // Nothing is held back: each fault that is probable enough is a reason.
            for measured in &findings(&metrics, intervals).metrics {
                let band = profile.band(&measured.metric.name).expect("every metric is bounded");
                let Beyond { low, high } = beyond(&measured.distribution, band);
                let named = judgement.reasons.iter().any(|reason| measured.metric.name == reason.metric.as_str());
                prop_assert!(named || low.max(high) < f64::from(review_at) + 0.001);
                prop_assert!(!named || low + high > f64::from(review_at) - 0.001);
            }
        }
    }
}

//! A metric as a value: what it is called, in which unit and range it is given, which view its model looks at, and what it
//! means when a value is too low or too high.
//!
//! Its transformation in the trainer states it, the model card carries it, and scoring, profiles, result files, `/metrics` and
//! the page read it from there: a folder of models with one more card serves one more metric.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::checks;
use crate::name::Name;

/// The metrics that every answer has, in the order in which answers list them; further ones follow by name.
pub const REQUIRED: [&str; 3] = ["blur", "brightness", "rotation"];

/// What stands beside metrics in profiles, result files (the page's, too) and rows of the Python package; tests beside these find what is missing.
const RESERVED: [&str; 32] = [
    "advice",
    "area",
    "bytes",
    "checks",
    "coverage",
    "description",
    "detail",
    "duplicate_of",
    "fail_at",
    "format",
    "height",
    // Its `label_low` would be that of labels by a model called `low`.
    "label",
    "labels",
    "max_attempts",
    "max_usable_width",
    "messages",
    "min_photos",
    "name",
    "orientation",
    "path",
    "probability",
    "problem",
    "profile",
    "quality",
    "reasons",
    "review_at",
    "scene_hash",
    "sha256",
    "turn",
    "turn_probability",
    "verdict",
    "width",
];
/// How columns of a metric, or of labels, end in result files.
const PARTS: [&str; 5] = ["_low", "_high", "_raw", "_model", "_probability"];
/// How columns of labels begin in result files.
pub const LABEL: &str = "label_";
/// How columns that belong together begin: labels, where the photo is within its frame, what made the row.
const GROUPS: [&str; 3] = [LABEL, "area_", "scored_by_"];

/// Bins in which distributions of values are counted.
const BINS: u32 = 20;

/// What a model measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Name in answers, profiles, result files and file names.
    #[schema(value_type = String, example = "rotation")]
    pub name: Name,
    /// What it is, in a few words for people.
    #[schema(example = "Tilt of the scene")]
    pub title: String,
    /// Unit of calibrated values.
    #[schema(example = "deg")]
    pub unit: String,
    /// Smallest and largest calibrated value that can be reported.
    #[schema(example = json!([-45.0, 45.0]))]
    pub range: [f32; 2],
    /// Name and version of the view that its model looks at, see `core/src/view`.
    #[schema(example = "rotation-discs/1")]
    pub view: String,
    /// What is wrong with a photo whose value is too low; absent for a metric that cannot be too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub low: Option<Fault>,
    /// What is wrong with a photo whose value is too high.
    pub high: Fault,
}

/// What is wrong with a photo beyond a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Code of the reason in answers.
    #[schema(value_type = String, example = "tilted")]
    pub code: Name,
    /// What it takes to make the photo acceptable.
    pub severity: Severity,
    /// What to do, in a sentence. `{value}` stands for the size of the value, `{value:.1}` for the same with one decimal.
    #[schema(example = "Rotate {value:.1} degrees clockwise.")]
    pub advice: String,
}

/// What it takes to make a photo acceptable: `fixable`, the same photo corrected or sent in another form; `retake`,
/// another photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An editor can correct it.
    Fixable,
    /// It has to be taken again.
    Retake,
}

impl Metric {
    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.check_name()?;
        let [min, max] = self.range;
        if !(min.is_finite() && max.is_finite() && min <= 0.0 && max > 0.0) {
            return Err(format!("{}: the range must be finite, and hold zero and something above it", self.name));
        }
        if self.low.is_some() != (min < 0.0) {
            return Err(format!(
                "{}: a metric has a `low` fault if its range reaches below zero, and only then",
                self.name
            ));
        }
        Ok(())
    }

    /// Checks that nothing else in answers, profiles and result files has the name.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_name(&self) -> Result<(), String> {
        let name = self.name.as_str();
        let is_part =
            GROUPS.iter().any(|group| name.starts_with(group)) || PARTS.iter().any(|part| name.ends_with(part));
        if RESERVED.contains(&name) || checks::find(name).is_some() || is_part {
            return Err(format!("`{name}` means something else where metrics are listed; choose another name"));
        }
        Ok(())
    }

    /// What is wrong with a photo beyond `threshold`; thresholds on the low side are negative.
    #[must_use]
    pub fn fault(&self, threshold: f32) -> &Fault {
        self.low.as_ref().filter(|_| threshold < 0.0).unwrap_or(&self.high)
    }

    /// True where too low and too high are the same fault, as a tilt to the left and to the right is.
    #[must_use]
    pub fn is_one_fault(&self) -> bool {
        self.low.as_ref().is_some_and(|low| low.code == self.high.code)
    }

    /// What to do about a value beyond `threshold`. Where both sides have the same code (a tilt to the left and to the right),
    /// the advice is that of the value's own side.
    #[must_use]
    pub fn advice(&self, value: f32, threshold: f32) -> String {
        let fault = self.fault(threshold);
        let own = self.fault(if value > 0.0 { 1.0 } else { -1.0 });
        let fault = if own.code == fault.code { own } else { fault };
        fault.advice_for(value)
    }

    /// Codes of its reasons.
    pub fn codes(&self) -> impl Iterator<Item = &Name> {
        self.low.iter().chain([&self.high]).map(|fault| &fault.code)
    }

    /// Bounds of the bins that distributions of values are counted in, ascending over the whole range.
    #[must_use]
    pub fn bin_bounds(&self) -> Vec<f64> {
        let [low, high] = self.range;
        let width = f64::from(high - low) / f64::from(BINS);
        (0..=BINS).map(|bin| f64::from(low) + width * f64::from(bin)).collect()
    }

    /// Where the metric stands among others: the required ones first, in their order, then by name.
    #[must_use]
    pub fn rank(&self) -> (usize, &str) {
        let name = self.name.as_str();
        (REQUIRED.iter().position(|required| *required == name).unwrap_or(REQUIRED.len()), name)
    }
}

impl Fault {
    /// The advice with the size of `value` in the place of its placeholders.
    #[must_use]
    pub fn advice_for(&self, value: f32) -> String {
        let size = value.abs();
        let mut text = String::new();
        let mut rest = self.advice.as_str();
        while let Some((before, after)) = rest.split_once("{value") {
            let Some((format, after)) = after.split_once('}') else { break };
            text += before;
            match format.strip_prefix(":.").and_then(|digits| digits.parse::<usize>().ok()) {
                Some(digits) => text += &format!("{size:.digits$}"),
                None => text += &size.to_string(),
            }
            rest = after;
        }
        text + rest
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The required metrics as the shipped cards state them.
    pub(crate) fn required() -> Vec<Metric> {
        let cards = [
            include_str!("../../models/blur.json"),
            include_str!("../../models/brightness.json"),
            include_str!("../../models/rotation.json"),
        ];
        let metric = |card: &str| {
            serde_json::from_str::<crate::scoring::card::ModelCard>(card).expect("a shipped card is sound").metric
        };
        cards.map(metric).into()
    }

    fn fault(code: &str, advice: &str) -> Fault {
        Fault { code: code.parse().expect("a name"), severity: Severity::Fixable, advice: advice.to_owned() }
    }

    fn metric(range: [f32; 2], low: Option<Fault>, high: Fault) -> Metric {
        let name = "any".parse().expect("a name");
        Metric { name, title: String::new(), unit: "u".into(), range, view: "brightness-whole/2".into(), low, high }
    }

    #[test]
    fn advice_follows_the_threshold_or_the_sign_where_both_sides_are_one_fault() {
        let exposure = metric([-1.0, 1.0], Some(fault("dark", "Add {value:.2}.")), fault("bright", "Take {value:.2}."));
        assert_eq!(exposure.advice(-0.256, -0.2), "Add 0.26.");
        assert_eq!(exposure.advice(0.1, -0.2), "Add 0.10.", "the interval crosses the lower threshold only");
        let tilt = metric([-1.0, 1.0], Some(fault("tilted", "Right {value}")), fault("tilted", "Left {value}"));
        assert_eq!(tilt.advice(0.5, -0.2), "Left 0.5");
    }

    #[test]
    fn a_placeholder_that_is_none_stays_as_it_is() {
        assert_eq!(fault("a", "From {value to {value:.x} 50 %").advice_for(2.0), "From 2 50 %");
        assert_eq!(fault("a", "{value").advice_for(2.0), "{value");
    }

    #[test]
    fn no_metric_has_the_name_of_what_stands_beside_it() {
        let named =
            |name: &str| Metric { name: name.parse().expect("a name"), ..metric([0.0, 1.0], None, fault("high", "")) };
        assert!(named("exposure").check().is_ok());
        for name in ["probability", "quality", "contrast", "turn_probability", "label", "label_room", "area_left"] {
            assert!(named(name).check().is_err(), "{name}");
        }
    }

    #[test]
    fn a_low_fault_and_a_range_below_zero_need_each_other() {
        let high = fault("high", "");
        assert!(metric([0.0, 1.0], None, high.clone()).check().is_ok());
        assert!(metric([-1.0, 1.0], None, high.clone()).check().is_err());
        assert!(metric([0.0, 1.0], Some(high.clone()), high.clone()).check().is_err());
        assert!(metric([0.0, f32::NAN], None, high).check().is_err());
    }
}

//! What a client accepts: thresholds per metric and check under a name, from a versioned file that is checked as a whole,
//! against the metrics that are served, when the service starts. The built-in ones were chosen from evidence, see docs/profiles.md.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::no_photo::NoPhoto;
use super::orientation::{SIDEWAYS, UPSIDE_DOWN};
use crate::checks::{self, Check};
use crate::metric::Metric;
use crate::name::Name;

/// Version of the file's format.
const VERSION: u32 = 1;
const BUILT_IN: &str = include_str!("profiles.json");

/// Accepted values of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Smallest accepted value, negative; absent for a metric that cannot be too low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = -0.2)]
    pub low: Option<f32>,
    /// Largest accepted value, positive.
    #[schema(example = 0.25)]
    pub high: f32,
    /// What the metric's shortfall from 100 counts in `quality`, from 0 (not at all) to 1 (fully).
    #[serde(default = "full_weight")]
    #[schema(example = 1.0, minimum = 0, maximum = 1)]
    pub weight: f32,
    /// Share of the uploads that are expected to lie beyond the thresholds: what is believed of a photo before it is looked at,
    /// and all that is believed of one that shows no evidence.
    #[serde(default = "few")]
    #[schema(example = 0.05, minimum = 0, maximum = 1)]
    pub expected_share: f32,
}

fn full_weight() -> f32 {
    1.0
}

fn few() -> f32 {
    0.05
}

/// Accepted values of a check.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Smallest accepted value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 0.2)]
    pub low: Option<f32>,
    /// Largest accepted value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub high: Option<f32>,
}

/// A named set of thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Unchecked")]
pub struct Profile {
    /// Name, as in the query parameter `profile`.
    #[schema(value_type = String, example = "real-estate")]
    pub name: Name,
    /// Whom it suits.
    #[schema(example = "Rooms and houses: straight walls matter.")]
    pub description: String,
    /// Probability of a fault from which on the verdict is `unsure`.
    #[schema(example = 0.3, minimum = 0, maximum = 1)]
    pub review_at: f32,
    /// Probability of a fault from which on the verdict is `fail`.
    #[schema(example = 0.5, minimum = 0, maximum = 1)]
    pub fail_at: f32,
    /// Accepted values by metric, in the metric's unit. A metric without is reported and not judged.
    #[serde(flatten)]
    pub bands: BTreeMap<String, Band>,
    /// Accepted values by check. A check without is reported and not judged.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub checks: BTreeMap<String, Bound>,
    /// What is done about plans, maps, documents and screenshots: `unsure` (default), `fail`, or `ignore` to judge them as photos.
    #[serde(skip_serializing_if = "NoPhoto::is_default")]
    #[schema(inline, required = false)]
    pub not_a_photo: NoPhoto,
    /// From which `attempt` on a photo that would have to be taken again is `unsure`, not `fail`, so that nobody is refused for ever;
    /// absent where that never ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false, example = 3, minimum = 1)]
    pub max_attempts: Option<u32>,
    /// How many photos a listing needs: distinct ones that do not fail. Absent where any number will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false, example = 5, minimum = 1)]
    pub min_photos: Option<u32>,
    /// Advice to give in place of the built-in one, by the reason's code without `possibly_`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub messages: BTreeMap<String, String>,
}

/// A profile as it is stored: what is not known by name is the band of a metric.
#[derive(Deserialize)]
struct Unchecked {
    name: Name,
    #[serde(default)]
    description: String,
    #[serde(default = "review_at")]
    review_at: f32,
    #[serde(default = "fail_at")]
    fail_at: f32,
    #[serde(default, deserialize_with = "members")]
    checks: Vec<(String, Bound)>,
    #[serde(default)]
    not_a_photo: NoPhoto,
    max_attempts: Option<u32>,
    min_photos: Option<u32>,
    #[serde(default, deserialize_with = "members")]
    messages: Vec<(String, String)>,
    #[serde(flatten, deserialize_with = "members")]
    bands: Vec<(String, BandOrNot)>,
}

/// The members of an object as they are written: a map would keep the last of two of one name, and say nothing.
fn members<'de, D: Deserializer<'de>, V: Deserialize<'de>>(object: D) -> Result<Vec<(String, V)>, D::Error> {
    struct Members<V>(PhantomData<V>);
    impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
        type Value = Vec<(String, V)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
            iter::from_fn(|| members.next_entry::<String, V>().transpose()).collect()
        }
    }
    object.deserialize_map(Members(PhantomData))
}

/// A map of members, each of which is there once.
fn each_once<V>(members: Vec<(String, V)>) -> Result<BTreeMap<String, V>, String> {
    let mut map = BTreeMap::new();
    for (name, value) in members {
        match map.entry(name) {
            Entry::Vacant(place) => place.insert(value),
            Entry::Occupied(place) => return Err(format!("`{}` is there twice", place.key())),
        };
    }
    Ok(map)
}

/// What stands under a name that is no field's: a band, or why it is none, to be told with the profile's name.
struct BandOrNot(Result<Band, String>);

impl<'de> Deserialize<'de> for BandOrNot {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Self(Band::deserialize(value).map_err(|error| error.to_string())))
    }
}

/// Chosen on held-out photos, see docs/profiles.md.
fn review_at() -> f32 {
    0.3
}

/// A fault that is likelier than not; chosen on held-out photos, see docs/profiles.md.
fn fail_at() -> f32 {
    0.5
}

impl TryFrom<Unchecked> for Profile {
    type Error = String;

    fn try_from(stored: Unchecked) -> Result<Self, String> {
        let Unchecked { name, description, review_at, fail_at, checks, not_a_photo, .. } = stored;
        let Unchecked { max_attempts, min_photos, messages, bands, .. } = stored;
        let in_profile = |reason: String| format!("profile `{name}`: {reason}");
        let band = |(metric, BandOrNot(band)): (String, BandOrNot)| match band {
            Ok(band) => Ok((metric, band)),
            Err(error) => Err(format!("`{metric}` is neither a known field nor a metric's band: {error}")),
        };
        let bands = each_once(bands).and_then(|bands| bands.into_iter().map(band).collect()).map_err(in_profile)?;
        let checks = each_once(checks).map_err(in_profile)?;
        let messages = each_once(messages).map_err(in_profile)?;
        if max_attempts == Some(0) || min_photos == Some(0) {
            return Err(format!(
                "profile `{name}`: `max_attempts` and `min_photos` count from 1; leave them out for none"
            ));
        }
        Ok(Self {
            name,
            description,
            review_at,
            fail_at,
            bands,
            checks,
            not_a_photo,
            max_attempts,
            min_photos,
            messages,
        })
    }
}

/// All profiles of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// Version of the format.
    #[schema(example = 1)]
    version: u32,
    /// The profiles, `default` among them.
    profiles: Vec<Profile>,
}

/// Why a file of profiles was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("cannot read the profiles in {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not JSON of the right shape.
    #[error("the profiles in {path} are refused: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It does not fit the models.
    #[error("profile `{profile}` is refused: {reason}")]
    Unfit {
        /// The profile.
        profile: Name,
        /// What is wrong.
        reason: String,
    },
}

impl Profiles {
    /// The profiles that come with the service.
    ///
    /// # Panics
    /// Never: a test reads the same constant.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the built-in profiles are sound: a test reads them")
    }

    /// The profiles of a file, or the built-in ones where none is given.
    ///
    /// # Errors
    /// [`ProfileError`], which names the file and what is wrong with it.
    pub fn load_or_built_in(path: Option<&Path>) -> Result<Self, ProfileError> {
        path.map_or_else(|| Ok(Self::built_in()), Self::load)
    }

    /// Every profile, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// Puts a profile in the place of the one of its name.
    pub fn put(&mut self, profile: Profile) {
        match self.profiles.iter_mut().find(|old| old.name == profile.name) {
            Some(old) => *old = profile,
            None => self.profiles.push(profile),
        }
    }

    fn load(path: &Path) -> Result<Self, ProfileError> {
        let path = || path.to_owned();
        let text = std::fs::read_to_string(path()).map_err(|cause| ProfileError::Unreadable { path: path(), cause })?;
        Self::parse(&text).map_err(|reason| ProfileError::Invalid { path: path(), reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parsed: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if parsed.version != VERSION {
            return Err(format!("version {} of the format is unknown, expected {VERSION}", parsed.version));
        }
        let mut names = BTreeSet::new();
        if let Some(profile) = parsed.profiles.iter().find(|profile| !names.insert(profile.name.as_str())) {
            return Err(format!("profile `{}` is there twice", profile.name));
        }
        if !names.contains("default") {
            return Err("there is no profile `default`".to_owned());
        }
        Ok(parsed)
    }

    /// Checks the thresholds against the metrics that are served.
    ///
    /// # Errors
    /// [`ProfileError`]: which threshold makes no sense.
    pub fn check<'a>(&self, metrics: impl Iterator<Item = &'a Metric>) -> Result<(), ProfileError> {
        let metrics: Vec<&Metric> = metrics.collect();
        for profile in &self.profiles {
            profile
                .check(metrics.iter().copied())
                .map_err(|reason| ProfileError::Unfit { profile: profile.name.clone(), reason })?;
        }
        Ok(())
    }

    /// The profile of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }
}

impl Profile {
    /// The accepted values of a metric, if it is bounded.
    #[must_use]
    pub fn band(&self, metric: impl AsRef<str>) -> Option<Band> {
        self.bands.get(metric.as_ref()).copied()
    }

    fn check<'a>(&self, metrics: impl Iterator<Item = &'a Metric> + Clone) -> Result<(), String> {
        if !(self.review_at > 0.0 && self.review_at <= self.fail_at && self.fail_at < 1.0) {
            return Err(
                "`review_at` must lie above 0, `fail_at` below 1, and the first be at most the second".to_owned()
            );
        }
        for (name, band) in &self.bands {
            let Some(metric) = metrics.clone().find(|metric| metric.name == name.as_str()) else {
                let known: Vec<_> = metrics.map(|metric| metric.name.as_str()).collect();
                return Err(format!("no model measures `{name}`, there are {}", known.join(", ")));
            };
            band.check(metric).map_err(|reason| format!("{name}: {reason}"))?;
        }
        for (name, bound) in &self.checks {
            let check = checks::find(name).ok_or_else(|| format!("there is no check `{name}`"))?;
            bound.check(check).map_err(|reason| format!("{name}: {reason}"))?;
        }
        let of_checks = checks::CHECKS.iter().flat_map(|check| check.low.iter().chain(&check.high));
        let of_checks = of_checks.map(|fault| fault.code.as_str());
        let of_metrics = metrics.flat_map(|metric| metric.codes().map(Name::as_str));
        let codes: BTreeSet<_> = of_metrics.chain(of_checks).chain([SIDEWAYS, UPSIDE_DOWN]).collect();
        match self.messages.keys().find(|code| !codes.contains(code.as_str())) {
            Some(code) => Err(format!("there is no reason `{code}` to give a message for, but {codes:?}")),
            None => Ok(()),
        }
    }
}

impl Band {
    fn check(&self, metric: &Metric) -> Result<(), String> {
        let [min, max] = metric.range;
        if !(self.high > 0.0 && self.high <= max) {
            return Err(format!("`high` must lie above 0 and be at most {max}"));
        }
        if metric.low.is_none() && self.low.is_some() {
            return Err("there is no too low, leave `low` out".to_owned());
        }
        if metric.low.is_some() && !self.low.is_some_and(|low| low < 0.0 && low >= min) {
            return Err(format!("`low` must lie below 0 and be at least {min}"));
        }
        if !(0.0..=1.0).contains(&self.weight) {
            return Err("`weight` must lie between 0 and 1".to_owned());
        }
        if !(self.expected_share > 0.0 && self.expected_share < 1.0) {
            return Err("`expected_share` must lie above 0 and below 1".to_owned());
        }
        Ok(())
    }

    /// The threshold on the side where `value` lies.
    #[must_use]
    pub fn threshold(&self, value: f32) -> f32 {
        self.low.filter(|_| value < 0.0).unwrap_or(self.high)
    }

    /// How acceptable a value is: 100 at zero, 50 at the threshold, falling like a bell curve; with a weight below 1 the
    /// shortfall from 100 counts that much less.
    #[must_use]
    pub fn quality(&self, value: f32) -> u8 {
        let relative = value / self.threshold(value);
        let shortfall = 1.0 - (-std::f32::consts::LN_2 * relative * relative).exp();
        (100.0 * (1.0 - self.weight * shortfall)).round() as u8
    }
}

impl Bound {
    fn check(&self, check: &Check) -> Result<(), String> {
        for (side, bound, fault) in [("low", self.low, &check.low), ("high", self.high, &check.high)] {
            let Some(bound) = bound else { continue };
            if fault.is_none() {
                return Err(format!("there is no too {side}, leave `{side}` out"));
            }
            // A number that is too large for single precision was read as infinite.
            if !bound.is_finite() {
                return Err(format!("`{side}` must lie between {:e} and {:e}", f32::MIN, f32::MAX));
            }
        }
        match (self.low, self.high) {
            (None, None) => Err("there is no bound, leave the check out".to_owned()),
            (Some(low), Some(high)) if low > high => Err("`low` must be at most `high`".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests::required;

    #[test]
    fn quality_is_100_at_zero_and_50_at_either_threshold() {
        let band = Band { low: Some(-0.2), high: 0.4, weight: 1.0, expected_share: 0.05 };
        assert_eq!([0.0, -0.2, 0.4, 5.0].map(|value| band.quality(value)), [100, 50, 50, 0]);
        assert!(band.quality(-0.1) > band.quality(-0.15));
        let half = Band { weight: 0.5, ..band };
        assert_eq!([0.0, -0.2, 5.0].map(|value| half.quality(value)), [100, 75, 50]);
    }

    #[test]
    fn the_built_in_profiles_are_sound_and_round_trip() {
        let profiles = Profiles::built_in();
        assert!(["default", "real-estate", "car-dealer"].iter().all(|name| profiles.find(name).is_some()));
        let text = serde_json::to_string(&profiles).expect("they serialise");
        assert_eq!(Profiles::parse(&text), Ok(profiles.clone()));
        profiles.check(required().iter()).expect("they fit the shipped models");
    }

    #[test]
    fn no_metric_has_the_name_of_a_profiles_field() {
        let mut profile = Profiles::built_in().find("real-estate").expect("it is there").clone();
        (profile.not_a_photo, profile.min_photos) = (NoPhoto::Fail, Some(5));
        let stored = serde_json::to_value(&profile).expect("it serialises");
        let fields = stored.as_object().expect("an object").keys();
        let fields = fields.filter(|field| !profile.bands.contains_key(*field));
        let refused = |field: &String| {
            let name = field.parse().expect("a name");
            Metric { name, ..required().remove(0) }.check_name().is_err()
        };
        let accepted: Vec<&String> = fields.filter(|field| !refused(field)).collect();
        assert!(accepted.is_empty(), "{accepted:?}");
    }

    #[test]
    fn a_file_that_is_silent_on_probabilities_has_the_defaults() {
        let text = r#"{"version": 1, "profiles": [{"name": "default", "blur": {"high": 1.6}}]}"#;
        let profiles = Profiles::parse(text).expect("it is sound");
        let profile = profiles.find("default").expect("it is there");
        let share = profile.band("blur").expect("it is bounded").expected_share;
        assert_eq!((share, profile.review_at, profile.fail_at), (0.05, 0.3, 0.5));
        profiles.check(required().iter()).expect("they fit the shipped models");
    }

    #[test]
    fn a_file_that_is_not_sound_is_refused_and_says_where() {
        let with = |from: &str, to: &str| {
            let parsed = Profiles::parse(&BUILT_IN.replacen(from, to, 1));
            let checked =
                parsed.and_then(|profiles| profiles.check(required().iter()).map_err(|error| error.to_string()));
            checked.expect_err("it is refused")
        };
        assert!(with("\"version\": 1", "\"version\": 2").contains("version 2"));
        assert!(with("\"name\": \"default\"", "\"name\": \"other\"").contains("no profile `default`"));
        assert!(with("\"name\": \"real-estate\"", "\"name\": \"default\"").contains("twice"));
        assert!(with("\"name\": \"real-estate\"", "\"name\": \"a b\"").contains("letters"));
        assert!(with("{\"high\": 1.6", "{\"high\": -1.6").contains("profile `default` is refused: blur: `high`"));
        assert!(with("{\"high\": 1.6", "{\"high\": 1.6, \"low\": -1.0").contains("leave `low` out"));
        assert!(with("\"low\": -0.25, ", "").contains("brightness: `low`"));
        assert!(with("\"weight\": 0.5", "\"weight\": 1.5").contains("`weight`"));
        assert!(with("\"expected_share\": 0.25", "\"expected_share\": 0.0").contains("blur: `expected_share`"));
        assert!(with("\"expected_share\": 0.25", "\"expected_share\": 1.0").contains("blur: `expected_share`"));
        assert!(with("\"review_at\": 0.3", "\"review_at\": 0.6").contains("`review_at`"));
        assert!(with("\"review_at\": 0.3", "\"review_at\": 0.0").contains("`review_at`"));
        assert!(with("\"fail_at\": 0.5", "\"fail_at\": 1.0").contains("`fail_at`"));
        assert!(with("\"max_attempts\": 3", "\"max_attempts\": 0").contains("count from 1"));
        assert!(with("\"max_attempts\": 3", "\"min_photos\": 0").contains("count from 1"));
        assert!(with("\"too_dark\":", "\"gloomy\":").contains("gloomy"));
        assert!(with("\"description\"", "\"descripton\"").contains("descripton"));
        assert!(with("\"blur\":", "\"blurr\":").contains("no model measures `blurr`"));
        assert!(with("\"damage\"", "\"x\"").contains("no check `x`"));
        assert!(with("\"blur\"", "\"not_a_photo\": \"maybe\", \"blur\"").contains("maybe"));
        let twice = |name: &str, one: &str| with(&format!("\"{name}\":"), &format!("\"{name}\": {one}, \"{name}\":"));
        assert!(twice("blur", "{\"high\": 2.0}").contains("profile `default`: `blur` is there twice"));
        assert!(twice("damage", "{\"high\": 0.5}").contains("profile `default`: `damage` is there twice"));
        assert!(twice("too_dark", "\"Light!\"").contains("profile `real-estate`: `too_dark` is there twice"));
        let within = with("{\"high\": 1.6", "{\"high\": 1.6, \"high\": 2.0");
        assert!(within.contains("profile `default`: `blur`") && within.contains("duplicate field `high`"), "{within}");
    }

    /// What a profile of these checks is refused for, if it is.
    fn refusal(checks: &str) -> Option<String> {
        let profile = format!(r#"{{"name": "default", "blur": {{"high": 1.6}}, "checks": {{{checks}}}}}"#);
        let text = format!(r#"{{"version": 1, "profiles": [{profile}]}}"#);
        let profiles = Profiles::parse(&text).expect("its shape is right");
        profiles.check(required().iter()).err().map(|error| error.to_string())
    }

    #[test]
    fn a_bound_of_a_check_that_judges_nothing_or_everything_is_refused_and_says_where() {
        for (checks, said) in [
            (r#""aspect": {"low": 2, "high": 1}"#, "aspect: `low` must be at most `high`"),
            (r#""frame": {"low": 0.02}"#, "frame: there is no too low, leave `low` out"),
            (r#""frame": {"low": 0.02, "high": 0.1}"#, "frame: there is no too low, leave `low` out"),
            (r#""jpeg_quality": {"high": 50}"#, "jpeg_quality: there is no too high, leave `high` out"),
            (r#""not_a_photo": {"low": 0.9}"#, "not_a_photo: there is no too low, leave `low` out"),
            (r#""frame": {}"#, "frame: there is no bound, leave the check out"),
            (r#""frame": {"high": null}"#, "frame: there is no bound, leave the check out"),
            (r#""short_side": {"low": 1e39}"#, "short_side: `low` must lie between -3.4"),
            (r#""aspect": {"low": -1e39}"#, "aspect: `low` must lie between -3.4"),
            // It is not the first one that is looked at.
            (r#""damage": {"high": 0.0}, "frame": {}"#, "frame: there is no bound"),
        ] {
            let refused = refusal(checks).unwrap_or_else(|| panic!("{checks} is accepted"));
            assert!(refused.starts_with(&format!("profile `default` is refused: {said}")), "{checks}: {refused}");
        }
    }

    #[test]
    fn each_side_of_a_check_can_be_bounded() {
        for check in checks::CHECKS.iter() {
            for (side, fault) in [("low", &check.low), ("high", &check.high)] {
                let refused = refusal(&format!(r#""{}": {{"{side}": 1.0}}"#, check.name));
                assert_eq!(refused.is_none(), fault.is_some(), "{} {side}: {refused:?}", check.name);
            }
        }
        assert_eq!(refusal(r#""aspect": {"low": 1.5, "high": 1.5}"#), None, "exactly one is accepted");
        assert_eq!(refusal(r#""short_side": {"low": 1e30}, "damage": {"high": -1}"#), None, "beyond the possible");
        assert_eq!(refusal(r#""short_side": {"low": 683, "high": null}"#), None, "a side that is silent");
    }
}

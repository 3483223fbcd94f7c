//! What becomes of a picture that is no photo (see `checks::not_a_photo`): it has neither tilt nor light nor focus, so that no band
//! and no check of photos judges it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::profile::Profile;
use super::verdict::{Findings, Reason};
use crate::checks::{NOT_A_PHOTO, NOT_A_PHOTO_FROM};

/// What a profile wants done about pictures that are no photos: plans, maps, documents, screenshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoPhoto {
    /// They fail.
    Fail,
    /// Somebody looks at them.
    #[default]
    Unsure,
    /// They are judged as if they were photos.
    Ignore,
}

impl NoPhoto {
    /// True for what a profile does that says nothing of it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a picture is not judged as a photo, and whether it fails.
pub(super) fn no_photo(findings: &Findings, profile: &Profile) -> Option<(bool, Reason)> {
    let &(check, value) = findings.checks.iter().find(|(check, _)| check.name == NOT_A_PHOTO)?;
    let bound = profile.checks.get(NOT_A_PHOTO).and_then(|bound| bound.high);
    let threshold = bound.unwrap_or(NOT_A_PHOTO_FROM);
    let fault = check.high.as_ref().filter(|_| value > threshold && profile.not_a_photo != NoPhoto::Ignore)?;
    let code = fault.code.to_string();
    let advice = profile.messages.get(&code).cloned().unwrap_or_else(|| fault.advice_for(value));
    let reason = Reason {
        code,
        metric: check.name.to_owned(),
        value,
        low: None,
        high: None,
        threshold,
        probability: 1.0,
        severity: fault.severity,
        advice,
    };
    Some((profile.not_a_photo == NoPhoto::Fail, reason))
}

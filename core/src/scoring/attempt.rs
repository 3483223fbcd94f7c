//! Which time a photo is taken: whoever takes the same one again and again must not be refused for ever.

use serde::Deserialize;

use super::profile::Profile;
use super::verdict::{Reason, Verdict};
use crate::metric::Severity;

/// Which attempt at a photo it is, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Attempt(u32);

impl TryFrom<u32> for Attempt {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if (1..=1000).contains(&number) { Ok(Self(number)) } else { Err("it must lie between 1 and 1000") }
    }
}

impl Attempt {
    /// The verdict on a photo at this attempt: from the profile's `max_attempts` on, one that fails for nothing but what another photo
    /// would have to mend is `unsure`. Reasons stay as they are, and so does what `/correct` could mend.
    #[must_use]
    pub fn verdict(self, judged: Verdict, reasons: &[Reason], profile: &Profile) -> Verdict {
        let is_last = profile.max_attempts.is_some_and(|most| self.0 >= most);
        let mut failing = reasons.iter().filter(|reason| reason.fails(profile));
        if judged == Verdict::Fail && is_last && failing.all(|reason| reason.severity == Severity::Retake) {
            Verdict::Unsure
        } else {
            judged
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::profile::Profiles;

    fn reason(code: &str, severity: Severity) -> Reason {
        Reason {
            code: code.to_owned(),
            metric: "any".to_owned(),
            value: 0.0,
            low: None,
            high: None,
            threshold: 0.0,
            probability: 1.0,
            severity,
            advice: String::new(),
        }
    }

    #[test]
    fn from_the_last_attempt_on_what_only_another_photo_mends_is_looked_at() {
        let profiles = Profiles::built_in();
        let mut profile = profiles.find("default").expect("it is built in").clone();
        profile.max_attempts = Some(3);
        let blurred = reason("blurred", Severity::Retake);
        let tilted = reason("tilted", Severity::Fixable);
        let perhaps_tilted = reason("possibly_tilted", Severity::Fixable);
        let at = |profile: &Profile, number: u32, judged: Verdict, reasons: &[Reason]| {
            Attempt::try_from(number).expect("it is one").verdict(judged, reasons, profile)
        };
        let verdicts = [1, 2, 3, 4].map(|number| at(&profile, number, Verdict::Fail, std::slice::from_ref(&blurred)));
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Fail, Verdict::Unsure, Verdict::Unsure]);
        let both = [blurred.clone(), tilted];
        assert_eq!(at(&profile, 3, Verdict::Fail, &both), Verdict::Fail, "it can be corrected");
        assert_eq!(at(&profile, 3, Verdict::Fail, &[blurred.clone(), perhaps_tilted]), Verdict::Unsure);
        assert_eq!(at(&profile, 3, Verdict::Pass, &[]), Verdict::Pass);
        profile.max_attempts = None;
        assert_eq!(at(&profile, 1000, Verdict::Fail, &[blurred]), Verdict::Fail);
        assert!(Attempt::try_from(0).is_err() && Attempt::try_from(1001).is_err());
    }
}

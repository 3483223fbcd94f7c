//! What made a row: rows of one output compare only where it is the same.

use std::fmt::Write as _;

use clearshot_core::digest::sha256_hex;
use clearshot_core::ingest::Limits;
use clearshot_core::models::ModelSet;
use clearshot_core::platform::Platform;
use clearshot_core::scoring::profile::Profile;
use clearshot_core::session::Runtime;
use serde::{Deserialize, Serialize};

/// Hexadecimal digits of a digest.
const DIGEST: usize = 16;

/// The flags of the limits, in the order in which a record has them.
const LIMITS: [&str; 6] =
    ["--max-pixels", "--max-side", "--min-side", "--max-decoded-bytes", "--max-file-bytes", "--max-scaled-pixels"];

/// What made a row, beside the names of profile and models, which it has in any case. In flat rows each field is a column,
/// `scored_by_` and its name, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredBy {
    /// Version of Clearshot.
    pub version: String,
    /// What a score's last digits depend on: processor, decoder of JPEG, ONNX Runtime and what it runs on.
    pub build: String,
    /// The limits on images and files, with slashes between.
    pub limits: String,
    /// Digest of the models' cards: their weights, their calibration.
    pub models: String,
    /// Name of the profile, a colon, digest of its thresholds and messages. It stands last, and a digest's length is known: by that a
    /// row of CSV that was cut off is told.
    pub profile: String,
}

impl ScoredBy {
    /// Names of the columns in flat rows.
    pub const COLUMNS: [&str; 5] =
        ["scored_by_version", "scored_by_build", "scored_by_limits", "scored_by_models", "scored_by_profile"];

    /// What makes the rows of a run.
    #[must_use]
    pub fn new(
        runtime: &Runtime,
        models: &ModelSet,
        profile: &Profile,
        limits: &Limits,
        max_file_bytes: usize,
    ) -> Self {
        let Limits { max_pixels, max_side, min_side, max_decoded_bytes, max_scaled_pixels: _ } = limits;
        let max_scaled_pixels = limits.most_scaled();
        // Whom a profile suits decides nothing.
        let profile = Profile { description: String::new(), ..profile.clone() };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: build(runtime),
            limits: format!(
                "{max_pixels}/{max_side}/{min_side}/{max_decoded_bytes}/{max_file_bytes}/{max_scaled_pixels}"
            ),
            models: Self::digest_of(models),
            profile: format!("{}:{}", profile.name, digest(&profile)),
        }
    }

    /// What stands in [`Self::models`] of rows that these models make.
    #[must_use]
    pub fn digest_of(models: &ModelSet) -> String {
        digest(&models.cards().collect::<Vec<_>>())
    }

    /// The fields in the order of [`Self::COLUMNS`].
    #[must_use]
    pub fn fields(&self) -> [&str; 5] {
        [&self.version, &self.build, &self.limits, &self.models, &self.profile]
    }

    /// True for a last field of which nothing was cut off.
    #[must_use]
    pub fn is_whole(last: &[u8]) -> bool {
        let digest = last.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        last.len() > DIGEST && digest.len() == DIGEST && digest.iter().all(u8::is_ascii_hexdigit)
    }

    /// In words, what makes these rows others than `old` ones; nothing where they compare. Rows of another build do, but for a last
    /// digit.
    #[must_use]
    pub fn differs_from(&self, old: &Self) -> Option<String> {
        let mut words = String::new();
        let mut say = |what: &str, there: &str, here: &str| {
            if there != here {
                let _ = write!(words, "{}{what} {there} there, {here} here", if words.is_empty() { "" } else { "; " });
            }
        };
        say("version", &old.version, &self.version);
        say("models with the digest", &old.models, &self.models);
        say("profile", &old.profile, &self.profile);
        let (there, here) = (old.limits.split('/').collect::<Vec<_>>(), self.limits.split('/').collect::<Vec<_>>());
        if there.len() == here.len() {
            LIMITS.iter().zip(there.iter().zip(here)).for_each(|(flag, (there, here))| say(flag, there, here));
        } else {
            say("limits", &old.limits, &self.limits);
        }
        (!words.is_empty()).then_some(words)
    }
}

fn digest(what: &impl Serialize) -> String {
    let text = serde_json::to_string(what).unwrap_or_default();
    sha256_hex(text.as_bytes())[..DIGEST].to_owned()
}

fn build(runtime: &Runtime) -> String {
    let Platform { jpeg_decoder, instruction_set } = Platform::current();
    format!("{instruction_set} {jpeg_decoder} onnxruntime-{} {}", runtime.commit(), runtime.provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ScoredBy {
        let digest = "0123456789abcdef".to_owned();
        ScoredBy {
            version: "1.0".into(),
            build: "any".into(),
            limits: "1/2/3/4/5/6".into(),
            models: digest.clone(),
            profile: digest,
        }
    }

    #[test]
    fn what_differs_is_named() {
        assert_eq!(record().differs_from(&record()), None);
        assert_eq!(record().differs_from(&ScoredBy { build: "other".into(), ..record() }), None);
        let old = ScoredBy { version: "0.9".into(), limits: "1/9/3/4/5/6".into(), ..record() };
        let said = record().differs_from(&old);
        assert_eq!(said.as_deref(), Some("version 0.9 there, 1.0 here; --max-side 9 there, 2 here"));
        let said = record().differs_from(&ScoredBy { limits: "1/2/3".into(), ..record() });
        assert_eq!(said.as_deref(), Some("limits 1/2/3 there, 1/2/3/4/5/6 here"));
    }

    #[test]
    fn a_digest_that_was_cut_off_is_not_whole() {
        let whole = format!("any:{}", digest(&"any"));
        assert!(ScoredBy::is_whole(whole.as_bytes()));
        assert!((0..whole.len()).all(|end| !ScoredBy::is_whole(&whole.as_bytes()[..end])));
    }
}

//! What is said of a tuned profile.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clearshot_core::checks::CHECKS;
use clearshot_core::scoring::profile::Profile;
use serde::Serialize;

use super::super::decisions::Verdict;
use super::super::rate::Rate;
use super::thresholds::Moved;
use super::{Decided, Suspicion, reasons, suspicion};
use crate::words::how_many;

/// Most photos that an error names.
const NAMED: usize = 3;

/// The numbers of a profile that are found for a promise.
const NUMBERS: [&str; 2] = ["review_at", "fail_at"];

/// What came of decisions.
#[derive(Debug, Serialize)]
pub struct Tuned {
    /// Accepted photos with scores.
    pub accepted: usize,
    /// Rejected photos with scores.
    pub rejected: usize,
    /// How many of them found the thresholds; nothing where there were too few and they stayed.
    pub fitted: Option<usize>,
    /// Accepted and rejected photos from which on thresholds are looked for.
    pub to_fit: [usize; 2],
    /// Decisions on photos without scores, where a file lists them.
    pub without_scores: Option<usize>,
    /// Photos that were rejected for a reason that nothing here measures, by reason; they are left out.
    pub not_measured: BTreeMap<String, usize>,
    /// Photos that other models scored than those whose cards were read: they promise nothing of the verdicts that these come to.
    pub by_other_models: usize,
    /// Thresholds that moved.
    pub moved: Vec<Moved>,
    /// `review_at` and `fail_at` before.
    pub was: [f32; 2],
    /// Checks whose bounds stay, and say less than they did.
    pub silenced: Vec<Silenced>,
    /// The largest shares of accepted photos that fail, and of rejected ones that pass.
    pub promised: [f64; 2],
    /// The profile.
    pub profile: Profile,
    /// The file of profiles that has it.
    pub output: PathBuf,
    /// What it does with the decisions that its thresholds were not fitted to.
    pub rates: Rates,
    /// Where decision and profile disagree most.
    pub disagreements: Vec<Disagreement>,
}

/// A check that says less than it did, since a number of the profile rose above its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Silenced {
    /// The check.
    pub check: &'static str,
    /// How probable what it finds is: less than that number, whatever it measures.
    pub probability: f32,
    /// The number: above `review_at` nobody looks at what it finds any more, above `fail_at` no photo fails for it.
    pub by: &'static str,
}

impl fmt::Display for Silenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { check, probability, by } = self;
        let lost = if *by == NUMBERS[0] { "is no longer looked at" } else { "no longer makes a photo fail" };
        write!(f, "{check} (probability {probability}) {lost}: {by} is above it")
    }
}

/// The checks that `profile` bounds and that say less under its numbers than under those that `was` gives.
pub(super) fn silenced(profile: &Profile, was: [f32; 2]) -> Vec<Silenced> {
    let is = [profile.review_at, profile.fail_at];
    let mut silenced = Vec::new();
    for ((by, was), is) in NUMBERS.into_iter().zip(was).zip(is) {
        for check in CHECKS.iter().filter(|check| (was..is).contains(&check.certainty)) {
            if profile.checks.contains_key(check.name) {
                silenced.push(Silenced { check: check.name, probability: check.certainty, by });
            }
        }
    }
    silenced
}

/// Error rates against decisions, see [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Accepted photos that fail.
    pub good_refused: Rate,
    /// Accepted photos to be looked at.
    pub good_unsure: Rate,
    /// Rejected photos that pass.
    pub bad_passed: Rate,
    /// Rejected photos to be looked at.
    pub bad_unsure: Rate,
}

impl Rates {
    /// Intervals hold for photos to come although `review_at` and `fail_at` were chosen on these: the share that lies beyond the
    /// `k+1`-th largest of `n` spreads like Beta(k+1, n-k) (Vovk, "Conditional validity of inductive conformal predictors", 2012),
    /// of which Clopper and Pearson's upper end is a quantile.
    pub(super) fn of(good: &[Suspicion], bad: &[Suspicion], profile: &Profile) -> Self {
        let Profile { review_at, fail_at, .. } = *profile;
        let count = |of: &[Suspicion], holds: &dyn Fn(&Suspicion) -> bool| {
            Rate::new(of.iter().filter(|suspicion| holds(suspicion)).count(), of.len())
        };
        let unsure = |suspicion: &Suspicion| suspicion.fail < fail_at && suspicion.review >= review_at;
        Self {
            good_refused: count(good, &|suspicion| suspicion.fail >= fail_at),
            good_unsure: count(good, &unsure),
            bad_passed: count(bad, &|suspicion| suspicion.review < review_at),
            bad_unsure: count(bad, &unsure),
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  accepted, refused {}", self.good_refused)?;
        writeln!(f, "  accepted, unsure  {}", self.good_unsure)?;
        writeln!(f, "  rejected, passed  {}", self.bad_passed)?;
        write!(f, "  rejected, unsure  {}", self.bad_unsure)
    }
}

/// A photo on which decision and profile disagree.
#[derive(Clone, Debug, Serialize)]
pub struct Disagreement {
    /// The photo.
    pub path: String,
    /// `accepted` or `rejected`.
    pub decision: &'static str,
    /// Probability of its likeliest fault.
    pub probability: f32,
    /// The codes of its faults that are as probable as `review_at`.
    pub codes: Vec<String>,
    /// Which of the decided photos it is.
    #[serde(skip)]
    pub(super) index: usize,
}

/// Decided photos by how much the profile disagrees: of accepted ones the suspicion, of rejected ones what it lacks to certainty.
pub(super) fn disagreements(decided: &[Decided], profile: &Profile) -> Vec<Disagreement> {
    let mut found: Vec<(f32, Disagreement)> = Vec::new();
    for (index, photo) in decided.iter().enumerate() {
        let probability = suspicion(&photo.findings, profile).review;
        let (by, disagrees) = match photo.decision.verdict {
            Verdict::Accepted => (probability, probability >= profile.review_at),
            Verdict::Rejected => (1.0 - probability, probability < profile.fail_at),
        };
        if !disagrees {
            continue;
        }
        let reasons = reasons(&photo.findings, profile).into_iter();
        let probable = reasons.filter(|reason| reason.probability >= profile.review_at);
        let disagreement = Disagreement {
            path: photo.row.path().to_owned(),
            decision: photo.decision.verdict.name(),
            probability,
            codes: probable.map(|reason| reason.code).collect(),
            index,
        };
        found.push((by, disagreement));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.path.cmp(&other.1.path)));
    found.into_iter().map(|(_, disagreement)| disagreement).collect()
}

/// In words, the faults of accepted photos that no `fail_at` lets through.
pub(super) fn certain_faults(good: &[&Decided], profile: &Profile) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for photo in good {
        for reason in reasons(&photo.findings, profile).into_iter().filter(|reason| reason.probability >= 0.999) {
            *counts.entry(reason.code).or_default() += 1;
        }
    }
    let list: Vec<String> = counts.into_iter().map(|(code, count)| format!("{code} {count}")).collect();
    format!(
        "These faults are certain on accepted photos: {}. Leave their bounds out of the profile, or decide otherwise on the photos",
        list.join(", ")
    )
}

/// In words, the rejected photos that show no fault, and what to do about those with a reason and those without.
pub(super) fn spotless(bad: &[&Decided], suspicions: &[Suspicion]) -> String {
    let (mut said, mut silent) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for (photo, _) in bad.iter().zip(suspicions).filter(|(_, suspicion)| suspicion.review < super::risk::STEP) {
        match &photo.decision.reason {
            Some(reason) => *said.entry(reason).or_default() += 1,
            None => silent.push(photo.row.path()),
        }
    }
    let all = silent.len() + said.values().sum::<usize>();
    let show = if all == 1 { "shows" } else { "show" };
    let mut parts = vec![format!("{} {show} no fault that the profile judges", how_many(all, "rejected photo"))];
    if !said.is_empty() {
        let list: Vec<String> = said.into_iter().map(|(code, count)| format!("{code} {count}")).collect();
        let list = list.join(", ");
        parts.push(format!(
            "Of those with a reason: {list}. Bound in the profile what it does not judge yet, or leave these photos out"
        ));
    }
    if !silent.is_empty() {
        let named = silent.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = if silent.len() > NAMED { ", ..." } else { "" };
        parts.push(format!(
            "Say in the column `reason` what is wrong with {named}{more}: what is not measured here is left out"
        ));
    }
    parts.join(". ")
}

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted and {}", self.accepted, how_many(self.rejected, "rejected photo"))?;
        if let Some(count) = self.without_scores.filter(|count| *count > 0) {
            write!(f, "; {} on photos without scores", how_many(count, "decision"))?;
        }
        for (reason, count) in &self.not_measured {
            write!(f, "; {count} left out: rejected for `{reason}`, which is not measured")?;
        }
        if self.by_other_models > 0 {
            let count = self.by_other_models;
            write!(
                f,
                "\n{count} of them were scored by other models than these, of which they promise nothing: score them again"
            )?;
        }
        match self.fitted {
            Some(fitted) => {
                writeln!(f, "\nThresholds from {fitted} of them, review_at and fail_at from the others:\n")?;
            }
            None => {
                let [good, bad] = self.to_fit;
                writeln!(
                    f,
                    "\nThresholds stay: to find them, too, it takes {good} accepted and {bad} rejected photos\n"
                )?;
            }
        }
        for Moved { name, end, from, to } in &self.moved {
            let to = to.map_or("left out".to_owned(), |to| to.to_string());
            writeln!(f, "  {:<26}{from:>8} -> {to}", format!("{name} {end}"))?;
        }
        let is = [self.profile.review_at, self.profile.fail_at];
        for ((name, from), to) in NUMBERS.iter().zip(self.was).zip(is) {
            writeln!(f, "  {name:<26}{from:>8} -> {to}")?;
        }
        for silenced in &self.silenced {
            writeln!(f, "  {silenced}")?;
        }
        // 0.07 times 100 is a little more than 7.
        let [refused, passed] = self.promised.map(|share| (1e8 * share).round() / 1e6);
        writeln!(
            f,
            "\nOf photos like these, on average at most {refused} % of good ones will fail and {passed} % of bad ones pass."
        )?;
        writeln!(
            f,
            "On the decisions that chose review_at and fail_at (95 % interval for photos to come):\n{}",
            self.rates
        )?;
        if !self.disagreements.is_empty() {
            writeln!(f, "\nWhere decisions and profile disagree most (probability of the likeliest fault):")?;
        }
        for Disagreement { path, decision, probability, codes, .. } in &self.disagreements {
            writeln!(f, "  {decision} {probability:.3} {path} {}", codes.join(" "))?;
        }
        let (name, output) = (&self.profile.name, self.output.display());
        write!(f, "\nProfile `{name}` is written: clearshot serve --profiles {output}")
    }
}

#[cfg(test)]
mod tests {
    use clearshot_core::scoring::verdict::Findings;

    use super::*;
    use crate::bulk::decisions::Decision;
    use crate::bulk::row::{Cell, FlatRow};

    #[test]
    fn nobody_is_asked_for_a_reason_that_was_given() {
        let rejected = |path: &str, reason: Option<&str>| {
            let row: FlatRow = [("path".to_owned(), Cell::Text(path.to_owned()))].into_iter().collect();
            let decision = Decision { verdict: Verdict::Rejected, reason: reason.map(str::to_owned) };
            Decided { row, findings: Findings::default(), decision }
        };
        let photos =
            [("a", Some("noisy")), ("b", None), ("c", Some("noisy")), ("d", Some("collage")), ("e", Some("tilted"))];
        let photos = photos.map(|(path, reason)| rejected(path, reason));
        let photos: Vec<&Decided> = photos.iter().collect();
        let mut suspicions = [Suspicion::default(); 5];
        suspicions[4].review = 0.9;
        let said = spotless(&photos, &suspicions);
        assert!(said.starts_with("4 rejected photos show"), "{said}");
        assert!(said.contains("reason: collage 1, noisy 2. Bound"), "{said}");
        assert!(said.contains("what is wrong with b: "), "{said}");
        assert!(!spotless(&photos[..1], &suspicions).contains("Say in"), "each has a reason");
        let of_one = spotless(&photos[1..2], &suspicions);
        assert!(
            of_one.starts_with("1 rejected photo shows ") && !of_one.contains("Bound"),
            "none has a reason: {of_one}"
        );
    }
}

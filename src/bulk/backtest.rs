//! What profiles would have decided on photos that are scored already: no photo is read again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use clearshot_core::load::LoadError;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::profile::{Profile, Profiles};
use clearshot_core::scoring::verdict::{Verdict, judge};
use serde::Serialize;

use super::config::BacktestConfig;
use super::decisions::{Decisions, Lookup};
use super::error::BulkError;
use super::findings::findings;
use super::results::Results;
use super::scored_by::ScoredBy;
use super::tune::{Rates, Tally};
use crate::words::how_many;

/// What each profile would have decided.
#[derive(Debug, Serialize)]
pub struct Backtest {
    /// Photos with scores.
    pub photos: usize,
    /// Photos without, which no profile decides on.
    pub not_scored: usize,
    /// Decisions on photos without scores, where a file lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_scores: Option<usize>,
    /// One for each profile of the file.
    pub profiles: Vec<Judged>,
}

/// What a profile would have decided.
#[derive(Debug, Default, Serialize)]
pub struct Judged {
    /// The profile's name.
    pub profile: String,
    /// Share of photos by verdict.
    pub verdicts: BTreeMap<&'static str, f64>,
    /// Share of photos by reason; a photo may have several.
    pub reasons: BTreeMap<String, f64>,
    /// How often it errs, where it was told what was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<Rates>,
    /// What the profile that it is compared with decides otherwise, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
    #[serde(skip)]
    tally: Tally,
    #[serde(skip)]
    show: usize,
}

/// A photo on which two profiles disagree.
#[derive(Debug, Serialize)]
pub struct Change {
    /// The photo.
    pub path: String,
    /// The verdict.
    pub from: Verdict,
    /// That of the profile that is compared with.
    pub to: Verdict,
    /// The reasons of whichever of the two gives any.
    pub reasons: Vec<String>,
}

/// Judges the rows of results by each profile. The cards of the models say which metrics profiles may bound, and how the models' errors
/// are spread: on rows that these models made, verdicts are those of scoring, but for a few near thresholds. Of other rows only the
/// intervals are known, and more verdicts may differ.
///
/// # Errors
/// [`BulkError`] when profiles, models, decisions or results cannot be read, the results are empty, no decision is on a photo of them, or
/// there is no profile of the name to compare with.
pub fn backtest(config: &BacktestConfig) -> Result<Backtest, BulkError> {
    let models = ModelSet::load(&config.models).map_err(LoadError::from)?;
    let load = |path: Option<&Path>| -> Result<Profiles, LoadError> {
        let profiles = Profiles::load_or_built_in(path)?;
        profiles.check(models.metrics())?;
        Ok(profiles)
    };
    let profiles = load(config.profiles.as_deref())?;
    let others = config.compare.as_deref().map(|path| load(Some(path))).transpose()?;
    let find = |name: &str| {
        let known = others.as_ref().unwrap_or(&profiles);
        known.find(name).ok_or_else(|| BulkError::unknown_profile(name, known))
    };
    let named = config.compare_profile.as_deref().map(find).transpose()?;
    let other = |profile: &Profile| named.or_else(|| others.as_ref()?.find(profile.name.as_str()));
    let decisions = config.decisions.as_deref().map(Decisions::read).transpose()?;
    let mut lookup = decisions.as_ref().map(Lookup::new);
    let new = |profile: &Profile| Judged {
        profile: profile.name.to_string(),
        verdicts: [Verdict::Pass, Verdict::Unsure, Verdict::Fail].map(|verdict| (verdict.name(), 0.0)).into(),
        changes: other(profile).map(|_| Vec::new()),
        show: config.show,
        ..Judged::default()
    };
    let mut found: Vec<Judged> = profiles.iter().map(new).collect();
    let (mut photos, mut not_scored, mut decided) = (0, 0, 0);
    let served = ScoredBy::digest_of(&models);
    for row in Results::with_rows(&config.results)?.rows() {
        let row = row?;
        let decision = lookup.as_mut().and_then(|lookup| lookup.on(row.path()));
        let is_theirs = row.is_made_by(&served) == Some(true);
        let Some(findings) = findings(&row, &models, is_theirs) else {
            not_scored += 1;
            continue;
        };
        photos += 1;
        decided += usize::from(decision.is_some());
        for (profile, judged) in profiles.iter().zip(&mut found) {
            let judgement = judge(&findings, profile);
            *judged.verdicts.entry(judgement.verdict.name()).or_default() += 1.0;
            if let Some(decision) = &decision {
                judged.tally.count(decision.verdict, judgement.verdict);
            }
            let codes: Vec<String> = judgement.reasons.into_iter().map(|reason| reason.code).collect();
            if let Some((other, changes)) = other(profile).zip(judged.changes.as_mut()) {
                let (from, other) = (judgement.verdict, judge(&findings, other));
                if other.verdict != from {
                    let of_other = other.reasons.into_iter().map(|reason| reason.code);
                    let reasons = if codes.is_empty() { of_other.collect() } else { codes.clone() };
                    changes.push(Change { path: row.path().to_owned(), from, to: other.verdict, reasons });
                }
            }
            for code in codes {
                *judged.reasons.entry(code).or_default() += 1.0;
            }
        }
    }
    lookup.map_or(Ok(()), Lookup::end)?;
    let share = |count: &mut f64| *count /= f64::from(u32::try_from(photos.max(1)).unwrap_or(u32::MAX));
    for judged in &mut found {
        judged.verdicts.values_mut().for_each(share);
        judged.reasons.values_mut().for_each(share);
        judged.decided = decisions.as_ref().map(|_| judged.tally.rates());
    }
    let without_scores = decisions.as_ref().and_then(|decisions| decisions.without_scores(decided));
    Ok(Backtest { photos, not_scored, without_scores, profiles: found })
}

impl fmt::Display for Backtest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with scores, {} without", how_many(self.photos, "photo"), self.not_scored)?;
        if let Some(count) = self.without_scores.filter(|count| *count > 0) {
            write!(f, "; {} on photos without scores", how_many(count, "decision"))?;
        }
        writeln!(f)?;
        for Judged { profile, verdicts, reasons, decided, changes, show, .. } in &self.profiles {
            writeln!(f, "\n{profile}")?;
            for (name, share) in [Verdict::Fail, Verdict::Unsure, Verdict::Pass]
                .into_iter()
                .filter_map(|verdict| Some((verdict.name(), verdicts.get(verdict.name())?)))
            {
                writeln!(f, "  {name:<22}{:>6.1} %", share * 100.0)?;
            }
            let mut by_share: Vec<_> = reasons.iter().collect();
            by_share.sort_by(|one, other| other.1.total_cmp(one.1));
            for (code, share) in by_share {
                writeln!(f, "    {code:<20}{:>6.1} %", share * 100.0)?;
            }
            if let Some(rates) = decided {
                writeln!(f, "{rates}")?;
            }
            let Some(changes) = changes else { continue };
            let photos = how_many(changes.len(), "photo");
            writeln!(f, "  decided otherwise by the profile compared with: {photos}")?;
            for ((from, to), count) in counted(changes) {
                writeln!(f, "    {:<22}{count:>6}", format!("{from} -> {to}"))?;
            }
            for Change { path, from, to, reasons } in changes.iter().take(*show) {
                writeln!(f, "    {} -> {} {path} {}", from.name(), to.name(), reasons.join(" "))?;
            }
        }
        Ok(())
    }
}

fn counted(changes: &[Change]) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut counts = BTreeMap::new();
    for Change { from, to, .. } in changes {
        *counts.entry((from.name(), to.name())).or_default() += 1;
    }
    counts
}

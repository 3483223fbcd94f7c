//! What profiles would have decided on photos that are scored already: no photo is read again.

use std::collections::BTreeMap;
use std::fmt;

use clearshot_core::checks::CHECKS;
use clearshot_core::load::LoadError;
use clearshot_core::metric::REQUIRED;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::distribution::Distribution;
use clearshot_core::scoring::profile::{Profile, Profiles};
use clearshot_core::scoring::verdict::{Findings, Measurement, Verdict, judge};
use serde::Serialize;

use super::config::BacktestConfig;
use super::error::BulkError;
use super::output;

/// Coverage of intervals in results that do not say.
const COVERAGE: f32 = 0.9;

/// What each profile would have decided.
#[derive(Debug, Serialize)]
pub struct Backtest {
    /// Photos with scores.
    pub photos: usize,
    /// Photos without, which no profile decides on.
    pub not_scored: usize,
    /// One for each profile of the file.
    pub profiles: Vec<Decisions>,
}

/// What a profile would have decided.
#[derive(Debug, Default, Serialize)]
pub struct Decisions {
    /// The profile's name.
    pub profile: String,
    /// Share of photos by verdict.
    pub verdicts: BTreeMap<&'static str, f64>,
    /// Share of photos by reason; a photo may have several.
    pub reasons: BTreeMap<String, f64>,
}

/// Judges the rows of results by each profile. The cards of the models say which metrics profiles may bound. Rows keep intervals, not
/// the whole distribution of errors: probabilities follow from the interval, and may differ in a hundredth from those of scoring.
///
/// # Errors
/// [`BulkError`] when profiles, models or results cannot be read.
pub fn backtest(config: &BacktestConfig) -> Result<Backtest, BulkError> {
    let profiles = Profiles::load_or_built_in(config.profile.as_deref()).map_err(LoadError::from)?;
    let models = ModelSet::load(&config.models).map_err(LoadError::from)?;
    profiles.check(models.metrics()).map_err(LoadError::from)?;
    let new = |profile: &Profile| Decisions {
        profile: profile.name.to_string(),
        verdicts: [Verdict::Pass, Verdict::Unsure, Verdict::Fail].map(|verdict| (verdict.name(), 0.0)).into(),
        ..Decisions::default()
    };
    let mut found: Vec<Decisions> = profiles.iter().map(new).collect();
    let (mut photos, mut not_scored) = (0, 0);
    for path in &config.results {
        for row in output::read(path)? {
            let row = row?;
            // Older results lack metrics that came later.
            if REQUIRED.iter().any(|required| row.estimate(required).is_none()) {
                not_scored += 1;
                continue;
            }
            let coverage = row.number_of("coverage").filter(|share| *share > 0.0 && *share < 1.0).unwrap_or(COVERAGE);
            let findings = Findings {
                metrics: (models.cards())
                    .filter_map(|card| {
                        let estimate = row.estimate(card.metric.name.as_str())?;
                        let distribution = Distribution::of_interval(estimate, coverage, card.calibration.range());
                        // The ranking outputs decide nothing.
                        Some(Measurement { metric: &card.metric, raw: 0.0, estimate, distribution })
                    })
                    .collect(),
                orientation: row.orientation(),
                checks: CHECKS.iter().filter_map(|check| Some((check, row.number_of(check.name)?))).collect(),
            };
            photos += 1;
            for (profile, decisions) in profiles.iter().zip(&mut found) {
                let judgement = judge(&findings, profile);
                *decisions.verdicts.entry(judgement.verdict.name()).or_default() += 1.0;
                for reason in judgement.reasons {
                    *decisions.reasons.entry(reason.code).or_default() += 1.0;
                }
            }
        }
    }
    let share = |count: &mut f64| *count /= f64::from(u32::try_from(photos.max(1)).unwrap_or(u32::MAX));
    for decisions in &mut found {
        decisions.verdicts.values_mut().for_each(share);
        decisions.reasons.values_mut().for_each(share);
    }
    Ok(Backtest { photos, not_scored, profiles: found })
}

impl fmt::Display for Backtest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} photos with scores, {} without", self.photos, self.not_scored)?;
        for Decisions { profile, verdicts, reasons } in &self.profiles {
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
        }
        Ok(())
    }
}

//! From a row of results back to what was found in a photo, so that another profile can judge it.

use clearshot_core::checks::CHECKS;
use clearshot_core::metric::REQUIRED;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::distribution::Distribution;
use clearshot_core::scoring::verdict::{Findings, Measurement};

use super::row::FlatRow;

/// Coverage of intervals in results that do not say.
const COVERAGE: f32 = 0.9;

/// What was found in the photo of a row; nothing where it was not scored. Rows keep intervals, not the whole distribution of errors:
/// probabilities follow from the interval, and may differ in a hundredth from those of scoring.
#[must_use]
pub(super) fn findings<'a>(row: &FlatRow, models: &'a ModelSet) -> Option<Findings<'a>> {
    // Older results lack metrics that came later.
    if REQUIRED.iter().any(|required| row.estimate(required).is_none()) {
        return None;
    }
    let coverage = row.number_of("coverage").filter(|share| *share > 0.0 && *share < 1.0).unwrap_or(COVERAGE);
    let metrics = models.cards().filter_map(|card| {
        let estimate = row.estimate(card.metric.name.as_str())?;
        let distribution = Distribution::of_interval(estimate, coverage, card.calibration.range());
        // The ranking outputs decide nothing.
        Some(Measurement { metric: &card.metric, raw: 0.0, estimate, distribution })
    });
    Some(Findings {
        metrics: metrics.collect(),
        orientation: row.orientation(),
        checks: CHECKS.iter().filter_map(|check| Some((check, row.number_of(check.name)?))).collect(),
    })
}

//! From a row of results back to what was found in a photo, so that another profile can judge it.

use clearshot_core::checks::CHECKS;
use clearshot_core::metric::REQUIRED;
use clearshot_core::models::ModelSet;
use clearshot_core::scoring::distribution::Distribution;
use clearshot_core::scoring::verdict::{Findings, Measurement};

use super::row::FlatRow;

/// Coverage of intervals in results that do not say.
const COVERAGE: f32 = 0.9;

/// What was found in the photo of a row; nothing where it was not scored. Rows keep intervals, not the scale of their errors. Of a row
/// that `models` made (`is_theirs`) the scale is found again, and probabilities are those of scoring, on nearly all photos to a
/// hundredth. Of others all that is known is the interval, and near a threshold probabilities may be far from those of scoring.
#[must_use]
pub(super) fn findings<'a>(row: &FlatRow, models: &'a ModelSet, is_theirs: bool) -> Option<Findings<'a>> {
    // Older results lack metrics that came later.
    if REQUIRED.iter().any(|required| row.estimate(required).is_none()) {
        return None;
    }
    let coverage = row.number_of("coverage").filter(|share| *share > 0.0 && *share < 1.0).unwrap_or(COVERAGE);
    let metrics = models.cards().filter_map(|card| {
        let (name, calibration) = (card.metric.name.as_str(), &card.calibration);
        let estimate = row.estimate(name)?;
        let raw = row.number_of(&format!("{name}_raw"));
        let output = raw.filter(|_| is_theirs).and_then(|raw| calibration.output_of(raw, estimate, coverage));
        let distribution = match output {
            Some(output) => calibration.distribution(output),
            None => Distribution::of_interval(estimate, coverage, calibration.range()),
        };
        // The ranking outputs decide nothing more.
        Some(Measurement { metric: &card.metric, raw: raw.unwrap_or_default(), estimate, distribution })
    });
    Some(Findings {
        metrics: metrics.collect(),
        orientation: row.orientation(),
        checks: CHECKS.iter().filter_map(|check| Some((check, row.number_of(check.name)?))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use clearshot_core::rounding::thousandths;
    use clearshot_core::scoring::calibration::{Estimate, RawOutput};

    use super::*;
    use crate::bulk::row::Cell;
    use crate::bulk::scored_by::ScoredBy;

    #[test]
    fn rows_of_these_models_have_the_probabilities_of_scoring_and_others_those_of_their_intervals() {
        let models = ModelSet::load("models".as_ref()).expect("models are shipped");
        let served = ScoredBy::digest_of(&models);
        let output = RawOutput { raw: 0.2, log_scale: -1.9 };
        let by = |digest: &str| -> FlatRow {
            let scores = models.cards().filter(|card| REQUIRED.contains(&card.metric.name.as_str())).flat_map(|card| {
                let Estimate { value, low, high } = card.calibration.apply(output);
                let numbers = [("", value), ("_low", low), ("_high", high)].map(|(part, of)| (part, thousandths(of)));
                let name = card.metric.name.to_string();
                let cells = numbers.into_iter().chain([("_raw", output.raw)]);
                cells.map(move |(part, number)| (format!("{name}{part}"), Cell::Real(number))).collect::<Vec<_>>()
            });
            let made = ScoredBy::COLUMNS.map(|column| (column.to_owned(), Cell::Text(digest.to_owned())));
            scores.chain(made).collect()
        };
        let [own, others] = [by(&served), by("0123456789abcdef")];
        let [own, others] = [&own, &others].map(|row| {
            let is_theirs = row.is_made_by(&served) == Some(true);
            findings(row, &models, is_theirs).expect("it has scores").metrics
        });
        assert_eq!((own.len(), others.len()), (REQUIRED.len(), REQUIRED.len()));
        for (own, other) in own.iter().zip(&others) {
            let name = &own.metric.name;
            let card = models.cards().find(|card| card.metric.name == *name).expect("it is one of them");
            let (estimate, range) = (own.estimate, card.calibration.range());
            let scored = card.calibration.distribution(output).above(estimate.high);
            let found = own.distribution.above(estimate.high);
            assert!((found - scored).abs() < 2e-3, "{name}: {found} {scored}");
            assert_eq!(other.distribution, Distribution::of_interval(estimate, 0.9, range), "{name}");
            assert_ne!(other.distribution, own.distribution, "{name}");
        }
    }
}

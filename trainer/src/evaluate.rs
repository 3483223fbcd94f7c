//! Figures of merit on photos that neither training nor calibration saw, per category, beside the classical rivals.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use clearshot_core::scoring::calibration::{Calibration, RawOutput};
use clearshot_core::scoring::card::{Figures, MagnitudeFigures, ModelCard, VerifiedModel};
use clearshot_core::session::{BranchSession, Runtime};

use crate::baseline::{self, Rival};
use crate::calibrate::write_card;
use crate::generator::Recipe;
use crate::measure::{MeasurePlan, Sample, measure};
use crate::photos::{Library, Part};
use crate::transform::{Frame, Transformation};

/// What an evaluation found.
pub struct Evaluation {
    /// The card with its figures filled in.
    pub card: ModelCard,
    /// A Markdown table of the figures, rivals included where asked for.
    pub table: String,
    /// What was measured.
    pub samples: Vec<Sample>,
}

impl Evaluation {
    /// Writes every sample to a CSV file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, file: &Path) -> Result<()> {
        let mut table = csv::Writer::from_path(file)?;
        table.write_record(["file", "category", "truth", "value", "low", "high", "raw", "log_scale", "classical"])?;
        for sample in &self.samples {
            let estimate = self.card.calibration.apply(sample.output);
            let RawOutput { raw, log_scale } = sample.output;
            let numbers = [sample.truth, estimate.value, estimate.low, estimate.high, raw, log_scale];
            let numbers = numbers.map(|number| number.to_string());
            let classical = sample.baseline.map_or_else(String::new, |score| score.to_string());
            let names = [&sample.file, &sample.category];
            table.write_record(names.into_iter().chain(&numbers).chain([&classical]))?;
        }
        Ok(table.flush()?)
    }
}

/// How to evaluate.
#[derive(Clone, Copy)]
pub struct EvaluateOptions {
    /// Smallest and largest magnitude.
    pub range: [f32; 2],
    /// Magnitudes per photo; three times as many for large photos.
    pub per_photo: usize,
    /// Measure the classical rival, too, where there is one.
    pub baselines: bool,
    /// Seed of the degradations.
    pub seed: u64,
}

/// Evaluates a calibrated model on the test part and writes the figures into its card.
///
/// # Errors
/// When the model is not calibrated or cannot be run.
pub fn evaluate(
    library: &Library,
    transformation: &'static dyn Transformation,
    runtime: &Runtime,
    models: &Path,
    options: EvaluateOptions,
) -> Result<Evaluation> {
    let metric = transformation.spec().name;
    let model = VerifiedModel::load(models, metric)?;
    let mut session = BranchSession::of(runtime, &model, 1)?;
    let mut card = model.card;
    ensure!(
        card.training.photos_digest == library.digest,
        "the {metric} model was trained on another set of photos: which of these are held out is unknown"
    );
    let recipe = Recipe {
        transformation,
        range: options.range,
        photos: 1,
        magnitudes: 1,
        frame: Frame::Whole,
        seed: options.seed,
    };
    let plan =
        MeasurePlan { part: Part::Test, per_photo: options.per_photo, levelled: false, baselines: options.baselines };
    let samples = measure(library, &recipe, plan, &mut session)?;
    let mut sets: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in &samples {
        sets.entry("all").or_default().push(sample);
        sets.entry(&sample.category).or_default().push(sample);
    }
    card.evaluation =
        sets.iter().map(|(&set, samples)| (set.to_owned(), figures(samples, &card.calibration))).collect();
    if let Some(all) = card.evaluation.get_mut("all") {
        all.by_magnitude = by_magnitude(&samples, &card.calibration, options.range);
    }
    let mut table = table(&card);
    if let Some(rival) = baseline::rival(metric).filter(|_| options.baselines) {
        for (set, samples) in &sets {
            writeln!(table, "{}", rival_row(rival, set, samples))?;
        }
    }
    for bin in card.evaluation.get("all").into_iter().flat_map(|all| &all.by_magnitude) {
        writeln!(
            table,
            "| {:+.2} to {:+.2} | {} | | | {:.3} | | | {:.3} | {:.3} |",
            bin.from, bin.to, bin.samples, bin.mean_absolute_error, bin.coverage, bin.mean_interval_width
        )?;
    }
    write_card(models, &card)?;
    Ok(Evaluation { card, table, samples })
}

/// Figures in eight bins of equal width of the true magnitude.
fn by_magnitude(samples: &[Sample], calibration: &Calibration, range: [f32; 2]) -> Vec<MagnitudeFigures> {
    const BINS: usize = 8;
    let width = (range[1] - range[0]) / BINS as f32;
    let mut bins = vec![Vec::new(); BINS];
    for sample in samples {
        bins[(((sample.truth - range[0]) / width) as usize).min(BINS - 1)].push(sample);
    }
    let filled = bins.into_iter().enumerate().filter(|(_, bin)| !bin.is_empty());
    let of = |(index, bin): (usize, Vec<&Sample>)| {
        let Figures { samples, mean_absolute_error, coverage, mean_interval_width, .. } = figures(&bin, calibration);
        let from = range[0] + width * index as f32;
        MagnitudeFigures { from, to: from + width, samples, mean_absolute_error, coverage, mean_interval_width }
    };
    filled.map(of).collect()
}

fn figures(samples: &[&Sample], calibration: &Calibration) -> Figures {
    let truth: Vec<f32> = samples.iter().map(|sample| sample.truth).collect();
    let raw: Vec<f32> = samples.iter().map(|sample| sample.output.raw).collect();
    let estimates: Vec<_> = samples.iter().map(|sample| calibration.apply(sample.output)).collect();
    let values: Vec<f32> = estimates.iter().map(|estimate| estimate.value).collect();
    let errors = absolute_errors(&values, &truth);
    let count = samples.len() as f32;
    let covered =
        estimates.iter().zip(&truth).filter(|(estimate, truth)| (estimate.low..=estimate.high).contains(truth)).count();
    Figures {
        samples: samples.len(),
        pearson: pearson(&values, &truth),
        spearman: spearman(&raw, &truth),
        mean_absolute_error: errors.iter().sum::<f32>() / count,
        median_absolute_error: quantile(&errors, 0.5),
        p95_absolute_error: quantile(&errors, 0.95),
        coverage: covered as f32 / count,
        mean_interval_width: estimates.iter().map(|estimate| estimate.high - estimate.low).sum::<f32>() / count,
        by_magnitude: Vec::new(),
    }
}

/// The figures of a card as a Markdown table.
#[must_use]
pub fn table(card: &ModelCard) -> String {
    let mut table = format!(
        "| {} ({}) | samples | Pearson | Spearman | mean error | median | p95 | coverage | mean width |\n|---|---|---|---|---|---|---|---|---|\n",
        card.metric.name, card.metric.unit
    );
    for (set, figures) in &card.evaluation {
        let _ = writeln!(
            table,
            "| {set} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} |",
            figures.samples,
            figures.pearson,
            figures.spearman,
            figures.mean_absolute_error,
            figures.median_absolute_error,
            figures.p95_absolute_error,
            figures.coverage,
            figures.mean_interval_width
        );
    }
    table
}

/// The rival's figures.
fn rival_row(rival: Rival, set: &str, samples: &[&Sample]) -> String {
    let (scores, truth): (Vec<f32>, Vec<f32>) =
        samples.iter().filter_map(|sample| Some((sample.baseline?, sample.truth))).unzip();
    let errors = absolute_errors(&scores, &truth);
    let errors = if rival.in_unit {
        let mean = errors.iter().sum::<f32>() / errors.len() as f32;
        format!("{mean:.3} | {:.3} | {:.3}", quantile(&errors, 0.5), quantile(&errors, 0.95))
    } else {
        " | | ".to_owned()
    };
    let (pearson, spearman) = (pearson(&scores, &truth), spearman(&scores, &truth));
    format!("| {set}, classical | {} | {pearson:.3} | {spearman:.3} | {errors} | | |", scores.len())
}

fn absolute_errors(values: &[f32], truth: &[f32]) -> Vec<f32> {
    values.iter().zip(truth).map(|(value, truth)| (value - truth).abs()).collect()
}

fn quantile(values: &[f32], level: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    let rank = (level * (sorted.len().saturating_sub(1)) as f32).round() as usize;
    sorted.get(rank).copied().unwrap_or(f32::NAN)
}

/// Pearson correlation; zero where one side does not vary.
fn pearson(a: &[f32], b: &[f32]) -> f32 {
    let mean = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut covariance, mut variance_a, mut variance_b) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        covariance += a * b;
        variance_a += a * a;
        variance_b += b * b;
    }
    let norm = (variance_a * variance_b).sqrt();
    if norm > 0.0 { (covariance / norm) as f32 } else { 0.0 }
}

fn spearman(a: &[f32], b: &[f32]) -> f32 {
    pearson(&ranks(a), &ranks(b))
}

/// Ranks with ties sharing their mean rank.
fn ranks(values: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..].iter().take_while(|&&index| values[index] == values[order[start]]).count();
        for &index in &order[start..start + tied] {
            ranks[index] = start as f32 + (tied - 1) as f32 / 2.0;
        }
        start += tied;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_match_hand_computed_values() {
        assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-6);
        assert!((pearson(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0]) - 0.8).abs() < 1e-6);
        assert!((spearman(&[1.0, 10.0, 100.0], &[-3.0, -2.0, 5.0]) - 1.0).abs() < 1e-6);
        assert!(pearson(&[1.0, 1.0], &[0.0, 5.0]).abs() < 1e-6);
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [1.5, 0.0, 1.5]);
        assert!((quantile(&[4.0, 1.0, 3.0, 2.0, 5.0], 0.5) - 3.0).abs() < 1e-6);
    }
}

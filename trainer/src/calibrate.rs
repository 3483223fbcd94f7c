//! Fits the monotone curve from raw output to physical units and the conformal intervals, on photos that training never
//! saw, and writes the model card.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clearshot_core::digest::sha256_hex;
use clearshot_core::scoring::calibration::{Calibration, IntervalBin, RawOutput};
use clearshot_core::scoring::card::{self, ModelCard, Preprocessing, Reading, Training};
use clearshot_core::scoring::distribution::LEVELS;
use clearshot_core::scoring::second_look::SecondLook;
use clearshot_core::session::{BranchSession, Runtime};

use crate::category;
use crate::generator::Recipe;
use crate::measure::{MeasurePlan, Sample, measure};
use crate::photos::{Library, Part};
use crate::run::Run;
use crate::siamese::TargetScale;
use crate::transform::{Frame, SecondLookSpec, Spec};

/// Share of true values the intervals hold.
const COVERAGE: f32 = 0.9;
/// Samples per knot of the curve and per interval bin, at least.
const PER_KNOT: usize = 30;
const PER_BIN: usize = 150;
/// Samples of one group at the most. One large site must not speak for all sources: photos of a group err alike, and with
/// a quarter of all samples from one site the intervals covered 84 % elsewhere instead of 90 %.
const MOST_PER_GROUP: usize = 24;

/// Calibrates the exported model of a run and writes its card beside it.
///
/// # Errors
/// When the model has not been exported or there are too few photos.
pub fn calibrate(
    library: &Library,
    run: &Run,
    runtime: &Runtime,
    models: &Path,
    per_photo: usize,
) -> Result<ModelCard> {
    let settings = run.settings()?;
    let mut recipe = Recipe { frame: Frame::Upload, ..settings.recipe()? };
    let spec = recipe.transformation.spec();
    let path = card::onnx_path(models, spec.name);
    let onnx = std::fs::read(&path).with_context(|| format!("cannot read {}: export first", path.display()))?;
    let session = BranchSession::new(runtime, spec.name, spec.view(), &onnx, 1)?;
    let mut session = session.looking_twice(second_look(spec, settings.range));
    let plan = MeasurePlan { part: Part::Calibrate, per_photo, levelled: true, baselines: false };
    let mut samples = measure(library, &recipe, plan, &mut session)?;
    // The magnitudes that uploads have, and twice as often: intervals calibrated on the whole range would be too wide for them. A
    // crop made for a smaller range shows more of the photo, too.
    recipe.range = intersection(settings.range, spec.usual);
    recipe.seed = recipe.seed.wrapping_add(1);
    let plan = MeasurePlan { per_photo: 2 * per_photo, ..plan };
    samples.extend(measure(library, &recipe, plan, &mut session)?);
    let samples = balanced(samples);
    let range = intersection(settings.range, spec.range);
    let card = card_of(library, run, &onnx, Reading::Scalar, fit(&samples, range, spec.usual, spec.widening)?)?;
    write_card(models, &card)?;
    Ok(card)
}

/// The card of a run's exported model, before it is evaluated.
pub(crate) fn card_of(
    library: &Library,
    run: &Run,
    onnx: &[u8],
    reading: Reading,
    calibration: Calibration,
) -> Result<ModelCard> {
    let (settings, progress) = (run.settings()?, run.progress()?);
    let spec = settings.transformation()?.spec();
    let sha256 = sha256_hex(onnx);
    Ok(ModelCard {
        metric: spec.metric(),
        reading,
        version: format!("{}-{}", spec.name, &sha256[..8]),
        sha256,
        preprocessing: Preprocessing::of(spec.view()),
        second_look: second_look(spec, settings.range),
        calibration,
        training: Training {
            photos: library.part(Part::Train).len(),
            groups: library.groups(Part::Train),
            photos_digest: library.digest.clone(),
            magnitudes: settings.range,
            seed: settings.seed,
            steps: progress.best_step,
            command: settings.command(),
        },
        evaluation: BTreeMap::new(),
        turns: BTreeMap::new(),
        labels: None,
        reference: None,
        intended_use: spec.intended_use.to_owned(),
    })
}

/// Which photos a model looks at twice whose targets were scaled for a range of magnitudes.
fn second_look(spec: &Spec, range: [f32; 2]) -> Option<SecondLook> {
    let SecondLookSpec { from, expected_error } = *spec.second_look.as_ref()?;
    Some(SecondLook { unit: TargetScale::new(range).to_units(1.0), from, expected_error })
}

/// At most [`MOST_PER_GROUP`] samples of each group, spread evenly over the group's.
fn balanced(samples: Vec<Sample>) -> Vec<Sample> {
    let mut groups = BTreeMap::<String, Vec<Sample>>::new();
    for sample in samples {
        groups.entry(sample.group.clone()).or_default().push(sample);
    }
    let spread = |group: Vec<Sample>| {
        let every = group.len().div_ceil(MOST_PER_GROUP);
        group.into_iter().step_by(every)
    };
    groups.into_values().flat_map(spread).collect()
}

/// Writes a card into a models folder.
///
/// # Errors
/// When it cannot be written.
pub fn write_card(models: &Path, card: &ModelCard) -> Result<()> {
    let path = card.path_in(models);
    let mut text = serde_json::to_string_pretty(card)?;
    text.push('\n');
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The part of a range that lies in another; the first where they do not meet.
#[must_use]
pub fn intersection(range: [f32; 2], other: [f32; 2]) -> [f32; 2] {
    let met = [range[0].max(other[0]), range[1].min(other[1])];
    if met[0] < met[1] { met } else { range }
}

/// A sample as the fit sees it.
struct WeightedSample {
    output: RawOutput,
    truth: f32,
    weight: f32,
    /// What it counts besides where true values shall lie evenly over the range.
    evening: f32,
}

/// `usual`: magnitudes that uploads have. `widening`: factor on every interval, not on the distribution of errors.
fn fit(samples: &[Sample], range: [f32; 2], usual: [f32; 2], widening: f32) -> Result<Calibration> {
    let weights = category::weights(samples.iter().map(|sample| sample.category.as_str()));
    let evening = evening(&samples.iter().map(|sample| sample.truth).collect::<Vec<_>>(), range);
    let mut samples: Vec<WeightedSample> = samples
        .iter()
        .zip(weights)
        .zip(evening)
        .filter(|((sample, _), _)| sample.output.raw.is_finite() && sample.output.log_scale.is_finite())
        .map(|((sample, weight), evening)| WeightedSample {
            output: sample.output,
            truth: sample.truth,
            weight: weight as f32,
            evening,
        })
        .collect();
    ensure!(samples.len() >= 2, "{} samples are too few to calibrate", samples.len());
    samples.sort_by(|a, b| a.output.raw.total_cmp(&b.output.raw));
    let curve = curve(&samples, range);
    let whole = IntervalBin { max_log_scale: f32::MAX, below: 0.0, above: 0.0, errors: None };
    let values = Calibration::new(COVERAGE, samples.len(), range, curve.clone(), vec![whole])?;
    let intervals = intervals(&samples, &values, usual, widening);
    Ok(Calibration::new(COVERAGE, samples.len(), range, curve, intervals)?)
}

/// What each sample counts where true values shall lie evenly over the range, as [`Distribution`](clearshot_core::scoring::distribution)
/// takes them to: the inverse of how many lie in its part of the range. More of them are drawn where uploads are, and what is expected of uploads
/// would be counted twice. Of a degradation that begins at none each counts once: most photos really have none, and a curve that took them for
/// rare would read sharp photos as soft.
fn evening(truths: &[f32], range: [f32; 2]) -> Vec<f32> {
    if range[0] >= 0.0 {
        return vec![1.0; truths.len()];
    }
    // As many as hold some samples each.
    let parts = (truths.len() / PER_KNOT).clamp(1, 24);
    let part = |truth: f32| {
        let along = (truth - range[0]) / (range[1] - range[0]);
        ((along * parts as f32).max(0.0) as usize).min(parts - 1)
    };
    let mut counts = vec![0u32; parts];
    for truth in truths {
        counts[part(*truth)] += 1;
    }
    truths.iter().map(|truth| truths.len() as f32 / (parts as u32 * counts[part(*truth)]) as f32).collect()
}

/// Isotonic regression (pool adjacent violators) over medians of equally filled bins, then made strictly increasing.
/// Medians weighted by the network's own confidence: a photo without a cue must not bend the curve for the others.
fn curve(samples: &[WeightedSample], range: [f32; 2]) -> Vec<[f32; 2]> {
    let knots = (samples.len() / PER_KNOT).clamp(2, 40);
    let mut points: Vec<(f32, f32, f32)> = (0..knots)
        .map(|knot| {
            let bin = &samples[knot * samples.len() / knots..(knot + 1) * samples.len() / knots];
            let raw = bin.iter().map(|sample| sample.output.raw).sum::<f32>() / bin.len() as f32;
            (raw, median(bin), bin.len() as f32)
        })
        .collect();
    pool_adjacent_violators(&mut points);
    let step = (range[1] - range[0]) * 1e-4;
    let mut curve: Vec<[f32; 2]> = Vec::with_capacity(points.len());
    for (raw, value, _) in points {
        match curve.last() {
            Some(last) if raw <= last[0] => {}
            Some(last) => curve.push([raw, value.max(last[1] + step)]),
            None => curve.push([raw, value]),
        }
    }
    // A degenerate network (one output for all) still needs a curve; its intervals will say how little it knows.
    if curve.len() < 2 {
        let [raw, value] = curve[0];
        curve.push([raw + 1.0, value + step]);
    }
    curve
}

fn median(bin: &[WeightedSample]) -> f32 {
    let weight = |sample: &WeightedSample| sample.weight * sample.evening * (-sample.output.log_scale).exp();
    weighted_quantile(bin.iter().map(|sample| (sample.truth, weight(sample))).collect(), 0.5, 0.0)
}

/// Makes values (second) non-decreasing by pooling neighbours by weight (third); Robertson et al., 1988.
fn pool_adjacent_violators(points: &mut [(f32, f32, f32)]) {
    let mut blocks: Vec<(f32, f32, usize)> = Vec::new();
    for point in points.iter() {
        blocks.push((point.1, point.2, 1));
        while let [.., (left, left_weight, left_count), (right, right_weight, right_count)] = blocks[..] {
            if left <= right {
                break;
            }
            let weight = left_weight + right_weight;
            blocks.truncate(blocks.len() - 2);
            blocks.push(((left * left_weight + right * right_weight) / weight, weight, left_count + right_count));
        }
    }
    let values = blocks.into_iter().flat_map(|(value, _, count)| std::iter::repeat_n(value, count));
    for (point, value) in points.iter_mut().zip(values) {
        point.1 = value;
    }
}

/// Split conformal quantiles of the signed residuals over the predicted scale, per bin of that scale, widened; with them the whole
/// distribution of the residuals as it is, of true values spread evenly: a probability that is to be true must not be blurred. It is taken of
/// values up to half as far again as uploads have, since at the ends of what was trained a model errs in its own way.
fn intervals(samples: &[WeightedSample], values: &Calibration, usual: [f32; 2], widening: f32) -> Vec<IntervalBin> {
    let residual =
        |sample: &WeightedSample| (sample.truth - values.value(sample.output.raw)) / sample.output.log_scale.exp();
    let mut samples: Vec<&WeightedSample> = samples.iter().collect();
    samples.sort_by(|a, b| a.output.log_scale.total_cmp(&b.output.log_scale));
    let bins = (samples.len() / PER_BIN).clamp(1, 8);
    let mut intervals: Vec<IntervalBin> = Vec::with_capacity(bins);
    let mut start = 0;
    for bin in 1..=bins {
        let same = |at: &usize| samples[*at - 1].output.log_scale.total_cmp(&samples[*at].output.log_scale).is_eq();
        // Samples of the same scale stay together.
        let end = (bin * samples.len() / bins..samples.len()).find(|at| !same(at)).unwrap_or(samples.len());
        let part = &samples[start..end];
        start = end;
        let Some(last) = part.last() else { continue };
        let level = 1.0 - (1.0 - COVERAGE) / 2.0;
        // The weight of the photo to come, as heavy as the heaviest (Tibshirani et al. 2019, lemma 3).
        let to_come = part.iter().map(|sample| sample.weight).fold(0.0, f32::max);
        let reach = |sign: f32| {
            let signed = part.iter().map(|sample| (sign * residual(sample), sample.weight)).collect();
            widening * weighted_quantile(signed, level, to_come).max(0.0)
        };
        let near = part.iter().filter(|sample| {
            let value = values.value(sample.output.raw);
            (1.5 * usual[0]..=1.5 * usual[1]).contains(&value)
        });
        let residuals: Vec<_> = near.map(|sample| (residual(sample), sample.weight * sample.evening)).collect();
        let errors = || LEVELS.map(|level| weighted_quantile(residuals.clone(), level, 0.0));
        let errors = (!residuals.is_empty()).then(errors);
        let max_log_scale = last.output.log_scale;
        intervals.push(IntervalBin { max_log_scale, below: reach(-1.0), above: reach(1.0), errors });
    }
    intervals
}

/// The smallest value up to which lies the share `level` of all weight, `to_come` included; the largest where there is none.
fn weighted_quantile(mut values: Vec<(f32, f32)>, level: f32, to_come: f32) -> f32 {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = level * (values.iter().map(|value| value.1).sum::<f32>() + to_come);
    let mut sum = 0.0;
    let reached = |weight: f32| {
        sum += weight;
        sum >= wanted
    };
    let found = values.iter().map(|value| value.1).position(reached);
    found.or(values.len().checked_sub(1)).map_or(0.0, |index| values[index].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(raw: f32, truth: f32, log_scale: f32) -> Sample {
        Sample {
            file: String::new(),
            category: String::new(),
            group: String::new(),
            truth,
            output: RawOutput { raw, log_scale },
            baseline: None,
        }
    }

    #[test]
    fn pooling_gives_the_isotonic_fit() {
        let mut points = vec![(0.0, 1.0, 1.0), (1.0, 3.0, 1.0), (2.0, 2.0, 1.0), (3.0, 2.5, 2.0), (4.0, 9.0, 1.0)];
        pool_adjacent_violators(&mut points);
        let values: Vec<f32> = points.iter().map(|point| point.1).collect();
        assert_eq!(values, [1.0, 2.5, 2.5, 2.5, 9.0]);
    }

    #[test]
    fn intervals_cover_as_stated_and_follow_the_predicted_scale() {
        // Deterministic "noise": residuals spread evenly over +-scale, two scales.
        let samples: Vec<Sample> = (0..3000)
            .map(|index| {
                let truth = (index % 100) as f32 / 10.0 - 5.0;
                let scale: f32 = if index % 2 == 0 { 0.1 } else { 1.0 };
                let noise = ((index * 7919) % 1001) as f32 / 500.0 - 1.0;
                sample(2.0 * (truth + scale * noise), truth, scale.ln())
            })
            .collect();
        let calibration = fit(&samples, [-5.0, 5.0], [-5.0, 5.0], 1.0).expect("there are enough samples");
        let inside = samples.iter().filter(|sample| {
            let estimate = calibration.apply(sample.output);
            estimate.low <= sample.truth && sample.truth <= estimate.high
        });
        let coverage = inside.count() as f32 / samples.len() as f32;
        assert!((0.89..=0.93).contains(&coverage), "{coverage}");
        let width = |log_scale: f32| {
            let estimate = calibration.apply(RawOutput { raw: 0.0, log_scale });
            estimate.high - estimate.low
        };
        assert!(width(1.0f32.ln()) > 4.0 * width(0.1f32.ln()));
    }

    #[test]
    fn the_card_keeps_the_distribution_of_errors() {
        // Errors spread evenly from -1 to 3 times the predicted scale, about a value that lies below most of them.
        let samples: Vec<Sample> = (0..4000)
            .map(|index| {
                let truth = (index % 100) as f32 / 5.0 - 10.0;
                let noise = ((index * 7919) % 1001) as f32 / 250.0 - 1.0;
                sample(truth - noise, truth, 0.0)
            })
            .collect();
        let calibration = fit(&samples, [-10.0, 10.0], [-5.0, 5.0], 1.0).expect("there are enough samples");
        // At the ends of the range some errors cannot happen.
        let middle: Vec<&Sample> = samples.iter().filter(|sample| sample.truth.abs() <= 6.0).collect();
        for (coverage, least, most) in [(0.5, 0.48, 0.56), (0.8, 0.78, 0.84), (0.98, 0.965, 1.0)] {
            let inside = middle.iter().filter(|sample| {
                let estimate = calibration.apply_at(sample.output, coverage);
                estimate.low <= sample.truth && sample.truth <= estimate.high
            });
            let found = inside.count() as f32 / middle.len() as f32;
            assert!((least..=most).contains(&found), "{found} inside intervals of {coverage}");
        }
        // And what is stated of a threshold is true of the samples beyond it.
        let (mut stated, mut beyond) = (0.0, 0);
        for sample in &samples {
            stated += calibration.distribution(sample.output).above(1.0) / samples.len() as f64;
            beyond += usize::from(sample.truth > 1.0);
        }
        let observed = beyond as f64 / samples.len() as f64;
        assert!((stated - observed).abs() < 0.02, "{stated} stated, {observed} observed");
    }

    #[test]
    fn true_values_count_evenly_but_where_most_photos_have_none() {
        // Three times as many on one side of the middle as on the other.
        let truths: Vec<f32> = (0..400).map(|index| if index < 300 { -0.5 } else { 0.5 }).collect();
        let sums = |weights: Vec<f32>| [weights[..300].iter().sum::<f32>(), weights[300..].iter().sum::<f32>()];
        let [left, right] = sums(evening(&truths, [-1.0, 1.0]));
        assert!((left - right).abs() < 1e-3, "{left} {right}");
        assert_eq!(sums(evening(&truths, [0.0, 1.0])), [300.0, 100.0]);
    }

    #[test]
    fn a_large_group_is_thinned_and_a_small_one_kept() {
        let of = |group: &str, count: usize| {
            (0..count)
                .map(move |index| Sample { group: group.to_owned(), ..sample(0.0, index as f32, 0.0) })
                .collect::<Vec<_>>()
        };
        let kept = balanced(of("site", 240).into_iter().chain(of("house", 7)).collect());
        let count = |group: &str| kept.iter().filter(|sample| sample.group == group).count();
        assert_eq!((count("site"), count("house")), (MOST_PER_GROUP, 7));
    }

    #[test]
    fn a_network_that_gives_one_answer_is_calibrated_to_know_nothing() {
        let samples: Vec<Sample> = (0..500).map(|index| sample(0.3, (index % 50) as f32, 0.0)).collect();
        let calibration = fit(&samples, [0.0, 50.0], [0.0, 50.0], 1.0).expect("a curve is found");
        let estimate = calibration.apply(RawOutput { raw: 0.3, log_scale: 0.0 });
        assert!(estimate.high - estimate.low > 40.0);
    }
}

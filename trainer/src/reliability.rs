//! Whether a fault is there as often as stated: the probability that answers give of a metric's fault (`reasons[].probability`), against the
//! share of held-out samples that have the fault, by tenths of the probability.
//!
//! A stated probability weighs what a photo shows with what the profile expects of uploads before it is seen: most nearly right, a few far
//! off ([`Expected`]). The samples of an evaluation are spread otherwise, so that its figures hold over the whole range, and about half of
//! them have the fault. Counted one by one they would have it more often than stated, however well a model knew its errors. So each sample
//! counts as much as the profile expects of its part of the range, divided by how many samples lie there (importance sampling; Kahn and
//! Marshall, "Methods of reducing sample size in Monte Carlo computations", 1953). To put the samples' own share of faults into the profile
//! would answer another question: probabilities that no service states, and a share is not all of what is expected.

use std::collections::BTreeMap;

use clearshot_core::scoring::card::ModelCard;
use clearshot_core::scoring::posterior::{Expected, beyond};
use clearshot_core::scoring::profile::{Band, Profiles};

use crate::calibrate::intersection;
use crate::measure::Sample;
use crate::share::wilson;

/// Parts into which each stretch between the ends of the evaluated range, the thresholds and zero is cut.
const PARTS: u8 = 8;
/// So many of them beyond a threshold, the outermost, are taken as one, which stands for all values farther out, too: the profile expects
/// some there, and none is evaluated.
const OUTERMOST: usize = 2;

/// What became of the probabilities that are stated under some thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// Names of the profiles that have these thresholds.
    pub profiles: Vec<String>,
    /// The thresholds, and the share of uploads that is expected beyond them.
    pub band: Band,
    /// Share of the samples, counted one by one, that lie beyond them.
    pub share_beyond: f64,
    /// The tenths of the stated probability that samples lie in, ascending.
    pub tenths: Vec<Tenth>,
}

/// Samples whose stated probability lies in one tenth. Shares and means are of samples that count as much as they are expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenth {
    /// Which: 0 for probabilities below 0.1, to 9.
    pub index: usize,
    /// Number of samples.
    pub samples: usize,
    /// Mean of the stated probabilities.
    pub stated: f64,
    /// Share that has the fault.
    pub observed: f64,
    /// Wilson's 95 % interval of that share. It counts groups, not samples: a model errs alike on photos of one house.
    pub interval: [f64; 2],
}

/// What is said of a sample under a profile's thresholds, and what is true.
struct Judged<'a> {
    group: &'a str,
    weight: f64,
    stated: f64,
    is_faulty: bool,
}

/// The reliability of a calibrated model under the thresholds of each profile that judges its metric; profiles with the same ones are taken
/// together. `evaluated`: smallest and largest magnitude of the samples; thresholds outside are left out.
#[must_use]
pub fn reliability(card: &ModelCard, samples: &[Sample], evaluated: [f32; 2], profiles: &Profiles) -> Vec<Reliability> {
    let evaluated = intersection(evaluated, card.calibration.range());
    let mut found: Vec<Reliability> = Vec::new();
    for profile in profiles.iter() {
        // What the metric counts in `quality` changes no probability.
        let Some(band) = profile.band(&card.metric.name).map(|band| Band { weight: 1.0, ..band }) else { continue };
        if band.high >= evaluated[1] || band.low.is_some_and(|low| low <= evaluated[0]) {
            continue;
        }
        let name = profile.name.to_string();
        match found.iter_mut().find(|known| known.band == band) {
            Some(known) => known.profiles.push(name),
            None => found.push(under(card, samples, evaluated, band, name)),
        }
    }
    found
}

fn under(card: &ModelCard, samples: &[Sample], evaluated: [f32; 2], band: Band, profile: String) -> Reliability {
    let range = card.calibration.range();
    let weights = weights(samples, &borders(band, evaluated, range), Expected::of_band(range, band));
    let mut tenths: [Vec<Judged>; 10] = std::array::from_fn(|_| Vec::new());
    for (sample, weight) in samples.iter().zip(weights) {
        let judged = judged(card, sample, weight, band);
        tenths[((10.0 * judged.stated) as usize).min(9)].push(judged);
    }
    let not_empty = tenths.iter().enumerate().filter(|(_, judged)| !judged.is_empty());
    let is_beyond = |sample: &&Sample| sides(sample.truth, band).contains(&true);
    Reliability {
        profiles: vec![profile],
        band,
        share_beyond: samples.iter().filter(is_beyond).count() as f64 / samples.len().max(1) as f64,
        tenths: not_empty.map(|(index, judged)| tenth(index, judged)).collect(),
    }
}

/// The probability that an answer would state, and whether the fault that it names is there.
fn judged<'a>(card: &ModelCard, sample: &'a Sample, weight: f64, band: Band) -> Judged<'a> {
    let said = beyond(&card.calibration.distribution(sample.output), band);
    let [is_low, is_high] = sides(sample.truth, band);
    let is_faulty = match (card.metric.is_one_fault(), said.low > said.high) {
        (true, _) => is_low || is_high,
        (false, true) => is_low,
        (false, false) => is_high,
    };
    Judged { group: &sample.group, weight, stated: said.fault(&card.metric), is_faulty }
}

/// Whether a value lies below the lower threshold, and whether above the upper one.
fn sides(truth: f32, band: Band) -> [bool; 2] {
    [band.low.is_some_and(|low| truth < low), truth > band.high]
}

fn tenth(index: usize, judged: &[Judged]) -> Tenth {
    let mut groups = BTreeMap::<&str, f64>::new();
    for one in judged {
        *groups.entry(one.group).or_default() += one.weight;
    }
    let whole: f64 = groups.values().sum();
    // As many groups of equal weight would tell as much (Kish, "Survey sampling", 1965).
    let trials = whole * whole / groups.values().map(|weight| weight * weight).sum::<f64>();
    let mean = |of: fn(&Judged) -> f64| judged.iter().map(|one| one.weight * of(one)).sum::<f64>() / whole;
    // Rounding may leave a sum of weights a last digit above one.
    let observed = mean(|one| f64::from(u8::from(one.is_faulty))).min(1.0);
    let stated = mean(|one| one.stated);
    Tenth { index, samples: judged.len(), stated, observed, interval: wilson(observed, trials) }
}

/// Borders of the parts in which samples are counted, ascending from end to end of what the calibration can say. None lies on both sides of a
/// threshold, so that as many are faulty as the profile expects.
fn borders(band: Band, evaluated: [f32; 2], range: [f32; 2]) -> Vec<f64> {
    let [low, high] = evaluated;
    let ends = [low, band.low.unwrap_or(low), 0.0, band.high, high].map(|end| f64::from(end.clamp(low, high)));
    let mut borders = Vec::new();
    for (from, to) in ends.into_iter().zip(ends.into_iter().skip(1)).filter(|(from, to)| from < to) {
        borders.extend((0..PARTS).map(|part| from + (to - from) * f64::from(part) / f64::from(PARTS)));
    }
    if band.low.is_some() {
        borders.drain(1..OUTERMOST);
    }
    borders[0] = f64::from(range[0]);
    borders.truncate(borders.len() - (OUTERMOST - 1));
    borders.push(f64::from(range[1]));
    borders
}

/// What each sample counts: what is expected of its part, shared among the samples in it.
fn weights(samples: &[Sample], borders: &[f64], expected: Expected) -> Vec<f64> {
    let part = |sample: &Sample| {
        let above = borders.partition_point(|border| *border <= f64::from(sample.truth));
        above.clamp(1, borders.len() - 1) - 1
    };
    let mut counts = vec![0u32; borders.len() - 1];
    for sample in samples {
        counts[part(sample)] += 1;
    }
    let weight = |sample: &Sample| {
        let part = part(sample);
        expected.share([borders[part], borders[part + 1]]) / f64::from(counts[part])
    };
    samples.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::LN_10;

    use clearshot_core::scoring::calibration::{Calibration, IntervalBin, RawOutput};
    use clearshot_core::scoring::profile::Profile;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const TILT: &str = include_str!("../../models/rotation.json");
    const BRIGHTNESS: &str = include_str!("../../models/brightness.json");

    /// A shipped card, of a model that says the value itself and errs as Laplace's distribution does, by the exponential of its second
    /// output on average.
    fn card(text: &str) -> ModelCard {
        let mut card: ModelCard = serde_json::from_str(text).expect("a shipped card is sound");
        let [low, high] = card.metric.range;
        // Beyond so many mean errors to either side lies a twentieth.
        let bin = IntervalBin { max_log_scale: f32::MAX, below: LN_10, above: LN_10, errors: None };
        let curve = vec![[low, low], [high, high]];
        card.calibration = Calibration::new(0.9, 1000, [low, high], curve, vec![bin]).expect("it is sound");
        card
    }

    fn sample(group: usize, truth: f32, said: f32, error: f32) -> Sample {
        Sample {
            file: String::new(),
            category: String::new(),
            group: group.to_string(),
            truth,
            output: RawOutput { raw: said, log_scale: error.ln() },
            baseline: None,
        }
    }

    /// Tilts up to 30 degrees, half of them up to 10, by a model that errs as its card says.
    fn tilts(count: usize) -> Vec<Sample> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let one = |group: usize| {
            let most = if rng.random_bool(0.5) { 10.0f32 } else { 30.0 };
            let (truth, error) = (rng.random_range(-most..=most), rng.random_range(0.5..=3.0f32));
            let off = -error * rng.random_range(f32::EPSILON..1.0).ln();
            sample(group, truth, if rng.random_bool(0.5) { truth + off } else { truth - off }, error)
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_model_that_errs_as_its_card_says_is_right_as_often_as_stated_however_the_samples_are_spread() {
        let band = Profiles::built_in().find("default").expect("it is built in").bands["rotation"];
        let found = under(&card(TILT), &tilts(12_000), [-30.0, 30.0], band, "default".to_owned());
        // Counted one by one the samples would have the fault more often than stated, by .2 on average.
        assert!(found.share_beyond > 2.0 * f64::from(band.expected_share), "{}", found.share_beyond);
        assert_eq!(found.tenths.len(), 10);
        let off = found.tenths.iter().map(|tenth| (tenth.stated - tenth.observed).abs()).sum::<f64>() / 10.0;
        assert!(off < 0.06, "{found:?}");
        let holds = |tenth: &&Tenth| (tenth.interval[0]..=tenth.interval[1]).contains(&tenth.stated);
        assert!(found.tenths.iter().filter(holds).count() >= 7, "{found:?}");
        assert!(found.tenths.iter().all(|tenth| tenth.interval[1] - tenth.interval[0] < 0.25), "{found:?}");
    }

    #[test]
    fn every_built_in_profile_is_there_once_and_no_thresholds_twice() {
        let profiles = Profiles::built_in();
        for text in [TILT, BRIGHTNESS, include_str!("../../models/blur.json")] {
            let card = card(text);
            let [low, high] = card.metric.range;
            let found = reliability(&card, &[], [low, high], &profiles);
            let names: Vec<&String> = found.iter().flat_map(|under| &under.profiles).collect();
            let count = |profile: &Profile| names.iter().filter(|name| profile.name == name.as_str()).count();
            assert!(profiles.iter().all(|profile| count(profile) == 1), "{names:?}");
            let is_first = |at: usize| found[..at].iter().all(|other| other.band != found[at].band);
            assert!((0..found.len()).all(is_first), "{found:?}");
        }
        // What lies beyond a threshold was not evaluated.
        assert!(reliability(&card(TILT), &[], [-3.0, 3.0], &profiles).is_empty());
    }

    #[test]
    fn photos_of_one_group_are_one_trial() {
        let mut samples = tilts(2000);
        let [apart, together] = [false, true].map(|together| {
            for sample in samples.iter_mut().filter(|_| together) {
                sample.group = "one house".to_owned();
            }
            let found = reliability(&card(TILT), &samples, [-30.0, 30.0], &Profiles::built_in());
            let [low, high] = found[0].tenths[0].interval;
            high - low
        });
        assert!(apart < 0.1 && together > 0.7, "{apart} {together}");
    }

    #[test]
    fn a_photo_that_is_too_dark_is_not_too_bright_but_a_tilt_is_a_tilt() {
        let first = |text: &str, truth: f32, said: f32, evaluated: [f32; 2]| {
            let samples = [sample(0, truth, said, evaluated[1] / 300.0)];
            let found = reliability(&card(text), &samples, evaluated, &Profiles::built_in());
            let tenth = &found[0].tenths[0];
            assert!(found[0].tenths.len() == 1 && tenth.stated > 0.9, "{found:?}");
            tenth.observed
        };
        assert!((first(BRIGHTNESS, 0.4, 0.4, [-0.45, 0.45]) - 1.0).abs() < 1e-9);
        assert!(first(BRIGHTNESS, -0.4, 0.4, [-0.45, 0.45]).abs() < 1e-9);
        assert!((first(TILT, -20.0, 20.0, [-30.0, 30.0]) - 1.0).abs() < 1e-9);
    }
}

//! How far two samples of one number lie apart.
//!
//! The population stability index (PSI; Siddiqi, "Credit risk scorecards", 2006) over ten bins that hold a tenth of the old values each
//! (fewer where values repeat): with `o` and `n` the shares of old and new values in a bin, the sum of `(n - o) ln(n / o)`. Below 0.1
//! nothing happened, from 0.25 on it is another population. Two samples of one population have an index of about
//! `(bins - 1) (1/old + 1/new)`, spread like chi-squared (Yurdakul, "Statistical properties of population stability index", 2018):
//! below its 95 % quantile it is chance, whatever it is. Of so few values that chance alone makes an index of another population, nothing
//! is said but that they are too few. Beside it the largest distance between the two cumulative shares, with the
//! probability that chance alone makes it as large (Kolmogorov, 1933; Smirnov, 1939).

use serde::Serialize;

/// Bins of the index.
const BINS: usize = 10;
/// The index from which on something moved, and from which on it is another population.
const MOVED: f64 = 0.1;
const OTHER: f64 = 0.25;
/// Bars of a histogram.
const BARS: usize = 24;
/// Share of values that a histogram leaves out at either end.
const OUTER: f64 = 0.005;

/// What the index says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Values are so few that another population may pass for chance.
    TooFew,
    /// Nothing but chance.
    Same,
    /// It moved.
    Moved,
    /// It is another population.
    Other,
}

/// How far new shares are from old ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stability {
    /// The population stability index.
    pub index: f64,
    /// What it says.
    pub level: Level,
    /// So many old and so many new values are enough to tell another population from chance.
    pub enough: usize,
}

impl Stability {
    /// From how many old and new values fall into each bin.
    #[must_use]
    pub(super) fn of(old: &[usize], new: &[usize]) -> Self {
        let total = |counts: &[usize]| counts.iter().sum::<usize>() as f64;
        // An empty bin has no logarithm; half a value stands in it.
        let share = |count: usize, total: f64| (count as f64).max(0.5) / total.max(1.0);
        let (of_old, of_new) = (total(old), total(new));
        let part = |(old, new): (&usize, &usize)| {
            let (old, new) = (share(*old, of_old), share(*new, of_new));
            (new - old) * (new / old).ln()
        };
        let index: f64 = old.iter().zip(new).map(part).sum();
        let freedom = old.len().saturating_sub(1).max(1) as f64;
        // The 95 % quantile of chi-squared (Wilson and Hilferty, 1931).
        let quantile = freedom * (1.0 - 2.0 / (9.0 * freedom) + 1.645 * (2.0 / (9.0 * freedom)).sqrt()).powi(3);
        let chance = quantile * (1.0 / of_old.max(1.0) + 1.0 / of_new.max(1.0));
        let level = match index {
            index if index < chance && chance > OTHER => Level::TooFew,
            index if index < MOVED.max(chance) => Level::Same,
            index if index < OTHER => Level::Moved,
            _ => Level::Other,
        };
        Self { index, level, enough: (2.0 * quantile / OTHER).ceil() as usize }
    }
}

/// Two samples of one number, compared.
#[derive(Clone, Debug, Serialize)]
pub struct Shift {
    /// How far apart they are.
    #[serde(flatten)]
    pub stability: Stability,
    /// The largest distance between their cumulative shares.
    pub distance: f64,
    /// Probability that chance alone makes it as large.
    pub chance: f64,
    /// Median of the old and of the new values.
    pub medians: [f32; 2],
    /// Where the histogram begins and ends.
    pub range: [f32; 2],
    /// Shares of old and of new values in each bar of it.
    pub bars: [Vec<f64>; 2],
}

/// Compares; nothing where a sample is empty.
pub(super) fn shift(mut old: Vec<f32>, mut new: Vec<f32>) -> Option<Shift> {
    for values in [&mut old, &mut new] {
        values.retain(|value| value.is_finite());
        values.sort_unstable_by(f32::total_cmp);
    }
    if old.is_empty() || new.is_empty() {
        return None;
    }
    let edges: Vec<f32> = (1..BINS).map(|tenth| old[tenth * old.len() / BINS]).collect();
    // A value that fills a bin alone has one of its own, so that what lies below it counts, too, as in a check that seldom finds
    // anything. Others have none: nine more bins of a value or two tell nothing, and chance makes a larger index of so many bins.
    let counts = |values: &[f32]| {
        let ends_at = |same: &[f32]| {
            let [below, upto] = below_and_upto(values, same[0]);
            (same.len() > 1).then_some(below).into_iter().chain([upto])
        };
        let ends: Vec<usize> = edges.chunk_by(|one, other| one == other).flat_map(ends_at).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends.iter().copied().chain([values.len()])).map(|(start, end)| end - start).collect::<Vec<usize>>()
    };
    let (of_old, of_new) = (counts(&old), counts(&new));
    let kept: Vec<usize> = (0..of_old.len()).filter(|bin| of_old[*bin] + of_new[*bin] > 0).collect();
    let select = |counts: &[usize]| kept.iter().map(|bin| counts[*bin]).collect::<Vec<usize>>();
    let distance = distance(&old, &new);
    let middle = |values: &[f32]| values[values.len() / 2];
    let outer = |values: &[f32], share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    let range = [outer(&old, OUTER).min(outer(&new, OUTER)), outer(&old, 1.0 - OUTER).max(outer(&new, 1.0 - OUTER))];
    Some(Shift {
        stability: Stability::of(&select(&of_old), &select(&of_new)),
        distance,
        chance: chance(distance, old.len(), new.len()),
        medians: [middle(&old), middle(&new)],
        range,
        bars: [bars(&old, range), bars(&new, range)],
    })
}

fn below_and_upto(values: &[f32], edge: f32) -> [usize; 2] {
    [values.partition_point(|value| *value < edge), values.partition_point(|value| *value <= edge)]
}

fn distance(old: &[f32], new: &[f32]) -> f64 {
    let share = |values: &[f32], upto: f32| values.partition_point(|value| *value <= upto) as f64 / values.len() as f64;
    old.iter().chain(new).map(|value| (share(old, *value) - share(new, *value)).abs()).fold(0.0, f64::max)
}

/// The limiting distribution's tail, with the correction for few values (Stephens, 1970).
fn chance(distance: f64, old: usize, new: usize) -> f64 {
    let size = (old as f64 * new as f64 / (old + new) as f64).sqrt();
    let scaled = (size + 0.12 + 0.11 / size) * distance;
    if scaled < 0.3 {
        return 1.0;
    }
    let term = |at: i32| (-1f64).powi(at - 1) * (-2.0 * f64::from(at * at) * scaled * scaled).exp();
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

fn bars(values: &[f32], [from, to]: [f32; 2]) -> Vec<f64> {
    let mut counts = vec![0.0; BARS];
    let width = (to - from).max(f32::MIN_POSITIVE);
    for value in values {
        let bar = ((value - from) / width * BARS as f32) as usize;
        counts[bar.min(BARS - 1)] += 1.0 / values.len() as f64;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(from: f32, to: f32, count: usize) -> Vec<f32> {
        // Evenly, in an order that is none (Weyl, 1916).
        (0..count).map(|index| from + (to - from) * (index as f32 * 0.618_034).fract()).collect()
    }

    #[test]
    fn a_worked_example() {
        // Half of the old values in each of two bins, a quarter and three quarters of the new ones.
        let found = Stability::of(&[500, 500], &[250, 750]);
        let expected = -0.25 * 0.5f64.ln() + 0.25 * 1.5f64.ln();
        assert!((found.index - expected).abs() < 1e-9, "{found:?}");
        assert_eq!(found.level, Level::Other);
        // R: ks.test of 0.1, 0.2, ... 1 against the same plus 0.5: D = 0.5.
        let tenths = |more: f32| (1..=10).map(|tenth| tenth as f32 / 10.0 + more).collect::<Vec<f32>>();
        let found = shift(tenths(0.0), tenths(0.5)).expect("there are values");
        assert!((found.distance - 0.5).abs() < 1e-6 && (found.chance - 0.12).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn what_moved_is_told_from_what_did_not_and_from_chance() {
        let level = |new: Vec<f32>| shift(spread(0.0, 1.0, 4000), new).expect("there are values").stability.level;
        assert_eq!(level(spread(0.0, 1.0, 3000)), Level::Same);
        assert_eq!(level(spread(0.07, 1.07, 3000)), Level::Moved);
        assert_eq!(level(spread(0.5, 1.5, 3000)), Level::Other);
        // Ten values that fall into five bins only are nothing to alarm anybody, nor to reassure.
        assert_eq!(level(spread(0.0, 0.5, 10)), Level::TooFew);
        assert!(shift(vec![], vec![1.0]).is_none());
    }

    #[test]
    fn of_values_that_hardly_repeat_there_are_ten_bins() {
        let moved = shift(spread(0.0, 1.0, 250), spread(0.08, 1.08, 250)).expect("there are values").stability;
        // Chance makes an index of up to .135 of so many in ten bins; .192 is more.
        assert_eq!(
            (moved.enough, moved.level),
            (Stability::of(&[1; BINS], &[1; BINS]).enough, Level::Moved),
            "{moved:?}"
        );
    }

    #[test]
    fn so_many_as_are_said_to_be_enough_are_just_enough() {
        let found = |count: usize| Stability::of(&[count, 0, 0], &[count, 0, 0]);
        let enough = found(1).enough;
        assert_eq!((found(enough - 1).level, found(enough).level), (Level::TooFew, Level::Same), "{enough}");
        // Two bins: the 95 % quantile of chi-squared with one degree is 3.841.
        let of_two = Stability::of(&[1, 1], &[1, 1]).enough as f64;
        assert!((of_two - 2.0 * 3.841 / 0.25).abs() <= 1.0, "{of_two}");
        // An index that chance does not reach tells, however few they are.
        assert_eq!(Stability::of(&[20, 0], &[0, 20]).level, Level::Other);
    }

    #[test]
    fn a_check_that_seldom_finds_anything_is_compared_by_how_often() {
        let seldom = |often: usize| (0..1000).map(|index| if index % often == 0 { 0.5 } else { 0.0 }).collect();
        let level = |new: Vec<f32>| shift(seldom(100), new).expect("there are values").stability.level;
        assert_eq!(level(seldom(90)), Level::Same);
        assert_eq!(level(seldom(3)), Level::Other);
    }
}

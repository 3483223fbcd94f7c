//! How often something happened, and within what its true share lies.

use std::fmt;

use serde::Serialize;

/// Confidence with which the true share lies within the interval.
const CONFIDENCE: f64 = 0.95;

/// A share that was counted, with the interval of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case
/// of the binomial", 1934), which holds the true share in at least 95 of 100 cases, however few were counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// How often it happened.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// The share; zero of none.
    pub share: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// `count` of `of`.
    #[must_use]
    pub fn new(count: usize, of: usize) -> Self {
        let tail = (1.0 - CONFIDENCE) / 2.0;
        // The share at which so many, or fewer, are so improbable; the probability falls as the share grows.
        let high = if count >= of { 1.0 } else { share_where(|share| at_most(count, of, share) > tail) };
        let low = if count == 0 { 0.0 } else { share_where(|share| at_most(count - 1, of, share) > 1.0 - tail) };
        Self { count, of, share: count as f64 / of.max(1) as f64, low, high }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [share, low, high] = [self.share, self.low, self.high].map(|share| 100.0 * share);
        write!(f, "{share:5.1} % of {} ({low:.1} to {high:.1} %)", self.of)
    }
}

/// The largest share for which a condition holds that holds for all smaller ones.
fn share_where(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

/// Probability that something of this share happens at most `count` times of `of`. In logarithms: of a million, each term alone is too
/// small for a number.
fn at_most(count: usize, of: usize, share: f64) -> f64 {
    let odds = (share / (1.0 - share)).ln();
    let mut term = of as f64 * (-share).ln_1p();
    let mut terms = vec![term];
    for happened in 0..count {
        term += ((of - happened) as f64 / (happened + 1) as f64).ln() + odds;
        terms.push(term);
    }
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest.exp() * terms.iter().map(|term| (term - largest).exp()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        // R: binom.test(x, n)$conf.int.
        for (count, of, low, high) in [
            (0, 10, 0.0, 0.30850),
            (1, 20, 0.00127, 0.24873),
            (5, 100, 0.01643, 0.11283),
            (10, 10, 0.69150, 1.0),
            (500, 1000, 0.46855, 0.53145),
        ] {
            let rate = Rate::new(count, of);
            assert!((rate.low - low).abs() < 1e-4 && (rate.high - high).abs() < 1e-4, "{rate:?}");
        }
    }

    #[test]
    fn a_million_is_not_too_many_and_none_not_too_few() {
        let rate = Rate::new(10_000, 1_000_000);
        assert!(rate.low > 0.0097 && rate.high < 0.0103, "{rate:?}");
        assert_eq!(Rate::new(0, 0), Rate { count: 0, of: 0, share: 0.0, low: 0.0, high: 1.0 });
    }
}

//! `review_at` and `fail_at` with a guarantee: conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal risk
//! control", 2022).
//!
//! A photo's suspicion is the probability of its likeliest fault. It fails from `fail_at` on: of `n` accepted photos `k` would be
//! refused, fewer the larger `fail_at` is. The smallest `fail_at` with
//!
//! ```text
//! (k + 1) / (n + 1) <= most
//! ```
//!
//! refuses the next accepted photo with a probability of at most `most`, whatever the suspicions' distribution, as long as that photo
//! is drawn as the `n` were (they are exchangeable). The 1 in it stands for the next photo, of which nothing is known: without, one
//! would promise what holds for the photos at hand only. The same goes, from the other side, for `review_at` and rejected photos.
//! Of fewer than `1/most - 1` photos not even `k = 0` is enough.

use super::Suspicion;

/// The least probability that answers give, and the least step between two.
pub(super) const STEP: f32 = 0.001;

/// Numbers of a profile that keep both promises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Controlled {
    pub(super) review_at: f32,
    pub(super) fail_at: f32,
}

/// A promise that no number keeps: at best so large a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unkept {
    pub(super) best: f64,
}

/// How many decisions a promise needs.
pub(super) fn needed(most: f64) -> usize {
    // Less a little, so that 1 / 0.01 - 1 is 99.
    (1.0 / most - 1.0 - 1e-9).ceil().max(1.0) as usize
}

/// How many of `n` may go wrong.
fn allowed(n: usize, most: f64) -> Option<usize> {
    ((most * (n + 1) as f64 + 1e-9).floor() as usize).checked_sub(1)
}

/// The smallest `fail_at` at which at most the share `most` of accepted photos fail.
pub(super) fn fail_at(accepted: &[Suspicion], most: f64) -> Result<f32, Unkept> {
    let mut suspicions: Vec<f32> = accepted.iter().map(|suspicion| suspicion.fail).collect();
    suspicions.sort_by(|one, other| other.total_cmp(one));
    let limit = 1.0 - STEP;
    let certain = suspicions.iter().filter(|suspicion| **suspicion >= limit).count();
    let best = Unkept { best: (certain + 1) as f64 / (suspicions.len() + 1) as f64 };
    let allowed = allowed(suspicions.len(), most).ok_or(best)?;
    // The first that must not fail; above it by the step in which probabilities are given.
    let fail_at = suspicions.get(allowed).map_or(0.0, |suspicion| thousandth(suspicion + STEP));
    if fail_at <= limit { Ok(fail_at.max(STEP)) } else { Err(best) }
}

/// The largest `review_at` at which at most the share `most` of rejected photos pass.
pub(super) fn review_at(rejected: &[Suspicion], most: f64) -> Result<f32, Unkept> {
    let mut suspicions: Vec<f32> = rejected.iter().map(|suspicion| suspicion.review).collect();
    suspicions.sort_by(f32::total_cmp);
    let spotless = suspicions.iter().filter(|suspicion| **suspicion < STEP).count();
    let best = Unkept { best: (spotless + 1) as f64 / (suspicions.len() + 1) as f64 };
    let allowed = allowed(suspicions.len(), most).ok_or(best)?;
    // A photo passes below `review_at`: the first that must not pass is not below it.
    let review_at = suspicions.get(allowed).copied().unwrap_or(1.0 - STEP).min(1.0 - STEP);
    if review_at >= STEP { Ok(review_at) } else { Err(best) }
}

/// Both. Where they cross, nothing needs to be looked at: a number between them keeps both promises, as either only gets better
/// towards the other.
pub(super) fn both(review_at: f32, fail_at: f32) -> Controlled {
    if review_at <= fail_at {
        return Controlled { review_at, fail_at };
    }
    let between = thousandth(f32::midpoint(review_at, fail_at));
    Controlled { review_at: between, fail_at: between }
}

fn thousandth(probability: f32) -> f32 {
    (probability / STEP).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspicions(of: impl IntoIterator<Item = f32>) -> Vec<Suspicion> {
        of.into_iter().map(|suspicion| Suspicion { review: suspicion, fail: suspicion }).collect()
    }

    /// Numbers from 0 to 1, the same on every machine (Lehmer, 1951, with the factor of Park and Miller, 1988).
    struct Draws(u64);

    impl Draws {
        fn next(&mut self) -> f32 {
            self.0 = self.0 * 48_271 % 0x7fff_ffff;
            self.0 as f32 / 0x7fff_ffff as f32
        }

        /// Suspicions of accepted photos: P(S > s) = (1 - s)^4; of rejected ones: P(S < s) = s^4.
        fn decided(&mut self, count: usize) -> [Vec<Suspicion>; 2] {
            let accepted: Vec<f32> = (0..count).map(|_| 1.0 - self.next().powf(0.25)).collect();
            let rejected: Vec<f32> = (0..count).map(|_| self.next().powf(0.25)).collect();
            [accepted, rejected].map(suspicions)
        }
    }

    /// The promise is one on average over draws. With as many photos as here, one that ignored the next photo (`k / n`) would break it.
    #[test]
    fn over_200_draws_both_promises_are_kept_and_hardly_more_than_kept() {
        for (count, most) in [(150, 0.01), (99, 0.01), (230, 0.05), (30, 0.05)] {
            let mut draws = Draws(20_261_128);
            let (mut refused, mut passed) = (0.0, 0.0);
            for _ in 0..200 {
                let [accepted, rejected] = draws.decided(count);
                let fail_at = fail_at(&accepted, most).expect("there are enough");
                let review_at = review_at(&rejected, most).expect("there are enough");
                refused += (1.0 - f64::from(fail_at)).powi(4) / 200.0;
                passed += f64::from(review_at).powi(4) / 200.0;
                let Controlled { review_at: lower, fail_at: upper } = both(review_at, fail_at);
                assert!(lower <= review_at && upper >= fail_at && lower <= upper);
            }
            // Three standard errors of a share whose draws spread like Beta(k + 1, n - k).
            let spread = 3.0 * most / ((most * (count + 1) as f64).floor() * 200.0).sqrt();
            for share in [refused, passed] {
                assert!(share <= most + spread, "{count} of {most}: {share}");
                assert!(share >= 0.3 * most, "{count} of {most}: {share}");
            }
        }
    }

    #[test]
    fn too_few_decisions_promise_nothing() {
        assert_eq!((needed(0.01), needed(0.05), needed(0.5)), (99, 19, 1));
        let [accepted, rejected] = Draws(7).decided(98);
        assert!(fail_at(&accepted, 0.01).is_err() && fail_at(&accepted, 0.02).is_ok());
        assert!(review_at(&rejected, 0.01).is_err() && review_at(&rejected, 0.02).is_ok());
    }

    #[test]
    fn what_no_number_tells_apart_is_not_promised() {
        // Three of 99 accepted photos are damaged for certain, three of 99 rejected ones show no fault.
        let clear = |odd: f32, other: f32| suspicions((0..99).map(|index| if index < 3 { odd } else { other }));
        assert_eq!(fail_at(&clear(1.0, 0.1), 0.01), Err(Unkept { best: 0.04 }));
        assert_eq!(fail_at(&clear(1.0, 0.1), 0.05), Ok(0.101));
        assert_eq!(review_at(&clear(0.0, 0.9), 0.01), Err(Unkept { best: 0.04 }));
        assert_eq!(review_at(&clear(0.0, 0.9), 0.05), Ok(0.9));
        // What is told apart without doubt needs nobody to look at it.
        assert_eq!(both(0.9, 0.1), Controlled { review_at: 0.5, fail_at: 0.5 });
    }
}

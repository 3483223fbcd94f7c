//! How strongly a head is held back, and what is known of it before it is served: by cross-validation, whole groups at a time.

use std::collections::{BTreeMap, BTreeSet};

use clearshot_core::digest::sha256_hex;
use nalgebra::DMatrix;
use rayon::prelude::*;

use super::softmax::{Linear, Problem, likeliest, log_loss};
use crate::temperature::{self, Ranked};

/// Parts into which groups are dealt.
const FOLDS: usize = 5;
/// Strengths of the penalty that are tried.
const STRENGTHS: [f64; 7] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

/// Features of labelled photos.
#[derive(Clone)]
pub(super) struct Sample<'a> {
    /// `[photos, features]`.
    pub(super) features: DMatrix<f64>,
    /// Place of each photo's label among the labels.
    pub(super) truths: Vec<usize>,
    /// Group of each photo.
    pub(super) groups: Vec<&'a str>,
    /// Number of labels.
    pub(super) labels: usize,
}

/// A head and what belongs to it.
pub(super) struct Chosen {
    /// The head, fitted to all photos.
    pub(super) linear: Linear,
    /// Strength of the penalty.
    pub(super) strength: f64,
    /// What its logits are divided by before the softmax.
    pub(super) temperature: f32,
}

impl Sample<'_> {
    fn part(&self, photos: &[usize]) -> Self {
        Self {
            features: self.features.select_rows(photos),
            truths: photos.iter().map(|photo| self.truths[*photo]).collect(),
            groups: photos.iter().map(|photo| self.groups[*photo]).collect(),
            labels: self.labels,
        }
    }

    /// The photos of each fold. Groups are dealt by their commonest label and the rank of their hash, so that each fold gets its share of
    /// every label, and the same photos always the same folds.
    fn folds(&self) -> Vec<Vec<usize>> {
        let mut groups = BTreeMap::<&str, Vec<usize>>::new();
        for (photo, group) in self.groups.iter().enumerate() {
            groups.entry(group).or_default().push(photo);
        }
        let commonest = |photos: &[usize]| {
            let count = |label: usize| photos.iter().filter(|photo| self.truths[**photo] == label).count();
            (0..self.labels).max_by_key(|label| count(*label)).unwrap_or_default()
        };
        let mut dealt: Vec<_> = groups
            .into_iter()
            .map(|(group, photos)| (commonest(&photos), sha256_hex(group.as_bytes()), photos))
            .collect();
        dealt.sort();
        let mut folds = vec![Vec::new(); FOLDS.min(dealt.len())];
        let count = folds.len().max(1);
        for (place, (_, _, photos)) in dealt.into_iter().enumerate() {
            folds[place % count].extend(photos);
        }
        folds
    }

    /// Logits `[photos, labels]` by heads that had not seen the photo's group, for each strength.
    fn held_out(&self) -> Vec<DMatrix<f64>> {
        let mut logits = vec![DMatrix::zeros(self.truths.len(), self.labels); STRENGTHS.len()];
        for fold in self.folds() {
            let problem = self.without(&fold).problem();
            let there = self.features.select_rows(&fold);
            for (logits, strength) in logits.iter_mut().zip(STRENGTHS) {
                for (row, photo) in problem.fit(strength).logits(&there).row_iter().zip(&fold) {
                    logits.set_row(*photo, &row);
                }
            }
        }
        logits
    }

    fn without(&self, fold: &[usize]) -> Self {
        let out: BTreeSet<usize> = fold.iter().copied().collect();
        self.part(&(0..self.truths.len()).filter(|photo| !out.contains(photo)).collect::<Vec<_>>())
    }

    fn problem(&self) -> Problem {
        Problem::new(&self.features, &self.truths, self.labels)
    }

    /// Fits a head; strength of the penalty and temperature are those that suit photos of groups it had not seen.
    ///
    /// # Panics
    /// Never: there are strengths.
    #[must_use]
    pub(super) fn choose(&self) -> Chosen {
        let tried = STRENGTHS.into_iter().zip(self.held_out());
        let tried = tried.map(|(strength, logits)| (log_loss(&logits, &self.truths), strength, logits));
        let (_, strength, logits) = tried.min_by(|one, other| one.0.total_cmp(&other.0)).expect("there are strengths");
        let rows: Vec<Vec<f32>> =
            logits.row_iter().map(|row| row.iter().map(|logit| *logit as f32).collect()).collect();
        let ranked = rows.iter().zip(&self.truths);
        let ranked: Vec<_> = ranked.map(|(logits, right)| Ranked { logits, right: *right, weight: 1.0 }).collect();
        let temperature = temperature::fit(&ranked, 1.0 / (self.truths.len() as f64 + 2.0));
        Chosen { linear: self.problem().fit(strength), strength, temperature }
    }

    /// Share of photos that get their label from a head that was chosen without the photo's group, its strength included.
    #[must_use]
    pub(super) fn accuracy(&self) -> f64 {
        let right = |fold: Vec<usize>| self.part(&fold).right(&self.without(&fold).choose().linear);
        self.folds().into_par_iter().map(right).sum::<usize>() as f64 / self.truths.len() as f64
    }

    /// Share of photos that get their label from a head.
    #[must_use]
    pub(super) fn share_right(&self, head: &Linear) -> f64 {
        self.right(head) as f64 / self.truths.len() as f64
    }

    fn right(&self, head: &Linear) -> usize {
        let said = likeliest(&head.logits(&self.features));
        said.iter().zip(&self.truths).filter(|(said, truth)| said == truth).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Photos of groups; the first feature tells the group and nothing else, the second the label where `telling`.
    fn sample(groups: &[String], telling: bool) -> Sample<'_> {
        let truths: Vec<usize> = (0..groups.len()).map(|photo| photo / 4 % 2).collect();
        let noise = |photo: usize| ((photo * 7919) % 101) as f64 / 101.0;
        let features = DMatrix::from_fn(groups.len(), 2, |photo, feature| match feature {
            0 => ((photo / 4 * 37) % 41) as f64,
            _ => noise(photo) + if telling { truths[photo] as f64 } else { 0.0 },
        });
        Sample { features, truths, groups: groups.iter().map(String::as_str).collect(), labels: 2 }
    }

    fn groups() -> Vec<String> {
        (0..80).map(|photo| format!("house-{}", photo / 4)).collect()
    }

    #[test]
    fn a_group_lies_in_one_fold_and_every_fold_has_every_label() {
        let groups = groups();
        let sample = sample(&groups, true);
        let folds = sample.folds();
        assert_eq!(folds.iter().map(Vec::len).sum::<usize>(), 80);
        let of = |fold: &[usize]| fold.iter().map(|photo| groups[*photo].as_str()).collect::<BTreeSet<_>>();
        for (at, fold) in folds.iter().enumerate() {
            assert!(folds[..at].iter().all(|other| of(other).is_disjoint(&of(fold))));
            for label in 0..2 {
                assert_eq!(fold.iter().filter(|photo| sample.truths[**photo] == label).count(), 8);
            }
        }
    }

    #[test]
    fn what_tells_only_the_group_is_worth_nothing_on_groups_that_are_held_out() {
        let groups = groups();
        let [telling, silent] = [true, false].map(|telling| sample(&groups, telling).accuracy());
        assert!(telling > 0.9 && silent < 0.7, "{telling} {silent}");
        assert!(sample(&groups, true).choose().strength < sample(&groups, false).choose().strength);
    }
}

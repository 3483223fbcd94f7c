//! The ranking loss of the Siamese network, on all pairs of a batch.
//!
//! Each image is scored once and every pair of the batch is compared, within and across photos (RankIQA, Liu et al.,
//! ICCV 2017: n passes instead of n^2 - n). The loss of a pair is that of RankNet (Burges et al., ICML 2005), weighted by
//! the true gap, since magnitudes are known. A regression term fixes the scale, and a Laplace likelihood teaches the
//! second output how large the error of the first is (Kendall and Gal, NeurIPS 2017). Where a photo's degradations are compared
//! with each other alone, as its right-angle copies are, the list is ranked at once (ListNet, Cao et al., ICML 2007).

use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Device, Tensor};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Steepness of the ranking loss: raw outputs run over about +-1.7.
const STEEPNESS: f32 = 4.0;
/// True gap, in units of raw outputs, from which on a pair counts fully.
const FULL_GAP: f32 = 0.5;
const LIKELIHOOD_WEIGHT: f32 = 0.2;
/// Share of certainty that a list's target gives away to all its entries (label smoothing, Szegedy et al., CVPR 2016).
const SMOOTHING: f32 = 0.05;

/// What a pair of outputs in the wrong order costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Ranking {
    /// Logistic: RankNet (Burges et al., ICML 2005).
    Ranknet,
    /// Hinge: zero from a margin on that grows with the true gap (RankIQA, Liu et al., ICCV 2017).
    Margin,
    /// The list of one photo's degradations at once: cross-entropy of a softmax over them with the least degraded, by its
    /// chance to come first (ListNet, Cao et al., ICML 2007). Its outputs have no scale, so that no error is learnt beside.
    Listwise,
    /// Nothing: regression alone.
    None,
}

/// The terms of the loss. The default is what the shipped models are trained with; the others are for ablation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Args)]
pub struct LossSettings {
    /// What a pair of outputs in the wrong order costs.
    #[arg(long, value_enum, default_value_t = Ranking::Ranknet)]
    pub ranking: Ranking,
    /// Let every pair count alike, however close its magnitudes are.
    #[arg(long)]
    pub no_gap_weight: bool,
    /// Compare degradations of one photo only, never those of different photos.
    #[arg(long)]
    pub within_photo: bool,
    /// Weight of the regression term.
    #[arg(long, default_value_t = 2.0)]
    pub regression: f32,
}

impl Default for LossSettings {
    fn default() -> Self {
        Self { ranking: Ranking::Ranknet, no_gap_weight: false, within_photo: false, regression: 2.0 }
    }
}

/// Maps magnitudes to targets of the raw output and back: the range becomes -1.7 to 1.7, about unit variance.
#[derive(Clone, Copy, Debug)]
pub struct TargetScale {
    centre: f32,
    spread: f32,
}

impl TargetScale {
    /// The scale for a range of magnitudes.
    #[must_use]
    pub fn new(range: [f32; 2]) -> Self {
        Self { centre: f32::midpoint(range[0], range[1]), spread: (range[1] - range[0]) / 3.4 }
    }

    /// Target of the raw output for a magnitude.
    #[must_use]
    pub fn target(self, magnitude: f32) -> f32 {
        (magnitude - self.centre) / self.spread
    }

    /// Size of a difference of raw outputs in the magnitude's unit.
    #[must_use]
    pub fn to_units(self, raw_difference: f32) -> f32 {
        raw_difference * self.spread
    }
}

/// Training loss of a batch: `outputs` `[batch, 2]` (raw, log scale), `targets` `[batch, 1]`; `magnitudes` neighbours
/// are of one photo.
#[must_use]
pub fn loss(outputs: &Tensor<2>, targets: &Tensor<2>, magnitudes: usize, settings: LossSettings) -> Tensor<1> {
    let device = outputs.device();
    let column = |index: i64| outputs.clone().select(1, Tensor::from_data([index], &device));
    let (raw, log_scale) = (column(0), column(1));
    if settings.ranking == Ranking::Listwise {
        return list_loss(raw, targets, magnitudes);
    }
    let gap = targets.clone() - targets.clone().transpose();
    let agreement = (raw.clone() - raw.clone().transpose()) * gap.clone().sign();
    let gap = gap.abs();
    let mut weight = if settings.no_gap_weight {
        gap.clone().sign()
    } else {
        let share = gap.clone().div_scalar(FULL_GAP);
        share.clone() - relu(share.add_scalar(-1.0))
    };
    if settings.within_photo {
        weight = weight * same_photo(targets.dims()[0], magnitudes, &device);
    }
    let error = (raw - targets.clone()).abs();
    // Huber with a small knee: close to the absolute error, smooth at zero.
    let knee = 0.05;
    let beyond = relu(error.clone().add_scalar(-knee));
    let within = error.clone() - beyond.clone();
    let regression = (within.clone() * within).div_scalar(2.0 * knee) + beyond;
    let likelihood = error.detach() * (-log_scale.clone()).exp() + log_scale;
    let rest = regression.mean() * settings.regression + likelihood.mean() * LIKELIHOOD_WEIGHT;
    let pair_loss = match settings.ranking {
        Ranking::Ranknet => softplus(-agreement * STEEPNESS),
        Ranking::Margin => relu(gap - agreement),
        Ranking::Listwise | Ranking::None => return rest,
    };
    (pair_loss * weight.clone()).sum() / weight.sum().add_scalar(1e-6) + rest
}

/// The list of each photo: how improbable its least degraded entry is to come first.
fn list_loss(raw: Tensor<2>, targets: &Tensor<2>, magnitudes: usize) -> Tensor<1> {
    let photos = targets.dims()[0] / magnitudes;
    let targets = targets.clone().reshape([photos, magnitudes]);
    let least = targets.clone().min_dim(1);
    // Entries that are degraded no more than the least share its chance.
    let first = (targets - least).sign().neg().add_scalar(1.0);
    let wanted = first.clone() / first.sum_dim(1);
    let wanted = wanted.mul_scalar(1.0 - SMOOTHING).add_scalar(SMOOTHING / magnitudes as f32);
    let chance = log_softmax(raw.reshape([photos, magnitudes]).mul_scalar(-STEEPNESS), 1);
    (wanted * chance).sum_dim(1).neg().mean()
}

/// ln(1 + exp(x)), stable for large |x|.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    relu(x.clone()) + (-x.abs()).exp().add_scalar(1.0).log()
}

/// One where row and column are degradations of the same photo, `[batch, batch]`.
fn same_photo(batch: usize, magnitudes: usize, device: &Device) -> Tensor<2> {
    let same = |index: usize| f32::from(u8::from(index / batch / magnitudes == index % batch / magnitudes));
    let values: Vec<f32> = (0..batch * batch).map(same).collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([batch, batch])
}

/// Outputs of a batch as plain numbers: (raw, log scale) per sample.
///
/// # Errors
/// When the device fails to deliver them.
pub fn to_pairs(outputs: Tensor<2>) -> anyhow::Result<Vec<(f32, f32)>> {
    let values: Vec<f32> = outputs.into_data().try_to_vec().map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(values.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

/// Share of pairs with a true gap whose outputs are in the true order; compared are neighbours of one list of `listed`.
#[must_use]
pub fn pair_accuracy(raw: &[f32], truth: &[f32], listed: usize) -> f32 {
    let (mut right, mut pairs) = (0u32, 0u32);
    for (raw, truth) in raw.chunks(listed).zip(truth.chunks(listed)) {
        for (i, (&raw_i, &truth_i)) in raw.iter().zip(truth).enumerate() {
            for (&raw_j, &truth_j) in raw[..i].iter().zip(truth) {
                if (truth_i - truth_j).abs() > f32::EPSILON {
                    pairs += 1;
                    right += u32::from((raw_i > raw_j) == (truth_i > truth_j));
                }
            }
        }
    }
    if pairs == 0 { 0.0 } else { right as f32 / pairs as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn loss_of(outputs: [[f32; 2]; 3], targets: [f32; 3], settings: LossSettings) -> f32 {
        let device = Device::flex();
        let outputs = Tensor::<2>::from_data(outputs, &device);
        let targets = Tensor::<1>::from_data(targets, &device).reshape([3, 1]);
        loss(&outputs, &targets, 2, settings).into_scalar()
    }

    #[test]
    fn right_order_costs_less_than_wrong_order_and_error_must_be_admitted() {
        let targets = [-1.0, 0.0, 1.0];
        for ranking in [Ranking::Ranknet, Ranking::Margin, Ranking::None] {
            let of = |outputs| loss_of(outputs, targets, LossSettings { ranking, ..LossSettings::default() });
            let right = of([[-1.0, -1.0], [0.0, -1.0], [1.0, -1.0]]);
            let wrong = of([[1.0, -1.0], [0.0, -1.0], [-1.0, -1.0]]);
            let admitted = of([[1.0, 0.5], [0.0, -1.0], [-1.0, 0.5]]);
            assert!(right < admitted && admitted < wrong, "{ranking:?}: {right} {admitted} {wrong}");
        }
    }

    #[test]
    fn a_list_costs_least_where_its_least_degraded_comes_first_whatever_other_lists_say() {
        let device = Device::flex();
        let loss = |raw: [f32; 4]| {
            let outputs = Tensor::<2>::from_data(raw.map(|raw| [raw, 0.0]), &device);
            let targets = Tensor::<2>::from_data([[-1.0f32], [1.0], [1.0], [-1.0]], &device);
            let settings = LossSettings { ranking: Ranking::Listwise, ..LossSettings::default() };
            super::loss(&outputs, &targets, 2, settings).into_scalar::<f32>()
        };
        let right = loss([-1.0, 1.0, 1.0, -1.0]);
        assert!((right - loss([4.0, 6.0, 1.0, -1.0])).abs() < 1e-5);
        let (one_wrong, undecided) = (loss([1.0, -1.0, 1.0, -1.0]), loss([0.0; 4]));
        assert!(right < undecided && undecided < one_wrong, "{right} {undecided} {one_wrong}");
        assert!((undecided - 2f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn within_a_photo_only_its_own_degradations_are_compared() {
        // The first two are of one photo and in order; the third is of another photo and out of order with both.
        let settings = LossSettings { regression: 0.0, ..LossSettings::default() };
        let within = LossSettings { within_photo: true, ..settings };
        let outputs = [[-1.0, 0.0], [1.0, 0.0], [-3.0, 0.0]];
        let [everything, own] = [settings, within].map(|settings| loss_of(outputs, [-1.0, 0.0, 1.0], settings));
        assert!(own + 1.0 < everything, "{own} {everything}");
    }

    #[test]
    fn pair_accuracy_counts_ordered_pairs_only() {
        assert!((pair_accuracy(&[0.1, 0.2, 0.0], &[1.0, 2.0, 2.0], 3) - 0.5).abs() < 1e-6);
        assert!(pair_accuracy(&[0.1, 0.2], &[1.0, 1.0], 2).abs() < 1e-6);
        // Two lists, each in order; across them nothing is.
        assert!((pair_accuracy(&[5.0, 6.0, 1.0, 2.0], &[0.0, 1.0, 0.0, 1.0], 2) - 1.0).abs() < 1e-6);
    }
}

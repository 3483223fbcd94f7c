//! Multinomial logistic regression with a quadratic penalty on the weights: a few dozen photos have fewer numbers than features.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn, RowDVector};

/// Steps at the most. Each lowers the loss, so that stopping early costs little.
const MOST_STEPS: usize = 300;
/// Change of a weight below which it stands still.
const STILL: f64 = 1e-5;
/// Features whose spread is below this share of the mean spread tell nothing, and would magnify rounding.
const DEAD: f64 = 1e-3;

/// A linear map from features to logits.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// `[features, labels]`.
    weights: DMatrix<f64>,
    /// `[labels]`.
    biases: RowDVector<f64>,
}

impl Linear {
    /// Logits `[photos, labels]` of features `[photos, features]`.
    #[must_use]
    pub(super) fn logits(&self, features: &DMatrix<f64>) -> DMatrix<f64> {
        let mut logits = features * &self.weights;
        logits.row_iter_mut().for_each(|mut row| row += &self.biases);
        logits
    }

    /// For each label its weights.
    #[must_use]
    pub(super) fn weights(&self) -> Vec<Vec<f32>> {
        self.weights.column_iter().map(|label| label.iter().map(|weight| *weight as f32).collect()).collect()
    }

    /// For each label its bias.
    #[must_use]
    pub(super) fn biases(&self) -> Vec<f32> {
        self.biases.iter().map(|bias| *bias as f32).collect()
    }
}

/// Features of labelled photos, standardised: what a fit of any strength begins with.
pub(super) struct Problem {
    standardised: DMatrix<f64>,
    means: RowDVector<f64>,
    scales: RowDVector<f64>,
    truths: DMatrix<f64>,
}

impl Problem {
    /// `features` is `[photos, features]`, `truths` the place of each photo's label among `labels`.
    #[must_use]
    pub(super) fn new(features: &DMatrix<f64>, truths: &[usize], labels: usize) -> Self {
        let means = features.row_mean();
        let spreads = features.row_variance().map(f64::sqrt);
        let dead = DEAD * spreads.mean();
        let scales = spreads.map(|spread| if spread > dead { 1.0 / spread } else { 0.0 });
        let mut standardised = features.clone();
        for mut row in standardised.row_iter_mut() {
            row -= &means;
            row.component_mul_assign(&scales);
        }
        let truths = DMatrix::from_fn(truths.len(), labels, |photo, label| f64::from(truths[photo] == label));
        Self { standardised, means, scales, truths }
    }

    /// The head with the smallest sum of log losses plus `strength / 2` times its squared weights (not its biases), by steps against a
    /// fixed bound of the curvature (Böhning, 1992), which needs one decomposition and never overshoots.
    #[must_use]
    pub(super) fn fit(&self, strength: f64) -> Linear {
        let features = &self.standardised;
        let curvature =
            features.tr_mul(features) * 0.5 + DMatrix::identity(features.ncols(), features.ncols()) * strength;
        let Some(curvature) = Cholesky::<f64, Dyn>::new(curvature) else { return self.nothing() };
        let mut linear = self.nothing();
        for _ in 0..MOST_STEPS {
            let too_much = softmax(linear.logits(features)) - &self.truths;
            let slope = features.tr_mul(&too_much) + &linear.weights * strength;
            let step = curvature.solve(&slope);
            linear.weights -= &step;
            linear.biases -= too_much.row_mean() * 2.0;
            if step.amax() < STILL {
                break;
            }
        }
        // As a map of features as they come.
        for (mut row, scale) in linear.weights.row_iter_mut().zip(self.scales.iter()) {
            row *= *scale;
        }
        linear.biases -= &self.means * &linear.weights;
        linear
    }

    /// Weights of zero.
    fn nothing(&self) -> Linear {
        let (features, labels) = (self.standardised.ncols(), self.truths.ncols());
        Linear { weights: DMatrix::zeros(features, labels), biases: RowDVector::zeros(labels) }
    }
}

fn softmax(mut logits: DMatrix<f64>) -> DMatrix<f64> {
    for mut row in logits.row_iter_mut() {
        let largest = row.max();
        row.apply(|logit| *logit = (*logit - largest).exp());
        let total = row.sum();
        row /= total;
    }
    logits
}

/// Mean log loss of logits `[photos, labels]`.
#[must_use]
pub(super) fn log_loss(logits: &DMatrix<f64>, truths: &[usize]) -> f64 {
    let probabilities = softmax(logits.clone());
    let losses =
        truths.iter().enumerate().map(|(photo, truth)| -probabilities[(photo, *truth)].max(f64::MIN_POSITIVE).ln());
    DVector::from_iterator(truths.len(), losses).mean()
}

/// Place of the largest logit of each photo.
#[must_use]
pub(super) fn likeliest(logits: &DMatrix<f64>) -> Vec<usize> {
    logits.row_iter().map(|row| row.transpose().argmax().0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three labels around the corners of a triangle, in features of very different scales, and one that never changes.
    fn photos() -> (DMatrix<f64>, Vec<usize>) {
        let noise = |photo: usize, salt: usize| ((photo * 7919 + salt * 104_729) % 997) as f64 / 997.0 - 0.5;
        let truths: Vec<usize> = (0..90).map(|photo| photo % 3).collect();
        let corner = |truth: usize| [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]][truth];
        let features = DMatrix::from_fn(90, 3, |photo, feature| match feature {
            0 => 10.0 * (corner(truths[photo])[0] + 0.9 * noise(photo, 1)),
            1 => 0.1 * (corner(truths[photo])[1] + 0.9 * noise(photo, 2)),
            _ => 5.0,
        });
        (features, truths)
    }

    #[test]
    fn the_slope_of_the_penalised_loss_is_zero_where_the_fit_ends() {
        let (features, truths) = photos();
        let problem = Problem::new(&features, &truths, 3);
        let strength = 2.0;
        let linear = problem.fit(strength);
        let too_much = softmax(linear.logits(&features)) - &problem.truths;
        // The weights as they were before they were rescaled.
        let own = DMatrix::from_fn(3, 3, |feature, label| match problem.scales[feature] {
            0.0 => 0.0,
            scale => linear.weights[(feature, label)] / scale,
        });
        let slope = problem.standardised.tr_mul(&too_much) + own * strength;
        assert!(slope.amax() < 1e-2, "{slope}");
        assert!(too_much.row_sum().amax() < 1e-2, "each label is given as often as it is there");
        let right =
            likeliest(&linear.logits(&features)).iter().zip(&truths).filter(|(said, truth)| said == truth).count();
        assert!(right > 80, "{right} of 90");
    }

    #[test]
    fn a_stronger_penalty_says_less_and_a_feature_that_never_changes_says_nothing() {
        let (features, truths) = photos();
        let problem = Problem::new(&features, &truths, 3);
        let losses = [0.1, 10.0, 1000.0].map(|strength| log_loss(&problem.fit(strength).logits(&features), &truths));
        assert!(losses[0] < losses[1] && losses[1] < losses[2] && losses[2] < 3f64.ln(), "{losses:?}");
        assert!(problem.fit(1.0).weights.row(2).amax() < 1e-12);
    }
}

//! Probabilities from the outputs of a network that ranks: a temperature divides them before the softmax (Guo et al., ICML 2017).

use anyhow::Result;
use clearshot_core::scoring::calibration::{Calibration, IntervalBin};

/// Outputs for one photo, of which one is right.
pub struct Ranked<'a> {
    /// The outputs.
    pub logits: &'a [f32],
    /// Place of the right one.
    pub right: usize,
    /// What the photo counts.
    pub weight: f64,
}

/// The temperature at which the right outputs are most likely. `doubt` is the share of each truth that is given to the other outputs: of
/// a few photos all may be right, and would ask for certainty (Platt, 1999).
#[must_use]
pub fn fit(ranked: &[Ranked], doubt: f64) -> f32 {
    let loss = |temperature: f32| -> f64 {
        let loss = |Ranked { logits, right, weight }: &Ranked| {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = logits.iter().map(|raw| ((raw - largest) / temperature).exp()).sum();
            let surprise = |raw: f32| f64::from(sum.ln() - (raw - largest) / temperature);
            let others = logits.iter().enumerate().filter(|(at, _)| at != right).map(|(_, raw)| surprise(*raw));
            let of_others = others.sum::<f64>() / (logits.len() - 1).max(1) as f64;
            weight * ((1.0 - doubt) * surprise(logits[*right]) + doubt * of_others)
        };
        ranked.iter().map(loss).sum()
    };
    let candidates = (0..=200).map(|step| 0.02 * 1.03f32.powi(step));
    candidates.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0)
}

/// The temperature as a card keeps it: a straight line through zero, from raw outputs to logits.
///
/// # Errors
/// When it is no positive number.
pub fn calibration(temperature: f32, samples: usize) -> Result<Calibration> {
    const LARGEST: f32 = 100.0;
    let curve = vec![[-temperature, -1.0], [temperature, 1.0]];
    let exact = IntervalBin { max_log_scale: f32::MAX, below: 0.0, above: 0.0, errors: None };
    Ok(Calibration::new(0.9, samples, [-LARGEST, LARGEST], curve, vec![exact])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_photos_that_are_all_right_do_not_ask_for_certainty() {
        let stated = |photos: usize| {
            let right = || Ranked { logits: &[1.0, 0.0], right: 0, weight: 1.0 };
            let ranked: Vec<Ranked> = (0..photos).map(|_| right()).collect();
            let temperature = fit(&ranked, 1.0 / (photos as f64 + 2.0));
            1.0 / (1.0 + (-1.0 / temperature).exp())
        };
        // Platt's estimate: (n + 1) of (n + 2).
        for (photos, wanted) in [(4, 5.0 / 6.0), (98, 0.99)] {
            assert!((stated(photos) - wanted).abs() < 0.01, "{photos}: {}", stated(photos));
        }
    }
}

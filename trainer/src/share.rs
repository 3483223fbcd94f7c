//! Within what the true share of something lies that was counted.

/// Wilson's 95 % interval ("Probable inference, the law of succession, and statistical inference", 1927) of a share among so many
/// independent trials; of weighed ones, among as many as they are worth.
#[must_use]
pub(crate) fn wilson(share: f64, trials: f64) -> [f64; 2] {
    const Z: f64 = 1.96;
    let trials = trials.max(1.0);
    let middle = share + Z * Z / (2.0 * trials);
    let reach = Z * (share * (1.0 - share) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
    [-1.0, 1.0].map(|sign| ((middle + sign * reach) / (1.0 + Z * Z / trials)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_that_of_the_tables() {
        let [low, high] = wilson(0.8, 50.0);
        assert!((low - 0.670).abs() < 1e-3 && (high - 0.888).abs() < 1e-3, "{low} {high}");
        let [low, high] = wilson(1.0, 10.0);
        assert!((low - 0.722).abs() < 1e-3 && high > 0.999, "{low} {high}");
    }
}

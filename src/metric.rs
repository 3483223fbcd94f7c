//! The three metrics Clearshot scores: their names, units and ranges (the vocabulary of code, API and docs).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a branch model measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Standard deviation of the equivalent Gaussian blur on the reference view, in pixels.
    Blur,
    /// Shift of HSV value V against a well exposed photo.
    Brightness,
    /// Tilt of the scene in degrees, positive when the scene appears turned clockwise.
    Rotation,
}

impl Metric {
    /// All metrics, in the order in which answers list them.
    pub const ALL: [Metric; 3] = [Metric::Blur, Metric::Brightness, Metric::Rotation];

    /// Lower-case name, used in file names, flags and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Metric::Blur => "blur",
            Metric::Brightness => "brightness",
            Metric::Rotation => "rotation",
        }
    }

    /// Unit of calibrated values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Metric::Blur => "px",
            Metric::Brightness => "V",
            Metric::Rotation => "deg",
        }
    }

    /// Smallest and largest calibrated value that can be reported.
    #[must_use]
    pub fn range(self) -> (f32, f32) {
        match self {
            Metric::Blur => (0.0, 6.0),
            Metric::Brightness => (-0.5, 0.5),
            Metric::Rotation => (-45.0, 45.0),
        }
    }

    /// Bounds of the bins that distributions of values are counted in, ascending over the whole range.
    #[must_use]
    pub fn bin_bounds(self) -> Vec<f64> {
        const BINS: u32 = 20;
        let (low, high) = self.range();
        let width = f64::from(high - low) / f64::from(BINS);
        (0..=BINS).map(|bin| f64::from(low) + width * f64::from(bin)).collect()
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Metric {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == s)
            .ok_or_else(|| format!("unknown metric `{s}`: expected blur, brightness or rotation"))
    }
}

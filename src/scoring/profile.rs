//! What a client accepts: thresholds per metric under a name.

use crate::metric::Metric;

/// Accepted values of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Smallest accepted value; none for a metric that cannot be too low.
    pub low: Option<f32>,
    /// Largest accepted value.
    pub high: f32,
}

/// A named set of thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name, as in the query parameter `profile`.
    pub name: String,
    /// Accepted blur, in pixels.
    pub blur: Band,
    /// Accepted brightness shift, in V.
    pub brightness: Band,
    /// Accepted tilt, in degrees.
    pub rotation: Band,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "default".into(),
            blur: Band { low: None, high: 2.0 },
            brightness: Band { low: Some(-0.25), high: 0.25 },
            rotation: Band { low: Some(-5.0), high: 5.0 },
        }
    }
}

impl Profile {
    /// The accepted values of a metric.
    #[must_use]
    pub fn band(&self, metric: Metric) -> Band {
        match metric {
            Metric::Blur => self.blur,
            Metric::Brightness => self.brightness,
            Metric::Rotation => self.rotation,
        }
    }

    /// The built-in profile of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let default = Self::default();
        (default.name == name).then_some(default)
    }
}

impl Band {
    /// The threshold on the side where `value` lies.
    #[must_use]
    pub fn threshold(&self, value: f32) -> f32 {
        self.low.filter(|_| value < 0.0).unwrap_or(self.high)
    }

    /// How acceptable a value is: 100 at zero, 50 at the threshold, falling like a bell curve.
    #[must_use]
    pub fn quality(&self, value: f32) -> u8 {
        let relative = value / self.threshold(value);
        let quality = 100.0 * (-std::f32::consts::LN_2 * relative * relative).exp();
        quality.round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_100_at_zero_and_50_at_either_threshold() {
        let band = Band { low: Some(-0.2), high: 0.4 };
        assert_eq!([0.0, -0.2, 0.4, 5.0].map(|value| band.quality(value)), [100, 50, 50, 0]);
        assert!(band.quality(-0.1) > band.quality(-0.15));
    }
}

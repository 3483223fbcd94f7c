//! How numbers are rounded for answers.

/// Three decimals, as answers give them; never a negative zero.
#[must_use]
pub fn thousandths(value: f32) -> f32 {
    (value * 1000.0).round() / 1000.0 + 0.0
}

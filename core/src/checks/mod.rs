//! Closed-form measurements of a photo, without a network: each is one file here and one line in [`CHECKS`]. Answers give
//! their values under `checks`, profiles may bound them, result files have a column for each.

use crate::metric::Fault;
use crate::view::ReferenceView;

/// A measurement of the reference view.
pub struct Check {
    /// Name in answers, profiles and result files.
    pub name: &'static str,
    /// What is measured, in a few words for people.
    pub title: &'static str,
    /// Unit; empty for a plain number.
    pub unit: &'static str,
    /// What is wrong with a photo below a profile's lower bound.
    pub low: Option<Fault>,
    /// What is wrong with a photo above a profile's upper bound.
    pub high: Option<Fault>,
    /// Measures a photo.
    pub measure: fn(&ReferenceView) -> f32,
}

/// All checks, in the order in which answers list them.
pub static CHECKS: [Check; 0] = [];

/// The check of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.name == name)
}

//! Closed-form measurements of a photo, without a network: each is one file here and one line in [`CHECKS`]. Answers give
//! their values under `checks`, profiles may bound them, result files have a column for each.

mod damage;
mod frame;

use std::sync::LazyLock;

use crate::area::Area;
use crate::metric::{Fault, Severity};
use crate::view::ReferenceView;

/// What checks look at.
pub struct Evidence<'a> {
    /// The photo, without a frame.
    pub reference: &'a ReferenceView,
    /// Where in the upload it is.
    pub area: Area,
    /// Share of the picture that the file's coded data do not hold.
    pub damage: f32,
}

/// A measurement.
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
    pub measure: fn(&Evidence) -> f32,
}

/// All checks, in the order in which answers list them.
pub static CHECKS: LazyLock<[Check; 2]> = LazyLock::new(|| [damage::check(), frame::check()]);

/// A fault that a check finds.
fn fault(code: &str, severity: Severity, advice: &str) -> Fault {
    let code = code.parse().expect("codes of checks are names: a test reads them all");
    Fault { code, severity, advice: advice.to_owned() }
}

/// The check of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_a_name_of_its_own_and_says_what_is_wrong() {
        for check in CHECKS.iter() {
            assert!(std::ptr::eq(find(check.name).expect("it is listed"), check), "{} is there twice", check.name);
            assert!(check.low.is_some() || check.high.is_some(), "{} judges nothing", check.name);
        }
    }
}

//! What came of a head, as a table for people.

use std::fmt::{self, Display};

use clearshot_core::scoring::card::ModelCard;

use super::RANDOM;
use super::choice::Chosen;

/// What came of it; prints as a table.
pub struct Made {
    /// Card of the model.
    pub card: ModelCard,
    pub(super) counts: String,
    pub(super) commonest: String,
    pub(super) chosen: Chosen,
    pub(super) tested: Option<Tested>,
}

/// Shares of the test photos that get their label.
pub(super) struct Tested {
    pub(super) photos: usize,
    pub(super) groups: usize,
    pub(super) encoder: f64,
    pub(super) random: f64,
    pub(super) commonest: f64,
}

impl Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(labels) = &self.card.labels else { return Ok(()) };
        let percent = |share: f32| format!("{:.1} %", 100.0 * share);
        let tested = |share: fn(&Tested) -> f64| {
            self.tested.as_ref().map_or_else(String::new, |tested| format!(" {} |", percent(share(tested) as f32)))
        };
        let [low, high] = labels.accuracy_interval.map(percent);
        writeln!(f, "{} photos in {} groups: {}", labels.photos, labels.groups, self.counts)?;
        let head = self
            .tested
            .as_ref()
            .map_or_else(String::new, |tested| format!(" {} test photos in {} groups |", tested.photos, tested.groups));
        let line = if self.tested.is_some() { "---|" } else { "" };
        writeln!(f, "\n| head on | right, groups held out |{head}\n|---|---|{line}")?;
        let [own, random] = [labels.accuracy, labels.accuracy_of_random_encoder].map(percent);
        writeln!(f, "| the encoder | {own} ({low} to {high}) |{}", tested(|tested| tested.encoder))?;
        writeln!(
            f,
            "| the same network, random weights (mean of {RANDOM}) | {random} |{}",
            tested(|tested| tested.random)
        )?;
        let commonest = percent(labels.share_of_commonest);
        writeln!(f, "| nothing: always `{}` | {commonest} |{}", self.commonest, tested(|tested| tested.commonest))?;
        write!(f, "\nstrength {}, temperature {:.2}", self.chosen.strength, self.chosen.temperature)
    }
}

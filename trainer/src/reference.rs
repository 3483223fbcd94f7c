//! The distribution of a model's values on good photos, for its card: what a service's own distribution is compared with.

use std::path::Path;

use anyhow::Result;
use clearshot_core::scoring::card::{Reference, VerifiedModel};
use clearshot_core::session::{BranchSession, Runtime};
use clearshot_core::view::ReferenceView;

use crate::calibrate::write_card;
use crate::photos::{Library, Part, progress};

/// Scores the photos of the test part as they are and writes the distribution into the card.
///
/// # Errors
/// When the model cannot be run or its card not be written.
pub fn reference(library: &Library, metric: &str, runtime: &Runtime, models: &Path) -> Result<Reference> {
    let model = VerifiedModel::load(models, metric)?;
    let mut session = BranchSession::of(runtime, &model, 1)?;
    let VerifiedModel { mut card, view, .. } = model;
    let photos = library.part(Part::Test);
    let bar = progress(photos.len() as u64, "scoring good photos");
    let mut values = Vec::with_capacity(photos.len());
    for photo in bar.wrap_iter(photos.iter()) {
        let tensor = view.tensor(&ReferenceView::new(photo.pixels.clone()));
        for output in session.run(&[tensor.as_slice()])? {
            values.push(f64::from(card.calibration.apply(output.scalar()).value));
        }
    }
    let up_to = |bound: f64| values.iter().filter(|value| **value <= bound).count() as f32 / values.len().max(1) as f32;
    let found = Reference { photos: values.len(), shares: card.metric.bin_bounds().into_iter().map(up_to).collect() };
    card.reference = Some(found.clone());
    write_card(models, &card)?;
    Ok(found)
}

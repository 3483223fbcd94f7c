//! Calibration and evaluation of the model that tells the turn. It ranks the four right-angle copies of a photo; what is calibrated is
//! how sure it may be: a temperature divides its outputs before the softmax (Guo et al., ICML 2017).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use clearshot_core::scoring::card::{self, ModelCard, Reading, TurnFigures, VerifiedModel};
use clearshot_core::scoring::orientation::{CERTAIN, Orientation, TURN};
use clearshot_core::scoring::output::{COPIES, Output};
use clearshot_core::session::{BranchSession, Runtime};

use crate::calibrate::{card_of, write_card};
use crate::category;
use crate::generator::Recipe;
use crate::photos::{Library, LibraryPhoto, Part, progress};
use crate::run::Run;
use crate::temperature::{self, Ranked};
use crate::transform::{self, Frame};

/// Upright photos and how upright each of their copies looked.
struct Looked<'a> {
    photo: &'a LibraryPhoto,
    upright: [f32; COPIES],
}

/// Fits the temperature of an exported model on the calibration part and writes its card.
///
/// # Errors
/// When the model has not been exported or cannot be run.
pub fn calibrate(library: &Library, run: &Run, runtime: &Runtime, models: &Path) -> Result<ModelCard> {
    let recipe = Recipe { frame: Frame::Whole, ..run.settings()?.recipe()? };
    let spec = recipe.transformation.spec();
    let path = card::onnx_path(models, TURN);
    let onnx = std::fs::read(&path).with_context(|| format!("cannot read {}: export first", path.display()))?;
    let mut session = BranchSession::new(runtime, TURN, spec.view(), &onnx, 1)?;
    let looked = look(library, &recipe, Part::Calibrate, &mut session)?;
    let calibration = temperature::calibration(fitted(&looked), looked.len())?;
    let card = card_of(library, run, &onnx, Reading::Classes, calibration)?;
    write_card(models, &card)?;
    Ok(card)
}

/// Writes what a calibrated model says of the photos of the test part, upright and turned, into its card; gives a Markdown table.
///
/// # Errors
/// When the model cannot be run or its card not be written.
pub fn evaluate(library: &Library, runtime: &Runtime, models: &Path, seed: u64) -> Result<String> {
    let model = VerifiedModel::load(models, TURN)?;
    ensure!(
        model.card.training.photos_digest == library.digest,
        "the {TURN} model was trained on another set of photos: which of these are held out is unknown"
    );
    let mut session = BranchSession::of(runtime, &model, 1)?;
    let transformation = transform::find(TURN).map_err(anyhow::Error::msg)?;
    let recipe = Recipe { transformation, range: [0.0, 1.0], photos: 1, magnitudes: 1, frame: Frame::Whole, seed };
    let looked = look(library, &recipe, Part::Test, &mut session)?;
    let mut sets: BTreeMap<&str, Vec<&Looked>> = BTreeMap::new();
    for found in &looked {
        sets.entry("all").or_default().push(found);
        sets.entry(&found.photo.category).or_default().push(found);
    }
    let mut card = model.card;
    card.turns = sets.iter().map(|(&set, looked)| (set.to_owned(), figures(&card, looked))).collect();
    write_card(models, &card)?;
    Ok(table(&card.turns)?)
}

fn figures(card: &ModelCard, looked: &[&Looked]) -> TurnFigures {
    let said = |turns: usize| {
        looked.iter().filter_map(move |found| {
            // Turning a photo moves its copies along.
            let copies = std::array::from_fn(|copy| found.upright[(copy + COPIES - turns) % COPIES]);
            Orientation::read(card, &Output::Copies(copies))
        })
    };
    let share = |count: usize, of: usize| count as f32 / of.max(1) as f32;
    let photos = looked.len();
    let found = looked.iter().filter(|found| found.upright[1..].iter().all(|other| *other < found.upright[0])).count();
    let called_turned =
        |least: f32| share(said(0).filter(|said| said.turn != 0 && said.probability >= least).count(), photos);
    let turned: Vec<(u16, Orientation)> =
        (1..COPIES).flat_map(|turns| said(turns).map(move |said| (90 * turns as u16, said))).collect();
    let named = |least: f32| {
        let named = turned.iter().filter(|(turn, said)| said.turn == *turn && said.probability >= least);
        share(named.count(), turned.len())
    };
    let wrongly = turned.iter().filter(|(turn, said)| said.turn != *turn && said.turn != 0).count();
    TurnFigures {
        photos,
        upright_copy_found: share(found, photos),
        upright_called_turned: called_turned(0.0),
        upright_called_turned_for_certain: called_turned(CERTAIN),
        turned_named: named(0.0),
        turned_named_for_certain: named(CERTAIN),
        turned_named_wrongly: share(wrongly, turned.len()),
    }
}

fn table(figures: &BTreeMap<String, TurnFigures>) -> Result<String, std::fmt::Error> {
    let mut table = String::from(
        "| photos of | photos | upright copy found | upright, called turned: at all, over .9 | turned, named: at all, over .9 \
         | turned, named another way |\n|---|---|---|---|---|---|\n",
    );
    let percent = |share: f32| 100.0 * share;
    for (set, found) in figures {
        writeln!(
            table,
            "| {set} | {} | {:.1} % | {:.1}, {:.1} % | {:.1}, {:.1} % | {:.1} % |",
            found.photos,
            percent(found.upright_copy_found),
            percent(found.upright_called_turned),
            percent(found.upright_called_turned_for_certain),
            percent(found.turned_named),
            percent(found.turned_named_for_certain),
            percent(found.turned_named_wrongly)
        )?;
    }
    Ok(table)
}

/// Shows the model the photos of a part as uploads, upright.
fn look<'a>(library: &'a Library, recipe: &Recipe, part: Part, session: &mut BranchSession) -> Result<Vec<Looked<'a>>> {
    let photos = library.part(part);
    let bar = progress(photos.len() as u64, TURN);
    let mut looked = Vec::with_capacity(photos.len());
    for (slot, photo) in photos.into_iter().enumerate() {
        let mut rng = recipe.rng(part, 0, slot);
        let tensor = recipe.sample(&photo.pixels, 0.0, Frame::Whole, &mut rng);
        if let Output::Copies(upright) = session.run(&[tensor.as_slice()])?[0] {
            looked.push(Looked { photo, upright });
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    ensure!(!looked.is_empty(), "the model ranks no copies");
    Ok(looked)
}

/// The temperature at which the upright copies are most likely, categories weighed as in training.
fn fitted(looked: &[Looked]) -> f32 {
    let weights = category::weights(looked.iter().map(|found| found.photo.category.as_str()));
    let ranked = looked.iter().zip(weights);
    let ranked: Vec<_> = ranked.map(|(found, weight)| Ranked { logits: &found.upright, right: 0, weight }).collect();
    temperature::fit(&ranked, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn a_model_that_is_too_sure_gets_a_higher_temperature() {
        let photo = LibraryPhoto {
            file: String::new(),
            category: "car".to_owned(),
            group: String::new(),
            source: String::new(),
            lean: None,
            part: Part::Calibrate,
            pixels: RgbImage::new(1, 1),
        };
        // Always as sure; right in so many of ten.
        let looked = |right: usize| -> Vec<Looked> {
            let upright = |index: usize| if index < right { [1.0, 0.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0, 0.0] };
            (0..10).map(|index| Looked { photo: &photo, upright: upright(index) }).collect()
        };
        let (sure, unsure) = (fitted(&looked(9)), fitted(&looked(6)));
        assert!(sure < unsure, "{sure} {unsure}");
        // The stated probability is the share that is right.
        let stated = (1.0 / unsure).exp() / ((1.0 / unsure).exp() + 3.0);
        assert!((stated - 0.6).abs() < 0.03, "{stated}");
        let calibration = temperature::calibration(unsure, 10).expect("it is sound");
        assert!((calibration.value(0.5) - 0.5 / unsure).abs() < 1e-3);
    }
}

//! A photo's own tilt. Photos that were chosen as upright lean by a degree or so, and that much noise the labels of rotation have. What a
//! model errs by on one photo, over many turns of it and of its mirror image, is the photo's lean: the next model is trained on labels that know it.

use anyhow::{Result, ensure};
use clearshot_core::scoring::card::VerifiedModel;
use clearshot_core::session::{BranchSession, Runtime};
use image::imageops;

use crate::generator::Recipe;
use crate::measure::while_making;
use crate::photos::{Library, LibraryPhoto, Part, TRUSTED_LEAN, progress};
use crate::transform::{self, Frame};

/// Turns of a photo that are looked at, in degrees.
const TURNS: [f32; 6] = [-10.0, -6.0, -2.0, 2.0, 6.0, 10.0];
/// A look agrees with the others up to this many degrees.
const AGREES: f32 = 1.0;
/// Nobody calls a photo upright that leans more, in degrees: then it is the model that errs, which cars' converging lines deceive.
const MOST: f32 = 3.0;
/// Photos of which looks are made at once.
const CHUNK: usize = 32;

/// How much a photo leans.
#[derive(Clone, Copy, Debug)]
pub struct Lean {
    /// Clockwise, in degrees.
    pub degrees: f32,
    /// Share of the looks that agree within a degree.
    pub share: f32,
}

impl Lean {
    /// From what each look says.
    fn of(mut looks: Vec<f32>) -> Self {
        let middle = looks.len() / 2;
        let degrees = *looks.select_nth_unstable_by(middle, f32::total_cmp).1;
        let agree = looks.iter().filter(|look| (*look - degrees).abs() <= AGREES).count();
        let share = if degrees.abs() > MOST { 0.0 } else { agree as f32 / looks.len() as f32 };
        Self { degrees, share }
    }

    /// Whether training shall believe it.
    #[must_use]
    pub fn is_trusted(self) -> bool {
        self.share >= TRUSTED_LEAN
    }
}

/// What was found for a library.
pub struct Levelled {
    /// For each photo of the library whose lean is not known from its manifest, its lean.
    pub leans: Vec<Option<Lean>>,
    /// Photos of the test part whose lean the manifest knows and this trusts itself to tell, their mean difference from what the manifest says, and what
    /// it would be for all of them upright; in degrees.
    pub compared: Compared,
}

/// See [`Levelled`].
pub struct Compared {
    /// Number of photos.
    pub photos: usize,
    /// Mean absolute difference.
    pub difference: f32,
    /// Mean absolute lean.
    pub upright: f32,
}

/// Measures leans by the model of rotation in `models`.
///
/// # Errors
/// When there is no such model or it cannot be run.
pub fn level(library: &Library, runtime: &Runtime, models: &std::path::Path) -> Result<Levelled> {
    let rotation = transform::find("rotation").map_err(anyhow::Error::msg)?;
    let model = VerifiedModel::load(models, rotation.spec().name)?;
    let mut session = BranchSession::of(runtime, &model, 1)?;
    let (magnitudes, most) = (2 * TURNS.len(), TURNS.iter().fold(0.0f32, |most, turn| most.max(turn.abs())));
    let recipe =
        Recipe { transformation: rotation, range: [-most, most], photos: 1, magnitudes, frame: Frame::Whole, seed: 0 };
    // The known ones of the test part tell how good the others are.
    let wanted = |photo: &LibraryPhoto| photo.lean.is_none() || photo.part == Part::Test;
    let looked_at: Vec<usize> = (0..library.photos.len()).filter(|at| wanted(&library.photos[*at])).collect();
    ensure!(!looked_at.is_empty(), "the manifest knows the lean of every photo");
    let mut leans = vec![None; library.photos.len()];
    let bar = progress(looked_at.len() as u64, "levelling");
    let made = |&at: &usize| looks(&recipe, &library.photos[at], at);
    while_making(&looked_at, CHUNK, made, |&at, looks| {
        let mut said = Vec::with_capacity(looks.len());
        for (look, tensor) in looks.iter().enumerate() {
            let found = model.card.calibration.apply(session.run(&[tensor.as_slice()])?[0].scalar()).value;
            let error = found - TURNS[look % TURNS.len()];
            // A mirror image leans the other way.
            said.push(if look < TURNS.len() { error } else { -error });
        }
        leans[at] = Some(Lean::of(said));
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    let known = library
        .photos
        .iter()
        .zip(&leans)
        .filter_map(|(photo, lean)| Some((photo.lean?, lean.filter(|lean| lean.is_trusted())?.degrees)));
    let pairs: Vec<(f32, f32)> = known.collect();
    let mean = |values: &dyn Fn(&(f32, f32)) -> f32| pairs.iter().map(values).sum::<f32>() / pairs.len().max(1) as f32;
    let compared = Compared {
        photos: pairs.len(),
        difference: mean(&|(known, found)| (known - found).abs()),
        upright: mean(&|(known, _)| known.abs()),
    };
    for (photo, lean) in library.photos.iter().zip(&mut leans) {
        *lean = lean.filter(|_| photo.lean.is_none());
    }
    Ok(Levelled { leans, compared })
}

/// The view of each turn, then of each turn of the mirror image.
fn looks(recipe: &Recipe, photo: &LibraryPhoto, at: usize) -> Vec<Vec<f32>> {
    let mirrored = imageops::flip_horizontal(&photo.pixels);
    let mut rng = recipe.rng(photo.part, 0, at);
    let turned = [&photo.pixels, &mirrored].into_iter().flat_map(|pixels| TURNS.map(|turn| (pixels, turn)));
    turned.map(|(pixels, turn)| recipe.sample(pixels, turn, Frame::Whole, &mut rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lean_is_trusted_where_most_looks_agree_and_it_is_small() {
        let agreed = Lean::of(vec![1.2, 1.0, 0.9, 1.4, -6.0, 1.1, 9.0, 1.3]);
        assert!((agreed.degrees - 1.2).abs() < 0.11 && (agreed.share - 0.75).abs() < 1e-6, "{agreed:?}");
        assert!(agreed.is_trusted());
        assert!(!Lean::of(vec![-4.0, 1.0, 3.0, 7.0, -9.0, 0.0]).is_trusted(), "looks that disagree");
        assert!(!Lean::of(vec![9.0; 12]).is_trusted(), "nobody calls that upright");
    }
}

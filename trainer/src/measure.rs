//! Whole photos, degraded by known magnitudes and scored by the exported model through the server's own code: the
//! samples on which calibration is fitted and figures are measured.

use std::collections::BTreeSet;

use anyhow::Result;
use clearshot_core::scoring::calibration::RawOutput;
use clearshot_core::session::BranchSession;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::baseline;
use crate::generator::Recipe;
use crate::photos::{Library, LibraryPhoto, Part, progress};

/// Photos scored in one go, to bound memory.
const CHUNK: usize = 64;

/// One degraded photo and what the model said.
pub struct Sample {
    /// Path of the photo, relative to the library's folder.
    pub file: String,
    /// Category of the photo.
    pub category: String,
    /// Group of the photo: its house or site.
    pub group: String,
    /// True magnitude.
    pub truth: f32,
    /// The model's output.
    pub output: RawOutput,
    /// What the classical rival said, where there is one and it was asked for.
    pub baseline: Option<f32>,
}

/// How to measure.
#[derive(Clone, Copy)]
pub struct MeasurePlan {
    /// Part of the library.
    pub part: Part,
    /// Magnitudes per photo; three times as many for large photos.
    pub per_photo: usize,
    /// Leave out photos of unknown tilt where that of most of their category is known, of a degradation that adds to it.
    pub levelled: bool,
    /// Also run the classical rival, where there is one.
    pub baselines: bool,
}

/// Degrades and scores the photos of a part; the same arguments give the same samples.
///
/// # Errors
/// When the model fails.
pub fn measure(
    library: &Library,
    recipe: &Recipe,
    plan: MeasurePlan,
    session: &mut BranchSession,
) -> Result<Vec<Sample>> {
    let spec = recipe.transformation.spec();
    let rival = baseline::rival(spec.name).filter(|_| plan.baselines);
    let adds_up = recipe.transformation.inherent(1.0) > 0.0;
    let categories =
        if plan.levelled && adds_up { library.levelled_categories(plan.part) } else { BTreeSet::default() };
    let jobs: Vec<(usize, &LibraryPhoto, usize)> = library
        .part(plan.part)
        .into_iter()
        .enumerate()
        .filter(|(_, photo)| photo.lean.is_some() || !categories.contains(photo.category.as_str()))
        .flat_map(|(slot, photo)| {
            // Large photos are measured more often: most uploads are large.
            (0..plan.per_photo * if photo.is_large() { 3 } else { 1 }).map(move |repeat| (slot, photo, repeat))
        })
        .collect();
    let bar = progress(jobs.len() as u64, spec.name);
    let mut samples = Vec::with_capacity(jobs.len());
    let made = |&(slot, photo, repeat): &(usize, &LibraryPhoto, usize)| {
        let mut rng: ChaCha8Rng = recipe.rng(plan.part, repeat, slot);
        let magnitude = recipe.transformation.draw(recipe.range, &mut rng);
        let view = recipe.reference_view(&photo.pixels, magnitude, recipe.frame, &mut rng);
        let rival = rival.map(|rival| (rival.score)(&view));
        (spec.view().tensor(&view), magnitude + recipe.transformation.inherent(photo.tilt()), rival)
    };
    while_making(&jobs, CHUNK, made, |&(_, photo, _), (tensor, truth, baseline)| {
        let output = session.run(&[tensor.as_slice()])?[0].scalar();
        samples.push(Sample {
            file: photo.file.clone(),
            category: photo.category.clone(),
            group: photo.group.clone(),
            truth,
            output,
            baseline,
        });
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(samples)
}

/// Makes something of each job on all cores, chunk by chunk, and `look`s at it in order, at one chunk while the next is made: a network that looks
/// at one photo at a time leaves cores idle.
///
/// # Errors
/// The first one of `look`.
pub(crate) fn while_making<J: Sync, M: Send>(
    jobs: &[J],
    chunk: usize,
    make: impl Fn(&J) -> M + Sync,
    mut look: impl FnMut(&J, M) -> Result<()> + Send,
) -> Result<()> {
    let make_all = |jobs: &[J]| jobs.par_iter().map(&make).collect::<Vec<M>>();
    let mut chunks = jobs.chunks(chunk).peekable();
    let mut made = chunks.peek().map_or_else(Vec::new, |first| make_all(first));
    while let Some(jobs) = chunks.next() {
        let next = chunks.peek().copied().unwrap_or_default();
        let looked_at = std::mem::take(&mut made);
        let look_at_all = || jobs.iter().zip(looked_at).try_for_each(|(job, made)| look(job, made));
        let (looked, ahead) = rayon::join(look_at_all, || make_all(next));
        looked?;
        made = ahead;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_ahead_is_looked_at_once_and_in_order() {
        let jobs: Vec<u32> = (0..10).collect();
        let mut seen = Vec::new();
        let look = |job: &u32, made: u32| {
            seen.push((*job, made));
            Ok(())
        };
        while_making(&jobs, 4, |job| job * job, look).expect("nothing fails");
        assert_eq!(seen, jobs.iter().map(|job| (*job, job * job)).collect::<Vec<_>>());
        while_making(&[], 4, |job: &u32| *job, |_, _| anyhow::bail!("there is no job"))
            .expect("there is nothing to do");
    }

    #[test]
    fn an_error_ends_it() {
        let mut looks = 0;
        let look = |job: &u32, _| {
            looks += 1;
            anyhow::ensure!(*job < 5, "five");
            Ok(())
        };
        assert!(while_making(&(0..10).collect::<Vec<u32>>(), 2, |job| *job, look).is_err());
        assert_eq!(looks, 6);
    }
}

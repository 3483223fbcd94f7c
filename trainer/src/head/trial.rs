//! What a network is worth for labels: a head on its features, and how many photos get their label from it.

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clearshot_core::name::Name;
use clearshot_core::view::View;
use nalgebra::DMatrix;

use super::choice::{Chosen, Sample};
use super::labelled::Labelled;
use crate::model::Branch;
use crate::photos::progress;

/// Photos that go through an encoder at once.
const CHUNK: usize = 16;

/// A head on a network, tried.
pub(super) struct Trial {
    /// The head.
    pub(super) chosen: Chosen,
    /// Share of the labelled photos that get their label with their group held out.
    pub(super) accuracy: f64,
    /// The same share of the test photos; zero where there are none.
    pub(super) tested: f64,
}

impl Trial {
    /// Trains and tries a head on a network.
    pub(super) fn of(network: &Branch, labelled: &Labelled, test: Option<&Labelled>, view: &View) -> Result<Self> {
        let sample = sample_of(labelled, &labelled.names, network, view)?;
        let chosen = sample.choose();
        let tested = match test {
            Some(test) => sample_of(test, &labelled.names, network, view)?.share_right(&chosen.linear),
            None => 0.0,
        };
        Ok(Self { chosen, accuracy: sample.accuracy(), tested })
    }
}

/// What an encoder makes of labelled photos.
fn sample_of<'a>(labelled: &'a Labelled, names: &[Name], network: &Branch, view: &View) -> Result<Sample<'a>> {
    let [channels, height, width] = view.shape;
    let bar = progress(labelled.photos.len() as u64, "features");
    let mut values: Vec<f64> = Vec::new();
    for chunk in labelled.photos.chunks(CHUNK) {
        let pixels: Vec<f32> = chunk.iter().flat_map(|photo| photo.tensor.iter()).copied().collect();
        let input = TensorData::new(pixels, [chunk.len(), channels, height, width]);
        let features = network.features_of(Tensor::from_data(input, &Device::flex())).into_data();
        let features: Vec<f32> = features.try_to_vec().map_err(|error| anyhow::anyhow!("{error:?}"))?;
        values.extend(features.into_iter().map(f64::from));
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    ensure!(values.iter().all(|value| value.is_finite()), "the encoder gives a number that is not finite");
    let place =
        |label: usize| names.iter().position(|name| *name == labelled.names[label]).context("the label is known");
    Ok(Sample {
        features: DMatrix::from_row_iterator(labelled.photos.len(), values.len() / labelled.photos.len(), values),
        truths: labelled.photos.iter().map(|photo| place(photo.label)).collect::<Result<_>>()?,
        groups: labelled.photos.iter().map(|photo| photo.group.as_str()).collect(),
        labels: names.len(),
    })
}

//! Encoder and head as one model, compared with the trainer's own network.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clearshot_core::scoring::card::VerifiedModel;
use clearshot_core::scoring::output::Output;
use clearshot_core::session::{BranchSession, Runtime};
use clearshot_core::view::View;
use onnx_ir::{Message, ModelProto};

use super::labelled::Labelled;
use crate::export::{self, PARITY_TOLERANCE};
use crate::model::LabelNet;

/// Photos on which the exported model is compared with the trainer's.
const COMPARED: usize = 24;

/// A network as ONNX, with a symbolic batch axis.
pub(super) fn to_onnx(network: &LabelNet, view: &View, device: &Device) -> Result<Vec<u8>> {
    without_unused(&export::to_onnx("the head", network, view.shape, device, LabelNet::forward)?)
}

/// The model without the weights of the encoder's own head, which no node reads: ONNX Runtime warns of them at each load.
fn without_unused(onnx: &[u8]) -> Result<Vec<u8>> {
    let mut model = ModelProto::parse_from_bytes(onnx)?;
    if let Some(graph) = model.graph.as_mut() {
        let read: BTreeSet<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
        graph.initializer.retain(|tensor| read.contains(&tensor.name));
    }
    Ok(model.write_to_bytes()?)
}

/// The exported model must say what the trainer's network says.
pub(super) fn compare(
    network: &LabelNet,
    labelled: &Labelled,
    model: &VerifiedModel,
    runtime: &Runtime,
    device: &Device,
) -> Result<()> {
    let mut session = BranchSession::of(runtime, model, 1)?;
    let [channels, height, width] = model.view.shape;
    for photo in labelled.photos.iter().take(COMPARED) {
        let input = TensorData::new(photo.tensor.to_vec(), [1, channels, height, width]);
        let ours = network.forward(Tensor::from_data(input, device)).into_data();
        let ours: Vec<f32> = ours.try_to_vec().map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let theirs = session.run(&[photo.tensor.as_slice()])?;
        let [Output::Logits(theirs)] = &theirs[..] else { bail!("the exported model gives no logits") };
        let differ = |(ours, theirs): (&f32, &f32)| (ours - theirs).abs() > PARITY_TOLERANCE * (1.0 + ours.abs());
        let differ = ours.iter().zip(theirs).any(differ) || ours.len() != theirs.len();
        ensure!(!differ, "{}: the exported model says {theirs:?}, the trainer's {ours:?}", photo.file);
    }
    Ok(())
}

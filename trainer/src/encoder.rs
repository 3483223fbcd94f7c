//! The encoder of a trained branch on its own: features as ONNX, weights as safetensors, and networks that start from
//! them. What a network learnt by ranking one degradation is worth something to other tasks and other photos.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::{Device, Tensor};
use burn_onnx::export::{AxisSpec, InputSpec, OnnxExporter};

use crate::model::Branch;
use crate::run::Run;

/// Fields of the networks that are made for one task: all others belong to the encoder.
const TASK: [&str; 4] = ["head", "tile", "photo", "output"];

fn is_encoder(path: &str, _container: &str) -> bool {
    !path.split('.').any(|part| TASK.contains(&part))
}

/// Writes `<name>-encoder.onnx` (features `[batch, n]` of one training view) and `<name>-encoder.safetensors` (weights)
/// from the best checkpoint of a run.
///
/// # Errors
/// When there is no checkpoint or a file cannot be written.
pub fn export(run: &Run, out: &Path) -> Result<[PathBuf; 2]> {
    let settings = run.settings()?;
    let (name, view) = (&settings.transformation, settings.transformation()?.spec().view());
    let device = Device::flex();
    let branch = run.best(view, &device)?;
    let [channels, height, width] = branch.training_shape(view);
    let sample = |batch: usize| Tensor::<4>::ones([batch, channels, height, width], &device).mul_scalar(0.5);
    let axes = vec![AxisSpec::Dynamic { symbol: "batch".into() }, AxisSpec::Static, AxisSpec::Static, AxisSpec::Static];
    std::fs::create_dir_all(out)?;
    let weights = out.join(format!("{name}-encoder.safetensors"));
    let mut store = SafetensorsStore::from_file(&weights).with_predicate(is_encoder).overwrite(true);
    branch.save_into(&mut store).map_err(|error| anyhow::anyhow!("cannot write {}: {error}", weights.display()))?;
    let model = OnnxExporter::new()
        .export_dynamic(&branch, sample(2), sample(3), &[InputSpec::new(axes)], |branch: &Branch, input| {
            branch.encode(input)
        })
        .map_err(|error| anyhow::anyhow!("the encoder of {name} cannot be exported: {error}"))?;
    let onnx = out.join(format!("{name}-encoder.onnx"));
    std::fs::write(&onnx, model.into_bytes()).with_context(|| format!("cannot write {}", onnx.display()))?;
    Ok([onnx, weights])
}

/// Loads the weights of an encoder, or of a whole network, into a fresh network. Returns how many tensors were found and how many
/// stay fresh.
///
/// # Errors
/// When the file holds anything that is not part of such a network.
pub fn load(branch: &mut Branch, file: &Path) -> Result<(usize, usize)> {
    let mut store = SafetensorsStore::from_file(file).allow_partial(true);
    let result =
        branch.load_from(&mut store).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))?;
    ensure!(
        !result.applied.is_empty() && result.unused.is_empty() && result.errors.is_empty(),
        "{} does not hold weights of this network",
        file.display()
    );
    Ok((result.applied.len(), result.missing.len()))
}

//! The encoder of a trained branch on its own: features as ONNX, weights as safetensors, and networks that start from
//! them. What a network learnt by ranking one degradation is worth something to other tasks and other photos.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;
use clearshot_core::view::View;
use onnx_ir::{Message, ModelProto, TensorProto};
use safetensors::{Dtype, tensor::TensorView};

use crate::export::to_onnx;
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
    std::fs::create_dir_all(out)?;
    let weights = out.join(format!("{name}-encoder.safetensors"));
    let mut store = SafetensorsStore::from_file(&weights).with_predicate(is_encoder).overwrite(true);
    branch.save_into(&mut store).map_err(|error| anyhow::anyhow!("cannot write {}: {error}", weights.display()))?;
    let model =
        to_onnx(&format!("the encoder of {name}"), &branch, branch.training_shape(view), &device, Branch::encode)?;
    let onnx = out.join(format!("{name}-encoder.onnx"));
    std::fs::write(&onnx, model).with_context(|| format!("cannot write {}", onnx.display()))?;
    Ok([onnx, weights])
}

/// Loads the weights of an encoder, or of a whole network, into a fresh network. Returns how many tensors were found and how many
/// stay fresh.
///
/// # Errors
/// When the file holds anything that is not part of such a network.
pub fn load(branch: &mut Branch, file: &Path) -> Result<(usize, usize)> {
    apply(branch, SafetensorsStore::from_file(file), file)
}

/// A network with the weights in a file: safetensors of an encoder or of a whole network, a run's checkpoint (`.bpk`), or a model as it
/// is served (`.onnx`).
///
/// # Errors
/// When the file holds anything else.
pub fn network_of(view: &View, file: &Path, device: &Device) -> Result<Branch> {
    let mut branch = Branch::new(view, device)?;
    match file.extension().and_then(OsStr::to_str) {
        Some("bpk") => return crate::run::load(branch, file),
        Some("onnx") => apply(&mut branch, SafetensorsStore::from_bytes(Some(weights_of_model(file)?)), file)?,
        _ => load(&mut branch, file)?,
    };
    Ok(branch)
}

/// The weights of an exported model, as safetensors.
fn weights_of_model(file: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let no_model = || format!("{} is no model", file.display());
    let graph = ModelProto::parse_from_bytes(&bytes).with_context(no_model)?.graph.unwrap_or_default();
    // The network's own tensors have dotted names (`Turn.stem.conv.weight`); constants of the graph have none.
    let own = graph.initializer.iter().filter(|tensor| tensor.name.contains('.'));
    let tensors: Vec<_> = own.map(tensor_of).collect::<Result<_>>().with_context(no_model)?;
    Ok(safetensors::serialize(tensors, None)?)
}

fn tensor_of(tensor: &TensorProto) -> Result<(String, TensorView<'_>)> {
    let shape = tensor.dims.iter().map(|side| usize::try_from(*side)).collect::<Result<_, _>>()?;
    Ok((tensor.name.clone(), TensorView::new(Dtype::F32, shape, &tensor.raw_data)?))
}

fn apply(branch: &mut Branch, store: SafetensorsStore, file: &Path) -> Result<(usize, usize)> {
    let mut store = store.allow_partial(true);
    let result =
        branch.load_from(&mut store).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))?;
    ensure!(
        !result.applied.is_empty() && result.unused.is_empty() && result.errors.is_empty(),
        "{} does not hold weights of this network",
        file.display()
    );
    Ok((result.applied.len(), result.missing.len()))
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::{Tensor, TensorData};
    use clearshot_core::models::ModelSet;
    use clearshot_core::scoring::orientation::TURN;
    use clearshot_core::scoring::output::Output;
    use clearshot_core::session::{BranchSession, Runtime};

    use super::*;

    /// What a network says of a view tensor as it is served.
    fn said(network: &Branch, view: &View, tensor: &[f32]) -> Vec<f32> {
        let [channels, height, width] = view.shape;
        let input = TensorData::new(tensor.to_vec(), [1, channels, height, width]);
        network.serve(Tensor::from_data(input, &Device::flex())).into_data().try_to_vec().expect("they are f32")
    }

    #[test]
    fn the_network_of_a_shipped_model_says_what_the_model_says_however_its_weights_are_kept() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let (runtime, device) = (Runtime::load(None).expect("it is set up"), Device::flex());
        let folder = tempfile::tempdir().expect("a folder");
        for model in ModelSet::load(&models).expect("models are shipped").models() {
            let (name, view) = (model.card.metric.name.as_str(), model.view);
            let tensor: Vec<f32> = (0..view.len()).map(|at| ((at * 7919) % 251) as f32 / 250.0).collect();
            let network = network_of(view, &models.join(format!("{name}.onnx")), &device).expect("its weights fit");
            let mut session = BranchSession::of(&runtime, model, 1).expect("it loads");
            let theirs = match &session.run(&[&tensor]).expect("it runs")[0] {
                Output::Scalar(output) => vec![output.raw, output.log_scale],
                Output::Copies(upright) => upright.to_vec(),
                Output::Logits(logits) => logits.to_vec(),
            };
            let ours = said(&network, view, &tensor);
            assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-3), "{name}: {ours:?} {theirs:?}");

            let [weights, checkpoint] =
                ["safetensors", "bpk"].map(|ending| folder.path().join(format!("{name}.{ending}")));
            network.save_into(&mut SafetensorsStore::from_file(&weights)).expect("it is written");
            network.save_file(&checkpoint).expect("it is written");
            for file in [weights, checkpoint] {
                let again = network_of(view, &file, &device).expect("its weights fit");
                assert_eq!(said(&again, view, &tensor), ours, "{}", file.display());
            }
        }
        let other = models.join("blur.onnx");
        let view = crate::transform::find(TURN).expect("there is one").spec().view();
        assert!(network_of(view, &other, &device).is_err(), "blur's weights are not turn's");
    }
}

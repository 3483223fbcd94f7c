//! One branch of the Siamese network to ONNX, with a symbolic batch axis, checked against the trainer's own forward.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burn_onnx::export::{AxisSpec, ExportOutput, InputSpec, OnnxExporter};
use clearshot_core::scoring::calibration::RawOutput;
use clearshot_core::scoring::output::Output;
use clearshot_core::session::{BranchSession, Runtime};

use crate::generator::Recipe;
use crate::model::Branch;
use crate::photos::{Library, Part};
use crate::run::Run;
use crate::transform::Frame;

/// Largest absolute difference between ONNX Runtime and the trainer that an export may show.
pub const PARITY_TOLERANCE: f32 = 1e-4;

/// Writes the best checkpoint of a run as `<out>/<transformation>.onnx` after checking it on held-out photos.
///
/// Returns the largest absolute difference found.
///
/// # Errors
/// When there is no checkpoint, an operation cannot be exported, or ONNX Runtime and the trainer disagree.
pub fn export(library: &Library, run: &Run, runtime: &Runtime, out: &Path) -> Result<f32> {
    let settings = run.settings()?;
    let recipe = settings.recipe()?;
    let spec = recipe.transformation.spec();
    let device = Device::flex();
    let (what, traced) = (format!("the {} network", spec.name), run.best(spec.view(), &device)?);
    let onnx = to_onnx(&what, &traced, spec.view().shape, &device, Branch::serve)?;
    // Tracing moves batch normalisation's statistics to the capture device; parity needs a copy of its own.
    let branch = run.best(spec.view(), &device)?;
    let mut session = BranchSession::new(runtime, spec.name, spec.view(), &onnx, 1)?;
    let difference = parity(&branch, &mut session, &recipe, library, &device)?;
    ensure!(
        difference <= PARITY_TOLERANCE,
        "the exported {} model differs from the trainer's by {difference:e}, at most {PARITY_TOLERANCE:e} is allowed",
        spec.name
    );
    std::fs::create_dir_all(out)?;
    let path = out.join(format!("{}.onnx", settings.transformation));
    std::fs::write(&path, &onnx).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(difference)
}

/// A network as ONNX, with a symbolic batch axis: what `forward` makes of inputs `[batch, channels, height, width]`.
pub(crate) fn to_onnx<N: Module, O: ExportOutput>(
    what: &str,
    network: &N,
    [channels, height, width]: [usize; 3],
    device: &Device,
    forward: impl Fn(&N, Tensor<4>) -> O,
) -> Result<Vec<u8>> {
    let sample = |batch: usize| Tensor::<4>::ones([batch, channels, height, width], device).mul_scalar(0.5);
    let axes = vec![AxisSpec::Dynamic { symbol: "batch".into() }, AxisSpec::Static, AxisSpec::Static, AxisSpec::Static];
    let model = OnnxExporter::new()
        .export_dynamic(network, sample(2), sample(3), &[InputSpec::new(axes)], forward)
        .map_err(|error| anyhow::anyhow!("{what} cannot be exported: {error}"))?;
    Ok(model.into_bytes())
}

fn parity(
    branch: &Branch,
    session: &mut BranchSession,
    recipe: &Recipe,
    library: &Library,
    device: &Device,
) -> Result<f32> {
    let spec = recipe.transformation.spec();
    let [channels, height, width] = spec.view().shape;
    let mut largest = 0.0f32;
    for (slot, photo) in library.part(Part::Validate).iter().take(24).enumerate() {
        let mut rng = recipe.rng(Part::Validate, usize::MAX >> 8, slot);
        let magnitude = recipe.transformation.draw(recipe.range, &mut rng);
        let tensor = recipe.sample(&photo.pixels, magnitude, Frame::Whole, &mut rng);
        let input = Tensor::<4>::from_data(TensorData::new(tensor.clone(), [1, channels, height, width]), device);
        let ours: Vec<f32> =
            branch.serve(input).into_data().try_to_vec().map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let theirs = match session.run(&[tensor.as_slice()])?[0] {
            Output::Scalar(RawOutput { raw, log_scale }) => vec![raw, log_scale],
            Output::Copies(upright) => upright.to_vec(),
            Output::Logits(ref logits) => logits.to_vec(),
        };
        ensure!(ours.len() == theirs.len(), "the exported {} model gives another number of outputs", spec.name);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let difference = (ours - theirs).abs();
            ensure!(difference.is_finite(), "the {} network gives a number that is not finite", spec.name);
            largest = largest.max(difference);
        }
    }
    Ok(largest)
}

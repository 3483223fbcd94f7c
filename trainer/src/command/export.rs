//! `clearshot-train export`.

use anyhow::Result;
use clap::Args;
use clearshot_core::session::Runtime;
use clearshot_trainer::encoder;
use clearshot_trainer::export::export;
use clearshot_trainer::photos::Library;
use clearshot_trainer::transform::Transformation;

use crate::cli::{ModelsArgs, PhotosArgs, TransformationArgs, WorkArgs};

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    which: TransformationArgs,
    #[command(flatten)]
    models: ModelsArgs,
    /// Write the encoder alone instead: its features as ONNX and its weights as safetensors, for `train --init-from`.
    #[arg(long)]
    encoder: bool,
}

impl Export {
    pub(crate) fn run(self) -> Result<()> {
        let transformation = self.which.transformation();
        if self.encoder {
            for path in encoder::export(&self.work.run_of(transformation), &self.models.out)? {
                println!("{}", path.display());
            }
            return Ok(());
        }
        export_one(&self.photos.open()?, transformation, &self.work, &self.models.runtime()?, &self.models)
    }
}

/// Exports the best checkpoint of a transformation's run.
pub(crate) fn export_one(
    library: &Library,
    transformation: &dyn Transformation,
    work: &WorkArgs,
    runtime: &Runtime,
    models: &ModelsArgs,
) -> Result<()> {
    let difference = export(library, &work.run_of(transformation), runtime, &models.out)?;
    println!("{}: exported; differs from the trainer by {difference:.1e} at most", transformation.spec().name);
    Ok(())
}

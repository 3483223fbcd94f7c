//! `clearshot-train all`.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use clearshot_core::metric::REQUIRED;
use clearshot_trainer::evaluate::EvaluateOptions;

use super::calibrate::calibrate_one;
use super::evaluate::evaluate_one;
use super::export::export_one;
use super::reference::reference_one;
use super::train::{TrainingArgs, train_one};
use crate::cli::{MeasureArgs, ModelsArgs, Named, PhotosArgs, WorkArgs};

#[derive(Args)]
pub(crate) struct All {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    work: WorkArgs,
    /// Name of a transformation; may be repeated.
    #[arg(long, default_values = REQUIRED)]
    transformation: Vec<Named>,
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    models: ModelsArgs,
    #[command(flatten)]
    measure: MeasureArgs,
}

impl All {
    pub(crate) fn run(self) -> Result<()> {
        let Self { photos, work, transformation: transformations, training, models, measure } = self;
        let (library, runtime) = (Arc::new(photos.open()?), models.runtime()?);
        for Named(transformation) in transformations {
            train_one(&library, transformation, &work, &training)?;
            export_one(&library, transformation, &work, &runtime, &models)?;
            calibrate_one(&library, transformation, &work, &runtime, &models, measure)?;
            let options = EvaluateOptions {
                range: transformation.spec().evaluated,
                per_photo: measure.per_photo,
                baselines: false,
                seed: training.seed,
            };
            evaluate_one(&library, transformation, &runtime, &models, options, None)?;
            reference_one(&library, transformation, &runtime, &models)?;
        }
        Ok(())
    }
}

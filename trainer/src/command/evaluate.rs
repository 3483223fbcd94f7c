//! `clearshot-train evaluate`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clearshot_core::scoring::orientation::TURN;
use clearshot_core::session::Runtime;
use clearshot_trainer::evaluate::{EvaluateOptions, evaluate};
use clearshot_trainer::photos::Library;
use clearshot_trainer::transform::Transformation;
use clearshot_trainer::turn;

use crate::cli::{MeasureArgs, ModelsArgs, PhotosArgs, Range, TransformationArgs};

#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    which: TransformationArgs,
    #[command(flatten)]
    models: ModelsArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Smallest and largest magnitude, in the transformation's unit [default: the transformation's own].
    #[arg(long, allow_hyphen_values = true)]
    range: Option<Range>,
    /// Measure the classical rival beside the model, where there is one: Laplacian variance, mean V, Hough lines.
    #[arg(long)]
    baselines: bool,
    /// Seed of the degradations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write every sample (photo, truth, value, interval, raw output) to this CSV file.
    #[arg(long)]
    save: Option<PathBuf>,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        let transformation = self.which.transformation();
        let options = EvaluateOptions {
            range: self.range.map_or(transformation.spec().evaluated, |range| range.0),
            per_photo: self.measure.per_photo,
            baselines: self.baselines,
            seed: self.seed,
        };
        let (library, runtime) = (self.photos.open()?, self.models.runtime()?);
        evaluate_one(&library, transformation, &runtime, &self.models, options, self.save.as_deref())
    }
}

/// Evaluates the calibrated model of a transformation, prints the figures, and writes the samples to `save`.
pub(crate) fn evaluate_one(
    library: &Library,
    transformation: &'static dyn Transformation,
    runtime: &Runtime,
    models: &ModelsArgs,
    options: EvaluateOptions,
    save: Option<&Path>,
) -> Result<()> {
    if transformation.spec().name == TURN {
        println!("{}", turn::evaluate(library, runtime, &models.out, options.seed)?);
        return Ok(());
    }
    let found = evaluate(library, transformation, runtime, &models.out, options)?;
    println!("{}", found.table);
    save.map_or(Ok(()), |file| found.save(file))
}

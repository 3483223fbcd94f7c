//! `clearshot-train calibrate`.

use anyhow::Result;
use clap::Args;
use clearshot_core::scoring::orientation::TURN;
use clearshot_core::session::Runtime;
use clearshot_trainer::calibrate::calibrate;
use clearshot_trainer::photos::Library;
use clearshot_trainer::transform::Transformation;
use clearshot_trainer::turn;

use crate::cli::{MeasureArgs, ModelsArgs, PhotosArgs, TransformationArgs, WorkArgs};

#[derive(Args)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    which: TransformationArgs,
    #[command(flatten)]
    models: ModelsArgs,
    #[command(flatten)]
    measure: MeasureArgs,
}

impl Calibrate {
    pub(crate) fn run(self) -> Result<()> {
        let (library, runtime) = (self.photos.open()?, self.models.runtime()?);
        calibrate_one(&library, self.which.transformation(), &self.work, &runtime, &self.models, self.measure)
    }
}

/// Calibrates the exported model of a transformation's run.
pub(crate) fn calibrate_one(
    library: &Library,
    transformation: &dyn Transformation,
    work: &WorkArgs,
    runtime: &Runtime,
    models: &ModelsArgs,
    measure: MeasureArgs,
) -> Result<()> {
    if transformation.spec().name == TURN {
        let card = turn::calibrate(library, &work.run_of(transformation), runtime, &models.out)?;
        println!("{}: calibrated on {} photos", card.version, card.calibration.samples());
        return Ok(());
    }
    let card = calibrate(library, &work.run_of(transformation), runtime, &models.out, measure.per_photo)?;
    println!("{}: calibrated on {} samples", card.version, card.calibration.samples());
    Ok(())
}

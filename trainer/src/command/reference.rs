//! `clearshot-train reference`.

use anyhow::Result;
use clap::Args;
use clearshot_core::scoring::orientation::TURN;
use clearshot_core::session::Runtime;
use clearshot_trainer::photos::Library;
use clearshot_trainer::reference::reference;
use clearshot_trainer::transform::Transformation;

use crate::cli::{ModelsArgs, PhotosArgs, SelectionArgs};

#[derive(Args)]
pub(crate) struct Reference {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    models: ModelsArgs,
    #[command(flatten)]
    which: SelectionArgs,
}

impl Reference {
    pub(crate) fn run(self) -> Result<()> {
        let transformations = self.which.or_all_in(&self.models.out)?;
        let (library, runtime) = (self.photos.open()?, self.models.runtime()?);
        transformations.into_iter().try_for_each(|found| reference_one(&library, found, &runtime, &self.models))
    }
}

/// Writes the distribution on good photos into the card of a transformation's model.
pub(crate) fn reference_one(
    library: &Library,
    transformation: &dyn Transformation,
    runtime: &Runtime,
    models: &ModelsArgs,
) -> Result<()> {
    let name = transformation.spec().name;
    if name == TURN {
        println!("{name}: gives no score that has a distribution");
        return Ok(());
    }
    let found = reference(library, name, runtime, &models.out)?;
    println!("{name}: distribution on {} good photos", found.photos);
    Ok(())
}

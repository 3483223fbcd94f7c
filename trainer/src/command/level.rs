//! `clearshot-train level`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clearshot_trainer::level::level;

use crate::cli::{ModelsArgs, PhotosArgs};

#[derive(Args)]
pub(crate) struct Level {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    models: ModelsArgs,
    /// Manifest to write, with what the present one says and the leans that were measured; train with `--manifest` on it.
    #[arg(long)]
    write: PathBuf,
}

impl Level {
    pub(crate) fn run(self) -> Result<()> {
        let (library, runtime) = (self.photos.open()?, self.models.runtime()?);
        let found = level(&library, &runtime, &self.models.out)?;
        let mut table =
            csv::Writer::from_path(&self.write).with_context(|| format!("cannot write {}", self.write.display()))?;
        table.write_record(["file", "source", "category", "group", "lean", "lean_share"])?;
        for (photo, lean) in library.photos.iter().zip(&found.leans) {
            let measured = lean.map(|lean| (lean.degrees, lean.share));
            // What the manifest knew needs no share but one that is believed.
            let lean = photo.lean.map(|known| (known, 1.0)).or(measured);
            let text = |value: Option<f32>| value.map_or_else(String::new, |value| format!("{value:.2}"));
            let (degrees, share) = (text(lean.map(|lean| lean.0)), text(lean.map(|lean| lean.1)));
            table.write_record([&photo.file, &photo.source, &photo.category, &photo.group, &degrees, &share])?;
        }
        table.flush()?;
        let measured = found.leans.iter().flatten().count();
        let trusted = found.leans.iter().flatten().filter(|lean| lean.is_trusted()).count();
        let known = library.photos.iter().filter(|photo| photo.lean.is_some()).count();
        println!("{known} leans were known; of {measured} others {trusted} are told well enough to train on");
        let compared = found.compared;
        if compared.photos > 0 {
            println!(
                "beside {} known ones that no training saw: {:.2} degrees off on average (called upright, {:.2})",
                compared.photos, compared.difference, compared.upright
            );
        }
        Ok(())
    }
}

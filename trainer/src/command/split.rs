//! `clearshot-train split`.

use anyhow::Result;
use clap::Args;

use crate::cli::PhotosArgs;

#[derive(Args)]
pub(crate) struct Split {
    #[command(flatten)]
    photos: PhotosArgs,
}

impl Split {
    pub(crate) fn run(self) -> Result<()> {
        let mut table = csv::Writer::from_writer(std::io::stdout());
        table.write_record(["file", "part", "category", "group", "lean"])?;
        for photo in &self.photos.open()?.photos {
            let part = format!("{:?}", photo.part).to_lowercase();
            let lean = photo.lean.map_or_else(String::new, |lean| lean.to_string());
            table.write_record([&photo.file, &part, &photo.category, &photo.group, &lean])?;
        }
        Ok(table.flush()?)
    }
}

//! `clearshot-train report`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clearshot_trainer::report::{ReportOptions, report};

use crate::cli::{MeasureArgs, ModelsArgs, PhotosArgs, SelectionArgs, WorkArgs};

#[derive(Args)]
pub(crate) struct Report {
    #[command(flatten)]
    photos: PhotosArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    models: ModelsArgs,
    #[command(flatten)]
    which: SelectionArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Where the page goes.
    #[arg(long, default_value = "report.html")]
    report: PathBuf,
    /// Photo that is degraded more and more [default: the largest held-out photo].
    #[arg(long)]
    sweep: Option<PathBuf>,
    /// Leave the held-out photos out, for a page that may be passed on; with --sweep no photo of the folder is shown.
    #[arg(long)]
    without_photos: bool,
}

impl Report {
    pub(crate) fn run(self) -> Result<()> {
        let options = ReportOptions {
            models: &self.models.out,
            work: &self.work.work,
            sweep: self.sweep.as_deref(),
            without_photos: self.without_photos,
            per_photo: self.measure.per_photo,
        };
        let transformations = self.which.or_all_in(&self.models.out)?;
        let page = report(&self.photos.open()?, &transformations, &self.models.runtime()?, &options)?;
        std::fs::write(&self.report, page).with_context(|| format!("cannot write {}", self.report.display()))
    }
}

//! `clearshot-train head`.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use clearshot_core::name::Name;
use clearshot_core::scoring::card;
use clearshot_trainer::head::{HeadOptions, make};

use crate::cli::{ModelsArgs, Named};

#[derive(Args)]
pub(crate) struct Head {
    /// Name of the model: answers have it as a key of `labels`, result files in the names of columns.
    #[arg(long)]
    name: Name,
    /// What it is, in a few words for people [default: the name].
    #[arg(long)]
    title: Option<String>,
    /// CSV with the columns file, label and, if wanted, group; photos of one group are held out together.
    #[arg(long)]
    labels: PathBuf,
    /// Such a file with further photos, to test the finished head on.
    #[arg(long)]
    test: Option<PathBuf>,
    /// Folder below which the files lie.
    #[arg(long)]
    photos: PathBuf,
    /// Weights of the encoder: a folder of models, a model (.onnx), what `export --encoder` wrote (.safetensors), or a run's best.bpk.
    #[arg(long, default_value = "models")]
    encoder: PathBuf,
    /// Which model's encoder.
    #[arg(long, default_value = "turn")]
    transformation: Named,
    #[command(flatten)]
    models: ModelsArgs,
    /// Seed of the random weights that the encoder is compared with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Head {
    pub(crate) fn run(self) -> Result<()> {
        let Self { name, title, labels, test, photos, encoder, transformation: Named(transformation), models, seed } =
            self;
        let encoder = if encoder.is_dir() { card::onnx_path(&encoder, transformation.spec().name) } else { encoder };
        ensure!(encoder.is_file(), "there is no encoder at {}", encoder.display());
        let title = title.unwrap_or_else(|| name.to_string());
        let options = HeadOptions { name, title, labels, test, photos, encoder, transformation, seed };
        let made = make(&options, &models.runtime()?, &models.out)?;
        println!("{made}");
        for path in [card::onnx_path, card::card_path] {
            println!("{}", path(&models.out, made.card.metric.name.as_str()).display());
        }
        Ok(())
    }
}

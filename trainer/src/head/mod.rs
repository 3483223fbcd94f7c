//! A head for labels of an operator's own (a room's type, accepted or rejected) on the frozen encoder of a trained network: a few dozen
//! labelled photos are enough for it, since the encoder has learnt from thousands without labels what photos look like. That is the
//! linear evaluation of self-supervised learning (Chen et al., ICML 2020), and its result is served as a model.

mod choice;
mod export;
mod labelled;
mod made;
mod softmax;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use clearshot_core::digest::sha256_hex;
use clearshot_core::metric::{Fault, Metric, Severity};
use clearshot_core::name::Name;
use clearshot_core::scoring::card::{self, ModelCard, Preprocessing, Reading, Training, VerifiedModel};
use clearshot_core::scoring::label::Labels;
use clearshot_core::session::Runtime;

use self::export::{compare, to_onnx};
use self::labelled::Labelled;
pub use self::made::Made;
use self::made::Tested;
use self::trial::Trial;
use crate::calibrate::write_card;
use crate::encoder;
use crate::model::{Branch, LabelNet};
use crate::share::wilson;
use crate::temperature;
use crate::transform::{self, Transformation};

/// Networks with random weights that the encoder is compared with; one alone may be lucky.
const RANDOM: u64 = 5;

/// What to make.
pub struct HeadOptions {
    /// Name of the model, and of what it says in answers.
    pub name: Name,
    /// What it is, in a few words for people.
    pub title: String,
    /// CSV file with the columns `file`, `label` and, if wanted, `group`.
    pub labels: PathBuf,
    /// Such a file with photos to test the finished head on.
    pub test: Option<PathBuf>,
    /// Folder in which the files lie.
    pub photos: PathBuf,
    /// Weights of the encoder: see [`encoder::network_of`].
    pub encoder: PathBuf,
    /// Whose network it is.
    pub transformation: &'static dyn Transformation,
    /// Seed of the random weights that it is compared with.
    pub seed: u64,
}

/// Trains a head and writes it with its encoder as `<out>/<name>.onnx`, and its card beside it.
///
/// # Errors
/// When labels, photos or encoder cannot be used, there are too few labelled photos, or the exported model differs from the trainer's.
pub fn make(options: &HeadOptions, runtime: &Runtime, out: &Path) -> Result<Made> {
    let metric = metric_of(options)?;
    let (view, device) = (options.transformation.spec().view(), Device::flex());
    let load = || encoder::network_of(view, &options.encoder, &device);
    let trained = load()?;
    let labelled = Labelled::open(&options.labels, &options.photos, view)?;
    labelled.check()?;
    let test = options.test.as_ref().map(|file| Labelled::open(file, &options.photos, view)).transpose()?;
    if let Some(unknown) = test.iter().flat_map(|test| &test.names).find(|name| !labelled.names.contains(name)) {
        bail!("no photo to learn from has the label `{unknown}`, which a test photo has");
    }
    let own = Trial::of(&trained, &labelled, test.as_ref(), view)?;
    let random = |seed: u64| {
        device.seed(options.seed.wrapping_add(seed));
        Trial::of(&Branch::new(view, &device)?, &labelled, test.as_ref(), view)
    };
    let random = (0..RANDOM).map(random).collect::<Result<Vec<_>>>()?;
    let mean = |share: fn(&Trial) -> f64| random.iter().map(share).sum::<f64>() / random.len() as f64;

    let linear = &own.chosen.linear;
    let network = || -> Result<LabelNet> { Ok(LabelNet::new(load()?, &linear.weights(), &linear.biases(), &device)) };
    let onnx = to_onnx(&network()?, view, &device)?;
    let (photos, groups) = (labelled.photos.len(), labelled.groups());
    let labels = Labels {
        names: labelled.names.clone(),
        photos,
        groups,
        accuracy: own.accuracy as f32,
        accuracy_interval: wilson(own.accuracy, groups as f64).map(|end| end as f32),
        accuracy_of_random_encoder: mean(|trial| trial.accuracy) as f32,
        share_of_commonest: labelled.share_of(labelled.commonest()) as f32,
    };
    let training = Training {
        photos,
        groups,
        photos_digest: labelled.digest(),
        magnitudes: metric.range,
        seed: options.seed,
        steps: 0,
        command: options.command(),
    };
    let sha256 = sha256_hex(&onnx);
    let card = ModelCard {
        version: format!("{}-{}", metric.name, &sha256[..8]),
        metric,
        reading: Reading::Labels,
        sha256,
        preprocessing: Preprocessing::of(view),
        second_look: None,
        calibration: temperature::calibration(own.chosen.temperature, photos)?,
        training,
        evaluation: BTreeMap::new(),
        turns: BTreeMap::new(),
        labels: Some(labels),
        reference: None,
        intended_use: format!("{}, told apart on photos like the {photos} that were labelled.", options.title),
    };
    let model = VerifiedModel { card, onnx, view };
    compare(&network()?, &labelled, &model, runtime, &device)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let path = card::onnx_path(out, model.card.metric.name.as_str());
    std::fs::write(&path, &model.onnx).with_context(|| format!("cannot write {}", path.display()))?;
    write_card(out, &model.card)?;
    let tested = test.map(|test| Tested {
        photos: test.photos.len(),
        groups: test.groups(),
        encoder: own.tested,
        random: mean(|trial| trial.tested),
        commonest: test.share_of(labelled.commonest()),
    });
    Ok(Made {
        card: model.card,
        counts: labelled.counts(),
        commonest: labelled.commonest().to_string(),
        chosen: own.chosen,
        tested,
    })
}

/// A metric by name: a model of labels has neither unit nor fault of its own.
fn metric_of(options: &HeadOptions) -> Result<Metric> {
    let name = options.name.clone();
    ensure!(transform::find(name.as_str()).is_err(), "`{name}` is the name of a transformation: choose another");
    let metric = Metric {
        high: Fault { code: name.clone(), severity: Severity::Retake, advice: String::new() },
        name,
        title: options.title.clone(),
        unit: String::new(),
        range: [0.0, 1.0],
        view: options.transformation.spec().view.to_owned(),
        low: None,
    };
    metric.check_name().map_err(anyhow::Error::msg)?;
    Ok(metric)
}

impl HeadOptions {
    /// The command line that gives the same head, but for folders.
    fn command(&self) -> String {
        // The names only: where they lay is nobody else's business.
        let name = |path: &Path| Path::new(path.file_name().unwrap_or_default()).display().to_string();
        format!(
            "clearshot-train head --name {} --labels {} --photos PHOTOS --encoder {} --transformation {} --seed {}",
            self.name,
            name(&self.labels),
            name(&self.encoder),
            self.transformation.spec().name,
            self.seed
        )
    }
}

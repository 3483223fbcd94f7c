//! One self-contained HTML page on the calibrated models of a folder: what each model says of one photo degraded more
//! and more, truth against value, coverage, the learning curve, and the held-out photos in the order of their scores; of the model that
//! tells the turn, what it says of a photo at each right angle, its figures, and the upright photos that it calls turned.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clearshot_core::ingest::{self, Limits};
use clearshot_core::scoring::calibration::Estimate;
use clearshot_core::scoring::card::{ModelCard, VerifiedModel};
use clearshot_core::scoring::orientation::{Orientation, TURN};
use clearshot_core::scoring::output::COPIES;
use clearshot_core::scoring::profile::Profiles;
use clearshot_core::session::{BranchSession, Runtime};
use clearshot_core::thumbnail;
use clearshot_core::view::ReferenceView;
use image::RgbImage;

use crate::chart;
use crate::generator::Recipe;
use crate::measure::{MeasurePlan, Sample, measure};
use crate::photos::{Library, Part};
use crate::reliability::{Reliability, Tenth, reliability};
use crate::run::Run;
use crate::transform::{Frame, Transformation, by_right_angles};

/// Degradations of the photo that is degraded more and more.
const SWEEP: usize = 7;
/// Held-out photos shown in the order of their scores.
const BY_SCORE: usize = 24;
/// Long side of a photo on the page, in pixels.
const THUMBNAIL: u32 = 220;

/// What goes into a report.
pub struct ReportOptions<'a> {
    /// Folder of the calibrated models.
    pub models: &'a Path,
    /// Work folder with the runs' metrics, for the learning curves; models without a run are shown without.
    pub work: &'a Path,
    /// Photo that is degraded more and more; default: the largest held-out photo.
    pub sweep: Option<&'a Path>,
    /// Leave the library's photos out, for a page that is passed on.
    pub without_photos: bool,
    /// Magnitudes per photo; three times as many for large photos.
    pub per_photo: usize,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    sections: Vec<Section>,
}

/// What the page says of one model.
struct Section {
    card: ModelCard,
    samples: usize,
    sweep: Vec<Picture>,
    charts: Vec<String>,
    reliability: Vec<Panel>,
    learning_curve: Option<String>,
    by_score: Vec<Picture>,
}

/// How often faults are there that are stated under some profiles' thresholds.
struct Panel {
    chart: String,
    /// What the chart shows, for whoever does not see it.
    described: String,
    caption: String,
}

/// A photo and what the model says of it.
struct Picture {
    uri: String,
    /// The magnitude by which it was degraded, if it was.
    made: Option<String>,
    value: String,
    interval: String,
}

/// Writes the page on the models of some transformations.
///
/// # Errors
/// When a model is not calibrated on this library or cannot be run, or the sweep's photo cannot be read.
pub fn report(
    library: &Library,
    transformations: &[&'static dyn Transformation],
    runtime: &Runtime,
    options: &ReportOptions,
) -> Result<String> {
    let sweep = match options.sweep {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            ingest::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())?.upright()
        }
        None => {
            let held_out = library.part(Part::Test).into_iter().map(|photo| &photo.pixels);
            held_out.max_by_key(|pixels| pixels.width() * pixels.height()).context("no photo is held out")?.clone()
        }
    };
    let section =
        |&transformation: &&'static dyn Transformation| section(library, runtime, options, transformation, &sweep);
    let sections = transformations.iter().map(section).collect::<Result<_>>()?;
    Ok(Page { sections }.render()?)
}

fn section(
    library: &Library,
    runtime: &Runtime,
    options: &ReportOptions,
    transformation: &'static dyn Transformation,
    sweep: &RgbImage,
) -> Result<Section> {
    let spec = transformation.spec();
    let model = VerifiedModel::load(options.models, spec.name)?;
    let mut session = BranchSession::of(runtime, &model, 1)?;
    let card = model.card;
    ensure!(
        card.training.photos_digest == library.digest,
        "the {} model was trained on another set of photos",
        spec.name
    );
    let curve = Run::new(options.work, spec.name).validations().unwrap_or_default();
    let learning_curve = (!curve.is_empty()).then(|| chart::learning_curve(&curve, spec.unit)).transpose()?;
    let recipe = Recipe {
        transformation,
        range: spec.evaluated,
        photos: 1,
        magnitudes: 1,
        frame: Frame::Whole,
        seed: card.training.seed,
    };
    if spec.name == TURN {
        let sweep = turned_more_and_more(&recipe, &card, &mut session, sweep)?;
        let by_score = if options.without_photos { Vec::new() } else { called_turned(library, &card, &mut session)? };
        let samples = library.part(Part::Test).len();
        let (charts, reliability) = (Vec::new(), Vec::new());
        return Ok(Section { charts, reliability, samples, card, sweep, learning_curve, by_score });
    }
    let plan = MeasurePlan { part: Part::Test, per_photo: options.per_photo, levelled: false, baselines: false };
    let samples = measure(library, &recipe, plan, &mut session)?;
    let degraded = |index: usize| {
        let [low, high] = recipe.range;
        let magnitude = low + (high - low) * index as f32 / (SWEEP - 1) as f32;
        let mut rng = recipe.rng(Part::Test, index, usize::MAX >> 44);
        let view = recipe.reference_view(sweep, magnitude, Frame::Whole, &mut rng);
        let made = Some(format!("{magnitude:+.2} {}", spec.unit));
        scored(view.pixels(), made, said(&card, &mut session, &view)?, spec.unit)
    };
    let sweep = (0..SWEEP).map(degraded).collect::<Result<_>>()?;
    let by_score = if options.without_photos { Vec::new() } else { by_score(library, &card, &mut session)? };
    let reliability = reliability(&card, &samples, recipe.range, &Profiles::built_in());
    let reliability = reliability.iter().map(|found| panel(found, spec.unit)).collect::<Result<_>>()?;
    let charts = charts(&card, &samples)?;
    Ok(Section { charts, reliability, samples: samples.len(), card, sweep, learning_curve, by_score })
}

fn charts(card: &ModelCard, samples: &[Sample]) -> Result<Vec<String>> {
    let points: Vec<(f32, Estimate)> =
        samples.iter().map(|sample| (sample.truth, card.calibration.apply(sample.output))).collect();
    let all = card.evaluation.get("all");
    let correlation = all.map_or(f32::NAN, |all| all.pearson);
    let unit = &card.metric.unit;
    let mut charts = vec![chart::scatter(&points, &format!("Pearson {correlation:.3}"), unit)?];
    if let Some(all) = all.filter(|all| !all.by_magnitude.is_empty()) {
        charts.extend([chart::coverage(&all.by_magnitude, unit)?, chart::widths(&all.by_magnitude, unit)?]);
    }
    Ok(charts)
}

fn panel(found: &Reliability, unit: &str) -> Result<Panel> {
    let Reliability { profiles, band, share_beyond, tenths } = found;
    let title = profiles.join(", ");
    let of_tenth = |Tenth { samples, stated, observed, interval: [low, high], .. }: &Tenth| {
        format!("stated {stated:.2}, observed {observed:.2} ({low:.2} to {high:.2}) of {samples}")
    };
    let points: Vec<String> = tenths.iter().map(of_tenth).collect();
    let described = format!("Stated probability of a fault and share that has it, {title}: {}.", points.join("; "));
    let (low, high) = (band.low.map_or_else(String::new, |low| format!("{low} or ")), band.high);
    let [expected, counted] = [f64::from(band.expected_share), *share_beyond].map(|share| 100.0 * share);
    let caption =
        format!("Beyond {low}{high} {unit}: expected of {expected:.0} % of uploads, {counted:.0} % of these samples.");
    Ok(Panel { chart: chart::reliability(tenths, &title)?, described, caption })
}

/// Held-out photos as they are, evenly taken from the order of their scores.
fn by_score(library: &Library, card: &ModelCard, session: &mut BranchSession) -> Result<Vec<Picture>> {
    let photos = library.part(Part::Test);
    let mut found = Vec::with_capacity(photos.len());
    for photo in photos {
        found.push((said(card, session, &ReferenceView::new(photo.pixels.clone()))?, photo));
    }
    found.sort_by(|a, b| a.0.value.total_cmp(&b.0.value));
    let (last, shown) = (found.len().saturating_sub(1), BY_SCORE.min(found.len()));
    let chosen = (0..shown).map(|index| &found[index * last / (shown - 1).max(1)]);
    chosen.map(|(estimate, photo)| scored(&photo.pixels, None, *estimate, &card.metric.unit)).collect()
}

fn said(card: &ModelCard, session: &mut BranchSession, view: &ReferenceView) -> Result<Estimate> {
    let tensor = session.view().tensor(view);
    Ok(card.calibration.apply(session.run(&[tensor.as_slice()])?[0].scalar()))
}

fn scored(image: &RgbImage, made: Option<String>, estimate: Estimate, unit: &str) -> Result<Picture> {
    let Estimate { value, low, high } = estimate;
    picture(image, made, format!("{value:+.2}"), format!("({low:+.2} to {high:+.2}) {unit}"))
}

/// A photo turned by each right angle, and which turn the model says with which probability.
fn turned_more_and_more(
    recipe: &Recipe,
    card: &ModelCard,
    session: &mut BranchSession,
    photo: &RgbImage,
) -> Result<Vec<Picture>> {
    let turned = |turns: usize| {
        let mut rng = recipe.rng(Part::Test, turns, usize::MAX >> 44);
        let pixels = by_right_angles(photo.clone(), turns);
        let view = recipe.reference_view(&pixels, 0.0, Frame::Whole, &mut rng);
        let said = turn_said(card, session, &view)?;
        with_turn(view.pixels(), Some(format!("{} deg", 90 * turns)), said)
    };
    (0..COPIES).map(turned).collect()
}

/// Held-out photos as they are, upright, that the model calls turned.
fn called_turned(library: &Library, card: &ModelCard, session: &mut BranchSession) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for photo in library.part(Part::Test) {
        let said = turn_said(card, session, &ReferenceView::new(photo.pixels.clone()))?;
        if said.turn != 0 && pictures.len() < BY_SCORE {
            pictures.push(with_turn(&photo.pixels, None, said)?);
        }
    }
    Ok(pictures)
}

fn turn_said(card: &ModelCard, session: &mut BranchSession, view: &ReferenceView) -> Result<Orientation> {
    let tensor = session.view().tensor(view);
    Orientation::read(card, &session.run(&[tensor.as_slice()])?[0]).context("the model tells no turn")
}

fn with_turn(image: &RgbImage, made: Option<String>, said: Orientation) -> Result<Picture> {
    picture(image, made, format!("{} deg", said.turn), format!("with a probability of {:.2}", said.probability))
}

fn picture(image: &RgbImage, made: Option<String>, value: String, interval: String) -> Result<Picture> {
    let jpeg = thumbnail::jpeg(image.clone(), THUMBNAIL)?;
    let uri = format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg));
    Ok(Picture { uri, made, value, interval })
}

//! One self-contained HTML page on the calibrated models of a folder: what each branch says of one photo degraded more
//! and more, truth against value, coverage, the learning curve, and the held-out photos in the order of their scores.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use clearshot::engine::{BranchSession, Runtime};
use clearshot::ingest::{self, Limits};
use clearshot::scoring::calibration::Estimate;
use clearshot::scoring::card::{ModelCard, VerifiedModel};
use clearshot::view::{self, ReferenceView};
use fast_image_resize::FilterType;
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder};

use crate::chart;
use crate::generator::Recipe;
use crate::measure::{Plan, Sample, measure};
use crate::photos::{Library, Part};
use crate::train::{Point, Run};
use crate::transform::{Frame, REGISTRY, Transformation};

/// Degradations of the photo that is degraded more and more.
const SWEEP: usize = 7;
/// Held-out photos shown in the order of their scores.
const SORTED: usize = 24;
const THUMBNAIL: u32 = 220;

/// What goes into a report.
pub struct Options<'a> {
    /// Folder of the calibrated models.
    pub models: &'a Path,
    /// Work folder with the runs' metrics, for the learning curves; branches without a run are shown without.
    pub work: &'a Path,
    /// Photo that is degraded more and more; default: the largest held-out photo.
    pub sweep: Option<&'a Path>,
    /// Leave the library's photos out, for a page that is passed on.
    pub without_photos: bool,
    /// Magnitudes per photo; three times as many for large photos.
    pub per_photo: usize,
}

/// Writes the page for the three served branches.
///
/// # Errors
/// When a model is not calibrated on this library or cannot be run, or the sweep's photo cannot be read.
pub fn report(library: &Library, runtime: &Runtime, options: &Options) -> Result<String> {
    let sweep = match options.sweep {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            ingest::decode(&bytes, &Limits::default()).with_context(|| path.display().to_string())?.pixels
        }
        None => {
            let held_out = library.part(Part::Test).into_iter().map(|photo| &photo.pixels);
            held_out.max_by_key(|pixels| pixels.width() * pixels.height()).context("no photo is held out")?.clone()
        }
    };
    let mut page = String::from(HEAD);
    for transformation in REGISTRY.into_iter().filter(|transformation| transformation.is_served()) {
        section(&mut page, library, runtime, options, transformation, &sweep)?;
    }
    page.push_str("</main></body></html>\n");
    Ok(page)
}

fn section(
    page: &mut String,
    library: &Library,
    runtime: &Runtime,
    options: &Options,
    transformation: &'static dyn Transformation,
    sweep: &RgbImage,
) -> Result<()> {
    let metric = transformation.branch();
    let VerifiedModel { card, onnx } = VerifiedModel::load(options.models, metric)?;
    ensure!(card.training.photos_digest == library.digest, "the {metric} model was trained on another set of photos");
    let mut session = BranchSession::new(runtime, metric, &onnx, 1)?;
    let recipe = Recipe {
        transformation,
        range: transformation.evaluated(),
        photos: 1,
        magnitudes: 1,
        frame: Frame::Whole,
        seed: card.training.seed,
    };
    let plan = Plan { part: Part::Test, per_photo: options.per_photo, baselines: false };
    let samples = measure(library, &recipe, plan, &mut session)?;
    let unit = metric.unit();
    writeln!(page, "<section id=\"{metric}\"><h2>{metric}</h2>")?;
    writeln!(page, "<p>Model {}, {} held-out samples. {}</p>", card.version, samples.len(), card.intended_use)?;
    writeln!(page, "<h3>One photo, degraded more and more</h3><div class=\"strip\">")?;
    for index in 0..SWEEP {
        let [low, high] = recipe.range;
        let magnitude = low + (high - low) * index as f32 / (SWEEP - 1) as f32;
        let mut rng = recipe.rng(Part::Test, index, usize::MAX >> 44);
        let view = recipe.reference_view(sweep, magnitude, Frame::Whole, &mut rng);
        let caption = format!("made {magnitude:+.2} {unit}<br>{}", said(&card, &mut session, &view)?.1);
        figure(page, view.pixels(), &caption)?;
    }
    writeln!(page, "</div>")?;
    figures(page, &card, &samples)?;
    let run = Run::new(options.work, transformation.name());
    let curve: Vec<Point> = run.metrics().unwrap_or_default();
    if !curve.is_empty() {
        writeln!(page, "<h3>Learning curve</h3><div class=\"charts\">{}</div>", chart::learning_curve(&curve, unit)?)?;
    }
    if !options.without_photos {
        sorted(page, library, &card, &mut session)?;
    }
    writeln!(page, "</section>")?;
    Ok(())
}

/// Charts and the table of figures.
fn figures(page: &mut String, card: &ModelCard, samples: &[Sample]) -> Result<()> {
    let points: Vec<(f32, Estimate)> =
        samples.iter().map(|sample| (sample.truth, card.calibration.apply(sample.output))).collect();
    let bins = card.evaluation.get("all").map(|all| all.by_magnitude.clone()).unwrap_or_default();
    let correlation = card.evaluation.get("all").map_or(f32::NAN, |all| all.pearson);
    writeln!(page, "<h3>Held-out photos</h3><div class=\"charts\">")?;
    writeln!(page, "{}", chart::scatter(&points, &format!("Pearson {correlation:.3}"), &card.unit)?)?;
    if !bins.is_empty() {
        writeln!(page, "{}{}", chart::coverage(&bins, &card.unit)?, chart::widths(&bins, &card.unit)?)?;
    }
    writeln!(
        page,
        "</div><table><tr><th>photos<th>samples<th>Pearson<th>Spearman<th>mean error<th>median<th>95 %<th>coverage<th>mean width</tr>"
    )?;
    for (set, found) in &card.evaluation {
        writeln!(
            page,
            "<tr><td>{}<td>{}<td>{:.3}<td>{:.3}<td>{:.3}<td>{:.3}<td>{:.3}<td>{:.3}<td>{:.3}</tr>",
            escape(set),
            found.samples,
            found.pearson,
            found.spearman,
            found.mean_absolute_error,
            found.median_absolute_error,
            found.p95_absolute_error,
            found.coverage,
            found.mean_interval_width
        )?;
    }
    writeln!(page, "</table>")?;
    Ok(())
}

/// Held-out photos as they are, evenly taken from the order of their scores.
fn sorted(page: &mut String, library: &Library, card: &ModelCard, session: &mut BranchSession) -> Result<()> {
    let photos = library.part(Part::Test);
    let mut scored = Vec::with_capacity(photos.len());
    for photo in photos {
        let view = ReferenceView::new(photo.pixels.clone());
        let (estimate, caption) = said(card, session, &view)?;
        scored.push((estimate.value, caption, photo));
    }
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let last = scored.len().saturating_sub(1);
    writeln!(page, "<h3>Untouched held-out photos by their score</h3><div class=\"strip\">")?;
    for index in 0..SORTED.min(scored.len()) {
        let (_, caption, photo) = &scored[index * last / (SORTED.min(scored.len()) - 1).max(1)];
        figure(page, &photo.pixels, caption)?;
    }
    writeln!(page, "</div>")?;
    Ok(())
}

fn said(card: &ModelCard, session: &mut BranchSession, view: &ReferenceView) -> Result<(Estimate, String)> {
    let output = session.run(&[view::tensor(card.metric, view)])?[0];
    let estimate = card.calibration.apply(output);
    let Estimate { value, low, high } = estimate;
    Ok((estimate, format!("<b>{value:+.2}</b> ({low:+.2} to {high:+.2}) {}", card.unit)))
}

fn figure(page: &mut String, image: &RgbImage, caption: &str) -> Result<()> {
    let small = view::shrink_to(image.clone(), THUMBNAIL, FilterType::CatmullRom);
    let mut jpeg = Vec::new();
    let [width, height] = [small.width(), small.height()].map(|side| side as u16);
    Encoder::new(&mut jpeg, 80).encode(small.as_raw(), width, height, ColorType::Rgb)?;
    let data = base64::engine::general_purpose::STANDARD.encode(jpeg);
    writeln!(
        page,
        "<figure><img alt=\"\" src=\"data:image/jpeg;base64,{data}\"><figcaption>{caption}</figcaption></figure>"
    )?;
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Clearshot: training report</title><style>
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0; background: #f6f7f9; color: #1c2330; }
main { max-width: 1180px; margin: 0 auto; padding: 24px; }
section { background: #fff; border-radius: 10px; padding: 8px 24px 24px; margin: 24px 0; box-shadow: 0 1px 3px #0002; }
h1, h2 { text-transform: capitalize; } h3 { margin: 28px 0 8px; }
.strip { display: flex; flex-wrap: wrap; gap: 12px; }
figure { margin: 0; width: 148px; } figure img { width: 148px; border-radius: 4px; display: block; }
figcaption { font-size: 12px; margin-top: 4px; }
.charts { display: flex; flex-wrap: wrap; gap: 12px; }
table { border-collapse: collapse; margin-top: 12px; } td, th { padding: 3px 12px; text-align: right; border-bottom: 1px solid #e3e6eb; }
td:first-child, th:first-child { text-align: left; }
</style></head><body><main><h1>Training report</h1>
<p>Every figure is measured on photos of groups (houses, sites) that neither training nor calibration saw, degraded by known
magnitudes and scored by the exported models through the server's own code. Values in brackets are 90 % intervals.</p>
"#;

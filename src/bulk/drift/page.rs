//! The page that shows what changed: for each column the old and the new spread, one over the other.

use std::io::Write as _;
use std::path::Path;

use askama::Template;

use super::super::error::BulkError;
use super::super::rate::Rate;
use super::{Drift, Level};
use crate::bulk::sheet;
use crate::replace::replace;

/// Size of a histogram.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 90.0;

#[derive(Template)]
#[template(path = "bulk/drift/page.html")]
struct Page<'a> {
    drift: &'a Drift,
    files: [String; 2],
    shares: Vec<(&'a str, &'a [Rate; 2])>,
    columns: Vec<Histogram<'a>>,
}

struct Histogram<'a> {
    name: &'a str,
    level: String,
    class: &'static str,
    index: f64,
    distance: f64,
    medians: [f32; 2],
    range: [f32; 2],
    old: Vec<Bar>,
    new: String,
}

struct Bar {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Makes sure that a page can be written without loss: only a page of ours is written over.
pub(super) fn check(path: &Path) -> Result<(), BulkError> {
    sheet::check(path)
}

pub(super) fn write(path: &Path, drift: &Drift, files: [&Path; 2]) -> Result<(), BulkError> {
    let files = files.map(|file| file.display().to_string());
    let shares = drift.verdicts.iter().chain(&drift.reasons).map(|(name, rates)| (name.as_str(), rates)).collect();
    let columns = drift.columns.iter().map(|column| {
        let shift = &column.shift;
        let highest = shift.bars.iter().flatten().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let width = WIDTH / shift.bars[0].len() as f64;
        let top = |share: f64| HEIGHT * (1.0 - share / highest);
        let bar = |(at, share): (usize, &f64)| {
            let y = top(*share);
            Bar { x: width * at as f64, y, width, height: HEIGHT - y }
        };
        // The outline of the new ones: up and down at each bar's edges.
        let outline = shift.bars[1]
            .iter()
            .enumerate()
            .flat_map(|(at, share)| [at, at + 1].map(|edge| format!("{:.1},{:.1}", width * edge as f64, top(*share))));
        Histogram {
            name: &column.name,
            level: shift.stability.in_words(),
            class: match shift.stability.level {
                Level::TooFew => "few",
                Level::Same => "same",
                Level::Moved => "moved",
                Level::Other => "other",
            },
            index: shift.stability.index,
            distance: shift.distance,
            medians: shift.medians,
            range: shift.range,
            old: shift.bars[0].iter().enumerate().map(bar).collect(),
            new: outline.collect::<Vec<_>>().join(" "),
        }
    });
    let page = Page { drift, files, shares, columns: columns.collect() }.render();
    let failed = |reason: String| BulkError::Sheet { path: path.to_owned(), reason };
    let page = page.map_err(|error| failed(error.to_string()))?;
    replace(path, 0o666, |file| file.write_all(page.as_bytes()))
        .map_err(|error: std::io::Error| failed(error.to_string()))
}

//! The contact sheet: a page, whole in one file, of photos of an output with what was found: the worst ones, or those that somebody
//! else chose.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::thread;

use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clearshot_core::checks::{CHECKS, UPSCALE};
use clearshot_core::ingest::{self, Limits};
use clearshot_core::metric::Metric;
use clearshot_core::thumbnail;

use super::error::BulkError;
use super::pool::take_next;
use super::results::Results;
use super::row::FlatRow;
use super::source::Sources;
use crate::replace::{folder, replace};

/// Long side of a photo on the sheet, in pixels.
const THUMBNAIL: u32 = 320;

#[derive(Template)]
#[template(path = "bulk/sheet.html")]
struct Sheet {
    title: String,
    intro: String,
    photos: Vec<Entry>,
}

struct Entry {
    path: String,
    note: Option<String>,
    verdict: String,
    quality: Option<u32>,
    reasons: String,
    scores: Vec<String>,
    facts: Vec<String>,
    thumbnail: Option<String>,
    outline: Option<Outline>,
}

/// Where a photo is within its picture, in pixels of the picture.
struct Outline {
    view_box: String,
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

/// What every sheet begins with; only a file that does is written over.
const MARK: &[u8] = b"<!DOCTYPE html>\n<html lang=\"en\">\n<meta name=\"generator\" content=\"clearshot score\">\n";

/// Makes sure that a sheet can be written without loss: where there is no file yet, an empty one, or a sheet.
///
/// # Errors
/// [`BulkError::Sheet`].
pub(super) fn check(sheet: &Path) -> Result<(), BulkError> {
    let failed = |reason: String| BulkError::Sheet { path: sheet.to_owned(), reason };
    let file = match File::open(sheet) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let there = folder(sheet).is_dir();
            return if there { Ok(()) } else { Err(failed("there is no such folder".to_owned())) };
        }
        opened => opened.map_err(|error| failed(error.to_string()))?,
    };
    let mut beginning = Vec::new();
    file.take(MARK.len() as u64).read_to_end(&mut beginning).map_err(|error| failed(error.to_string()))?;
    if beginning.is_empty() || beginning == MARK {
        return Ok(());
    }
    Err(failed("it is no contact sheet, and is left as it is: name another file".to_owned()))
}

/// What photos on a sheet are read with.
pub(super) struct Reading<'a> {
    pub(super) sources: &'a Sources,
    pub(super) limits: &'a Limits,
    pub(super) max_file_bytes: usize,
}

/// Writes the sheet of an output with scores of `metrics`: photos that have none first, then by verdict and quality, at most
/// `most`.
///
/// # Errors
/// [`BulkError`] when the output cannot be read or the sheet not be written.
pub(super) fn write(
    sheet: &Path,
    output: &Path,
    metrics: &[Metric],
    most: usize,
    reading: &Reading,
) -> Result<(), BulkError> {
    let (mut worst, mut all) = (Worst { most, rows: Vec::new() }, 0usize);
    let mut counts = [0usize; ORDER.len()];
    for row in Results::of(&[output])?.rows() {
        let row = row?;
        if let (Some(place), _) = rank(&row) {
            counts[place] += 1;
        }
        all += 1;
        worst.add(row);
    }
    let rows = worst.end();
    let counts =
        ORDER.iter().zip(counts).filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}"));
    let mut intro = format!("{}.", counts.collect::<Vec<_>>().join(", "));
    let left_out = all.saturating_sub(most);
    if left_out > 0 {
        intro += &format!(" The {most} worst are shown, {left_out} are left out.");
    }
    let title = output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let rows: Vec<_> = rows.iter().map(|row| (row, None)).collect();
    write_rows(sheet, title, intro, &rows, metrics, reading)
}

/// Writes a sheet of these rows, each with a note.
///
/// # Errors
/// [`BulkError`] when it cannot be written.
pub(super) fn write_rows(
    sheet: &Path,
    title: String,
    intro: String,
    rows: &[(&FlatRow, Option<String>)],
    metrics: &[Metric],
    reading: &Reading,
) -> Result<(), BulkError> {
    let photos = entries(rows, metrics, reading);
    let failed = |reason: String| BulkError::Sheet { path: sheet.to_owned(), reason };
    let page = Sheet { title, intro, photos }.render().map_err(|error| failed(error.to_string()))?;
    check(sheet)?;
    replace(sheet, 0o666, |file| file.write_all(page.as_bytes())).map_err(|error: io::Error| failed(error.to_string()))
}

const NOT_SCORED: &str = "not scored";
const ORDER: [&str; 4] = [NOT_SCORED, "fail", "unsure", "pass"];

fn verdict(row: &FlatRow) -> &str {
    row.text_of("verdict").unwrap_or(NOT_SCORED)
}

/// The worse, the smaller: place of the verdict, then quality.
fn rank(row: &FlatRow) -> (Option<usize>, Option<u32>) {
    let place = ORDER.iter().position(|name| *name == verdict(row));
    (place, row.number_of("quality").map(|quality| quality as u32))
}

/// Rows up to which the worst are not looked for.
const FEW: usize = 1000;

/// The worst rows of however many, as those of a million do not fit into memory: twice as many as are wanted are held at most.
struct Worst {
    most: usize,
    rows: Vec<FlatRow>,
}

impl Worst {
    fn add(&mut self, row: FlatRow) {
        self.rows.push(row);
        if self.rows.len() > self.most.saturating_mul(2).max(FEW) {
            self.cut();
        }
    }

    /// Of rows that are as bad, those that came first stay first.
    fn cut(&mut self) {
        self.rows.sort_by_key(rank);
        self.rows.truncate(self.most);
    }

    fn end(mut self) -> Vec<FlatRow> {
        self.cut();
        self.rows
    }
}

fn entries(rows: &[(&FlatRow, Option<String>)], metrics: &[Metric], reading: &Reading) -> Vec<Entry> {
    let Reading { sources, limits, max_file_bytes } = *reading;
    let thumbnails: Vec<Mutex<Option<String>>> = rows.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let bytes_of = |path: &str| sources.read(&sources.find(path), max_file_bytes).ok();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((index, (row, _))) = take_next(&next, rows) {
                    let made = bytes_of(row.path()).and_then(|bytes| thumbnail(&bytes, limits));
                    if let Ok(mut place) = thumbnails[index].lock() {
                        *place = made;
                    }
                }
            });
        }
    });
    let thumbnails = thumbnails.into_iter().map(|place| place.into_inner().unwrap_or_default());
    let entries = rows.iter().zip(thumbnails);
    entries.map(|((row, note), thumbnail)| entry(row, note.clone(), metrics, thumbnail)).collect()
}

fn entry(row: &FlatRow, note: Option<String>, metrics: &[Metric], thumbnail: Option<String>) -> Entry {
    let score = |metric: &Metric| {
        let estimate = row.estimate(metric.name.as_str())?;
        let Metric { title, unit, .. } = metric;
        Some(format!("{title} {:.2} {unit} ({:.2} to {:.2})", estimate.value, estimate.low, estimate.high))
    };
    // Results of older versions do not say how probable a reason is.
    let probability =
        row.number_of("probability").map(|share| format!(" ({:.0} %)", 100.0 * share)).unwrap_or_default();
    let reasons = row.text_of("reasons").map(|codes| {
        let (first, others) = codes.split_at(codes.find(' ').unwrap_or(codes.len()));
        format!("{first}{probability}{}", others.replace(' ', ", ")).replace('_', " ")
    });
    Entry {
        path: row.path().to_owned(),
        note,
        verdict: verdict(row).to_owned(),
        quality: row.number_of("quality").map(|quality| quality as u32),
        reasons: reasons.or_else(|| row.text_of("detail").map(str::to_owned)).unwrap_or_default(),
        scores: metrics.iter().filter_map(score).collect(),
        facts: facts(row),
        thumbnail,
        outline: outline(row),
    }
}

/// What checks found that is not usual, in words, with three digits; the page chooses alike.
fn facts(row: &FlatRow) -> Vec<String> {
    let fact = CHECKS.iter().filter_map(|check| {
        let value = row.number_of(check.name)?;
        let is_usual = value == 0.0 || (value == 1.0 && [UPSCALE, "collage"].contains(&check.name));
        let rounded: f32 = format!("{value:.2e}").parse().unwrap_or(value);
        (!is_usual).then(|| format!("{}: {rounded}", check.name.replace('_', " ")))
    });
    fact.collect()
}

/// Nothing where the photo fills its picture.
fn outline(row: &FlatRow) -> Option<Outline> {
    let area = row.area().filter(|area| !area.is_whole())?;
    let side = |column: &str| row.number_of(column).map(|pixels| pixels as u32).filter(|pixels| *pixels > 0);
    let (picture_width, picture_height) = (side("width")?, side("height")?);
    let [left, top, width, height] = area.pixels(picture_width, picture_height);
    Some(Outline { view_box: format!("0 0 {picture_width} {picture_height}"), left, top, width, height })
}

/// A small JPEG as a data URI; `None` where the photo does not decode.
fn thumbnail(bytes: &[u8], limits: &Limits) -> Option<String> {
    let jpeg = thumbnail::jpeg(ingest::decode(bytes, limits).ok()?.upright(), THUMBNAIL).ok()?;
    Some(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::row::Cell;

    #[test]
    fn the_worst_of_many_are_those_of_all_in_their_order() {
        // Each quality comes again and again.
        let row = |number: usize| -> FlatRow {
            let (quality, path) = (Cell::Count((number * 37 % 101) as u64), Cell::Text(number.to_string()));
            let verdict = Cell::Text(if number.is_multiple_of(3) { "pass" } else { "fail" }.to_owned());
            [("path", path), ("quality", quality), ("verdict", verdict)]
                .map(|(name, cell)| (name.to_owned(), cell))
                .into_iter()
                .collect()
        };
        for most in [0, 5, 700, 4000] {
            let mut worst = Worst { most, rows: Vec::new() };
            for number in 0..3 * FEW {
                worst.add(row(number));
                assert!(worst.rows.len() <= FEW.max(2 * most));
            }
            let mut all: Vec<FlatRow> = (0..3 * FEW).map(row).collect();
            all.sort_by_key(rank);
            all.truncate(most);
            assert!(worst.end() == all, "{most}");
        }
    }
}

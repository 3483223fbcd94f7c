//! What came of one photo of a bulk run: nested, as a line of JSON Lines (the object that `POST /score` answers with), and flat,
//! as a row of CSV or Parquet. The columns of flat rows follow from the metrics and checks that are served.

use std::collections::BTreeMap;

use clearshot_core::area::Area;
use clearshot_core::assessment::Assessment;
use clearshot_core::checks::CHECKS;
use clearshot_core::metric::LABEL;
use clearshot_core::scene_hash::SceneHash;
use clearshot_core::scoring::calibration::Estimate;
use clearshot_core::scoring::orientation::Orientation;
use serde::{Deserialize, Serialize};

use super::scored_by::ScoredBy;

/// A line of JSON Lines: either the photo's assessment or why it has none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The photo's path or URL, as it was given or found.
    pub path: String,
    /// Its scores and verdict.
    #[serde(flatten)]
    pub assessment: Option<Assessment>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Refusal>,
    /// What made the row; results of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored_by: Option<ScoredBy>,
}

/// Why a photo could not be scored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind, for machines: a code of the API's problems.
    pub code: String,
    /// What went wrong.
    pub detail: String,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A real number.
    Real,
    /// A whole number.
    Count,
}

/// A column of CSV or Parquet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// Columns of where the photo is within its frame.
const AREA: [&str; 4] = ["area_left", "area_top", "area_width", "area_height"];

/// The columns of results that have scores of `metrics`, and labels by models of these names.
#[must_use]
pub fn columns(metrics: &[&str], labels: &[&str]) -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let text = |name: &str| column(name, Kind::Text);
    let count = |name: &str| column(name, Kind::Count);
    let probability = column("probability", Kind::Real);
    let mut columns = vec![text("path"), text("verdict"), text("reasons"), probability, count("quality")];
    for metric in metrics {
        columns.extend(["", "_low", "_high", "_raw"].map(|part| column(&format!("{metric}{part}"), Kind::Real)));
    }
    columns.extend(AREA.map(|part| column(part, Kind::Real)));
    columns.extend([count("turn"), column("turn_probability", Kind::Real)]);
    for labelling in labels {
        let [label, probability] = label_columns(labelling);
        columns.extend([text(&label), column(&probability, Kind::Real)]);
    }
    columns.extend(CHECKS.iter().map(|check| column(check.name, Kind::Real)));
    columns.extend([column("coverage", Kind::Real), count("max_usable_width"), text("format")]);
    columns.extend([
        count("width"),
        count("height"),
        count("bytes"),
        text("sha256"),
        text("scene_hash"),
        count("orientation"),
        text("profile"),
    ]);
    columns.extend(metrics.iter().map(|metric| text(&format!("{metric}_model"))));
    columns.extend([text("problem"), text("detail")]);
    columns.extend(ScoredBy::COLUMNS.map(text));
    columns
}

/// Columns of what a model of labels says: label and probability.
fn label_columns(labelling: &str) -> [String; 2] {
    ["", "_probability"].map(|part| format!("{LABEL}{labelling}{part}"))
}

/// What stands in a column of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A real number.
    Real(f32),
    /// A whole number.
    Count(u64),
}

impl Cell {
    /// The text, unless it is a number.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Real(_) | Self::Count(_) => None,
        }
    }

    /// The number; CSV writes numbers as text.
    #[must_use]
    pub fn number(&self) -> Option<f32> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Real(value) => Some(*value),
            Self::Count(count) => Some(*count as f32),
        }
    }

    /// The whole number.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(*count),
            Self::Text(_) | Self::Real(_) => None,
        }
    }
}

/// A row of CSV or Parquet: cells by column. Columns of the scores are empty where there is a problem, and the other way round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatRow(BTreeMap<String, Cell>);

impl From<Row> for FlatRow {
    fn from(row: Row) -> Self {
        let mut flat = Self::default();
        flat.text("path", row.path);
        if let Some(Refusal { code, detail }) = row.problem {
            flat.text("problem", code);
            flat.text("detail", detail.replace('\n', " "));
        }
        for (column, field) in ScoredBy::COLUMNS.iter().zip(row.scored_by.iter().flat_map(ScoredBy::fields)) {
            flat.text(column, field.to_owned());
        }
        let Some(assessment) = row.assessment else { return flat };
        let Assessment { image, scores, orientation, labels, checks, coverage, quality, .. } = assessment;
        flat.text("verdict", assessment.verdict.name().to_owned());
        if let Some(worst) = assessment.reasons.first() {
            flat.set("probability".into(), Cell::Real(worst.probability));
        }
        let codes: Vec<String> = assessment.reasons.into_iter().map(|reason| reason.code).collect();
        flat.text("reasons", codes.join(" "));
        flat.count("quality", quality.into());
        for (metric, score) in scores.iter() {
            for (part, value) in [("", score.value), ("_low", score.low), ("_high", score.high), ("_raw", score.raw)] {
                flat.set(format!("{metric}{part}"), Cell::Real(value));
            }
        }
        let area = image.area;
        for (part, share) in AREA.into_iter().zip([area.left, area.top, area.width, area.height]) {
            flat.set(part.to_owned(), Cell::Real(share));
        }
        if let Some(orientation) = orientation {
            flat.count("turn", orientation.turn.into());
            flat.set("turn_probability".into(), Cell::Real(orientation.probability));
        }
        for (labelling, found) in labels {
            let [label, probability] = label_columns(&labelling);
            flat.text(&label, found.label);
            flat.set(probability, Cell::Real(found.probability));
        }
        for (check, value) in checks {
            flat.set(check, Cell::Real(value));
        }
        flat.set("coverage".into(), Cell::Real(coverage));
        flat.count("max_usable_width", assessment.max_usable_width.into());
        flat.text("format", image.format.to_string());
        flat.count("width", image.width.into());
        flat.count("height", image.height.into());
        flat.count("bytes", image.bytes as u64);
        flat.text("sha256", image.sha256);
        if let Some(hash) = image.scene_hash {
            flat.text("scene_hash", hash.to_string());
        }
        flat.count("orientation", image.orientation.into());
        flat.text("profile", assessment.profile);
        for (metric, version) in assessment.models {
            flat.text(&format!("{metric}_model"), version);
        }
        flat
    }
}

impl FromIterator<(String, Cell)> for FlatRow {
    fn from_iter<T: IntoIterator<Item = (String, Cell)>>(cells: T) -> Self {
        let mut row = Self::default();
        cells.into_iter().for_each(|(column, cell)| row.set(column, cell));
        row
    }
}

impl FlatRow {
    /// CSV has no way to write an empty text other than an empty cell, so an empty text is an empty cell in every format.
    fn set(&mut self, column: String, cell: Cell) {
        if !matches!(&cell, Cell::Text(text) if text.is_empty()) {
            self.0.insert(column, cell);
        }
    }

    fn text(&mut self, column: &str, text: String) {
        self.set(column.to_owned(), Cell::Text(text));
    }

    fn count(&mut self, column: &str, count: u64) {
        self.set(column.to_owned(), Cell::Count(count));
    }

    /// What stands in a column.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<&Cell> {
        self.0.get(column)
    }

    /// The text of a column.
    #[must_use]
    pub fn text_of(&self, column: &str) -> Option<&str> {
        self.cell(column)?.text()
    }

    /// The number of a column.
    #[must_use]
    pub fn number_of(&self, column: &str) -> Option<f32> {
        self.cell(column)?.number()
    }

    /// The photo's path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text_of("path").unwrap_or_default()
    }

    /// Calibrated value and interval of a metric, where the photo has one.
    #[must_use]
    pub fn estimate(&self, metric: &str) -> Option<Estimate> {
        let part = |part: &str| self.number_of(&format!("{metric}{part}"));
        Some(Estimate { value: part("")?, low: part("_low")?, high: part("_high")? })
    }

    /// The metrics that the row has scores of.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|column| column.strip_suffix("_raw"))
    }

    /// What the photo shows; results of older versions do not say.
    #[must_use]
    pub fn scene_hash(&self) -> Option<SceneHash> {
        self.text_of("scene_hash")?.parse().ok()
    }

    /// Where the photo is within its picture; results of older versions do not say.
    #[must_use]
    pub fn area(&self) -> Option<Area> {
        let [left, top, width, height] = AREA.map(|part| self.number_of(part));
        Some(Area { left: left?, top: top?, width: width?, height: height? })
    }

    /// How the photo is turned by right angles, where a model says so.
    #[must_use]
    pub fn orientation(&self) -> Option<Orientation> {
        Some(Orientation { turn: self.number_of("turn")? as u16, probability: self.number_of("turn_probability")? })
    }

    /// Whether the models with this digest made the row, where it says which did.
    #[must_use]
    pub fn is_made_by(&self, models: &str) -> Option<bool> {
        Some(self.scored_by()?.models == models)
    }

    /// What made the row, where it says so.
    #[must_use]
    pub fn scored_by(&self) -> Option<ScoredBy> {
        let [version, build, limits, models, profile] =
            ScoredBy::COLUMNS.map(|column| self.text_of(column).map(str::to_owned));
        Some(ScoredBy { version: version?, build: build?, limits: limits?, models: models?, profile: profile? })
    }
}

#[cfg(test)]
mod tests {
    use clearshot_core::metric::{Metric, REQUIRED};
    use clearshot_core::models::ModelSet;

    use super::*;

    /// What the service really answers: tests/api_document.rs sees to it.
    const ANSWER: &str = include_str!("../../openapi/examples/score.json");

    #[test]
    fn no_metric_has_the_name_of_a_column() {
        let models = ModelSet::load("models".as_ref()).expect("models are shipped");
        let metric = models.metrics().next().expect("there is one");
        let refused = |name: &str| {
            let name = name.parse().expect("a column's name is a name");
            Metric { name, ..metric.clone() }.check_name().is_err()
        };
        let mut names: Vec<String> = columns(&REQUIRED, &["room"]).into_iter().map(|column| column.name).collect();
        // Rows of the Python package have the fields of `image` beside the scores, as columns are.
        let answer: serde_json::Value = serde_json::from_str(ANSWER).expect("JSON");
        let fields = answer["image"].as_object().expect("an object").keys().filter(|field| *field != "area");
        names.extend(fields.cloned());
        let assessment: Assessment = serde_json::from_str(ANSWER).expect("an assessment");
        let row = Row { path: "a.jpg".to_owned(), assessment: Some(assessment), problem: None, scored_by: None };
        names.extend(FlatRow::from(row).0.into_keys());
        // And the page's table.
        let of_page = include_str!("../http/page/csv.js").split("column(\"").skip(1);
        names.extend(of_page.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()));
        names.retain(|name| !REQUIRED.contains(&name.as_str()) && !refused(name));
        assert!(names.is_empty(), "metrics may be called {names:?}");
    }
}

//! Where rows go and come from: JSON Lines, CSV and Parquet. What is there already is kept, and told, so that a run can be resumed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::SerializedFileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RecordWriter;
use parquet::record::reader::RowIter;

use super::row::{FlatRow, Row};
use crate::assessment::ModelVersions;

/// Rows of a group in Parquet.
const GROUP: usize = 1 << 16;

/// Why an output cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The name does not tell the format.
    #[error("{path}: the name must end in .jsonl, .csv or .parquet")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    JsonLines,
    Csv,
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Result<Self, OutputError> {
        match path.extension().and_then(OsStr::to_str) {
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(OutputError::Format { path: path.to_owned() }),
        }
    }
}

/// Rows of an output, one after the other.
pub type Rows = Box<dyn Iterator<Item = Result<FlatRow, OutputError>>>;

/// Reads an output of any format.
///
/// # Errors
/// [`OutputError`]; an item is an error where a row is malformed.
pub fn read(path: &Path) -> Result<Rows, OutputError> {
    let format = Format::of(path)?;
    read_as(path, format)
}

fn read_as(path: &Path, format: Format) -> Result<Rows, OutputError> {
    let owned = path.to_owned();
    let failed = move |reason: String| OutputError::File { path: owned.clone(), reason };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    Ok(match format {
        Format::JsonLines => Box::new(BufReader::new(file).lines().enumerate().map(move |(index, line)| {
            let line = line.map_err(|error| failed(error.to_string()))?;
            let row: Row =
                serde_json::from_str(&line).map_err(|error| failed(format!("line {}: {error}", index + 1)))?;
            if row.assessment.is_some() == row.problem.is_some() {
                return Err(failed(format!("line {} is no result of `clearshot score`", index + 1)));
            }
            Ok(row.into())
        })),
        Format::Csv => Box::new(
            csv::Reader::from_reader(file)
                .into_deserialize()
                .map(move |row| row.map_err(|error| failed(error.to_string()))),
        ),
        Format::Parquet => {
            let reader = SerializedFileReader::new(file).map_err(|error| failed(error.to_string()))?;
            Box::new(RowIter::from_file_into(Box::new(reader)).map(move |row| {
                let row = row.map_err(|error| failed(error.to_string()))?;
                serde_json::from_value(row.to_json_value()).map_err(|error| failed(error.to_string()))
            }))
        }
    })
}

/// Takes rows.
pub struct Output {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    JsonLines(Box<dyn Write>),
    Csv(Box<csv::Writer<File>>),
    /// A Parquet file cannot grow: rows are kept as JSON Lines beside it until the end.
    Parquet {
        journal: BufWriter<File>,
        journal_path: PathBuf,
    },
}

impl Output {
    /// JSON Lines on standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { path: "-".into(), sink: Sink::JsonLines(Box::new(BufWriter::new(io::stdout()))) }
    }

    /// Opens or makes a file; a row that an interrupted run left half-written is cut off. What is there already is told.
    ///
    /// # Errors
    /// [`OutputError`], among others when another process writes the same file.
    pub fn open(path: &Path) -> Result<(Self, Known), OutputError> {
        let format = Format::of(path)?;
        let mut known = Known::default();
        if format == Format::Parquet && path.exists() {
            known.note(read(path)?)?;
        }
        let (growing, growing_format) = match format {
            Format::Parquet => (journal_of(path), Format::JsonLines),
            format => (path.to_owned(), format),
        };
        let failed = |error: io::Error| OutputError::File { path: growing.clone(), reason: error.to_string() };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&growing).map_err(failed)?;
        // A file system that knows no locks has to be trusted.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(OutputError::File { path: growing, reason: "another process writes it".to_owned() });
        }
        let fresh = cut_half_line(&mut file).map_err(failed)? == 0;
        known.note(read_as(&growing, growing_format)?)?;
        let sink = match format {
            Format::JsonLines => Sink::JsonLines(Box::new(BufWriter::new(file))),
            Format::Csv => Sink::Csv(Box::new(csv::WriterBuilder::new().has_headers(fresh).from_writer(file))),
            Format::Parquet => Sink::Parquet { journal: BufWriter::new(file), journal_path: growing },
        };
        Ok((Self { path: path.to_owned(), sink }, known))
    }

    /// Writes a row; it is in the file when this returns.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn write(&mut self, row: Row) -> Result<(), OutputError> {
        let path = &self.path;
        let failed = |reason: String| OutputError::File { path: path.clone(), reason };
        let json = |writer: &mut dyn Write, row: &Row| {
            serde_json::to_writer(&mut *writer, row)?;
            writer.write_all(b"\n")?;
            writer.flush()
        };
        match &mut self.sink {
            Sink::JsonLines(writer) => json(writer, &row).map_err(|error| failed(error.to_string())),
            Sink::Parquet { journal, .. } => json(journal, &row).map_err(|error| failed(error.to_string())),
            Sink::Csv(writer) => {
                writer.serialize(FlatRow::from(row)).map_err(|error| failed(error.to_string()))?;
                writer.flush().map_err(|error| failed(error.to_string()))
            }
        }
    }

    /// Ends the output; a Parquet file comes into being only now.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn finish(self) -> Result<(), OutputError> {
        let Sink::Parquet { journal, journal_path } = self.sink else { return Ok(()) };
        let path = self.path;
        let failed = |reason: String| OutputError::File { path: path.clone(), reason };
        let old = if path.exists() { Some(read(&path)?) } else { None };
        let rows = old.into_iter().flatten().chain(read_as(&journal_path, Format::JsonLines)?);
        // A run that ended between the last two steps here left its rows in both.
        let mut seen = HashSet::new();
        let rows = rows.filter(|row| row.as_ref().ok().is_none_or(|row| seen.insert(row.path.clone())));
        // Beside the old one and renamed over it: whoever reads it meanwhile sees a whole file.
        let whole = path.with_extension("parquet.new");
        write_parquet(&whole, rows).map_err(|error| match error {
            ParquetError::Row(error) => error,
            ParquetError::Parquet(error) => failed(error.to_string()),
            ParquetError::Io(error) => failed(error.to_string()),
        })?;
        std::fs::rename(&whole, &path).map_err(|error| failed(error.to_string()))?;
        drop(journal);
        std::fs::remove_file(&journal_path).map_err(|error| failed(error.to_string()))
    }
}

fn journal_of(path: &Path) -> PathBuf {
    path.with_extension("parquet.partial")
}

/// Cuts off what follows the last line's end; returns the length that is left.
fn cut_half_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut chunk = [0; 8192];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))
}

#[derive(Debug, thiserror::Error)]
enum ParquetError {
    #[error(transparent)]
    Row(#[from] OutputError),
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn write_parquet(
    path: &Path,
    mut rows: impl Iterator<Item = Result<FlatRow, OutputError>>,
) -> Result<(), ParquetError> {
    let schema = [FlatRow::default()].as_slice().schema()?;
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut writer = SerializedFileWriter::new(File::create(path)?, schema, properties)?;
    loop {
        let group = rows.by_ref().take(GROUP).collect::<Result<Vec<FlatRow>, OutputError>>()?;
        if group.is_empty() {
            break;
        }
        let mut group_writer = writer.next_row_group()?;
        group.as_slice().write_to_row_group(&mut group_writer)?;
        group_writer.close()?;
    }
    writer.close()?;
    Ok(())
}

/// Paths and versions that an output already holds.
#[derive(Default)]
pub struct Known {
    /// Paths of the photos that have a row.
    pub paths: HashSet<String>,
    /// Profile and model versions of the first row with scores.
    pub scored_by: Option<(String, ModelVersions)>,
}

impl Known {
    fn note(&mut self, rows: Rows) -> Result<(), OutputError> {
        for row in rows {
            let row = row?;
            if self.scored_by.is_none() {
                self.scored_by = row.scored_by();
            }
            self.paths.insert(row.path);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_line_is_cut_off_and_whole_ones_stay() {
        let long = "x".repeat(20_000);
        for (before, after) in [("", ""), ("half", ""), ("a\nb\n", "a\nb\n"), ("a\nb\nhalf", "a\nb\n")] {
            // The half line may be longer than what is looked at in one step.
            for more in ["", if before.ends_with("half") { &long } else { "" }] {
                let file = tempfile::NamedTempFile::new().expect("a file");
                std::fs::write(file.path(), format!("{before}{more}")).expect("it is written");
                let mut opened = OpenOptions::new().read(true).write(true).open(file.path()).expect("it is there");
                assert_eq!(cut_half_line(&mut opened).expect("it is cut"), after.len() as u64, "{before:?}");
                assert_eq!(std::fs::read_to_string(file.path()).expect("text"), after);
            }
        }
    }
}

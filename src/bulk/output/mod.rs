//! Where rows go and come from: JSON Lines, CSV and Parquet. Rows that are there already are kept and reported, so that a run can be
//! resumed; a file that is no output, or whose rows were made otherwise, is refused before a byte of it changes.

mod csv_file;
mod json_lines;
mod parquet_file;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub(super) use self::csv_file::{escaped, unescaped};
use super::row::{Column, FlatRow, Row};
use super::scored_by::ScoredBy;
use crate::replace::replace;

/// Why an output cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The name does not end as one of a known format does.
    #[error("{path}: the name must end in .jsonl, .csv or .parquet")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// What is there is no output.
    #[error("{0}; it is left as it is: name another output")]
    Foreign(Box<OutputError>),
    /// It has other columns.
    #[error("{path} has other columns than these scores ({found} are there); it is left as it is: name another output")]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns that it has.
        found: String,
    },
    /// Its rows do not say what made them.
    #[error(
        "{path} holds scores of an older version, which does not say by what profile and limits; name another output"
    )]
    Unrecorded {
        /// The file.
        path: PathBuf,
    },
    /// It holds scores that would not compare with new ones.
    #[error("{path} holds scores that would not compare with these ({differences}); name another output")]
    Mixed {
        /// The file.
        path: PathBuf,
        /// What made them and would make the new ones.
        differences: String,
    },
    /// It cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Whoever read it went away, as the `head` of a pipe does when it has enough.
    #[error("{path}: nobody reads it any more")]
    ReaderGone {
        /// The file; `-` for standard output.
        path: PathBuf,
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

/// What is read of each row of an output, one after the other.
pub(super) type Items<T> = Box<dyn Iterator<Item = Result<T, OutputError>>>;

/// Rows of an output, one after the other.
pub type Rows = Box<dyn Iterator<Item = Result<FlatRow, OutputError>>>;

/// Says which file something is wrong with.
type Failed = Box<dyn Fn(String) -> OutputError>;

fn failed(path: &Path) -> Failed {
    let path = path.to_owned();
    Box::new(move |reason| OutputError::File { path: path.clone(), reason })
}

/// Reads an output of any format.
///
/// # Errors
/// [`OutputError`]; an item is an error where a row is malformed.
pub fn read(path: &Path) -> Result<Rows, OutputError> {
    let (format, file, failed) = open(path)?;
    match format {
        Format::JsonLines => Ok(json_lines::read(file, failed)),
        Format::Csv => csv_file::read(file, failed),
        Format::Parquet => parquet_file::read(file, failed),
    }
}

/// Reads the paths of an output's rows and, as far as the format allows, nothing else; empty for a row that has none.
///
/// # Errors
/// As of [`read`].
pub(super) fn paths(path: &Path) -> Result<Items<String>, OutputError> {
    let (format, file, failed) = open(path)?;
    match format {
        Format::JsonLines => Ok(json_lines::paths(file, failed)),
        Format::Csv => csv_file::paths(file, failed),
        Format::Parquet => parquet_file::paths(file, failed),
    }
}

fn open(path: &Path) -> Result<(Format, File, Failed), OutputError> {
    let (format, failed) = (Format::of(path)?, failed(path));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    Ok((format, file, failed))
}

/// Where the whole rows of a file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// Length of what holds them in bytes.
    whole: u64,
    /// True where the last of them lacks the end of its line.
    open: bool,
}

impl End {
    /// Cuts off what is no whole row, and ends the last line.
    fn settle(self, file: &mut File) -> io::Result<()> {
        file.set_len(self.whole)?;
        file.seek(SeekFrom::Start(self.whole))?;
        if self.open { file.write_all(b"\n") } else { Ok(()) }
    }
}

/// Takes rows.
pub struct Output {
    path: PathBuf,
    columns: Vec<Column>,
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
        let sink = Sink::JsonLines(Box::new(BufWriter::new(io::stdout())));
        Self { path: "-".into(), columns: Vec::new(), sink }
    }

    /// Opens or makes a file with these columns (JSON Lines have none) for rows that `made` makes; a row that an interrupted run left
    /// half-written is cut off. Returns what the file holds already, too.
    ///
    /// # Errors
    /// [`OutputError`], when the file is no output, its rows were made otherwise, or another process writes it. It is then as it was.
    pub fn open(path: &Path, columns: Vec<Column>, made: &ScoredBy) -> Result<(Self, Known), OutputError> {
        let format = Format::of(path)?;
        let mut known = Known::default();
        if format == Format::Parquet && path.exists() {
            let found = File::open(path).map_err(Into::into).and_then(parquet_file::columns);
            check(path, &columns, &found.map_err(|error| foreign(failed(path)(error.to_string())))?)?;
            known.note(path, read(path)?, made)?;
        }
        let (growing, growing_format) = match format {
            Format::Parquet => (journal_of(path), Format::JsonLines),
            format => (path.to_owned(), format),
        };
        let of_file = |error: io::Error| failed(&growing)(error.to_string());
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&growing).map_err(of_file)?;
        // A file system that knows no locks has to be trusted.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(failed(&growing)("another process writes it".to_owned()));
        }
        let fresh = file.metadata().map_err(of_file)?.len() == 0;
        if growing_format == Format::Csv && !fresh {
            check(path, &columns, &csv_file::columns(&mut file).map_err(of_file)?)?;
        }
        let end = if growing_format == Format::Csv { csv_file::end(&mut file) } else { json_lines::end(&mut file) };
        let end = end.map_err(of_file)?;
        let whole = File::open(&growing).map_err(of_file)?.take(end.whole);
        let rows = match growing_format {
            Format::Csv => csv_file::read(whole, failed(&growing))?,
            Format::JsonLines | Format::Parquet => json_lines::read(whole, failed(&growing)),
        };
        known.note(&growing, rows, made)?;
        end.settle(&mut file).map_err(of_file)?;
        let sink = match format {
            Format::JsonLines => Sink::JsonLines(Box::new(BufWriter::new(file))),
            Format::Csv => {
                let mut writer = csv_file::writer(file);
                if fresh {
                    let header = columns.iter().map(|column| &column.name);
                    writer.write_record(header).map_err(|error| of_file(error.into()))?;
                }
                Sink::Csv(Box::new(writer))
            }
            Format::Parquet => Sink::Parquet { journal: BufWriter::new(file), journal_path: growing },
        };
        Ok((Self { path: path.to_owned(), columns, sink }, known))
    }

    /// Writes a row; it is in the file when this returns.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn write(&mut self, row: Row) -> Result<(), OutputError> {
        let written = match &mut self.sink {
            Sink::JsonLines(writer) => json_lines::write(writer, &row),
            Sink::Parquet { journal, .. } => json_lines::write(journal, &row),
            Sink::Csv(writer) => csv_file::write(writer, &self.columns, &row.into()).map_err(Into::into),
        };
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => OutputError::ReaderGone { path: self.path.clone() },
            _ => failed(&self.path)(error.to_string()),
        })
    }

    /// Ends the output; a Parquet file comes into being only now.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn finish(self) -> Result<(), OutputError> {
        let Sink::Parquet { journal, journal_path } = self.sink else { return Ok(()) };
        let path = self.path;
        let of_file = |error: io::Error| failed(&path)(error.to_string());
        let old = if path.exists() { Some(read(&path)?) } else { None };
        let new = json_lines::read(File::open(&journal_path).map_err(of_file)?, failed(&journal_path));
        // A run that ended between the last two steps here left its rows in both.
        let mut seen = HashSet::new();
        let rows = old.into_iter().flatten().chain(new);
        let rows = rows.filter(|row| row.as_ref().ok().is_none_or(|row| seen.insert(row.path().to_owned())));
        replace(&path, 0o666, |file| parquet_file::write(file, &self.columns, rows)).map_err(|error| match error {
            parquet_file::WriteError::Row(error) => error,
            parquet_file::WriteError::Parquet(error) => failed(&path)(error.to_string()),
            parquet_file::WriteError::Io(error) => of_file(error),
        })?;
        drop(journal);
        std::fs::remove_file(&journal_path).map_err(of_file)
    }
}

fn journal_of(path: &Path) -> PathBuf {
    path.with_extension("parquet.partial")
}

fn foreign(error: OutputError) -> OutputError {
    OutputError::Foreign(Box::new(error))
}

fn check(path: &Path, columns: &[Column], found: &[String]) -> Result<(), OutputError> {
    if found.iter().eq(columns.iter().map(|column| &column.name)) {
        return Ok(());
    }
    Err(OutputError::Columns { path: path.to_owned(), found: found.join(", ") })
}

/// What an output already holds.
#[derive(Default)]
pub struct Known {
    /// Paths of the photos that have a row.
    pub paths: HashSet<String>,
    /// Another build that made rows of it.
    pub other_build: Option<String>,
}

impl Known {
    fn note(&mut self, path: &Path, rows: Rows, made: &ScoredBy) -> Result<(), OutputError> {
        for row in rows {
            let row = row.map_err(foreign)?;
            let old = row.scored_by().ok_or_else(|| OutputError::Unrecorded { path: path.to_owned() })?;
            if let Some(differences) = made.differs_from(&old) {
                return Err(OutputError::Mixed { path: path.to_owned(), differences });
            }
            if old.build != made.build {
                self.other_build.get_or_insert(old.build);
            }
            self.paths.insert(row.path().to_owned());
        }
        Ok(())
    }
}

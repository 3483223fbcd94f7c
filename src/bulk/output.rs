//! Where rows go and come from: JSON Lines, CSV and Parquet. Rows that are there already are kept and reported, so that a run can be
//! resumed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::row::{Cell, Column, FlatRow, Kind, Row, ScoredBy};

/// Rows of a group in Parquet.
const GROUP: usize = 1 << 14;

/// Why an output cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The name does not end as one of a known format does.
    #[error("{path}: the name must end in .jsonl, .csv or .parquet")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// It has other columns.
    #[error("{path} has other columns than these scores ({found} are there); name another output")]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns that it has.
        found: String,
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
        Format::Csv => {
            let mut reader = csv::Reader::from_reader(file);
            let columns = reader.headers().map_err(|error| failed(error.to_string()))?.clone();
            Box::new(reader.into_records().map(move |record| {
                let record = record.map_err(|error| failed(error.to_string()))?;
                let cells = columns.iter().zip(&record);
                Ok(cells.map(|(column, text)| (column.to_owned(), Cell::Text(text.to_owned()))).collect())
            }))
        }
        Format::Parquet => {
            let reader = SerializedFileReader::new(file).map_err(|error| failed(error.to_string()))?;
            Box::new(RowIter::from_file_into(Box::new(reader)).map(move |row| {
                let row = row.map_err(|error| failed(error.to_string()))?;
                let cells = row.get_column_iter();
                Ok(cells.filter_map(|(column, field)| Some((column.clone(), cell(field)?))).collect())
            }))
        }
    })
}

/// What stands in a column of Parquet; older files have 32-bit counts.
fn cell(field: &Field) -> Option<Cell> {
    match field {
        Field::Str(text) => Some(Cell::Text(text.clone())),
        Field::Float(value) => Some(Cell::Real(*value)),
        Field::Int(count) => u64::try_from(*count).ok().map(Cell::Count),
        Field::Long(count) => u64::try_from(*count).ok().map(Cell::Count),
        Field::UInt(count) => Some(Cell::Count((*count).into())),
        Field::ULong(count) => Some(Cell::Count(*count)),
        _ => None,
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

    /// Opens or makes a file with these columns (JSON Lines have none); a row that an interrupted run left half-written is cut
    /// off. Returns what the file holds already, too.
    ///
    /// # Errors
    /// [`OutputError`], among others when another process writes the same file.
    pub fn open(path: &Path, columns: Vec<Column>) -> Result<(Self, Known), OutputError> {
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
        if format == Format::Csv && !fresh {
            let mut reader = csv::Reader::from_path(path).map_err(|error| failed(error.into()))?;
            let header = reader.headers().map_err(|error| failed(error.into()))?;
            if !header.iter().eq(columns.iter().map(|column| column.name.as_str())) {
                let found = header.iter().collect::<Vec<_>>().join(", ");
                return Err(OutputError::Columns { path: growing, found });
            }
        }
        let sink = match format {
            Format::JsonLines => Sink::JsonLines(Box::new(BufWriter::new(file))),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                if fresh {
                    let header = columns.iter().map(|column| &column.name);
                    writer.write_record(header).map_err(|error| failed(error.into()))?;
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
                let row = FlatRow::from(row);
                let cells = self.columns.iter().map(|column| row.cell(&column.name).map_or_else(String::new, in_csv));
                writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
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
        let rows = rows.filter(|row| row.as_ref().ok().is_none_or(|row| seen.insert(row.path().to_owned())));
        // Beside the old one and renamed over it: whoever reads it meanwhile sees a whole file.
        let whole = path.with_extension("parquet.new");
        write_parquet(&whole, &self.columns, rows).map_err(|error| match error {
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
    columns: &[Column],
    mut rows: impl Iterator<Item = Result<FlatRow, OutputError>>,
) -> Result<(), ParquetError> {
    let fields =
        columns.iter().map(|column| Ok(Arc::new(parquet_column(column)?))).collect::<Result<_, ParquetError>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut writer = SerializedFileWriter::new(File::create(path)?, schema, properties)?;
    loop {
        let group = rows.by_ref().take(GROUP).collect::<Result<Vec<FlatRow>, OutputError>>()?;
        if group.is_empty() {
            break;
        }
        let mut group_writer = writer.next_row_group()?;
        for Column { name, kind } in columns {
            let cells = group.iter().map(|row| row.cell(name));
            match kind {
                Kind::Text => {
                    let text = |cell: &Cell| cell.text().map(ByteArray::from);
                    write_column::<ByteArrayType>(&mut group_writer, cells.map(|cell| text(cell?)))?;
                }
                Kind::Real => {
                    write_column::<FloatType>(&mut group_writer, cells.map(|cell| cell?.number()))?;
                }
                Kind::Count => {
                    let count = |cell: &Cell| cell.count().and_then(|count| i64::try_from(count).ok());
                    write_column::<Int64Type>(&mut group_writer, cells.map(|cell| count(cell?)))?;
                }
            }
        }
        group_writer.close()?;
    }
    writer.close()?;
    Ok(())
}

fn parquet_column(Column { name, kind }: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match kind {
        Kind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Real => (PhysicalType::FLOAT, None),
        Kind::Count => (PhysicalType::INT64, None),
    };
    let column = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(column.with_logical_type(logical).build()?)
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = cells.collect();
    // One where there is a value, zero where the cell is empty.
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    let missing = || parquet::errors::ParquetError::General("there are more columns than in the schema".into());
    let mut writer = group.next_column()?.ok_or_else(missing)?;
    writer.typed::<T>().write_batch(&values, Some(&levels), None)?;
    writer.close()?;
    Ok(())
}

/// Numbers are written in the fewest digits from which the same number is read again.
fn in_csv(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Real(value) => serde_json::to_string(value).unwrap_or_default(),
        Cell::Count(count) => count.to_string(),
    }
}

/// Paths and versions that an output already holds.
#[derive(Default)]
pub struct Known {
    /// Paths of the photos that have a row.
    pub paths: HashSet<String>,
    /// Profile and model versions of the first row with scores.
    pub scored_by: Option<ScoredBy>,
}

impl Known {
    fn note(&mut self, rows: Rows) -> Result<(), OutputError> {
        for row in rows {
            let row = row?;
            if self.scored_by.is_none() {
                self.scored_by = row.scored_by();
            }
            self.paths.insert(row.path().to_owned());
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

//! Rows as Parquet.

use std::fs::File;
use std::io;
use std::sync::Arc;

use clearshot_core::guard::{Panicked, guarded};
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

use super::{Failed, Items, OutputError, Rows};
use crate::bulk::row::{Cell, Column, FlatRow, Kind};

/// Rows of a group.
const GROUP: usize = 1 << 14;
/// Up to here a double holds every whole number.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// The rows of a file. The reader panics on some malformed files; that is an error like others, and the last of the rows.
pub(super) fn read(file: File, failed: Failed) -> Result<Rows, OutputError> {
    rows(file, failed, |_| None)
}

/// The paths of a file's rows; no other column is read.
pub(super) fn paths(file: File, failed: Failed) -> Result<Items<String>, OutputError> {
    let only_path = |schema: &Type| {
        let path = schema.get_fields().iter().find(|field| field.name() == "path")?;
        Type::group_type_builder(schema.name()).with_fields(vec![Arc::clone(path)]).build().ok()
    };
    let rows = rows(file, failed, only_path)?;
    Ok(Box::new(rows.map(|row| Ok(row?.path().to_owned()))))
}

/// Rows with the columns that `select` chooses of the schema; with all where it chooses none.
fn rows(file: File, failed: Failed, select: fn(&Type) -> Option<Type>) -> Result<Rows, OutputError> {
    let rows = open(file).and_then(|reader| {
        let columns = select(reader.metadata().file_metadata().schema());
        let rows = guarded(|| RowIter::from_file_into(Box::new(reader)).project(columns));
        rows.unwrap_or_else(|Panicked| Err(malformed()))
    });
    let mut rows = rows.map_err(|error| failed(error.to_string()))?;
    let mut ended = false;
    Ok(Box::new(std::iter::from_fn(move || {
        let row = if ended { None } else { guarded(|| rows.next()).unwrap_or_else(|Panicked| Some(Err(malformed()))) };
        let row = row.map(|row| row.map_err(|error| failed(error.to_string())));
        ended = !matches!(row, Some(Ok(_)));
        Some(row?.map(|row| {
            let cells = row.get_column_iter();
            cells.filter_map(|(column, field)| Some((column.clone(), cell(field)?))).collect()
        }))
    })))
}

fn open(file: File) -> Result<SerializedFileReader<File>, ParquetError> {
    guarded(|| SerializedFileReader::new(file)).unwrap_or_else(|Panicked| Err(malformed()))
}

fn malformed() -> ParquetError {
    ParquetError::General("it is malformed".into())
}

/// The names of a file's columns.
pub(super) fn columns(file: File) -> Result<Vec<String>, ParquetError> {
    let reader = open(file)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    Ok(schema.columns().iter().map(|column| column.path().string()).collect())
}

/// What stands in a column of Parquet; older files have 32-bit counts. Other tools that write a file anew (pandas) keep counts beside
/// empty cells as doubles, and an empty cell may be no number.
fn cell(field: &Field) -> Option<Cell> {
    match field {
        Field::Str(text) => Some(Cell::Text(text.clone())),
        Field::Float(value) if value.is_nan() => None,
        Field::Double(value) if value.is_nan() => None,
        Field::Float(value) => Some(Cell::Real(*value)),
        // Whichever kind its column is of: a count is read as the same real number.
        Field::Double(value) if value.fract() == 0.0 && (0.0..=WHOLE).contains(value) => {
            Some(Cell::Count(*value as u64))
        }
        Field::Double(value) => Some(Cell::Real(*value as f32)),
        Field::Int(count) => u64::try_from(*count).ok().map(Cell::Count),
        Field::Long(count) => u64::try_from(*count).ok().map(Cell::Count),
        Field::UInt(count) => Some(Cell::Count((*count).into())),
        Field::ULong(count) => Some(Cell::Count(*count)),
        _ => None,
    }
}

/// Why rows cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// A row cannot be read.
    #[error(transparent)]
    Row(#[from] OutputError),
    /// It does not fit its column.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// The file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes a whole file.
pub(super) fn write(
    file: &mut File,
    columns: &[Column],
    mut rows: impl Iterator<Item = Result<FlatRow, OutputError>>,
) -> Result<(), WriteError> {
    let fields =
        columns.iter().map(|column| Ok(Arc::new(parquet_column(column)?))).collect::<Result<_, ParquetError>>()?;
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut writer = SerializedFileWriter::new(file, schema, properties)?;
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
    column.with_logical_type(logical).build()
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, &mut File>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = cells.collect();
    // One where there is a value, zero where the cell is empty.
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    let missing = || ParquetError::General("there are more columns than in the schema".into());
    let mut writer = group.next_column()?.ok_or_else(missing)?;
    writer.typed::<T>().write_batch(&values, Some(&levels), None)?;
    writer.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::data_type::DoubleType;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::bulk::output;

    #[test]
    fn counts_that_another_tool_wrote_as_doubles_are_counts() {
        let columns = "optional double width; optional double turn; optional double blur; optional double tilt;";
        let schema = parse_message_type(&format!("message any {{ {columns} }}")).expect("a schema");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("results.parquet");
        let file = File::create(&path).expect("it is made");
        let mut writer = SerializedFileWriter::new(file, schema.into(), Arc::default()).expect("it is made");
        let mut group = writer.next_row_group().expect("a group");
        for value in [640.0, f64::NAN, 0.25, -2.0] {
            let mut column = group.next_column().expect("a column").expect("a column");
            column.typed::<DoubleType>().write_batch(&[value], Some(&[1]), None).expect("it is written");
            column.close().expect("it ends");
        }
        group.close().expect("it ends");
        writer.close().expect("it ends");
        let row = output::read(&path).expect("it is Parquet").next().expect("one row").expect("it is sound");
        let wanted = [Some(Cell::Count(640)), None, Some(Cell::Real(0.25)), Some(Cell::Real(-2.0))];
        assert_eq!(["width", "turn", "blur", "tilt"].map(|column| row.cell(column).cloned()), wanted);
    }

    #[test]
    fn a_malformed_file_is_an_error_and_no_panic() {
        let sound = std::fs::read("tests/fixtures/results/three_metrics.parquet").expect("the fixture is there");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("results.parquet");
        for at in (0..sound.len()).step_by(5) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0xFF;
            std::fs::write(&path, bytes).expect("it is written");
            if let Ok(rows) = output::read(&path) {
                rows.take(100).take_while(Result::is_ok).for_each(drop);
            }
        }
    }
}

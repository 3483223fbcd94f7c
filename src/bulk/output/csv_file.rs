//! Rows as CSV. Names of files come from strangers, and a spreadsheet takes a cell that begins like a formula for one: text that
//! does gets a quote before it (as OWASP has it, "CSV Injection"), which reading takes off again. Text is in quotation marks, so that
//! a program which parts cells by another sign finds none within.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use csv::{QuoteStyle, ReaderBuilder, StringRecord, Writer, WriterBuilder};

use super::{End, Failed, Items, OutputError, Rows};
use crate::bulk::row::{Cell, Column, FlatRow};
use crate::bulk::scored_by::ScoredBy;

/// With these a formula begins, in Latin letters and in full width.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// True for text that would be taken for a formula, and for such text with quotes before it already, which would be taken for what
/// was written here.
fn is_like_a_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// Text that no spreadsheet takes for a formula.
pub(in crate::bulk) fn escaped(text: &str) -> String {
    let quote = if is_like_a_formula(text) { "'" } else { "" };
    format!("{quote}{text}")
}

/// The text that a cell stands for: [`escaped`], undone.
pub(in crate::bulk) fn unescaped(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_like_a_formula(cell)).unwrap_or(cell)
}

/// Numbers are written in the fewest digits from which the same number is read again.
fn text_of(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escaped(text),
        Cell::Real(value) => serde_json::to_string(value).unwrap_or_default(),
        Cell::Count(count) => count.to_string(),
    }
}

/// The rows of a file.
pub(super) fn read(file: impl Read + 'static, failed: Failed) -> Result<Rows, OutputError> {
    records(file, failed, |columns, record| {
        let cells = columns.iter().zip(record);
        cells.map(|(column, text)| (column.to_owned(), Cell::Text(unescaped(text).to_owned()))).collect()
    })
}

/// The paths of a file's rows.
pub(super) fn paths(file: impl Read + 'static, failed: Failed) -> Result<Items<String>, OutputError> {
    records(file, failed, |columns, record| {
        let path = columns.iter().zip(record).find(|(column, _)| *column == "path");
        path.map(|(_, text)| unescaped(text).to_owned()).unwrap_or_default()
    })
}

/// What `take` makes of the columns and each record.
fn records<T: 'static>(
    file: impl Read + 'static,
    failed: Failed,
    take: fn(&StringRecord, &StringRecord) -> T,
) -> Result<Items<T>, OutputError> {
    let mut reader = csv::Reader::from_reader(file);
    let columns = reader.headers().map_err(|error| failed(error.to_string()))?.clone();
    Ok(Box::new(reader.into_records().map(move |record| {
        let record = record.map_err(|error| failed(error.to_string()))?;
        Ok(take(&columns, &record))
    })))
}

/// The names of a file's columns; none of an empty file.
pub(super) fn columns(file: &mut File) -> io::Result<Vec<String>> {
    file.rewind()?;
    let header = csv::Reader::from_reader(file).byte_headers()?.clone();
    Ok(header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// Where the whole rows of a file with our columns end: a last line without its end may be a whole row or half of one.
pub(super) fn end(file: &mut File) -> io::Result<End> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut last = [0];
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if length == 0 || last == *b"\n" {
        return Ok(End { whole: length, open: false });
    }
    file.rewind()?;
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(&mut *file);
    let columns = reader.byte_headers()?.len();
    let (mut start, mut whole, mut record) = (length, true, csv::ByteRecord::new());
    while reader.read_byte_record(&mut record)? {
        start = record.position().map_or(length, csv::Position::byte);
        whole = record.len() == columns && record.iter().next_back().is_some_and(ScoredBy::is_whole);
    }
    let mut row = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length - start).read_to_end(&mut row)?;
    // Of a cell that lacks nothing but the quotation mark at its end, these do not pair.
    let paired = row.iter().filter(|byte| **byte == b'"').count() % 2 == 0;
    Ok(if whole && paired { End { whole: length, open: true } } else { End { whole: start, open: false } })
}

/// Writes rows to the end of a file.
pub(super) fn writer(file: File) -> Writer<File> {
    WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(file)
}

/// Writes a row; it is in the file when this returns.
pub(super) fn write(writer: &mut Writer<File>, columns: &[Column], row: &FlatRow) -> csv::Result<()> {
    writer.write_record(columns.iter().map(|column| row.cell(&column.name).map_or_else(String::new, text_of)))?;
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_escaped_is_no_formula_and_comes_back(text in "['=+@\t\r\n＝-]{0,3}.{0,10}") {
            let cell = escaped(&text);
            prop_assert!(!cell.starts_with(FORMULA), "{cell:?}");
            prop_assert_eq!(unescaped(&cell), text);
        }
    }

    #[test]
    fn a_row_is_whole_or_cut_off_wherever_it_was_interrupted() {
        let columns = crate::bulk::row::columns(&["blur"], &[]);
        let row = |path: &str| -> FlatRow {
            let made = ["1.0", "any", "1/2/3/4/5", "0123456789abcdef", "default:0123456789abcdef"];
            let made = ScoredBy::COLUMNS.iter().zip(made).map(|(name, text)| ((*name).to_owned(), text));
            let cells = [("path", path), ("problem", "any"), ("detail", "of \"some\" kind, or other")];
            let cells = cells.map(|(name, text)| (name.to_owned(), text)).into_iter().chain(made);
            cells.map(|(name, text)| (name, Cell::Text(text.to_owned()))).collect()
        };
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut writer = writer(file.reopen().expect("it is there"));
        writer.write_record(columns.iter().map(|column| &column.name)).expect("it is written");
        write(&mut writer, &columns, &row("first\nand a line")).expect("it is written");
        let first = file.as_file().metadata().expect("it is there").len();
        write(&mut writer, &columns, &row("second, \"quoted\", ü")).expect("it is written");
        drop(writer);
        let all = std::fs::read(file.path()).expect("it is there");
        for cut in first as usize..=all.len() {
            let mut cut_off = tempfile::tempfile().expect("a file");
            io::Write::write_all(&mut cut_off, &all[..cut]).expect("it is written");
            let end = end(&mut cut_off).expect("it is read");
            let without_its_end = all.len() - 1;
            let wanted = if cut < without_its_end { first } else { cut as u64 };
            assert_eq!(end, End { whole: wanted, open: cut == without_its_end }, "{cut} of {}", all.len());
        }
    }

    #[test]
    fn harmless_text_and_numbers_stay_as_they_are() {
        for text in ["photos/a.jpg", "'tis.jpg", "a=b", "", "1+1"] {
            assert_eq!((escaped(text).as_str(), unescaped(text)), (text, text));
        }
        assert_eq!([text_of(&Cell::Real(-0.5)), text_of(&Cell::Text("-0.5".into()))], ["-0.5", "'-0.5"]);
        assert_eq!(unescaped("-0.5"), "-0.5");
    }
}

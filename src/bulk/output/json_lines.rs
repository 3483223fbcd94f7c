//! Rows as JSON Lines: the objects that the service answers with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use serde::Deserialize;
use serde_json::error::Category;

use super::{End, Failed, Items, Rows};
use crate::bulk::row::Row;

/// What a row begins with.
const BEGINNING: &[u8] = br#"{"path":"#;

/// The rows of a file.
pub(super) fn read(file: impl Read + 'static, failed: Failed) -> Rows {
    lines(file, failed, |line| Ok(parse(line)?.into()))
}

/// What of a row says which photo it is of.
#[derive(Deserialize)]
struct Photo {
    path: String,
}

/// The paths of a file's rows, of which nothing else is looked at.
pub(super) fn paths(file: impl Read + 'static, failed: Failed) -> Items<String> {
    lines(file, failed, |line| Ok(serde_json::from_slice::<Photo>(line)?.path))
}

fn lines<T>(file: impl Read + 'static, failed: Failed, parse: fn(&[u8]) -> Result<T, RowError>) -> Items<T>
where
    T: 'static,
{
    Box::new(BufReader::new(file).split(b'\n').enumerate().map(move |(index, line)| {
        let line = line.map_err(|error| failed(error.to_string()))?;
        parse(&line).map_err(|error| failed(format!("line {}: {error}", index + 1)))
    }))
}

#[derive(Debug, thiserror::Error)]
enum RowError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it is no result of `clearshot score`")]
    Foreign,
}

fn parse(line: &[u8]) -> Result<Row, RowError> {
    let row: Row = serde_json::from_slice(line)?;
    if row.assessment.is_some() == row.problem.is_some() { Err(RowError::Foreign) } else { Ok(row) }
}

/// Where the whole rows of a file end. Only what an interrupted run can have left is taken for half a row; anything else is for
/// [`read`] to refuse.
pub(super) fn end(file: &mut File) -> io::Result<End> {
    let (start, last) = last_line(file)?;
    let length = start + last.len() as u64;
    let begun = BEGINNING.starts_with(&last) || last.starts_with(BEGINNING);
    Ok(match parse(&last) {
        _ if last.is_empty() => End { whole: start, open: false },
        Err(RowError::Json(error)) if error.classify() == Category::Eof && begun => End { whole: start, open: false },
        _ => End { whole: length, open: true },
    })
}

/// Where the last line begins, and what it holds; it is empty where the file ends with a line's end.
fn last_line(file: &mut File) -> io::Result<(u64, Vec<u8>)> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut start = length;
    let mut chunk = [0; 8192];
    while start > 0 {
        let before = start.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(start - before) as usize];
        file.seek(SeekFrom::Start(before))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            start = before + at as u64 + 1;
            break;
        }
        start = before;
    }
    let mut last = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length - start).read_to_end(&mut last)?;
    Ok((start, last))
}

/// Writes a row; it is in the file when this returns.
pub(super) fn write(writer: &mut dyn Write, row: &Row) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, row)?;
    writer.write_all(b"\n")?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_run_left_half_written_is_no_part_of_the_whole() {
        let row = r#"{"path":"a.jpg","problem":{"code":"any","detail":"any"}}"#;
        let long = format!(r#"{{"path":"{}"#, "x".repeat(20_000));
        for (last, is_half) in [
            ("", false),
            ("{", true),
            (r#"{"path":"a.j"#, true),
            (&long, true),
            (&row[..row.len() - 1], true),
            // A row that lacks nothing but the end of its line.
            (row, false),
            ("somebody's notes", false),
            (r#"{"name": "a.jp"#, false),
            (r#"{"path":"a.jpg"}"#, false),
        ] {
            for before in [String::new(), format!("{row}\n"), format!("{row}\n").repeat(300)] {
                let mut file = tempfile::tempfile().expect("a file");
                file.write_all(format!("{before}{last}").as_bytes()).expect("it is written");
                let End { whole, open } = end(&mut file).expect("it is read");
                let wanted = before.len() + if is_half { 0 } else { last.len() };
                assert_eq!((whole, open), (wanted as u64, !is_half && !last.is_empty()), "{last:?}");
                assert_eq!(file.metadata().expect("it is there").len(), (before.len() + last.len()) as u64);
            }
        }
    }
}

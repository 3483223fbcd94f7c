//! `clearshot duplicates`: which photos of results show the same, over millions of rows. Results are read three times: for rows that
//! later ones replace, for the hashes, and for the paths of those photos that are in a group; what is held is the hashes.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use clearshot_core::duplicates::groups;
use clearshot_core::scene_hash::SceneHash;
use clearshot_core::scoring::listing::rank_of_copy;
use clearshot_core::scoring::verdict::Verdict;
use csv::Writer;

use super::config::DuplicatesConfig;
use super::error::BulkError;
use super::output;
use super::results::Results;
use super::row::FlatRow;
use crate::replace::replace;
use crate::words::how_many;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Rows with a hash.
    pub photos: usize,
    /// Rows without: not scored, or by a version that had none.
    pub without_hash: usize,
    /// Groups of two or more.
    pub groups: usize,
    /// Photos that another one of their group is better than.
    pub to_drop: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { photos, without_hash, groups, to_drop } = self;
        let (photos, groups) = (how_many(*photos, "photo"), how_many(*groups, "group"));
        write!(f, "{photos}, {groups} in which all show the same, {to_drop} to drop")?;
        if *without_hash > 0 {
            let rows = how_many(*without_hash, "row");
            write!(f, "; {rows} without a hash: not scored, or by an older version")?;
        }
        Ok(())
    }
}

/// How good a photo is among copies of it: the smaller, the better.
fn rank(row: &FlatRow) -> u64 {
    let is_said = |verdict: &Verdict| row.text_of("verdict") == Some(verdict.name());
    let verdict = [Verdict::Pass, Verdict::Unsure].into_iter().find(is_said).unwrap_or(Verdict::Fail);
    let number = |column: &str| row.number_of(column).unwrap_or_default();
    rank_of_copy(verdict, number("quality") as u8, (number("width") as u64).saturating_mul(number("height") as u64))
}

/// Groups the photos of results and writes who is in which group, as CSV: `group`, `keep` (`yes` or `no`) and `path`.
///
/// # Errors
/// [`BulkError`] when results cannot be read or are empty, or the groups cannot be written.
pub fn duplicates(config: &DuplicatesConfig) -> Result<Found, BulkError> {
    let (mut photos, mut rows) = (Vec::<(u64, u32, SceneHash)>::new(), 0u32);
    let results = Results::with_rows(&config.results)?;
    for row in results.rows() {
        let row = row?;
        if let Some(hash) = row.scene_hash() {
            photos.push((rank(&row), rows, hash));
        }
        rows = rows.checked_add(1).ok_or(BulkError::TooManyRows)?;
    }
    // The best first, then as the results have them.
    photos.sort_unstable_by_key(|(rank, row, _)| (*rank, *row));
    let hashes: Vec<SceneHash> = photos.iter().map(|(_, _, hash)| *hash).collect();
    let rows_of: Vec<u32> = photos.iter().map(|(_, row, _)| *row).collect();
    let found_photos = hashes.len();
    drop(photos);
    let groups = groups(&hashes);
    drop(hashes);
    // Row, group and place in the group; looked up as the rows come again.
    let mut members: Vec<(u32, u32, u32)> = Vec::new();
    for (number, group) in (0u32..).zip(&groups) {
        members.extend((0u32..).zip(group).map(|(place, photo)| (rows_of[*photo], number, place)));
    }
    members.sort_unstable();
    let mut named: Vec<(u32, u32, String)> = Vec::with_capacity(members.len());
    let mut next = members.iter().peekable();
    for (row, number) in results.rows().zip(0u32..) {
        let row = row?;
        if let Some((_, group, place)) = next.next_if(|(member, _, _)| *member == number) {
            named.push((*group, *place, row.path().to_owned()));
        }
    }
    named.sort_unstable();
    write(config.output.as_ref(), &named)?;
    Ok(Found {
        photos: found_photos,
        without_hash: rows as usize - found_photos,
        groups: groups.len(),
        to_drop: named.len() - groups.len(),
    })
}

const HEADER: [&str; 3] = ["group", "keep", "path"];

fn write(output: Option<&PathBuf>, named: &[(u32, u32, String)]) -> Result<(), BulkError> {
    let Some(path) = output else {
        return match rows(io::stdout().lock(), named) {
            Err(error) if is_reader_gone(&error) => Ok(()),
            written => written.map_err(|error| BulkError::Groups { path: "-".into(), reason: error.to_string() }),
        };
    };
    let failed = |reason: String| BulkError::Groups { path: path.clone(), reason };
    // Only groups are written over.
    if path.exists() {
        let header = csv::Reader::from_path(path).and_then(|mut there| Ok(there.headers()?.clone()));
        if !header.is_ok_and(|header| header.is_empty() || header.iter().eq(HEADER)) {
            return Err(failed("it holds no groups, and is left as it is: name another file".to_owned()));
        }
    }
    replace(path, 0o666, |file| rows(file, named)).map_err(|error: csv::Error| failed(error.to_string()))
}

/// True where whoever reads standard output has seen enough.
fn is_reader_gone(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
}

fn rows(file: impl Write, named: &[(u32, u32, String)]) -> Result<(), csv::Error> {
    let mut writer = Writer::from_writer(file);
    writer.write_record(HEADER)?;
    for (group, place, path) in named {
        let keep = if *place == 0 { "yes" } else { "no" };
        writer.write_record([group.to_string().as_str(), keep, &output::escaped(path)])?;
    }
    Ok(writer.flush()?)
}

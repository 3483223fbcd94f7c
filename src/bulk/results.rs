//! Results of one or several outputs taken together, each photo once. Outputs of two runs over one folder hold the same photos: counted
//! twice, they would promise what half as many photos cannot, and a photo would be a copy of itself. Of rows with the same path the
//! last one counts.
//!
//! Which rows are replaced is found in a pass of its own over the paths, so that no row is held: 16 bytes for each while that lasts (up
//! to twice as many as the list grows), then 8 for each that is replaced.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::BulkError;
use super::output::{self, Items, OutputError};
use super::row::FlatRow;
use crate::words::how_many;

/// Bits that number a row: more rows than fit into memory. The 88 others of an entry are of its path's digest: that two paths of a
/// billion share them has a probability of one in half a billion.
const NUMBER: u32 = 40;

/// Results of which each photo has one row.
pub(super) struct Results {
    files: Vec<PathBuf>,
    /// Rows that are replaced, ascending; numbered from 0 on through all files.
    replaced: Vec<u64>,
}

impl Results {
    /// Takes outputs together, and says on standard error how many of their rows are replaced by later ones.
    ///
    /// # Errors
    /// [`OutputError`] when a file cannot be read.
    pub(super) fn of(files: &[impl AsRef<Path>]) -> Result<Self, OutputError> {
        let files: Vec<PathBuf> = files.iter().map(|file| file.as_ref().to_owned()).collect();
        let replaced = replaced(files.iter().flat_map(|file| each(output::paths(file))))?;
        if !replaced.is_empty() {
            let whose = match files.as_slice() {
                [file] => file.display().to_string(),
                files => format!("these {} results", files.len()),
            };
            let (rows, are) = (how_many(replaced.len(), "row"), if replaced.len() == 1 { "is" } else { "are" });
            let said =
                format!("{rows} of {whose} {are} left out: a later row has the same path, and the last one counts\n");
            // Whoever closed standard error does not want to know.
            let _ = io::stderr().write_all(said.as_bytes());
        }
        Ok(Self { files, replaced })
    }

    /// Takes outputs together of which at least one holds a row: what comes of none would pass for an answer, though the output may
    /// never have been written. One alone may be empty, as of a shard that no photo belongs to.
    ///
    /// # Errors
    /// [`BulkError`] when a file cannot be read, or none holds a row.
    pub(super) fn with_rows(files: &[impl AsRef<Path>]) -> Result<Self, BulkError> {
        let results = Self::of(files)?;
        if results.rows().next().is_none() {
            return Err(BulkError::NoRows { results: results.files });
        }
        Ok(results)
    }

    /// The rows that count, in their order; the same at each call.
    pub(super) fn rows(&self) -> impl Iterator<Item = Result<FlatRow, OutputError>> {
        let mut replaced = self.replaced.iter().peekable();
        let rows = self.files.iter().flat_map(|file| each(output::read(file)));
        rows.zip(0u64..)
            .filter(move |(_, number)| replaced.next_if(|next| *next == number).is_none())
            .map(|(row, _)| row)
    }
}

/// The items of a file, or why there are none.
fn each<T: 'static>(items: Result<Items<T>, OutputError>) -> Items<T> {
    items.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
}

/// The numbers of the rows whose path comes again later, ascending.
fn replaced(paths: impl Iterator<Item = Result<String, OutputError>>) -> Result<Vec<u64>, OutputError> {
    let mut entries = Vec::new();
    for (path, number) in paths.zip(0u64..) {
        let path = path?;
        // Rows of foreign tables have no path.
        if !path.is_empty() {
            entries.push(entry(&path, number));
        }
    }
    entries.sort_unstable();
    let comes_again = |pair: &&[u128]| pair[0] >> NUMBER == pair[1] >> NUMBER;
    let number = |entry: u128| (entry & ((1 << NUMBER) - 1)) as u64;
    let mut replaced: Vec<u64> = entries.windows(2).filter(comes_again).map(|pair| number(pair[0])).collect();
    replaced.sort_unstable();
    Ok(replaced)
}

/// Digest and number in one integer, so that sorting brings the same paths together, in their order.
fn entry(path: &str, number: u64) -> u128 {
    let mut digest = [0; 16];
    digest.copy_from_slice(&Sha256::digest(path.as_bytes())[..16]);
    (u128::from_be_bytes(digest) >> NUMBER << NUMBER) | u128::from(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_of_a_path_but_the_last_are_replaced() {
        let found = |paths: &[&str]| replaced(paths.iter().map(|path| Ok((*path).to_owned()))).expect("they are read");
        assert_eq!(found(&["a", "b", "a", "c", "a", "b"]), [0, 1, 2]);
        assert_eq!(found(&["a", "b", "A", "./a"]), [0; 0]);
        assert_eq!(found(&["", "", "a", ""]), [0; 0], "rows without a path are not the same photo");
    }
}

//! Why a bulk run ends, and why a photo of it cannot be read.

use std::path::PathBuf;

use clearshot_core::load::LoadError;
use clearshot_core::scoring::profile::Profiles;

use super::decisions::{DecisionsError, StrangersError};
use super::output::OutputError;
use super::tune::TuneError;

/// Why a bulk run ended.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// There is no profile of that name.
    #[error("there is no profile `{name}`, but {}", known.join(", "))]
    UnknownProfile {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The models fail on whatever they are given.
    #[error(
        "the models failed on {in_a_row} photos in a row and on a picture that is known to be sound ({reason}): the device \
         may be lost, or its memory taken. The rows that were written are kept: with --output, the same command goes on from there"
    )]
    ModelsFail {
        /// How many photos they failed on.
        in_a_row: usize,
        /// What they said of the last.
        reason: String,
    },
    /// The contact sheet cannot be written.
    #[error("cannot write {path}: {reason}")]
    Sheet {
        /// The sheet.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Groups of duplicates cannot be written.
    #[error("cannot write {path}: {reason}")]
    Groups {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There are more rows than can be grouped.
    #[error("there are more than {} rows: group parts of them", u32::MAX)]
    TooManyRows,
    /// The output cannot be read or written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The decisions cannot be read.
    #[error(transparent)]
    Decisions(#[from] DecisionsError),
    /// The decisions are on none of the results' photos.
    #[error(transparent)]
    Strangers(#[from] StrangersError),
    /// Results are empty: they may never have been written.
    #[error("{} no row: there is nothing to compare", holders(results))]
    NoRows {
        /// The files.
        results: Vec<PathBuf>,
    },
    /// No profile comes of the decisions.
    #[error(transparent)]
    Tune(#[from] TuneError),
    /// Models, profiles or ONNX Runtime cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl BulkError {
    /// There is no profile of that name among these.
    pub(super) fn unknown_profile(name: &str, profiles: &Profiles) -> Self {
        let known = profiles.iter().map(|profile| profile.name.to_string()).collect();
        Self::UnknownProfile { name: name.to_owned(), known }
    }
}

/// Results as what holds something.
fn holders(results: &[PathBuf]) -> String {
    match results {
        [file] => format!("{} holds", file.display()),
        files => format!("these {} results hold", files.len()),
    }
}

/// Why a photo's bytes are not there.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is larger than the limit.
    #[error("The file is larger than {limit} bytes.")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Its name does not say that it is a photo, nor does its content.
    #[error("It is no photo.")]
    NoPhoto,
    /// It cannot be read, now; it may be another time.
    #[error("{0}")]
    Unreadable(String),
}

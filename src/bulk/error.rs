//! Why a bulk run ends, and why a photo of it cannot be read.

use std::path::PathBuf;

use clearshot_core::load::LoadError;

use super::output::OutputError;

/// Why a bulk run ended.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// There is no profile of that name.
    #[error("there is no profile `{0}`")]
    UnknownProfile(String),
    /// Photos cannot be listed.
    #[error("cannot list {path}: {reason}")]
    List {
        /// What was to be listed.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The output holds scores that would not compare with new ones.
    #[error("{path} holds scores of {old}, these would be of {new}; name another output")]
    Mixed {
        /// The output.
        path: PathBuf,
        /// Profile and models of the rows that are there.
        old: String,
        /// Profile and models of this run.
        new: String,
    },
    /// The contact sheet cannot be written.
    #[error("cannot write {path}: {reason}")]
    Sheet {
        /// The sheet.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The output cannot be read or written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Models, profiles or ONNX Runtime cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
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
    /// It cannot be read, now; it may be another time.
    #[error("{0}")]
    Unreadable(String),
}

//! `clearshot key`: makes a key and adds its hash to a file.

use std::fs::File;
use std::io::{self, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;
use clearshot_core::digest::{hex, sha256_hex};
use clearshot_core::name::Name;

use super::{Entry, Key, KeyError, KeyFile, VERSION, read};
use crate::replace::{folder, replace, target};

/// The key to make.
#[derive(Debug, Args)]
pub struct KeyConfig {
    /// Names whoever gets the key, in logs and metrics.
    pub name: Name,
    /// File of keys; made if it is not there.
    #[arg(long, env = "CLEARSHOT_KEYS", value_name = "FILE")]
    pub keys: PathBuf,
    /// Most photos a minute [default: no limit]. One with its tiles counts as two, a correction as ten.
    #[arg(long, alias = "requests-per-minute")]
    pub photos_per_minute: Option<NonZeroU32>,
    /// Most photos at once after a pause [default: a minute's worth].
    #[arg(long, requires = "photos_per_minute")]
    pub burst: Option<NonZeroU32>,
    /// Most requests under way at a time [default: half of the service's --max-in-flight].
    #[arg(long)]
    pub concurrent: Option<NonZeroUsize>,
}

/// Why a key cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The file that is there is not sound, or the new entry is not.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// The file cannot be written.
    #[error("cannot write the keys in {path}: {cause}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Makes a key of 256 random bits and adds its hash to the file, which is made, for its owner alone, if it is not there. The key
/// itself is kept nowhere. A file that is there keeps its mode and owner, and a link to it stays a link.
///
/// # Errors
/// [`AddError`].
pub fn add(config: &KeyConfig) -> Result<String, AddError> {
    let KeyConfig { name, keys: path, photos_per_minute, burst, concurrent } = config;
    let invalid = |reason: String| KeyError::Invalid { path: path.clone(), reason };
    let unwritable = |cause: io::Error| AddError::Unwritable { path: path.clone(), cause };
    let target = target(path).map_err(unwritable)?;
    // Whoever adds a key at the same time waits, as the one would lose the other's. The folder is what stays while the file is
    // replaced. A file system that knows no locks has to be trusted.
    let folder = File::open(folder(&target)).map_err(unwritable)?;
    let _ = folder.lock();
    let mut file = if path.exists() { read(path)? } else { KeyFile { version: VERSION, keys: Vec::new() } };
    if file.keys.iter().any(|key| key.name == *name) {
        let remedy = "choose another name, or delete that entry, which revokes the old key";
        return Err(invalid(format!("key `{name}` is there already: {remedy}")).into());
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(AddError::Random)?;
    // The prefix lets scanners for leaked secrets know it.
    let key = format!("clearshot_{}", hex(&random));
    let entry = Entry {
        name: name.clone(),
        sha256: sha256_hex(key.as_bytes()),
        photos_per_minute: *photos_per_minute,
        burst: *burst,
        concurrent: *concurrent,
    };
    Key::new(entry.clone(), NonZeroUsize::MIN).map_err(invalid)?;
    file.keys.push(entry);
    replace(&target, 0o600, |new| {
        let text = serde_json::to_string_pretty(&file)?;
        writeln!(new, "{text}")
    })
    .map_err(unwritable)?;
    Ok(key)
}

//! Who may use the service, and how much: API keys by name, of which only hashes are kept, each with an allowance of its own.

mod allowance;
mod key;
mod origin;

pub use allowance::Work;
pub use key::{AddError, KeyConfig, add};
pub use origin::{Origin, OriginError};

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clearshot_core::digest::sha256_hex;
use clearshot_core::name::Name;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::OwnedSemaphorePermit;

use allowance::Allowance;

/// Who may use the service, and from where.
#[derive(Clone, Debug, Default, Args)]
pub struct AccessConfig {
    /// File of API keys, see `clearshot key`. Requests then need one; a change of the file is noticed within seconds.
    #[arg(long, env = "CLEARSHOT_KEYS", value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// Serve without keys on an address that others can reach.
    #[arg(long, env = "CLEARSHOT_ALLOW_ANONYMOUS")]
    pub allow_anonymous: bool,
    /// Address and port for /metrics and the probes; /metrics is then served there only, and without a key.
    #[arg(long, env = "CLEARSHOT_ADMIN_LISTEN", value_name = "IP:PORT")]
    pub admin_listen: Option<SocketAddr>,
    /// Certificate chain (PEM) to serve --listen by TLS with; a change of the file is noticed within seconds.
    #[arg(long, env = "CLEARSHOT_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    #[arg(long, env = "CLEARSHOT_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Origins (https://portal.example) whose pages may use the service from a browser, comma-separated; `*` for any [default: none].
    #[arg(long, env = "CLEARSHOT_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<Origin>,
}

/// Others could use the service, and nobody said that they may.
#[derive(Debug, thiserror::Error)]
#[error("others can reach {0}: give --keys FILE (see `clearshot key`), or --allow-anonymous to serve anybody")]
pub struct OpenToAll(SocketAddr);

impl AccessConfig {
    /// Checks that a service on this address is open to others on purpose only.
    ///
    /// # Errors
    /// [`OpenToAll`].
    pub fn validate(&self, listen: SocketAddr) -> Result<(), OpenToAll> {
        let meant = listen.ip().is_loopback() || self.keys.is_some() || self.allow_anonymous;
        if meant { Ok(()) } else { Err(OpenToAll(listen)) }
    }
}

/// Version of the file's format.
const VERSION: u32 = 1;

/// The file of keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    keys: Vec<Entry>,
}

/// A key in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Names whoever holds it, in logs and metrics.
    name: Name,
    /// SHA-256 of the key, lower-case hexadecimal. Keys are random and long, so that no slow hash is needed.
    sha256: String,
    /// Most photos a minute, see [`Work::photos`]; absent for no limit.
    #[serde(default, alias = "requests_per_minute", skip_serializing_if = "Option::is_none")]
    photos_per_minute: Option<NonZeroU32>,
    /// Most photos at once after a pause; absent for a minute's worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst: Option<NonZeroU32>,
    /// Most requests under way at a time; absent for half of what the service takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrent: Option<NonZeroUsize>,
}

/// Why a file of keys was refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read the keys in {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It is not JSON of the right shape, or contradicts itself.
    #[error("the keys in {path} are refused: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A key in use.
pub struct Key {
    entry: Entry,
    allowance: Allowance,
}

impl Key {
    /// The key of an entry; `share` as in [`Keys::load`].
    fn new(mut entry: Entry, share: NonZeroUsize) -> Result<Self, String> {
        if entry.sha256.len() != 64 || !entry.sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(format!("key `{}`: `sha256` must be 64 hexadecimal digits", entry.name));
        }
        entry.sha256.make_ascii_lowercase();
        if entry.burst.is_some() && entry.photos_per_minute.is_none() {
            return Err(format!("key `{}`: `burst` needs `photos_per_minute`", entry.name));
        }
        let allowance = Allowance::new(&entry, share);
        Ok(Self { entry, allowance })
    }

    /// Names whoever holds it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.entry.name.as_str()
    }

    /// Takes work on one photo out of the key's allowance.
    ///
    /// # Errors
    /// The time until it is allowed.
    pub fn spend(&self, work: Work) -> Result<(), Duration> {
        self.allowance.spend(work)
    }

    /// Takes one of the places for requests of this key; dropping it makes room for another.
    ///
    /// # Errors
    /// How many places there are, where none is free.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, usize> {
        self.allowance.enter()
    }
}

/// The keys of a service.
pub struct Keys(Vec<Arc<Key>>);

impl Keys {
    /// Reads a file of keys. Each may have `share` requests under way, unless its entry says otherwise.
    ///
    /// # Errors
    /// [`KeyError`], which names the file and what is wrong with it.
    pub fn load(path: &Path, share: NonZeroUsize) -> Result<Self, KeyError> {
        let file = read(path)?;
        let invalid = |reason: String| KeyError::Invalid { path: path.to_owned(), reason };
        let keys =
            file.keys.into_iter().map(|entry| Key::new(entry, share).map(Arc::new)).collect::<Result<Vec<_>, String>>();
        let keys = keys.map_err(invalid)?;
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].iter().any(|other| other.name() == key.name() || other.entry.sha256 == key.entry.sha256) {
                return Err(invalid(format!("key `{}` is there twice", key.name())));
            }
        }
        Ok(Self(keys))
    }

    /// These keys, where an unchanged one goes on with the allowance it has left in `old`.
    #[must_use]
    pub fn after(self, old: &Self) -> Self {
        let kept = |key: Arc<Key>| old.0.iter().find(|other| other.entry == key.entry).cloned().unwrap_or(key);
        Self(self.0.into_iter().map(kept).collect())
    }

    /// The key that was presented, if it is one of these. Hashes are compared in constant time and each is looked at, so that
    /// timing tells nothing.
    #[must_use]
    pub fn find(&self, presented: &[u8]) -> Option<Arc<Key>> {
        let hash = sha256_hex(presented);
        self.0.iter().fold(None, |found, key| {
            let same = key.entry.sha256.as_bytes().ct_eq(hash.as_bytes());
            if same.into() { Some(Arc::clone(key)) } else { found }
        })
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|key| key.name()).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn read(path: &Path) -> Result<KeyFile, KeyError> {
    let text = std::fs::read_to_string(path).map_err(|cause| KeyError::Unreadable { path: path.to_owned(), cause })?;
    let invalid = |reason: String| KeyError::Invalid { path: path.to_owned(), reason };
    let file: KeyFile = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
    if file.version != VERSION {
        return Err(invalid(format!("version {} of the format is unknown, expected {VERSION}", file.version)));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Keys, KeyError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is written");
        Keys::load(file.path(), NonZeroUsize::MIN)
    }

    fn entry(name: &str, key: &str, more: &str) -> String {
        format!(r#"{{"name": "{name}", "sha256": "{}"{more}}}"#, sha256_hex(key.as_bytes()))
    }

    #[test]
    fn a_key_is_found_by_its_hash_alone() {
        let text = format!(r#"{{"version": 1, "keys": [{}, {}]}}"#, entry("one", "k1", ""), entry("two", "k2", ""));
        let keys = loaded(&text).expect("it is sound");
        let name = |key: &str| keys.find(key.as_bytes()).map(|key| key.name().to_owned());
        assert_eq!(
            [name("k1"), name("k2"), name("k3"), name("")],
            [Some("one".into()), Some("two".into()), None, None]
        );
    }

    #[test]
    fn an_allowance_runs_out_and_a_reload_does_not_refill_it() {
        let text = |more: &str| format!(r#"{{"version": 1, "keys": [{}]}}"#, entry("one", "k1", more));
        let limited = text(r#", "photos_per_minute": 1, "burst": 2"#);
        let keys = loaded(&limited).expect("it is sound");
        let spend = |keys: &Keys| keys.find(b"k1").expect("it is there").spend(Work::Score);
        assert!(spend(&keys).is_ok() && spend(&keys).is_ok());
        let wait = spend(&keys).expect_err("two at once are allowed");
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        let keys = loaded(&limited).expect("it is sound").after(&keys);
        assert!(spend(&keys).is_err());
        let keys = loaded(&text("")).expect("it is sound").after(&keys);
        assert!((0..100).all(|_| spend(&keys).is_ok()), "a changed entry counts anew");
    }

    #[test]
    fn work_counts_as_what_it_costs_and_never_as_more_than_can_be_had() {
        let spent = |more: &str, works: &[Work]| {
            let text = format!(r#"{{"version": 1, "keys": [{}]}}"#, entry("one", "k1", more));
            let key = loaded(&text).expect("it is sound").find(b"k1").expect("it is there");
            works.iter().take_while(|work| key.spend(**work).is_ok()).count()
        };
        assert_eq!(spent(r#", "photos_per_minute": 9"#, &[Work::Score; 20]), 9);
        assert_eq!(spent(r#", "photos_per_minute": 9"#, &[Work::Tiles; 20]), 4);
        assert_eq!(spent(r#", "photos_per_minute": 29"#, &[Work::Correct; 20]), 2);
        assert_eq!(spent(r#", "photos_per_minute": 5"#, &[Work::Correct, Work::Score]), 1, "all five, and no more");
        assert_eq!(spent(r#", "requests_per_minute": 9"#, &[Work::Score; 20]), 9, "its old name");
    }

    #[test]
    fn a_key_has_as_many_requests_under_way_as_it_may_have() {
        let key = |more: &str| {
            let text = format!(r#"{{"version": 1, "keys": [{}]}}"#, entry("one", "k1", more));
            loaded(&text).expect("it is sound").find(b"k1").expect("it is there")
        };
        let two = key(r#", "concurrent": 2"#);
        let places = [two.enter().expect("there is room"), two.enter().expect("there is room")];
        assert_eq!(two.enter().err(), Some(2));
        drop(places);
        assert!(two.enter().is_ok());
        let share = key("");
        let _place = share.enter().expect("there is room");
        assert_eq!(share.enter().err(), Some(1), "its share");
    }

    #[test]
    fn a_file_that_contradicts_itself_is_refused_and_says_why() {
        let refused = |keys: &str| match loaded(&format!(r#"{{"version": 1, "keys": [{keys}]}}"#)) {
            Ok(_) => panic!("{keys} is taken"),
            Err(error) => error.to_string(),
        };
        assert!(refused(r#"{"name": "a", "sha256": "12"}"#).contains("64 hexadecimal digits"));
        assert!(refused(&entry("a b", "k", "")).contains("is no name"));
        assert!(refused(&format!("{}, {}", entry("a", "k", ""), entry("a", "l", ""))).contains("twice"));
        assert!(refused(&format!("{}, {}", entry("a", "k", ""), entry("b", "k", ""))).contains("twice"));
        assert!(refused(&entry("a", "k", r#", "burst": 2"#)).contains("needs `photos_per_minute`"));
        assert!(refused(&entry("a", "k", r#", "photos_per_minute": 0"#)).contains("nonzero"));
        assert!(refused(&entry("a", "k", r#", "key": "k""#)).contains("unknown field"));
        assert!(loaded(r#"{"version": 2, "keys": []}"#).is_err());
    }
}

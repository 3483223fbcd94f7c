//! Which photos a bulk run scores: files, folders, lists and URLs, cut down to a shard; and reading them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
#[cfg(feature = "object-store")]
use std::sync::LazyLock;

use clearshot_core::ingest::is_named_like_a_photo;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::error::{BulkError, ReadError};
#[cfg(feature = "object-store")]
use super::store::{Object, Stores};

/// One of `count` parts of the photos. Which part a photo belongs to follows from its path alone, so that processes which share the
/// work need not talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// True for a photo of this part.
    #[must_use]
    pub fn contains(self, path: &str) -> bool {
        let digest = Sha256::digest(path.as_bytes());
        let hash = digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        hash % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            _ => Err("I/N, with I from 0 to N-1".to_owned()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A photo to be scored.
#[derive(Clone, Debug)]
pub struct PhotoSource {
    /// Its path or URL as it stands in the output.
    pub path: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    #[cfg(feature = "object-store")]
    Object(Object),
}

/// Finds photos and reads them.
#[derive(Default)]
pub struct Sources {
    /// Its threads start with the first URL.
    #[cfg(feature = "object-store")]
    stores: LazyLock<Stores>,
}

impl Sources {
    /// The photos that the arguments name, in their order, folders in the order of names; `-` stands for a list on standard input.
    /// Only those of the shard.
    ///
    /// # Errors
    /// [`BulkError`] when a path does not exist or cannot be listed.
    pub fn list(&self, arguments: &[OsString], shard: Shard) -> Result<Vec<PhotoSource>, BulkError> {
        let mut photos = Vec::new();
        let mut add = |photo: PhotoSource| {
            if shard.contains(&photo.path) {
                photos.push(photo);
            }
        };
        for argument in arguments {
            if argument != "-" {
                self.expand(argument, &mut add)?;
                continue;
            }
            for line in std::io::stdin().lock().lines() {
                let line = line.map_err(|source| BulkError::List { path: "-".into(), reason: source.to_string() })?;
                if !line.trim().is_empty() {
                    self.expand(OsStr::new(line.trim()), &mut add)?;
                }
            }
        }
        Ok(photos)
    }

    fn expand(&self, argument: &OsStr, add: &mut impl FnMut(PhotoSource)) -> Result<(), BulkError> {
        if let Some(url) = argument.to_str().filter(|text| text.contains("://")) {
            return self.expand_url(url, add);
        }
        let path = Path::new(argument);
        if !path.is_dir() {
            // Whether it exists is found out when it is read: a list of millions must not end for one photo that is gone.
            add(PhotoSource::file(path.to_owned()));
            return Ok(());
        }
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| BulkError::List { path: path.to_owned(), reason: error.to_string() })?;
            if entry.file_type().is_file() && is_named_like_a_photo(entry.path()) {
                add(PhotoSource::file(entry.into_path()));
            }
        }
        Ok(())
    }

    #[cfg(not(feature = "object-store"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    fn expand_url(&self, url: &str, _add: &mut impl FnMut(PhotoSource)) -> Result<(), BulkError> {
        let reason = "URLs need a build with the feature object-store".to_owned();
        Err(BulkError::List { path: url.into(), reason })
    }

    #[cfg(feature = "object-store")]
    fn expand_url(&self, url: &str, add: &mut impl FnMut(PhotoSource)) -> Result<(), BulkError> {
        let failed = |reason: String| BulkError::List { path: url.into(), reason };
        if is_named_like_a_photo(Path::new(url)) {
            add(self.find(url)?);
            return Ok(());
        }
        self.stores
            .list(url, |url, object| {
                if is_named_like_a_photo(Path::new(&url)) {
                    add(PhotoSource { path: url, place: Place::Object(object) });
                }
            })
            .map_err(failed)
    }

    /// The photo that stands as `path` in an output.
    ///
    /// # Errors
    /// [`BulkError`] when it is a URL that cannot be understood.
    pub fn find(&self, path: &str) -> Result<PhotoSource, BulkError> {
        #[cfg(feature = "object-store")]
        if path.contains("://") {
            let object = self.stores.object(path);
            let object = object.map_err(|reason| BulkError::List { path: path.into(), reason })?;
            return Ok(PhotoSource { path: path.to_owned(), place: Place::Object(object) });
        }
        Ok(PhotoSource::file(path.into()))
    }

    /// The bytes of a photo; blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, photo: &PhotoSource, limit: usize) -> Result<Vec<u8>, ReadError> {
        match &photo.place {
            Place::File(path) => read_file(path, limit),
            #[cfg(feature = "object-store")]
            Place::Object(object) => self.stores.read(object, limit),
        }
    }
}

impl PhotoSource {
    fn file(path: PathBuf) -> Self {
        Self { path: path.to_string_lossy().into_owned(), place: Place::File(path) }
    }
}

fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, ReadError> {
    let unreadable = |error: std::io::Error| ReadError::Unreadable(error.to_string());
    let file = File::open(path).map_err(unreadable)?;
    // Neither a device nor a file that grows may fill the memory.
    let mut bytes = Vec::with_capacity(file.metadata().map_or(0, |metadata| metadata.len() as usize).min(limit));
    let mut within = file.take(limit as u64 + 1);
    within.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limit { Err(ReadError::TooLarge { limit }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_photo_belongs_to_exactly_one_shard(path in ".{0,40}", count in 1u64..40) {
            let owners = (0..count).filter(|index| Shard { index: *index, count }.contains(&path)).count();
            prop_assert_eq!(owners, 1);
        }
    }

    #[test]
    fn shards_are_of_like_size() {
        let sizes = [0, 1, 2, 3].map(|index| {
            let shard = Shard { index, count: 4 };
            (0..4000).filter(|number| shard.contains(&format!("photos/{number}.jpg"))).count()
        });
        assert!(sizes.iter().all(|size| (900..1100).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_shard_counts_from_zero() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for wrong in ["3/3", "0/0", "1", "-1/2", "a/b", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}

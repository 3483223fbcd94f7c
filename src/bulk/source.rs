//! Which photos a bulk run scores: files, folders, lists and URLs, cut down to a shard; and reading them. Nothing that is wrong with
//! one of them ends the listing: it becomes a photo that cannot be read, and says why when its turn comes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
#[cfg(feature = "object-store")]
use std::sync::LazyLock;

use clearshot_core::ingest::{is_named_like_a_photo, sniff};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use walkdir::WalkDir;

use super::error::ReadError;
use super::shard::Shard;
#[cfg(feature = "object-store")]
use super::store::Stores;
#[cfg(feature = "object-store")]
use crate::store::Object;

/// Bytes that tell a photo's format.
const HEAD: u64 = 64;

/// What stands as it is in a file URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// A photo to be scored.
#[derive(Clone, Debug)]
pub struct PhotoSource {
    /// Its path or URL as it stands in the output.
    pub path: String,
    place: Place,
    /// True where its name does not say that it is a photo: its content then has to.
    unsure: bool,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    #[cfg(feature = "object-store")]
    Object(Object),
    /// There is no way to it, and why.
    Nowhere(String),
}

/// The photos of a run, and how many other files lie beside them, by kind.
pub struct Listing {
    shard: Shard,
    /// The photos, in their order.
    pub photos: Vec<PhotoSource>,
    /// What was not taken, by the ending of its name.
    pub left_out: BTreeMap<String, usize>,
}

impl Listing {
    fn add(&mut self, photo: PhotoSource) {
        if self.shard.contains(&photo.path) {
            self.photos.push(photo);
        }
    }

    fn leave_out(&mut self, path: &str, kind: &str) {
        if self.shard.contains(path) {
            *self.left_out.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// Takes what was found below a folder or a prefix, unless its name says that it is no photo.
    fn take(&mut self, name: &Path, photo: PhotoSource) {
        match name.extension() {
            _ if is_named_like_a_photo(name) => self.add(photo),
            None => self.add(PhotoSource { unsure: true, ..photo }),
            Some(ending) => self.leave_out(&photo.path, &kind(ending)),
        }
    }
}

/// What a file is by the ending of its name. Names come from strangers: one that is no usual ending is not repeated.
fn kind(ending: &OsStr) -> String {
    let usual =
        ending.to_str().filter(|ending| ending.len() <= 8 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    usual.map_or_else(|| "of other endings".to_owned(), |ending| format!(".{}", ending.to_ascii_lowercase()))
}

/// The kind of what hides by its name, as `._` files of other systems do.
const HIDDEN: &str = "hidden";

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
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
    /// Only those of the shard. What is named itself is taken whatever its name; what lies below a folder or prefix if its name or
    /// content is a photo's and nothing on the way to it is hidden.
    #[must_use]
    pub fn list(&self, arguments: &[OsString], shard: Shard) -> Listing {
        let mut listing = Listing { shard, photos: Vec::new(), left_out: BTreeMap::new() };
        for argument in arguments {
            if argument != "-" {
                self.expand(argument, &mut listing);
                continue;
            }
            for line in std::io::stdin().lock().split(b'\n') {
                match line {
                    Ok(line) => {
                        let line = line.strip_suffix(b"\r").unwrap_or(&line);
                        if !line.trim_ascii().is_empty() {
                            self.expand(OsStr::from_bytes(line), &mut listing);
                        }
                    }
                    Err(error) => {
                        listing.add(PhotoSource::nowhere("-".to_owned(), format!("the list ends early: {error}")));
                        break;
                    }
                }
            }
        }
        listing
    }

    fn expand(&self, argument: &OsStr, listing: &mut Listing) {
        match argument.to_str().filter(|text| text.contains("://")) {
            Some(url) if is_file_url(url) => match file_of(url) {
                Ok(path) => expand_path(&path, listing),
                Err(reason) => listing.add(PhotoSource::nowhere(url.to_owned(), reason)),
            },
            Some(url) => self.expand_url(url, listing),
            None => expand_path(Path::new(argument), listing),
        }
    }

    #[cfg(not(feature = "object-store"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    fn expand_url(&self, url: &str, listing: &mut Listing) {
        listing.add(PhotoSource::nowhere(url.to_owned(), NO_STORES.to_owned()));
    }

    /// What ends in a slash is a prefix; what does not and is not named like a photo may be one, or an object.
    #[cfg(feature = "object-store")]
    fn expand_url(&self, url: &str, listing: &mut Listing) {
        if !url.ends_with('/') && is_named_like_a_photo(Path::new(url)) {
            return listing.add(self.find(url));
        }
        let mut none = true;
        let listed = self.stores.list(url, |found, below, object| {
            none = false;
            let photo = PhotoSource { path: found, place: Place::Object(object), unsure: false };
            if below.split('/').any(|part| is_hidden(OsStr::new(part))) {
                listing.leave_out(&photo.path, HIDDEN);
            } else {
                listing.take(Path::new(below), photo);
            }
        });
        match listed {
            Err(reason) => listing.add(PhotoSource::nowhere(url.to_owned(), reason)),
            Ok(()) if none && !url.ends_with('/') => listing.add(self.find(url)),
            Ok(()) => {}
        }
    }

    /// The photo that stands as `path` in an output.
    #[must_use]
    pub fn find(&self, path: &str) -> PhotoSource {
        let place = if is_file_url(path) {
            file_of(path).map(Place::File)
        } else if path.contains("://") {
            self.object(path)
        } else {
            Ok(Place::File(path.into()))
        };
        PhotoSource { path: path.to_owned(), place: place.unwrap_or_else(Place::Nowhere), unsure: false }
    }

    #[cfg(not(feature = "object-store"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    fn object(&self, _url: &str) -> Result<Place, String> {
        Err(NO_STORES.to_owned())
    }

    #[cfg(feature = "object-store")]
    fn object(&self, url: &str) -> Result<Place, String> {
        self.stores.object(url).map(Place::Object)
    }

    /// The bytes of a photo; blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(&self, photo: &PhotoSource, limit: usize) -> Result<Vec<u8>, ReadError> {
        match &photo.place {
            Place::File(path) => read_file(path, limit, photo.unsure),
            #[cfg(feature = "object-store")]
            Place::Object(object) => {
                let bytes = self.stores.read(object, limit)?;
                if photo.unsure && sniff(&bytes).is_none() { Err(ReadError::NoPhoto) } else { Ok(bytes) }
            }
            Place::Nowhere(reason) => Err(ReadError::Unreadable(reason.clone())),
        }
    }
}

#[cfg(not(feature = "object-store"))]
const NO_STORES: &str = "URLs need a build with the feature object-store";

fn expand_path(path: &Path, listing: &mut Listing) {
    if !path.is_dir() {
        // Whether it exists is found out when it is read: a list of millions must not end for one photo that is gone.
        return listing.add(PhotoSource::file(path.to_owned()));
    }
    let mut entries = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) if entry.depth() > 0 && is_hidden(entry.file_name()) => {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                listing.leave_out(&text_of(entry.path()), HIDDEN);
            }
            Ok(entry) if entry.file_type().is_file() => {
                listing.take(entry.path(), PhotoSource::file(entry.path().to_owned()));
            }
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => listing.leave_out(&text_of(entry.path()), "no file"),
            Err(error) => broken(path, &error, listing),
        }
    }
}

/// What lies in a folder and cannot be looked at: a link that leads nowhere or back, a folder that is closed.
fn broken(folder: &Path, error: &walkdir::Error, listing: &mut Listing) {
    let path = error.path().unwrap_or(folder);
    let reason = match error.loop_ancestor() {
        Some(ancestor) => format!("the link leads back to {}", text_of(ancestor)),
        None => error.io_error().map_or_else(|| error.to_string(), ToString::to_string),
    };
    let photo = PhotoSource::nowhere(text_of(path), reason);
    if error.depth() > 0 && path.file_name().is_some_and(is_hidden) {
        listing.leave_out(&photo.path, HIDDEN);
    } else if error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound) && path.is_symlink() {
        listing.take(path, photo);
    } else {
        listing.add(photo);
    }
}

/// A path as it stands in an output: as it is, or where it is no text as a file URL (RFC 8089), so that no two are alike.
fn text_of(path: &Path) -> String {
    if let Some(text) = path.to_str() {
        return text.to_owned();
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("file://{}", percent_encode(absolute.as_os_str().as_bytes(), ENCODED))
}

fn is_file_url(text: &str) -> bool {
    text.starts_with("file://")
}

/// The path from the root that stands in an output as a file URL, if this is one: [`text_of`], undone.
pub(super) fn path_by_url(text: &str) -> Option<PathBuf> {
    if is_file_url(text) { file_of(text).ok() } else { None }
}

/// The path that a file URL means.
fn file_of(url: &str) -> Result<PathBuf, String> {
    match url.strip_prefix("file://") {
        Some(path) if path.starts_with('/') => Ok(OsString::from_vec(percent_decode_str(path).collect()).into()),
        _ => Err("a file URL is file:// and a path from the root".to_owned()),
    }
}

impl PhotoSource {
    /// A file.
    pub(super) fn file(path: PathBuf) -> Self {
        Self { path: text_of(&path), place: Place::File(path), unsure: false }
    }

    fn nowhere(path: String, reason: String) -> Self {
        Self { path, place: Place::Nowhere(reason), unsure: false }
    }
}

fn read_file(path: &Path, limit: usize, unsure: bool) -> Result<Vec<u8>, ReadError> {
    let unreadable = |error: std::io::Error| ReadError::Unreadable(error.to_string());
    // Opening a pipe would wait for somebody to write to it.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ReadError::Unreadable("it is no file".to_owned()));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::with_capacity((metadata.len() as usize).min(limit));
    file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(unreadable)?;
    if unsure && sniff(&bytes).is_none() {
        return Err(ReadError::NoPhoto);
    }
    // A file that grows must not fill the memory.
    let most = (limit as u64 + 1).saturating_sub(bytes.len() as u64);
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limit { Err(ReadError::TooLarge { limit }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn paths_come_back_from_their_text_and_no_two_are_alike(
            names in proptest::array::uniform2(proptest::collection::vec(1u8..=255, 1..20)),
        ) {
            let paths = names.map(|name| Path::new("/").join(OsStr::from_bytes(&name)));
            let back = paths.each_ref().map(|path| match Sources::default().find(&text_of(path)).place {
                Place::File(path) => path,
                other => panic!("{other:?}"),
            });
            prop_assume!(paths.iter().all(|path| !path.to_str().is_some_and(|text| text.contains("://"))));
            prop_assert_eq!(&back, &paths);
            prop_assert_eq!(text_of(&paths[0]) == text_of(&paths[1]), paths[0] == paths[1]);
        }
    }

    #[test]
    fn endings_are_kinds_and_odd_ones_are_not_repeated() {
        let kinds = ["HEIC", "txt", "\u{1b}[2J", "a-very-long-one"].map(|ending| kind(OsStr::new(ending)));
        assert_eq!(kinds, [".heic", ".txt", "of other endings", "of other endings"]);
    }
}

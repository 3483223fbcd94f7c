//! The photo library: any folder of photos, an optional manifest for groups and categories, and the split by group.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clearshot_core::digest::sha256_hex;
use clearshot_core::ingest::{self, Limits};
use fast_image_resize::FilterType;
use image::RgbImage;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde::Deserialize;

/// Photos with at least this long side show what uploads of today show, at the scale at which they are scored.
const LARGE: u32 = 900;
/// Photos are kept in memory at this long side at most; views are 1024 at most, so this leaves room to scale down.
const KEPT_LONG_SIDE: u32 = 1600;
/// Share of the lines' length that must agree on a photo's own tilt: from there on it is within 0.4 degrees of measurements by hand.
pub(crate) const TRUSTED_LEAN: f32 = 0.5;

/// What a photo is used for. Whole groups (a house, a site) fall into one part, never single files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Fits the weights.
    Train,
    /// Decides when to stop training.
    Validate,
    /// Fits curve and intervals.
    Calibrate,
    /// Seen by nothing but the evaluation.
    Test,
}

/// One decoded photo.
pub struct LibraryPhoto {
    /// Path relative to the library's folder.
    pub file: String,
    /// Category from the manifest, else `general`.
    pub category: String,
    /// Group from the manifest, else the file itself.
    pub group: String,
    /// Where it comes from: `source` in the manifest, else empty.
    pub source: String,
    /// Its own tilt in degrees, clockwise positive: `lean` in the manifest where `lean_share` says that it can be trusted.
    pub lean: Option<f32>,
    /// What it is used for.
    pub part: Part,
    /// Upright pixels.
    pub pixels: RgbImage,
}

impl LibraryPhoto {
    /// Whether it is as large as most uploads.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.pixels.width().max(self.pixels.height()) >= LARGE
    }

    /// Its own tilt in degrees, 0 where it is not known: photos were chosen as upright.
    #[must_use]
    pub fn tilt(&self) -> f32 {
        self.lean.unwrap_or(0.0)
    }
}

/// A folder of photos, decoded and split.
pub struct Library {
    /// Photos, in order of their file names.
    pub photos: Vec<LibraryPhoto>,
    /// SHA-256 over the sorted hashes of the files, so that a card can name what a model was trained on.
    pub digest: String,
    /// Files that could not be read, with the reason.
    pub skipped: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct ManifestRow {
    file: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    lean: Option<f32>,
    #[serde(default)]
    lean_share: Option<f32>,
}

impl ManifestRow {
    fn trusted_lean(&self) -> Option<f32> {
        self.lean.filter(|_| self.lean_share.is_some_and(|share| share >= TRUSTED_LEAN))
    }
}

impl Library {
    /// Decodes every photo below `folder`. `manifest` is a CSV with the columns file, group, category and source; without one
    /// `folder/manifest.csv` is used where it exists. Unreadable photos are named, counted and skipped.
    ///
    /// # Errors
    /// When the folder or the manifest cannot be read, or fewer than four groups of photos are left.
    pub fn open(folder: &Path, manifest: Option<&Path>) -> Result<Self> {
        let rows = read_manifest(folder, manifest)?;
        let mut files: Vec<PathBuf> = walkdir::WalkDir::new(folder)
            .into_iter()
            .filter_map(Result::ok)
            .map(walkdir::DirEntry::into_path)
            .filter(|path| path.is_file() && ingest::is_named_like_a_photo(path))
            .collect();
        files.sort();
        ensure!(!files.is_empty(), "no photos ({}) below {}", ingest::ENDINGS.join(", "), folder.display());
        let bar = progress(files.len() as u64, "photos");
        let read: Vec<_> =
            files.par_iter().progress_with(bar).map(|path| (relative(path, folder), read_photo(path))).collect();
        let mut photos = Vec::new();
        let mut skipped = Vec::new();
        let mut hashes = Vec::new();
        for (file, outcome) in read {
            match outcome {
                Ok((pixels, hash)) => {
                    let row = rows.get(&file);
                    let named = |value: Option<&String>, fallback: &str| {
                        value.filter(|name| !name.is_empty()).map_or_else(|| fallback.to_owned(), Clone::clone)
                    };
                    hashes.push(hash);
                    photos.push(LibraryPhoto {
                        category: named(row.map(|row| &row.category), "general"),
                        group: named(row.map(|row| &row.group), &file),
                        source: row.map_or_else(String::new, |row| row.source.clone()),
                        lean: row.and_then(ManifestRow::trusted_lean),
                        part: Part::Train,
                        file,
                        pixels,
                    });
                }
                Err(reason) => {
                    tracing::warn!(file, reason, "skipped an unreadable photo");
                    skipped.push((file, reason));
                }
            }
        }
        if !skipped.is_empty() {
            tracing::warn!(count = skipped.len(), "photos were skipped");
        }
        split(&mut photos)?;
        hashes.sort();
        Ok(Self { photos, digest: sha256_hex(hashes.concat().as_bytes()), skipped })
    }

    /// The photos of one part.
    #[must_use]
    pub fn part(&self, part: Part) -> Vec<&LibraryPhoto> {
        self.photos.iter().filter(|photo| photo.part == part).collect()
    }

    /// Categories of a part of which the own tilt of most photos is known: there the others, taken for level, would only add their tilt
    /// to what a model errs by.
    #[must_use]
    pub fn levelled_categories(&self, part: Part) -> BTreeSet<&str> {
        let mut known = BTreeMap::<&str, (usize, usize)>::new();
        for photo in self.part(part) {
            let (levelled, all) = known.entry(&photo.category).or_default();
            *levelled += usize::from(photo.lean.is_some());
            *all += 1;
        }
        known.into_iter().filter(|(_, (levelled, all))| 2 * levelled > *all).map(|(category, _)| category).collect()
    }

    /// Number of groups in one part.
    #[must_use]
    pub fn groups(&self, part: Part) -> usize {
        self.part(part).iter().map(|photo| &photo.group).collect::<BTreeSet<_>>().len()
    }
}

/// A progress bar as all long work of the trainer shows it.
#[must_use]
pub fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:40}] {pos}/{len} {msg} (eta {eta})")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(length).with_style(style).with_prefix(what)
}

/// Assigns parts by the rank of the group's hash: the same folder always splits alike, whatever the seed. Of the groups
/// 15 % are for testing, 15 % for calibration, 7 % for validation, at least one each.
fn split(photos: &mut [LibraryPhoto]) -> Result<()> {
    let groups: BTreeSet<(String, String)> =
        photos.iter().map(|photo| (sha256_hex(photo.group.as_bytes()), photo.group.clone())).collect();
    let count = groups.len();
    ensure!(
        count >= 4,
        "{count} groups of photos are too few: training, validation, calibration and test need one each"
    );
    let share = |percent: usize| (count * percent / 100).max(1);
    let (test, calibrate, validate) = (share(15), share(15), share(7));
    let parts: BTreeMap<String, Part> = groups
        .into_iter()
        .enumerate()
        .map(|(rank, (_, group))| {
            let part = match rank {
                rank if rank < test => Part::Test,
                rank if rank < test + calibrate => Part::Calibrate,
                rank if rank < test + calibrate + validate => Part::Validate,
                _ => Part::Train,
            };
            (group, part)
        })
        .collect();
    for photo in photos {
        photo.part = parts[&photo.group];
    }
    Ok(())
}

fn read_manifest(folder: &Path, manifest: Option<&Path>) -> Result<BTreeMap<String, ManifestRow>> {
    let default = folder.join("manifest.csv");
    let path = match manifest {
        Some(path) => path,
        None if default.is_file() => &default,
        None => return Ok(BTreeMap::new()),
    };
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    reader
        .deserialize()
        .map(|row| row.map(|row: ManifestRow| (row.file.clone(), row)))
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is not a manifest with a column `file`", path.display()))
}

fn read_photo(path: &Path) -> Result<(RgbImage, String), String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let photo = ingest::decode(&bytes, &Limits::default()).map_err(|error| error.to_string())?;
    // Without a frame that its site drew around it: what is served is measured inside, too.
    Ok((photo.shrunk(photo.area(), KEPT_LONG_SIDE, FilterType::Lanczos3), sha256_hex(&bytes)))
}

fn relative(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_never_straddle_parts_and_the_split_is_stable() {
        let photos = |count: usize| -> Vec<LibraryPhoto> {
            (0..count)
                .map(|index| LibraryPhoto {
                    file: format!("{index}.jpg"),
                    category: "general".into(),
                    group: format!("house-{}", index / 4),
                    source: String::new(),
                    lean: None,
                    part: Part::Train,
                    pixels: RgbImage::new(1, 1),
                })
                .collect()
        };
        let mut all = photos(400);
        split(&mut all).expect("100 groups are enough");
        let mut part_of = BTreeMap::new();
        for photo in &all {
            assert_eq!(*part_of.entry(photo.group.clone()).or_insert(photo.part), photo.part);
        }
        let count = |part| part_of.values().filter(|found| **found == part).count();
        assert_eq!([Part::Test, Part::Calibrate, Part::Validate, Part::Train].map(count), [15, 15, 7, 63]);
        let mut again = photos(400);
        split(&mut again).expect("100 groups are enough");
        assert!(all.iter().zip(&again).all(|(a, b)| a.part == b.part));
        assert!(split(&mut photos(12)).is_err());
    }

    #[test]
    fn a_category_is_levelled_where_most_of_its_photos_are() {
        let photo = |category: &str, lean: Option<f32>| LibraryPhoto {
            file: String::new(),
            category: category.to_owned(),
            group: String::new(),
            source: String::new(),
            lean,
            part: Part::Calibrate,
            pixels: RgbImage::new(1, 1),
        };
        let photos = vec![
            photo("room", Some(0.5)),
            photo("room", None),
            photo("room", Some(-1.0)),
            photo("car", Some(0.0)),
            photo("car", None),
            photo("plant", None),
        ];
        let library = Library { photos, digest: String::new(), skipped: Vec::new() };
        assert_eq!(library.levelled_categories(Part::Calibrate), BTreeSet::from(["room"]));
        assert!(library.levelled_categories(Part::Test).is_empty());
    }
}

//! Photos with labels of an operator's own: a CSV file that names them, and what the encoder sees of each.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clearshot_core::assessment::prepare;
use clearshot_core::digest::sha256_hex;
use clearshot_core::ingest::Limits;
use clearshot_core::models::Tensor;
use clearshot_core::name::Name;
use clearshot_core::view::View;
use indicatif::ParallelProgressIterator;
use rayon::prelude::*;
use serde::Deserialize;

use crate::photos::progress;

/// Photos and groups that each label needs: fewer can be neither learnt nor held out.
const LEAST: (usize, usize) = (4, 2);
/// Files that an error names.
const NAMED: usize = 5;

/// Photos with their labels.
pub(super) struct Labelled {
    /// The labels, sorted.
    pub(super) names: Vec<Name>,
    /// The photos, in the order of the file.
    pub(super) photos: Vec<LabelledPhoto>,
}

/// A photo with its label.
pub(super) struct LabelledPhoto {
    /// Path relative to the folder of photos.
    pub(super) file: String,
    /// Place of its label among the labels.
    pub(super) label: usize,
    /// Its group; the file itself where none is given.
    pub(super) group: String,
    /// What a model of the view looks at.
    pub(super) tensor: Tensor,
    /// SHA-256 of the file.
    pub(super) sha256: String,
}

#[derive(Deserialize)]
struct Row {
    file: String,
    label: String,
    #[serde(default)]
    group: String,
}

impl Labelled {
    /// Reads a CSV file with the columns `file`, `label` and, if wanted, `group`, and the photos that it names below `folder`, decoded
    /// and cut as the service does it.
    ///
    /// # Errors
    /// When the file or a photo cannot be read, a photo is named twice, or a label has no harmless name.
    pub(super) fn open(labels: &Path, folder: &Path, view: &'static View) -> Result<Self> {
        let rows = rows(labels)?;
        let absent: Vec<&str> =
            rows.iter().map(|row| row.file.as_str()).filter(|file| !folder.join(file).is_file()).collect();
        ensure!(
            absent.is_empty(),
            "{} of the photos in {} are not there below {}: {}{}",
            absent.len(),
            labels.display(),
            folder.display(),
            absent[..absent.len().min(NAMED)].join(", "),
            if absent.len() > NAMED { ", ..." } else { "" }
        );
        let mut names: Vec<Name> = Vec::new();
        for row in &rows {
            let name = row.label.parse().with_context(|| format!("{}: the label of {}", labels.display(), row.file))?;
            names.push(name);
        }
        names.sort();
        names.dedup();
        let bar = progress(rows.len() as u64, "photos");
        let read = |row: Row| -> Result<LabelledPhoto> {
            let path = folder.join(&row.file);
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let prepared = prepare(&bytes, &Limits::default(), &[view], false);
            let prepared = prepared.with_context(|| format!("cannot use {}", path.display()))?;
            Ok(LabelledPhoto {
                label: names.iter().position(|name| *name == row.label.as_str()).context("every label is listed")?,
                group: if row.group.is_empty() { row.file.clone() } else { row.group },
                file: row.file,
                tensor: prepared.tensors.into_iter().next().context("one view was asked for")?,
                sha256: prepared.image.sha256,
            })
        };
        let photos = rows.into_par_iter().progress_with(bar).map(read).collect::<Result<_>>()?;
        Ok(Self { names, photos })
    }

    /// Checks that there are enough photos of each label, in enough groups.
    ///
    /// # Errors
    /// What is lacking.
    pub(super) fn check(&self) -> Result<()> {
        if let [only] = &self.names[..] {
            bail!("every photo has the label `{only}`: a head tells at least two labels apart");
        }
        let (photos, groups) = LEAST;
        for (label, name) in self.names.iter().enumerate() {
            let own = self.photos.iter().filter(|photo| photo.label == label);
            let own_groups = own.clone().map(|photo| &photo.group).collect::<BTreeSet<_>>().len();
            ensure!(
                own.clone().count() >= photos && own_groups >= groups,
                "the label `{name}` has {} photos in {own_groups} groups: {photos} photos in {groups} groups are the least to learn \
                 from and to hold out",
                own.count()
            );
        }
        Ok(())
    }

    /// SHA-256 over the sorted hashes of the photos.
    #[must_use]
    pub(super) fn digest(&self) -> String {
        let mut hashes: Vec<&str> = self.photos.iter().map(|photo| photo.sha256.as_str()).collect();
        hashes.sort_unstable();
        sha256_hex(hashes.concat().as_bytes())
    }

    /// Photos by label, for people.
    #[must_use]
    pub(super) fn counts(&self) -> String {
        let count = |label: usize| self.photos.iter().filter(|photo| photo.label == label).count();
        let counts = self.names.iter().enumerate().map(|(label, name)| format!("{name} {}", count(label)));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// Number of groups.
    #[must_use]
    pub(super) fn groups(&self) -> usize {
        self.photos.iter().map(|photo| &photo.group).collect::<BTreeSet<_>>().len()
    }

    /// The commonest label.
    ///
    /// # Panics
    /// Never: a file that names no photo is not read.
    #[must_use]
    pub(super) fn commonest(&self) -> &Name {
        let share = |name: &&Name| self.share_of(name);
        self.names.iter().max_by(|one, other| share(one).total_cmp(&share(other))).expect("there is a photo")
    }

    /// Share of photos that have a label.
    #[must_use]
    pub(super) fn share_of(&self, name: &Name) -> f64 {
        let own = self.photos.iter().filter(|photo| self.names[photo.label] == *name).count();
        own as f64 / self.photos.len() as f64
    }
}

fn rows(labels: &Path) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(labels).with_context(|| format!("cannot read {}", labels.display()))?;
    let no_labels = || format!("{} needs the columns `file` and `label`", labels.display());
    let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().with_context(no_labels)?;
    ensure!(!rows.is_empty(), "{} names no photos", labels.display());
    let mut seen = BTreeSet::new();
    let twice = rows.iter().find(|row| !seen.insert(row.file.as_str()));
    ensure!(twice.is_none(), "{} names {} twice", labels.display(), twice.map_or("", |row| row.file.as_str()));
    Ok(rows)
}

//! An operator's own decisions: which photos were accepted, which rejected, and why.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clearshot_core::scoring::verdict::POSSIBLY;
use csv::StringRecord;
use serde::Deserialize;

use super::output::unescaped;
use super::source::path_by_url;

/// What an operator did with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was published.
    Accepted,
    /// It was not.
    Rejected,
}

impl Verdict {
    /// The word in a file of decisions, and the name of the folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// A decision on a photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was done with it.
    pub verdict: Verdict,
    /// Why it was rejected, where that is known: a reason's code, without the `possibly_` that it may have in answers.
    pub reason: Option<String>,
}

/// Decisions by the paths of photos.
#[derive(Debug)]
pub enum Decisions {
    /// As a file says.
    Listed(HashMap<String, Decision>),
    /// By the folder that a photo lies in.
    Sorted {
        /// The folder of those accepted.
        accepted: PathBuf,
        /// The folder of those rejected.
        rejected: PathBuf,
    },
}

/// Why decisions cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the decisions in {path} cannot be read: {reason}")]
pub struct DecisionsError {
    path: PathBuf,
    reason: String,
}

/// Why decisions say nothing of results: they are on other photos.
#[derive(Debug, thiserror::Error)]
#[error(
    "none of the decisions is on a photo of the results: the paths must be those that the results have, such as {example}"
)]
pub struct StrangersError {
    /// A path of the results.
    example: String,
}

/// Decisions that are looked up for results, row by row.
pub(super) struct Lookup<'a> {
    decisions: &'a Decisions,
    found: bool,
    /// A path of the results.
    example: Option<String>,
}

impl<'a> Lookup<'a> {
    /// Nothing is looked up yet.
    pub(super) fn new(decisions: &'a Decisions) -> Self {
        Self { decisions, found: false, example: None }
    }

    /// The decision on a photo of the results, if there is one.
    pub(super) fn on(&mut self, photo: &str) -> Option<Decision> {
        let decision = self.decisions.on(photo);
        self.found |= decision.is_some();
        self.example.get_or_insert_with(|| photo.to_owned());
        decision
    }

    /// Makes sure, after the last row, that some decision was on one of them.
    ///
    /// # Errors
    /// [`StrangersError`].
    pub(super) fn end(self) -> Result<(), StrangersError> {
        match self.example {
            Some(example) if !self.found => Err(StrangersError { example }),
            _ => Ok(()),
        }
    }
}

/// A line of a file of decisions.
#[derive(Deserialize)]
struct Line {
    path: String,
    decision: Verdict,
    #[serde(default)]
    reason: Option<String>,
}

impl Line {
    /// What a record says. Spaces are part of a path, whose cell may be one of results in CSV, where a formula is escaped; around the
    /// words of the other columns they mean nothing.
    fn of(columns: &StringRecord, record: &StringRecord) -> csv::Result<Self> {
        let cells = columns.iter().zip(record);
        let mut said: StringRecord =
            cells.map(|(column, cell)| if column == "path" { unescaped(cell) } else { cell.trim() }).collect();
        // By it an error names the line.
        said.set_position(record.position().cloned());
        said.deserialize(Some(columns))
    }
}

impl Decisions {
    /// Reads a CSV file with the columns `path`, `decision` (`accepted` or `rejected`) and, where it is known, `reason`; or takes the
    /// photos of a folder as decided on that lie below its folders `accepted` and `rejected`. Paths and reasons may be copied from
    /// results in CSV.
    ///
    /// # Errors
    /// [`DecisionsError`], with the line at fault.
    pub fn read(path: &Path) -> Result<Self, DecisionsError> {
        let failed = |reason: String| DecisionsError { path: path.to_owned(), reason };
        if path.is_dir() {
            let [accepted, rejected] = [Verdict::Accepted, Verdict::Rejected].map(|verdict| path.join(verdict.name()));
            if !(accepted.is_dir() && rejected.is_dir()) {
                return Err(failed("the folder has no folders `accepted` and `rejected`".to_owned()));
            }
            return Ok(Self::Sorted { accepted, rejected });
        }
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .from_path(path)
            .map_err(|error| failed(error.to_string()))?;
        let columns = reader.headers().map_err(|error| failed(error.to_string()))?.clone();
        let mut listed = HashMap::new();
        for record in reader.records() {
            let line = record.and_then(|record| Line::of(&columns, &record));
            let Line { path, decision, reason } = line.map_err(|error| failed(error.to_string()))?;
            let reason = reason.map(|reason| reason.strip_prefix(POSSIBLY).unwrap_or(&reason).to_owned());
            let reason = reason.filter(|reason| !reason.is_empty() && decision == Verdict::Rejected);
            let decision = Decision { verdict: decision, reason };
            if listed.insert(path.clone(), decision).is_some() {
                return Err(failed(format!("{path} is decided on twice")));
            }
        }
        Ok(Self::Listed(listed))
    }

    /// The decision on a photo, if there is one.
    #[must_use]
    pub fn on(&self, photo: &str) -> Option<Decision> {
        match self {
            Self::Listed(listed) => listed.get(photo).cloned(),
            Self::Sorted { accepted, rejected } => {
                // Paths that are no text stand in results from the root, whatever they were given as.
                let from_root = path_by_url(photo);
                let lies = |folder: &PathBuf| match &from_root {
                    Some(path) => std::path::absolute(folder).is_ok_and(|folder| path.starts_with(folder)),
                    None => Path::new(photo).starts_with(folder),
                };
                let decided = |verdict| Some(Decision { verdict, reason: None });
                match (lies(accepted), lies(rejected)) {
                    (true, _) => decided(Verdict::Accepted),
                    (_, true) => decided(Verdict::Rejected),
                    _ => None,
                }
            }
        }
    }

    /// How many are on photos without scores, where a file lists them and `scored` of them are on others.
    #[must_use]
    pub fn without_scores(&self, scored: usize) -> Option<usize> {
        match self {
            Self::Listed(listed) => Some(listed.len().saturating_sub(scored)),
            Self::Sorted { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::super::source::PhotoSource;
    use super::*;

    fn read(text: &str) -> Result<Decisions, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is written");
        Decisions::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_says_what_was_decided_and_why() {
        let decisions = read("path, decision, reason\na.jpg, accepted,\n\"b, c.jpg\",rejected,tilted\nd,rejected,\n");
        let decisions = decisions.expect("it is sound");
        let on = |path: &str| decisions.on(path).map(|decision| (decision.verdict, decision.reason));
        assert_eq!(on("a.jpg"), Some((Verdict::Accepted, None)));
        assert_eq!(on("b, c.jpg"), Some((Verdict::Rejected, Some("tilted".to_owned()))));
        assert_eq!((on("d"), on("e")), (Some((Verdict::Rejected, None)), None));
    }

    #[test]
    fn paths_may_be_copied_from_results_and_keep_their_spaces() {
        let text = "decision,path,reason\n accepted , x.jpg,\nrejected,x.jpg , tilted \nrejected,\"'=1+1.jpg\",  \n\
            accepted,+a.jpg,\naccepted,'tis.jpg,\nrejected,''@c.jpg,\n";
        let decisions = read(text).expect("it is sound");
        let on = |path: &str| decisions.on(path).map(|decision| (decision.verdict, decision.reason));
        assert_eq!(on(" x.jpg"), Some((Verdict::Accepted, None)));
        assert_eq!(on("x.jpg "), Some((Verdict::Rejected, Some("tilted".to_owned()))));
        assert_eq!(on("=1+1.jpg"), Some((Verdict::Rejected, None)));
        // Without an apostrophe, or with one that is the name's own, a name is taken as it stands.
        assert!(on("+a.jpg").is_some() && on("'tis.jpg").is_some());
        assert!(on("'@c.jpg").is_some() && on("''@c.jpg").is_none() && on("'=1+1.jpg").is_none());
        assert_eq!(on("x.jpg"), None);
    }

    #[test]
    fn a_reason_may_be_copied_from_results() {
        let decisions = read("path,decision,reason\na,rejected,possibly_tilted\nb,rejected, possibly_blurred \n");
        let decisions = decisions.expect("it is sound");
        let reason = |path: &str| decisions.on(path).and_then(|decision| decision.reason);
        assert_eq!((reason("a").as_deref(), reason("b").as_deref()), (Some("tilted"), Some("blurred")));
    }

    #[test]
    fn what_is_no_decision_is_refused_by_its_line() {
        let said = |text: &str| read(text).expect_err("it is refused");
        assert!(said("path,decision\na.jpg,accepted\nb.jpg,perhaps\n").contains("line: 3"), "a word that is none");
        assert!(said("photo,decision\na.jpg,accepted\n").contains("missing field `path`"));
        assert!(said("path,decision\na,accepted\na,rejected\n").contains("a is decided on twice"));
    }

    #[test]
    fn photos_in_two_folders_are_decided_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |below: &str| folder.path().join(below).to_str().expect("text").to_owned();
        let refused = Decisions::read(folder.path()).expect_err("it is refused").to_string();
        assert!(refused.contains("no folders `accepted` and `rejected`"), "{refused}");
        for name in ["accepted", "rejected"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let decisions = Decisions::read(folder.path()).expect("they are there");
        let on = |below: &str| decisions.on(&path(below)).map(|decision| decision.verdict);
        assert_eq!(on("accepted/rooms/a.jpg"), Some(Verdict::Accepted));
        assert_eq!((on("rejected/a.jpg"), on("rejected.jpg"), on("a.jpg")), (Some(Verdict::Rejected), None, None));
    }

    #[test]
    fn photos_whose_names_are_no_text_are_decided_on_by_their_folders() {
        let absolute = std::env::current_dir().expect("there is one");
        for (base, decided) in [("decided", "decided"), ("decided/", "./decided"), ("a\u{fc} b", "a\u{fc} b")] {
            for folder in [PathBuf::from(decided), absolute.join(decided)] {
                let [accepted, rejected] = ["accepted", "rejected"].map(|verdict| folder.join(verdict));
                let decisions = Decisions::Sorted { accepted, rejected };
                let on = |below: &[u8]| {
                    // As `clearshot score` writes it.
                    let photo = PhotoSource::file(Path::new(base).join(OsStr::from_bytes(below)));
                    assert!(photo.path.starts_with("file:///"), "{}", photo.path);
                    decisions.on(&photo.path).map(|decision| decision.verdict)
                };
                assert_eq!(on(b"accepted/K\xFCche.jpg"), Some(Verdict::Accepted), "{base}, {decided}");
                assert_eq!(on(b"rejected/\xFF/a.jpg"), Some(Verdict::Rejected), "{base}, {decided}");
                assert_eq!((on(b"K\xFCche.jpg"), on(b"rejected\xFF/a.jpg")), (None, None), "{base}, {decided}");
            }
        }
    }
}

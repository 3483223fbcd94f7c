//! Replacing a file whole: whoever reads it meanwhile, and whoever looks after a crash, sees the old one or the new one.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// The file that a path leads to: a link is followed, so that it stays one.
pub(crate) fn target(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.is_symlink() {
                return Err(io::Error::other("it is a link that leads nowhere; make the file that it leads to"));
            }
            Ok(path.to_owned())
        }
        found => found,
    }
}

/// The folder that a file lies in.
pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside the one at `path` and puts it in its place, with its mode and, where the system allows that, its owner; a
/// file that is not there yet gets `mode`, less what the process's mask takes away.
pub(crate) fn replace<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let target = target(path)?;
    let mut new = tempfile::Builder::new()
        .prefix(".clearshot-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder(&target))?;
    write(new.as_file_mut())?;
    if let Ok(old) = target.metadata() {
        // Only root may give a file away; its group may be given by whoever is in it.
        let _ = fchown(new.as_file(), Some(old.uid()), Some(old.gid()))
            .or_else(|_| fchown(new.as_file(), None, Some(old.gid())));
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        replace(path, 0o600, |file| file.write_all(text.as_bytes()))
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_leads_where_it_led() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        write(&file, "one").expect("it is made");
        assert_eq!(file.metadata().expect("it is there").mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("it is ours");
        std::os::unix::fs::symlink("file", &link).expect("a link");
        write(&link, "two").expect("it is replaced");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).expect("text"), "two");
        assert_eq!(file.metadata().expect("it is there").mode() & 0o777, 0o640);
        let failed: io::Result<()> = replace(&file, 0o600, |_| Err(io::Error::other("injected")));
        assert!(failed.is_err());
        assert_eq!(std::fs::read_to_string(&file).expect("text"), "two", "the old one stays");
        std::os::unix::fs::symlink("gone", folder.path().join("dangling")).expect("a link");
        let said = write(&folder.path().join("dangling"), "three").expect_err("it leads nowhere").to_string();
        assert!(said.contains("leads nowhere"), "{said}");
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 3, "nothing is left behind");
    }
}

//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use crate::data::whole::regular_length;
use crate::error::{Error, Result};

/// What the name of a file begins with that [`replace_file`] has not finished.
const UNFINISHED: &str = ".writing-";

/// Puts a file of these bytes at `path`, in place of an earlier one: whole or not at all, also
/// where the process is killed or the disk is full. Its folder must be there.
///
/// # Errors
/// [`Error::Io`] when it can't be written, [`Error::Data`] when what is there is a folder, a device
/// or a pipe; what is there is then untouched.
pub fn replace_file(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    replace_with(path, |temporary| {
        fs::write(temporary, bytes).map_err(|error| Error::io(path, error))
    })
}

/// As [`replace_file`], of the file that `write` makes under a temporary name.
pub(crate) fn replace_with(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    // A rename would put a file in the place of a device.
    if path.try_exists().map_err(|error| Error::io(path, error))? {
        regular_length(path)?;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    // A file like any other, which the umask decides on, not a private one.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary =
        builder.tempfile_in(folder).map_err(|error| Error::io(folder, error))?.into_temp_path();
    write(&temporary)?;
    let synced = OpenOptions::new().write(true).open(&temporary).and_then(|file| file.sync_all());
    synced.map_err(|error| Error::io(path, error))?;
    temporary.persist(path).map_err(|error| Error::io(path, error.error))?;
    // The rename itself must reach the disk; not every system can sync a folder.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Refuses a path at which there is something.
///
/// # Errors
/// [`Error::Io`] when there is.
pub(crate) fn check_new(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(Error::io(path, std::io::ErrorKind::AlreadyExists.into())),
        Err(_) => Ok(()),
    }
}

/// Makes the folders that a file is to be in.
///
/// # Errors
/// [`Error::Io`] when they can't be made.
pub(crate) fn make_folders_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(|error| Error::io(folder, error)),
        None => Ok(()),
    }
}

/// Whether `path` is of a file that [`replace_file`] was stopped at.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let random = name.strip_prefix(UNFINISHED).unwrap_or_default();
    // As `tempfile` names them; anything else is somebody's.
    random.len() == 6 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_permissions_of_one_that_is_simply_made_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, plain) = (folder.path().join("whole"), folder.path().join("plain"));
        replace_file(&path, "earlier").unwrap();
        replace_file(&path, "whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        fs::write(&plain, "").unwrap();
        let permissions = |path| fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions(&path), permissions(&plain));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, there, link] = ["pipe", "there", "link"].map(|name| folder.path().join(name));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::create_dir(&there).unwrap();
        for (path, found) in [(&pipe, "a device, pipe or socket"), (&there, "a folder")] {
            let message = replace_file(path, "new").unwrap_err().to_string();
            let expected = format!("expected a regular file, found {found}");
            assert!(message.ends_with(&expected), "{message}");
        }
        // A link is replaced, not followed: what it leads to is somebody's.
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        replace_file(&link, "new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn a_failed_write_leaves_the_earlier_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "earlier").unwrap();
        let error = replace_with(&path, |temporary| {
            fs::write(temporary, "half of it").unwrap();
            Err(Error::Config("the disk is full".to_owned()))
        });
        assert!(error.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }
}

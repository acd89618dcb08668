//! Files that are read whole: regular ones, up to a size.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// The largest file of data or settings that is read, in bytes: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// The bytes of a regular file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// When the file can't be read, is larger, or is no regular file but a folder, a device or a pipe,
/// which could be without end.
pub fn read_bytes(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let io = |source| Error::io(path, source);
    let length = regular_length(path)?;
    let too_large = |bytes: u64| {
        let (most, found) = (MAX_FILE_BYTES >> 20, bytes.div_ceil(1 << 20));
        let message = format!("expected a file of at most {most} MiB, found {found} MiB or more");
        Error::data(path, None, message)
    };
    if length > MAX_FILE_BYTES {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // Some files, such as those in /proc, hold more than they say.
    let file = File::open(path).map_err(io)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    match bytes.len() as u64 {
        length if length > MAX_FILE_BYTES => Err(too_large(length)),
        _ => Ok(bytes),
    }
}

/// The length of a regular file in bytes. To be asked for before it is opened: a pipe would wait
/// for whoever writes into it.
///
/// # Errors
/// When there is no such file, or it is a folder, a device or a pipe, which could be without end.
pub(crate) fn regular_length(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(|source| Error::io(path, source))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let found = if metadata.is_dir() { "a folder" } else { "a device, pipe or socket" };
    Err(Error::data(path, None, format!("expected a regular file, found {found}")))
}

/// The text of a file as [`read_bytes`] reads it, without a byte order mark.
///
/// # Errors
/// As [`read_bytes`], and when the text is not UTF-8; the message gives the line.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text = String::from_utf8(read_bytes(path)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        Error::data(path, line, "expected UTF-8 text, found other bytes")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_left_out_and_other_text_than_utf8_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        fs::write(&path, "\u{feff}1\nMale\n").unwrap();
        assert_eq!(read_text(&path).unwrap(), "1\nMale\n");
        fs::write(&path, b"1\nMale\n\xE9.jpg 1\n").unwrap();
        let message = read_text(&path).unwrap_err().to_string();
        assert!(message.ends_with("list.txt:3: expected UTF-8 text, found other bytes"));
    }

    #[test]
    fn files_beyond_the_limit_are_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.png");
        // Without blocks on the disk: a terabyte of zeros.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let message = read_bytes(&path).unwrap_err().to_string();
        let expected = "expected a file of at most 256 MiB, found 1048576 MiB or more";
        assert!(message.ends_with(expected), "{message}");
        File::create(&path).unwrap().set_len(1 << 10).unwrap();
        assert_eq!(read_bytes(&path).unwrap().len(), 1 << 10);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_read() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;
        use std::process::Command;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder.png")).unwrap();
        assert!(Command::new("mkfifo").arg(at("pipe.png")).status().unwrap().success());
        let _socket = UnixListener::bind(at("socket.png")).unwrap();
        symlink("pipe.png", at("link-to-pipe.png")).unwrap();
        symlink("/dev/zero", at("zero.png")).unwrap();
        symlink("folder.png", at("link-to-folder.png")).unwrap();
        for (name, found) in [
            ("folder.png", "a folder"),
            ("link-to-folder.png", "a folder"),
            ("pipe.png", "a device, pipe or socket"),
            ("link-to-pipe.png", "a device, pipe or socket"),
            ("socket.png", "a device, pipe or socket"),
            ("zero.png", "a device, pipe or socket"),
        ] {
            let message = read_bytes(at(name)).unwrap_err().to_string();
            let expected = format!("{name}: expected a regular file, found {found}");
            assert!(message.ends_with(&expected), "{message}");
        }
        symlink("nowhere.png", at("dangling.png")).unwrap();
        symlink("loop.png", at("loop.png")).unwrap();
        fs::write(at("whole.png"), "whole").unwrap();
        symlink("whole.png", at("link.png")).unwrap();
        for name in ["dangling.png", "loop.png", "absent.png"] {
            assert!(matches!(read_bytes(at(name)), Err(Error::Io { .. })), "{name}");
        }
        assert_eq!(read_bytes(at("link.png")).unwrap(), b"whole");
    }
}

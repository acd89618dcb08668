//! Weights that others have published and the user has in a file, which is told by its checksum.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::data::whole::read_bytes;
use crate::error::{Error, Result};
use crate::files::pytorch::read::read_with_statistics;
use crate::nn::weights::Weights;

/// A file that others have published.
pub(super) struct PublicFile {
    /// As it is called where it is published.
    pub name: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// What the hexadecimal digits of its SHA-256 begin with.
    pub checksum: &'static str,
}

impl PublicFile {
    /// The weights in the file at `path`, whatever its name.
    ///
    /// # Errors
    /// When it can't be read or is another one: which is meant, and where to read of it.
    pub fn read(&self, path: &Path) -> Result<Weights> {
        let broken = |problem: String| {
            let Self { name, what, .. } = self;
            let message = format!(
                "{problem}; expected the file {name}, {what}: docs/metrics.md says where it is from"
            );
            Error::checkpoint(path, message)
        };
        let bytes = read_bytes(path).map_err(|error| match error {
            Error::Io { source, .. } => broken(source.to_string()),
            Error::Data { message, .. } => broken(message),
            other => other,
        })?;
        let found: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if !found.starts_with(self.checksum) {
            return Err(broken(format!(
                "this is another file: its SHA-256 begins with {}, not with {}",
                &found[..self.checksum.len()],
                self.checksum
            )));
        }
        read_with_statistics(&bytes).map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: PublicFile =
        PublicFile { name: "abc.pth", what: "the weights of a test", checksum: "ba7816bf" };

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_the_one_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.pth");
        let refused = |expected: &str| {
            let error = FILE.read(&path).unwrap_err().to_string();
            let meant = "expected the file abc.pth, the weights of a test: docs/metrics.md says";
            let all = ["mine.pth: ", expected, meant];
            assert!(all.iter().all(|part| error.contains(part)), "{error}");
        };
        refused("No such file");
        std::fs::write(&path, "abd").unwrap();
        refused("another file: its SHA-256 begins with a52d159f, not with ba7816bf");
        // The file of this checksum (FIPS 180-2, appendix B.1), which holds no weights.
        std::fs::write(&path, "abc").unwrap();
        refused("expected a PyTorch checkpoint");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        refused("expected a regular file, found a folder");
    }
}

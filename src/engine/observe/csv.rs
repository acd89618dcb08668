//! CSV files that a resumed run continues.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::data::whole::regular_length;
use crate::error::shown::quoted;
use crate::error::{Error, Result};
use crate::files::replace::replace_file;

/// A log in a run folder, whose rows begin with their iteration.
#[derive(Debug)]
pub(crate) struct CsvFile {
    path: PathBuf,
    header: String,
    file: File,
    /// The last row that was kept.
    last: Option<String>,
}

impl CsvFile {
    /// Opens the log at `path`, to write on after `iteration`.
    ///
    /// # Errors
    /// [`Error::Data`] when it is no file, or has a row of another kind: what it holds is not to be
    /// lost.
    pub fn go_on(path: PathBuf, header: &str, iteration: u64) -> Result<Self> {
        let mut kept = header.to_owned() + "\n";
        let mut last = None;
        // A link that leads nowhere is replaced, as a missing file is.
        if path.try_exists().map_err(|error| Error::io(&path, error))? {
            regular_length(&path)?;
            let bytes = fs::read(&path).map_err(|error| Error::io(&path, error))?;
            // What a process that was killed did not write to its end is no row, and perhaps no
            // text.
            let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            let whole = String::from_utf8_lossy(&bytes[..end]);
            // A power failure can leave zeros where rows were.
            let rows = whole.lines().enumerate().skip(1).filter(|(_, row)| !row.starts_with('\0'));
            for (line, row) in rows {
                let number = row.split(',').next().and_then(|number| number.parse::<u64>().ok());
                let number = number.ok_or_else(|| {
                    let message = format!(
                        "expected a row that begins with its iteration, found {}: move the file \
                         away, and the run goes on without what is in it",
                        quoted(row)
                    );
                    Error::data(&path, line + 1, message)
                })?;
                // Rows after the checkpoint belong to iterations that will be done again.
                if number <= iteration {
                    kept += row;
                    kept += "\n";
                    last = Some(row.to_owned());
                }
            }
        }
        replace_file(&path, kept)?;
        let file = appending(&path)?;
        Ok(Self { path, header: header.to_owned(), file, last })
    }

    /// The last row of those that were there.
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Adds `rows`, each with the end of its line. A file that was removed begins anew.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be written.
    pub fn write(&mut self, rows: &str) -> Result<()> {
        if !self.path.try_exists().map_err(|error| Error::io(&self.path, error))? {
            replace_file(&self.path, self.header.clone() + "\n")?;
            self.file = appending(&self.path)?;
        }
        self.file.write_all(rows.as_bytes()).map_err(|error| Error::io(&self.path, error))
    }
}

fn appending(path: &PathBuf) -> Result<File> {
    OpenOptions::new().append(true).open(path).map_err(|error| Error::io(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "iteration,value";

    #[test]
    fn rows_up_to_the_checkpoint_stay_and_what_was_cut_off_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        fs::write(&path, b"iteration,old\n10,a\n\0\0\0\n20,b\n30,c\n4\xff").unwrap();
        let mut log = CsvFile::go_on(path.clone(), HEADER, 20).unwrap();
        assert_eq!(log.last(), Some("20,b"));
        log.write("25,d\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "iteration,value\n10,a\n20,b\n25,d\n");
    }

    #[test]
    fn what_somebody_else_wrote_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let saved = "iteration;value\n10;0,5\n20;0,25\n";
        fs::write(&path, saved).unwrap();
        let message = CsvFile::go_on(path.clone(), HEADER, 20).unwrap_err().to_string();
        let expected = "log.csv:2: expected a row that begins with its iteration, found `10;0,5`: ";
        assert!(message.contains(expected), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), saved);
    }

    #[test]
    fn a_file_that_is_removed_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let mut log = CsvFile::go_on(path.clone(), HEADER, 0).unwrap();
        log.write("1,a\n").unwrap();
        fs::remove_file(&path).unwrap();
        log.write("2,b\n").unwrap();
        log.write("3,c\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "iteration,value\n2,b\n3,c\n");
        drop(folder);
        assert!(log.write("4,d\n").is_err(), "the run's folder is gone");
    }
}

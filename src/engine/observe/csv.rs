//! CSV files that a resumed run continues.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use crate::data::whole::regular_length;
use crate::error::{Error, Result};
use crate::files::model::replace_file;

/// Opens the log at `path`, whose rows begin with their iteration, to write on after `iteration`.
pub(crate) fn continue_csv(path: &Path, header: &str, iteration: u64) -> Result<File> {
    let io = |error| Error::io(path, error);
    let mut kept = header.to_owned() + "\n";
    if path.symlink_metadata().is_ok() {
        regular_length(path)?;
        let bytes = fs::read(path).map_err(io)?;
        // What a process that was killed did not write to its end is no row, and perhaps no text.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let whole = String::from_utf8_lossy(&bytes[..end]);
        for row in whole.lines().skip(1) {
            let number = row.split(',').next().and_then(|number| number.parse::<u64>().ok());
            // Rows after the checkpoint belong to iterations that will be done again.
            if number.is_some_and(|number| number <= iteration) {
                kept += row;
                kept += "\n";
            }
        }
    }
    replace_file(path, |temporary| fs::write(temporary, kept).map_err(io))?;
    OpenOptions::new().append(true).open(path).map_err(io)
}

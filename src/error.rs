//! The crate's error type. Every message says where, what was expected and what was found.

pub(crate) mod shown;

use std::path::{Path, PathBuf};

use crate::error::shown::Shown;

/// The result of a fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong at the crate's boundary.
///
/// The interior asserts its invariants and documents them under `# Panics`; whatever comes from a
/// user (files, labels, configuration) ends here instead. As text, what it quotes of them is cut to
/// a readable length, and control characters are escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {}", Shown(path.display()), Shown(source))]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A data file does not say what it should.
    #[error(
        "{}{}: {}",
        Shown(path.display()),
        line.map(|l| format!(":{l}")).unwrap_or_default(),
        Shown(message)
    )]
    Data {
        /// The file concerned.
        path: PathBuf,
        /// The line, counted from 1, where one is to blame.
        line: Option<usize>,
        /// What was expected and what was found.
        message: String,
    },
    /// An image could not be decoded or encoded.
    #[error("{}: {}", Shown(path.display()), Shown(source))]
    Image {
        /// The image file.
        path: PathBuf,
        /// What the decoder or encoder said.
        source: image::ImageError,
    },
    /// A label, an edit or a label space that makes no sense.
    #[error("{}", Shown(_0))]
    Label(String),
    /// A configuration that cannot work; the message says what to change.
    #[error("{}", Shown(_0))]
    Config(String),
    /// Training has diverged.
    #[error(
        "iteration {iteration}: {} is {value}: training has diverged{}",
        Shown(term),
        after_divergence(*rollbacks, checkpoint.as_deref())
    )]
    NonFinite {
        /// The iteration that computed it, counted from 1.
        iteration: u64,
        /// The loss term, gradient or weight, such as `faces/d/penalty`.
        term: String,
        /// The value found: infinite or NaN.
        value: f32,
        /// How often the run was rolled back before.
        rollbacks: u32,
        /// The newest checkpoint, all of whose values are finite.
        checkpoint: Option<PathBuf>,
    },
    /// The workers of a run have lost each other, or do not fit together.
    #[error("{}", Shown(_0))]
    Workers(String),
    /// An error of a user's own dataset, recipe or observer.
    #[error("{}", Shown(_0))]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A checkpoint or model file that cannot be used.
    #[error("{}: {}", Shown(path.display()), Shown(message))]
    Checkpoint {
        /// The checkpoint or model file.
        path: PathBuf,
        /// What was expected and what was found.
        message: String,
    },
}

impl Error {
    /// Wraps an error of a user's own, to be returned by their dataset, recipe or observer.
    pub fn other(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(source.into())
    }

    /// An [`Error::Io`] about `path`.
    pub(crate) fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_owned(), source }
    }

    /// An [`Error::Data`] about `path`, at `line` (counted from 1) when one is to blame.
    pub(crate) fn data(
        path: impl AsRef<Path>,
        line: impl Into<Option<usize>>,
        message: impl Into<String>,
    ) -> Self {
        Self::Data { path: path.as_ref().to_owned(), line: line.into(), message: message.into() }
    }

    /// An [`Error::Image`] about `path`.
    pub(crate) fn image(path: impl AsRef<Path>, source: image::ImageError) -> Self {
        Self::Image { path: path.as_ref().to_owned(), source }
    }

    /// An [`Error::Checkpoint`] about `path`.
    pub(crate) fn checkpoint(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.as_ref().to_owned(), message: message.into() }
    }
}

/// What there is to do about a run that has diverged.
fn after_divergence(rollbacks: u32, checkpoint: Option<&Path>) -> String {
    let again = "begin again with a smaller learning rate";
    match (rollbacks, checkpoint) {
        (_, None) => format!("; there is no checkpoint yet: {again}"),
        (0, Some(path)) => format!(
            "; the last good checkpoint is {}: resume from it with the policy roll-back, or \
             {again}",
            Shown(path.display())
        ),
        (n, Some(path)) => format!(
            " after {n} roll-back(s); the last good checkpoint is {}: resume from it with more \
             roll-backs or a smaller factor, or {again}",
            Shown(path.display())
        ),
    }
}

/// `", did you mean \"Blond_Hair\"?"` for the candidate nearest to `name`, or nothing when none is
/// near.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(", did you mean {candidate:?}?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_give_path_and_line() {
        let error = Error::data("list_attr.txt", 17, "expected 7 attribute values, found 6");
        assert_eq!(error.to_string(), "list_attr.txt:17: expected 7 attribute values, found 6");
        let error = Error::data("list_attr.txt", None, "the file is empty");
        assert_eq!(error.to_string(), "list_attr.txt: the file is empty");
    }

    #[test]
    fn whatever_a_message_quotes_it_is_short_and_plain() {
        let hostile = format!("\u{1b}[31m{}", "x".repeat(2_000_000));
        let path = || PathBuf::from("a\u{1b}b");
        let io = || std::io::Error::other(hostile.clone());
        let unsupported = image::error::ImageFormatHint::Name(hostile.clone());
        for error in [
            Error::io(path(), io()),
            Error::data(path(), 3, &*hostile),
            Error::image(path(), image::ImageError::Unsupported(unsupported.into())),
            Error::Label(hostile.clone()),
            Error::Config(hostile.clone()),
            Error::Workers(hostile.clone()),
            Error::other(io()),
            Error::checkpoint(path(), &*hostile),
            Error::NonFinite {
                iteration: 1,
                term: hostile.clone(),
                value: f32::NAN,
                rollbacks: 0,
                checkpoint: Some(path()),
            },
        ] {
            let message = error.to_string();
            assert!(message.len() < 2500 && !message.contains('\u{1b}'), "{message}");
        }
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["Black_Hair", "Blond_Hair", "Male"];
        assert_eq!(did_you_mean("blonde_hair", names), ", did you mean \"Blond_Hair\"?");
        assert_eq!(did_you_mean("xyz", names), "");
    }
}

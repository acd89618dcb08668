//! Which files in folders are images.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::data::listing::{entries, kind};
use crate::error::{Error, Result};

/// What the names of images end in, in upper or lower case.
pub(super) const EXTENSIONS: [&str; 10] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "gif", "tif", "tiff", "bmp", "webp"];

/// The image files in a folder, and what else there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageFiles {
    /// Those that end as images do, sorted by name.
    pub images: Vec<PathBuf>,
    /// What is no image, such as `.heic` or `hidden`, and how often it is there.
    pub left_out: BTreeMap<String, usize>,
}

/// The images directly in `folder` (PNG, JPEG, GIF, TIFF, BMP, WebP, told by extension); hidden
/// files are left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn image_files(folder: impl AsRef<Path>) -> Result<ImageFiles> {
    let mut found = ImageFiles::default();
    for entry in entries(folder.as_ref())? {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = match name.to_string_lossy() {
            name if name.starts_with('.') => kind(&name),
            _ if path.is_dir() => "folder".to_owned(),
            _ if is_image(&path) => {
                found.images.push(path);
                continue;
            }
            name => kind(&name),
        };
        *found.left_out.entry(kind).or_default() += 1;
    }
    found.images.sort();
    Ok(found)
}

/// Adds the images in `folder`, which is named `name`, and in those below it to `images`; `above`
/// are the folders that it is in.
pub(super) fn images_below(
    name: &str,
    folder: &Path,
    above: &mut Vec<PathBuf>,
    images: &mut Vec<(String, PathBuf)>,
    left_out: &mut BTreeMap<String, usize>,
) -> Result<()> {
    let real = fs::canonicalize(folder).map_err(|source| Error::io(folder, source))?;
    if above.contains(&real) {
        let message = "the folder leads back to one that it is in: remove the link";
        return Err(Error::data(folder, None, message));
    }
    above.push(real);
    for (entry, path) in visible(folder, left_out)? {
        let name = format!("{name}/{entry}");
        if path.is_dir() {
            images_below(&name, &path, above, images, left_out)?;
        } else if is_image(&path) {
            images.push((name, path));
        } else {
            *left_out.entry(kind(&entry)).or_default() += 1;
        }
    }
    above.pop();
    Ok(())
}

/// The entries of `folder` that are not hidden, sorted by name; hidden ones are `left_out`.
pub(super) fn visible(
    folder: &Path,
    left_out: &mut BTreeMap<String, usize>,
) -> Result<Vec<(String, PathBuf)>> {
    let as_text = |name: OsString| {
        name.into_string().map_err(|name| {
            let message = format!("expected names in UTF-8, found {name:?}");
            Error::data(folder, None, message)
        })
    };
    let mut named = Vec::new();
    for entry in entries(folder)? {
        let name = as_text(entry.file_name())?;
        if name.starts_with('.') {
            *left_out.entry(kind(&name)).or_default() += 1;
        } else {
            named.push((name, entry.path()));
        }
    }
    named.sort();
    Ok(named)
}

pub(super) fn is_image(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|found| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(found)))
}

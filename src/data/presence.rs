//! Which of the images that a list names are there, and what is there that it does not name.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::data::listing::{entries, kind};
use crate::error::Result;

/// What is there of a list.
#[derive(Debug)]
pub(super) struct Presence {
    /// Whether each name of the list is that of a file that is there.
    pub(super) there: Vec<bool>,
    /// What stands in the same folders and is not in the list, by kind, and how often.
    pub(super) not_listed: BTreeMap<String, usize>,
}

impl Presence {
    /// Looks in `images` for `names`, whose parts are separated by `/`.
    ///
    /// Every folder is listed once: asking for 200,000 files one by one takes minutes on a network
    /// drive.
    ///
    /// # Errors
    /// When a folder is there but can't be read.
    pub(super) fn new(images: &Path, names: &[&str]) -> Result<Self> {
        let mut folders = HashMap::from([("", names_in(images)?)]);
        let mut there = Vec::with_capacity(names.len());
        for name in names {
            let (folder, file) = split(name);
            if !folders.contains_key(folder) {
                let path = images.join(folder);
                let found = if path.is_dir() { names_in(&path)? } else { HashSet::new() };
                folders.insert(folder, found);
            }
            there.push(folders[folder].contains(OsStr::new(file)));
        }
        let named: Vec<&str> = folders.keys().copied().collect();
        for mut name in named.into_iter().chain(names.iter().copied()) {
            // A folder is named with what is in it.
            while !name.is_empty() {
                let (folder, last) = split(name);
                if let Some(there) = folders.get_mut(folder) {
                    there.remove(OsStr::new(last));
                }
                name = folder;
            }
        }
        let mut not_listed = BTreeMap::new();
        for name in folders.values().flatten() {
            let kind = kind(&name.to_string_lossy());
            *not_listed.entry(format!("{kind} not in the list")).or_default() += 1;
        }
        Ok(Self { there, not_listed })
    }
}

/// The folder of a name, and its last part.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn names_in(folder: &Path) -> Result<HashSet<OsString>> {
    Ok(entries(folder)?.iter().map(|entry| entry.file_name()).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_folder_that_a_name_leads_to_is_looked_into() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/other.jpg", "d/a.jpg", "b/e/a.jpg"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, []).unwrap();
        }
        let names = ["a.jpg", "b/c/a.jpg", "b/c/none.jpg", "none/a.jpg", "a.jpg/a.jpg"];
        let found = Presence::new(folder.path(), &names).unwrap();
        assert_eq!(found.there, [true, true, false, false, false]);
        // b/c/other.jpg, and the folder d; of b only what is in b/c is looked at.
        let expected = [(".jpg not in the list", 1), ("without ending not in the list", 1)];
        let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
        assert_eq!(found.not_listed, expected.into());
    }
}

//! The order of the crate's parts: each uses what is beneath it, and no files use each other in a
//! circle.
//!
//! What a file uses is read from the paths in it, `use` lines and others, that begin with `crate`,
//! `self` or `super`; re-exports lead to the file that an item is written in. A method that another
//! file adds to a type is not seen.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use super::crate_source::{Module, Source, attributes, imports, is_for_tests, print};

/// From the bottom. `lib.rs` is above all.
const FLOORS: [&str; 14] = [
    "error",
    "backend",
    "random",
    "labels",
    "data",
    "nn",
    "optim",
    "files",
    "translate",
    "engine",
    "recipes",
    "metrics",
    "report",
    "compiled_once",
];

/// What every file uses, by path below `src`.
type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_floor_uses_a_higher_one() {
    let found = upward(&uses(&Source::read()));
    assert!(found.is_empty(), "a floor uses a higher one:\n{}", found.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found = circles(&uses(&Source::read()));
    assert!(found.is_empty(), "files use each other in circles:\n{}", found.join("\n"));
}

#[test]
fn the_crate_is_read_whole() {
    let uses = uses(&Source::read());
    let known = |file: &&String| *file == "lib.rs" || floor(file).is_some();
    let unknown: Vec<_> = uses.keys().filter(|file| !known(file)).collect();
    assert!(unknown.is_empty(), "on which floor are {unknown:?}?");
    assert!(
        uses["engine/run_folder.rs"].contains("files/model.rs"),
        "{:?}",
        uses["engine/run_folder.rs"]
    );
    assert!(uses["recipes/cyclegan.rs"].contains("error.rs"));
    let edges: usize = uses.values().map(BTreeSet::len).sum();
    assert!(edges > 300, "{edges} uses in the whole crate");
}

#[test]
fn a_look_upward_and_a_circle_are_found() {
    let source = Source::of_texts(&[
        ("lib.rs", "pub use nn::layers::Layer; pub use engine::Trainer;"),
        ("error.rs", "pub struct Error;"),
        ("nn/mod.rs", "pub use self::layers::Layer;"),
        ("nn/layers.rs", "use crate::error::Error; use super::ops::{self, conv}; struct Layer;"),
        ("nn/ops.rs", "pub fn conv() -> super::Layer { crate::nn::layers::Layer }"),
        ("engine/mod.rs", "pub use crate::engine::trainer::Trainer;"),
        ("engine/trainer.rs", "use crate::{Trainer as T, nn::Layer}; pub struct Trainer;"),
        ("optim.rs", "#[cfg(test)] mod tests { use crate::report::Page; } type A = u8;"),
        ("labels.rs", "fn of() { let _ = crate::engine::Trainer; }"),
        ("data.rs", "/// As [`crate::report::Page`].\nstruct Data;"),
        (
            "report.rs",
            "#[macro_export] macro_rules! page { () => { $crate::Trainer } } pub struct Page;",
        ),
        ("files.rs", "use crate::page;"),
    ]);
    let uses = uses(&source);
    assert_eq!(upward(&uses), ["files.rs uses report.rs", "labels.rs uses engine/trainer.rs"]);
    let circle = "nn/layers.rs -> nn/ops.rs -> nn/layers.rs";
    assert_eq!(circles(&uses), [circle]);
    assert!(uses["data.rs"].is_empty() && uses["optim.rs"].is_empty());
    assert_eq!(uses["engine/trainer.rs"], BTreeSet::from(["nn/layers.rs".to_owned()]));
}

fn floor(file: &str) -> Option<usize> {
    let part = file.split(['/', '.']).next()?;
    FLOORS.iter().position(|floor| *floor == part)
}

fn upward(uses: &Uses) -> Vec<String> {
    let rank = |file: &str| floor(file).unwrap_or(FLOORS.len());
    let mut found = Vec::new();
    for (file, used) in uses {
        let higher = used.iter().filter(|used| rank(used) > rank(file));
        found.extend(higher.map(|used| format!("{file} uses {used}")));
    }
    found
}

/// The shortest circle through each file that is in one, each circle once.
fn circles(uses: &Uses) -> Vec<String> {
    let mut found = BTreeSet::new();
    for start in uses.keys() {
        if let Some(mut circle) = circle(uses, start) {
            let first = (0..circle.len()).min_by_key(|at| &circle[*at]).unwrap_or(0);
            circle.rotate_left(first);
            circle.push(circle[0]);
            found.insert(circle.join(" -> "));
        }
    }
    found.into_iter().collect()
}

fn circle<'a>(uses: &'a Uses, start: &'a str) -> Option<Vec<&'a str>> {
    let mut paths = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            for used in uses.get(*path.last()?).into_iter().flatten() {
                if used == start {
                    return Some(path);
                }
                if seen.insert(used) {
                    longer.push([&path[..], &[used]].concat());
                }
            }
        }
        paths = longer;
    }
    None
}

fn uses(source: &Source) -> Uses {
    let mut uses: Uses = BTreeMap::new();
    for (module, items) in &source.modules {
        let file = &source.files[module];
        let used = uses.entry(file.clone()).or_default();
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            let paths = match item {
                Item::Mod(_) => Vec::new(),
                // What it names is used where it is called, in any crate.
                item if exported_name(item).is_some() => Vec::new(),
                Item::Use(import) => {
                    imports(import).into_iter().map(|import| import.path).collect()
                }
                item => paths(&print(item.clone())),
            };
            let written = paths.iter().filter_map(|path| written_in(source, module, path));
            used.extend(written.filter(|other| other != file));
        }
    }
    uses
}

/// The file of what `path` names in `module`; none outside this crate.
fn written_in(source: &Source, module: &Module, path: &[String]) -> Option<String> {
    if let Some((at, _)) = source.resolve(module, path) {
        return source.files.get(&at).cloned();
    }
    let (at, rest) = source.module(module, path);
    if let ([], [name]) = (&at[..], rest)
        && let Some(file) = exported(source, name)
    {
        return Some(file);
    }
    // All of it is a module; or what a macro has made is in it.
    (rest.len() < path.len()).then(|| source.files[&at].clone())
}

/// The file of a macro that is at the crate's root, wherever it is written.
fn exported(source: &Source, name: &str) -> Option<String> {
    let is_it = |item: &Item| exported_name(item).is_some_and(|known| known == name);
    let (module, _) = source.modules.iter().find(|(_, items)| items.iter().any(is_it))?;
    source.files.get(module).cloned()
}

/// The name of a macro that is at the crate's root, if `item` is one.
fn exported_name(item: &Item) -> Option<String> {
    let Item::Macro(item) = item else { return None };
    let exported = item.attrs.iter().any(|a| a.path().is_ident("macro_export"));
    item.ident.as_ref().filter(|_| exported).map(ToString::to_string)
}

/// The paths in `code` that begin in this crate.
fn paths(code: &str) -> Vec<Vec<String>> {
    let code: Vec<&str> =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !word(c)).filter(|word| word.contains("::"));
    let segments = words.map(|word| {
        let parts = word.split("::").filter(|part| !part.is_empty());
        parts.map(|part| part.trim_matches(':').to_owned()).collect::<Vec<String>>()
    });
    let own =
        |path: &Vec<String>| path.len() > 1 && ["crate", "super", "self"].contains(&&path[0][..]);
    segments.filter(own).collect()
}

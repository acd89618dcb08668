//! The crate's modules as syntax trees, without those for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, File, Item, ItemUse, UseTree, Visibility};

/// `crate::train::step` as `["train", "step"]`.
pub type Module = Vec<String>;

/// All modules of the crate, but those for tests.
#[derive(Default)]
pub struct Source {
    pub modules: BTreeMap<Module, Vec<Item>>,
    /// Where a module is written, below `src`; one inside another is in the other's file.
    pub files: BTreeMap<Module, String>,
}

impl Source {
    /// This crate.
    pub fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut source = Self::default();
        source.read_file(Vec::new(), &src.join("lib.rs"), &src);
        for file in source.files.values_mut() {
            *file = Path::new(&*file).strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        }
        source
    }

    /// A crate whose modules are texts by path, for tests.
    pub fn of_texts(texts: &[(&str, &str)]) -> Self {
        let mut source = Self::default();
        for (file, text) in texts {
            let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
            let module: Module = match stem {
                "lib" => Vec::new(),
                stem => stem.split('/').map(str::to_owned).collect(),
            };
            source.modules.insert(module.clone(), syn::parse_file(text).unwrap().items);
            source.files.insert(module, (*file).to_owned());
        }
        source
    }

    /// Reads the module in `file`, whose children are in `folder`.
    fn read_file(&mut self, module: Module, file: &Path, folder: &Path) {
        let text =
            fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let File { items, .. } = syn::parse_file(&text).unwrap();
        self.add(module, items, file, folder);
    }

    fn add(&mut self, module: Module, items: Vec<Item>, file: &Path, folder: &Path) {
        for item in &items {
            let Item::Mod(child) = item else { continue };
            if is_for_tests(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let path = [&module[..], std::slice::from_ref(&name)].concat();
            let folder: PathBuf = folder.join(&name);
            match &child.content {
                Some((_, items)) => self.add(path, items.clone(), file, &folder),
                None if folder.join("mod.rs").is_file() => {
                    self.read_file(path, &folder.join("mod.rs"), &folder)
                }
                None => self.read_file(path, &folder.with_extension("rs"), &folder),
            }
        }
        self.files.insert(module.clone(), file.to_str().unwrap().to_owned());
        self.modules.insert(module, items);
    }

    /// The module that `segments` name from `module`, as far as they name modules, and the rest.
    pub fn module<'a>(&self, module: &Module, segments: &'a [String]) -> (Module, &'a [String]) {
        let mut at = module.clone();
        let mut rest = segments;
        while let [segment, following @ ..] = rest {
            match segment.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                child => {
                    let path = [&at[..], &[child.to_owned()]].concat();
                    if !self.modules.contains_key(&path) {
                        break;
                    }
                    at = path;
                }
            }
            rest = following;
        }
        (at, rest)
    }

    /// The item that `segments` name in `module`, and the module it stands in; `None` outside this
    /// crate.
    pub fn resolve(&self, module: &Module, segments: &[String]) -> Option<(Module, &Item)> {
        let (at, rest) = self.module(module, segments);
        let [last, ..] = rest else { return None };
        if rest.len() == segments.len() && segments.len() > 1 {
            return None;
        }
        let items = self.modules.get(&at)?;
        let own = items.iter().find(|item| name(item).is_some_and(|(name, _)| name == *last));
        own.map(|item| (at.clone(), item)).or_else(|| {
            let reexports = items.iter().filter_map(|item| match item {
                Item::Use(import) => Some(imports(import)),
                _ => None,
            });
            reexports.flatten().find_map(|Import { path, name }| match name {
                Some(name) if name == *last && path.len() > 1 => self.resolve(&at, &path),
                None if path != segments[..segments.len() - 1] => {
                    self.resolve(&at, &[&path[..], std::slice::from_ref(last)].concat())
                }
                _ => None,
            })
        })
    }
}

pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let tokens = list.tokens.to_string();
        let mut words = tokens.split(|c: char| !c.is_alphanumeric());
        attribute.path().is_ident("cfg") && words.any(|word| word == "test" || word == "doctest")
    })
}

/// The attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name of an item that can be re-exported, and whether it is public.
pub fn name(item: &Item) -> Option<(String, bool)> {
    let (name, visibility) = match item {
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Const(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((name.to_string(), is_public(visibility)))
}

/// What a `use` brings in.
pub struct Import {
    pub path: Vec<String>,
    /// None for all that is in a module.
    pub name: Option<String>,
}

/// All that a `use` brings in.
pub fn imports(import: &ItemUse) -> Vec<Import> {
    fn collect(tree: &UseTree, path: &[String], found: &mut Vec<Import>) {
        let with = |name: &syn::Ident| [path, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(tree) => collect(&tree.tree, &with(&tree.ident), found),
            UseTree::Name(tree) if tree.ident == "self" => {
                found.push(Import { path: path.to_vec(), name: path.last().cloned() });
            }
            UseTree::Name(tree) => {
                let name = Some(tree.ident.to_string());
                found.push(Import { path: with(&tree.ident), name });
            }
            UseTree::Rename(tree) => {
                let name = Some(tree.rename.to_string());
                found.push(Import { path: with(&tree.ident), name });
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, path, found)),
            UseTree::Glob(_) => found.push(Import { path: path.to_vec(), name: None }),
        }
    }
    let mut found = Vec::new();
    collect(&import.tree, &[], &mut found);
    found
}

pub fn print(item: Item) -> String {
    prettyplease::unparse(&File { shebang: None, attrs: Vec::new(), items: vec![item] })
}

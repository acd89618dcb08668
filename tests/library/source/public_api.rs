//! The public interface, as text: `tests/public-api.txt`. A change of it is a decision, not an accident.
//!
//! It is read from the source, so that a stable compiler and no build are enough: every item that is reachable from
//! the crate's root through `pub` modules and re-exports, with the public methods of types and the traits that are
//! implemented for them by hand or derived. `UPDATE_PUBLIC_API=1 cargo test --test public_api` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{
    Attribute, File, ImplItem, Item, ItemImpl, ItemUse, TraitItem, Type, UseTree, Visibility,
};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/public-api.txt");

#[test]
fn the_public_interface_is_the_one_agreed_on() {
    let found = Source::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).public();
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(SNAPSHOT, &found).unwrap();
    }
    let expected = fs::read_to_string(SNAPSHOT).unwrap();
    let only_in = |these: &str, those: &str| -> String {
        let those: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).map(|line| format!("{line}\n")).collect()
    };
    assert!(
        found == expected,
        "the public interface has changed; if it should, run `UPDATE_PUBLIC_API=1 cargo test --test public_api`\n\
         gone:\n{}\nnew:\n{}",
        only_in(&expected, &found),
        only_in(&found, &expected)
    );
}

/// `crate::train::step` as `["train", "step"]`.
type Module = Vec<String>;

/// All modules of the crate, but those for tests.
struct Source {
    modules: BTreeMap<Module, Vec<Item>>,
}

impl Source {
    fn read(src: PathBuf) -> Self {
        let mut source = Self { modules: BTreeMap::new() };
        source.read_file(Vec::new(), &src.join("lib.rs"), &src);
        source
    }

    /// Reads the module in `file`, whose children are in `folder`.
    fn read_file(&mut self, module: Module, file: &Path, folder: &Path) {
        let text =
            fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let File { items, .. } = syn::parse_file(&text).unwrap();
        self.add(module, items, folder);
    }

    fn add(&mut self, module: Module, items: Vec<Item>, folder: &Path) {
        for item in &items {
            let Item::Mod(child) = item else { continue };
            if is_for_tests(&child.attrs) {
                continue;
            }
            let name = child.ident.to_string();
            let path = [&module[..], std::slice::from_ref(&name)].concat();
            let folder = folder.join(&name);
            match &child.content {
                Some((_, items)) => self.add(path, items.clone(), &folder),
                None if folder.join("mod.rs").is_file() => {
                    self.read_file(path, &folder.join("mod.rs"), &folder)
                }
                None => self.read_file(path, &folder.with_extension("rs"), &folder),
            }
        }
        self.modules.insert(module, items);
    }

    fn public(&self) -> String {
        let mut found = BTreeMap::new();
        self.walk(&Vec::new(), "stargan", &mut found);
        let items = found.into_iter().map(|(path, text)| format!("// {path}\n{text}\n"));
        items.chain(self.macros()).collect()
    }

    /// The macro calls between items, which may implement something that users see.
    fn macros(&self) -> Vec<String> {
        let mut calls = Vec::new();
        for (module, items) in &self.modules {
            for item in items {
                let Item::Macro(call) = item else { continue };
                if call.ident.is_none() && !is_for_tests(&call.attrs) {
                    calls.push(format!("// in {}\n{}\n", module.join("::"), print(item.clone())));
                }
            }
        }
        calls
    }

    /// Adds what is public in `module`, which users see as `path`, to `found`.
    fn walk(&self, module: &Module, path: &str, found: &mut BTreeMap<String, String>) {
        for item in &self.modules[module] {
            match item {
                Item::Mod(child) if is_public(&child.vis) && !is_for_tests(&child.attrs) => {
                    let child = child.ident.to_string();
                    self.walk(
                        &[&module[..], std::slice::from_ref(&child)].concat(),
                        &format!("{path}::{child}"),
                        found,
                    );
                }
                Item::Use(import) if is_public(&import.vis) => {
                    for (segments, name) in imports(import) {
                        let text = match self.resolve(module, &segments) {
                            Some((module, item)) => self.describe(&module, item),
                            None => format!("pub use {};\n", segments.join("::")),
                        };
                        found.insert(format!("{path}::{name}"), text);
                    }
                }
                item => {
                    if let Some((name, true)) = name(item) {
                        found.insert(format!("{path}::{name}"), self.describe(module, item));
                    }
                }
            }
        }
    }

    /// The item that `segments` name in `module`, and the module it stands in; `None` outside this crate.
    fn resolve(&self, module: &Module, segments: &[String]) -> Option<(Module, &Item)> {
        let (last, folders) = segments.split_last()?;
        let mut at = module.clone();
        for segment in folders {
            match segment.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => drop(at.pop()),
                child => at.push(child.to_owned()),
            }
        }
        let items = self.modules.get(&at)?;
        let own = items.iter().find(|item| name(item).is_some_and(|(name, _)| name == *last));
        own.map(|item| (at.clone(), item)).or_else(|| {
            let reexports = items.iter().filter_map(|item| match item {
                Item::Use(import) => Some(imports(import)),
                _ => None,
            });
            let (segments, _) =
                reexports.flatten().find(|(segments, name)| name == last && segments.len() > 1)?;
            self.resolve(&at, &segments)
        })
    }

    /// An item without bodies and private parts, and what is implemented for it.
    fn describe(&self, module: &Module, item: &Item) -> String {
        let mut text = print(stripped(item.clone()));
        if let Item::Struct(_) | Item::Enum(_) = item {
            let (name, _) = name(item).expect("types have names");
            let mut implemented: Vec<String> =
                self.implementations(module, &name).into_iter().filter_map(interface).collect();
            implemented.sort();
            text += &implemented.concat();
        }
        text
    }

    /// The `impl` blocks of the type `name` of `module`: those beside it, and those elsewhere if no other type is
    /// called so.
    fn implementations(&self, module: &Module, wanted: &str) -> Vec<ItemImpl> {
        let is_type = |item: &&Item| {
            matches!(item, Item::Struct(_) | Item::Enum(_))
                && name(item).is_some_and(|(name, _)| name == wanted)
        };
        let unique = self.modules.values().flatten().filter(is_type).count() == 1;
        let near = |at: &Module| at == module || unique;
        let blocks = self.modules.iter().filter(|(at, _)| near(at)).flat_map(|(_, items)| items);
        blocks
            .filter_map(|item| match item {
                Item::Impl(block) if !is_for_tests(&block.attrs) => Some(block.clone()),
                _ => None,
            })
            .filter(|block| match &*block.self_ty {
                Type::Path(path) => {
                    path.path.segments.last().is_some_and(|last| last.ident == wanted)
                }
                _ => false,
            })
            .collect()
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let tokens = list.tokens.to_string();
        let mut words = tokens.split(|c: char| !c.is_alphanumeric());
        attribute.path().is_ident("cfg") && words.any(|word| word == "test" || word == "doctest")
    })
}

/// The name of an item that can be re-exported, and whether it is public.
fn name(item: &Item) -> Option<(String, bool)> {
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

/// What a `use` brings in: path and name.
fn imports(import: &ItemUse) -> Vec<(Vec<String>, String)> {
    fn collect(tree: &UseTree, path: &[String], found: &mut Vec<(Vec<String>, String)>) {
        let with = |name: &syn::Ident| [path, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(tree) => collect(&tree.tree, &with(&tree.ident), found),
            UseTree::Name(tree) => found.push((with(&tree.ident), tree.ident.to_string())),
            UseTree::Rename(tree) => found.push((with(&tree.ident), tree.rename.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, path, found)),
            UseTree::Glob(_) => panic!("a glob hides what is public"),
        }
    }
    let mut found = Vec::new();
    collect(&import.tree, &[], &mut found);
    found
}

/// Leaves the attributes that users can tell apart.
fn keep(attributes: &mut Vec<Attribute>) {
    let seen = ["derive", "non_exhaustive", "must_use", "cfg", "deprecated"];
    attributes.retain(|attribute| seen.iter().any(|name| attribute.path().is_ident(name)));
}

/// `item` without documentation, bodies and private fields.
fn stripped(mut item: Item) -> Item {
    let body = || Box::new(syn::parse_quote!({}));
    match &mut item {
        Item::Struct(item) => {
            keep(&mut item.attrs);
            item.fields.iter_mut().for_each(|field| keep(&mut field.attrs));
            match &mut item.fields {
                syn::Fields::Named(fields) => {
                    let all = std::mem::take(&mut fields.named);
                    let hidden = all.iter().any(|field| !is_public(&field.vis));
                    fields.named = all.into_iter().filter(|field| is_public(&field.vis)).collect();
                    if hidden {
                        fields.named.push(syn::parse_quote!(_private: ()));
                    }
                }
                fields => {
                    fields.iter_mut().filter(|field| !is_public(&field.vis)).for_each(|field| {
                        field.ty = syn::parse_quote!(Private);
                    })
                }
            }
        }
        Item::Enum(item) => {
            keep(&mut item.attrs);
            for variant in &mut item.variants {
                keep(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| keep(&mut field.attrs));
            }
        }
        Item::Fn(item) => {
            keep(&mut item.attrs);
            item.block = body();
        }
        Item::Trait(item) => {
            keep(&mut item.attrs);
            for member in &mut item.items {
                if let TraitItem::Fn(function) = member {
                    keep(&mut function.attrs);
                    // A default is part of the interface, what it does is not.
                    function.default = function.default.take().map(|_| syn::parse_quote!({}));
                }
            }
        }
        Item::Type(item) => keep(&mut item.attrs),
        Item::Const(item) => keep(&mut item.attrs),
        _ => {}
    }
    item
}

/// The public part of an `impl`: signatures, or for a trait's that there is one.
fn interface(mut block: ItemImpl) -> Option<String> {
    keep(&mut block.attrs);
    if block.trait_.is_some() {
        block.items.clear();
        return Some(print(Item::Impl(block)));
    }
    block.items.retain_mut(|item| match item {
        ImplItem::Fn(function) => {
            keep(&mut function.attrs);
            function.block = syn::parse_quote!({});
            is_public(&function.vis)
        }
        ImplItem::Const(constant) => {
            keep(&mut constant.attrs);
            is_public(&constant.vis)
        }
        _ => false,
    });
    (!block.items.is_empty()).then(|| print(Item::Impl(block)))
}

fn print(item: Item) -> String {
    prettyplease::unparse(&File { shebang: None, attrs: Vec::new(), items: vec![item] })
}

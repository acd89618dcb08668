//! The public interface, as text: `public-api.txt` beside this file. A change of it is a decision,
//! not an accident.
//!
//! It is read from the source, so that a stable compiler and no build are enough: every item that
//! is reachable from the crate's root through `pub` modules and re-exports, with the public methods
//! of types and the traits that are implemented for them by hand or derived. `UPDATE_PUBLIC_API=1
//! cargo test --test library public_api` writes it anew.

use std::collections::BTreeMap;
use std::fs;

use syn::{Attribute, ImplItem, Item, ItemImpl, TraitItem, Type};

use super::crate_source::{Import, Module, Source, imports, is_for_tests, is_public, name, print};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/library/source/public-api.txt");

#[test]
fn the_public_interface_is_the_one_agreed_on() {
    let found = Source::read().public();
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
        "the public interface has changed; if it should, run `UPDATE_PUBLIC_API=1 cargo test \
         --test library public_api`\n\
         gone:\n{}\nnew:\n{}",
        only_in(&expected, &found),
        only_in(&found, &expected)
    );
}

/// A public item: where it is written, and where users find it.
pub struct Public<'a> {
    pub module: Module,
    pub item: &'a Item,
    pub path: String,
}

impl Source {
    fn public(&self) -> String {
        let (mut items, mut others) = (Vec::new(), BTreeMap::new());
        self.walk(&Vec::new(), "stargan", &mut items, &mut others);
        for Public { module, item, path } in items {
            others.insert(path, self.describe(&module, item));
        }
        let items = others.into_iter().map(|(path, text)| format!("// {path}\n{text}\n"));
        items.chain(self.macros()).collect()
    }

    /// All items of this crate that are public.
    pub fn public_items(&self) -> Vec<Public<'_>> {
        let mut items = Vec::new();
        self.walk(&Vec::new(), "stargan", &mut items, &mut BTreeMap::new());
        items
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

    /// Adds what is public in `module`, which users see as `path`, to `found`, and other crates'
    /// items to `others`.
    fn walk<'a>(
        &'a self,
        module: &Module,
        path: &str,
        found: &mut Vec<Public<'a>>,
        others: &mut BTreeMap<String, String>,
    ) {
        for item in &self.modules[module] {
            match item {
                Item::Mod(child) if is_public(&child.vis) && !is_for_tests(&child.attrs) => {
                    let child = child.ident.to_string();
                    let path = format!("{path}::{child}");
                    self.walk(&[&module[..], &[child]].concat(), &path, found, others);
                }
                Item::Use(import) if is_public(&import.vis) => {
                    for Import { path: segments, name } in imports(import) {
                        let Some(name) = name else {
                            let (inner, rest) = self.module(module, &segments);
                            assert!(rest.is_empty(), "{segments:?} hides what is public");
                            self.walk(&inner, path, found, others);
                            continue;
                        };
                        let path = format!("{path}::{name}");
                        match self.resolve(module, &segments) {
                            Some((module, item)) => found.push(Public { module, item, path }),
                            None => {
                                others.insert(path, format!("pub use {};\n", segments.join("::")));
                            }
                        }
                    }
                }
                item => {
                    if let Some((name, true)) = name(item) {
                        let path = format!("{path}::{name}");
                        found.push(Public { module: module.clone(), item, path });
                    }
                }
            }
        }
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

    /// The `impl` blocks of the type `name` of `module`: those beside it, and those elsewhere if no
    /// other type is called so.
    pub fn implementations(&self, module: &Module, wanted: &str) -> Vec<ItemImpl> {
        let is_type = |item: &&Item| {
            matches!(item, Item::Struct(_) | Item::Enum(_))
                && name(item).is_some_and(|(name, _)| name == wanted)
        };
        let unique = self.modules.values().flatten().filter(is_type).count() == 1;
        let near = |at: &Module| at == module || unique;
        let blocks = self.modules.iter().filter(|(at, _)| near(at)).flat_map(|(_, items)| items);
        blocks
            .filter_map(|item| match item {
                Item::Impl(block) if !is_for_tests(&block.attrs) => Some(block),
                _ => None,
            })
            .filter(|block| match &*block.self_ty {
                Type::Path(path) => {
                    path.path.segments.last().is_some_and(|last| last.ident == wanted)
                }
                _ => false,
            })
            .cloned()
            .collect()
    }
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

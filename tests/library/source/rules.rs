//! Rules of the public interface: what is public is `Debug`, says what its arguments mean, may
//! grow, and has one path.

use std::collections::BTreeMap;

use syn::{FnArg, ImplItem, Item, Signature, TraitItem, Type};

use super::crate_source::{Source, attributes, is_public, name};

/// Enums that users match and that can't grow: a third way would be another method.
const CLOSED: [&str; 7] = [
    // A value is better where it is lower or where it is higher.
    "Better",
    // A crop is of a size or the largest: programs say in words which.
    "Crop",
    // A term is there or not.
    "OptionalTerm",
    // A style comes from noise or from an image.
    "StyleSource",
    // A run is either over or not.
    "Outcome",
    // Scores are of one dataset or of several.
    "DatasetScores",
    // Labels either exclude each other or don't.
    "LabelKind",
];

/// What is read back from files that nobody edits: a field more is a newer version's.
const READ_BACK: [&str; 17] = [
    // A checkpoint has what a run needs beside it.
    "ModelConfig",
    "PairModel",
    "StyleModel",
    // Results.
    "CounterfactualScores",
    "DiversityScores",
    "DomainDistance",
    "DomainSamples",
    "Evaluation",
    "JudgeErrors",
    "LpipsScores",
    "Measured",
    "PairDistance",
    "PairScores",
    "SampleScores",
    "Scores",
    "Summary",
    "TargetScores",
];

#[test]
fn the_public_interface_keeps_its_rules() {
    let broken = broken(&Source::read());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_breaks_a_rule_is_found() {
    let source = Source::of_texts(&[
        ("lib.rs", "pub mod a; mod b; pub use a::Plain; pub use b::*;"),
        (
            "a.rs",
            "#[derive(Clone, Debug)] pub struct Plain; pub struct Silent; \
             pub fn save(path: &str, whole: bool) {} \
             impl Plain { pub fn with(self, on: &mut bool) {} fn own(on: bool) {} }",
        ),
        (
            "b.rs",
            "pub enum Grows { A } #[derive(Debug)] #[non_exhaustive] pub enum Kind { A } \
             impl std::fmt::Debug for Grows { } \
             #[derive(Debug, Deserialize)] pub struct Settings { a: u8 } \
             #[derive(Debug, Deserialize)] #[serde(deny_unknown_fields)] pub struct Strict; \
             pub trait Does { fn it(&self, on: Option<bool>); }",
        ),
    ]);
    assert_eq!(
        broken(&source),
        [
            "Plain has 2 paths: stargan::a::Plain, stargan::Plain",
            "stargan::Does::it has an argument that is a bool: take an enum or two functions",
            "stargan::Grows is an enum that may grow: make it #[non_exhaustive], or say why not",
            "stargan::Settings takes unknown fields in silence: deny_unknown_fields",
            "stargan::a::Plain::with has an argument that is a bool: take an enum or two functions",
            "stargan::a::Silent is not Debug",
            "stargan::a::save has an argument that is a bool: take an enum or two functions",
        ]
    );
}

fn broken(source: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    let mut paths: BTreeMap<(Vec<String>, String), Vec<String>> = BTreeMap::new();
    for public in source.public_items() {
        let (name, _) = name(public.item).expect("public items have names");
        let known = paths.entry((public.module.clone(), name.clone())).or_default();
        known.push(public.path.clone());
        if known.len() > 1 {
            continue;
        }
        let path = &public.path;
        let implementations = source.implementations(&public.module, &name);
        if let Item::Struct(_) | Item::Enum(_) = public.item {
            let by_hand = implementations.iter().any(|block| {
                let of = block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
                of.is_some_and(|of| of.ident == "Debug")
            });
            if !by_hand && !derives(public.item, "Debug") {
                broken.push(format!("{path} is not Debug"));
            }
        }
        if let Item::Struct(_) = public.item
            && derives(public.item, "Deserialize")
            && !["deny_unknown_fields", "try_from"].iter().any(|by| serde(public.item, by))
            && !READ_BACK.contains(&&name[..])
        {
            broken.push(format!("{path} takes unknown fields in silence: deny_unknown_fields"));
        }
        if let Item::Enum(item) = public.item {
            let grows = item.attrs.iter().any(|a| a.path().is_ident("non_exhaustive"));
            if !grows && !CLOSED.contains(&&name[..]) {
                let remedy = "make it #[non_exhaustive], or say why not";
                broken.push(format!("{path} is an enum that may grow: {remedy}"));
            }
        }
        let mut functions: Vec<(String, Signature)> = Vec::new();
        match public.item {
            Item::Fn(item) => functions.push((path.clone(), item.sig.clone())),
            Item::Trait(item) => {
                for member in &item.items {
                    if let TraitItem::Fn(function) = member {
                        let name = format!("{path}::{}", function.sig.ident);
                        functions.push((name, function.sig.clone()));
                    }
                }
            }
            Item::Struct(_) | Item::Enum(_) => {
                let blocks = implementations.iter().filter(|block| block.trait_.is_none());
                for member in blocks.flat_map(|block| &block.items) {
                    if let ImplItem::Fn(function) = member
                        && is_public(&function.vis)
                    {
                        let name = format!("{path}::{}", function.sig.ident);
                        functions.push((name, function.sig.clone()));
                    }
                }
            }
            _ => {}
        }
        for (name, signature) in functions {
            if signature.inputs.iter().any(takes_bool) {
                let remedy = "take an enum or two functions";
                broken.push(format!("{name} has an argument that is a bool: {remedy}"));
            }
        }
    }
    for ((_, name), paths) in paths {
        if paths.len() > 1 {
            broken.push(format!("{name} has {} paths: {}", paths.len(), paths.join(", ")));
        }
    }
    broken.sort();
    broken
}

fn derives(item: &Item, wanted: &str) -> bool {
    says(item, "derive", wanted)
}

fn serde(item: &Item, wanted: &str) -> bool {
    says(item, "serde", wanted)
}

/// Whether `wanted` is among the words of an attribute.
fn says(item: &Item, of: &str, wanted: &str) -> bool {
    attributes(item).iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let tokens = list.tokens.to_string();
        let mut words = tokens.split(|c: char| !c.is_alphanumeric() && c != '_');
        attribute.path().is_ident(of) && words.any(|word| word == wanted)
    })
}

fn takes_bool(argument: &FnArg) -> bool {
    fn is_bool(of: &Type) -> bool {
        match of {
            Type::Reference(inner) => is_bool(&inner.elem),
            Type::Path(path) => path.path.segments.last().is_some_and(|last| {
                let inner = match &last.arguments {
                    syn::PathArguments::AngleBracketed(inner) => Some(inner),
                    _ => None,
                };
                let option = last.ident == "Option";
                last.ident == "bool"
                    || option
                        && inner.is_some_and(|inner| {
                            inner.args.iter().any(|argument| {
                                matches!(argument, syn::GenericArgument::Type(of) if is_bool(of))
                            })
                        })
            }),
            _ => false,
        }
    }
    matches!(argument, FnArg::Typed(argument) if is_bool(&argument.ty))
}

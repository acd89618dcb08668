//! Library code is generic over the backend: few files name one.

use syn::Item;

use super::crate_source::{Source, attributes, is_for_tests, print};

/// What burn calls its backends.
const BACKENDS: [&str; 4] = ["Flex", "NdArray", "Wgpu", "Cuda"];

/// Where a backend may be named, below `src`.
const MAY: [&str; 3] = [
    // Paths of their own.
    "nn/kernels/",
    // What somebody chooses when the program runs.
    "backend.rs",
    // For this repository's debug builds.
    "compiled_once.rs",
];

#[test]
fn library_code_names_no_backend() {
    let found = named(&Source::read());
    assert!(found.is_empty(), "be generic over the backend:\n{}", found.join("\n"));
}

#[test]
fn a_named_backend_is_found() {
    let source = Source::of_texts(&[
        ("lib.rs", "/// Such as `Flex`.\npub struct Flexible;"),
        ("nn/layers.rs", "use burn::backend::Flex; #[cfg(test)] mod tests { type B = NdArray; }"),
        ("nn/kernels/cpu.rs", "type B = burn::backend::NdArray;"),
        ("optim.rs", "fn step() { burn::backend::Autodiff::<burn::backend::Wgpu>::default(); }"),
    ]);
    assert_eq!(named(&source), ["nn/layers.rs names Flex", "optim.rs names Wgpu"]);
}

fn named(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (module, items) in &source.modules {
        let file = &source.files[module];
        if MAY.iter().any(|may| file.starts_with(may)) {
            continue;
        }
        let own = |item: &&Item| !is_for_tests(attributes(item)) && !matches!(item, Item::Mod(_));
        for item in items.iter().filter(own) {
            let code = print(item.clone());
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let words = lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric()));
            let named = words.filter(|word| BACKENDS.contains(word));
            found.extend(named.map(|backend| format!("{file} names {backend}")));
        }
    }
    found.dedup();
    found
}

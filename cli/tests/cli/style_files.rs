//! StarGAN v2's weights of the public PyTorch code, both ways, and as files for ONNX's runtimes.

use std::fs;

use crate::program::{FACES, MODEL, fails, folder, names, stargan, succeeds, text};

/// Of 32 pixels and three domains.
const NETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/public-nets-ema.ckpt");

const G: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/public-G.ckpt");

#[test]
fn styles_travel_to_pytorchs_keys_and_back() {
    let folder = folder();
    let folder = folder.path();
    let line = format!("--nets-ema {NETS} --classes cat,dog,wild --out m/there.safetensors");
    let imported = stargan("import", folder, &line);
    let said = text(&imported.stderr);
    assert!(imported.status.success(), "{said}");
    assert!(said.contains("4 to 8 channels, 32 pixels, domains cat, dog, wild"), "{said}");
    assert_eq!(text(&imported.stdout), "m/there.safetensors\n");
    fails("import", folder, &line, 1, "m/there.safetensors: exists already");

    let line = "--model m/there.safetensors --out-nets-ema p/nets.safetensors";
    assert_eq!(succeeds("export", folder, line), "p/nets.safetensors\n");
    fails("export --format pytorch", folder, line, 1, "p/nets.safetensors: exists already");
    // Three domains without names are AFHQ's.
    let line = "--nets-ema p/nets.safetensors --out m/back.safetensors";
    succeeds("import", folder, line);
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(bytes("m/there.safetensors") == bytes("m/back.safetensors"), "the round trip is exact");
    let exclusive = format!("--nets-ema {NETS} --labels a,b,c --out m/labels.safetensors");
    succeeds("import", folder, &exclusive);

    // As any other model of StarGAN v2.
    assert!(succeeds("inspect", folder, "m/back.safetensors").contains("cat | dog | wild"));
    let face = format!("{FACES}/test/images/00001.png");
    for (model, out) in [("m/there.safetensors", "there.png"), ("m/labels.safetensors", "b.png")] {
        let domain = if out == "b.png" { "b" } else { "dog" };
        let line = format!("--model {model} --domain {domain} --out {out} {face}");
        succeeds("translate", folder, &line);
    }
    assert_eq!(bytes("there.png"), bytes("b.png"), "by whatever name");
}

#[test]
fn styles_are_written_for_onnxs_runtimes() {
    let folder = folder();
    let folder = folder.path();
    succeeds("import", folder, &format!("--nets-ema {NETS} --out m.safetensors"));
    let files = "--out-generator o/G.onnx --out-mapping o/F.onnx --out-encoder o/E.onnx";
    let line = format!("--model m.safetensors {files}");
    let written = succeeds("export --format onnx", folder, &line);
    assert_eq!(written, "o/G.onnx\no/F.onnx\no/E.onnx\n");
    for (name, operator) in [("G", "AveragePool"), ("F", "Gemm"), ("E", "LeakyRelu")] {
        let bytes = fs::read(folder.join(format!("o/{name}.onnx"))).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(holds(operator) && holds(r#"["cat","dog","wild"]"#), "{name}: {operator}");
    }
    fails("export --format onnx", folder, &line, 1, "o/G.onnx: exists already");
    succeeds("export --format onnx --overwrite", folder, &line);
    let line = "--model m.safetensors --out-generator alone.onnx";
    assert_eq!(succeeds("export --format onnx", folder, line), "alone.onnx\n");
}

#[test]
fn what_the_other_stargan_has_is_refused_in_words() {
    let folder = folder();
    let folder = folder.path();
    succeeds("import", folder, &format!("--nets-ema {NETS} --out m.safetensors"));
    let model = "--model m.safetensors";
    for (command, line, code, expected) in [
        ("import", "--out o".to_owned(), 2, "--generator <G.ckpt>"),
        ("import", format!("--nets-ema {NETS} --size 64 --out o"), 2, "cannot be used with"),
        (
            "import",
            format!("--nets-ema {NETS} --classes a,b --out o"),
            1,
            "3 domains, the labels 2",
        ),
        (
            "import",
            format!("--nets-ema {NETS} --classes a,b --labels c --out o"),
            2,
            "give --classes or --labels, not both",
        ),
        ("import", format!("--nets-ema {G} --out o"), 1, "import --generator in the program"),
        ("import", format!("--generator {NETS} --out o"), 1, "import --nets-ema in the program"),
        ("import", format!("--nets-ema {NETS} --out {NETS} --overwrite"), 2, "name one file"),
        (
            "export --format pytorch",
            format!("{model} --out-generator G.safetensors"),
            2,
            "the format pytorch of a StarGAN v2 is written to --out-nets-ema",
        ),
        (
            "export --format onnx",
            format!("{model} --out-nets-ema nets"),
            2,
            "is written to --out-generator, --out-mapping, --out-encoder",
        ),
        (
            "export --format onnx",
            format!("{model} --out-generator G.onnx --out-discriminator D.onnx"),
            2,
            "the format onnx of a StarGAN v2 is written to",
        ),
        (
            "export",
            format!("--model {MODEL} --out-nets-ema nets"),
            2,
            "the format pytorch of a StarGAN is written to --out-generator, --out-discriminator",
        ),
        ("export", format!("{model} --out-nets-ema G.onnx"), 2, "say --format onnx"),
        ("export", format!("{model} --out-nets-ema m.safetensors"), 2, "name one file"),
    ] {
        fails(command, folder, &line, code, expected);
    }
    assert_eq!(names(folder), ["m.safetensors"]);
}

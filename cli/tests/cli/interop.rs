//! Weights of the public PyTorch code, both ways.

use std::fs;

use crate::program::{FACES, MODEL, fails, folder, succeeds};

#[test]
fn models_travel_to_pytorchs_keys_and_back() {
    let folder = folder();
    let model = MODEL;
    let line = format!(
        "--model {model} --out-generator p/G.safetensors --out-discriminator p/D.safetensors"
    );
    assert_eq!(
        succeeds("export --format pytorch", folder.path(), &line),
        "p/G.safetensors\np/D.safetensors\n"
    );
    fails("export --format pytorch", folder.path(), &line, 1, "p/G.safetensors: ");

    let labels = "--labels Black_Hair,Blond_Hair,Brown_Hair,Male,Young,Eyeglasses,Beard";
    let files = "--generator p/G.safetensors --discriminator p/D.safetensors";
    let line = format!("{files} {labels} --out back.safetensors");
    succeeds("import", folder.path(), &line);
    let face = format!("{FACES}/test/images/00001.png");
    for (model, out) in [(model, "there.png"), ("back.safetensors", "back.png")] {
        let line = format!("--model {model} --edit Blond_Hair --out {out} {face}");
        succeeds("translate", folder.path(), &line);
    }
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("there.png"), bytes("back.png"), "the round trip is exact");

    fails("import", folder.path(), &line, 1, "back.safetensors: exists already");
    let out = "--out other.safetensors";
    fails("import", folder.path(), &format!("{files} {out}"), 2, "has 7 condition entries");
    let line = format!("{files} --labels a,b {out}");
    fails("import", folder.path(), &line, 1, "the labels need 2");
    let line = format!("--generator p/D.safetensors {labels} {out}");
    fails("import", folder.path(), &line, 1, "is it the discriminator's file?");

    // What PyTorch itself writes, in both of its formats: 16 pixels, three attributes.
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures");
    for (kind, out) in [("", "zip.png"), ("-legacy", "legacy.png")] {
        let model = format!("model{kind}.safetensors");
        let files = ["generator", "discriminator"].map(|network| {
            let letter = network[..1].to_uppercase();
            format!("--{network} {fixtures}/public-{letter}{kind}.ckpt")
        });
        let line = format!("{} --labels a,b,c --out {model}", files.join(" "));
        succeeds("import", folder.path(), &line);
        let line = format!("--model {model} --edit a --out {out} {face}");
        succeeds("translate", folder.path(), &line);
    }
    assert_eq!(bytes("zip.png"), bytes("legacy.png"));
}

//! Weights of the public PyTorch code, both ways, and files for ONNX's runtimes.

use std::fs;

use crate::program::{FACES, MODEL, TINY, faces, fails, folder, names, stargan, succeeds, text};

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

    let twice = format!(
        "--model {model} --out-generator one.safetensors --out-discriminator ./p/../one.safetensors"
    );
    let expected = "--out-generator and --out-discriminator name one file: one.safetensors";
    fails("export --format pytorch", folder.path(), &twice, 2, expected);

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

#[test]
fn models_are_written_for_onnxs_runtimes() {
    let folder = folder();
    let folder = folder.path();
    let help = succeeds("export", folder, "--help");
    for expected in ["- pytorch:", "- onnx:", "--out-discriminator <FILE>", "--overwrite"] {
        assert!(help.contains(expected), "{expected}: {help}");
    }

    let files = "--out-generator o/G.onnx --out-discriminator o/D.onnx";
    let line = format!("--model {MODEL} {files}");
    assert_eq!(succeeds("export --format onnx", folder, &line), "o/G.onnx\no/D.onnx\n");
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    let written = ["o/G.onnx", "o/D.onnx"].map(bytes);
    for (file, operator) in written.iter().zip(["InstanceNormalization", "LeakyRelu"]) {
        assert!(holds(file, operator), "{operator}");
        assert!(holds(file, r#"["Black_Hair","Blond_Hair","Brown_Hair","Male","Young","#));
    }
    fails("export --format onnx", folder, &line, 1, "o/G.onnx: exists already");
    succeeds("export --format onnx --overwrite", folder, &line);
    assert_eq!(["o/G.onnx", "o/D.onnx"].map(bytes), written, "the same model, the same bytes");
    let twice = format!("--model {MODEL} --out-generator one --out-discriminator one");
    fails("export --format onnx", folder, &twice, 2, "name one file: one");

    let model = fs::read(MODEL).unwrap();
    fs::write(folder.join("model.safetensors"), &model).unwrap();
    let line = "--model model.safetensors --overwrite --out-generator";
    for (names, expected) in [
        ("./model.safetensors", "--model and --out-generator name one file"),
        ("G.onnx", "say --format onnx, or name it otherwise"),
    ] {
        fails("export --format pytorch", folder, &format!("{line} {names}"), 2, expected);
    }
    let line = format!("{line} G.safetensors");
    fails("export --format onnx", folder, &line, 2, "say --format pytorch");
    assert_eq!(bytes("model.safetensors"), model);
    fs::remove_file(folder.join("model.safetensors")).unwrap();

    fs::write(folder.join("G.ckpt"), &model).unwrap();
    let line = "--generator G.ckpt --out G.ckpt --overwrite";
    fails("import", folder, line, 2, "--generator and --out name one file");
    fs::remove_file(folder.join("G.ckpt")).unwrap();

    // What a model has not is not written, nor is the rest.
    let public = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/public-G.ckpt");
    let line = format!("--generator {public} --labels a,b,c --size 16 --out alone.safetensors");
    succeeds("import", folder, &line);
    let line = "--model alone.safetensors --out-generator G.onnx --out-discriminator D.onnx";
    fails(
        "export --format onnx",
        folder,
        line,
        1,
        "no discriminator to export: leave its file out",
    );
    assert_eq!(names(folder), ["alone.safetensors", "o"]);
    let line = "--model alone.safetensors --out-generator G.onnx";
    assert_eq!(succeeds("export --format onnx", folder, line), "G.onnx\n");
    let line = "--model alone.safetensors --out-generator G.safetensors --out-discriminator D";
    fails("export", folder, line, 1, "no discriminator to export: leave its file out");
}

#[test]
fn resize_convolutions_are_trained_told_and_begun_from_but_not_exported_to_pytorch() {
    let folder = folder();
    let folder = folder.path();
    let data = faces("train");
    let line = format!("--data {data} {TINY} --upsampling resize --iterations 2 --out first");
    succeeds("train", folder, &line);
    let told = succeeds("inspect", folder, "first");
    for part in [" downsamplings, resize-convolutions", "upsampling \"resize\" (default"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let line = "--model first --edit Male --out face.png";
    succeeds("translate", folder, &format!("{line} {FACES}/test/images/00001.png"));
    let line = "--model first --out-generator G.safetensors";
    fails("export --format pytorch", folder, line, 1, "(upsampling: resize)");
    assert!(!folder.join("G.safetensors").exists());
    // The networks of the model are taken, unless a flag says otherwise.
    let line = format!("--data {data} --from first --batch 4 --iterations 1");
    succeeds("train", folder, &format!("{line} --out second"));
    assert!(succeeds("inspect", folder, "second").contains("resize-convolutions"));
    let said = stargan("train", folder, &format!("{line} --upsampling transposed --out third"));
    assert!(text(&said.stderr).contains("fresh arrays: generator.up.0"), "{}", text(&said.stderr));
    fails("train", folder, "--resume --out first --upsampling transposed", 2, "can't change");
}

#[test]
fn a_head_with_a_mask_is_trained_told_begun_from_and_travels_to_pytorchs_keys_and_back() {
    let folder = folder();
    let folder = folder.path();
    let data = faces("train");
    let line = format!("--data {data} {TINY} --ema 0.5 --iterations 2 --out first");
    succeeds("train", folder, &line);
    let told = succeeds("inspect", folder, "first");
    assert!(told.contains(" downsamplings, a mask"), "{told}");
    let face = format!("{FACES}/test/images/00001.png");
    succeeds("translate", folder, &format!("--model first --edit Male --out there.png {face}"));
    let files = "--out-generator G.safetensors --out-discriminator D.safetensors";
    let exported = stargan("export --format pytorch", folder, &format!("--model first {files}"));
    let said = text(&exported.stderr);
    assert!(exported.status.success() && said.contains("has a MaskGenerator that does"), "{said}");
    let line = "--generator G.safetensors --discriminator D.safetensors --out back.safetensors";
    fails("import", folder, &format!("{line} --labels a,b,c,d"), 1, "say so (head: mask)");
    succeeds("import", folder, &format!("{line} --head mask"));
    let line = format!("--model back.safetensors --edit Male --out back.png {face}");
    succeeds("translate", folder, &line);
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(bytes("there.png"), bytes("back.png"), "the round trip is exact");

    // The head of the model is taken, unless a flag says otherwise; then the mask is no longer.
    let line = format!("--data {data} --from first --batch 4 --iterations 1");
    succeeds("train", folder, &format!("{line} --out second"));
    assert!(succeeds("inspect", folder, "second").contains(" downsamplings, a mask"));
    let said = stargan("train", folder, &format!("{line} --head plain --out third"));
    let said = text(&said.stderr);
    assert!(said.contains("its head has a mask, which is left out"), "{said}");
    let told = succeeds("inspect", folder, "third");
    assert!(!told.contains(", a mask") && told.contains("head \"plain\" (default"), "{told}");
    fails("train", folder, "--resume --out first --head plain", 2, "can't change");
}

#[test]
fn what_would_translate_to_nothing_is_refused() {
    let folder = folder();
    let public = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/public-G.ckpt");
    let import = |line: &str, expected: &str| {
        let line = format!("{line} --out out.safetensors");
        fails("import", folder.path(), &line, 1, expected);
        assert!(!folder.path().join("out.safetensors").exists());
    };
    for (flags, expected) in [
        ("--classes a,b,c --size 0", "they must be 1 to 16384"),
        ("--classes a,b,c --size 15", "use 14 or 16 pixels, or fewer downsamplings"),
        ("--classes a,b,c --size 16384", "more than 2 GiB of memory for one layer"),
        ("--classes a,b,c --size 4294967292", "they must be 1 to 16384"),
        ("--classes a,b\u{1b}[2J,c", r#"label name "b\u{1b}[2J" contains a control character"#),
    ] {
        import(&format!("--generator {public} {flags}"), expected);
    }
    let line = format!("--generator {public} --classes a,b,c --crop 0 --out out.safetensors");
    fails(
        "import",
        folder.path(),
        &line,
        2,
        "expected a number of pixels or \"square\", found \"0\"",
    );

    let line = format!("--model {MODEL} --out-generator G.safetensors");
    succeeds("export --format pytorch", folder.path(), &line);
    let path = folder.path().join("G.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    for value in [f32::NAN, f32::INFINITY] {
        bytes[last..].copy_from_slice(&value.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let labels = "--labels a,b,c,d,e,f,g";
        let expected = format!("expected finite 32-bit floats, found {value}");
        import(&format!("--generator G.safetensors {labels}"), &expected);
    }
}

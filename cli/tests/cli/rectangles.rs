//! `--size WIDTHxHEIGHT`: models of images that are no squares, from training to measuring.

use std::fs;

use crate::program::{TINY, faces, fails, few_faces, folder, side, stargan, succeeds, text};

#[test]
fn a_model_of_rectangles_goes_all_the_way() {
    let folder = folder();
    let folder = folder.path();
    let at = |name: &str| folder.join(name);
    let (train, test) = (faces("train"), few_faces(folder, 10));
    let tiny = TINY.replace("--size 16", "--size 16x24");
    let line = format!(
        "--data {train} {tiny} --test-data {test} --pairs few.csv --iterations 2 \
         --out run"
    );
    succeeds("train", folder, &line);
    let config = fs::read_to_string(at("run/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let size = serde_json::json!({"width": 16, "height": 24});
    assert_eq!(config["settings"]["discriminator"]["image_size"], size);
    // Eight times as large, with gaps and captions.
    assert_eq!(side(at("run/samples/00000002.png")), (6 * 134 + 6, 8 * 198 + 6 + 24));
    let told = succeeds("inspect", folder, "run");
    for part in [
        "image size         16 x 24 pixels\n",
        "crop               the largest centre part of the shape 16 x 24\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    succeeds("train", folder, "--resume --out run --iterations 4");
    // The settings of a file, and those of a model.
    let again = format!("--data {train} --iterations 1 --batch 4");
    succeeds("train", folder, &format!("{again} --config run/config.json --out second"));
    let said = stargan("train", folder, &format!("{again} --from run --out third"));
    assert!(text(&said.stderr).contains("the run begins with run: "), "{}", text(&said.stderr));
    for run in ["second", "third"] {
        assert!(succeeds("inspect", folder, run).contains("16 x 24 pixels"));
    }

    let photo = image::RgbImage::from_fn(200, 150, |x, y| image::Rgb([x as u8, y as u8, 90]));
    photo.save(at("photo.png")).unwrap();
    let line = "--model run --edit Male photo.png --out";
    succeeds("translate", folder, &format!("{line} own.png"));
    assert_eq!(side(at("own.png")), (200, 150));
    succeeds("translate", folder, &format!("{line} model.png --size model"));
    assert_eq!(side(at("model.png")), (16, 24));
    succeeds("translate", folder, &format!("{line} large.png --size 32 --crop 0,0,60"));
    assert_eq!(side(at("large.png")), (32, 48));
    let refused = format!("{line} at.png --crop 0,0,101");
    fails("translate", folder, &refused, 1, "images can't be used");
    let said = stargan("inspect", folder, "run --photo photo.png");
    let expected = "the model sees the largest centre part of the shape 16 x 24, 50 % of them";
    assert!(text(&said.stderr).contains(expected), "{}", text(&said.stderr));
    // 200 x 150 pixels at a height of 512, and 16 x 24.
    assert_eq!(side(at("seen.png")), (683 + 16 + 341, 512));

    let line = format!("--model run --data {test} --train-data {train} --judge-iterations 2");
    let told = succeeds("evaluate", folder, &format!("{line} --judge judge.safetensors"));
    assert!(told.contains("judge's error"), "{told}");
    let told = succeeds("check", folder, &format!("--data {test} --size 64x96"));
    // Faces of 64 x 64 pixels have a part of 43 x 64.
    let all = told.lines().find(|line| line.contains("smaller than 64x96 pixels")).unwrap();
    assert!(!all.ends_with(": 0"), "{told}");

    let line = "--model run --out-generator G.safetensors";
    fails(
        "export --format pytorch",
        folder,
        &format!("{line} --out-discriminator D.safetensors"),
        1,
        "takes squares, this one images of 16x24 pixels",
    );
    succeeds("export --format pytorch", folder, line);
    let line = "--generator G.safetensors --head mask --labels a,b,c,d,e --size 16x24";
    succeeds("import", folder, &format!("{line} --out back.safetensors"));
    assert!(succeeds("inspect", folder, "back.safetensors").contains("16 x 24 pixels"));

    for (size, code, expected) in [
        ("16x", 2, "expected a side in pixels, or WIDTHxHEIGHT, found `16x`"),
        ("16x25", 1, "an image side of 25 pixels is not divisible by 2"),
        ("0x16", 1, "0 pixels is not divisible by"),
        ("20000x16", 1, "the image size must be at most 16384"),
    ] {
        let line = format!("--data {train} {tiny} --out refused").replace("16x24", size);
        fails("train", folder, &line, code, expected);
    }
}

#[test]
fn the_quickstart_takes_a_rectangle() {
    let folder = folder();
    let folder = folder.path();
    succeeds("quickstart", folder, "--iterations 2 --size 16x32 --base-channels 4 --out run");
    assert_eq!(side(folder.join("run/grid.png")), (6 * 134 + 6, 8 * 262 + 6 + 24));
    assert_eq!(side(folder.join("run/translations/00000_Male.png")), (64, 64), "its own size");
}

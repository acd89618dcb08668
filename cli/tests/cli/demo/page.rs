//! The page, and what it asks for.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};

use super::client::{Demo, MAX_BYTES, face};
use crate::program::{EXPRESSIONS, FACES, MODEL, TINY, faces, succeeds};

#[test]
fn the_page_and_its_parts_load() {
    let demo = Demo::start(&[]);
    let page = demo.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = page.text();
    // Everything the page names is there, and nothing is elsewhere.
    let parts: Vec<_> = text
        .split(['"', '\''])
        .filter(|part| part.starts_with('/') || part.contains("://"))
        .collect();
    assert!(parts.contains(&"/page.js") && parts.contains(&"/page.css"), "{parts:?}");
    for part in parts {
        let part = demo.get(part);
        assert_eq!(part.status, 200, "{part:?}");
        let imports = part.text();
        for import in imports.lines().filter_map(|line| line.split_once(" from \"/")) {
            let path = format!("/{}", import.1.trim_end_matches("\";"));
            assert_eq!(demo.get(&path).status, 200, "{path}");
        }
    }
    for answer in [page, demo.get("/controls.js"), demo.get("/nothing")] {
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'self'; "), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["model"]["datasets"][0]["exclusive"], serde_json::json!([[0, 1, 2]]));
    assert_eq!(known["limits"]["bytes"], MAX_BYTES);
    assert_eq!(known["model"]["has_mask"], false);
    let types = known["limits"]["types"].as_array().unwrap();
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Avif] {
        let is_named = types.iter().any(|named| named == format.to_mime_type());
        assert_eq!(is_named, format.reading_enabled(), "{format:?}");
    }
    assert_eq!(known["name"], "faces64.safetensors", "not its folder");
    let samples = known["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 6);
    for sample in samples {
        assert_eq!(demo.get(sample["path"].as_str().unwrap()).image().width(), 64);
    }
}

#[test]
fn faces_are_translated() {
    let demo = Demo::start(&[]);
    let bytes = demo.get("/samples/1.png").body;
    let prepared = demo.post("/prepare", &bytes);
    assert_eq!(prepared.image().dimensions(), (64, 64));
    let own: Vec<Vec<f32>> = serde_json::from_str(prepared.header("own-labels").unwrap()).unwrap();
    assert_eq!(own[0][..3], [0.0, 0.0, 1.0], "exactly one hair colour: brown");
    assert_eq!(demo.post("/prepare", &prepared.body).body, prepared.body, "it is prepared once");

    let translate = |edit: &str| demo.post(&format!("/translate?edit={edit}"), &prepared.body);
    let blond = translate("Blond_Hair");
    assert_eq!(blond.image().dimensions(), (64, 64));
    assert!(blond.header("server-timing").unwrap().starts_with("model;dur="));
    assert_eq!(demo.post("/translate?edit=Blond_Hair", &bytes).body, blond.body);
    let copy = translate("");
    assert_ne!(copy.body, blond.body);
    // Setting a colour clears the others; clearing them by name as well changes nothing.
    assert_eq!(translate("Blond_Hair,-Brown_Hair,-Black_Hair").body, blond.body);
    // The strengths between the image's own label and the edit.
    assert_eq!(translate("Blond_Hair%3D0").body, copy.body);
    assert_eq!(translate("Blond_Hair=1").body, blond.body);
    assert_ne!(translate("Blond_Hair%3D0.5").body, blond.body);
    assert_ne!(translate("Blond_Hair%3D1.5").body, blond.body);

    let row = demo.post("/every", &prepared.body).image();
    assert_eq!(row.dimensions(), (8 * 64, 64));
    let cell = image::imageops::crop_imm(&row, 2 * 64, 0, 64, 64).to_image();
    assert_eq!(cell, blond.image(), "the second label is Blond_Hair");

    translate("Black_Hair,Blond_Hair").refuses(400, "exclude each other");
    translate("Blonde_Hair").refuses(400, "did you mean \"Blond_Hair\"?");
    translate("Male=3").refuses(400, "a strength from 0 to 2");
    translate("%FF%00%").refuses(400, "unknown label");
}

#[test]
fn a_joint_model_has_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "--data {} --labels Male,Young --data folder:{EXPRESSIONS}/train {TINY} \
         --iterations 1 --out run",
        faces("train")
    );
    succeeds("train", folder.path(), &line);

    let demo = Demo::start(&["--model", folder.path().join("run").to_str().unwrap()]);
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["name"], "run");
    let kinds: Vec<_> = (0..2).map(|n| &known["model"]["datasets"][n]["kind"]).collect();
    assert_eq!(kinds, ["attributes", "classes"]);
    let samples = known["samples"].as_array().unwrap();
    assert_eq!(samples.last().unwrap()["name"], "Expression 2");
    let sample = demo.get(samples.last().unwrap()["path"].as_str().unwrap()).body;

    let prepared = demo.post("/prepare", &sample);
    let own: Vec<Vec<f32>> = serde_json::from_str(prepared.header("own-labels").unwrap()).unwrap();
    assert_eq!((own[0].len(), own[1].iter().sum::<f32>()), (2, 1.0), "one class");
    let both = demo.post("/translate?edit=faces:Male,expressions:happy%3D0.5", &sample);
    assert_eq!(both.image().dimensions(), (64, 64), "the photo's size, not the model's");
    assert_eq!(demo.post("/every", &sample).image().dimensions(), (8 * 16, 16));
}

#[test]
fn a_mask_follows_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("--data {} --labels Male,Young {TINY}", faces("train"));
    succeeds("train", folder.path(), &format!("{line} --iterations 1 --out run"));
    let demo = Demo::start(&["--model", folder.path().join("run").to_str().unwrap()]);
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["model"]["has_mask"], true);
    let face = face("00001");
    let both = demo.post("/translate?edit=Male", &face);
    let mask: usize = both.header("mask-bytes").unwrap().parse().unwrap();
    let (result, mask) = both.body.split_at(both.body.len() - mask);
    let line = format!("--model run --edit Male --mask --out r.png {FACES}/test/images/00001.png");
    succeeds("translate", folder.path(), &line);
    for (name, bytes) in [("r.png", result), ("r_mask.png", mask)] {
        let expected = image::open(folder.path().join(name)).unwrap();
        assert_eq!(image::load_from_memory(bytes).unwrap(), expected, "{name}");
    }
    for path in ["/prepare", "/whole?edit=Male", "/every"] {
        assert_eq!(demo.post(path, &face).header("mask-bytes"), None, "{path}");
    }
    assert_eq!(demo.post("/whole?edit=Male", &face).body, result);
}

#[test]
fn a_model_without_discriminator_translates_to_whole_labels() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("generator.safetensors");
    let line = format!("--model {MODEL} --out-generator G.safetensors");
    succeeds("export", folder.path(), &line);
    let labels = "Black_Hair,Blond_Hair,Brown_Hair,Male,Young,Eyeglasses,Beard";
    let line =
        format!("--generator G.safetensors --labels {labels} --size 64 --out {}", file.display());
    succeeds("import", folder.path(), &line);

    let demo = Demo::start(&["--model", file.to_str().unwrap()]);
    let known: serde_json::Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    assert_eq!(known["model"]["reads_labels"], false);
    let face = face("00001");
    assert_eq!(demo.post("/prepare", &face).header("own-labels"), Some("null"));
    let edit = "Blond_Hair,-Male,Young,-Eyeglasses,-Beard";
    let blond = demo.post(&format!("/translate?edit={edit}"), &face).image();
    let line = format!("--edit {edit} --out blond.png {FACES}/test/images/00001.png");
    succeeds("translate", folder.path(), &line);
    let by_the_whole = image::open(folder.path().join("blond.png")).unwrap();
    assert_eq!(blond, by_the_whole.to_rgb8());
    demo.post("/translate?edit=Male", &face).refuses(400, "this model has no discriminator");
    demo.post("/every", &face).refuses(400, "this model has no discriminator");
}

#[test]
fn large_and_oblong_photos_keep_their_shape() {
    let demo = Demo::start(&[]);
    let face = image::load_from_memory(&face("00003")).unwrap();
    let large = face.resize_exact(1280, 1280, image::imageops::FilterType::Nearest);
    let mut wide = RgbImage::new(1800, 1280);
    image::imageops::replace(&mut wide, &large.to_rgb8(), 260, 0);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        let mut bytes = Cursor::new(Vec::new());
        wide.write_to(&mut bytes, format).unwrap();
        let prepared = demo.post("/prepare", bytes.get_ref());
        // All of it, no larger than a screen shows.
        let small = prepared.image();
        assert_eq!(small.dimensions(), (1024, 728), "{format:?}");
        let borders = [small.get_pixel(100, 300), small.get_pixel(900, 300)];
        assert!(borders.iter().all(|border| border.0 == [0; 3]), "{format:?}");
        assert_eq!(demo.post("/prepare", &prepared.body).body, prepared.body, "{format:?}");
        let shown = demo.post("/translate?edit=Male", &prepared.body).image();
        assert_eq!(shown.dimensions(), small.dimensions(), "{format:?}");
        let whole = demo.post("/whole?edit=Male", bytes.get_ref()).image();
        assert_eq!(whole.dimensions(), wide.dimensions(), "{format:?}");
        let left = |image: &RgbImage| image::imageops::crop_imm(image, 0, 0, 260, 1280).to_image();
        assert_eq!(left(&whole), left(&wide), "{format:?}: outside the square");
        assert_ne!(whole, wide, "{format:?}");
    }
    let mut pixel = Cursor::new(Vec::new());
    RgbImage::new(1, 1).write_to(&mut pixel, ImageFormat::Png).unwrap();
    assert_eq!(demo.post("/translate?edit=Male", pixel.get_ref()).image().width(), 1);
}

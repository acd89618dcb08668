//! The page's questions to a model of styles.

use std::fs;

use image::RgbImage;
use image::imageops::crop_imm;
use serde_json::{Value, json};

use super::client::{Answer, Demo, MAX_BYTES, face};
use crate::program::{FACES, folder, succeeds};
use crate::styles::trained;

const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

fn start() -> Demo {
    Demo::start(&["--model", trained().join("run").to_str().unwrap()])
}

/// Asks for what is made of `image` with the style of `reference`.
fn refer(demo: &Demo, target: &str, image: &[u8], reference: &[u8]) -> Answer {
    let header = format!("reference-bytes: {}\r\n", reference.len());
    demo.ask("POST", target, &header, &[image, reference].concat())
}

/// What the program's `translate` makes of the face 00001 as `line` says.
fn by_the_program(line: &str) -> RgbImage {
    let (folder, run) = (folder(), trained().join("run"));
    let face = format!("{FACES}/test/images/00001.png");
    let line = format!("--model {} {line} --out made.png {face}", run.display());
    succeeds("translate", folder.path(), &line);
    image::open(folder.path().join("made.png")).unwrap().to_rgb8()
}

#[test]
fn a_model_says_its_domains_and_what_it_has_not() {
    let known: Value = serde_json::from_slice(&start().get("/model.json").body).unwrap();
    let model = &known["model"];
    assert_eq!(model["datasets"][0]["names"], json!(HAIR));
    assert_eq!((&model["width"], &model["height"]), (&json!(16), &json!(16)));
    assert_eq!((&model["reads_labels"], &model["has_mask"]), (&json!(false), &json!(false)));
    assert_eq!(model["styles"], json!({ "last": u32::MAX, "shown": 4 }));
}

#[test]
fn samples_are_of_the_domain_that_their_labels_say() {
    let demo = start();
    let known: Value = serde_json::from_slice(&demo.get("/model.json").body).unwrap();
    let list = fs::read_to_string(format!("{FACES}/test/list_attr.txt")).unwrap();
    let names: Vec<_> = list.lines().nth(1).unwrap().split_whitespace().collect();
    for sample in known["samples"].as_array().unwrap() {
        let png = demo.get(sample["path"].as_str().unwrap()).body;
        let is_it = |line: &&str| {
            let name = line.split_whitespace().next().unwrap();
            fs::read(format!("{FACES}/test/images/{name}")).unwrap() == png
        };
        let line = list.lines().skip(2).find(is_it).unwrap();
        let domain = names.iter().position(|name| sample["domain"] == *name).unwrap();
        assert_eq!(line.split_whitespace().nth(1 + domain), Some("1"), "{sample}");
    }
}

#[test]
fn a_style_comes_from_a_number() {
    let demo = start();
    let face = face("00001");
    let prepared = demo.post("/prepare", &face);
    assert_eq!(prepared.image().dimensions(), (16, 16), "as large as the results");
    assert_eq!(prepared.header("own-labels"), Some("null"));
    assert_eq!(demo.post("/prepare", &prepared.body).body, prepared.body, "it is prepared once");

    let translate = |query: &str| demo.post(&format!("/translate?{query}"), &prepared.body);
    let blond = translate("domain=Blond_Hair&style=7");
    let expected = by_the_program("--domain Blond_Hair --first-style 7");
    assert_eq!(blond.image(), expected);
    assert!(blond.header("server-timing").unwrap().starts_with("model;dur="));
    assert_eq!(blond.header("mask-bytes"), None);
    for other in ["domain=Blond_Hair&style=8", "domain=Black_Hair&style=7"] {
        assert_ne!(translate(other).image(), blond.image(), "{other}");
    }
    assert_eq!(translate("domain=Blond_Hair&style=4294967295").image().width(), 16);
    let whole = demo.post("/whole?domain=Blond_Hair&style=7", &face);
    assert_eq!(whole.body, blond.body, "at the model's size");

    let row = demo.post("/every?style=6", &prepared.body).image();
    assert_eq!(row.dimensions(), ((1 + 3 * 4) * 16, 16), "the image, four styles of each domain");
    let cell = crop_imm(&row, (1 + 4 + 1) * 16, 0, 16, 16).to_image();
    assert_eq!(cell, blond.image(), "the second style of the second domain");
    assert_eq!(
        demo.post("/every", &face).image(),
        demo.post("/every?style=0", &face).image(),
        "from the first one on"
    );
}

#[test]
fn a_style_comes_from_a_reference() {
    let demo = start();
    let (image, reference) = (face("00001"), face("00003"));
    let target = "/translate?domain=Blond_Hair";
    let like = refer(&demo, target, &image, &reference);
    let line = format!("--reference Blond_Hair={FACES}/test/images/00003.png");
    assert_eq!(like.image(), by_the_program(&line));
    let [small, prepared] = [&image, &reference].map(|file| demo.post("/prepare", file).body);
    assert_eq!(refer(&demo, target, &small, &prepared).body, like.body);
    assert_eq!(refer(&demo, "/whole?domain=Blond_Hair", &image, &prepared).body, like.body);
    assert_ne!(refer(&demo, target, &image, &face("00005")).image(), like.image());
    let as_black = refer(&demo, "/translate?domain=Black_Hair", &image, &reference);
    assert_ne!(as_black.image(), like.image());
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let demo = start();
    let face = face("00001");
    let refused = |query: &str, words| {
        for route in ["/translate", "/whole"] {
            demo.post(&format!("{route}?{query}"), &face).refuses(400, words);
        }
    };
    refused("", "which of Black_Hair, Blond_Hair, Brown_Hair");
    refused("edit=Blond_Hair", "no domain is asked for");
    refused("domain=Blonde_Hair&style=1", "did you mean \"Blond_Hair\"?");
    refused("domain=..%2F..%2Fetc%2Fpasswd&style=1", "unknown label");
    refused("domain=Blond_Hair", "no style is asked for");
    for number in ["", "-1", "1.5", "seven", "4294967296", "1e3", "%00", "../7"] {
        let words = "expected a whole number from 0 to 4294967295";
        refused(&format!("domain=Blond_Hair&style={number}"), words);
        demo.post(&format!("/every?style={number}"), &face).refuses(400, words);
    }
    let last = demo.post("/every?style=4294967295", &face).image();
    assert_eq!(last.width(), 13 * 16);
}

#[test]
fn references_that_make_no_sense_are_refused() {
    let demo = start();
    let face = face("00001");
    let target = "/translate?domain=Blond_Hair";
    refer(&demo, &format!("{target}&style=1"), &face, &face).refuses(400, "two styles");
    refer(&demo, target, &face, b"").refuses(400, "the reference: expected an image");
    refer(&demo, target, &face, b"not an image").refuses(400, "the reference: expected a PNG");
    refer(&demo, target, &face, &face[..face.len() / 2])
        .refuses(400, "the reference is damaged or cut off");
    refer(&demo, target, b"", &face).refuses(400, "found an empty file");
    let ask =
        |length: &str| demo.ask("POST", target, &format!("reference-bytes: {length}\r\n"), &face);
    for length in ["-1", "", "ten", "99999999999999999999999"] {
        ask(length).refuses(400, "reference-bytes: expected a length in bytes");
    }
    ask(&(face.len() + 1).to_string()).refuses(400, "both images have");
    ask(&face.len().to_string()).refuses(400, "found an empty file");

    // A model of labels has no use for one.
    let labels = Demo::start(&[]);
    refer(&labels, "/translate?edit=Male", &face, &face).refuses(400, "no styles");
}

#[test]
fn each_of_two_files_may_be_as_large_as_one() {
    let demo = start();
    let target = "/whole?domain=Blond_Hair";
    let whole = |length: usize| {
        // A PNG ends where it says so.
        let mut file = face("00001");
        file.resize(length, 0);
        file
    };
    let largest = whole(MAX_BYTES);
    assert_eq!(refer(&demo, target, &largest, &largest).image().width(), 16);
    refer(&demo, target, &whole(MAX_BYTES + 1), b"x").refuses(413, "larger than 10 MB");
    refer(&demo, target, b"x", &whole(MAX_BYTES + 1)).refuses(413, "larger than 10 MB");
    refer(&demo, target, &largest, &whole(MAX_BYTES + 1)).refuses(413, "larger than 10 MB");
    demo.post(target, &whole(MAX_BYTES + 1)).refuses(413, "larger than 10 MB");
    assert_eq!(demo.get("/").status, 200, "it goes on");
}

//! Which part of an image is used: the same in training and in everything after it.

use std::fs;
use std::path::Path;

use image::imageops::{FilterType, resize};
use serde_json::Value;

use crate::program::{FACES, MODEL, TINY, folder, stargan, succeeds, text};

/// The first test faces at four times their size, 256 pixels, with their list and their pairs:
/// `celeba:large:list.txt` and `pairs.csv` in `folder`.
fn large_faces(folder: &Path) {
    let list = fs::read_to_string(format!("{FACES}/test/list_attr.txt")).unwrap();
    let rows: Vec<_> = list.lines().skip(1).take(41).collect();
    let names = rows[1..].iter().map(|row| row.split(' ').next().unwrap());
    fs::create_dir(folder.join("large")).unwrap();
    for name in names.clone() {
        let face = image::open(format!("{FACES}/test/images/{name}")).unwrap().to_rgb8();
        let large = resize(&face, 256, 256, FilterType::Nearest);
        large.save(folder.join("large").join(name)).unwrap();
    }
    let partition: String = names
        .enumerate()
        .map(|(i, name)| {
            let part = if i < 8 { 2 } else { 0 };
            format!("{name} {part}\n")
        })
        .collect();
    fs::write(folder.join("partition.txt"), partition).unwrap();
    fs::write(folder.join("list.txt"), format!("40\n{}\n", rows.join("\n"))).unwrap();
    let pairs = fs::read_to_string(format!("{FACES}/test/pairs.csv")).unwrap();
    let pairs: Vec<_> = pairs.lines().take(3).collect();
    fs::write(folder.join("pairs.csv"), pairs.join("\n")).unwrap();
}

/// The scores of the model in `run` on the large faces.
fn scores(folder: &Path, run: &str, flags: &str) -> Value {
    let data = "--data celeba:large:list.txt --pairs pairs.csv --json scores.json --overwrite";
    succeeds("evaluate", folder, &format!("--model {run} {data} {flags}"));
    serde_json::from_slice(&fs::read(folder.join("scores.json")).unwrap()).unwrap()
}

const TRAIN: &str = "--labels Black_Hair,Blond_Hair,Male --iterations 2 --sample-every 2 \
                     --test-data celeba:large:list.txt --pairs pairs.csv";

#[test]
fn what_is_measured_and_shown_is_cropped_as_what_was_trained_on() {
    let folder = folder();
    let folder = folder.path();
    large_faces(folder);
    let line = format!("--data celeba:large:list.txt --crop 100 {TINY} {TRAIN} --out run");
    let output = stargan("train", folder, &line);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let words = "warning: data: the centre square of 100 pixels leaves out 84 % of images of 256 x \
                 256 pixels; --crop square takes the largest";
    assert_eq!(said.matches("leaves out").count(), 1, "{said}");
    assert!(said.contains(words), "{said}");

    let own = scores(folder, "run", "");
    assert_eq!(own, scores(folder, "run", "--crop 100"));
    assert_ne!(own["identity_l1"], scores(folder, "run", "--crop square")["identity_l1"]);
    let held = scores(folder, "run", "--split partition.txt --judge-iterations 1");
    let told = scores(folder, "run", "--split partition.txt --judge-iterations 1 --crop 100");
    assert_eq!((held["identity_l1"]["n"].as_u64(), &held), (Some(8), &told));

    let logged = fs::read(folder.join("run/metrics.json")).unwrap();
    let logged: Value = serde_json::from_slice(&logged).unwrap();
    assert_eq!(logged["hair"], own["hair"], "{logged}");
    let grid = image::open(folder.join("run/samples/00000002.png")).unwrap().to_rgb8();
    let face = image::open(folder.join("large/00000.png")).unwrap().crop_imm(78, 78, 100, 100);
    let cut = folder.join("cut.png");
    face.save(&cut).unwrap();
    let line = "--model run --edit Male --grid --out one.png cut.png";
    succeeds("translate", folder, line);
    let one = image::open(folder.join("one.png")).unwrap().to_rgb8();
    let input = |grid| image::imageops::crop_imm(grid, 6, 30, 128, 128).to_image();
    assert_eq!(input(&grid), input(&one));
    // And so when it goes on.
    succeeds("train", folder, "--resume --out run --iterations 3 --sample-every 1");
    let grid = image::open(folder.join("run/samples/00000003.png")).unwrap().to_rgb8();
    assert_eq!(input(&grid), input(&one));
}

#[test]
fn large_images_are_used_whole_unless_told_otherwise() {
    let folder = folder();
    let folder = folder.path();
    large_faces(folder);
    let line = format!("--data celeba:large:list.txt {TINY} {TRAIN} --out run");
    let output = stargan("train", folder, &line);
    assert!(output.status.success() && !text(&output.stderr).contains("leaves out"));
    let own = scores(folder, "run", "");
    assert_eq!(own, scores(folder, "run", "--crop square"));
    let judge = "--model run --data celeba:large:list.txt --judge judge.safetensors";
    let learn = "--train-data celeba:large:list.txt --judge-iterations 1";
    succeeds("evaluate", folder, &format!("{judge} {learn}"));
    for (crop, told) in [("square", false), ("300", false), ("178", true)] {
        let said = text(&stargan("evaluate", folder, &format!("{judge} --crop {crop}")).stderr);
        assert_eq!(said.contains("trained on the largest centre square"), told, "{said}");
    }
    assert_ne!(own, scores(folder, "run", "--crop 178"));
    assert!(succeeds("inspect", folder, "run").contains("the largest centre square"));
}

#[test]
fn of_a_large_photo_the_whole_square_is_translated() {
    let folder = folder();
    let folder = folder.path();
    large_faces(folder);
    let line = |flags: &str, out: &str| {
        let inputs = "large/00000.png large/00000_hair_Black.png";
        format!("--model {MODEL} --edit Male {flags} --out {out} {inputs}")
    };
    let run = |flags: &str, out: &str| {
        let output = stargan("translate", folder, &line(flags, out));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let result = fs::read(folder.join(out).join("00000_Male.png")).unwrap();
        (result, text(&output.stderr))
    };
    let (whole, said) = run("", "default");
    let words = "large/00000.png: the largest centre square is translated, because the centre \
                 square of 178 pixels, as in training, would leave out 51 % of 256 x 256 pixels; \
                 --crop model takes that";
    assert_eq!(said.matches("leave out").count(), 1, "{said}");
    assert!(said.contains(words), "{said}");
    assert_eq!(run("--crop square", "square"), (whole.clone(), String::new()));

    let (middle, said) = run("--crop model", "model");
    assert_ne!(middle, whole);
    assert!(said.contains("178 pixels leaves out 51 % of 256 x 256 pixels"), "{said}");
    assert_eq!(said.matches("leaves out").count(), 1, "{said}");
    let (more, said) = run("--crop 200", "more");
    assert!(more != middle && more != whole && said.is_empty(), "{said}");

    let grid = |flags: &str, out: &str| {
        succeeds("translate", folder, &format!("--grid {}", line(flags, out)));
        fs::read(folder.join(out)).unwrap()
    };
    assert_eq!(grid("", "a.png"), grid("--crop square", "b.png"));
    assert_ne!(grid("", "c.png"), grid("--crop model", "d.png"));
    let output = stargan("translate", folder, &line("--crop middle", "none"));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("or \"model\""), "{}", text(&output.stderr));
}

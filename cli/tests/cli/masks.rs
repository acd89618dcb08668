//! The mask of a model that has one, as pictures beside results, in grids and in animations.

use std::fs;
use std::path::Path;
use std::time::Duration;

use image::imageops::{FilterType, resize};
use image::{DynamicImage, RgbImage};
use stargan::Animation;

use crate::program::{FACES, MODEL, TINY, faces, fails, folder, grid_of, names, side, succeeds};

/// A face of 120 x 90 pixels, which is wider than what is translated of it.
fn photo() -> RgbImage {
    let face = image::open(format!("{FACES}/test/images/00003.png")).unwrap().to_rgb8();
    resize(&face, 120, 90, FilterType::Triangle)
}

/// `run`, a model with a mask, and photos in `in`.
fn prepare(folder: &Path) {
    let data = faces("train");
    let line = format!("--data {data} --labels Male,Young {TINY} --iterations 1");
    succeeds("train", folder, &format!("{line} --out run"));
    fs::create_dir(folder.join("in")).unwrap();
    photo().save(folder.join("in/a.png")).unwrap();
    photo().save(folder.join("in/b.png")).unwrap();
}

fn open(path: impl AsRef<Path>) -> DynamicImage {
    image::open(path).unwrap()
}

#[test]
fn a_mask_lies_beside_every_result() {
    let folder = folder();
    let folder = folder.path();
    prepare(folder);
    let line = "--model run --edit Male --edit -Young in";
    succeeds("translate", folder, &format!("{line} --out plain"));
    let said = succeeds("translate", folder, &format!("{line} --out out --mask"));
    let expected = [
        "a_-Young.png",
        "a_-Young_mask.png",
        "a_Male.png",
        "a_Male_mask.png",
        "b_-Young.png",
        "b_-Young_mask.png",
        "b_Male.png",
        "b_Male_mask.png",
    ];
    assert_eq!(names(folder.join("out")), expected);
    let mut said: Vec<_> = said.lines().map(|line| line.trim_start_matches("out/")).collect();
    said.sort_unstable();
    assert_eq!(said, expected);
    for name in ["a_-Young.png", "b_Male.png"] {
        assert_eq!(open(folder.join("out").join(name)), open(folder.join("plain").join(name)));
    }
    let mask = open(folder.join("out/a_Male_mask.png"));
    let DynamicImage::ImageLuma8(mask) = mask else { panic!("{:?}", mask.color()) };
    assert_eq!(mask.dimensions(), (120, 90));
    for (x, y, level) in mask.enumerate_pixels() {
        assert_eq!((15..105).contains(&x), level.0[0] > 0, "{x} {y}: a fresh mask is about 0.5");
    }

    // What is missing is made, whichever of the two it is.
    fails("translate", folder, &format!("{line} --out out --mask"), 1, "exists already");
    let again = format!("{line} --out out --mask --skip-existing");
    assert_eq!(succeeds("translate", folder, &again), "");
    for name in ["out/a_Male_mask.png", "out/b_-Young.png"] {
        let before = fs::read(folder.join(name)).unwrap();
        fs::remove_file(folder.join(name)).unwrap();
        assert_eq!(succeeds("translate", folder, &again), format!("{name}\n"));
        assert_eq!(fs::read(folder.join(name)).unwrap(), before);
    }
    let again = format!("{line} --out plain --mask --skip-existing");
    assert_eq!(succeeds("translate", folder, &again).lines().count(), 4, "of earlier results");
    let again = format!("{line} --out out --mask --overwrite");
    assert_eq!(succeeds("translate", folder, &again).lines().count(), 8);
}

#[test]
fn a_mask_has_the_size_and_the_format_of_its_result() {
    let folder = folder();
    let folder = folder.path();
    prepare(folder);
    let line = "--model run --edit Male in/a.png --mask --overwrite";
    for (flags, result, mask, size) in [
        ("--size original", "r.png", "r_mask.png", (120, 90)),
        ("--size model", "r.png", "r_mask.png", (16, 16)),
        ("--size 41", "r.png", "r_mask.png", (41, 41)),
        ("--crop 100,70,20", "r.png", "r_mask.png", (120, 90)),
        ("--source Young", "new/r.jpg", "new/r_mask.jpg", (120, 90)),
        ("--sequence", "r.bmp", "r_mask.bmp", (120, 90)),
    ] {
        let said = succeeds("translate", folder, &format!("{line} {flags} --out {result}"));
        assert_eq!(said, format!("{result}\n{mask}\n"));
        for file in [result, mask] {
            assert_eq!(side(folder.join(file)), size, "{flags}: {file}");
        }
    }
    succeeds("translate", folder, &format!("{line} --crop 100,70,20 --out r.png"));
    let mask = open(folder.join("r_mask.png")).to_luma8();
    let touched = mask.enumerate_pixels().filter(|(.., level)| level.0[0] > 0);
    assert_eq!(touched.map(|(x, y, _)| (x, y)).min(), Some((100, 70)));
}

#[test]
fn a_grid_has_a_column_of_masks_beside_every_edit() {
    let folder = folder();
    let folder = folder.path();
    prepare(folder);
    for (edits, out, columns) in [
        ("--edit Male --edit Young=0.5", "edits.png", 1 + 2 * 2),
        ("--edit Male --source Young", "known.png", 1 + 2),
        ("", "labels.png", 1 + 2 * 2),
    ] {
        let line = format!("--model run --grid --mask {edits} in --out {out}");
        assert_eq!(succeeds("translate", folder, &line), format!("{out}\n"));
        assert_eq!(side(folder.join(out)), grid_of(columns, 2), "{edits}");
    }
    assert_eq!(names(folder), ["edits.png", "in", "known.png", "labels.png", "run"]);
}

#[test]
fn the_mask_of_an_animation_is_one() {
    let folder = folder();
    let folder = folder.path();
    prepare(folder);
    let frame = |by: i32| DynamicImage::from(photo()).brighten(-by).crop_imm(0, 0, 100, 90);
    let delay = Duration::from_millis(80);
    let film = Animation::new((0..3).map(frame).collect(), delay).unwrap();
    film.save(folder.join("film.gif")).unwrap();
    for (flags, result, mask) in [
        ("", "translated/film_Male.png", "translated/film_Male_mask.png"),
        ("--out r.gif", "r.gif", "r_mask.gif"),
    ] {
        let line = format!("--model run --edit Male --mask {flags} film.gif");
        assert_eq!(succeeds("translate", folder, &line), format!("{result}\n{mask}\n"));
        let masks = Animation::open(folder.join(mask)).unwrap().expect("it moves");
        assert_eq!(masks.delays(), [delay; 3]);
        let frame = &masks.frames()[1].to_luma8();
        assert_eq!(frame.dimensions(), (100, 90));
        assert_eq!(frame[(4, 9)].0[0], 0, "outside");
        assert!((64..192).contains(&frame[(50, 40)].0[0]), "{}", frame[(50, 40)].0[0]);
    }
    let line = "--model run --edit Male --mask --animate 3 in/a.png";
    fails("translate", folder, line, 2, "cannot be used with");
}

#[test]
fn a_model_without_a_mask_is_refused_before_anything_is_written() {
    let folder = folder();
    let folder = folder.path();
    let face = format!("{FACES}/test/images/00001.png");
    for flags in ["--edit Male", "--grid", "--edit Male --grid"] {
        let line = format!("--model {MODEL} --mask {flags} {face}");
        fails("translate", folder, &line, 1, "this model has no mask");
        assert_eq!(names(folder), [""; 0]);
    }
}

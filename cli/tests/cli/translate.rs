//! Translating many images: bad ones among them, a second try, and where results go.

use std::fs;
use std::path::Path;

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};

use crate::program::{FACES, MODEL, TINY, fails, folder, grid_of, names, stargan, succeeds, text};

/// Six faces in `folder/in`, of which the fourth is cut off.
fn six(folder: &Path) {
    fs::create_dir(folder.join("in")).unwrap();
    for number in 0..6 {
        let name = format!("{number:05}.png");
        let mut bytes = fs::read(format!("{FACES}/test/images/{name}")).unwrap();
        if number == 3 {
            bytes.truncate(bytes.len() / 2);
        }
        fs::write(folder.join("in").join(name), bytes).unwrap();
    }
}

#[test]
fn a_bad_image_is_passed_over_and_the_next_try_makes_the_rest() {
    let folder = folder();
    let folder = folder.path();
    six(folder);
    // What would never end, in its place among them.
    let pipe = folder.join("in/pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let line = format!("--model {MODEL} --edit Male --out out in");
    let output = stargan("translate", folder, &line);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("warning: in/00003.png: "), "{said}");
    assert!(said.contains("in/pipe.png: expected a regular file"), "{said}");
    assert!(said.contains("error: 2 of 7 images can't be used: in/00003.png"), "{said}");
    fs::remove_file(pipe).unwrap();
    assert_eq!(text(&output.stdout).lines().count(), 5);
    assert_eq!(names(folder.join("out")).len(), 5);

    let first = folder.join("out/00000_Male.png");
    fs::write(&first, "somebody's").unwrap();
    fs::copy(format!("{FACES}/test/images/00003.png"), folder.join("in/00003.png")).unwrap();
    let expected = "exists already and is not overwritten without --overwrite; --skip-existing";
    fails("translate", folder, &line, 1, expected);
    let again = format!("--skip-existing {line}");
    assert_eq!(succeeds("translate", folder, &again), "out/00003_Male.png\n");
    assert_eq!(fs::read_to_string(&first).unwrap(), "somebody's");
    assert_eq!(succeeds("translate", folder, &again), "", "there is nothing left to do");
    assert_eq!(succeeds("translate", folder, &format!("--overwrite {line}")).lines().count(), 6);
    assert_ne!(fs::read(&first).unwrap(), b"somebody's");
    fails("translate", folder, &format!("--overwrite {again}"), 2, "cannot be used with");
}

#[test]
fn a_grid_is_of_the_images_that_can_be_read() {
    let folder = folder();
    let folder = folder.path();
    six(folder);
    let line = format!("--model {MODEL} --edit Male --grid --out grid.png in");
    let output = stargan("translate", folder, &line);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(image::image_dimensions(folder.join("grid.png")).unwrap(), grid_of(2, 5));
    let none = format!("--model {MODEL} --edit Male --grid --out none.png in/00003.png");
    fails("translate", folder, &none, 1, "1 of 1 images can't be used");
    assert_eq!(succeeds("translate", folder, &format!("--skip-existing {line}")), "");
    assert_eq!(names(folder), ["grid.png", "in"]);
}

#[test]
fn all_edits_are_checked_before_anything_is_written() {
    let folder = folder();
    let folder = folder.path();
    let face = format!("{FACES}/test/images/00000.png");
    for (edits, code, expected) in [
        ("--edit Male --edit Mael", 1, "did you mean \"Male\""),
        ("--edit Male --edit Blond_Hair=x", 1, "Blond_Hair=x"),
        ("--edit Male --edit Mael --grid", 1, "did you mean \"Male\""),
        ("--edit Male --source Mael", 1, "did you mean \"Male\""),
        ("--edit Male --out result.gif", 2, "--out result.gif: expected the ending"),
        ("--grid --out result.gif", 2, "--out result.gif: expected the ending"),
    ] {
        fails("translate", folder, &format!("--model {MODEL} {edits} {face}"), code, expected);
        assert_eq!(names(folder), [""; 0], "{edits}");
    }
}

#[test]
fn scores_are_shown_where_files_cannot_be_written() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("file"), "").unwrap();
    fs::create_dir(folder.join("images")).unwrap();
    let list = fs::read_to_string(format!("{FACES}/test/list_attr.txt")).unwrap();
    let rows: Vec<_> = list.lines().skip(1).take(33).collect();
    fs::write(folder.join("list.txt"), format!("32\n{}\n", rows.join("\n"))).unwrap();
    for row in &rows[1..] {
        let name = row.split(' ').next().unwrap();
        fs::copy(format!("{FACES}/test/images/{name}"), folder.join("images").join(name)).unwrap();
    }
    let data = "celeba:images:list.txt";
    let line = format!("--data {data} --labels Male,Young {TINY} --iterations 1 --out run");
    succeeds("train", folder, &line);
    for files in [
        "--json file/scores.json".to_owned(),
        format!("--train-data {data} --judge-iterations 1 --judge file/judge.safetensors"),
    ] {
        let line = format!("--model run --data {data} {files}");
        let output = stargan("evaluate", folder, &line);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("error: file: "), "{said}");
        assert!(text(&output.stdout).contains("identity"), "{said}");
    }
}

#[test]
fn a_device_is_not_written_to() {
    let folder = folder();
    let face = format!("{FACES}/test/images/00001.png");
    for overwrite in ["", "--overwrite"] {
        let line = format!("--model {MODEL} --edit Male {overwrite} --out /dev/null {face}");
        fails(
            "translate",
            folder.path(),
            &line,
            2,
            "/dev/null: expected an image file or a folder",
        );
        let line = format!("{overwrite} --model {MODEL} --out-generator /dev/null");
        fails("export", folder.path(), &line, 1, "/dev/null: ");
    }
    assert!(!Path::new("/dev/null").is_file());
}

#[test]
fn a_photo_keeps_its_size_and_all_that_is_not_changed() {
    let folder = folder();
    let folder = folder.path();
    let face = image::open(format!("{FACES}/test/images/00003.png")).unwrap().to_rgb8();
    let face = resize(&face, 400, 400, FilterType::Triangle);
    let mut photo = RgbImage::from_fn(700, 400, |x, y| Rgb([x as u8, y as u8, 200]));
    image::imageops::replace(&mut photo, &face, 250, 0);
    photo.save(folder.join("photo.png")).unwrap();
    let line = |flags: &str| format!("--model {MODEL} --edit Black_Hair {flags} photo.png");
    let made = |flags: &str| {
        succeeds("translate", folder, &line(&format!("{flags} --out out.png --overwrite")));
        image::open(folder.join("out.png")).unwrap().to_rgb8()
    };
    let whole = made("--crop 250,0,400");
    assert_eq!(whole, made("--crop 250,0,400 --size original"));
    assert_eq!(whole.dimensions(), (700, 400));
    let same = |x, y| whole[(x, y)] == photo[(x, y)];
    let columns = |range: std::ops::Range<u32>| range.flat_map(|x| (0..400).map(move |y| (x, y)));
    assert!(columns(0..250).chain(columns(650..700)).all(|(x, y)| same(x, y)));
    let kept = columns(250..650).filter(|&(x, y)| same(x, y)).count();
    // The hair is a quarter of the face.
    assert!((40_000..150_000).contains(&kept), "{kept} of 160000 pixels are as they were");

    assert_eq!(made("--crop 250,0,400 --size model").dimensions(), (64, 64));
    assert_eq!(made("--size 101").dimensions(), (101, 101));
    for (flags, code, expected) in [
        ("--size 0", 2, "expected original, model or a number of pixels"),
        ("--size 16000", 1, "more than 2 GiB"),
        ("--size 64 --grid", 2, "cannot be used with"),
        ("--crop 1,2", 2, "expected LEFT,TOP,SIDE"),
        ("--crop 301,0,400", 1, "photo.png: the square of 400 pixels at 301,0 reaches beyond"),
    ] {
        fails("translate", folder, &line(flags), code, expected);
    }
}

//! Folders of images with everything in them that a folder can have.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::program::{EXPRESSIONS, STARGAN, TINY, fails, folder, names, succeeds, text};

/// Two classes of 34 images each, in files of every ending; `.heic` are not read.
fn photos(folder: &Path) {
    let endings =
        ["png", "PNG", "jpg", "JPEG", "jfif", "JFIF", "tif", "TIFF", "gif", "bmp", "webp"];
    for class in ["happy", "sad"] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..34 {
            // The drawings have even numbers.
            let drawing = format!("{EXPRESSIONS}/test/{class}/{:04}.png", 2 * number);
            let ending = endings[number % endings.len()];
            let to = folder.join(class).join(format!("{number:04}.{ending}"));
            let format = match ending.to_lowercase().as_str() {
                "jfif" => image::ImageFormat::Jpeg,
                known => image::ImageFormat::from_extension(known).unwrap(),
            };
            let drawing = image::open(drawing).unwrap().to_rgb8();
            drawing.save_with_format(to, format).unwrap();
        }
    }
    fs::write(folder.join("sad/1.heic"), "no image").unwrap();
    fs::write(folder.join("sad/2.HEIC"), "no image").unwrap();
    fs::create_dir(folder.join("sad/more")).unwrap();
}

/// What `train` says on stderr.
#[track_caller]
fn trains(folder: &Path, line: &str) -> String {
    let output = Command::new(STARGAN)
        .arg("train")
        .args(line.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{line}\n{}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn every_ending_is_read_and_what_is_left_out_is_said() {
    let folder = folder();
    photos(&folder.path().join("photos"));
    let said =
        trains(folder.path(), &format!("--data folder:photos {TINY} --iterations 2 --out run"));
    let expected = "data: 68 images (6 .bmp, 6 .gif, 12 .jfif, 6 .jpeg, 6 .jpg, 14 .png, 6 .tif, \
                    6 .tiff, 6 .webp): happy 34, sad 34; left out: 2 .heic, 1 folder\n";
    assert!(said.contains(expected), "{said}");
    let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("<h2>Images</h2>") && page.contains("<td>2 .heic, 1 folder</td>"));
    // Four rows of each class, and the columns input, happy, sad.
    let grid = image::open(folder.path().join("run/samples/00000002.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (3 * 16, 8 * 16));
}

#[test]
fn skip_is_for_grids_pairs_and_resumed_runs_too() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for part in ["photos", "test"] {
        photos(&at(part));
        // By name the first, which is the grid's first row: bytes cut off, and what never ends.
        fs::write(at(part).join("happy/0000.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        fs::write(at(part).join("happy/.hidden.png"), "").unwrap();
        let pipe = at(part).join("happy/000.png");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink("/dev/zero", at(part).join("happy/001.png")).unwrap();
        symlink("nowhere.png", at(part).join("sad/000.png")).unwrap();
        symlink("loop.png", at(part).join("sad/loop.png")).unwrap();
    }
    let line = format!("--data folder:photos --test-data folder:test --pairs by-name {TINY}");
    let failing = format!("{line} --iterations 2 --out failing");
    let expected = "000.png: expected a regular file, found a device, pipe or socket";
    fails("train", folder.path(), &failing, 1, expected);
    assert!(!at("failing/checkpoints/00000002.safetensors").exists());

    let skipping = format!("{line} --on-unreadable skip --iterations 2 --out run");
    let said = trains(folder.path(), &skipping);
    for expected in [
        "left out of the sample grids: ",
        "happy/000.png: expected a regular file, found a device, pipe or socket",
        "test folder:test: 72 images",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(names(at("run/samples")), ["00000002.png", "grid.json"]);
    let json = fs::read_to_string(at("run/metrics.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // The other 33 people of both classes.
    assert!(json["total"]["n"].as_u64() > Some(50), "{json}");
    assert!(json["unreadable_pairs"]["happy/0000.png"].is_string(), "{json}");
    let line = "--model run --data folder:test --json scores.json";
    fails("evaluate", folder.path(), line, 1, "000.png: expected a regular file");
    let skipping = format!("{line} --pairs by-name --on-unreadable skip");
    succeeds("evaluate", folder.path(), &skipping);
    let json = fs::read_to_string(at("scores.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["unreadable"]["happy/000.png"].is_string(), "{json}");
    assert!(json["unreadable_pairs"]["happy/0000.png"].is_string(), "{json}");
    trains(folder.path(), "--resume --out run --iterations 4");
    assert!(at("run/checkpoints/00000004.safetensors").is_file());
}

#[test]
fn lists_and_settings_are_regular_files_too() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    photos(&at("photos"));
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let pipe = "pipe: expected a regular file, found a device, pipe or socket";
    let folder = folder.path();
    let run = |data: &str| format!("--data {data} {TINY} --iterations 1");
    fails("train", folder, &run("celeba:photos/sad:pipe"), 1, pipe);
    fails("train", folder, &run("celeba:photos/sad:/dev/zero"), 1, "/dev/zero: expected a regular");
    fails("train", folder, &run("celeba:photos/sad:photos"), 1, "regular file, found a folder");
    fails("train", folder, &(run("folder:photos") + " --config pipe"), 1, pipe);
    let pairs = " --test-data folder:photos --pairs pipe";
    fails("train", folder, &(run("folder:photos") + pairs), 1, pipe);
    let faces = crate::program::faces("test");
    let split = format!("--data {faces} --split pipe {TINY} --iterations 1");
    fails("train", folder, &split, 1, pipe);
}

//! Folders of images with everything in them that a folder can have.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::program::{
    EXPRESSIONS, MODEL, STARGAN, TINY, faces, fails, folder, grid_of, names, succeeds, text,
};

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
                    6 .tiff, 6 .webp): happy 34, sad 34; left out: 2 .heic\n";
    assert!(said.contains(expected), "{said}");
    let page = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("<h2>Images</h2>") && page.contains("<td>2 .heic</td>"));
    // Four rows of each class, and the columns input, happy, sad.
    let grid = image::open(folder.path().join("run/samples/00000002.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), grid_of(3, 8));
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

/// Puts something else in the place of `path`.
fn replace(path: &Path, with: &str) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
    match with {
        "nothing" => {}
        "folder" => fs::create_dir(path).unwrap(),
        "pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        link => std::os::unix::fs::symlink(link, path).unwrap(),
    }
}

#[cfg(unix)]
#[test]
fn what_stands_in_the_place_of_a_runs_files_is_said() {
    let folder = folder();
    let folder = folder.path();
    let line = format!("--data folder:{EXPRESSIONS}/test {TINY} --iterations 2 --out run");
    succeeds("train", folder, &line);
    let resume = "train --resume --iterations 3 --out copy";
    let file = "expected a regular file, found ";
    for (name, with, command, expected) in [
        ("config.json", "folder", resume, file),
        ("config.json", "pipe", resume, file),
        ("config.json", "nothing", resume, "there is no run to resume here"),
        ("checkpoints", "nothing", resume, "copy/checkpoints: expected the folder of the run's"),
        ("checkpoints", "pipe", resume, "copy/checkpoints: expected the folder of the run's"),
        ("log.csv", "pipe", resume, file),
        ("log.csv", "folder", resume, file),
        ("timing.csv", "/dev/zero", resume, file),
        ("data.json", "pipe", resume, file),
        ("samples", "nowhere", resume, "copy/samples: "),
        ("config.json", "pipe", "report copy", file),
        ("log.csv", "pipe", "report copy", file),
        ("timing.csv", "pipe", "report copy", file),
        ("images.json", "pipe", "report copy", file),
        ("samples/grid.json", "pipe", "report copy", file),
        ("report.html", "pipe", "report copy", file),
        ("report.html", "folder", "report copy", file),
        ("config.json", "folder", "inspect copy", "expected a model file or the folder of a run"),
    ] {
        let copied = Command::new("cp").args(["-r", "run", "copy"]).current_dir(folder).status();
        assert!(copied.unwrap().success());
        replace(&folder.join("copy").join(name), with);
        let (command, line) = command.split_once(' ').unwrap();
        fails(command, folder, line, 1, expected);
        fs::remove_dir_all(folder.join("copy")).unwrap();
    }
    // What is not needed ends nothing.
    for (name, with, command) in [
        ("timing.csv", "pipe", "inspect run"),
        ("timing.csv", "/dev/zero", "inspect run"),
        ("log.csv", "nowhere", "train --resume --iterations 3 --out run"),
        ("samples/00000002.png", "pipe", "report run"),
    ] {
        replace(&folder.join("run").join(name), with);
        let (command, line) = command.split_once(' ').unwrap();
        // Each may be the last that is needed for another.
        if name == "log.csv" {
            replace(&folder.join("run/timing.csv"), "nothing");
        }
        succeeds(command, folder, line);
    }
    assert!(!folder.join("nowhere").exists(), "a link is not followed to what is not there");
}

#[test]
fn a_result_whose_name_is_too_long_is_refused_before_any_is_written() {
    let folder = folder();
    let long = format!("{}.png", "x".repeat(245));
    for name in ["short.png", &long] {
        fs::copy(format!("{EXPRESSIONS}/test/happy/0002.png"), folder.path().join(name)).unwrap();
    }
    let line = format!("--model {MODEL} --edit Blond_Hair --out out short.png {long}");
    fails("translate", folder.path(), &line, 2, "would have a name of 260 bytes");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn what_can_be_known_before_hours_of_work_is_said_before() {
    let folder = folder();
    let folder = folder.path();
    fs::create_dir(folder.join("there")).unwrap();
    symlink("nowhere", folder.join("link")).unwrap();
    let data = format!("folder:{EXPRESSIONS}/test");
    let train = format!("--data {data} {TINY} --iterations 1000000000");
    for (line, code, expected) in [
        (format!("{train} --out a --export there --overwrite"), 1, "there: this is a folder"),
        (format!("{train} --out a --export a"), 2, "--out and --export name one file: a"),
        (format!("{train} --out b --export /proc/nope/m.st"), 1, "/proc/nope: "),
    ] {
        fails("train", folder, &line, code, expected);
        assert!(!folder.join("a").exists(), "{line}");
    }
    let line = format!("--data {data} {TINY} --iterations 1 --out b --export b/models/m.st");
    succeeds("train", folder, &line);
    assert_eq!(names(folder.join("b/models")), ["m.st"]);
    let line = format!("--model {MODEL} --data {} --train-data {}", faces("test"), faces("train"));
    let judge = |place: &str| format!("{line} --judge-iterations 1000000000 --judge {place}");
    fails("evaluate", folder, &judge("there"), 1, "there: this is no file of a judge");
    fails("evaluate", folder, &judge("link --overwrite"), 1, "link: this is no file of a judge");
    fails("evaluate", folder, &judge("x --json ./x"), 2, "--json and --judge name one file");
    let image = format!("{EXPRESSIONS}/test/happy/0002.png");
    let line = Command::new(STARGAN)
        .args(["translate", "--edit", "Male", "--source", " ", &image])
        .current_dir(folder)
        .output()
        .unwrap();
    assert_eq!(line.status.code(), Some(2));
    assert!(text(&line.stderr).contains("--source is empty"));
}

#[test]
fn a_runs_inputs_that_were_edited_are_checked() {
    let folder = folder();
    let folder = folder.path();
    let data = format!("folder:{EXPRESSIONS}/test");
    let line = format!("--data {data} {TINY} --iterations 2 --test-data {data} --pairs by-name");
    succeeds("train", folder, &format!("{line} --out ./-run"));
    let file = folder.join("-run/data.json");
    let whole = fs::read_to_string(&file).unwrap();
    let mut edited: serde_json::Value = serde_json::from_str(&whole).unwrap();
    edited["tests"] = serde_json::json!([]);
    fs::write(&file, edited.to_string()).unwrap();
    let resume = "--resume --out=-run --iterations 3";
    fails("train", folder, resume, 1, "pairs of the test data 0, of which there are 0; if another");
    fs::write(&file, whole).unwrap();
    let line = format!("{resume} --test-data {data}");
    let said = trains(folder, &line);
    assert!(said.contains("warning: nothing is measured any more: give --pairs"), "{said}");
    let report = fs::read_to_string(folder.join("-run/report.html")).unwrap();
    assert!(report.contains("Measured at iteration 2."), "the run has gone on to 3");
}

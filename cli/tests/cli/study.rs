//! The comparisons.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{EXPRESSIONS, STARGAN, faces, fails, folder, grid_of, names, side, succeeds};

#[test]
fn masks_are_compared_and_the_study_goes_on_where_it_was() {
    let folder = folder();
    let line = "--iterations 2 --size 16 --judge-iterations 2 --out masks";
    let output = succeeds("study masks", folder.path(), line);
    let rows = ["right mask", "wrong mask", "without a mask", "faces alone", "expressions alone"];
    for row in rows.iter().chain(&["do nothing", "real test images"]) {
        assert!(output.contains(row), "{row}: {output}");
    }
    let at = |name: &str| folder.path().join("masks").join(name);
    assert_eq!(side(at("masks.png")), grid_of(1 + 3 + 5, 4 * 3));
    assert!(output.starts_with(&fs::read_to_string(at("table.md")).unwrap()));
    let models = ["expressions", "faces", "joint", "no-mask"];
    assert_eq!(
        names(at("")),
        [&models[..2], &["joint", "masks.png", "no-mask", "table.md"]].concat()
    );
    assert_eq!(succeeds("study masks", folder.path(), line), output);
    let line = line.replace("--size 16", "--size 32");
    fails("study masks", folder.path(), &line, 1, "trained with other settings");
    let line = line.replace("--out masks", "--out masks/joint");
    fails("study masks", folder.path(), &line, 1, "not of an earlier comparison");

    // A run's own configuration makes another of its kind, without a mask too.
    let data = format!("--data {} --data folder:{EXPRESSIONS}/train", faces("train"));
    let line = format!("{data} --config masks/no-mask/config.json --iterations 1 --out again");
    succeeds("train", folder.path(), &line);
    let config = |run: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.path().join(run).join("config.json")).unwrap())
            .unwrap()
    };
    assert_eq!(config("again")["settings"]["domains"]["mask"], false);
    assert_eq!(
        config("again")["settings"]["domains"],
        config("masks/no-mask")["settings"]["domains"]
    );
}

#[test]
fn baselines_are_compared() {
    let folder = folder();
    let line = "--minutes 0.005 --size 16 --judge-iterations 2 --out compared";
    let output = succeeds("study baselines", folder.path(), line);
    for row in ["The same time", "The same images", "StarGAN", "CycleGAN", "pix2pix", "do nothing"]
    {
        assert!(output.contains(row), "{row}: {output}");
    }
    let at = |name: &str| folder.path().join("compared").join(name);
    assert!(output.starts_with(&fs::read_to_string(at("tables.md")).unwrap()));
    // One of the captions has two lines.
    let (width, height) = grid_of(6 * 3, 4);
    assert_eq!(side(at("translations.png")), (width, height + 18));
    assert_eq!(names(at("")).len(), 2 + 1 + 3 + 6, "tables, picture, and a run of every model");
    fails("study baselines", folder.path(), line, 1, "it is not empty");
    fails("study baselines", folder.path(), "--minutes 0", 2, "it must be above 0");
}

#[test]
fn table_3_is_made_and_goes_on_where_it_was() {
    let folder = folder();
    let line = "--iterations 2 --size 16 --judge-iterations 1 --out table3";
    let output = succeeds("study table3", folder.path(), line);
    // 180 neutral people, a tenth of whom become four others.
    for row in ["real images", "StarGAN", "CycleGAN", "do nothing", "72 translations from neutral"]
    {
        assert!(output.contains(row), "{row}: {output}");
    }
    assert!(output.contains("| CycleGAN | ") && output.contains(" | 4 | "), "{output}");
    let at = |name: &str| folder.path().join("table3").join(name);
    assert_eq!(output, fs::read_to_string(at("table.md")).unwrap() + "\n");
    assert_eq!(names(at("")).len(), 1 + 4 + 1, "a run of every model, and the table");
    assert_eq!(succeeds("study table3", folder.path(), line), output);
    let other = line.replace("--iterations 2", "--iterations 3");
    fails("study table3", folder.path(), &other, 1, "trained with other settings");
    let other = line.replace("--out table3", "--out table3/stargan");
    fails("study table3", folder.path(), &other, 1, "not of an earlier table");
    fails("study table3", folder.path(), "--from glad", 1, "glad");
}

#[cfg(unix)]
#[test]
fn a_study_ends_while_its_judge_is_trained() {
    let folder = folder();
    let line = "study baselines --minutes 1 --size 16 --judge-iterations 1000000000 --out out";
    let mut child = Command::new(STARGAN)
        .args(line.split_whitespace())
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    while !said.ends_with("training the judge\n") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

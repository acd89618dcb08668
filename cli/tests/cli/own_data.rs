//! Data as people have them: lists as CSV, parts of CelebA, folders within class folders.

use std::fs;
use std::path::Path;

use crate::program::{EXPRESSIONS, FACES, TINY, fails, folder, names, stargan, succeeds, text};

/// The first `count` faces as they are passed on: CSV lists, and the images a folder deeper, in
/// `kaggle`; the last of them is for testing.
fn kaggle(folder: &Path, count: usize) {
    let root = folder.join("kaggle");
    let images = root.join("img_align_celeba/img_align_celeba");
    fs::create_dir_all(&images).unwrap();
    let list = fs::read_to_string(format!("{FACES}/train/list_attr.txt")).unwrap();
    let mut lines = list.lines().skip(1);
    let csv = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(",");
    let mut attributes = format!("image_id,{}\n", csv(lines.next().unwrap()));
    let mut partition = "image_id,partition\n".to_owned();
    for (number, line) in lines.take(count).enumerate() {
        let name = line.split_whitespace().next().unwrap();
        fs::copy(format!("{FACES}/train/images/{name}"), images.join(name)).unwrap();
        attributes += &format!("{}\n", csv(line));
        partition += &format!("{name},{}\n", if number + 1 == count { 2 } else { 0 });
    }
    fs::write(root.join("list_attr_celeba.csv"), attributes).unwrap();
    fs::write(root.join("list_eval_partition.csv"), partition).unwrap();
}

fn json(path: impl AsRef<Path>) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn celeba_is_found_as_it_is_passed_on_and_may_be_a_part() {
    let folder = folder();
    let folder = folder.path();
    kaggle(folder, 13);
    let line = format!("--data celeba:kaggle --labels all --split official {TINY} --iterations 1");
    succeeds("train", folder, &format!("{line} --out run"));
    let known = fs::read_to_string(format!("{FACES}/train/list_attr.txt")).unwrap();
    let known: Vec<_> = known.lines().nth(1).unwrap().split_whitespace().collect();
    let config = json(folder.join("run/config.json"));
    let domain = &config["settings"]["domains"][0];
    assert_eq!(domain["labels"]["names"], serde_json::json!(known), "{domain}");
    let images = json(folder.join("run/images.json"));
    assert_eq!(images["data"]["images"], 12);

    let image = "kaggle/img_align_celeba/img_align_celeba/00003.png";
    fs::remove_file(folder.join(image)).unwrap();
    let expected = "(1 of 13 listed images are missing); to leave them out: --missing skip";
    fails("train", folder, &format!("{line} --out part"), 1, expected);
    let output = stargan("train", folder, &format!("{line} --missing skip --out part"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("data: 11 images") && said.contains("1 listed but not there"), "{said}");
    // What the run was told of missing images holds when it goes on.
    succeeds("train", folder, "--resume --out part --iterations 2");

    let evaluate = "--model part --data celeba:kaggle --missing skip --json scores.json";
    let output = stargan("evaluate", folder, evaluate);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("celeba:kaggle: 1 of the listed images are not there"), "{said}");
    assert_eq!(json(folder.join("scores.json"))["identity_l1"]["n"], 12);
    let line = "--model part --data celeba:kaggle --split official";
    fails("evaluate", folder, line, 1, "1 of 13 listed images are missing");
}

#[test]
fn class_folders_may_have_folders_and_test_images_be_of_some_classes() {
    let folder = folder();
    let folder = folder.path();
    for class in ["happy", "neutral", "sad"] {
        let from = Path::new(EXPRESSIONS).join("train").join(class);
        for (number, name) in names(&from).iter().take(4).enumerate() {
            let person = ["anna", "ben"][number % 2];
            let to = folder.join("data").join(class).join(person);
            fs::create_dir_all(&to).unwrap();
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    let from = Path::new(EXPRESSIONS).join("test/happy");
    fs::create_dir_all(folder.join("test/happy")).unwrap();
    for name in names(&from).iter().take(3) {
        fs::copy(from.join(name), folder.join("test/happy").join(name)).unwrap();
    }
    let line = format!("--data folder:data --labels all {TINY} --iterations 2 --out run");
    let output = stargan("train", folder, &format!("{line} --test-data folder:test"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("data: 12 images (12 .png): happy 4, neutral 4, sad 4"), "{said}");
    let absent = "folder:test: no images of neutral, sad: nothing is measured of them";
    assert!(said.contains(absent), "{said}");

    let line = "--model run --data folder:test --train-data folder:data --judge-iterations 1";
    let output = stargan("evaluate", folder, line);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains(absent), "{said}");

    fs::create_dir_all(folder.join("test/sads")).unwrap();
    let expected = "unknown class \"sads\", did you mean \"sad\"?";
    fails("evaluate", folder, "--model run --data folder:test", 1, expected);
}

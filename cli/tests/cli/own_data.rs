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

#[test]
fn labels_that_teach_little_are_told_and_may_be_balanced() {
    let folder = folder();
    let folder = folder.path();
    for (class, images) in [("happy", 42), ("sad", 42), ("angry", 2)] {
        let from = Path::new(EXPRESSIONS).join("train").join(class);
        let to = folder.join("data").join(class);
        fs::create_dir_all(&to).unwrap();
        for name in names(&from).iter().take(images) {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    let line = format!("--data folder:data {TINY} --iterations 2");
    let output = stargan("train", folder, &format!("{line} --out run"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let expected = "warning: data: angry has only 2.3 % of the images; to draw all classes equally \
                    often: --balance; or leave out its folder";
    assert!(said.contains(expected) && said.matches("warning").count() == 1, "{said}");

    let output = stargan("train", folder, &format!("{line} --balance --out balanced"));
    let said = text(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");
    assert_eq!(json(folder.join("run/config.json"))["run"]["sampling"], "uniform");
    assert_eq!(json(folder.join("balanced/config.json"))["run"]["sampling"], "balanced");
    let said = text(&stargan("train", folder, "--resume --out run --balance").stderr);
    assert!(said.contains("run.sampling is \"balanced\", was \"uniform\""), "{said}");
    succeeds("train", folder, "--resume --out balanced --iterations 3");

    kaggle(folder, 25);
    let list = folder.join("kaggle/list_attr_celeba.csv");
    let rows = fs::read_to_string(&list).unwrap();
    let rows = rows.lines().enumerate().map(|(number, row)| match number {
        0 => format!("{row},Hat,Rare,Common"),
        1 => format!("{row},-1,1,-1"),
        _ => format!("{row},-1,-1,1"),
    });
    fs::write(&list, rows.collect::<Vec<_>>().join("\n")).unwrap();
    let line = format!("--data celeba:kaggle --labels Hat,Rare,Common {TINY} --iterations 1");
    let output = stargan("train", folder, &format!("{line} --out attributes"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "data: Hat is 0 in all 25 images, so that nothing is learnt of it: leave it out of",
        "data: Rare is 1 in only 4.0 % of the images; to draw both values equally often: --balance",
        "data: Common is 0 in only 4.0 % of the images; to draw both",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_run_goes_on_with_images_that_were_added_where_it_is_told_to() {
    let folder = folder();
    let folder = folder.path();
    let add = |class: &str, images: std::ops::Range<usize>| {
        let from = Path::new(EXPRESSIONS).join("train").join(class);
        let to = folder.join("data").join(class);
        fs::create_dir_all(&to).unwrap();
        for name in &names(&from)[images] {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    };
    ["happy", "sad"].iter().for_each(|class| add(class, 0..4));
    let line = format!("--data folder:data {TINY} --out run");
    let words = "--data-changed is for a run that goes on";
    fails("train", folder, &format!("{line} --data-changed"), 2, words);
    succeeds("train", folder, &format!("{line} --iterations 2"));
    add("sad", 4..7);
    let resume = "--resume --out run --iterations";
    let words = "had 8 images, it has 11 now; resume it with the data it began with, or begin a \
                 new run; to go on with them as they are: --data-changed";
    fails("train", folder, &format!("{resume} 3"), 1, words);
    let output = stargan("train", folder, &format!("{resume} 3 --data-changed"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("after iteration 2: datasets.data.images is 11, was 8"), "{said}");
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(report.contains("<td>datasets.data.images</td><td>8</td><td>11</td>"), "{report}");
    succeeds("train", folder, &format!("{resume} 4"));

    // Another class is another model.
    add("angry", 0..4);
    fails("train", folder, &format!("{resume} 5 --data-changed"), 1, "expected the labels");
}

#[test]
fn what_is_wrong_with_data_is_found_before_training() {
    let folder = folder();
    let folder = folder.path();
    for (class, images) in [("happy", 4), ("sad", 4)] {
        let from = Path::new(EXPRESSIONS).join("train").join(class);
        for part in ["data", "test"] {
            fs::create_dir_all(folder.join(part).join(class)).unwrap();
        }
        for name in names(&from).iter().take(images) {
            fs::copy(from.join(name), folder.join("data").join(class).join(name)).unwrap();
        }
    }
    let happy = names(folder.join("data/happy"));
    let first = folder.join("data/happy").join(&happy[0]);
    fs::copy(&first, folder.join("data/sad/copy.png")).unwrap();
    fs::copy(&first, folder.join("test/sad/held.png")).unwrap();
    let line = "--data folder:data --test-data folder:test";
    let found = succeeds("check", folder, &format!("{line} --size 128"));
    for expected in [
        "data: 9 images (9 .png): happy 4, sad 5\n",
        "  sizes: 64 x 64 to 64 x 64 pixels\n",
        "  smaller than 128 pixels, and enlarged in training: 9\n",
        "test folder:test: 1 images (1 .png): happy 0, sad 1\n",
        "  there more than once: 1\n",
        &format!(
            "    data happy/{0} = data sad/copy.png = test folder:test sad/held.png\n",
            happy[0]
        ),
        "  of these in several of the sets: 1; what is trained on tests nothing\n",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    assert!(!found.contains("can't be read"), "{found}");

    fs::write(folder.join("data/sad/empty.png"), []).unwrap();
    let output = stargan("check", folder, line);
    let (found, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        found.contains("  can't be read: 1\n    data/sad/empty.png: expected an image"),
        "{found}"
    );
    assert!(said.contains("error: 1 images can't be read; in training, --on-unreadable"), "{said}");

    kaggle(folder, 25);
    fs::remove_file(folder.join("kaggle/img_align_celeba/img_align_celeba/00007.png")).unwrap();
    let line = "--data celeba:kaggle --split official --crop 50";
    let output = stargan("check", folder, line);
    let (found, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(found.contains("  listed but not there: 1\n    00007.png\n"), "{found}");
    assert!(
        found.contains("data: 23 images") && found.contains("data, held back: 1 im"),
        "{found}"
    );
    assert!(said.contains("error: 1 images are listed but not there; --missing skip"), "{said}");
    succeeds("check", folder, &format!("{line} --missing skip"));
    fails("check", folder, "--size 64", 2, "--data is required");
}

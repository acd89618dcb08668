//! Text that people write: attribute lists, partitions, pairs, edits, configurations, logs.

use std::fs;
use std::sync::Arc;

use stargan::metrics::Counterfactuals;
use stargan::{
    CelebA, CelebAFiles, Dataset, LabelSpace, LabelSpaces, Report, StarGan, TrainingConfig,
};

use crate::fuzz::{JSON, fuzz, project};

const WORDS: [&str; 16] = [
    "\n",
    "\r\n",
    ",",
    " ",
    "\t",
    "-1",
    "1",
    "2",
    "99999999999999999999",
    "../",
    "\u{feff}",
    "\0",
    "é",
    "a.png",
    "b.png",
    "Male",
];

const LIST: &str = "3\nMale Young\na.png -1  1\nb.png  1 -1\nc.png 1 1\n";

/// A folder of three images and their list.
fn faces() -> (tempfile::TempDir, CelebA) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("images")).unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        fs::write(folder.path().join("images").join(name), "no reader here looks into it").unwrap();
    }
    fs::write(folder.path().join("list_attr.txt"), LIST).unwrap();
    let data = CelebA::open(folder.path(), &attributes()).unwrap();
    (folder, data)
}

fn attributes() -> LabelSpace {
    LabelSpace::attributes(["Male", "Young"])
}

#[test]
fn attribute_lists() {
    let (folder, _) = faces();
    let list = folder.path().join("other.txt");
    let files = CelebAFiles::new(folder.path().join("images"), &list);
    let csv = b"image_id,Male,Young\na.png,-1,1\nb.png,1,-1\n";
    fuzz("attribute list", &[LIST.into(), csv.to_vec()], &WORDS, |bytes| {
        fs::write(&list, bytes).unwrap();
        CelebA::from_files(&files, &attributes()).is_ok()
    });
}

#[test]
fn partitions() {
    let (folder, data) = faces();
    let file = folder.path().join("partition.txt");
    let seeds = [&b"a.png 0\nb.png 1\nc.png 2\n"[..], b"image,set\na.png,0\nb.png,1\nc.png,2\n"];
    fuzz("partition", &seeds.map(<[u8]>::to_vec), &WORDS, |bytes| {
        fs::write(&file, bytes).unwrap();
        data.split_official(&file).is_ok_and(|(train, validation, test)| {
            assert_eq!(train.len() + validation.len() + test.len(), data.len());
            true
        })
    });
}

#[test]
fn pairs() {
    let (folder, data) = faces();
    let file = folder.path().join("pairs.csv");
    let data: Arc<dyn Dataset> = Arc::new(data);
    let seed = b"source,target,change\na.png,b.png,sex_1\nb.png,c.png,age\n".to_vec();
    fuzz("pairs", &[seed], &WORDS, |bytes| {
        fs::write(&file, bytes).unwrap();
        Counterfactuals::open(&file, data.clone(), 0).is_ok()
    });
}

fn spaces() -> LabelSpaces {
    let hair = ["Black", "Blond"];
    let faces = LabelSpace::attributes(hair).with("Male").exclusive(hair).unwrap();
    let moods = LabelSpace::classes(["happy", "sad"]);
    LabelSpaces::joint([("faces", faces), ("moods", moods)]).unwrap()
}

#[test]
fn edits() {
    let spaces = spaces();
    let words = [
        "Black", "Blond", "Male", "happy", "sad", "faces:", "moods:", "+", "-", "=", "0.5", "1e39",
        "NaN", ",", " ",
    ];
    let seeds = ["Blond", "+Male,-Black", "Male=0.5", "faces:Blond,happy", "moods:sad"];
    fuzz("edit", &seeds.map(|seed| seed.as_bytes().to_vec()), &words, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = spaces.source_labels(&text);
        spaces.edits(&text).is_ok_and(|edits| {
            for edit in edits {
                let label = edit.apply(&vec![0.0; spaces.space(edit.dataset).width()]);
                // A strength is 2 at most.
                assert!(
                    label.iter().all(|value| (0.0..=2.0).contains(value)),
                    "{text:?}: {label:?}"
                );
            }
            true
        })
    });
}

#[test]
fn configurations() {
    let config = TrainingConfig::new(StarGan::new(spaces()).with_image_size(64));
    let words = [&JSON[..], &["1e999", "\"hinge\""]].concat();
    let seeds = [serde_json::to_vec(&config).unwrap(), serde_json::to_vec_pretty(&config).unwrap()];
    fuzz("configuration", &seeds, &words, |bytes| {
        serde_json::from_slice::<TrainingConfig<StarGan>>(bytes).is_ok_and(|config| {
            let valid = config.check().is_ok();
            if valid {
                let StarGan { spaces, generator, discriminator, .. } = &config.recipe;
                generator.check().unwrap();
                discriminator.check().unwrap();
                spaces.label_width();
            }
            valid
        })
    });
}

#[test]
fn logs() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainingConfig::new(StarGan::new(spaces()));
    fs::write(folder.path().join("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
    let log = folder.path().join("log.csv");
    let seed = b"iteration,learning_rate,term,value\n\
                 20,1e-4,faces/d/real,-0.25\n20,1e-4,faces/d/fake,0.5\n\
                 40,1e-4,faces/d/real,-0.5\n40,1e-4,faces/d/fake,NaN\n";
    let words = [
        "inf",
        "NaN",
        "1e38",
        "-1e38",
        "1e-300",
        "\n",
        ",",
        "18446744073709551615",
        "</script>",
        "é",
    ];
    fuzz("log", &[seed.to_vec()], &words, |bytes| {
        fs::write(&log, bytes).unwrap();
        Report::open(folder.path()).is_ok_and(|report| report.html().ends_with("</html>\n"))
    });
}

#[test]
fn the_bundled_lists_are_read() {
    let faces = project("examples/data/faces/train");
    assert_eq!(CelebA::open(faces, &LabelSpace::attributes(["Male"])).unwrap().len(), 2_000);
}

//! One model from training to its scores.

use std::fs;

use crate::program::{
    EXPRESSIONS, FACES, TINY, faces, fails, few_faces, folder, grid_of, names, side, succeeds,
};

#[test]
fn train_resume_translate_evaluate() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (train, test) = (faces("train"), few_faces(folder.path(), 24));
    let few = format!("{FACES}/test/pairs.csv");
    let pairs: String =
        fs::read_to_string(few).unwrap().lines().take(9).collect::<Vec<_>>().join("\n");
    fs::write(at("pairs.csv"), pairs).unwrap();

    let labels = "Black_Hair,Blond_Hair,Brown_Hair,Male,Eyeglasses";
    let line = format!(
        "--data {train} --labels {labels} {TINY} --iterations 4 --checkpoint-every 2 --out run \
         --test-data {test} --pairs pairs.csv --evaluate-every 2 --sample-every 4 \
         --export m/a.safetensors"
    );
    let output = succeeds("train", folder.path(), &line);
    assert!(output.contains("hair") && output.contains("glasses"), "{output}");
    assert!(
        output.contains("left out, the model has no label for it: young (2 pairs)"),
        "{output}"
    );
    assert!(output.contains("00000004.safetensors"), "{output}");
    for file in [
        "config.json",
        "data.json",
        "images.json",
        "metrics.json",
        "metrics.csv",
        "log.csv",
        "timing.csv",
        "report.html",
    ] {
        assert!(at("run").join(file).is_file(), "{file}");
    }
    assert!(!at("run/tensorboard").exists(), "only when it is asked for");
    assert_eq!(names(at("run/samples")), ["00000004.png", "grid.json"]);
    assert_eq!(side(at("run/samples/00000004.png")), grid_of(6, 8));

    // The same line again would write into the same folder.
    fails("train", folder.path(), &line.replace("m/a", "m/b"), 1, "it holds a run already");
    fails("train", folder.path(), "--resume --out run --ema 0.5", 2, "--ema can't change");
    fails("train", folder.path(), "--resume --out none", 1, "there is no run to resume here");

    let output =
        succeeds("train", folder.path(), "--resume --out run --iterations 6 --tensorboard");
    assert_eq!(names(at("run/tensorboard")).len(), 1);
    let report = fs::read(at("run/report.html")).unwrap();
    assert_eq!(succeeds("report", folder.path(), "run"), "run/report.html\n");
    assert_eq!(fs::read(at("run/report.html")).unwrap(), report, "the page of the run's end");
    fails("report", folder.path(), "m", 1, "expected the folder of a run");
    assert!(output.contains("00000006.safetensors"), "{output}");
    let log = fs::read_to_string(at("run/metrics.csv")).unwrap();
    let measured: Vec<_> = log.lines().filter(|row| row.contains(",total,")).collect();
    assert_eq!(measured.len(), 3, "{log}");

    // A model file and a run folder, of which the newest checkpoint counts.
    let face = format!("{FACES}/test/images/00001.png");
    let line = format!("--model run --edit Blond_Hair --edit +Male,-Eyeglasses --out out {face}");
    let output = succeeds("translate", folder.path(), &line);
    assert_eq!(output.lines().count(), 2);
    assert_eq!(names(at("out")), ["00001_+Male_-Eyeglasses.png", "00001_Blond_Hair.png"]);
    assert_eq!(side(at("out/00001_Blond_Hair.png")), (64, 64), "the photo's own size");
    let before = fs::read(at("out/00001_Blond_Hair.png")).unwrap();
    fails("translate", folder.path(), &line, 1, "exists already and is not overwritten");
    assert_eq!(fs::read(at("out/00001_Blond_Hair.png")).unwrap(), before);

    let model = "--model m/a.safetensors";
    let line = format!(
        "{model} --grid --edit Male --edit -Male=0.5 --source Black_Hair --out g.png {face} {face}"
    );
    succeeds("translate", folder.path(), &line);
    assert_eq!(side(at("g.png")), grid_of(3, 2));
    fails("translate", folder.path(), &line, 1, "g.png: exists already");
    succeeds("translate", folder.path(), &format!("{model} --grid --out all out"));
    assert_eq!(side(at("all/grid.png")), grid_of(6, 2));

    let cases = [
        (format!("{model} {face}"), 2, "--edit is required"),
        (format!("{model} --edit Male"), 2, "required"),
        (format!("{model} --edit Mael {face}"), 1, "did you mean \"Male\""),
        (format!("{model} --edit Male {face} {face}"), 2, "two results would both be"),
        (
            format!("{model} --edit Male --out x.png {face} {FACES}/test/images/00002.png"),
            2,
            "is one file",
        ),
        (format!("{model} --edit Male nobody.png"), 1, "nobody.png: no such file"),
        (format!("{model} --edit Male pairs.csv"), 1, "pairs.csv: expected a PNG"),
        (format!("--model nothing --edit Male {face}"), 1, "nothing: "),
        (format!("--model pairs.csv --edit Male {face}"), 1, "pairs.csv: not a model file"),
    ];
    for (line, code, expected) in cases {
        fails("translate", folder.path(), &line, code, expected);
    }

    let line = format!("{model} --data {test} --pairs pairs.csv --json scores.json");
    let output = succeeds("evaluate", folder.path(), &line);
    assert!(output.contains("hair"), "{output}");
    let json = fs::read(at("scores.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["hair"]["n"], 4);
    for score in ["inside", "inside_nothing", "outside", "psnr"] {
        assert!(json["hair"][score].is_f64(), "{score}: {json}");
    }
    fails("evaluate", folder.path(), &line, 1, "scores.json: exists already");
    let judged = format!(
        "{model} --data {test} --pairs pairs.csv --train-data {train} --judge judge.safetensors \
         --judge-iterations 2"
    );
    let output = succeeds("evaluate", folder.path(), &judged);
    for expected in ["SSIM", "identity", "reconstruction", "judge's error", "(judge features)"] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
    // The judge is kept, and is enough without the images it learnt from.
    let line = format!("{model} --data {test} --judge judge.safetensors --json judged.json");
    succeeds("evaluate", folder.path(), &line);
    let json = fs::read(at("judged.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let people = json["identity_l1"]["n"].as_u64().unwrap();
    assert!(people > 100, "{json}");
    assert_eq!(json["targets"][3]["judge_error"]["translated"]["n"], people, "{json}");
    assert_eq!(json["frechet_judge_features"][4]["domain"], "-Male", "{json}");
    let line = format!("{model} --data {test} --judge none.safetensors");
    fails("evaluate", folder.path(), &line, 2, "give --train-data too");
    let line = format!("{model} --data {test} --judge m/a.safetensors");
    fails("evaluate", folder.path(), &line, 1, "missing field `judge`");
    let list = format!("{FACES}/test/list_attr.txt");
    let people = fs::read_to_string(list).unwrap();
    let partition: String = people
        .lines()
        .skip(2)
        .enumerate()
        .filter_map(|(i, line)| Some((line.split_whitespace().next()?, if i < 20 { 2 } else { 0 })))
        .map(|(name, part)| format!("{name} {part}\n"))
        .collect();
    fs::write(at("partition.txt"), partition).unwrap();
    let line = format!(
        "{model} --data {test} --split partition.txt --pairs pairs.csv \
         --judge-iterations 2 --json split.json"
    );
    succeeds("evaluate", folder.path(), &line);
    let json = fs::read(at("split.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["identity_l1"]["n"], 20, "{json}");
    assert!(json["frechet_judge_features"][0]["real"].is_object(), "{json}");
    let folders = format!("{model} --data folder:{EXPRESSIONS}/test --pairs pairs.csv");
    fails("evaluate", folder.path(), &folders, 1, "the model knows none such");
}

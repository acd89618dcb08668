//! The examples as their users run them: at tiny sizes, with everything they promise to leave behind.

#[path = "common/built.rs"]
mod built;
#[cfg(feature = "collective")]
#[path = "common/ports.rs"]
mod ports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const FACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces");
const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions");

/// Networks so small that an iteration takes milliseconds.
const TINY: &str = "--size 16 --batch 4 --base-channels 4 --residual-blocks 1 --downsamplings 1 \
                    --critic-steps 2";

/// The example `name`, run in `folder` with the arguments in `line` (none holds a space).
fn example(name: &str, folder: &Path, line: &str) -> Output {
    let arguments = line.split_whitespace();
    Command::new(built::example(name))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the example starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn succeeds(name: &str, folder: &Path, line: &str) -> String {
    let output = example(name, folder, line);
    assert!(output.status.success(), "{name} {line}\n{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn fails(name: &str, folder: &Path, line: &str, code: i32, expected: &str) {
    let output = example(name, folder, line);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{name} {line}\n{message}");
    assert!(message.contains("error: "), "{name} {line}\n{message}");
    assert!(message.contains(expected), "{name} {line}\nexpected {expected}, found {message}");
    assert_eq!(text(&output.stdout), "", "{name} {line}: results of a failure");
}

fn faces(part: &str) -> String {
    format!("celeba:{FACES}/{part}/images:{FACES}/{part}/list_attr.txt")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| text(entry.file_name().as_encoded_bytes());
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

fn side(path: PathBuf) -> (u32, u32) {
    image::image_dimensions(path).expect("an image")
}

#[test]
fn train_resume_translate_evaluate() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let (train, test) = (faces("train"), faces("test"));
    let few = format!("{FACES}/test/pairs.csv");
    let pairs: String =
        fs::read_to_string(few).unwrap().lines().take(9).collect::<Vec<_>>().join("\n");
    fs::write(at("pairs.csv"), pairs).unwrap();

    let labels = "Black_Hair,Blond_Hair,Brown_Hair,Male,Eyeglasses";
    let line = format!(
        "--data {train} --labels {labels} {TINY} --iterations 4 --checkpoint-every 2 --out run \
         --test-data {test} --pairs pairs.csv --evaluate-every 2 --sample-every 4 --export m/a.safetensors"
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
        "metrics.json",
        "metrics.csv",
        "log.csv",
        "timing.csv",
        "report.html",
    ] {
        assert!(at("run").join(file).is_file(), "{file}");
    }
    assert!(!at("run/tensorboard").exists(), "only when it is asked for");
    assert_eq!(names(at("run/samples")), ["00000004.png"]);
    assert_eq!(side(at("run/samples/00000004.png")), (6 * 16, 8 * 16));

    // The same line again would write into the same folder.
    fails("train", folder.path(), &line.replace("m/a", "m/b"), 1, "it holds a run already");
    fails("train", folder.path(), "--resume --out run --batch 8", 2, "--batch can't change");
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
    assert_eq!(side(at("out/00001_Blond_Hair.png")), (16, 16));
    let before = fs::read(at("out/00001_Blond_Hair.png")).unwrap();
    fails("translate", folder.path(), &line, 1, "exists already and is not overwritten");
    assert_eq!(fs::read(at("out/00001_Blond_Hair.png")).unwrap(), before);

    let model = "--model m/a.safetensors";
    let line = format!(
        "{model} --grid --edit Male --edit -Male=0.5 --source Black_Hair --out g.png {face} {face}"
    );
    succeeds("translate", folder.path(), &line);
    assert_eq!(side(at("g.png")), (3 * 16, 2 * 16));
    fails("translate", folder.path(), &line, 1, "g.png: exists already");
    succeeds("translate", folder.path(), &format!("{model} --grid --out all out"));
    assert_eq!(side(at("all/grid.png")), (6 * 16, 2 * 16));

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
        (format!("--model pairs.csv --edit Male {face}"), 1, "not a whole safetensors file"),
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
        "{model} --data {test} --split partition.txt --pairs pairs.csv --judge-iterations 2 --json split.json"
    );
    succeeds("evaluate", folder.path(), &line);
    let json = fs::read(at("split.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["identity_l1"]["n"], 20, "{json}");
    assert!(json["frechet_judge_features"][0]["real"].is_object(), "{json}");
    let folders = format!("{model} --data folder:{EXPRESSIONS}/test --pairs pairs.csv");
    fails("evaluate", folder.path(), &folders, 1, "the model knows none such");
}

#[test]
fn bad_usage_is_told_from_failure() {
    let folder = folder();
    fs::write(folder.path().join("partial.json"), r#"{"batch_sise": 3}"#).unwrap();
    let train = faces("train");
    let cases = [
        ("".to_owned(), 2, "--data is required"),
        ("--data images".into(), 2, "expected celeba:IMAGES_DIR:ATTR_FILE or folder:DIR"),
        ("--data celeba:images".into(), 2, "one path is missing"),
        (format!("--crop 10 --data {train}"), 2, "--crop belongs to the --data before it"),
        (format!("--data {train} --crop 10 --crop 9"), 2, "--crop is given twice"),
        (format!("--data folder:{EXPRESSIONS}/train --labels happy"), 2, "--labels is for celeba"),
        (format!("--data {train} --identity 10"), 2, "expected WEIGHT:LAST_ITERATION"),
        (format!("--data {train} --objective best"), 2, "unknown variant `best`"),
        (format!("--data {train} --size big"), 2, "invalid value"),
        (format!("--data {train} --pairs p.csv"), 2, "--pairs belongs to the --test-data before"),
        (format!("--data {train} --labels Mael"), 1, "did you mean \"Male\""),
        (format!("--data {train} --size 30 --downsamplings 3"), 1, "not divisible by 8"),
        (format!("--data {train} --config partial.json"), 1, "unknown field `batch_sise`"),
        (format!("--data {train} --config none.json"), 1, "none.json: "),
        ("--data folder:none".into(), 1, "none: "),
    ];
    for (line, code, expected) in cases {
        fails("train", folder.path(), &line, code, expected);
    }
    if cfg!(not(feature = "tui")) {
        fails("train", folder.path(), "--tui", 2, "--features tui");
    }
    assert_eq!(names(folder.path()), ["partial.json"], "a failure leaves nothing behind");
}

#[test]
fn several_datasets_train_jointly() {
    let folder = folder();
    fs::write(folder.path().join("some.json"), r#"{"weights": {"domain": 0.5}, "keep": 1}"#)
        .unwrap();
    let line = format!(
        "--data {} --labels Male,Young --data moods=folder:{EXPRESSIONS}/train --crop 60 {TINY} \
         --iterations 2 --identity none --weights moods=0.3:1:3:2 --weights faces=2:9:8 --config some.json \
         --export joint.safetensors",
        faces("train")
    );
    succeeds("train", folder.path(), &line);
    let config = fs::read_to_string(folder.path().join("runs/train/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["weights"]["domain"], 0.5);
    let weights = |domain: f64, reconstruction: f64, penalty: f64, identity: serde_json::Value| {
        serde_json::json!({
            "domain": domain, "reconstruction": reconstruction, "penalty": penalty, "identity": identity
        })
    };
    let warmup = serde_json::json!({"weight": 2.0, "last_iteration": 500});
    assert_eq!(config["dataset_weights"]["moods"], weights(0.3, 1.0, 3.0, warmup));
    let none = serde_json::Value::Null;
    assert_eq!(config["dataset_weights"]["faces"], weights(2.0, 9.0, 8.0, none));
    assert_eq!(config["keep"], 1);
    assert_eq!(config["domains"][0]["name"], "faces");
    assert_eq!(config["domains"][1]["name"], "moods");

    let line = format!("--data folder:{EXPRESSIONS}/train {TINY} --iterations 1 --out other");
    for (weights, rc, expected) in [
        ("mood=1:10:10", 1, "dataset_weights: mood: unknown dataset \"mood\""),
        ("1:-10:10", 1, "the reconstruction loss weight is -10"),
        ("1:10", 2, "expected [NAME=]DOMAIN:RECONSTRUCTION:PENALTY[:IDENTITY]"),
    ] {
        fails("train", folder.path(), &format!("{line} --weights {weights}"), rc, expected);
    }

    let face = format!("{FACES}/test/images/00001.png");
    let line = format!("--model joint.safetensors --edit happy --edit faces:-Young --grid {face}");
    succeeds("translate", folder.path(), &line);
    assert_eq!(side(folder.path().join("translated/grid.png")), (3 * 16, 16));
}

#[test]
fn train_joint_needs_no_arguments_and_takes_those_of_train() {
    let folder = folder();
    let line = format!("{TINY} --iterations 2 --checkpoint-every 1");
    let output = succeeds("train_joint", folder.path(), &line);
    for expected in ["faces\n", "expressions\n", "hair", "glasses", "surprised"] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
    let run = folder.path().join("runs/joint");
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("metrics.json")).unwrap()).unwrap();
    assert_eq!(
        (&json["faces"]["hair"]["n"], &json["expressions"]["happy"]["n"]),
        (&200.into(), &200.into())
    );
    let log = fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(
        log.contains("2,expressions/happy,200,") && log.contains("2,faces/total,300,"),
        "{log}"
    );
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["dataset_weights"]["expressions"]["domain"], 0.3);
    // Four faces and four expressions, each with all ten labels.
    assert_eq!(side(run.join("samples/00000002.png")), (11 * 16, 8 * 16));

    fails("train_joint", folder.path(), &line, 1, "it holds a run already");
    succeeds("train_joint", folder.path(), "--resume --iterations 3");
    let twice = format!(
        "--data {faces} --test-data {test} --pairs {FACES}/test/pairs.csv --test-data {test} \
         --pairs {FACES}/test/pairs.csv",
        faces = faces("train"),
        test = faces("test")
    );
    fails("train", folder.path(), &twice, 1, "of each only once");

    let line = format!(
        "--model runs/joint --data folder:{EXPRESSIONS}/test --pairs by-name --json e.json"
    );
    let output = succeeds("evaluate", folder.path(), &line);
    assert!(output.contains("surprised"), "{output}");
    let line = format!(
        "--model runs/joint --data folder:{EXPRESSIONS}/test --train-data folder:{EXPRESSIONS}/train \
         --judge-iterations 2"
    );
    let output = succeeds("evaluate", folder.path(), &line);
    assert!(output.contains("judge's error") && !output.contains("PSNR"), "{output}");
    let line = format!("--model runs/joint --data folder:{EXPRESSIONS}/test --split public");
    fails("evaluate", folder.path(), &line, 2, "--split is for celeba data");
    let face = format!("{FACES}/test/images/00001.png");
    succeeds(
        "translate",
        folder.path(),
        &format!("--model runs/joint --edit Blond_Hair,happy {face}"),
    );
    let odd = folder.path().join("odd/happy");
    fs::create_dir_all(&odd).unwrap();
    fs::create_dir_all(folder.path().join("odd/sad")).unwrap();
    fs::copy(&face, odd.join("a.png")).unwrap();
    fs::copy(&face, folder.path().join("odd/sad/a.png")).unwrap();
    let data = faces("train");
    let cases = [
        // Too few images for a batch, other data than the run began with, a label of two datasets.
        (
            format!("--data {data} --data folder:odd {TINY} --out few"),
            "has 2 images, fewer than a batch of 4",
        ),
        (
            format!("--resume --out runs/joint --data {data} --data folder:odd"),
            "expected the labels",
        ),
    ];
    for (line, expected) in cases {
        fails("train", folder.path(), &line, 1, expected);
    }
}

#[test]
fn models_travel_to_pytorchs_keys_and_back() {
    let folder = folder();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");
    let line = format!(
        "--model {model} --out-generator p/G.safetensors --out-discriminator p/D.safetensors"
    );
    assert_eq!(
        succeeds("export_pytorch", folder.path(), &line),
        "p/G.safetensors\np/D.safetensors\n"
    );
    fails("export_pytorch", folder.path(), &line, 1, "p/G.safetensors: ");

    let labels = "--labels Black_Hair,Blond_Hair,Brown_Hair,Male,Young,Eyeglasses,Beard";
    let files = "--generator p/G.safetensors --discriminator p/D.safetensors";
    let line = format!("{files} {labels} --out back.safetensors");
    succeeds("import_pytorch", folder.path(), &line);
    let face = format!("{FACES}/test/images/00001.png");
    for (model, out) in [(model, "there.png"), ("back.safetensors", "back.png")] {
        let line = format!("--model {model} --edit Blond_Hair --out {out} {face}");
        succeeds("translate", folder.path(), &line);
    }
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("there.png"), bytes("back.png"), "the round trip is exact");

    fails("import_pytorch", folder.path(), &line, 1, "back.safetensors: exists already");
    let out = "--out other.safetensors";
    fails("import_pytorch", folder.path(), &format!("{files} {out}"), 2, "has 7 condition entries");
    let line = format!("{files} --labels a,b {out}");
    fails("import_pytorch", folder.path(), &line, 1, "the labels need 2");
    let line = format!("--generator p/D.safetensors {labels} {out}");
    fails("import_pytorch", folder.path(), &line, 1, "is it the discriminator's file?");

    // What PyTorch itself writes, in both of its formats: 16 pixels, three attributes.
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    for (kind, out) in [("", "zip.png"), ("-legacy", "legacy.png")] {
        let model = format!("model{kind}.safetensors");
        let files = ["generator", "discriminator"].map(|network| {
            let letter = network[..1].to_uppercase();
            format!("--{network} {fixtures}/public-{letter}{kind}.ckpt")
        });
        let line = format!("{} --labels a,b,c --out {model}", files.join(" "));
        succeeds("import_pytorch", folder.path(), &line);
        let line = format!("--model {model} --edit a --out {out} {face}");
        succeeds("translate", folder.path(), &line);
    }
    assert_eq!(bytes("zip.png"), bytes("legacy.png"));
}

#[test]
fn mask_vector_compares_and_goes_on_where_it_was() {
    let folder = folder();
    let line = "--iterations 2 --size 16 --judge-iterations 2 --out masks";
    let output = succeeds("mask_vector", folder.path(), line);
    let rows = ["right mask", "wrong mask", "without a mask", "faces alone", "expressions alone"];
    for row in rows.iter().chain(&["do nothing", "real test images"]) {
        assert!(output.contains(row), "{row}: {output}");
    }
    let at = |name: &str| folder.path().join("masks").join(name);
    assert_eq!(side(at("masks.png")), ((1 + 3 + 5) * 16, 4 * 3 * 16));
    assert!(output.starts_with(&fs::read_to_string(at("table.md")).unwrap()));
    let models = ["expressions", "faces", "joint", "no-mask"];
    assert_eq!(
        names(at("")),
        [&models[..2], &["joint", "masks.png", "no-mask", "table.md"]].concat()
    );
    assert_eq!(succeeds("mask_vector", folder.path(), line), output);
    let line = line.replace("--size 16", "--size 32");
    fails("mask_vector", folder.path(), &line, 1, "trained with other settings");
    let line = line.replace("--out masks", "--out masks/joint");
    fails("mask_vector", folder.path(), &line, 1, "not of an earlier comparison");

    // A run's own configuration makes another of its kind, without a mask too.
    let data = format!("--data {} --data folder:{EXPRESSIONS}/train", faces("train"));
    let line = format!("{data} --config masks/no-mask/config.json --iterations 1 --out again");
    succeeds("train", folder.path(), &line);
    let config = |run: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(folder.path().join(run).join("config.json")).unwrap())
            .unwrap()
    };
    assert_eq!(config("again")["domains"]["mask"], false);
    assert_eq!(config("again")["domains"], config("masks/no-mask")["domains"]);
}

#[test]
fn quickstart_leaves_what_it_promises() {
    let folder = folder();
    let output = succeeds("quickstart", folder.path(), "--iterations 4 --size 16");
    assert!(
        output.contains("hair") && output.contains("translate -- --model runs/quickstart"),
        "{output}"
    );
    let expected = [
        "checkpoints",
        "config.json",
        "data.json",
        "grid.png",
        "log.csv",
        "metrics.json",
        "report.html",
        "samples",
        "timing.csv",
        "translations",
    ];
    let found: Vec<_> = names(folder.path().join("runs/quickstart"))
        .into_iter()
        .filter(|name| name != ".lock")
        .collect();
    assert_eq!(found, expected);
    assert_eq!(names(folder.path().join("runs/quickstart/translations")).len(), 15);

    succeeds("quickstart", folder.path(), "--iterations 2 --size 16");
    assert_eq!(names(folder.path().join("runs")), ["quickstart", "quickstart-2"]);
    fails("quickstart", folder.path(), "--out runs/quickstart", 1, "it holds a run already");
}

/// Sends SIGINT as Ctrl-C does.
#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_checkpoint_to_go_on_from() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let folder = folder();
    let line =
        format!("--data {} {TINY} --iterations 1000000 --out run --sample-every 1", faces("train"));
    let child = Command::new(built::example("train"))
        .args(line.split_whitespace())
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first sample grid shows that training is under way.
    let began = Instant::now();
    while !folder.path().join("run/samples/00000001.png").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "training does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("train -- --resume --out \"run\""), "{message}");
    assert_eq!(names(folder.path().join("run/checkpoints")).len(), 1);
}

/// One run by two workers of one process, and by two processes over loopback, as docs/scaling.md tries it.
#[cfg(feature = "collective")]
#[test]
fn workers_and_nodes_train_one_model() {
    let folder = folder();
    let train = format!(
        "--data folder:{EXPRESSIONS}/train {TINY} --learning-rate 1e-9 --iterations 20 --checkpoint-every 10 \
         --sample-every 20"
    );
    succeeds("train", folder.path(), &format!("{train} --out one"));
    let stdout = succeeds("train", folder.path(), &format!("{train} --workers 2 --out two"));
    assert!(stdout.contains("checkpoint: two/checkpoints/00000020.safetensors"), "{stdout}");

    // As many processes, of which the second writes nothing.
    let port = ports::ports(2);
    let node = |rank: usize, out: &str, rest: &str| {
        let line = format!(
            "{train} {rest} --nodes 2 --node-rank {rank} --orchestrator 127.0.0.1:{port} --out {out}{rank}"
        );
        Command::new(built::example("train"))
            .args(line.split_whitespace())
            .current_dir(folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the example starts")
    };
    for node in [node(1, "node", ""), node(0, "node", "")] {
        let output = node.wait_with_output().expect("its end");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert!(!folder.path().join("node1").exists());
    // All loss terms of the first iterations, which all of them share.
    let log = |run: &str| -> Vec<(String, f64)> {
        let text = fs::read_to_string(folder.path().join(run).join("timing.csv")).unwrap();
        assert!(text.lines().count() > 1, "a row below the names");
        let text = fs::read_to_string(folder.path().join(run).join("log.csv")).unwrap();
        let rows = text.lines().skip(1).map(|row| row.rsplit_once(',').unwrap());
        rows.map(|(term, value)| (term.to_owned(), value.parse().unwrap())).collect()
    };
    let one = log("one");
    assert!(!one.is_empty());
    for run in ["two", "node0"] {
        let found = log(run);
        assert_eq!(found.len(), one.len());
        for ((term, expected), (_, value)) in one.iter().zip(found) {
            assert!((value - expected).abs() <= 1e-4 * expected.abs().max(0.1), "{run} {term}");
        }
    }

    // Other settings are refused at both, and a place where nobody is.
    let [first, second] =
        [node(0, "other", "--seed 1"), node(1, "other", "--seed 2")].map(|node| {
            let output = node.wait_with_output().expect("its end");
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            text(&output.stderr)
        });
    let expected = "the configurations differ: seed is 2 here and 1 at worker 0";
    assert!(second.contains(&format!("error: {expected}")), "{second}");
    assert!(first.contains(&format!("error: worker 1 has ended the run: {expected}")), "{first}");
    let odd = format!("{train} --workers 3 --out odd");
    fails("train", folder.path(), &odd, 1, "a batch of 4 has no equal part for each of 3 workers");
    let line = format!("{train} --nodes 2 --node-rank 0 --orchestrator here");
    fails("train", folder.path(), &line, 2, "--orchestrator: expected HOST:PORT, found \"here\"");
}

#[cfg(not(feature = "collective"))]
#[test]
fn several_workers_are_a_feature() {
    let line = format!("--data folder:{EXPRESSIONS}/train --workers 2");
    fails("train", folder().path(), &line, 2, "--features collective");
}

//! Runs: several datasets, defaults for everything, and how they end.

use std::fs;
#[cfg(unix)]
use std::process::Command;

#[cfg(unix)]
use crate::program::STARGAN;
use crate::program::{
    EXPRESSIONS, FACES, TINY, faces, fails, folder, grid_of, names, side, stargan, succeeds, text,
};

#[test]
fn half_precision_is_a_setting_that_a_device_may_lack() {
    let folder = folder();
    let line = format!("--data folder:{EXPRESSIONS}/train {TINY} --iterations 2 --out run");
    let line = format!("{line} --precision bfloat16");
    let ndarray = format!("{line} --backend ndarray");
    let expected = "precision is bfloat16, which ndarray does not compute in: choose float32";
    fails("train", folder.path(), &ndarray, 1, expected);
    assert!(!folder.path().join("run").exists());
    succeeds("train", folder.path(), &line);
    let config = fs::read_to_string(folder.path().join("run/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["run"]["precision"], "bfloat16");
}

#[test]
fn a_run_begins_with_a_model_of_other_labels() {
    let folder = folder();
    let data = faces("train");
    let first = format!("--data {data} --labels Male,Young {TINY} --iterations 2 --out first");
    succeeds("train", folder.path(), &first);
    let line = format!(
        "--from first --data {data} --labels Young,Beard --batch 4 --iterations 1 --out second"
    );
    let output = stargan("train", folder.path(), &line);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let words = "labels that it knows: data:Young; labels that are new: data:Beard";
    assert!(said.contains("the run begins with first: ") && said.contains(words), "{said}");
    let config = |run: &str| {
        let config = fs::read_to_string(folder.path().join(run).join("config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        (config["settings"]["generator"].clone(), config["settings"]["discriminator"].clone())
    };
    assert_eq!(config("second"), config("first"), "the networks' sizes are the model's");
    let report = fs::read_to_string(folder.path().join("second/report.html")).unwrap();
    assert!(report.contains("a model&#39;s (") || report.contains("a model's ("), "its history");

    let line = format!("--from {FACES} --data {data} --labels Young --out third");
    fails("train", folder.path(), &line, 1, "error: ");
    let line = format!("--from first --base-channels 8 --data {data} --out third");
    fails("train", folder.path(), &line, 1, "nothing of the model fits");
    fails("train", folder.path(), "--from first --resume --out second", 2, "cannot be used with");
}

#[test]
fn several_datasets_train_jointly() {
    let folder = folder();
    fs::write(
        folder.path().join("some.json"),
        r#"{"settings": {"weights": {"domain": 0.5}}, "run": {"keep": 1}}"#,
    )
    .unwrap();
    let line = format!(
        "--data {} --labels Male,Young --data moods=folder:{EXPRESSIONS}/train --crop 60 {TINY} \
         --iterations 2 --identity none --weights moods=0.3:1:3:2 --weights faces=2:9:8 \
         --config some.json --export joint.safetensors",
        faces("train")
    );
    succeeds("train", folder.path(), &line);
    let config = fs::read_to_string(folder.path().join("runs/train/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["settings"]["weights"]["domain"], 0.5);
    let weights = |domain: f64, reconstruction: f64, penalty: f64, identity: serde_json::Value| {
        serde_json::json!({
            "domain": domain,
            "fake_domain": 0.3,
            "reconstruction": reconstruction,
            "reconstruction_ramp": {"start": 0.15, "from": 0.375},
            "penalty": penalty,
            "identity": identity,
        })
    };
    let warmup = serde_json::json!({"weight": 2.0, "last_iteration": 500});
    assert_eq!(config["settings"]["dataset_weights"]["moods"], weights(0.3, 1.0, 3.0, warmup));
    let none = serde_json::Value::Null;
    assert_eq!(config["settings"]["dataset_weights"]["faces"], weights(2.0, 9.0, 8.0, none));
    assert_eq!(config["run"]["keep"], 1);
    assert_eq!(config["settings"]["domains"][0]["name"], "faces");
    assert_eq!(config["settings"]["domains"][1]["name"], "moods");

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
    assert_eq!(side(folder.path().join("translated/grid.png")), grid_of(3, 1));
}

#[test]
fn quickstart_joint_needs_no_arguments_and_takes_those_of_train() {
    let folder = folder();
    let line = format!("{TINY} --iterations 2 --checkpoint-every 1");
    let output = succeeds("quickstart --joint", folder.path(), &line);
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
    let lighter = serde_json::json!({"expressions": {
        "domain": 0.3,
        "fake_domain": 0.3,
        "reconstruction": 6.0,
        "reconstruction_ramp": {"start": 0.15, "from": 0.375},
        "penalty": 3.0,
        "identity": {"weight": 3.0, "last_iteration": 500},
    }});
    assert_eq!(config["settings"]["dataset_weights"], lighter);
    // Four faces and four expressions, each with all ten labels.
    assert_eq!(side(run.join("samples/00000002.png")), grid_of(11, 8));

    fails("quickstart --joint", folder.path(), &line, 1, "it holds a run already");
    succeeds("quickstart --joint", folder.path(), "--resume --iterations 3");
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
        "--model runs/joint --data folder:{EXPRESSIONS}/test \
         --train-data folder:{EXPRESSIONS}/train --judge-iterations 2"
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
fn quickstart_leaves_what_it_promises() {
    let folder = folder();
    let output = succeeds("quickstart", folder.path(), "--iterations 4 --size 16");
    assert!(
        output.contains("hair") && output.contains("stargan translate --model runs/quickstart "),
        "{output}"
    );
    let expected = [
        "checkpoints",
        "config.json",
        "data.json",
        "grid.png",
        "images.json",
        "log.csv",
        "metrics.csv",
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

    // Going on shows the same people, and leaves pictures of what is trained then.
    let resume = "--resume --out runs/quickstart --iterations 6";
    let output = succeeds("train", folder.path(), resume);
    assert!(output.contains("In runs/quickstart: report.html"), "{output}");
    let picture = |name: &str| {
        image::open(folder.path().join("runs/quickstart").join(name)).unwrap().into_rgb8()
    };
    let [before, after] = ["samples/00000004.png", "samples/00000006.png"].map(picture);
    assert!(before != after && picture("grid.png") == after);
    let inputs = |grid: &image::RgbImage| {
        image::imageops::crop_imm(grid, 0, 0, 16, grid.height()).to_image()
    };
    assert_eq!(inputs(&before), inputs(&after));

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
    let child = Command::new(STARGAN)
        .arg("train")
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
    assert!(message.contains("stargan train --resume --out 'run'"), "{message}");
    assert_eq!(names(folder.path().join("run/checkpoints")).len(), 1);
}

#[test]
fn translations_teach_the_domain_head_too_but_for_presets() {
    let folder = folder();
    let folder = folder.path();
    let line = format!("--data {} {TINY} --iterations 2", faces("train"));
    for (run, flags, share) in [
        ("usual", "", 0.3),
        ("more", "--fake-domain 0.5", 0.5),
        ("none", "--fake-domain 0", 0.0),
        ("paper", "--preset paper", 0.0),
    ] {
        succeeds("train", folder, &format!("{line} {flags} --out {run}"));
        let read = |file: &str| fs::read_to_string(folder.join(run).join(file)).unwrap();
        let config: serde_json::Value = serde_json::from_str(&read("config.json")).unwrap();
        assert_eq!(config["settings"]["weights"]["fake_domain"], share);
        let log = read("log.csv");
        assert_eq!(log.contains("/d/fake-domain,"), share > 0.0, "{log}");
    }
}

#[test]
fn the_reconstruction_weight_may_grow_and_that_may_change() {
    let folder = folder();
    let folder = folder.path();
    let train = faces("train");
    let line = format!("--data {train} {TINY} --reconstruction-ramp 0.3:0.375 --iterations 2");
    succeeds("train", folder, &format!("{line} --out run"));
    let ramp = || {
        let config = fs::read_to_string(folder.join("run/config.json")).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config["settings"]["weights"]["reconstruction_ramp"].clone()
    };
    assert_eq!(ramp(), serde_json::json!({"start": 0.3, "from": 0.375}));
    let again = "--resume --out run --reconstruction-ramp";
    succeeds("train", folder, &format!("{again} 0.2:0 --iterations 4"));
    assert_eq!(ramp(), serde_json::json!({"start": 0.2, "from": 0.0}));
    succeeds("train", folder, &format!("{again} none --iterations 6"));
    assert_eq!(ramp(), serde_json::Value::Null);
}

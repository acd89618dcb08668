//! Runs that end early, keep their best, and change their learning rates or their images.

use std::fs;

use crate::program::{EXPRESSIONS, TINY, fails, few_expressions, folder, stargan, succeeds, text};

#[test]
fn the_best_is_kept_and_a_run_that_is_no_longer_better_ends() {
    let folder = folder();
    let run = folder.path().join("run");
    few_expressions(&folder.path().join("few"));
    // A rate at which nothing is learnt: what is measured first is the best, or nearly.
    let line = format!(
        "--data folder:{EXPRESSIONS}/train {TINY} --iterations 60 --evaluate-every 2 --out run \
         --test-data folder:few --pairs by-name --learning-rate 1e-30 --ema 0"
    );
    let flags = "--keep-best psnr --stop-after-worse 2";
    let output = stargan("train", folder.path(), &format!("{line} {flags}"));
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("iteration 6: no longer better, so the run ends here"), "{said}");
    let printed = text(&output.stdout);
    assert!(printed.contains("best total/psnr: "), "{printed}");
    assert!(printed.contains(", of iteration 2: run/best.safetensors"), "{printed}");
    assert!(printed.contains("checkpoint: run/checkpoints/00000006.safetensors"), "{printed}");
    let best: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(run.join("best.json")).unwrap()).unwrap();
    assert_eq!((&best["name"], &best["iteration"]), (&"total/psnr".into(), &2.into()));
    let told = succeeds("inspect", folder.path(), "run/best.safetensors");
    assert!(told.contains("iteration"), "{told}");

    // It goes on, with the whole patience: what it measures first is its best again.
    let output = stargan("train", folder.path(), "--resume --out run");
    let said = text(&output.stderr);
    assert!(said.contains("iteration 12: no longer better"), "{said}");
    // What is measured otherwise can't be compared; nothing is saved of it.
    let inputs = fs::read(run.join("data.json")).unwrap();
    let line_of_other = "--resume --out run --keep-best inside";
    let expected = "the best so far was measured otherwise: move best.json and";
    fails("train", folder.path(), line_of_other, 2, expected);
    assert_eq!(fs::read(run.join("data.json")).unwrap(), inputs);

    let line = line.replace("--out run", "--out other");
    for (flags, expected) in [
        ("--keep-best beauty", "expected one of inside, outside, psnr, ssim, found \"beauty\""),
        ("--keep-best faces/psnr", "--keep-best: expected data/psnr, found \"faces/psnr\""),
        ("--stop-after-worse 3", "--stop-after-worse needs --keep-best"),
    ] {
        fails("train", folder.path(), &format!("{line} {flags}"), 2, expected);
    }
    let never = line.replace("--evaluate-every 2", "--keep-best psnr");
    fails("train", folder.path(), &never, 2, "every --evaluate-every N iterations, and N is 0");
    let nothing = format!(
        "--data folder:{EXPRESSIONS}/train {TINY} --iterations 2 --evaluate-every 1 --out other"
    );
    let expected = "--keep-best needs --pairs";
    fails("train", folder.path(), &format!("{nothing} --keep-best psnr"), 2, expected);
    assert!(!folder.path().join("other").exists());
}

#[test]
fn rates_follow_their_schedule_and_the_discriminator_has_its_own() {
    let folder = folder();
    let line = format!("--data folder:{EXPRESSIONS}/train {TINY} --iterations 40 --out run");
    let flags = "--learning-rate 1e-3 --discriminator-learning-rate 4e-3 --schedule step:20:0.5";
    succeeds("train", folder.path(), &format!("{line} {flags}"));
    let config = fs::read_to_string(folder.path().join("run/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["run"]["schedule"], "step:20:0.5");
    assert_eq!(config["run"]["discriminator_learning_rate"], 4e-3);
    let log = fs::read_to_string(folder.path().join("run/log.csv")).unwrap();
    let rates: Vec<_> = log.lines().filter(|row| row.contains("d/real")).collect();
    assert!(rates[0].starts_with("20,1e-3,") && rates[1].starts_with("40,5e-4,"), "{log}");

    let output =
        stargan("train", folder.path(), "--resume --out run --discriminator-learning-rate 2e-3");
    let said = text(&output.stderr);
    let expected = "after iteration 40: run.discriminator_learning_rate is 0.002, was 0.004";
    assert!(said.contains(expected), "{said}");
    let changed =
        "--resume --out run --schedule cosine --batch 2 --weights 2:10:10 --iterations 41";
    let said = text(&stargan("train", folder.path(), changed).stderr);
    for change in [
        "run.batch_size is 2, was 4",
        "run.schedule is \"cosine\", was \"step:20:0.5\"",
        "settings.weights.domain is 2.0, was 1.0",
    ] {
        assert!(said.contains(change), "{change}: {said}");
    }
    fails("train", folder.path(), "--resume --out run --seed 5", 2, "--seed can't change");
    // Weights of all datasets are also of one that had its own.
    succeeds("train", folder.path(), "--resume --out run --weights data=3:3:3 --iterations 42");
    succeeds("train", folder.path(), "--resume --out run --weights 4:10:10 --iterations 43");
    let config = fs::read_to_string(folder.path().join("run/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["settings"]["weights"]["domain"], 4.0);
    assert_eq!(config["settings"]["dataset_weights"], serde_json::Value::Null);
    let other = line.replace("--out run", "--out other");
    for (flag, expected) in [
        ("--schedule exponential", "expected linear:SHARE, constant, cosine or step"),
        ("--schedule linear:2", "the share of the run is 2; it must be from 0 to below 1"),
    ] {
        fails("train", folder.path(), &format!("{other} {flag}"), 2, expected);
    }
}

#[test]
fn the_discriminator_learns_twice_as_fast_beside_a_mask_unless_it_is_told_otherwise() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("rate.json"), r#"{"run": {"learning_rate": 5e-4}}"#).unwrap();
    let both = r#"{"run": {"learning_rate": 5e-4, "discriminator_learning_rate": 3e-4}}"#;
    fs::write(folder.join("both.json"), both).unwrap();
    let plain = r#"{"settings": {"generator": {"head": "plain"}}}"#;
    fs::write(folder.join("plain.json"), plain).unwrap();
    let data = format!("--data folder:{EXPRESSIONS}/train");
    let line = format!("{data} {TINY} --iterations 1");
    let none = serde_json::Value::Null;
    for (number, (command, flags, g, d)) in [
        ("train", "", 1e-4, 2e-4.into()),
        ("train", "--learning-rate 5e-4", 5e-4, 1e-3.into()),
        ("train", "--discriminator-learning-rate 3e-4", 1e-4, 3e-4.into()),
        ("train", "--head plain --learning-rate 5e-4", 5e-4, none.clone()),
        ("train", "--preset paper --learning-rate 5e-4", 5e-4, none.clone()),
        ("train", "--preset paper --head mask", 1e-4, 2e-4.into()),
        ("train", "--config rate.json", 5e-4, 1e-3.into()),
        ("train", "--config rate.json --learning-rate 3e-3", 3e-3, 6e-3.into()),
        ("train", "--config both.json", 5e-4, 3e-4.into()),
        ("train", "--config plain.json --learning-rate 5e-4", 5e-4, none.clone()),
        ("train", "--config 3/config.json", 5e-4, none),
        ("quickstart", "--learning-rate 1e-4", 1e-4, 2e-4.into()),
    ]
    .into_iter()
    .enumerate()
    {
        succeeds(command, folder, &format!("{line} {flags} --out {number}"));
        let config = fs::read_to_string(folder.join(format!("{number}/config.json"))).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let run = &config["run"];
        let found = (&run["learning_rate"], &run["discriminator_learning_rate"]);
        assert_eq!(found, (&g.into(), &d), "{command} {flags}");
    }
    // The head of a model that a run begins with counts too.
    let line = format!("{data} --from 3 --batch 4 --iterations 1 --out from");
    succeeds("train", folder, &line);
    let config = fs::read_to_string(folder.join("from/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["run"]["discriminator_learning_rate"], serde_json::Value::Null);
}

#[test]
fn training_images_are_changed_where_it_is_asked_for() {
    let folder = folder();
    let line = format!("--data folder:{EXPRESSIONS}/train {TINY} --iterations 20");
    let rows = |out: &str, flags: &str| {
        succeeds("train", folder.path(), &format!("{line} --out {out} {flags}"));
        fs::read_to_string(folder.path().join(out).join("log.csv")).unwrap()
    };
    let (plain, changed) =
        (rows("plain", ""), rows("changed", "--augment brightness=0.3,crop=0.2"));
    assert_ne!(plain, changed);
    assert_eq!(changed, rows("again", "--augment crop=0.2,brightness=0.3"));
    let config = fs::read_to_string(folder.path().join("changed/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["run"]["augmentation"]["crop"], 0.2);
    let expected = "the augmentation's crop is 1; it must be between 0 and 0.9";
    fails("train", folder.path(), &format!("{line} --out other --augment crop=1"), 2, expected);
}

//! Runs that end early and keep their best.

use std::fs;

use crate::program::{EXPRESSIONS, TINY, fails, folder, stargan, succeeds, text};

#[test]
fn the_best_is_kept_and_a_run_that_is_no_longer_better_ends() {
    let folder = folder();
    let run = folder.path().join("run");
    // A rate at which nothing is learnt: what is measured first is the best, or nearly.
    let line = format!(
        "--data folder:{EXPRESSIONS}/train {TINY} --iterations 60 --evaluate-every 2 --out run \
         --test-data folder:{EXPRESSIONS}/test --pairs by-name --learning-rate 1e-30 --ema 0"
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

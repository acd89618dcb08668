//! What is wrong with a command line, told from what goes wrong.

use std::fs;

use crate::program::{EXPRESSIONS, faces, fails, folder, names, succeeds};

#[test]
fn bad_usage_is_told_from_failure() {
    let folder = folder();
    fs::write(folder.path().join("partial.json"), r#"{"run": {"batch_sise": 3}}"#).unwrap();
    fs::write(folder.path().join("earlier.json"), r#"{"image_size": 32}"#).unwrap();
    let long = format!(r#"{{"run": {{"\u001b[31m{}": 3}}}}"#, "x".repeat(20_000_000));
    fs::write(folder.path().join("long.json"), long).unwrap();
    let train = faces("train");
    let cases = [
        ("".to_owned(), 2, "--data is required"),
        ("--data images".into(), 2, "celeba:DIR, celeba:IMAGES_DIR:ATTR_FILE or folder:DIR"),
        ("--data celeba:images:".into(), 2, "one path is missing"),
        ("--data celeba:none".into(), 1, "none: expected a folder of images, found none of"),
        (format!("--crop 10 --data {train}"), 2, "--crop belongs to the --data before it"),
        (format!("--data {train} --crop 10 --crop 9"), 2, "--crop is given twice"),
        (format!("--data folder:{EXPRESSIONS}/train --labels happy"), 2, "--labels is for celeba"),
        (format!("--data {train} --identity 10"), 2, "expected WEIGHT:LAST_ITERATION"),
        (format!("--data {train} --reconstruction-ramp 0.2"), 2, "expected START:FROM"),
        (format!("--data {train} --reconstruction-ramp 0:1"), 1, "from 1 of the run on; it must"),
        (format!("--data {train} --reconstruction-ramp 3:0"), 1, "with 3 of the weight; it must"),
        (format!("--data {train} --objective best"), 2, "[possible values: wasserstein, minimax,"),
        (format!("--data {train} --learning-rate 0"), 1, "is 0; it must be between 1e-38 and 1"),
        (format!("--data {train} --weights 1:1e300:10"), 1, "is 1e300; it must be at least 0 and"),
        (format!("--data {train} --backend metal"), 2, "[possible values: flex, ndarray, wgpu"),
        (format!("--data {train} --size big"), 2, "invalid value"),
        (format!("--data {train} --pairs p.csv"), 2, "--pairs belongs to the --test-data before"),
        (format!("--data {train} --labels Mael"), 1, "did you mean \"Male\""),
        (format!("--data {train} --size 30 --downsamplings 3"), 1, "not divisible by 8"),
        (format!("--data {train} --config partial.json"), 1, "unknown field `batch_sise`"),
        (format!("--data {train} --config long.json"), 1, "unknown field `\\u{1b}[31mxxx"),
        (format!("--data {train} --config earlier.json"), 1, "of an earlier version"),
        (format!("--data {train} --config none.json"), 1, "none.json: "),
        ("--data folder:none".into(), 1, "none: "),
    ];
    for (line, code, expected) in cases {
        fails("train", folder.path(), &line, code, expected);
    }
    assert_eq!(
        names(folder.path()),
        ["earlier.json", "long.json", "partial.json"],
        "a failure leaves nothing behind"
    );
}

#[test]
fn help_names_what_can_be_chosen_and_a_version_is_told() {
    let folder = folder();
    let help = succeeds("train", folder.path(), "--help");
    for expected in [
        "[possible values: paper, pytorch, tensorflow]",
        "[possible values: wasserstein, minimax, vanilla, lsgan, hinge]",
        "[possible values: none, wgan-gp, wgan-lp, dragan, r1]",
        "[possible values: fail, skip]",
        "Data:",
        "Networks:",
        "Losses:",
        "Run:",
    ] {
        assert!(help.contains(expected), "{expected}: {help}");
    }
    let version = succeeds("--version", folder.path(), "");
    assert!(version.starts_with(concat!("stargan ", env!("CARGO_PKG_VERSION"))), "{version}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_backend_that_is_not_compiled_in_says_how_to_get_it() {
    let folder = folder();
    let line = format!("--data {} --backend cuda", faces("train"));
    fails("train", folder.path(), &line, 2, "cargo run --release --features cuda -- ...");
}

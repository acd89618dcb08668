//! `evaluate --fid` and `--lpips`: which files they are about. The files themselves are too large
//! for a repository; the library's tests have networks of their kind.

use std::fs;

use crate::program::{MODEL, faces, fails, folder};

#[test]
fn other_files_than_the_public_ones_are_refused_with_those_that_are_meant() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("other.pth"), "abc").unwrap();
    fs::create_dir(folder.join("there")).unwrap();
    let line = format!("--model {MODEL} --data {}", faces("test"));
    let train = format!("--train-data {}", faces("train"));
    let another = "another file: its SHA-256 begins with ba7816bf, not with ";
    for (flags, code, expected) in [
        ("--fid none.pth", 1, "none.pth: No such file"),
        ("--fid none.pth", 1, "expected the file pt_inception-2015-12-05-6726825d.pth, the"),
        ("--fid none.pth", 1, "docs/metrics.md says where it is from"),
        ("--fid other.pth", 1, &format!("{another}6726825d")),
        ("--fid there", 1, "expected a regular file, found a folder"),
        ("--fid-reference a", 2, "--fid <WEIGHTS.pth>"),
        ("--fid other.pth --fid-reference a", 2, "give --train-data too"),
        (&format!("--fid other.pth --fid-reference there {train}"), 1, "no file of a FID's"),
        ("--fid a --json ./a", 2, "--json and --fid name one file"),
        ("--lpips other.pth", 2, "2 values required"),
        ("--lpips other.pth none.pth", 1, "none.pth: No such file"),
        (
            "--lpips none.pth other.pth",
            1,
            &format!("{another}df73285e; expected the file weights/"),
        ),
    ] {
        fails("evaluate", folder, &format!("{line} {flags}"), code, expected);
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "nothing is written");
}

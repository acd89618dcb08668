//! Disks that are full or may not be written to.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use stargan::{Folder, StarGan, Trainer};

use crate::training::setup::{Content, Cpu, StopAfter, names, one_at_a_time, test_name, trained};

/// Tells a copy of this test program which folder's run to go on with.
const FOLDER: &str = "STARGAN_TEST_DISK";

/// An account that owns nothing, for tests that the superuser runs.
const NOBODY: u32 = 65_534;

#[test]
fn a_disk_that_is_full_leaves_the_last_checkpoint_and_a_clear_error() {
    if child() {
        return;
    }
    let _turn = one_at_a_time();
    let (folder, run, trainer, data) = trained(10);
    drop(trainer);
    let checkpoint = run.join("checkpoints/00000010.safetensors");
    let size = fs::metadata(&checkpoint).unwrap().len();
    let before = fs::read(&checkpoint).unwrap();

    // No file may grow beyond half a checkpoint: writing fails in the middle of it.
    let this = std::env::current_exe().unwrap();
    let limit = size / 2 / 1024;
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).arg(this);
    let failed = go_on(
        command,
        "a_disk_that_is_full_leaves_the_last_checkpoint_and_a_clear_error",
        folder.path(),
    );
    let said = String::from_utf8_lossy(&failed.stdout).into_owned();
    assert!(!failed.status.success(), "{said}");
    let expected = format!("{}: ", run.join("checkpoints/00000012.safetensors").display());
    assert!(said.contains(&expected) && said.contains("File too large"), "{said}");
    assert_eq!(
        names(run.join("checkpoints")),
        ["00000010.safetensors"],
        "nothing half written is left"
    );
    assert_eq!(fs::read(&checkpoint).unwrap(), before);

    // With room again, it ends as if nothing had been.
    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    let (_other, expected, ..) = trained(20);
    let last = "checkpoints/00000020.safetensors";
    assert_eq!(Content::of(&run.join(last)), Content::of(&expected.join(last)));
}

#[test]
fn a_run_folder_that_is_read_only_is_an_error_that_names_it() {
    if child() {
        return;
    }
    let _turn = one_at_a_time();
    let (folder, run, trainer, _) = trained(10);
    drop(trainer);
    let checkpoint = run.join("checkpoints/00000010.safetensors");
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    // The superuser may write anywhere: then the run is somebody else's, who goes on with a program
    // that everybody can run.
    mode(&run, 0o555);
    let superuser = fs::write(run.join("probe"), "").is_ok();
    mode(&run, 0o755);
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    mode(folder.path(), 0o755);
    if superuser {
        fs::remove_file(run.join("probe")).unwrap();
        for path in [run.join(".lock"), run.join("checkpoints"), checkpoint.clone(), run.clone()] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    for (locked, failing) in [("checkpoints", "checkpoints"), (".", ".lock")] {
        if failing == ".lock" {
            fs::remove_file(run.join(failing)).unwrap();
        }
        mode(&run.join(locked), 0o555);
        let mut command = Command::new(&program);
        if superuser {
            command.uid(NOBODY);
        }
        let failed = go_on(
            command,
            "a_run_folder_that_is_read_only_is_an_error_that_names_it",
            folder.path(),
        );
        let said = String::from_utf8_lossy(&failed.stdout).into_owned();
        assert!(!failed.status.success(), "{said}");
        let expected = format!("{}: Permission denied", run.join(failing).display());
        assert!(said.contains(&expected), "{said}");
        mode(&run.join(locked), 0o755);
        assert_eq!(names(run.join("checkpoints")), ["00000010.safetensors"]);
    }
    assert_eq!(Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap().iteration(), 10);
}

/// Goes on with the run that the environment names for two iterations, in a process that was
/// started for that.
fn child() -> bool {
    let Some(folder) = std::env::var_os(FOLDER) else { return false };
    let folder = Path::new(&folder);
    let data = Folder::open(folder.join("data")).unwrap();
    let ended = Trainer::<Cpu, StarGan>::resume(folder.join("run"), &Default::default())
        .and_then(|mut trainer| trainer.run(&data, &mut StopAfter(12)));
    if let Err(error) = ended {
        println!("{error}");
        std::process::exit(1);
    }
    true
}

fn go_on(mut command: Command, test: &str, folder: &Path) -> Output {
    let test = test_name(module_path!(), test);
    command.args([&test, "--exact", "--nocapture"]).env(FOLDER, folder).output().unwrap()
}

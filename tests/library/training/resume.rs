//! 20 iterations are 10, a checkpoint, and 10 more in a new process: bit for bit.

use std::env;
use std::path::Path;
use std::process::{Command, Output};

use stargan::burn::backend::{Autodiff, Flex, NdArray};
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{Dataset, Folder, LabelSpaces, Outcome, StarGan, Trainer};

use crate::training::setup::{
    Content, StopAfter, checkpoint_of, colours, one_at_a_time, test_name, tiny,
};

/// Tells a copy of this test program which folder's run to finish.
const FOLDER: &str = "STARGAN_TEST_FOLDER";

#[test]
fn on_flex() {
    in_two_processes::<Autodiff<Flex>>(&test_name(module_path!(), "on_flex"));
}

#[test]
fn on_ndarray() {
    in_two_processes::<Autodiff<NdArray>>(&test_name(module_path!(), "on_ndarray"));
}

fn in_two_processes<B: AutodiffBackend>(test: &str) {
    let _turn = one_at_a_time();
    if let Some(folder) = env::var_os(FOLDER) {
        return second_half::<B>(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    // 18 images in batches of 4: a run of 20 iterations is five epochs.
    let data = colours(&folder.path().join("data"));
    let mut config = tiny(LabelSpaces::single(data.labels().clone()));
    config.recipe.discriminator = config.recipe.discriminator.with_spectral_norm();
    let device = Default::default();

    let mut whole =
        Trainer::<B, StarGan>::new(folder.path().join("whole"), config.clone(), &device).unwrap();
    let finished = whole.run(&data, &mut ()).unwrap();
    assert!(matches!(finished, Outcome::Finished { .. }));
    let expected = Content::of(checkpoint_of(&finished));

    let mut halves =
        Trainer::<B, StarGan>::new(folder.path().join("run"), config, &device).unwrap();
    let stopped = halves.run(&data, &mut StopAfter(10)).unwrap();
    assert!(matches!(stopped, Outcome::Stopped { .. }));
    assert!(checkpoint_of(&stopped).ends_with("checkpoints/00000010.safetensors"));

    let refused = new_process(test, folder.path());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "two processes train in one folder");
    assert!(
        said.contains("another trainer, of this process or of another one, has this folder"),
        "{said}"
    );

    drop(halves);
    let done = new_process(test, folder.path());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let found = Content::of(&folder.path().join("run/checkpoints/00000020.safetensors"));

    for part in
        ["generator.", "discriminator.", "average.", "adam.generator.", "adam.discriminator."]
    {
        assert!(expected.count(part) > 0, "a checkpoint has {part}");
    }
    assert_eq!(
        found.tensors.keys().collect::<Vec<_>>(),
        expected.tensors.keys().collect::<Vec<_>>()
    );
    for (name, tensor) in &expected.tensors {
        assert!(found.tensors[name] == *tensor, "{name} differs");
    }
    assert_eq!(found.description, expected.description);
    let half = Content::of(checkpoint_of(&stopped));
    assert_ne!(half.tensors, expected.tensors, "the second half trains");
}

fn second_half<B: AutodiffBackend>(folder: &Path) {
    let data = Folder::open(folder.join("data")).unwrap();
    // Printed plainly, where the test harness's backtrace would hide it.
    let mut trainer = match Trainer::<B, StarGan>::resume(folder.join("run"), &Default::default()) {
        Ok(trainer) => trainer,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(trainer.iteration(), 10);
    assert!(matches!(trainer.run(&data, &mut ()).unwrap(), Outcome::Finished { .. }));
}

fn new_process(test: &str, folder: &Path) -> Output {
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap()
}

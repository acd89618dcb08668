//! What a run goes on with: its own data, checkpoints and settings, or an error that names the
//! difference.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use stargan::{Folder, LabelSpaces, StarGan, Trainer};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, names, one_at_a_time, tiny, trained,
};

fn resume(run: &Path) -> stargan::Result<Trainer<Cpu, StarGan>> {
    Trainer::resume(run, &Default::default())
}

/// Changes a value of `config.json`, as by hand.
fn edit(run: &Path, pointer: &str, value: Value) {
    let path = run.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[name] = value;
    fs::write(&path, config.to_string()).unwrap();
}

#[test]
fn as_many_images_with_other_labels_names_or_order_are_refused() {
    let _turn = one_at_a_time();
    let (folder, run, trainer, _) = trained(2);
    drop(trainer);
    let copy = |name: &str| {
        let copy = folder.path().join(name);
        colours(&copy);
        copy
    };
    // Every red image is blue now, and the other way round.
    let swapped = copy("swapped");
    for (from, to) in [("red", "x"), ("blue", "red"), ("x", "blue")] {
        fs::rename(swapped.join(from), swapped.join(to)).unwrap();
    }
    for image in fs::read_dir(swapped.join("red")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::rename(&image, image.with_extension("jpg")).unwrap();
    }
    let renamed = copy("renamed");
    fs::rename(renamed.join("red/3.png"), renamed.join("red/33.png")).unwrap();
    let mut trainer = resume(&run).unwrap();
    for other in [swapped, renamed] {
        let other = Folder::open(other).unwrap();
        let error = trainer.run(&other, &mut ()).unwrap_err().to_string();
        let expected = "these are not the data that the run was trained on: the dataset \"data\" \
                        has as many images as before, but under other names, with other labels or \
                        in another order; resume it with the data it began with";
        assert!(error.contains(expected), "{error}");
    }
    // The same images somewhere else are the same data.
    let moved = Folder::open(copy("moved")).unwrap();
    trainer.run(&moved, &mut StopAfter(3)).unwrap();
    assert_eq!(trainer.iteration(), 3);
}

#[test]
fn data_may_change_where_that_is_asked_for_and_the_change_is_kept() {
    let _turn = one_at_a_time();
    let (folder, run, trainer, _) = trained(2);
    drop(trainer);
    let grown = folder.path().join("grown");
    colours(&grown);
    fs::copy(grown.join("red/3.png"), grown.join("red/33.png")).unwrap();
    let grown = Folder::open(grown).unwrap();

    let mut trainer = resume(&run).unwrap();
    let error = trainer.check_data(&(&grown).into()).unwrap_err().to_string();
    assert!(error.contains("the dataset \"data\" had 18 images, it has 19 now"), "{error}");
    trainer.change_data(&(&grown).into()).unwrap();
    trainer.run(&grown, &mut StopAfter(3)).unwrap();
    let changed = |trainer: &Trainer<Cpu, StarGan>| {
        let changes = trainer.changes();
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!(changes[0].starts_with("after iteration 2: datasets.data.checksum is "));
        assert_eq!(changes[1], "after iteration 2: datasets.data.images is 19, was 18");
    };
    changed(&trainer);
    drop(trainer);

    // From here on these are its data.
    let mut trainer = resume(&run).unwrap();
    changed(&trainer);
    trainer.check_data(&(&grown).into()).unwrap();
    let before = Folder::open(folder.path().join("data")).unwrap();
    let error = trainer.check_data(&(&before).into()).unwrap_err().to_string();
    assert!(error.contains("had 19 images, it has 18 now"), "{error}");
    let cropped = before.with_crop(stargan::Crop::Centre(9));
    let error = trainer.change_data(&(&cropped).into()).unwrap_err().to_string();
    assert!(error.contains("now to the centre square of 9 pixels, which can't change"), "{error}");
    trainer.run(&grown, &mut StopAfter(4)).unwrap();
    assert_eq!(trainer.iteration(), 4);
}

#[test]
fn an_edited_configuration_is_followed_or_refused_and_the_change_is_kept() {
    let _turn = one_at_a_time();
    let (_folder, run, trainer, data) = trained(2);
    drop(trainer);
    for (pointer, value, setting, before) in [
        ("/run/seed", json!(5), "run.seed", "11"),
        ("/settings/critic_steps", json!(3), "settings.critic_steps", "2"),
        ("/run/adam/beta1", json!(0.9), "run.adam.beta1", "0.5"),
    ] {
        let good = fs::read(run.join("config.json")).unwrap();
        edit(&run, pointer, value.clone());
        let error = resume(&run).unwrap_err().to_string();
        let expected = format!(
            "config.json has {value} for {setting}, which can't change: the run was trained \
                     with {before}; put that back"
        );
        assert!(error.contains(&expected), "{error}");
        fs::write(run.join("config.json"), good).unwrap();
    }
    edit(&run, "/run/iterations", json!(4));
    edit(&run, "/run/learning_rate", json!(5e-4));
    edit(&run, "/settings/weights/domain", json!(2.5));
    let mut trainer = resume(&run).unwrap();
    let outcome = trainer.run(&data, &mut ()).unwrap();
    assert_eq!(trainer.iteration(), 4);
    let training = &Content::of(checkpoint_of(&outcome)).description["training"];
    assert_eq!(
        training["changes"],
        json!([
            {"iteration": 2, "setting": "run.iterations", "from": 20, "to": 4},
            {"iteration": 2, "setting": "run.learning_rate", "from": 0.001, "to": 0.0005},
            {"iteration": 2, "setting": "settings.weights.domain", "from": 1.0, "to": 2.5}
        ])
    );
    assert_eq!(training["config"]["run"]["iterations"], 4);
}

#[test]
fn a_program_changes_what_may_change_and_the_run_goes_on_with_it() {
    let _turn = one_at_a_time();
    let (_folder, run, trainer, data) = trained(2);
    drop(trainer);
    let mut trainer = resume(&run).unwrap();
    trainer.set_run(|run| run.with_batch_size(6).with_iterations(4)).unwrap();
    trainer
        .set_recipe(|mut recipe| {
            recipe.weights.reconstruction = 3.0;
            recipe
        })
        .unwrap();
    let refused = [
        trainer.set_run(|run| run.with_seed(5)),
        trainer.set_run(|run| run.with_precision(stargan::Precision::BFloat16)),
        trainer.set_run(|run| run.with_batch_size(0)),
        trainer.set_recipe(|recipe| recipe.with_base_channels(8)),
    ];
    let expected = [
        "run.seed can't change in a run: it is 11, and can't become 5",
        "the networks are made in one precision",
        "batch_size is 0",
        "settings.discriminator.base_channels can't change in a run",
    ];
    for (refused, expected) in refused.into_iter().zip(expected) {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    trainer.run(&data, &mut ()).unwrap();
    drop(trainer);
    let again = resume(&run).unwrap();
    assert_eq!((again.iteration(), again.config().run.batch_size), (4, 6));
    assert_eq!(
        again.changes(),
        [
            "after iteration 2: run.batch_size is 6, was 4",
            "after iteration 2: run.iterations is 4, was 20",
            "after iteration 2: settings.weights.reconstruction is 3.0, was 20.0",
        ]
    );
}

#[test]
fn an_unknown_setting_is_refused_wherever_it_stands() {
    let _turn = one_at_a_time();
    let (_folder, run, trainer, _) = trained(1);
    drop(trainer);
    for pointer in [
        "/typo",
        "/run/typo",
        "/run/adam/typo",
        "/settings/typo",
        "/settings/generator/typo",
        "/settings/discriminator/typo",
        "/settings/weights/typo",
        "/settings/weights/identity/typo",
        "/settings/domains/0/typo",
        "/settings/domains/0/labels/typo",
    ] {
        let good = fs::read(run.join("config.json")).unwrap();
        edit(&run, pointer, json!(1));
        let error = resume(&run).unwrap_err().to_string();
        assert!(error.contains("unknown field `typo`"), "{pointer}: {error}");
        fs::write(run.join("config.json"), good).unwrap();
    }
    edit(&run, "/run/on_non_finite", json!({"roll-back": {"factor": 0.5, "times": 1, "typo": 1}}));
    assert!(resume(&run).unwrap_err().to_string().contains("unknown field `typo`"));
}

#[test]
fn files_that_only_have_the_name_of_a_checkpoint_are_left_alone() {
    let _turn = one_at_a_time();
    let (_folder, run, trainer, data) = trained(2);
    drop(trainer);
    let checkpoints = run.join("checkpoints");
    let own = checkpoints.join("00000002.safetensors");
    let copies = ["00000001.safetensors", "20240131.safetensors", "000000002.safetensors"];
    for copy in copies {
        fs::copy(&own, checkpoints.join(copy)).unwrap();
    }
    // And a model.
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");
    fs::copy(shipped, checkpoints.join("00000000.safetensors")).unwrap();
    fs::write(checkpoints.join("notes"), "mine").unwrap();
    edit(&run, "/run/keep", json!(1));
    edit(&run, "/run/checkpoint_every", json!(1));
    let mut trainer = resume(&run).unwrap();
    assert_eq!(trainer.iteration(), 2);
    let foreign = trainer.foreign_checkpoints().unwrap();
    let expected = ["00000000.safetensors", copies[0], copies[1]];
    assert_eq!(foreign, expected.map(|name| checkpoints.join(name)));
    // A copy stands where the run is to write: it is given another name.
    fs::copy(&own, checkpoints.join("00000004.safetensors")).unwrap();
    trainer.run(&data, &mut StopAfter(5)).unwrap();
    let expected = [
        "00000000.safetensors",
        "000000002.safetensors",
        "00000001.safetensors",
        "00000004.aside-1.safetensors",
        "00000005.safetensors",
        "20240131.safetensors",
        "notes",
    ];
    assert_eq!(names(&checkpoints), expected);
    drop(trainer);
    fs::remove_file(checkpoints.join("00000005.safetensors")).unwrap();
    let error = resume(&run).unwrap_err().to_string();
    assert!(error.contains("00000000.safetensors: it has the name of a checkpoint"), "{error}");
}

#[test]
fn after_damage_a_run_goes_on_from_the_checkpoint_before() {
    let _turn = one_at_a_time();
    let (_folder, run, mut trainer, data) = trained(2);
    trainer.run(&data, &mut StopAfter(4)).unwrap();
    drop(trainer);
    let [before, newest] =
        [2, 4].map(|number| run.join(format!("checkpoints/{number:08}.safetensors")));
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    let error = resume(&run).unwrap_err().to_string();
    let expected = format!("the checkpoint before it, {}, can be resumed from", before.display());
    assert!(error.contains("00000004.safetensors: ") && error.ends_with(&expected), "{error}");

    let device = Default::default();
    let good = fs::read(run.join("config.json")).unwrap();
    edit(&run, "/run/seed", json!(5));
    let error = Trainer::<Cpu, StarGan>::resume_from(&run, &before, &device).unwrap_err();
    let other = "it is not a checkpoint of the run in ";
    assert!(error.to_string().contains(other), "{error}");
    fs::write(run.join("config.json"), good).unwrap();
    edit(&run, "/run/learning_rate", json!(5e-4));
    let mut trainer = Trainer::<Cpu, StarGan>::resume_from(&run, &before, &device).unwrap();
    assert_eq!((trainer.iteration(), trainer.config().run.learning_rate), (2, 1e-3));
    let aside = "00000004.aside-1.safetensors";
    assert_eq!(names(run.join("checkpoints")).len(), 2, "nothing is changed before the run");
    trainer.run(&data, &mut StopAfter(4)).unwrap();
    fs::write(run.join("checkpoints").join(aside), &whole).unwrap();
    assert_eq!(Content::of(&newest), Content::of(&run.join("checkpoints").join(aside)));
}

#[test]
fn a_stop_is_followed_once() {
    let _turn = one_at_a_time();
    let (_folder, _run, mut trainer, data) = trained(2);
    trainer.stop_flag().store(true, Ordering::Relaxed);
    trainer.run(&data, &mut ()).unwrap();
    assert_eq!(trainer.iteration(), 2);
    assert!(!trainer.stop_flag().load(Ordering::Relaxed));
    trainer.run(&data, &mut StopAfter(20)).unwrap();
    assert_eq!(trainer.iteration(), 20);
    // It was the last iteration anyway: a longer run is not concerned.
    trainer.set_run(|run| run.with_iterations(21)).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    assert_eq!(trainer.iteration(), 21);
}

#[test]
fn a_run_without_an_iteration_can_be_begun_anew() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(stargan::Dataset::labels(&data).clone()));
    let run = folder.path().join("run");
    let device = Default::default();
    let large = config.clone().with_run(|run| run.with_batch_size(50));
    let error = large.check_data(&(&data).into()).unwrap_err().to_string();
    assert!(error.contains("has 18 images, fewer than a batch of 50"), "{error}");
    let mut failing = Trainer::<Cpu, StarGan>::new(&run, large, &device).unwrap();
    fs::write(run.join("data.json"), "{}").unwrap();
    failing.run(&data, &mut ()).unwrap_err();
    drop(failing);
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config.clone(), &device).unwrap();
    trainer.run(&data, &mut StopAfter(1)).unwrap();
    drop(trainer);
    let error = Trainer::<Cpu, StarGan>::new(&run, config.clone(), &device).unwrap_err();
    assert!(error.to_string().contains("it holds a run already"), "{error}");

    // Somebody else's config.json is not a run's.
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("config.json"), "{}").unwrap();
    assert!(Trainer::<Cpu, StarGan>::new(&foreign, config, &device).is_err());
    assert_eq!(fs::read(foreign.join("config.json")).unwrap(), b"{}");
}

#[cfg(unix)]
#[test]
fn a_lock_that_is_a_link_leads_nowhere() {
    let _turn = one_at_a_time();
    let (folder, run, trainer, _) = trained(1);
    drop(trainer);
    let precious = folder.path().join("precious");
    fs::write(&precious, "mine").unwrap();
    fs::remove_file(run.join(".lock")).unwrap();
    std::os::unix::fs::symlink(&precious, run.join(".lock")).unwrap();
    let error = resume(&run).unwrap_err().to_string();
    assert!(error.contains(".lock: expected a file of the run, found something else"), "{error}");
    assert_eq!(fs::read(&precious).unwrap(), b"mine");
}

//! What is in a run folder, what it survives and what it refuses.

use std::fs;
use std::sync::atomic::Ordering;

use stargan::{
    Dataset, Folder, LabelSpace, LabelSpaces, Outcome, Preset, StarGan, Trainer, TrainingConfig,
    Translator, resolve_model,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, colours, faces, names, one_at_a_time, tiny, trained,
};

#[test]
fn the_newest_checkpoints_are_kept() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_checkpoint_every(2).with_iterations(7).with_keep(2));
    let run = folder.path().join("run");
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(&run, config.clone(), &Default::default()).unwrap();
    let checkpoints = run.join("checkpoints");
    // What a run did not write is not a checkpoint of it, and stays.
    let foreign = [".writing-notes", "best.safetensors", "notes.txt"];
    for name in foreign {
        fs::write(checkpoints.join(name), "mine").unwrap();
    }
    trainer.run(&data, &mut ()).unwrap();
    let expected = ["00000006.safetensors", "00000007.safetensors"];
    let (kept, other): (Vec<_>, Vec<_>) =
        names(&checkpoints).into_iter().partition(|name| name.starts_with("0000"));
    assert_eq!(kept, expected);
    assert_eq!(other, foreign);
    assert_eq!(resolve_model(&run).unwrap(), checkpoints.join(expected[1]));
    drop(trainer);

    // What a killed process was writing is of no use to anybody.
    fs::write(checkpoints.join(".writing-Xy12zw"), "half a checkpoint").unwrap();
    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap();
    assert_eq!((trainer.iteration(), trainer.config()), (7, &config));
    let left = names(&checkpoints);
    assert!(
        !left.contains(&".writing-Xy12zw".to_owned())
            && left.contains(&".writing-notes".to_owned())
    );
    trainer.set_run(|run| run.with_iterations(8)).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    assert_eq!(names(&checkpoints)[1..3], ["00000007.safetensors", "00000008.safetensors"]);
    let json = fs::read_to_string(run.join("config.json")).unwrap();
    let expected = config.with_run(|run| run.with_iterations(8));
    assert_eq!(serde_json::from_str::<TrainingConfig<StarGan>>(&json).unwrap(), expected);
}

#[test]
fn damage_is_an_error_that_names_the_file() {
    let _turn = one_at_a_time();
    let (_folder, run, trainer, _) = trained(2);
    drop(trainer);
    let path = run.join("checkpoints/00000002.safetensors");
    let whole = fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("cut in the header", whole[..200].to_vec()),
        ("cut in the middle", whole[..whole.len() / 2].to_vec()),
        ("one byte short", whole[..whole.len() - 1].to_vec()),
        ("a byte of the header flipped", flipped(300)),
        ("a byte of the weights flipped", flipped(whole.len() * 2 / 3)),
        ("the last byte flipped", flipped(whole.len() - 1)),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error =
            Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).expect_err(what).to_string();
        assert!(error.contains("00000002.safetensors: "), "{what}: {error}");
        let error = Translator::<stargan::burn::backend::Flex>::open(&run, &Default::default())
            .expect_err(what)
            .to_string();
        assert!(error.contains("00000002.safetensors: "), "{what}: {error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "a damaged file is left as it is");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).unwrap().iteration(), 2);
}

#[test]
fn other_data_than_the_run_began_with_is_refused() {
    let _turn = one_at_a_time();
    let (folder, run, trainer, data) = trained(2);
    drop(trainer);
    let device = Default::default();
    fs::remove_file(folder.path().join("data/red/8.png")).unwrap();
    let fewer = Folder::open(folder.path().join("data")).unwrap();
    let mut trainer = Trainer::<Cpu, StarGan>::resume(&run, &device).unwrap();
    let cropped = data.clone().with_crop(stargan::Crop::Centre(8));
    for (error, expected) in [
        (trainer.run(&fewer, &mut ()), "resume it with the data it began with"),
        (trainer.run(&cropped, &mut ()), "resume it with the data it began with"),
        (
            trainer.run(&faces(), &mut ()),
            "dataset \"data\": expected the kind of labels classes, found attributes",
        ),
        (
            trainer.run(stargan::Datasets::from(&data).with(&data), &mut ()),
            "the labels of 1 dataset(s), the data are 2",
        ),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(trainer.iteration(), 2);
    assert_eq!(names(run.join("checkpoints")), ["00000002.safetensors"]);
}

#[test]
fn folders_in_use_are_refused_and_left_alone() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let config = tiny(LabelSpaces::single(LabelSpace::classes(["blue", "red"])));
    let device = Default::default();
    let new = |name: &str| {
        Trainer::<Cpu, StarGan>::new(folder.path().join(name), config.clone(), &device)
    };

    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/holiday.jpg"), "precious").unwrap();
    let error = new("photos").unwrap_err().to_string();
    assert!(error.contains("photos: it is not empty: choose another folder"), "{error}");
    assert_eq!(names(folder.path().join("photos")), ["holiday.jpg"]);
    let error = Trainer::<Cpu, StarGan>::resume(folder.path().join("photos"), &device).unwrap_err();
    assert!(error.to_string().contains("no run to resume here"), "{error}");
    assert_eq!(names(folder.path().join("photos")), ["holiday.jpg"]);

    fs::create_dir(folder.path().join("empty")).unwrap();
    let running = new("empty").unwrap();
    let error = new("empty").unwrap_err().to_string();
    assert!(error.contains("another trainer, of this process or of another one, has"), "{error}");
    let error = Trainer::<Cpu, StarGan>::resume(folder.path().join("empty"), &device).unwrap_err();
    assert!(
        error.to_string().contains("another trainer, of this process or of another one, has"),
        "{error}"
    );
    drop(running);

    let error =
        Translator::<stargan::burn::backend::Flex>::open(folder.path().join("empty"), &device);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("holds no checkpoint"), "{error}");
    // A run that was stopped before its first checkpoint begins again.
    let again = Trainer::<Cpu, StarGan>::resume(folder.path().join("empty"), &device).unwrap();
    assert_eq!((again.iteration(), again.config()), (0, &config));

    let mut bad = config.clone();
    bad.run.batch_size = 0;
    assert!(Trainer::<Cpu, StarGan>::new(folder.path().join("bad"), bad, &device).is_err());
    assert!(!folder.path().join("bad").exists(), "a bad configuration makes no folder");

    // Killed before it had a configuration: there is no run yet, and one can begin.
    fs::create_dir_all(folder.path().join("killed/checkpoints")).unwrap();
    fs::write(folder.path().join("killed/.lock"), "").unwrap();
    fs::write(folder.path().join("killed/.writing-Xy12zw"), "half a configuration").unwrap();
    drop(new("killed").unwrap());
    assert_eq!(
        Trainer::<Cpu, StarGan>::resume(folder.path().join("killed"), &device).unwrap().iteration(),
        0
    );
}

#[test]
fn ctrl_c_ends_with_a_checkpoint_at_the_iteration_reached() {
    let _turn = one_at_a_time();
    let (_folder, run, mut trainer, data) = trained(3);
    assert_eq!(names(run.join("checkpoints")), ["00000003.safetensors"]);
    // Raised before the run: nothing is trained, and what there is can be resumed.
    trainer.stop_flag().store(true, Ordering::Relaxed);
    let outcome = trainer.run(&data, &mut ()).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { .. }));
    assert_eq!(trainer.iteration(), 3);
    trainer.run(&data, &mut StopAfter(5)).unwrap();
    assert_eq!(names(run.join("checkpoints")), ["00000003.safetensors", "00000005.safetensors"]);
}

#[test]
fn the_average_is_there_unless_the_paper_is_followed() {
    let _turn = one_at_a_time();
    let (_folder, run, trainer, data) = trained(4);
    drop(trainer);
    let content = Content::of(&run.join("checkpoints/00000004.safetensors"));
    let generator = content.count("generator.");
    assert_eq!(content.count("average."), generator);
    assert_eq!(content.count("adam.generator.first."), generator);
    assert_eq!(content.count("adam.generator.second."), generator);
    let differ = content.tensors.iter().filter(|(name, tensor)| {
        let path = name.strip_prefix("average.");
        path.is_some_and(|path| content.tensors[&format!("generator.{path}")] != **tensor)
    });
    assert!(differ.count() > generator / 2, "the average is another network than G");

    let folder = tempfile::tempdir().unwrap();
    let config = tiny(LabelSpaces::single(data.labels().clone())).with_preset(Preset::Paper);
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(folder.path().join("run"), config, &Default::default())
            .unwrap();
    trainer.run(&data, &mut StopAfter(2)).unwrap();
    let content = Content::of(&folder.path().join("run/checkpoints/00000002.safetensors"));
    assert_eq!(content.count("average."), 0);
}

#[test]
fn an_unreadable_image_ends_the_run_with_its_name() {
    let _turn = one_at_a_time();
    let (folder, run, mut trainer, data) = trained(1);
    let image = folder.path().join("data/blue/4.png");
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    let error = trainer.run(&data, &mut ()).unwrap_err().to_string();
    assert!(error.contains("4.png"), "{error}");
    let done = trainer.iteration();
    assert!(done > 1, "another image is read first");
    let saved = format!("{done:08}.safetensors");
    assert_eq!(names(run.join("checkpoints")), ["00000001.safetensors", &saved]);

    trainer.set_run(|run| run.with_on_unreadable(stargan::UnreadablePolicy::Skip)).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    assert_eq!(trainer.iteration(), 20);
    let [((dataset, name), reason)] = &trainer.unreadable().iter().collect::<Vec<_>>()[..] else {
        panic!("{:?}", trainer.unreadable());
    };
    assert_eq!((*dataset, &name[..]), (0, "blue/4.png"));
    assert!(reason.contains("4.png: "), "{reason}");
}

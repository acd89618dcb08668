//! StarGAN v2 in the loop: it goes on bit for bit, takes batches in parts, refuses what are no
//! domains, and leaves a model that translates.

use std::path::{Path, PathBuf};

use stargan::nn::StyleConfig;
use stargan::recipes::Reference;
use stargan::{
    CsvLog, Dataset, Folder, LabelSpace, StarGanV2, StyleTranslator, Trainer, TrainingConfig,
    load_image, open_model,
};

use crate::training::one_update::{compare, one_iteration};
use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, faces, names, one_at_a_time,
};

/// Networks and batches as small as they can be.
pub fn tiny(data: &Folder) -> TrainingConfig<StarGanV2> {
    let networks =
        StyleConfig::new(16, 2).with_channels(3, 5).with_style_width(4).with_mapping(3, 6);
    let recipe = StarGanV2::new(data.labels().clone(), 16).with_networks(networks);
    TrainingConfig::new(recipe)
        .with_run(|run| run.with_batch_size(4).with_iterations(6).with_seed(3))
}

fn new(run: &Path, config: TrainingConfig<StarGanV2>) -> Trainer<Cpu, StarGanV2> {
    Trainer::new(run, config, &Default::default()).unwrap()
}

#[test]
fn a_run_that_stopped_goes_on_bit_for_bit() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let whole = new(&folder.path().join("whole"), tiny(&data)).run(&data, &mut ()).unwrap();
    let run = folder.path().join("run");
    new(&run, tiny(&data)).run(&data, &mut StopAfter(3)).unwrap();
    let mut resumed = Trainer::<Cpu, StarGanV2>::resume(&run, &Default::default()).unwrap();
    assert_eq!(resumed.iteration(), 3);
    let resumed = resumed.run(&data, &mut ()).unwrap();
    let (found, expected) =
        (Content::of(checkpoint_of(&resumed)), Content::of(checkpoint_of(&whole)));
    for part in ["generator.", "mapping.", "encoder.", "discriminator.", "average_mapping."] {
        assert!(expected.count(part) > 0, "a checkpoint has {part}");
    }
    assert_eq!(
        found.description["training"]["updates"],
        expected.description["training"]["updates"]
    );
    assert!(found.tensors == expected.tensors, "other weights");
}

#[test]
fn parts_of_a_batch_lead_to_the_update_of_the_whole() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let run = |parts: usize| -> PathBuf {
        let config = tiny(&data)
            .with_run(|run| run.with_accumulate(parts).with_learning_rate(1e-9).with_iterations(1));
        let run = folder.path().join(format!("{parts}"));
        new(&run, config).run(&data, &mut CsvLog::every(1)).unwrap();
        run
    };
    compare(&run(2), &one_iteration(&run(1)), "2 parts of StarGAN v2's");
}

#[test]
fn a_run_leaves_a_model_with_styles() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let run = folder.path().join("run");
    let mut trainer = new(&run, tiny(&data).with_run(|run| run.with_iterations(1)));
    trainer.run(&data, &mut ()).unwrap();

    let device = Default::default();
    let model = StyleTranslator::<stargan::burn::backend::Flex>::open(&run, &device).unwrap();
    let image = load_image(folder.path().join("data/blue/0.png")).unwrap();
    let images = std::slice::from_ref(&image);
    let grid = |model: &StyleTranslator<_>| model.latent_grid(images, 1, 3).unwrap();
    assert_eq!(grid(&model).image, grid(&trainer.translator()).image, "as in the run");
    let references = [0, 1].map(|domain| Reference { image: image.clone(), domain });
    let grid = model.reference_grid(images, &references).unwrap();
    assert_eq!((grid.columns.len(), grid.image.dimensions()), (3, (48, 32)));
    let style = model.reference_style(&image, 1).unwrap();
    assert_eq!(model.translate(&image, style).unwrap(), cell(&grid, 2, 1), "as in the grid");
    let error = model.latent_grid(images, 2, 1).unwrap_err().to_string();
    assert_eq!(error, "there is no domain 2; from 0 they are blue, red");

    // As any other model.
    let opened = open_model::<Cpu>(&run, &device).unwrap();
    assert_eq!(opened.spaces().space(0).names(), ["blue", "red"]);
    assert!(names(&run).contains(&"config.json".to_owned()));
}

/// A cell of a grid of 16 pixels a side.
fn cell(grid: &stargan::Grid, column: u32, row: u32) -> image::DynamicImage {
    image::imageops::crop_imm(&grid.image, 16 * column, 16 * row, 16, 16).to_image().into()
}

#[test]
fn a_description_that_does_not_fit_is_an_error() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let run = folder.path().join("run");
    let mut trainer = new(&run, tiny(&data).with_run(|run| run.with_iterations(1)));
    trainer.run(&data, &mut ()).unwrap();
    let model = trainer.translator().model().clone();
    model.check().unwrap();
    let mut wrong = model.clone();
    wrong.networks.domains = 3;
    assert!(wrong.check().unwrap_err().to_string().contains("3 domains, the labels 2"));
    let mut wrong = model;
    wrong.transform.size = 32.into();
    let error = wrong.check().unwrap_err().to_string();
    assert!(error.contains("take images of 16 pixels and 3 channels, the transform"), "{error}");
}

#[test]
fn what_are_no_domains_is_refused() {
    let faces = faces();
    let refused = |labels: LabelSpace| {
        TrainingConfig::new(StarGanV2::new(labels, 16)).check().unwrap_err().to_string()
    };
    let error = refused(faces.labels().clone());
    assert!(error.contains("of which an image is in one: train it on class folders"), "{error}");
    let hair = ["Black_Hair", "Blond_Hair"];
    let two = LabelSpace::attributes(hair).exclusive(hair).unwrap();
    let error = TrainingConfig::new(StarGanV2::new(two.clone(), 48)).check().unwrap_err();
    assert!(error.to_string().contains("takes squares of 16, 32, 64"), "{error}");
    // Some people have brown hair.
    let faces = stargan::CelebA::open(
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/train"),
        &two,
    );
    let error = TrainingConfig::new(StarGanV2::new(two, 16)).check_data(&(&faces.unwrap()).into());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("is in none of the domains Black_Hair, Blond_Hair"), "{error}");
}

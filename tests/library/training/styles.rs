//! StarGAN v2 in the loop: it goes on bit for bit, takes batches in parts, refuses what are no
//! domains, and leaves a model that translates.

use std::path::{Path, PathBuf};

use image::DynamicImage;
use stargan::burn::backend::Flex;
use stargan::burn::tensor::{Tensor, TensorData};
use stargan::data::Readable;
use stargan::metrics::Evaluator;
use stargan::nn::StyleConfig;
use stargan::recipes::{Reference, ReferenceTranslator};
use stargan::{
    CsvLog, Dataset, Folder, LabelSpace, Relabelling, StarGanV2, StyleTranslator, Trainer,
    TrainingConfig, Translate, UnreadablePolicy, load_image, open_model,
};
use tempfile::TempDir;

use crate::alike::assert_alike;

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
    let model = StyleTranslator::<Flex>::open(&run, &device).unwrap();
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

/// Data in a folder, and a model that has learnt from it for one iteration.
fn trained() -> (TempDir, Folder, StyleTranslator<Flex>) {
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(&data).with_run(|run| run.with_iterations(1));
    let mut trainer = new(&folder.path().join("run"), config);
    trainer.run(&data, &mut ()).unwrap();
    let model = trainer.translator();
    (folder, data, model)
}

#[test]
fn a_face_goes_from_style_to_style() {
    let _turn = one_at_a_time();
    let (_folder, data, model) = trained();
    let image = data.load(0).unwrap();
    let styles =
        [(0, 0), (1, 1), (2, 0)].map(|(number, domain)| model.latent_style(number, domain));
    let frames = model.interpolate(&image, &styles, 7).unwrap();
    for (frame, style) in [0, 3, 6].into_iter().zip(&styles) {
        assert_eq!(frames[frame], model.translate(&image, style.clone()).unwrap(), "{frame}");
    }
    // A third of the way from the first style to the second.
    let third = styles[0].clone() * (2.0 / 3.0) + styles[1].clone() / 3.0;
    assert_alike(&frames[1], &model.translate(&image, third).unwrap());
    for (styles, frames) in [(&styles[..1], 5), (&styles[..], 2)] {
        let error = model.interpolate(&image, styles, frames).unwrap_err().to_string();
        assert!(error.contains("at least two of them, and a frame for each"), "{error}");
    }
}

#[test]
fn styles_from_noise_and_from_other_images_are_measured_alike() {
    let _turn = one_at_a_time();
    let (_folder, data, model) = trained();
    let noise = model.with_styles(2);
    let mut readable = Readable::new(&data, UnreadablePolicy::Fail);
    let by_reference = ReferenceTranslator::new(noise.clone(), &mut readable).unwrap();
    let label = |image: usize| data.label(image).to_vec();
    let seen = |image: usize| {
        let part = data.load_cropped(image, 16.into()).unwrap();
        as_tensor(&noise.transform().resize(&part))
    };
    // The first image of each domain, translated to the other.
    let red = (0..data.len()).find(|&image| data.label(image)[1] == 1.0).unwrap();
    let tensor = Tensor::cat([0, red].map(seen).to_vec(), 0);
    let (blue, red_label) = (label(0), label(red));
    // As metrics number styles: the two of the first image, then the two of the second.
    let both = |style: u64| {
        [
            Relabelling::new(&blue, &red_label).with_style(style),
            Relabelling::new(&red_label, &blue).with_style(2 + style),
        ]
    };
    let references = |domain: usize| -> Vec<usize> {
        (0..data.len()).filter(|&image| data.label(image)[domain] == 1.0).collect()
    };
    for style in [0, 1] {
        let found = by_reference.relabel(tensor.clone(), 0, &both(style));
        for (image, domain) in [(0, 1), (1, 0)] {
            // Half of the references further in the second style.
            let of_domain = references(domain);
            let step = of_domain.len() / 2;
            let reference = of_domain[(image + style as usize * step) % of_domain.len()];
            let code = noise.reference_style(&data.load(reference).unwrap(), domain).unwrap();
            let alone = tensor.clone().narrow(0, image, 1);
            let expected = noise.forward(alone, code);
            let difference = (found.clone().narrow(0, image, 1) - expected).abs().max();
            assert!(difference.into_scalar() < 1e-5, "image {image} in style {style}");
        }
    }

    // Nine images of a domain can't be ten styles that differ.
    let mut readable = Readable::new(&data, UnreadablePolicy::Fail);
    let error = ReferenceTranslator::new(noise.clone().with_styles(10), &mut readable);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the domain blue has 9 references"), "{error}");

    // By hand: every image in both styles of the other domain.
    for model in [&noise as &dyn Translate<Flex>, &by_reference] {
        let scores = Evaluator::new(model, &data, 0).measure().unwrap();
        let diversity = scores.diversity.unwrap();
        assert_eq!((diversity.styles, diversity.l1.n), (2, data.len()));
        assert!(diversity.l1.value.unwrap() > 0.0 && diversity.lpips.is_none());
    }
    let others: Vec<_> = (0..data.len()).map(|image| 1 - (label(image)[1] as usize)).collect();
    let tensor = Tensor::cat((0..data.len()).map(seen).collect(), 0);
    // Every image has styles of its own.
    let [first, second] = [0, 1].map(|style| {
        let numbers: Vec<u64> = (0..others.len() as u64).map(|image| 2 * image + style).collect();
        noise.forward(tensor.clone(), noise.latent_styles(&numbers, &others))
    });
    let expected = f64::from((first - second).abs().mean().into_scalar()) / 2.0;
    let scores = Evaluator::new(&noise, &data, 0).measure().unwrap();
    let found = scores.diversity.unwrap().l1.value.unwrap();
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

/// An image of 16 pixels a side as `[1, 3, 16, 16]` in `[-1, 1]`.
fn as_tensor(image: &DynamicImage) -> Tensor<Flex, 4> {
    let image = image.to_rgb8();
    let value = |c: usize, at: usize| f32::from(image.as_raw()[3 * at + c]) / 127.5 - 1.0;
    let values: Vec<f32> =
        (0..3).flat_map(|c| (0..256).map(move |at| (c, at))).map(|(c, at)| value(c, at)).collect();
    Tensor::from_data(TensorData::new(values, [1, 3, 16, 16]), &Default::default())
}

/// A cell of a grid of 16 pixels a side.
fn cell(grid: &stargan::Grid, column: u32, row: u32) -> DynamicImage {
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
    assert!(
        error.contains("are in none of the domains Black_Hair, Blond_Hair, the first is 0"),
        "{error}"
    );
}

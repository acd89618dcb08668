//! Models of images that are no squares: trained, resumed exactly, opened, and what they make of
//! photos of any shape.

use std::fs;
use std::sync::Arc;

use stargan::burn::backend::Flex;
use stargan::image::{DynamicImage, GenericImageView, Pixel, Rgb, RgbImage};
use stargan::metrics::{Counterfactuals, Evaluator, JudgeConfig};
use stargan::nn::Head;
use stargan::{
    Crop, CycleGan, Dataset, Datasets, Folder, Grid, ImageSize, LabelSpaces, OutputSize, Parts,
    PublicModel, StarGan, Subset, Trainer, TrainingConfig, Transform, Translator,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, one_at_a_time, tiny,
};

/// Three columns for every two rows.
const SIZE: ImageSize = ImageSize::new(24, 16);

fn config(data: &Folder) -> TrainingConfig<StarGan> {
    tiny(LabelSpaces::single(data.labels().clone()))
        .with_recipe(|recipe| recipe.with_image_size(SIZE))
        .with_run(|run| run.with_augmentation("crop=0.2".parse().unwrap()))
}

fn photo(width: u32, height: u32) -> DynamicImage {
    let pixel = |x, y| Rgb([(x * 3 % 200) as u8, (y * 2 % 200) as u8, 90]);
    RgbImage::from_fn(width, height, pixel).into()
}

#[test]
fn a_run_resumes_exactly_and_its_model_translates_photos_at_their_own_size() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = colours(&at("data"));
    let device = Default::default();
    let config = config(&data);
    assert_eq!(config.recipe.discriminator.downsamplings, 3);
    let mut whole = Trainer::<Cpu, StarGan>::new(at("whole"), config.clone(), &device).unwrap();
    let expected = Content::of(checkpoint_of(&whole.run(&data, &mut ()).unwrap()));
    let mut halves = Trainer::<Cpu, StarGan>::new(at("run"), config, &device).unwrap();
    halves.run(&data, &mut StopAfter(10)).unwrap();
    drop(halves);
    let mut halves = Trainer::<Cpu, StarGan>::resume(at("run"), &device).unwrap();
    let found = Content::of(checkpoint_of(&halves.run(&data, &mut ()).unwrap()));
    assert!(found.tensors == expected.tensors, "20 iterations are 10 and 10");
    assert_eq!(found.tensors["discriminator.domain.weight"].0[2..], [2, 3]);
    let size = serde_json::json!({"width": 24, "height": 16});
    assert_eq!(found.description["transform"]["size"], size);
    assert_eq!(found.description["discriminator"]["image_size"], size);

    let model = Translator::<Flex>::open(at("run"), &device).unwrap();
    assert_eq!(model.config().transform, Transform::new(Crop::Square, SIZE));
    // Of 300 x 120 pixels the model sees 180 x 120, of 100 x 300 it sees 100 x 67.
    let wide = photo(300, 120);
    let own = model.translate(&wide, "red").unwrap();
    assert_eq!(own.dimensions(), (300, 120));
    for (x, y, pixel) in wide.to_rgb8().enumerate_pixels() {
        assert!(
            (60..240).contains(&x) || own.get_pixel(x, y).to_rgb() == *pixel,
            "{x} {y} is outside"
        );
    }
    let tall = photo(100, 300);
    let own = model.translate(&tall, "red").unwrap();
    assert_eq!(own.dimensions(), (100, 300));
    for (x, y, pixel) in tall.to_rgb8().enumerate_pixels() {
        assert!(
            (116..184).contains(&y) || own.get_pixel(x, y).to_rgb() == *pixel,
            "{x} {y} is outside"
        );
    }
    let sized = |size| {
        let model = model.clone().with_output_size(size).unwrap();
        model.translate(&wide, "red").unwrap()
    };
    let seen = sized(OutputSize::Model);
    assert_eq!(seen.dimensions(), (24, 16));
    // A photo of the model's size becomes what the generator makes of it.
    assert_eq!(model.translate(&model.prepare(&wide).unwrap(), "red").unwrap(), seen);
    assert_eq!(sized(OutputSize::Side(16)), seen);
    assert_eq!(sized(OutputSize::Side(27)).dimensions(), (41, 27), "no multiple of a halving");
    let place = model.clone().with_crop(Crop::At { left: 10, top: 20, side: 40 });
    let there = place.translate(&wide, "red").unwrap();
    for (x, y, pixel) in wide.to_rgb8().enumerate_pixels() {
        let inside = (10..70).contains(&x) && (20..60).contains(&y);
        assert!(inside || there.get_pixel(x, y).to_rgb() == *pixel, "{x} {y} is outside");
    }
    let error = place.translate(&photo(69, 60), "red").unwrap_err().to_string();
    assert!(error.contains("the part of 60 x 40 pixels at 10,20 reaches beyond"), "{error}");
    let grid = model.grid(&[wide.clone(), tall]).unwrap();
    assert_eq!((grid.cell, grid.image.dimensions()), ([16, 24], (3 * 24, 2 * 16)));
    assert_eq!(model.translate_batch(&[wide.clone(), photo(9, 9)], "red").unwrap().len(), 2);

    // The public code has such a generator, but no such discriminator.
    let (g, d) = (at("G.safetensors"), at("D.safetensors"));
    let error = model.export_pytorch(&g, Some(&d)).unwrap_err().to_string();
    assert!(error.contains("takes squares, this one images of 24x16 pixels"), "{error}");
    model.export_pytorch(&g, None::<&str>).unwrap();
    let public = PublicModel::open_with_head(&g, None::<&str>, Head::Mask).unwrap();
    let (spaces, transform) = (model.spaces().clone(), model.config().transform);
    let again = Translator::<Flex>::import(public, spaces, transform, &device).unwrap();
    let from_blue = |model: &Translator<Flex>| model.translate_from(&wide, "blue", "red").unwrap();
    assert_eq!(from_blue(&again), from_blue(&model));
    model.save(at("model.safetensors"), Parts::All).unwrap();
    let opened = Translator::<Flex>::open(at("model.safetensors"), &device).unwrap();
    assert_eq!(opened.translate(&wide, "red").unwrap(), model.translate(&wide, "red").unwrap());
}

#[test]
fn translations_are_measured_and_judged() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let run = folder.path().join("run");
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(run, config(&data), &Default::default()).unwrap();
    trainer.run(&data, &mut StopAfter(2)).unwrap();
    let model = trainer.translator();
    let judge = JudgeConfig::new(SIZE).with_iterations(2).with_base_channels(4);
    let judge = judge.train::<Cpu>(&data, &Default::default()).unwrap();
    assert_eq!(judge.image_size(), SIZE);
    let evaluation = Evaluator::new(&model, &data, 0).with_judge(&judge).measure().unwrap();
    assert!(evaluation.to_string().contains("judge's error"), "{evaluation}");
    // The images of one number are the same but for their colour.
    let pairs = Counterfactuals::between_classes(Arc::new(data.clone()), 0).unwrap();
    let scores = pairs.measure(&model).unwrap();
    assert!(scores.total.translated.get("ssim").is_some(), "11 x 11 pixels fit in 24 x 16");

    let square = JudgeConfig::new(16).with_iterations(1).with_base_channels(4);
    let square = square.train::<Cpu>(&data, &Default::default()).unwrap();
    let error = Evaluator::new(&model, &data, 0).with_judge(&square).measure().unwrap_err();
    let expected = "the judge takes 16 pixel images, the model makes 24x16 pixel ones";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn pairwise_models_take_rectangles_too() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let shared: Arc<dyn Dataset> = Arc::new(data);
    let domain = |name: &str| Subset::labelled(shared.clone(), name).unwrap();
    let both = Datasets::from(&domain("blue")).with(&domain("red"));
    let mut recipe = CycleGan::new(["blue", "red"]).with_image_size(SIZE);
    recipe.generator = recipe.generator.with_base_channels(4).with_residual_blocks(1);
    recipe.discriminator = recipe.discriminator.with_base_channels(4);
    let config = TrainingConfig::new(recipe).with_run(|run| run.with_batch_size(2));
    let run = folder.path().join("run");
    let mut trainer = Trainer::<Cpu, CycleGan>::new(&run, config, &Default::default()).unwrap();
    let stopped = trainer.run(&both, &mut StopAfter(3)).unwrap();
    drop(trainer);
    assert!(fs::metadata(checkpoint_of(&stopped)).is_ok());
    let mut trainer = Trainer::<Cpu, CycleGan>::resume(&run, &Default::default()).unwrap();
    trainer.run(&both, &mut StopAfter(5)).unwrap();
    let model = trainer.boxed_translator().unwrap();
    assert_eq!(model.transform().size, SIZE);
    let image = stargan::GridImage {
        image: photo(48, 32),
        label: Some(stargan::DomainLabel { dataset: 0, label: vec![1.0, 0.0] }),
    };
    assert_eq!(Grid::of_targets(&*model, &[image]).unwrap().cell, [16, 24]);
}

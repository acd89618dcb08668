//! Models of grey images and of such with opacity: trained, resumed exactly, opened, and what they
//! make of any photo.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use image::{DynamicImage, GenericImageView, Rgba, RgbaImage};
use stargan::burn::backend::Flex;
use stargan::metrics::{Counterfactuals, Evaluator, JudgeConfig};
use stargan::nn::Head;
use stargan::{
    Animation, Channels, CycleGan, Dataset, Datasets, Folder, GridImage, IdentityWarmup,
    LabelSpaces, OutputSize, Parts, Pix2Pix, PublicModel, StarGan, Subset, Trainer, TrainingConfig,
    Translator, load_image,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, one_at_a_time, tiny,
};

/// Red and blue discs of several sizes, and nothing around them.
fn discs(folder: &Path) -> Folder {
    for (class, colour) in [("blue", [20, 60, 220]), ("red", [220, 60, 20])] {
        let folder = folder.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..9 {
            disc(20, 5 + number % 4, colour).save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
    Folder::open(folder).unwrap()
}

fn disc(side: u32, radius: u32, [r, g, b]: [u8; 3]) -> DynamicImage {
    let distance = |at: u32| f64::from(at) - f64::from(side - 1) / 2.0;
    let pixel = |x, y| {
        let beyond = f64::from(radius) - distance(x).hypot(distance(y));
        // A colour that nobody sees is where it is transparent.
        let alpha = (255.0 * (beyond + 0.5).clamp(0.0, 1.0)) as u8;
        if alpha == 0 { Rgba([0, 255, 0, 0]) } else { Rgba([r, g, b, alpha]) }
    };
    RgbaImage::from_fn(side, side, pixel).into()
}

fn config(data: &Folder, channels: Channels) -> TrainingConfig<StarGan> {
    tiny(LabelSpaces::single(data.labels().clone()))
        .with_recipe(|recipe| recipe.with_channels(channels))
        .with_run(|run| run.with_augmentation("brightness=0.2,crop=0.2".parse().unwrap()))
}

fn channels_of(image: &DynamicImage) -> usize {
    usize::from(image.color().channel_count())
}

#[test]
fn models_of_any_channels_are_trained_resumed_saved_and_measured() {
    let _turn = one_at_a_time();
    let device = Default::default();
    for channels in [Channels::Grey, Channels::Rgba] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let data = discs(&at("data"));
        let config = config(&data, channels);
        let mut whole = Trainer::<Cpu, StarGan>::new(at("whole"), config.clone(), &device).unwrap();
        let expected = Content::of(checkpoint_of(&whole.run(&data, &mut ()).unwrap()));
        let mut halves = Trainer::<Cpu, StarGan>::new(at("run"), config, &device).unwrap();
        halves.run(&data, &mut StopAfter(10)).unwrap();
        drop(halves);
        let mut halves = Trainer::<Cpu, StarGan>::resume(at("run"), &device).unwrap();
        let found = Content::of(checkpoint_of(&halves.run(&data, &mut ()).unwrap()));
        assert!(found.tensors == expected.tensors, "20 iterations are 10 and 10");
        assert_eq!(found.description["transform"]["channels"], channels.count());

        let model = Translator::<Flex>::open(at("run"), &device).unwrap();
        assert_eq!(model.config().transform.channels, channels);
        for photo in [
            disc(50, 20, [220, 60, 20]),
            DynamicImage::new_rgb8(40, 30),
            DynamicImage::new_luma16(16, 16),
        ] {
            let own = model.translate(&photo, "blue").unwrap();
            let expected = match channels_of(&photo) {
                4 => 4, // its opacity stays
                _ => channels.count(),
            };
            assert_eq!((own.dimensions(), channels_of(&own)), (photo.dimensions(), expected));
            let model = model.clone().with_output_size(OutputSize::Model).unwrap();
            let seen = model.translate(&photo, "blue").unwrap();
            assert_eq!((seen.dimensions(), channels_of(&seen)), ((16, 16), channels.count()));
            let grid = model.grid(&[photo]).unwrap();
            assert_eq!(grid.image.dimensions(), (3 * 16, 16));
        }
        model.save(at("model.safetensors"), Parts::All).unwrap();
        let (g, d) = (at("G.safetensors"), at("D.safetensors"));
        model.export_pytorch(&g, Some(&d)).unwrap();
        let public = PublicModel::open_with_head(&g, Some(&d), Head::Mask).unwrap();
        let rgb = model.config().transform.with_channels(Channels::Rgb);
        let again = Translator::<Flex>::import(public, model.spaces().clone(), rgb, &device);
        let opened = Translator::<Flex>::open(at("model.safetensors"), &device);
        let photo = disc(50, 20, [220, 60, 20]);
        for other in [again.unwrap(), opened.unwrap()] {
            assert_eq!(other.config().transform, model.config().transform);
            let translated = other.translate_from(&photo, "red", "blue").unwrap();
            assert_eq!(translated, model.translate_from(&photo, "red", "blue").unwrap());
        }

        let judge = JudgeConfig::new(16).with_iterations(2).with_base_channels(4);
        let own = judge.clone().with_channels(channels).train::<Cpu>(&data, &device).unwrap();
        own.save(at("judge.safetensors")).unwrap();
        let own = stargan::metrics::Judge::open(at("judge.safetensors"), &device).unwrap();
        assert_eq!(own.channels(), channels);
        Evaluator::new(&model, &data, 0).with_judge(&own).measure().unwrap();
        let rgb = judge.train::<Cpu>(&data, &device).unwrap();
        let error = Evaluator::new(&model, &data, 0).with_judge(&rgb).measure().unwrap_err();
        let expected = format!("takes images of 3 channels, the model makes those of {channels}");
        assert!(error.to_string().contains(&expected), "{error}");
        let pairs = Counterfactuals::between_classes(Arc::new(data.clone()), 0).unwrap();
        assert!(pairs.measure(&model).unwrap().total.translated.get("ssim").is_some());

        // What begins from a model of other channels takes what lies between its ends.
        let other = config_of_other(&data, channels);
        let mut other = Trainer::<Cpu, StarGan>::new(at("other"), other, &device).unwrap();
        assert!(other.begin_from(&model).unwrap().weights > 0);
    }
}

fn config_of_other(data: &Folder, channels: Channels) -> TrainingConfig<StarGan> {
    match channels {
        Channels::Grey => config(data, Channels::Rgba),
        _ => config(data, Channels::Rgb),
    }
}

#[test]
fn opacity_is_learnt_and_kept() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = discs(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_recipe(|recipe| recipe.with_channels(Channels::Rgba).with_base_channels(8))
        .with_recipe(|recipe| {
            let warmup = IdentityWarmup { weight: 10.0, last_iteration: 100 };
            recipe.with_critic_steps(1).with_identity(Some(warmup))
        })
        .with_run(|run| run.with_iterations(120).with_learning_rate(2e-3));
    let run = folder.path().join("run");
    let mut trainer = Trainer::<Cpu, StarGan>::new(run, config, &Default::default()).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    let model = trainer.translator();
    let photo = disc(64, 20, [220, 60, 20]);
    let translated = model.translate_from(&photo, "red", "blue").unwrap();
    let opacity = |image: &DynamicImage, [x, y]: [u32; 2]| image.get_pixel(x, y).0[3];
    let (corner, centre) = (opacity(&translated, [3, 3]), opacity(&translated, [32, 32]));
    assert!(corner < 60 && centre > 195, "{corner} in the corner, {centre} in the centre");

    // In an animation too.
    let frames = model.interpolate(&photo, "red", "blue", 3).unwrap();
    let animation = Animation::new(frames, Duration::from_millis(40)).unwrap();
    let path = folder.path().join("moving.png");
    animation.save(&path).unwrap();
    assert!(Animation::open(&path).unwrap().unwrap() == animation);
    assert_eq!(channels_of(&load_image(&path).unwrap()), 4);
}

#[test]
fn a_model_of_rgb_leaves_the_opacity_of_a_photo() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");
    let model = Translator::<Flex>::open(model, &Default::default()).unwrap();
    for side in [64, 150] {
        let photo = disc(side, side / 3, [120, 90, 40]);
        let translated = model.translate(&photo, "Blond_Hair").unwrap();
        assert_ne!(translated, photo);
        for (x, y, pixel) in photo.as_rgba8().unwrap().enumerate_pixels() {
            assert_eq!(translated.get_pixel(x, y).0[3], pixel.0[3], "{x} {y}");
        }
        let seen = model.clone().with_output_size(OutputSize::Model).unwrap();
        assert_eq!(channels_of(&seen.translate(&photo, "Blond_Hair").unwrap()), 3);
    }
}

#[test]
fn pairwise_models_take_any_channels_too() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data: Arc<dyn Dataset> = Arc::new(colours(&folder.path().join("data")));
    let domain = |name: &str| Subset::labelled(data.clone(), name).unwrap();
    let both = || Datasets::from(&domain("blue")).with(&domain("red"));
    let image = || GridImage {
        image: disc(40, 10, [9, 9, 200]),
        label: Some(stargan::DomainLabel { dataset: 0, label: vec![1.0, 0.0] }),
    };
    for channels in [Channels::Grey, Channels::Rgba] {
        let mut recipe = CycleGan::new(["blue", "red"]).with_image_size(16).with_channels(channels);
        recipe.generator = recipe.generator.with_base_channels(4).with_residual_blocks(1);
        recipe.discriminator = recipe.discriminator.with_base_channels(4);
        let run = folder.path().join(format!("cyclegan{channels}"));
        let config = TrainingConfig::new(recipe).with_run(|run| run.with_batch_size(2));
        let mut trainer = Trainer::<Cpu, CycleGan>::new(&run, config, &Default::default()).unwrap();
        trainer.run(both(), &mut StopAfter(2)).unwrap();
        let [there, _] = trainer.directions();
        let translated = there.translate(&image().image).unwrap();
        assert_eq!(channels_of(&translated), channels.count());
        let model = trainer.boxed_translator().unwrap();
        assert_eq!(stargan::Grid::of_targets(&*model, &[image()]).unwrap().cell, [16, 16]);

        let mut recipe = Pix2Pix::new(["blue", "red"]).with_image_size(16).with_channels(channels);
        recipe.generator = recipe.generator.with_base_channels(4).with_residual_blocks(1);
        recipe.discriminator = recipe.discriminator.with_base_channels(4);
        let run = folder.path().join(format!("pix2pix{channels}"));
        let config = TrainingConfig::new(recipe).with_run(|run| run.with_batch_size(2));
        let mut trainer = Trainer::<Cpu, Pix2Pix>::new(&run, config, &Default::default()).unwrap();
        trainer.run(both(), &mut StopAfter(2)).unwrap();
        assert_eq!(
            channels_of(&trainer.direction().translate(&image().image).unwrap()),
            channels.count()
        );
    }
    let mut recipe = StarGan::new(LabelSpaces::single(crate::training::setup::face_labels()));
    recipe.generator.image_channels = 2;
    let error = TrainingConfig::new(recipe.clone()).check().unwrap_err().to_string();
    assert!(error.contains("image_channels: expected 1 (grey), 3 (RGB) or 4"), "{error}");
    recipe.generator.image_channels = 4;
    let error = TrainingConfig::new(recipe).check().unwrap_err().to_string();
    assert!(error.contains("image_channels are 3, the generator's images need 4"), "{error}");
}

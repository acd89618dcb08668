//! Training in half precision: what a run folder holds, and who refuses it.

use std::fs;
use std::path::Path;

use stargan::burn::backend::{Autodiff, Flex, NdArray};
use stargan::{
    Dataset, LabelSpaces, Observer, Precision, StarGan, StarGanV2, StyleTranslator, Trainer,
    Translator,
};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, one_at_a_time, tiny,
};
use crate::training::styles;

#[test]
fn a_run_in_half_precision_goes_on_as_if_it_had_not_been_stopped() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    for precision in [Precision::BFloat16, Precision::Float16] {
        let config = tiny(LabelSpaces::single(data.labels().clone()))
            .with_run(|run| run.with_precision(precision).with_iterations(6));
        let run = |name: &str| folder.path().join(format!("{precision:?}-{name}"));
        let train = |trainer: &mut Trainer<Cpu, StarGan>, observer: &mut dyn Observer<Cpu>| {
            let outcome = trainer.run(&data, observer).unwrap();
            (Content::of(checkpoint_of(&outcome)), trainer.loss_scale())
        };
        let begin = |name| Trainer::new(run(name), config.clone(), &Default::default()).unwrap();
        let (expected, scale) = train(&mut begin("whole"), &mut ());
        train(&mut begin("parts"), &mut StopAfter(3));
        let mut resumed = Trainer::resume(run("parts"), &Default::default()).unwrap();
        let (found, resumed_scale) = train(&mut resumed, &mut ());
        assert!(found.tensors == expected.tensors, "{precision:?}: other weights");
        assert_eq!(resumed_scale, scale);
        assert_eq!(scale > 1.0, precision == Precision::Float16);
        // Files and translations are float32, and those of a file are the trainer's.
        let opened = Translator::<Flex>::open(run("parts"), &Default::default());
        let image = data.load(0).unwrap();
        let [of_file, of_run] = [opened.unwrap(), resumed.translator()]
            .map(|translator| translator.translate(&image, "red").unwrap());
        assert_eq!(of_file, of_run);
    }
}

#[test]
fn a_run_of_styles_in_half_precision_goes_on_as_if_it_had_not_been_stopped() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = styles::tiny(&data)
        .with_run(|run| run.with_precision(Precision::Float16).with_iterations(4));
    let run = |name: &str| folder.path().join(name);
    let begin = |name| Trainer::new(run(name), config.clone(), &Default::default()).unwrap();
    let train = |trainer: &mut Trainer<Cpu, StarGanV2>, observer: &mut dyn Observer<Cpu>| {
        let outcome = trainer.run(&data, observer).unwrap();
        Content::of(checkpoint_of(&outcome))
    };
    let expected = train(&mut begin("whole"), &mut ());
    train(&mut begin("parts"), &mut StopAfter(2));
    let mut resumed = Trainer::resume(run("parts"), &Default::default()).unwrap();
    let found = train(&mut resumed, &mut ());
    assert!(resumed.loss_scale() > 1.0, "the losses are not scaled");
    assert!(found.tensors == expected.tensors, "other weights");
    // Files and translations are float32, and those of a file are the trainer's.
    let opened = StyleTranslator::<Flex>::open(run("parts"), &Default::default()).unwrap();
    let image = data.load(0).unwrap();
    let translated = |translator: StyleTranslator<Flex>| {
        let style = translator.latent_style(0, 1);
        translator.translate(&image, style).unwrap()
    };
    let expected = translated(opened.clone());
    assert_eq!(translated(resumed.translator()), expected);
    let half = opened.with_precision(Precision::BFloat16).unwrap();
    assert!(translated(half) != expected, "translated in float32");
}

#[test]
fn a_gradient_beyond_float16_leaves_the_update_out_and_lowers_the_scale() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let mut config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_precision(Precision::Float16).with_iterations(40));
    // By which the gradients of D are infinite at the first scale, and at many below.
    config.recipe.weights.domain = 1e8;
    let begin = |name, iterations| {
        let config = config.clone().with_run(|run| run.with_iterations(iterations));
        let run = folder.path().join(name);
        Trainer::<Cpu, StarGan>::new(run, config, &Default::default()).unwrap()
    };
    let mut first = begin("first", 1);
    first.run(&data, &mut ()).unwrap();
    assert_eq!((first.loss_scale(), first.updates_left_out()), (32_768.0, 1));
    let content = Content::of(&folder.path().join("first/checkpoints/00000001.safetensors"));
    assert!(!content.tensors.keys().any(|name| name.starts_with("adam.")), "an update was made");
    // It goes down until there are updates, however far that is, and does not end the run.
    let mut trainer = begin("run", 40);
    trainer.run(&data, &mut ()).unwrap();
    let (scale, left_out) = (trainer.loss_scale(), trainer.updates_left_out());
    assert!(scale < 1.0 && left_out < 40, "{scale}, {left_out} updates left out");
    let content = Content::of(&folder.path().join("run/checkpoints/00000040.safetensors"));
    assert!(content.tensors.keys().any(|name| name.starts_with("adam.discriminator")));
}

#[test]
fn a_run_goes_on_in_another_precision_and_with_no_other_scale() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_precision(Precision::Float16).with_iterations(2));
    let run = folder.path().join("run");
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    drop(trainer);
    let elsewhere =
        |run: &Path| Trainer::<Autodiff<NdArray>, StarGan>::resume(run, &Default::default());
    let error = elsewhere(&run).unwrap_err().to_string();
    assert!(error.contains("does not compute in: choose float32; config.json"), "{error}");
    let file = run.join("config.json");
    let edited = fs::read_to_string(&file).unwrap().replace("float16", "float32");
    fs::write(&file, edited).unwrap();
    let mut resumed = elsewhere(&run).unwrap();
    assert_eq!(
        resumed.changes(),
        ["after iteration 2: run.precision is \"float32\", was \"float16\""]
    );
    resumed.set_run(|run| run.with_iterations(3)).unwrap();
    resumed.run(&data, &mut ()).unwrap();
    assert_eq!(resumed.loss_scale(), 1.0);
}

#[test]
fn backends_without_it_refuse_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_precision(Precision::BFloat16));
    let run = folder.path().join("run");
    let refused = Trainer::<Autodiff<NdArray>, StarGan>::new(&run, config, &Default::default());
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("precision is bfloat16, which ndarray does not compute in"), "{error}");
    assert!(error.ends_with("choose float32"), "{error}");
    assert!(!run.exists(), "something is written");
}

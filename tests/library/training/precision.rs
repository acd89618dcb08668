//! Training in half precision: what a run folder holds, and who refuses it.

use stargan::burn::backend::{Autodiff, Flex, NdArray};
use stargan::{Dataset, LabelSpaces, Observer, Precision, StarGan, Trainer, Translator};

use crate::training::setup::{
    Content, Cpu, StopAfter, checkpoint_of, colours, one_at_a_time, tiny,
};

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
        let image = data.load(0).unwrap().into();
        let [of_file, of_run] = [opened.unwrap(), resumed.translator()]
            .map(|translator| translator.translate(&image, "red").unwrap());
        assert_eq!(of_file, of_run);
    }
}

#[test]
fn a_gradient_beyond_float16_leaves_the_update_out_and_lowers_the_scale() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    // Weights of the terms by which every gradient is infinite at the first scale.
    let mut config = tiny(LabelSpaces::single(data.labels().clone()))
        .with_run(|run| run.with_precision(Precision::Float16).with_iterations(1));
    config.recipe.weights.domain = 1e6;
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(folder.path().join("run"), config, &Default::default())
            .unwrap();
    trainer.run(&data, &mut ()).unwrap();
    assert_eq!(trainer.loss_scale(), 32_768.0);
    let checkpoint = folder.path().join("run/checkpoints/00000001.safetensors");
    let content = Content::of(&checkpoint);
    assert!(!content.tensors.keys().any(|name| name.starts_with("adam.")), "an update was made");
}

#[test]
fn backends_and_recipes_without_it_refuse_it() {
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

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};

use super::*;
use crate::data::celeba::CelebA;
use crate::data::crop::Crop;
use crate::data::folder::Folder;
use crate::labels::spaces::LabelSpaces;
use crate::metrics::untrained::untrained;
use crate::translate::relabel::Relabelling;
use crate::translate::translator::Translator;

const EXPRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions");

fn judge(data: &Folder, iterations: u64) -> Judge<Flex> {
    let config = JudgeConfig::new(16).with_base_channels(8).with_iterations(iterations);
    config.train::<Autodiff<Flex>>(data, &Default::default()).unwrap()
}

/// A translator that sees to it that no image is asked for its own label.
#[derive(Debug)]
struct Spy(Translator<Flex>);

impl Translate<Flex> for Spy {
    fn spaces(&self) -> &LabelSpaces {
        self.0.spaces()
    }
    fn transform(&self) -> Transform {
        // For images that come as they are, not for those of a dataset.
        Transform { crop: Crop::Centre(8), ..self.0.transform() }
    }
    fn device(&self) -> &FlexDevice {
        self.0.device()
    }
    fn relabel(
        &self,
        images: Tensor<Flex, 4>,
        dataset: usize,
        labels: &[Relabelling<'_>],
    ) -> Tensor<Flex, 4> {
        assert_eq!(dataset, 0);
        assert!(labels.iter().all(|labels| labels.source != labels.target));
        let targets = labels.iter().map(|labels| labels.target.to_vec()).collect::<Vec<_>>();
        self.0.forward_conditions(images, &targets)
    }
}

#[test]
fn it_learns_to_read_expressions_of_people_it_has_not_seen() {
    let _turn = crate::tests::one_at_a_time();
    let train = Folder::open(format!("{EXPRESSIONS}/train")).unwrap();
    let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
    let accuracy = judge(&train, 200).accuracy(&test).unwrap();
    assert_eq!(accuracy.by_name.len(), 5);
    assert!(accuracy.by_name.iter().all(|(_, agreement)| agreement.n == 50));
    let total = accuracy.total();
    assert_eq!(total.n, 250);
    // Guessing reads 20 % rightly, and no luck with 250 images makes that 60 %.
    assert!(total.share() > Some(0.6), "{accuracy:?}");
}

#[test]
fn translations_count_for_the_label_asked_for_and_never_for_the_own_one() {
    let _turn = crate::tests::one_at_a_time();
    let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
    let transform = Transform::new(Crop::Square, 16.into());
    let translator = untrained(LabelSpaces::single(test.labels().clone()), transform);
    let judge = judge(&test, 1);
    let readings = judge.measure(&translator, &test, 0).unwrap();
    // 50 people in 5 expressions: each class is asked for by the 200 images of the others.
    assert!(readings.by_name.iter().all(|(_, agreement)| agreement.n == 200), "{readings:?}");

    let spied = Spy(translator.clone());
    assert_eq!(judge.measure(&spied, &test, 0).unwrap(), readings);

    let larger = JudgeConfig::new(32).with_iterations(1);
    let larger = larger.train::<Autodiff<Flex>>(&test, &Default::default()).unwrap();
    let error = larger.measure(&translator, &test, 0).unwrap_err().to_string();
    assert!(error.contains("takes 32 pixel images, the model makes 16"), "{error}");
    assert!(judge.measure(&translator, &test, 1).is_err(), "there is one dataset");

    for (config, expected) in [
        (JudgeConfig::new(16).with_iterations(0), "at least 1 iteration"),
        (JudgeConfig::new(16).with_learning_rate(f64::NAN), "a learning rate"),
        (JudgeConfig::new(17), "divisible"),
    ] {
        let error = config.train::<Autodiff<Flex>>(&test, &Default::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let two = Datasets::from(&test).with(&test);
    let error = JudgeConfig::new(16).train::<Autodiff<Flex>>(two, &Default::default());
    assert!(error.unwrap_err().to_string().contains("of one dataset, found 2"));
}

#[test]
fn a_saved_judge_reads_as_before_and_is_no_model() {
    let _turn = crate::tests::one_at_a_time();
    let test = Folder::open(format!("{EXPRESSIONS}/test")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judge.safetensors");
    let judge = judge(&test, 2);
    judge.save(&path).unwrap();
    let opened = Judge::<Flex>::open(&path, &Default::default()).unwrap();
    assert_eq!((opened.labels(), opened.image_size()), (judge.labels(), 16.into()));
    assert_eq!(opened.accuracy(&test).unwrap(), judge.accuracy(&test).unwrap());
    assert!(judge.save(&path).unwrap_err().to_string().contains("exists"));
    let error = Translator::<Flex>::open(&path, &Default::default()).unwrap_err().to_string();
    assert!(error.contains("its description is invalid"), "{error}");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");
    let error = Judge::<Flex>::open(model, &Default::default()).unwrap_err().to_string();
    assert!(error.contains("missing field `judge`"), "{error}");
}

#[test]
fn attributes_count_one_by_one() {
    let _turn = crate::tests::one_at_a_time();
    let labels = LabelSpace::attributes(["Male", "Eyeglasses"]);
    let faces = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces");
    let open = |part: &str| CelebA::open(format!("{faces}/{part}"), &labels).unwrap();
    let config = JudgeConfig::new(16).with_base_channels(8).with_iterations(150);
    let judge = config.train::<Autodiff<Flex>>(&open("train"), &Default::default()).unwrap();
    let test = open("test");
    let accuracy = judge.accuracy(&test).unwrap();
    assert!(accuracy.by_name.iter().all(|(_, agreement)| agreement.n == test.len()));
    // Half of the faces wear glasses, which cover a tenth of the picture.
    assert!(accuracy.by_name[1].1.share() > Some(0.8), "{accuracy:?}");
}

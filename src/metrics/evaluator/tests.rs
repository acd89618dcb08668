use std::sync::Arc;

use burn::backend::{Autodiff, Flex};

use super::*;
use crate::data::celeba::CelebA;
use crate::data::crop::Crop;
use crate::data::datasets::Datasets;
use crate::data::folder::Folder;
use crate::data::size::ImageSize;
use crate::data::subset::Subset;
use crate::data::transform::Transform;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::metrics::judge::JudgeConfig;
use crate::metrics::measured::Measured;
use crate::metrics::untrained::untrained;
use crate::tests::broken::Broken;

const SIZE: usize = 16;

const TRANSFORM: Transform = Transform::new(Crop::Square, ImageSize::square(SIZE));

/// Of errors that are computed one way or the other in 32 bits.
const TOLERANCE: f64 = 1e-5;

fn expressions() -> Folder {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions/test");
    Folder::open(data).unwrap()
}

fn judge(data: impl Into<Datasets>) -> Judge<Flex> {
    let config = JudgeConfig::new(SIZE).with_base_channels(4).with_iterations(2);
    config.train::<Autodiff<Flex>>(data, &Default::default()).unwrap()
}

/// A generator that is told nothing but labels: the judge, the identity and the way back by hand.
#[test]
fn classes_are_measured_as_by_hand() {
    let _turn = crate::tests::one_at_a_time();
    let data = expressions();
    let spaces = LabelSpaces::joint([
        ("faces", LabelSpace::attributes(["Male"])),
        ("expressions", data.labels().clone()),
    ]);
    // The model's own crop is for images that come as they are.
    let transform = Transform { crop: Crop::Centre(8), ..TRANSFORM };
    let translator = untrained(spaces.unwrap(), transform);
    let judge = judge(&data);
    let found = Evaluator::new(&translator, &data, 1).with_judge(&judge).measure().unwrap();

    // 50 people in 5 expressions: each class is asked for by the 200 images of the others.
    assert_eq!((found.identity_l1.n, found.reconstruction_l1.n), (250, 1000));
    let judged = judge.measure(&translator, &data, 1).unwrap();
    let accuracy = judge.accuracy(&data).unwrap();
    for (at, target) in found.targets.iter().enumerate() {
        assert_eq!(&target.name, &data.labels().names()[at]);
        let errors = target.judge_error.unwrap();
        assert_eq!(errors.translated, judged.by_name[at].1.into(), "{}", target.name);
        assert_eq!(errors.real, accuracy.by_name[at].1.into(), "{}", target.name);
        assert_eq!((errors.nothing.n, target.reconstruction_l1.n), (200, 200));
    }
    assert_eq!(found.judge_error.unwrap().real, accuracy.total().into());

    let [mut identity, mut back] = [Mean::default(), Mean::default()];
    for image in 0..data.len() {
        let own = translator.spaces().condition(1, data.label(image));
        let real = TRANSFORM.resize(&data.load_cropped(image, TRANSFORM.size).unwrap());
        let real = upload(&[real], translator.device());
        let distance = |image: Tensor<Flex, 4>| {
            f64::from((image - real.clone()).abs().mean().into_scalar()) / 2.0
        };
        let translated = |image: Tensor<Flex, 4>, condition: &[f32]| {
            translator.forward_conditions(image, &[condition.to_vec()])
        };
        identity.add(distance(translated(real.clone(), &own)));
        for asked in asked_of(&data, image) {
            let there = translator.spaces().condition(1, &asked.label);
            back.add(distance(translated(translated(real.clone(), &there), &own)));
        }
    }
    for (found, expected) in [(found.identity_l1, identity), (found.reconstruction_l1, back)] {
        let (found, expected) = (found.value.unwrap(), expected.value().unwrap());
        assert!((found - expected).abs() < TOLERANCE, "{found}, expected {expected}");
    }

    // From the data's own images: real ones have nothing to be compared with.
    assert_eq!(found.frechet_judge_features.len(), 5);
    for distance in &found.frechet_judge_features {
        assert_eq!((distance.reference, distance.translated.n, distance.real.n), (50, 200, 0));
        assert!(distance.translated.value.unwrap() > 0.0);
    }
    let table = found.to_string();
    assert!(table.contains("\nhappy ") && table.contains("(judge features)"), "{table}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["targets"][0]["judge_error"]["translated"]["n"], 200);
    assert_eq!(serde_json::from_value::<Evaluation>(json).unwrap(), found);
}

#[test]
fn free_attributes_have_two_domains_and_a_reference_scores_nothing_from_itself() {
    let _turn = crate::tests::one_at_a_time();
    let hair = ["Black_Hair", "Blond_Hair", "Brown_Hair"];
    let labels = LabelSpace::attributes(hair).with("Male").exclusive(hair).unwrap();
    let faces = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/test");
    let data = CelebA::open(faces, &labels).unwrap();
    let translator = untrained(LabelSpaces::single(labels), TRANSFORM);
    let judge = judge(&data);
    let evaluator = Evaluator::new(&translator, &data, 0);
    let found = evaluator.with_judge(&judge).with_reference(&data).measure().unwrap();
    let spaces: Vec<_> = found.frechet_judge_features.iter().map(|d| &d.domain[..]).collect();
    assert_eq!(spaces, ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "-Male"]);
    let [male, female] = [3, 4].map(|at| &found.frechet_judge_features[at]);
    assert_eq!(male.reference + female.reference, data.len());
    // Every image is asked to be what it is not.
    assert_eq!((male.translated.n, female.translated.n), (female.reference, male.reference));
    for distance in &found.frechet_judge_features {
        assert_eq!(distance.real.n, distance.reference);
        assert!(distance.real.value.unwrap() < 1e-6, "{distance:?}: the reference itself");
    }
    assert_eq!(found.targets[3].reconstruction_l1.n, data.len());
}

#[test]
fn without_a_judge_only_pixels_are_measured_and_other_labels_are_refused() {
    let _turn = crate::tests::one_at_a_time();
    let data = expressions();
    let translator = untrained(LabelSpaces::single(data.labels().clone()), TRANSFORM);
    let found = Evaluator::new(&translator, &data, 0).measure().unwrap();
    assert!(found.judge_error.is_none() && found.frechet_judge_features.is_empty());
    assert!(!found.to_string().contains("judge"));

    let other = untrained(LabelSpaces::single(LabelSpace::attributes(["Male"])), TRANSFORM);
    assert!(Evaluator::new(&other, &data, 0).measure().is_err());
    let config = JudgeConfig::new(32).with_base_channels(4).with_iterations(1);
    let large = config.train::<Autodiff<Flex>>(&data, &Default::default()).unwrap();
    let error = Evaluator::new(&translator, &data, 0).with_judge(&large).measure().unwrap_err();
    assert!(error.to_string().contains("takes 32 pixel images"), "{error}");
}

#[test]
fn unreadable_images_end_an_evaluation_or_are_left_out_and_said() {
    let _turn = crate::tests::one_at_a_time();
    let data = expressions();
    let translator = untrained(LabelSpaces::single(data.labels().clone()), TRANSFORM);
    let judge = judge(&data);
    // One in the middle of a chunk, and a whole chunk.
    let broken: Vec<usize> = [5].into_iter().chain(CHUNK..2 * CHUNK).collect();
    let readable = (0..data.len()).filter(|image| !broken.contains(image));
    let rest = Subset::new(Arc::new(data.clone()), readable).unwrap();
    let data = Broken { data, broken };
    let evaluator = |data| Evaluator::new(&translator, data, 0).with_judge(&judge);
    let error = evaluator(&data as &dyn Dataset).measure().unwrap_err().to_string();
    assert_eq!(error, "angry/0010.png: broken");

    let skip = UnreadablePolicy::Skip;
    let reference =
        |evaluator: Evaluator<'_, Flex>| evaluator.with_on_unreadable(skip).measure().unwrap();
    let found = reference(evaluator(&data).with_reference(&data));
    assert_eq!((found.unreadable.len(), found.identity_l1.n), (17, 233));
    let expected = reference(evaluator(&rest).with_reference(&rest));
    assert!(expected.unreadable.is_empty());
    // The same images, but in other batches.
    assert_eq!(found.judge_error, expected.judge_error);
    let close = |a: Measured, b: Measured| (a.value.unwrap() - b.value.unwrap()).abs() < TOLERANCE;
    assert!(close(found.identity_l1, expected.identity_l1));
    assert!(close(found.reconstruction_l1, expected.reconstruction_l1));
    let [a, b] = [&found, &expected].map(|found| &found.frechet_judge_features[0]);
    assert_eq!((a.reference, a.translated.n, a.real.n), (b.reference, b.translated.n, b.real.n));

    let table = found.to_string();
    assert!(table.contains("17 image(s) could not be read and are left out of all"), "{table}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["unreadable"]["angry/0010.png"], "angry/0010.png: broken");
    assert!(serde_json::to_value(&expected).unwrap().get("unreadable").is_none());
    assert_eq!(serde_json::from_value::<Evaluation>(json).unwrap(), found);
}

//! The shipped model does what the documentation says of it.

use std::sync::Arc;

use stargan::burn::backend::Flex;
use stargan::metrics::{CounterfactualScores, Counterfactuals, Evaluator};
use stargan::{CelebA, LabelSpace, StyleTranslator, Subset, Translate, Translator};

use crate::training::setup::BUNDLED;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");

/// What `quickstart --v2` leaves.
const STYLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/styles32.safetensors");

/// Of errors in `[0, 1]`: the sums' order may differ from machine to machine, a rounded pixel with
/// it.
const TOLERANCE: f64 = 1e-4;

/// That `translator` scores what was measured when the model in the file `path` was made, of so
/// many changes and their total.
fn check_scores(path: &str, translator: &dyn Translate<Flex>, changes: usize) {
    let faces = format!("{BUNDLED}/faces/test");
    let test = Arc::new(CelebA::open(&faces, translator.spaces().space(0)).unwrap());
    let pairs = Counterfactuals::open(format!("{faces}/pairs.csv"), test, 0).unwrap();
    let found = pairs.measure(translator).unwrap();
    let measured = path.replace(".safetensors", ".metrics.json");
    let expected: CounterfactualScores =
        serde_json::from_str(&std::fs::read_to_string(measured).unwrap()).unwrap();
    assert_eq!(found.rows().count(), changes + 1);
    for ((change, found), (name, expected)) in found.rows().zip(expected.rows()) {
        assert_eq!((change, found.n), (name, expected.n));
        for measure in ["inside", "outside"] {
            let [found, expected] =
                [found, expected].map(|scores| scores.translated.get(measure).unwrap());
            assert!((found - expected).abs() <= TOLERANCE, "{change}: {found} is not {expected}");
        }
    }
}

#[test]
fn the_shipped_model_scores_what_its_metrics_say() {
    let translator = Translator::<Flex>::open(MODEL, &Default::default()).unwrap();
    let labels: &LabelSpace = translator.spaces().space(0);
    let tutorial = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];
    assert_eq!(labels.names()[..5], tutorial);
    assert_eq!(labels.names()[5..], ["Eyeglasses", "Beard"]);
    // Hair, young, glasses and beard.
    check_scores(MODEL, &translator, 4);
}

#[test]
fn the_shipped_model_of_styles_scores_what_its_metrics_say_and_its_styles_differ() {
    let translator = StyleTranslator::<Flex>::open(STYLES, &Default::default()).unwrap();
    check_scores(STYLES, &translator, 1);
    let labels = translator.spaces().space(0).clone();
    let test = CelebA::open(format!("{BUNDLED}/faces/test"), &labels).unwrap();
    let some = Subset::new(Arc::new(test), 0..10).unwrap();
    let diversity = Evaluator::new(&translator, &some, 0).measure().unwrap().diversity.unwrap();
    assert_eq!((diversity.styles, diversity.l1.n), (3, 60));
    assert!(diversity.l1.value.unwrap() > 0.03, "{diversity:?}");
}

#[test]
fn the_shipped_model_reads_the_hair_of_faces_it_never_saw() {
    let translator = Translator::<Flex>::open(MODEL, &Default::default()).unwrap();
    let labels = translator.spaces().space(0).clone();
    let faces = format!("{BUNDLED}/faces/test");
    let test = CelebA::open(&faces, &labels).unwrap();
    let people = 20;
    let right = (0..people)
        .filter(|&index| {
            let image = image::open(test.path(index)).unwrap();
            let predicted = translator.predict(&image, 0).unwrap();
            predicted[..3] == stargan::Dataset::label(&test, index)[..3]
        })
        .count();
    assert!(right >= people * 9 / 10, "{right} of {people}");
}

//! A translator whose backend is chosen when the program runs does what the others do.

use std::time::Duration;

use image::DynamicImage;
use stargan::burn::backend::Flex;
use stargan::{
    Animation, AnyTranslator, BackendKind, Crop, OutputSize, Precision, Translator, load_image,
};

use crate::training::setup::BUNDLED;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");

/// Levels of 255 between two backends, whose sums are rounded in another order.
const LEVELS: u8 = 1;

fn face(number: usize) -> DynamicImage {
    load_image(format!("{BUNDLED}/faces/test/images/{number:05}.png")).unwrap()
}

#[test]
fn it_does_what_a_translator_does() {
    let any = AnyTranslator::open(MODEL, BackendKind::Flex).unwrap();
    let own = Translator::<Flex>::open(MODEL, &Default::default()).unwrap();
    let (face, other) = (face(3), face(4));
    let edit = "Blond_Hair";
    assert_eq!(any.config(), own.config());
    assert_eq!(any.translate(&face, edit).unwrap(), own.translate(&face, edit).unwrap());
    let batch = [face.clone(), other.clone()];
    let expected = own.translate_batch(&batch, edit).unwrap();
    assert_eq!(any.translate_batch(&batch, edit).unwrap(), expected);
    let each = any.translate_each(&[(&face, edit), (&other, "Mael")]);
    assert!(each[0].as_ref().unwrap() == &expected[0] && each[1].is_err());
    let source = "Black_Hair,Male";
    assert_eq!(
        any.translate_from(&face, source, edit).unwrap(),
        own.translate_from(&face, source, edit).unwrap()
    );
    assert_eq!(
        any.interpolate(&face, "", edit, 3).unwrap(),
        own.interpolate(&face, "", edit, 3).unwrap()
    );
    assert_eq!(any.predict(&face, 0).unwrap(), own.predict(&face, 0).unwrap());
    assert_eq!(any.scores(&face, 0).unwrap(), own.scores(&face, 0).unwrap());
    assert_eq!(any.grid(&batch).unwrap().image, own.grid(&batch).unwrap().image);
    assert_eq!(
        any.grid_of_edits(&batch, None, &[edit]).unwrap().image,
        own.grid_of_edits(&batch, None, &[edit]).unwrap().image
    );
    any.check_edit(None, "Mael").unwrap_err();
    assert_eq!(
        any.translate_masked(&face, Some(source), edit).unwrap(),
        own.translate_masked(&face, Some(source), edit).unwrap()
    );
    let film = Animation::new(vec![face.clone(), other], Duration::from_millis(40)).unwrap();
    assert_eq!(
        any.translate_animation_masked(&film, None, edit).unwrap(),
        own.translate_animation_masked(&film, None, edit).unwrap()
    );
    any.check_mask().unwrap_err();
    any.masked_grid(&batch, None, &[edit]).unwrap_err();

    let crop = Crop::At { left: 4, top: 4, side: 50 };
    let cropped = any.clone().with_crop(crop).with_output_size(OutputSize::Model).unwrap();
    let own = own.with_crop(crop).with_output_size(OutputSize::Model).unwrap();
    assert_eq!(
        (cropped.transform_of(64, 64).crop, cropped.output_size()),
        (crop, OutputSize::Model)
    );
    assert_eq!(cropped.translate(&face, edit).unwrap(), own.translate(&face, edit).unwrap());
    assert_eq!(any.output_size(), OutputSize::Photo, "another value, of the same weights");
    any.with_precision(Precision::Float32).unwrap();
}

#[test]
fn every_backend_that_is_compiled_in_opens_a_model_and_the_others_say_why_not() {
    let bytes = std::fs::read(MODEL).unwrap();
    let own = Translator::<Flex>::open(MODEL, &Default::default()).unwrap();
    let expected = own.translate(&face(3), "Blond_Hair").unwrap();
    for backend in BackendKind::ALL {
        match AnyTranslator::from_bytes(&bytes, backend) {
            // A GPU, whose rounding is another, may not be there.
            Ok(_) if !backend.is_cpu() => {}
            Ok(model) => {
                let found = model.translate(&face(3), "Blond_Hair").unwrap();
                let pairs = found.as_bytes().iter().zip(expected.as_bytes());
                let furthest = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(furthest <= LEVELS, "{backend}: {furthest}");
            }
            Err(error) => {
                assert!(!backend.is_available(), "{backend}: {error}");
                assert!(error.to_string().contains(&format!("feature {backend}")), "{error}");
            }
        }
    }
    AnyTranslator::open("absent", BackendKind::Flex).unwrap_err();
    AnyTranslator::from_bytes(b"", BackendKind::Flex).unwrap_err();
}

//! Films: all of their frames are translated alike, with what is read of some of them.

use std::time::Duration;

use image::{DynamicImage, Rgb, RgbImage};
use stargan::burn::backend::Flex;
use stargan::{Animation, OutputSize, Translator, load_image};

use crate::alike::assert_alike;
use crate::training::setup::BUNDLED;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models/faces64.safetensors");

fn model(size: OutputSize) -> Translator<Flex> {
    let model = Translator::open(MODEL, &Default::default()).unwrap();
    model.with_output_size(size).unwrap()
}

fn face(number: usize) -> DynamicImage {
    load_image(format!("{BUNDLED}/faces/test/images/{number:05}.png")).unwrap()
}

/// At 150 pixels, with a margin.
fn large(number: usize) -> DynamicImage {
    face(number).resize(150, 150, image::imageops::FilterType::Triangle)
}

#[test]
fn one_frame_is_translated_as_an_image() {
    let model = model(OutputSize::Photo);
    for source in [None, Some("Black_Hair,Male")] {
        let film = model.sequence(&[large(3)], source, "Blond_Hair").unwrap();
        let expected = match source {
            None => model.translate(&large(3), "Blond_Hair").unwrap(),
            Some(source) => model.translate_from(&large(3), source, "Blond_Hair").unwrap(),
        };
        assert_eq!(film.translate(&large(3)).unwrap(), expected, "{source:?}");
    }
    let error = model.sequence(&[], None, "Blond_Hair").unwrap_err().to_string();
    assert_eq!(error, "a sequence needs at least one frame");
    model.sequence(&[large(3)], None, "Blonde").unwrap_err();
}

#[test]
fn all_frames_have_the_label_of_those_that_were_read() {
    let model = model(OutputSize::Model);
    let labels: Vec<_> = (0..8).map(|number| model.predict(&face(number), 0).unwrap()).collect();
    let other = (1..8).find(|number| labels[*number] != labels[0]).expect("people differ");
    let film = model.sequence(&[face(0)], None, "Eyeglasses").unwrap();
    let edit = &model.spaces().edits("Eyeglasses").unwrap()[0].edit;
    let condition = model.spaces().condition(0, &edit.apply(&labels[0]));
    let expected = model.translate_conditions(&face(other), &[condition]).unwrap().remove(0);
    assert_eq!(film.translate(&face(other)).unwrap(), expected);
    assert_ne!(model.translate(&face(other), "Eyeglasses").unwrap(), expected);

    // Most of them decide.
    let most = [face(0), face(0), face(0), face(other)];
    let film = model.sequence(&most, None, "Eyeglasses").unwrap();
    assert_eq!(film.translate(&face(other)).unwrap(), expected);
}

#[test]
fn what_is_a_change_is_the_same_in_all_frames() {
    let model = model(OutputSize::Photo);
    let film = model.sequence(&[large(3)], None, "Black_Hair").unwrap();
    // Of another face the threshold of its own is another one.
    let differs = (0..8).any(|number| {
        let source = model.predict(&large(3), 0).unwrap();
        let edit = &model.spaces().edits("Black_Hair").unwrap()[0].edit;
        let condition = model.spaces().condition(0, &edit.apply(&source));
        let own = model.translate_conditions(&large(number), &[condition]).unwrap().remove(0);
        film.translate(&large(number)).unwrap() != own
    });
    assert!(differs);
    let batch = film.translate_batch(&[large(1), large(2)]).unwrap();
    for (found, number) in batch.iter().zip([1, 2]) {
        assert_alike(found, &film.translate(&large(number)).unwrap());
    }
}

#[test]
fn an_animation_keeps_frames_delays_and_size() {
    let model = model(OutputSize::Photo);
    let face = large(3).to_rgb8();
    let frame = |level: u8| {
        let darker = |x, y| Rgb(face[(x, y)].0.map(|v: u8| v.saturating_sub(level)));
        DynamicImage::from(RgbImage::from_fn(150, 150, darker))
    };
    let frames: Vec<_> = (0..20).map(frame).collect();
    let film = Animation::new(frames.clone(), Duration::from_millis(30)).unwrap();
    let translated = model.translate_animation(&film, None, "Black_Hair").unwrap();
    assert_eq!(translated.delays(), film.delays());
    let some: Vec<DynamicImage> = frames.iter().step_by(2).cloned().collect();
    let sequence = model.sequence(&some, None, "Black_Hair").unwrap();
    for (frame, translated) in frames.into_iter().zip(translated.frames()) {
        assert_ne!(&frame, translated);
        assert_alike(translated, &sequence.translate(&frame).unwrap());
    }
}

#[test]
fn an_interpolation_begins_and_ends_with_its_translations() {
    let model = model(OutputSize::Photo);
    let frames = model.interpolate(&large(3), "", "Black_Hair", 5).unwrap();
    assert_alike(&frames[4], &model.translate(&large(3), "Black_Hair").unwrap());
    let own = model.predict(&large(3), 0).unwrap();
    let own = model.spaces().condition(0, &own);
    assert_alike(&frames[0], &model.translate_conditions(&large(3), &[own]).unwrap()[0]);
    let way = |frame: &DynamicImage| -> u64 {
        let pairs = frame.as_bytes().iter().zip(frames[0].as_bytes());
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    assert!(frames.iter().map(way).is_sorted(), "each goes further");
}

//! What a program asks of a model: probabilities, frames between edits, edits of many images at
//! once, and the model itself as bytes.

use image::DynamicImage;
use stargan::burn::backend::Flex;
use stargan::{
    DomainLabel, LabelKind, LabelSpaces, Parts, StarGan, Trainer, Translator, load_image,
};

use crate::training::setup::{
    BUNDLED, Cpu, StopAfter, expressions, face_labels, faces, one_at_a_time, tiny,
};

fn photo(number: usize) -> DynamicImage {
    load_image(format!("{BUNDLED}/faces/train/images/{number:05}.png")).unwrap()
}

/// A model of faces and expressions, barely trained.
fn joint() -> Translator<Flex> {
    let spaces = LabelSpaces::joint([
        ("faces", face_labels()),
        ("moods", stargan::Dataset::labels(&expressions()).clone()),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let config = tiny(spaces.unwrap());
    let mut trainer = Trainer::<Cpu, StarGan>::new(path, config, &Default::default()).unwrap();
    let data = stargan::Datasets::from(&faces()).with(&expressions());
    trainer.run(&data, &mut StopAfter(4)).unwrap();
    trainer.translator()
}

#[test]
fn probabilities_sum_to_one_in_a_group_and_agree_with_the_prediction() {
    let _turn = one_at_a_time();
    let model = joint();
    for number in 0..6 {
        for dataset in 0..2 {
            let space = model.spaces().space(dataset);
            let scores = model.scores(&photo(number), dataset).unwrap();
            let names: Vec<_> = scores.iter().map(|score| score.name.clone()).collect();
            assert_eq!(names, space.names());
            let predicted = model.predict(&photo(number), dataset).unwrap();
            let groups = match space.kind() {
                LabelKind::Classes => vec![(0..space.width()).collect()],
                LabelKind::Attributes => space.exclusive_groups().to_vec(),
            };
            for group in &groups {
                let in_group: Vec<f64> = group.iter().map(|at| scores[*at].probability).collect();
                assert!((in_group.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{scores:?}");
                let most = in_group.iter().copied().fold(0.0, f64::max);
                for at in group {
                    assert_eq!(scores[*at].probability == most, predicted[*at] == 1.0);
                }
            }
            for (at, score) in scores.iter().enumerate() {
                if groups.iter().all(|group| !group.contains(&at)) {
                    assert_eq!(score.probability > 0.5, predicted[at] == 1.0, "{score:?}");
                }
            }
        }
    }
    let bytes = model.to_bytes(Parts::Generator).unwrap();
    let blind = Translator::<Flex>::from_bytes(&bytes, &Default::default()).unwrap();
    let error = blind.scores(&photo(0), 0).unwrap_err().to_string();
    assert!(error.contains("has no discriminator"), "{error}");
}

#[test]
fn frames_lead_from_one_edit_to_the_other() {
    let _turn = one_at_a_time();
    let (model, face) = (joint(), photo(3));
    for (from, to) in [("", "Blond_Hair,-Young"), ("Male=0.5", "-Male"), ("happy", "sad")] {
        let frames = model.interpolate(&face, from, to, 5).unwrap();
        assert_eq!(frames.len(), 5);
        assert_eq!(frames[0], model.translate(&face, from).unwrap(), "{from}");
        assert_eq!(frames[4], model.translate(&face, to).unwrap(), "{to}");
        for pair in frames.windows(2) {
            assert_ne!(pair[0], pair[1], "{from} to {to}");
        }
    }
    // No edit is the face's own mood here, not its hair.
    let frames = model.interpolate(&face, "", "happy", 2).unwrap();
    assert_eq!(frames[0], model.translate(&face, "moods:").unwrap());
    let half = model.interpolate(&face, "", "Male=0.5", 2).unwrap().remove(1);
    assert_eq!(half, model.translate(&face, "Male=0.5").unwrap());

    let label = |label: [f32; 5]| DomainLabel { dataset: 0, label: label.to_vec() };
    let ends = [label([1.0, 0.0, 0.0, 0.0, 1.0]), label([0.0, 1.0, 0.0, 1.0, 1.0])];
    let frames = model.interpolate_labels(&face, &ends[0], &ends[1], 3).unwrap();
    let middle = label([0.5, 0.5, 0.0, 0.5, 1.0]);
    for (frame, expected) in frames.iter().zip([&ends[0], &middle, &ends[1]]) {
        assert_eq!(*frame, model.translate_to(&face, expected).unwrap());
    }

    for (from, to, frames, expected) in [
        ("", "Blond_Hair", 1, "an interpolation has at least 2 frames, found 1"),
        ("happy", "Blond_Hair", 3, "between labels of one dataset, found moods and faces"),
        ("", "Blond_Hair,happy", 3, "between labels of one dataset, found faces and moods"),
        ("Blond", "Male", 3, "unknown label"),
    ] {
        let error = model.interpolate(&face, from, to, frames).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_batch_of_different_edits_is_each_of_them() {
    let _turn = one_at_a_time();
    let model = joint();
    let edits = ["Blond_Hair", "happy", "", "-Young,sad", "happy,Male=0.5", "Male", "moods:"];
    let photos: Vec<_> = (0..20).map(photo).collect();
    let mut requests: Vec<_> =
        photos.iter().zip(edits.iter().cycle()).map(|(photo, edit)| (photo, *edit)).collect();
    let nothing = DynamicImage::new_rgb8(0, 3);
    requests.insert(2, (&photos[0], "Yuong"));
    requests.insert(9, (&nothing, "Male"));
    let answers = model.translate_each(&requests);
    assert_eq!(answers.len(), requests.len());
    for ((photo, edit), answer) in requests.into_iter().zip(answers) {
        match (model.translate(photo, edit), answer) {
            (Ok(alone), Ok(together)) => assert!(alone == together, "{edit}"),
            (Err(alone), Err(together)) => assert_eq!(alone.to_string(), together.to_string()),
            (alone, together) => panic!("{edit}: {alone:?} alone, {together:?} together"),
        }
    }
    assert!(model.translate_each(&[]).is_empty());
}

#[test]
fn a_model_is_the_bytes_of_its_file() {
    let _turn = one_at_a_time();
    let (model, folder) = (joint(), tempfile::tempdir().unwrap());
    for parts in [Parts::All, Parts::Generator] {
        let path = folder.path().join(format!("{parts:?}.safetensors"));
        model.save(&path, parts).unwrap();
        let bytes = model.to_bytes(parts).unwrap();
        assert!(std::fs::read(path).unwrap() == bytes, "{parts:?}");
        let again = Translator::<Flex>::from_bytes(&bytes, &Default::default()).unwrap();
        assert_eq!(again.config().discriminator.is_some(), parts == Parts::All);
        let translated = again.translate_from(&photo(1), "Black_Hair", "Blond_Hair").unwrap();
        let expected = model.translate_from(&photo(1), "Black_Hair", "Blond_Hair").unwrap();
        assert_eq!(translated, expected);
    }
    let mut damaged = model.to_bytes(Parts::All).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    let error = Translator::<Flex>::from_bytes(&damaged, &Default::default()).unwrap_err();
    let expected = "a model in memory: the file is damaged";
    assert!(error.to_string().contains(expected), "{error}");
}

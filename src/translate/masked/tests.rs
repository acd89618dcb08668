use std::time::Duration;

use burn::backend::Flex;
use image::imageops::FilterType;
use image::{GenericImageView, GrayImage, Rgb, RgbImage};

use super::*;
use crate::data::animation::Animation;
use crate::files::model::ModelConfig;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::nn::generator::GeneratorConfig;
use crate::random::{Purpose, stream};
use crate::translate::images::{host, upload};

const SIDE: usize = 16;

/// A fresh generator for two datasets, without discriminator.
fn model(head: Head) -> Translator<Flex> {
    let faces = LabelSpace::attributes(["Male", "Young"]);
    let moods = LabelSpace::classes(["happy", "sad"]);
    let spaces = LabelSpaces::joint([("faces", faces), ("moods", moods)]).unwrap();
    let generator = GeneratorConfig::new(spaces.condition_width())
        .with_base_channels(4)
        .with_residual_blocks(1)
        .with_downsamplings(1)
        .with_head(head);
    let network = generator.init(&mut stream(0, Purpose::Generator, 0, 0), &Default::default());
    let transform = Transform::new(Crop::Square, ImageSize::square(SIDE));
    let config = ModelConfig { spaces, transform, generator, discriminator: None };
    Translator::new(config, network.unwrap(), None, Default::default())
}

fn photo(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, (3 * y) as u8, (x * y / 9) as u8])).into()
}

fn masked(model: &Translator<Flex>, photo: &DynamicImage, edit: &str) -> [DynamicImage; 2] {
    let (image, mask) = model.translate_masked(photo, None, edit).unwrap();
    [image, mask.unwrap()]
}

fn furthest(one: &DynamicImage, other: &[f32]) -> f32 {
    assert_eq!(one.as_bytes().len(), other.len());
    let pairs = one.as_bytes().iter().zip(other);
    pairs.map(|(&level, other)| (f32::from(level) - other).abs()).fold(0.0, f32::max)
}

#[test]
fn the_mask_is_what_the_generator_says_in_levels_of_255() {
    let model = model(Head::Mask).with_output_size(OutputSize::Model).unwrap();
    let photo = photo(40, 30);
    let [image, mask] = masked(&model, &photo, "sad");
    assert_eq!(image, model.translate(&photo, "sad").unwrap());
    assert!(matches!(mask, DynamicImage::ImageLuma8(_)));
    let seen = upload(&[model.prepare(&photo).unwrap()], &Default::default());
    let conditions = [model.spaces().condition(1, &[0.0, 1.0])];
    let expected = host(model.forward_masked(seen, &conditions).1.unwrap().into_data());
    let levels: Vec<f32> = expected.iter().map(|value| value * 255.0).collect();
    assert!(furthest(&mask, &levels) <= 0.501, "rounded");
    let bytes = mask.as_bytes();
    assert!(bytes.iter().max() > bytes.iter().min(), "it is not the same all over");

    let source = Some("Male");
    let (image, mask) = model.translate_masked(&photo, source, "-Male").unwrap();
    assert_eq!(image, model.translate_from(&photo, "Male", "-Male").unwrap());
    assert_eq!(mask.unwrap().dimensions(), (16, 16));
    model.translate_masked(&photo, None, "Male").unwrap_err();
}

#[test]
fn a_mask_has_the_size_of_its_result_and_is_black_outside_of_what_is_translated() {
    let model = model(Head::Mask);
    let sized = |size| model.clone().with_output_size(size).unwrap();
    let photo = photo(300, 200);
    let [_, small] = masked(&sized(OutputSize::Model), &photo, "happy");
    let [image, whole] = masked(&model, &photo, "happy");
    assert_eq!(image, model.translate(&photo, "happy").unwrap());
    assert_eq!(whole.dimensions(), (300, 200));
    let part = small.resize_exact(200, 200, FilterType::Triangle);
    let mut expected = GrayImage::new(300, 200);
    imageops::replace(&mut expected, &part.into_luma8(), 50, 0);
    // Another program's rounding.
    let levels: Vec<f32> = expected.iter().map(|&level| f32::from(level)).collect();
    assert!(furthest(&whole, &levels) <= 1.0);
    let black = |x| (0..200).all(|y| whole.get_pixel(x, y).0[0] == 0);
    assert!((0..50).chain(250..300).all(black));
    assert!(!(50..250).any(black), "a fresh mask is about 0.5");

    for size in [OutputSize::Side(41), OutputSize::Side(7)] {
        let [image, mask] = masked(&sized(size), &photo, "happy");
        assert_eq!(image.dimensions(), mask.dimensions());
    }
    // A crop that is said, and photos that are smaller than the model's images.
    let face = model.clone().with_crop(Crop::At { left: 200, top: 150, side: 40 });
    let [_, mask] = masked(&face, &photo, "happy");
    let inside = |(x, y, level): (u32, u32, &image::Luma<u8>)| {
        let inside = (200..240).contains(&x) && (150..190).contains(&y);
        (level.0[0] > 0) == inside
    };
    assert!(mask.into_luma8().enumerate_pixels().all(inside));
    let [_, mask] = masked(&model, &photo.crop_imm(0, 0, 9, 5), "happy");
    assert_eq!(mask.dimensions(), (9, 5));
    let own = photo.crop_imm(0, 0, 16, 16);
    assert_eq!(masked(&model, &own, "sad"), masked(&sized(OutputSize::Model), &own, "sad"));
}

#[test]
fn the_mask_of_two_translations_is_of_what_both_leave() {
    let model = model(Head::Mask);
    let photo = photo(16, 16);
    let (first, one) = model.translate_masked(&photo, Some("Male"), "Young").unwrap();
    let [second, other] = masked(&model, &first, "happy");
    let (image, mask) = model.translate_masked(&photo, Some("Male"), "Young,happy").unwrap();
    assert_eq!(image, second);
    let left = |level: u8| 1.0 - f32::from(level) / 255.0;
    let one = one.unwrap();
    let pairs = one.as_bytes().iter().zip(other.as_bytes());
    let levels: Vec<f32> = pairs.map(|(a, b)| 255.0 * (1.0 - left(*a) * left(*b))).collect();
    assert!(furthest(&mask.unwrap(), &levels) <= 0.501);
}

#[test]
fn frames_have_masks_too() {
    let model = model(Head::Mask);
    // As many that they are made in two parts.
    let frames: Vec<_> =
        (0..18).map(|frame| photo(40 + frame, 30).crop_imm(frame, 0, 40, 30)).collect();
    let film = Animation::new(frames.clone(), Duration::from_millis(40)).unwrap();
    let (made, masks) = model.translate_animation_masked(&film, None, "sad").unwrap();
    assert_eq!(made, model.translate_animation(&film, None, "sad").unwrap());
    let masks = masks.unwrap();
    assert_eq!(masks.delays(), film.delays());
    let sequence = model.sequence(&frames[..1], None, "sad").unwrap();
    for (frame, expected) in frames.iter().zip(masks.frames()) {
        let (image, mask) = sequence.translate_masked(frame).unwrap();
        assert_eq!(image, sequence.translate(frame).unwrap());
        let expected: Vec<f32> =
            expected.as_bytes().iter().map(|&level| f32::from(level)).collect();
        // Sums of other batches are rounded in another order.
        assert!(furthest(&mask.unwrap(), &expected) <= 1.0);
    }
}

#[test]
fn a_grid_shows_the_mask_beside_every_translation() {
    let model = model(Head::Mask);
    let photos = [photo(40, 30), photo(16, 16)];
    let edits = ["happy", "sad"];
    let grid = model.masked_grid(&photos, None, &edits).unwrap();
    assert_eq!(grid.columns, ["input", "happy", "mask", "sad", "mask"]);
    let plain = model.grid_of_edits(&photos, None, &edits).unwrap();
    let cell = |grid: &Grid, column: u32, row: u32| {
        imageops::crop_imm(&grid.image, column * 16, row * 16, 16, 16).to_image()
    };
    for row in 0..2 {
        for (own, column) in [(0, 0), (1, 1), (3, 2)] {
            assert_eq!(cell(&grid, own, row), cell(&plain, column, row));
        }
    }
    let small = model.clone().with_output_size(OutputSize::Model).unwrap();
    let [_, mask] = masked(&small, &photos[0], "sad");
    let mask = mask.into_rgb8();
    let levels: Vec<f32> = mask.iter().map(|&level| f32::from(level)).collect();
    assert!(furthest(&cell(&grid, 4, 0).into(), &levels) <= 1.0);
    let error = |grid: Result<Grid>| grid.unwrap_err().to_string();
    let none: [&str; 0] = [];
    assert!(error(model.masked_grid(&photos, Some("Male"), &none)).contains("there are none"));
    assert!(error(model.masked_grid(&[], None, &edits)).contains("at least one image"));
    // Without discriminator the photos' own labels are not known.
    assert!(error(model.masked_grid(&photos, None, &none)).contains("no discriminator"));
}

#[test]
fn a_model_without_a_mask_says_so() {
    let plain = model(Head::Plain);
    let (image, mask) = plain.translate_masked(&photo(40, 30), None, "happy").unwrap();
    assert_eq!((image, mask), (plain.translate(&photo(40, 30), "happy").unwrap(), None));
    let film = Animation::new(vec![photo(16, 16); 2], Duration::from_millis(40)).unwrap();
    assert_eq!(plain.translate_animation_masked(&film, None, "sad").unwrap().1, None);
    let error = plain.masked_grid(&[photo(16, 16)], None, &["happy"]).unwrap_err().to_string();
    assert_eq!(error, plain.check_mask().unwrap_err().to_string());
    assert!(error.contains("train one that has (head: mask)"), "{error}");
    model(Head::Mask).check_mask().unwrap();
}

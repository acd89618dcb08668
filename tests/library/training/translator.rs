//! Translating with a model: however it was opened, one image or many, with and without D.

use image::imageops::FilterType;
use image::{DynamicImage, GenericImageView, ImageFormat, Pixel, Rgba, RgbaImage};
use stargan::burn::backend::{Flex, NdArray};
use stargan::burn::tensor::backend::Backend;
use stargan::{
    Channels, Crop, DomainLabel, Grid, GridImage, LabelSpaces, OutputSize, Parts, StarGan, Trainer,
    Transform, Translator, decode_image, load_image,
};

use crate::training::setup::{BUNDLED, Cpu, StopAfter, face_labels, faces, one_at_a_time, tiny};

/// Levels of 255 between two backends or batch sizes, whose sums are rounded in another order.
const LEVELS: u8 = 1;

fn photo(number: usize) -> DynamicImage {
    let path = format!("{BUNDLED}/faces/train/images/{number:05}.png");
    load_image(path).unwrap()
}

/// A grid of photos by number, with the labels that are known.
fn grid(
    translator: &Translator<Flex>,
    photos: &[(usize, Option<DomainLabel>)],
) -> stargan::Result<Grid> {
    let transform = translator.config().transform;
    let image = |(number, label): &(usize, Option<DomainLabel>)| GridImage {
        image: transform.cut(&photo(*number)),
        label: label.clone(),
    };
    Grid::of_targets(translator, &photos.iter().map(image).collect::<Vec<_>>())
}

/// A model of faces, barely trained, and the folder it is in.
fn model() -> (tempfile::TempDir, Trainer<Cpu, StarGan>) {
    let folder = tempfile::tempdir().unwrap();
    let config = tiny(LabelSpaces::single(face_labels()));
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(folder.path().join("run"), config, &Default::default())
            .unwrap();
    trainer.run(&faces(), &mut StopAfter(4)).unwrap();
    (folder, trainer)
}

fn open<B: Backend>(path: std::path::PathBuf) -> Translator<B> {
    as_generated(Translator::open(path, &Default::default()).unwrap())
}

/// The same with results as the generator makes them.
fn as_generated<B: Backend>(translator: Translator<B>) -> Translator<B> {
    translator.with_output_size(OutputSize::Model).unwrap()
}

fn difference(a: &DynamicImage, b: &DynamicImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_bytes().iter().zip(b.as_bytes()).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn every_way_to_open_a_model_translates_alike() {
    let _turn = one_at_a_time();
    let (folder, trainer) = model();
    let at = |name: &str| folder.path().join(name);
    let trained = as_generated(trainer.translator());
    trained.save(at("whole.safetensors"), Parts::All).unwrap();
    trained.save(at("new/folder/small.safetensors"), Parts::Generator).unwrap();
    let size = |name: &str| std::fs::metadata(at(name)).unwrap().len();
    assert!(size("new/folder/small.safetensors") < size("whole.safetensors"));
    assert!(size("whole.safetensors") < size("run/checkpoints/00000004.safetensors"));

    let source = "Brown_Hair,Young";
    let expected = trained.translate_from(&photo(0), source, "Blond_Hair").unwrap();
    assert_eq!(expected.dimensions(), (16, 16));
    assert_ne!(expected, trained.prepare(&photo(0)).unwrap());
    for name in [
        "run",
        "run/checkpoints/00000004.safetensors",
        "whole.safetensors",
        "new/folder/small.safetensors",
    ] {
        let found = open::<Flex>(at(name)).translate_from(&photo(0), source, "Blond_Hair").unwrap();
        assert_eq!(found, expected, "{name}");
        let other = open::<NdArray>(at(name));
        let found = other.translate_from(&photo(0), source, "Blond_Hair").unwrap();
        assert!(difference(&found, &expected) <= LEVELS, "{name} on another backend");
    }

    let predicted = trained.translate(&photo(0), "Blond_Hair").unwrap();
    for name in ["run", "whole.safetensors"] {
        let translator = open::<Flex>(at(name));
        assert_eq!(translator.translate(&photo(0), "Blond_Hair").unwrap(), predicted, "{name}");
        let label = translator.predict(&photo(0), 0).unwrap();
        let target = face_labels().edit(&label, "Blond_Hair").unwrap();
        let target = DomainLabel { dataset: 0, label: target };
        assert_eq!(translator.translate_to(&photo(0), &target).unwrap(), predicted);
    }

    let error = trained.save(at("whole.safetensors"), Parts::Generator).unwrap_err().to_string();
    assert!(error.contains("whole.safetensors"), "{error}");
    assert_eq!(
        open::<Flex>(at("whole.safetensors")).translate(&photo(0), "Blond_Hair").unwrap(),
        predicted
    );
}

#[test]
fn without_a_discriminator_the_source_has_to_be_given() {
    let _turn = one_at_a_time();
    let (folder, trainer) = model();
    let path = folder.path().join("small.safetensors");
    trainer.translator().save(&path, Parts::Generator).unwrap();
    let translator = open::<Flex>(path);
    let errors = [
        translator.translate(&photo(0), "Male").map(drop),
        translator.translate_batch(&[photo(0)], "Male").map(drop),
        translator.check_edit(None, "Male"),
        translator.predict(&photo(0), 0).map(drop),
        translator.grid(&[photo(0)]).map(drop),
        translator.save(folder.path().join("again.safetensors"), Parts::All).and_then(|()| {
            open::<Flex>(folder.path().join("again.safetensors"))
                .translate(&photo(0), "Male")
                .map(drop)
        }),
    ];
    for error in errors {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no discriminator") && error.contains("source"), "{error}");
    }
    translator.check_edit(Some("Black_Hair"), "Male").unwrap();
    let known = DomainLabel { dataset: 0, label: vec![1.0, 0.0, 0.0, 0.0, 1.0] };
    assert_eq!(grid(&translator, &[(0, Some(known))]).unwrap().image.width(), 6 * 16);
}

#[test]
fn an_edit_is_checked_without_an_image() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let translator = trainer.translator();
    for (source, edit) in [
        (None, "Mael"),
        (None, "Male="),
        (Some("Mael"), "Male"),
        (None, "Male"),
        (Some("Black_Hair"), "Blond_Hair=0.5"),
    ] {
        let translated = match source {
            Some(source) => translator.translate_from(&photo(0), source, edit),
            None => translator.translate(&photo(0), edit),
        };
        let problem = |error: stargan::Error| error.to_string();
        let expected = translated.map(drop).map_err(problem);
        assert_eq!(translator.check_edit(source, edit).map_err(problem), expected, "{edit}");
    }
}

#[test]
fn a_photo_is_used_whole_where_the_models_crop_would_leave_out_most() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let config = tiny(LabelSpaces::single(face_labels()));
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(folder.path().join("run"), config, &Default::default())
            .unwrap();
    let centre = Crop::Centre(50);
    trainer.run(&faces().with_crop(centre), &mut StopAfter(1)).unwrap();
    let translator = trainer.translator();
    let prepared = |translator: &Translator<Flex>, photo: &DynamicImage| {
        let image = translator.prepare(photo).unwrap();
        let grid = translator.grid(std::slice::from_ref(photo)).unwrap();
        let shown = image::imageops::crop_imm(&grid.image, 0, 0, 16, 16).to_image();
        assert_eq!(image, shown.into());
        image
    };
    let cut = |crop, photo: &DynamicImage| Transform::new(crop, 16.into()).crop_and_resize(photo);
    // As in training; larger than that; and told to.
    let (same, large) = (photo(0), photo(0).resize(200, 200, FilterType::Nearest));
    assert_eq!(prepared(&translator, &same), cut(centre, &same));
    assert_eq!(prepared(&translator, &large), cut(Crop::Square, &large));
    let told = translator.clone().with_crop(centre);
    assert_eq!(prepared(&told, &large), cut(centre, &large));
    let told = translator.with_crop(Crop::Square);
    assert_eq!(prepared(&told, &same), cut(Crop::Square, &same));
    assert_eq!(told.config().transform.crop, centre, "files are as before");
}

#[test]
fn a_batch_is_its_images_one_by_one() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let translator = as_generated(trainer.translator());
    // More than the generator is given at once.
    let photos: Vec<DynamicImage> = (0..19).map(photo).collect();
    let together = translator.translate_batch(&photos, "-Young,Male=0.5").unwrap();
    assert_eq!(together.len(), 19);
    for (photo, together) in photos.iter().zip(&together) {
        let alone = translator.translate(photo, "-Young,Male=0.5").unwrap();
        assert!(difference(&alone, together) <= LEVELS);
    }
    assert_eq!(translator.translate_batch(&[], "Male").unwrap().len(), 0);
}

#[test]
fn a_grid_has_a_row_per_image_and_a_column_per_target() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let translator = as_generated(trainer.translator());
    let known = vec![0.0, 0.0, 1.0, 0.0, 1.0];
    let label = DomainLabel { dataset: 0, label: known.clone() };
    let grid = grid(&translator, &[(0, Some(label)), (1, None)]).unwrap();
    assert_eq!(grid.image.dimensions(), (6 * 16, 2 * 16));
    assert_eq!(grid.columns, ["input", "Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"]);
    let cell = |column: u32, row: u32| {
        DynamicImage::from(grid.image.clone()).crop_imm(column * 16, row * 16, 16, 16)
    };
    assert_eq!(cell(0, 0), translator.prepare(&photo(0)).unwrap());
    assert_eq!(cell(0, 1), translator.prepare(&photo(1)).unwrap());
    for (column, target) in (1..).zip(face_labels().targets(&known)) {
        let target = DomainLabel { dataset: 0, label: target.label };
        let alone = translator.translate_to(&photo(0), &target).unwrap();
        assert!(difference(&cell(column, 0), &alone) <= LEVELS, "column {column}");
    }
    let error = translator.grid(&[]).unwrap_err().to_string();
    assert!(error.contains("at least one image"), "{error}");
}

#[test]
fn labels_that_make_no_sense_are_refused() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let translator = trainer.translator();
    let to = |dataset: usize, label: &[f32]| {
        let label = label.to_vec();
        translator.translate_to(&photo(0), &DomainLabel { dataset, label }).map(drop)
    };
    let nan = DomainLabel { dataset: 0, label: vec![f32::NAN; 5] };
    for (error, expected) in [
        (to(1, &[0.0; 5]), "dataset 1 does not exist, the model knows 1"),
        (to(0, &[0.0; 4]), "expected a label of 5 entries"),
        (
            to(0, &[0.0, 0.0, f32::INFINITY, 0.0, 0.0]),
            "expected a finite number for \"Brown_Hair\"",
        ),
        (grid(&translator, &[(0, Some(nan))]).map(drop), "finite number"),
        (translator.translate(&photo(0), "blonde_hair").map(drop), "did you mean \"Blond_Hair\""),
        (translator.translate_from(&photo(0), "Yuong", "Male").map(drop), "did you mean \"Young\""),
        (
            translator.translate_from(&photo(0), "Black_Hair,Blond_Hair", "Male").map(drop),
            "exclude each other",
        ),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_translation_has_the_size_that_is_asked_for() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let translator = trainer.translator();
    let large = DynamicImage::from(image::imageops::resize(
        &photo(0).to_rgb8(),
        300,
        200,
        FilterType::Triangle,
    ));
    let sized = |size| {
        let translator = translator.clone().with_output_size(size).unwrap();
        translator.translate(&large, "Blond_Hair").unwrap()
    };
    let own = sized(OutputSize::Photo);
    assert_eq!(own, translator.translate(&large, "Blond_Hair").unwrap());
    assert_eq!(own.dimensions(), (300, 200));
    for (x, y, pixel) in large.to_rgb8().enumerate_pixels() {
        if !(50..250).contains(&x) {
            assert_eq!(own.get_pixel(x, y).to_rgb(), *pixel, "{x} {y} is outside the square");
        }
    }
    assert_ne!(own, large, "the square is translated");
    let square = sized(OutputSize::Model);
    assert_eq!(square.dimensions(), (16, 16));
    assert_eq!(sized(OutputSize::Side(16)), square);
    // Not a multiple of what the generator halves.
    assert_eq!(sized(OutputSize::Side(41)).dimensions(), (41, 41));
    assert_eq!(sized(OutputSize::Side(1)).dimensions(), (1, 1));
    // As with the crop, files and labels are as before.
    let side = translator.clone().with_output_size(OutputSize::Side(41)).unwrap();
    assert_eq!(side.predict(&large, 0).unwrap(), translator.predict(&large, 0).unwrap());
    assert_eq!(side.prepare(&large).unwrap().dimensions(), (16, 16));
    let photos = std::slice::from_ref(&large);
    assert_eq!(side.grid(photos).unwrap().image, translator.grid(photos).unwrap().image);
    for (side, expected) in [(0, "they must be 1 to 16384"), (16_000, "more than 2 GiB")] {
        let refused = translator.clone().with_output_size(OutputSize::Side(side));
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn one_face_of_a_group_is_translated() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let place = Crop::At { left: 10, top: 20, side: 30 };
    let translator = trainer.translator().with_crop(place);
    let group = photo(0);
    let translated = translator.translate(&group, "Blond_Hair").unwrap();
    let mut changed = 0;
    for (x, y, pixel) in group.to_rgb8().enumerate_pixels() {
        if translated.get_pixel(x, y).to_rgb() != *pixel {
            assert!((10..40).contains(&x) && (20..50).contains(&y), "{x} {y}");
            changed += 1;
        }
    }
    assert!(changed > 0);
    let small = DynamicImage::new_rgb8(39, 50);
    let error = translator.translate(&small, "Blond_Hair").unwrap_err().to_string();
    assert_eq!(
        error,
        "the square of 30 pixels at 10,20 reaches beyond the image of 39 x 50 pixels"
    );
}

/// A photo that a phone holds upright by its EXIF orientation alone.
const PORTRAIT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pil/kinds/orientation-6.jpg");

#[test]
fn photos_come_in_as_training_images_do() {
    let _turn = one_at_a_time();
    let (folder, trainer) = model();
    let translator = trainer.translator();
    let upright = load_image(PORTRAIT).unwrap();
    assert_eq!((upright.width(), upright.height()), (8, 16));
    let expected = translator.translate(&upright, "Blond_Hair").unwrap();
    assert_eq!(translator.translate_file(PORTRAIT, "Blond_Hair").unwrap(), expected);
    let bytes = std::fs::read(PORTRAIT).unwrap();
    let decoded = decode_image(&bytes, "portrait").unwrap();
    assert_eq!(translator.translate(&decoded, "Blond_Hair").unwrap(), expected);

    // A sticker: black where it is transparent, which strips to black and shows as white.
    let sticker = RgbaImage::from_fn(32, 32, |x, y| Rgba([0, 0, 0, (x * y / 4) as u8]));
    let file = folder.path().join("sticker.png");
    sticker.save_with_format(&file, ImageFormat::Png).unwrap();
    let loaded = load_image(&file).unwrap();
    assert_eq!(loaded, sticker.clone().into());
    let expected = Channels::Rgb.convert(loaded);
    assert_eq!(expected.as_rgb8().unwrap().get_pixel(0, 0).0, [255; 3]);
    let deep = DynamicImage::from(DynamicImage::from(sticker.clone()).into_rgba16());
    for given in [DynamicImage::from(sticker), deep] {
        assert_eq!(translator.prepare(&given).unwrap(), translator.prepare(&expected).unwrap());
        assert_eq!(
            translator.grid(std::slice::from_ref(&given)).unwrap().image,
            translator.grid(std::slice::from_ref(&expected)).unwrap().image
        );
        assert_eq!(
            translator.predict(&given, 0).unwrap(),
            translator.predict(&expected, 0).unwrap()
        );
    }
}

#[test]
fn images_without_pixels_are_errors() {
    let _turn = one_at_a_time();
    let (_folder, trainer) = model();
    let translator = trainer.translator();
    let target = DomainLabel { dataset: 0, label: vec![0.0; face_labels().width()] };
    for (width, height) in [(0, 0), (0, 7), (7, 0)] {
        let empty = DynamicImage::new_rgba8(width, height);
        let label = Some(target.clone());
        let row = GridImage { image: empty.clone(), label };
        let batch = [photo(0), empty.clone()];
        let errors = [
            translator.translate(&empty, "Blond_Hair").unwrap_err(),
            translator.translate_batch(&batch, "Blond_Hair").unwrap_err(),
            translator.translate_from(&empty, "Brown_Hair", "Blond_Hair").unwrap_err(),
            translator.translate_to(&empty, &target).unwrap_err(),
            translator.translate_conditions(&empty, &[]).unwrap_err(),
            translator.predict(&empty, 0).unwrap_err(),
            translator.prepare(&empty).unwrap_err(),
            translator.grid(std::slice::from_ref(&empty)).unwrap_err(),
            translator.grid_of_edits(&batch, None, &["Blond_Hair"]).unwrap_err(),
            Grid::of_targets(&translator, &[row]).unwrap_err(),
        ];
        for error in errors {
            let expected = format!("image: expected an image, found {width} x {height} pixels");
            assert_eq!(error.to_string(), expected);
        }
    }
}

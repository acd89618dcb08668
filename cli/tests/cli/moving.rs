//! What moves: an animation out of a photo, an animation in, and films as folders of frames.

use std::fs;
use std::path::Path;
use std::time::Duration;

use image::imageops::{FilterType, resize};
use image::{DynamicImage, GenericImageView, Rgb, RgbImage};
use stargan::Animation;

use crate::alike::assert_alike;
use crate::program::{MODEL, fails, folder, grid_of, names, succeeds};

const FACE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/faces/test/images/00003.png");

/// A face of 100 x 90 pixels that becomes darker.
fn film(frames: u8) -> Vec<DynamicImage> {
    let face = image::open(FACE).unwrap().to_rgb8();
    let face = resize(&face, 100, 90, FilterType::Triangle);
    let darker = |frame: u8| {
        let pixel = |x, y| Rgb(face[(x, y)].0.map(|v: u8| v.saturating_sub(frame)));
        RgbImage::from_fn(100, 90, pixel).into()
    };
    (0..frames).map(darker).collect()
}

fn read(path: impl AsRef<Path>) -> Animation {
    Animation::open(path).unwrap().expect("it moves")
}

#[test]
fn a_photo_becomes_an_animation() {
    let folder = folder();
    let folder = folder.path();
    film(1)[0].save(folder.join("face.png")).unwrap();
    let line = |flags: &str| format!("--model {MODEL} --edit Black_Hair {flags} face.png");
    assert_eq!(
        succeeds("translate", folder, &line("--animate 4")),
        "translated/face_Black_Hair.png\n"
    );
    let there = read(folder.join("translated/face_Black_Hair.png"));
    assert_eq!((there.frames().len(), there.frames()[0].dimensions()), (4, (100, 90)));
    assert_eq!(there.delays(), [Duration::from_millis(67); 4]);
    succeeds("translate", folder, &line("--out still.png"));
    let still = image::open(folder.join("still.png")).unwrap();
    assert_alike(&there.frames()[3], &still);
    assert_ne!(there.frames()[0], still);

    succeeds("translate", folder, &line("--animate 4 --back --fps 20 --size model --out a.gif"));
    let back = read(folder.join("a.gif"));
    assert_eq!((back.frames().len(), back.frames()[0].dimensions()), (6, (64, 64)));
    assert_eq!(back.delays(), [Duration::from_millis(50); 6]);

    // A label that is said is where it begins, and nothing is read.
    succeeds("translate", folder, &line("--animate 2 --source Black_Hair,Male --out same.png"));
    let same = read(folder.join("same.png"));
    assert_eq!(same.frames()[0], same.frames()[1]);
    fails("translate", folder, &line("--animate 2 --source Mael"), 1, "did you mean \"Male\"");
    for (flags, expected) in [
        ("--animate 1", "1 is not in 2..=1000"),
        ("--animate 3 --grid", "cannot be used with"),
        ("--fps 10", "--animate"),
        ("--back", "--animate"),
        ("--animate 3 --out a.webp", "expected the ending of an animation (gif, png)"),
        ("--out still.gif", "expected the ending of an image file"),
    ] {
        fails("translate", folder, &line(flags), 2, expected);
    }
    let names = names(folder);
    assert_eq!(names, ["a.gif", "face.png", "same.png", "still.png", "translated"]);
}

#[test]
fn an_animation_is_translated_frame_by_frame() {
    let folder = folder();
    let folder = folder.path();
    let delay = Duration::from_millis(80);
    let film = Animation::new(film(5), delay).unwrap();
    film.save(folder.join("film.png")).unwrap();
    film.save(folder.join("film.gif")).unwrap();
    let line =
        |flags: &str, input: &str| format!("--model {MODEL} --edit Black_Hair {flags} {input}");
    for (flags, input, out) in [
        ("", "film.png", "translated/film_Black_Hair.png"),
        ("--overwrite", "film.gif", "translated/film_Black_Hair.png"),
        ("--out one.gif", "film.gif", "one.gif"),
    ] {
        assert_eq!(succeeds("translate", folder, &line(flags, input)), format!("{out}\n"));
        let translated = read(folder.join(out));
        assert_eq!(translated.delays(), [delay; 5], "{out}");
        assert!(translated.frames().iter().all(|frame| frame.dimensions() == (100, 90)), "{out}");
        assert_ne!(translated.frames()[4], translated.frames()[0], "{out}");
        assert_ne!(translated.frames(), film.frames(), "{out}");
    }
    // Nothing can be made of the first image alone by mistake.
    fails("translate", folder, &line("--out one.jpg", "film.gif"), 2, "an animation (gif, png)");
    // A grid, and what is animated, are of the first image.
    succeeds("translate", folder, &line("--grid --out grid.png", "film.gif"));
    assert_eq!(image::image_dimensions(folder.join("grid.png")).unwrap(), grid_of(2, 1));
    succeeds("translate", folder, &line("--animate 2 --out two.png", "film.gif"));
    assert_eq!(read(folder.join("two.png")).frames().len(), 2);
    // Half of it is passed over as half of an image is.
    let mut bytes = fs::read(folder.join("film.png")).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(folder.join("half.png"), bytes).unwrap();
    fails("translate", folder, &line("--out half", "half.png"), 1, "1 of 1 images can't be used");
}

#[test]
fn frames_of_a_film_keep_names_and_order() {
    let folder = folder();
    let folder = folder.path();
    fs::create_dir(folder.join("frames")).unwrap();
    let frames = film(12);
    for (number, frame) in (1..).zip(&frames) {
        frame.save(folder.join(format!("frames/{number:04}.png"))).unwrap();
    }
    let line = format!("--model {MODEL} --edit Black_Hair --sequence --out out frames");
    let said = succeeds("translate", folder, &line);
    let expected: Vec<_> = (1..=12).map(|number| format!("{number:04}_Black_Hair.png")).collect();
    let said: Vec<_> = said.lines().collect();
    assert_eq!(said, expected.iter().map(|name| format!("out/{name}")).collect::<Vec<_>>());
    assert_eq!(names(folder.join("out")), expected);

    // The same as of the frames in one file.
    Animation::new(frames, Duration::from_millis(40))
        .unwrap()
        .save(folder.join("film.png"))
        .unwrap();
    let one = format!("--model {MODEL} --edit Black_Hair --out one.png film.png");
    succeeds("translate", folder, &one);
    let one = read(folder.join("one.png"));
    let frame = |name: &String| image::open(folder.join("out").join(name)).unwrap();
    for (name, expected) in expected.iter().zip(one.frames()) {
        assert_alike(&frame(name), expected);
    }

    // A second try makes what is missing as it was.
    let third = folder.join("out").join(&expected[2]);
    let before = fs::read(&third).unwrap();
    fs::remove_file(&third).unwrap();
    succeeds("translate", folder, &format!("--skip-existing {line}"));
    assert_eq!(fs::read(&third).unwrap(), before);
    fails("translate", folder, &format!("--grid {line}"), 2, "cannot be used with");
}

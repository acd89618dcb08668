//! `inspect`, and what `--overwrite` replaces.

use std::fs;

use crate::program::{FACES, MODEL, TINY, faces, fails, folder, stargan, succeeds, text};

#[test]
fn a_model_says_what_it_is() {
    let folder = folder();
    let told = succeeds("inspect", folder.path(), MODEL);
    let expected = "\
attributes         Black_Hair | Blond_Hair | Brown_Hair, Male, Young, Eyeglasses, Beard
image size         64 x 64 pixels
channels           3 (RGB)
crop               the centre square of 178 pixels
";
    assert!(told.starts_with(expected), "{told}");
    for part in ["generator ", " residual blocks", "discriminator ", " parameters: "] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let bytes = fs::read(MODEL).unwrap();
    let text = String::from_utf8_lossy(&bytes[8..20_000]).into_owned();
    assert!(text.contains("\\\"Beard\\\""), "{text}");
    let mut hostile = bytes.clone();
    let at = 8 + text.find("Beard").unwrap();
    // Escaped twice: as JSON in the JSON of the file's head.
    hostile.splice(at..at + 5, *br"\\u001b[2J");
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) + 5;
    hostile[..8].copy_from_slice(&length.to_le_bytes());
    fs::write(folder.path().join("hostile"), hostile).unwrap();
    let line = "label name \"\\u{1b}[2J\" contains a control character";
    fails("inspect", folder.path(), "hostile", 1, line);
    fs::write(folder.path().join("foreign"), "not a model").unwrap();
    fails("inspect", folder.path(), "foreign", 1, "foreign: not a model file");
    fails("inspect", folder.path(), "nothing", 1, "nothing: ");
    fails("inspect", folder.path(), ".", 1, "expected a model file or the folder of a run");
}

#[test]
fn a_run_says_where_it_stands() {
    let folder = folder();
    let line = format!("--data {} {TINY} --seed 3 --iterations 20 --out run", faces("train"));
    succeeds("train", folder.path(), &line);
    let told = succeeds("inspect", folder.path(), "run");
    for part in [
        "image size         16 x 16 pixels\n",
        "iteration          20 of 20\n",
        "batch_size 4 (default 16)\n",
        "seed 3 (default 0)\n",
        "newest checkpoint  run/checkpoints/00000020.safetensors\n",
        "training time      ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("learning_rate"), "it is the default: {told}");
    let of_checkpoint = succeeds("inspect", folder.path(), "run/checkpoints/00000020.safetensors");
    assert!(told.starts_with(&of_checkpoint), "{of_checkpoint}");
    // Before the first checkpoint the configuration is all there is.
    fs::remove_file(folder.path().join("run/checkpoints/00000020.safetensors")).unwrap();
    let told = succeeds("inspect", folder.path(), "run");
    assert!(told.contains("none yet") && told.contains("0 of 20"), "{told}");
}

#[test]
fn files_are_replaced_only_when_that_is_asked_for() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let face = format!("{FACES}/test/images/00001.png");
    let few = fs::read_to_string(format!("{FACES}/test/pairs.csv")).unwrap();
    fs::write(path("pairs.csv"), few.lines().take(5).collect::<Vec<_>>().join("\n")).unwrap();
    let list = fs::read_to_string(format!("{FACES}/test/list_attr.txt")).unwrap();
    let rows = list.lines().skip(1).take(1 + 10).collect::<Vec<_>>().join("\n");
    fs::write(path("list.txt"), format!("10\n{rows}\n")).unwrap();
    let people = format!("celeba:{FACES}/test/images:list.txt");
    let classes = "--classes a,b,c";
    let network = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/public-G.ckpt");
    let cases = [
        ("translate", format!("--edit Male --out made {face}"), "made/00001_Male.png"),
        ("translate", format!("--grid --edit Male --out grid.png {face}"), "grid.png"),
        ("export", format!("--model {MODEL} --out-generator G.safetensors"), "G.safetensors"),
        (
            "import",
            format!("--generator {network} {classes} --size 16 --out i.safetensors"),
            "i.safetensors",
        ),
        (
            "train",
            format!("--data {} {TINY} --iterations 1 --export t.safetensors", faces("train")),
            "t.safetensors",
        ),
        (
            "evaluate",
            format!("--model {MODEL} --data {people} --pairs pairs.csv --json s.json"),
            "s.json",
        ),
    ];
    for (command, line, file) in cases {
        // A run needs a folder of its own every time.
        let run = |attempt: &str| match command {
            "train" => format!("{line} --out {attempt}"),
            _ => line.clone(),
        };
        succeeds(command, folder.path(), &run("first"));
        let made = fs::read(path(file)).unwrap();
        fs::write(path(file), "earlier").unwrap();
        fails(command, folder.path(), &run("refused"), 1, "not overwritten without --overwrite");
        assert_eq!(fs::read(path(file)).unwrap(), b"earlier", "{command}");
        succeeds(command, folder.path(), &format!("{} --overwrite", run("second")));
        assert!(fs::read(path(file)).unwrap() == made, "{command}: the same bytes every time");
    }
}

#[test]
fn what_a_model_sees_of_a_photo_is_shown() {
    let folder = folder();
    let folder = folder.path();
    let photo = image::RgbImage::from_pixel(300, 200, image::Rgb([200, 30, 30]));
    photo.save(folder.join("photo.png")).unwrap();
    let line = format!("{MODEL} --photo photo.png");
    assert_eq!(succeeds("inspect", folder, &line), "seen.png\n");
    let seen = image::open(folder.join("seen.png")).unwrap().to_rgb8();
    // Beside the photo, in its proportions, is what the model sees.
    assert_eq!(seen.dimensions(), (768 + 16 + 512, 512));
    fails("inspect", folder, &line, 1, "not overwritten without --overwrite");
    let at = format!("{line} --overwrite --crop");
    let said = stargan("inspect", folder, &format!("{at} 10,20,100"));
    let expected = "of 300 x 200 pixels the model sees the square of 100 pixels at 10,20, 83 % of";
    assert!(text(&said.stderr).contains(expected), "{}", text(&said.stderr));
    assert_ne!(image::open(folder.join("seen.png")).unwrap().to_rgb8(), seen);
    fails("inspect", folder, &format!("{at} 210,20,100"), 1, "photo.png: the square of 100 pixels");
    fails("inspect", folder, &format!("{MODEL} --crop square"), 2, "--photo");
}

//! The examples as their users run them, for a few iterations, with what they leave behind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread};

use stargan::burn::backend::{Autodiff, Flex};
use stargan::{PublicModel, StarGan, Trainer, Translator};
use tempfile::TempDir;

/// The program of the example `name`.
fn example(name: &str) -> PathBuf {
    // A test is target/PROFILE/deps/NAME-HASH; `cargo test` builds target/PROFILE/examples.
    let test = std::env::current_exe().expect("the test knows its own path");
    let profile = test.ancestors().nth(2).expect("two folders deep");
    let program =
        profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.is_file(),
        "{} is not built: run `cargo test`, or `cargo build --examples` first",
        program.display()
    );
    program
}

/// What the example `name` prints, run in the repository with an output folder that does not exist
/// yet and further arguments.
#[track_caller]
fn run(name: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(example(name))
        .arg(folder)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the example starts");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}\n{message}");
    String::from_utf8(output.stdout).expect("text")
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[track_caller]
fn side(path: impl AsRef<Path>) -> (u32, u32) {
    image::image_dimensions(path).expect("an image")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

#[test]
fn examples_are_few_and_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let sources: Vec<_> = names(&folder).into_iter().filter(|name| name.ends_with(".rs")).collect();
    assert!(sources.len() == 8, "{sources:?}");
    for name in sources {
        let lines = fs::read_to_string(folder.join(&name)).unwrap().lines().count();
        assert!(lines < 80, "{name} has {lines} lines");
    }
}

#[test]
fn quickstart_trains_and_translates() {
    let out = temporary();
    let folder = out.path().join("run");
    let printed = run("quickstart", &folder, &["2"]);
    assert_eq!(printed, format!("{}/blond.png\n", folder.display()));
    assert_eq!(side(folder.join("blond.png")), (64, 64), "the face's own size");
    Translator::<Flex>::open(&folder, &Default::default()).unwrap();
}

#[test]
fn images_in_memory_are_trained_on() {
    let out = temporary();
    let folder = out.path().join("run");
    run("in_memory", &folder, &["5"]);
    let blue = image::open(folder.join("blue.png")).unwrap();
    let model = Translator::<Flex>::open(&folder, &Default::default()).unwrap();
    assert_eq!(model.spaces().space(0).names(), ["red", "green", "blue"]);
    let grey = image::DynamicImage::new_rgb8(32, 32);
    assert_ne!(model.translate(&grey, "blue").unwrap(), blue, "it depends on the image");
}

#[test]
fn an_observer_lowers_the_rate_and_stops() {
    let out = temporary();
    let folder = out.path().join("run");
    let printed = run("observer", &folder, &["5000"]);
    let trainer = Trainer::<Autodiff<Flex>, StarGan>::resume(&folder, &Default::default()).unwrap();
    let done = trainer.iteration();
    assert!(done < 5_000, "stopped early\n{printed}");
    let rate = (0..done / 200).fold(1e-3, |rate, _| rate / 2.0);
    assert_eq!(trainer.config().run.learning_rate, rate, "halved again and again\n{printed}");
    assert!(printed.contains("the loss no longer falls, stopped"), "{printed}");
    Translator::<Flex>::open(folder.join("best.safetensors"), &Default::default()).unwrap();
    assert!(folder.join("log.csv").is_file());
}

#[test]
fn a_service_answers_as_the_model_does() {
    let out = temporary();
    run("service", out.path(), &[]);
    assert_eq!(names(out.path()).len(), 24);
    let model = "examples/models/faces64.safetensors";
    let model = Translator::<Flex>::open(model, &Default::default()).unwrap();
    let face = image::open("examples/data/faces/test/images/00005.png").unwrap();
    let answer = image::open(out.path().join("00005 +Eyeglasses.png")).unwrap();
    assert_eq!(model.translate(&face, "+Eyeglasses").unwrap(), answer);
}

#[test]
fn interpolation_is_an_animation() {
    let out = temporary();
    run("interpolate", out.path(), &[]);
    let file = fs::File::open(out.path().join("interpolation.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 3 * 24);
    let mut frame = || {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    };
    let (first, second) = (frame(), frame());
    assert_eq!(first.len(), 64 * 64 * 3);
    assert_ne!(first, second);
}

#[test]
fn joint_training_edits_across_datasets() {
    let out = temporary();
    let folder = out.path().join("run");
    let printed = run("joint", &folder, &["2"]);
    assert_eq!(printed.lines().count(), 4);
    for file in ["Blond_Hair", "happy", "expressions_sad", "Blond_Hair_happy"] {
        assert_eq!(side(folder.join(file).with_extension("png")), (64, 64), "{file}");
    }
}

#[test]
fn an_own_recipe_resumes_exactly() {
    let out = temporary();
    let [whole, parts] = ["whole", "parts"].map(|name| out.path().join(name));
    thread::scope(|scope| {
        scope.spawn(|| run("own_recipe", &whole, &["6"]));
        run("own_recipe", &parts, &["3"]);
        run("own_recipe", &parts, &["6"]);
    });
    assert_eq!(names(&parts.join("checkpoints")), ["00000003.safetensors", "00000006.safetensors"]);
    assert_eq!(side(whole.join("coloured.png")), (3 * 32, 32), "input, grey, coloured");
    let coloured = |folder: &Path| fs::read(folder.join("coloured.png")).unwrap();
    assert_eq!(coloured(&whole), coloured(&parts));
}

#[test]
fn public_weights_come_and_go() {
    let out = temporary();
    run("import", out.path(), &[]);
    assert!(side(out.path().join("translated.png")).0 > 0);
    let file = |name: &str| out.path().join(name);
    let again = PublicModel::open(file("G.safetensors"), Some(file("D.safetensors"))).unwrap();
    let model = Translator::<Flex>::open(file("model.safetensors"), &Default::default()).unwrap();
    let config = model.config().clone();
    let again =
        Translator::<Flex>::import(again, config.spaces, config.transform, &Default::default())
            .unwrap();
    let face = image::open("examples/data/faces/test/images/00000.png").unwrap();
    let edit = "Black_Hair";
    assert_eq!(again.translate(&face, edit).unwrap(), model.translate(&face, edit).unwrap());
}

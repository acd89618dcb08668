//! StarGAN v2 by the program: trained, resumed, translated with, measured and described.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use image::{DynamicImage, GenericImageView};
use stargan::Animation;
use tempfile::TempDir;

use crate::program::{FACES, MODEL, TINY, faces, fails, folder, grid_of, names, side, succeeds};

/// Networks of styles so small that an iteration takes milliseconds.
const SMALL: &str = "\
    --size 16 --batch 4 --base-channels 4 --most-channels 8 --style-width 4 --latent-width 3 \
    --mapping-width 8";

/// The shipped model of styles.
const STYLES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/models/styles32.safetensors");

const HAIR: &str = "--labels Black_Hair,Blond_Hair,Brown_Hair";

/// A folder with a run of a few iterations, `run`, and one face, `face.png`.
pub fn trained() -> &'static Path {
    static TRAINED: OnceLock<TempDir> = OnceLock::new();
    let made = TRAINED.get_or_init(|| {
        let folder = folder();
        fs::copy(face("00001"), folder.path().join("face.png")).unwrap();
        let data = format!("--data {} {HAIR} --test-data {}", faces("train"), faces("test"));
        let line = format!("--recipe stargan-v2 {data} {SMALL} --iterations 2 --out run");
        succeeds("train", folder.path(), &line);
        folder
    });
    made.path()
}

fn face(name: &str) -> String {
    format!("{FACES}/test/images/{name}.png")
}

fn config(run: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(run.join("config.json")).unwrap()).unwrap()
}

#[test]
fn a_run_is_of_the_recipe_and_shows_several_styles_of_every_domain() {
    let run = trained().join("run");
    let config = config(&run);
    assert_eq!(config["recipe"], "stargan-v2");
    assert_eq!(config["run"]["schedule"], "constant");
    assert_eq!(config["settings"]["networks"]["most_channels"], 8);
    // An image and three styles of three domains, of eight images.
    assert_eq!(side(run.join("samples/00000002.png")), grid_of(10, 8));
    let built = fs::read_to_string(run.join("samples/grid.json")).unwrap();
    assert!(built.contains("\"Blond_Hair 2\""), "{built}");
    let told = succeeds("inspect", trained(), "run");
    for part in [
        "attributes         Black_Hair | Blond_Hair | Brown_Hair\n",
        "generator          ",
        " parameters: 4 to 8 channels\n",
        "mapping network    ",
        " parameters: 3 numbers to styles of 4, width 8\n",
        "iteration          2 of 2\n",
        "networks.image_size 16 (default 256)\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_run_goes_on_as_what_it_was() {
    let folder = folder();
    let data = format!("--data folder:{FACES}/../expressions/train");
    let line = format!("--recipe stargan-v2 {data} {SMALL} --iterations 1 --out run");
    succeeds("train", folder.path(), &line);
    let resume = "--resume --out run --iterations 2";
    fails("train", folder.path(), &format!("{resume} --recipe stargan"), 2, "can't change");
    fails(
        "train",
        folder.path(),
        &format!("{resume} --weights 1:2:3"),
        2,
        "--weights is a setting",
    );
    fails("train", folder.path(), &format!("{resume} --style-width 2"), 2, "--style-width can't");
    let told = succeeds(
        "train",
        folder.path(),
        &format!("{resume} --style-weights 1:0.5:1:2 --export model.safetensors"),
    );
    assert!(told.contains("model: model.safetensors\n"), "{told}");
    let config = config(&folder.path().join("run"));
    assert_eq!(config["settings"]["weights"]["diversity"], 0.5);
    assert_eq!(config["run"]["iterations"], 2);
    fs::copy(face("00001"), folder.path().join("face.png")).unwrap();
    for (model, out) in [("run", "a.png"), ("model.safetensors", "b.png")] {
        let line = format!("--model {model} --domain happy --out {out} face.png");
        succeeds("translate", folder.path(), &line);
    }
    let open = |name: &str| image::open(folder.path().join(name)).unwrap();
    assert_eq!(open("a.png"), open("b.png"), "what is exported is the model of the run");
}

#[test]
fn a_run_leaves_files_for_other_programs() {
    let (from, to) = (trained(), folder());
    let to = to.path().display();
    let out = format!("--model run --out-nets-ema {to}/nets.safetensors");
    succeeds("export --format pytorch", from, &out);
    let line = format!("--nets-ema {to}/nets.safetensors {HAIR} --out {to}/model.safetensors");
    succeeds("import", from, &line);
    let model = format!("{to}/model.safetensors");
    for (model, name) in [("run", "a"), (&model[..], "b")] {
        let line = format!("--model {model} --domain Blond_Hair --out {to}/{name}.png face.png");
        succeeds("translate", from, &line);
    }
    let open = |name: &str| image::open(format!("{to}/{name}.png")).unwrap();
    assert_eq!(open("a"), open("b"), "there and back");
    let files = format!("--out-generator {to}/G.onnx --out-mapping {to}/F.onnx");
    succeeds(
        "export --format onnx",
        from,
        &format!("--model run {files} --out-encoder {to}/E.onnx"),
    );
    for name in ["G", "F", "E"] {
        assert!(Path::new(&format!("{to}/{name}.onnx")).is_file(), "{name}");
    }
}

#[test]
fn a_file_gives_settings_and_flags_override_it() {
    let folder = folder();
    let file = r#"{"settings": {"networks": {"image_size": 16, "style_width": 5}}}"#;
    fs::write(folder.path().join("file.json"), file).unwrap();
    let data = format!("--data {} {HAIR}", faces("train"));
    let small = "--batch 4 --base-channels 4 --most-channels 8 --latent-width 3 --mapping-width 8";
    let line = format!("--recipe stargan-v2 {data} --config file.json {small} --iterations 1");
    succeeds("train", folder.path(), &format!("{line} --out a"));
    let networks = &config(&folder.path().join("a"))["settings"]["networks"];
    assert_eq!((&networks["image_size"], &networks["style_width"]), (&16.into(), &5.into()));
    succeeds("train", folder.path(), &format!("{line} --style-width 6 --out b"));
    assert_eq!(config(&folder.path().join("b"))["settings"]["networks"]["style_width"], 6);
    // The settings of a run say what it is of.
    let line_of_run = format!("{data} --config a/config.json --iterations 1 --out d");
    succeeds("train", folder.path(), &line_of_run);
    assert_eq!(config(&folder.path().join("d"))["recipe"], "stargan-v2");
    fs::write(folder.path().join("other.json"), r#"{"recipe": "stargan"}"#).unwrap();
    let other = line.replace("file.json", "other.json");
    fails("train", folder.path(), &format!("{other} --out c"), 1, "recipe");
}

#[test]
fn what_is_no_setting_of_the_recipe_is_refused() {
    let folder = folder();
    let data = format!("--data {} {HAIR}", faces("train"));
    let line = |flags: &str| format!("{data} --iterations 1 {flags}");
    for (flags, code, expected) in [
        ("--recipe stargan-v2 --head mask", 2, "--head is a setting of the recipe stargan,"),
        ("--recipe stargan-v2 --preset paper", 2, "--preset is a setting of the recipe stargan,"),
        ("--recipe stargan-v2 --from x", 2, "--from is for the recipe stargan"),
        ("--recipe stargan-v2 --size 16x32", 2, "takes squares"),
        ("--recipe stargan-v2 --size 48", 1, "squares of 16, 32, 64, 128"),
        ("--recipe stargan-v2 --style-weights 1:2:3", 2, "STYLE:DIVERSITY:CYCLE:PENALTY"),
        (&format!("--from {STYLES}"), 2, "is a model of stargan-v2"),
        ("--style-width 4", 2, "--style-width is a setting of the recipe stargan-v2,"),
        ("--recipe cyclegan", 2, "possible values: stargan, stargan-v2"),
    ] {
        fails("train", folder.path(), &line(flags), code, expected);
    }
    let all = format!("--recipe stargan-v2 --data {} {SMALL}", faces("train"));
    fails("train", folder.path(), &all, 1, "domains");
    assert_eq!(names(folder.path()), [""; 0], "nothing is begun");
}

#[test]
fn a_face_gets_styles_from_noise_and_from_other_faces() {
    let (from, to) = (trained(), folder());
    let to = to.path().display();
    let translate = |flags: &str| succeeds("translate", from, &format!("--model run {flags}"));
    let told = translate(&format!("--domain Blond_Hair --styles 2 --out {to}/a face.png"));
    let expected = format!("{to}/a/face_Blond_Hair-0.png\n{to}/a/face_Blond_Hair-1.png\n");
    assert_eq!(told, expected);
    let open = |name: &str| image::open(format!("{to}/{name}")).unwrap();
    let [first, second] = ["a/face_Blond_Hair-0.png", "a/face_Blond_Hair-1.png"].map(open);
    assert_eq!(first.dimensions(), (16, 16));
    assert_ne!(first, second);
    translate(&format!("--domain Blond_Hair --first-style 1 --out {to}/b.png face.png"));
    assert_eq!(open("b.png"), second);

    let reference = face("00003");
    let told = translate(&format!("--reference Black_Hair={reference} --out {to}/c face.png"));
    assert_eq!(told, format!("{to}/c/face_Black_Hair-00003.png\n"));
    translate(&format!("--domain Black_Hair --reference {reference} --out {to}/d.png face.png"));
    assert_eq!(open("c/face_Black_Hair-00003.png"), open("d.png"));
    fs::create_dir_all(format!("{to}/Black_Hair")).unwrap();
    fs::copy(&reference, format!("{to}/Black_Hair/rex.png")).unwrap();
    translate(&format!("--reference {to}/Black_Hair/rex.png --out {to}/e.png face.png"));
    assert_eq!(open("e.png"), open("d.png"), "its folder says what it is");

    let two =
        format!("--reference Black_Hair={reference} --reference Brown_Hair={}", face("00005"));
    translate(&format!("{two} --grid --out {to}/grid.png face.png {}", face("00007")));
    assert_eq!(side(format!("{to}/grid.png").into()), grid_of(3, 3));
    translate(&format!("--domain Blond_Hair --domain Black_Hair --grid --out {to}/g.png face.png"));
    assert_eq!(side(format!("{to}/g.png").into()), grid_of(3, 1));
    translate(&format!("{two} --animate 7 --back --out {to}/f.png face.png"));
    let film = Animation::open(format!("{to}/f.png")).unwrap().expect("it moves");
    assert_eq!(film.frames().len(), 12);
    let rgb = |image: &DynamicImage| image.to_rgb8();
    assert_eq!(rgb(&film.frames()[0]), rgb(&open("d.png")), "it begins in the first style");
}

#[test]
fn what_a_model_can_not_do_is_said() {
    let from = trained();
    for (flags, code, expected) in [
        ("--model run", 2, "--domain or --reference is required with this model"),
        ("--model run --domain Blnd_Hair", 1, "Blond_Hair"),
        ("--model run --domain Blond_Hair --edit Male", 2, "--edit is for models of the recipe"),
        ("--model run --domain Blond_Hair --mask", 2, "--mask is for models of the recipe"),
        ("--model run --domain Blond_Hair --size 64", 2, "--size is for models of the recipe"),
        ("--model run --domain Blond_Hair --animate 4", 2, "--animate goes through several styles"),
        ("--model run --reference face.png", 1, "which of the domains Black_Hair"),
        ("--model run --reference Male=face.png", 1, "Male"),
        ("--model run --reference face.png --styles 3", 2, "cannot be used with"),
        ("--model run --domain Blond_Hair --reference Black_Hair=face.png", 2, "said twice"),
        ("--model run --domain Blond_Hair --first-style 99999999999", 2, "--first-style"),
        ("--model typo --domain Blond_Hair", 1, "typo"),
        ("--domain Blond_Hair", 2, "--domain is for models of the recipe stargan-v2"),
    ] {
        fails("translate", from, &format!("{flags} face.png"), code, expected);
    }
    let line = format!("--model {MODEL} --data {} --styles 2", faces("test"));
    fails("evaluate", from, &line, 2, "this one has no styles");
    // Somebody bald is in no domain.
    let list = fs::read_to_string(format!("{FACES}/test/list_attr.txt")).unwrap();
    let names_of = list.lines().nth(1).unwrap();
    let bald = folder();
    let bald_list = bald.path().join("list.txt");
    fs::write(&bald_list, format!("1\n{names_of}\n00001.png{}\n", " -1".repeat(7))).unwrap();
    let data = format!("celeba:{FACES}/test/images:{}", bald_list.display());
    fails(
        "evaluate",
        from,
        &format!("--model run --data {data}"),
        1,
        "1 of 1 images are in none of the domains",
    );
    assert_eq!(names(from), ["face.png", "run"]);
}

#[test]
fn styles_are_measured() {
    let (from, to) = (trained(), folder());
    let to = to.path().display();
    // Twelve faces are enough to see what is measured.
    let list = fs::read_to_string(format!("{FACES}/test/list_attr.txt")).unwrap();
    let head: Vec<_> = list.lines().skip(1).take(13).collect();
    fs::write(format!("{to}/list.txt"), format!("12\n{}\n", head.join("\n"))).unwrap();
    let data =
        format!("--data celeba:{FACES}/test/images:{to}/list.txt --train-data {}", faces("test"));
    let line = format!("--model run {data} --judge-iterations 2 --styles 3");
    let told = succeeds("evaluate", from, &format!("{line} --json {to}/latent.json"));
    assert!(told.contains("between 3 styles (pairs)"), "{told}");
    succeeds("evaluate", from, &format!("{line} --by-reference --json {to}/reference.json"));
    for name in ["latent", "reference"] {
        let scores = fs::read_to_string(format!("{to}/{name}.json")).unwrap();
        let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
        // Twelve images, two other domains, three pairs of styles.
        assert_eq!(scores["diversity"]["l1"]["n"], 72);
        assert!(scores["diversity"]["l1"]["value"].as_f64().unwrap() > 0.0);
        assert_eq!(scores["judge_error"]["translated"]["n"], 72);
        assert_eq!(scores["reconstruction_l1"]["n"], 24);
    }
}

#[test]
fn the_quickstart_of_styles_leaves_what_it_promises() {
    let folder = folder();
    let line = format!("--iterations 1 {SMALL}");
    let told = succeeds("quickstart --v2", folder.path(), &line);
    let run = folder.path().join("runs/quickstart-v2");
    assert!(told.contains("--model runs/quickstart-v2 --domain Brown_Hair"), "{told}");
    assert_eq!(names(run.join("styles")), ["Black_Hair.png", "Blond_Hair.png", "Brown_Hair.png"]);
    assert_eq!(side(run.join("styles/Black_Hair.png")), grid_of(7, 4));
    assert_eq!(side(run.join("references.png")), grid_of(5, 5));
    for name in ["report.html", "metrics.json", "samples", "checkpoints"] {
        assert!(run.join(name).exists(), "{name}");
    }
    let resume = "--resume --out runs/quickstart-v2 --iterations 2";
    succeeds("quickstart", folder.path(), resume);
    assert!(run.join("checkpoints/00000002.safetensors").exists());
    let line = format!("--v2 {TINY}");
    fails("quickstart", folder.path(), &line, 2, "--residual-blocks is a setting of the recipe");
}

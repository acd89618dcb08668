//! Files that programs write: images, PyTorch checkpoints, safetensors, model files and our
//! checkpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use safetensors::SafeTensors;
use stargan::burn::backend::{Autodiff, Flex};
use stargan::decode_image;
use stargan::{
    Folder, LabelSpace, LabelSpaces, PublicModel, PublicStyleModel, StarGan, StyleTranslator,
    Trainer, TrainingConfig, Transform, Translator,
};

use crate::fuzz::file::checksum;
use crate::fuzz::{JSON, fuzz, project};

type Cpu = Autodiff<Flex>;

#[test]
fn images() {
    let photo = RgbImage::from_fn(24, 17, |x, y| Rgb([x as u8 * 9, y as u8 * 11, (x * y) as u8]));
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ];
    let seeds = formats.map(|format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        photo.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    });
    let words = [
        "IHDR", "IDAT", "IEND", "PLTE", "tRNS", "acTL", "eXIf", "RIFF", "VP8 ", "VP8L", "VP8X",
        "ALPH", "BM", "GIF8", "II*",
    ];
    fuzz("image", &seeds, &words, |bytes| {
        decode_image(bytes, "photo").is_ok_and(|image| image.width() > 0 && image.height() > 0)
    });
}

/// Reads `bytes` as the public code's generator, by way of `file`.
fn imports(file: &Path, bytes: &[u8]) -> bool {
    fs::write(file, bytes).unwrap();
    import(file).is_ok()
}

/// The public code's generator in `file`, with names for as many labels as it has.
pub fn import(file: &Path) -> stargan::Result<Translator<Flex>> {
    let model = PublicModel::open(file, None::<&Path>)?;
    let labels = (0..model.generator().condition_width).map(|label| format!("l{label}"));
    let spaces = LabelSpaces::single(LabelSpace::attributes(labels));
    let transform = Transform::new(stargan::Crop::Square, 16.into());
    Translator::import(model, spaces, transform, &Default::default())
}

#[test]
fn pytorch_checkpoints_of_several_networks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nets.ckpt");
    let words =
        ["PK\x03\x04", "data.pkl", "mapping_network", "module.", "shared.0.weight", "q\x01"];
    let model = PublicStyleModel::open(project("tests/fixtures/public-nets-ema.ckpt")).unwrap();
    let domains = LabelSpace::classes(["a", "b", "c"]);
    let crop = stargan::Crop::Square;
    let model = StyleTranslator::<Flex>::import(model, domains, crop, &Default::default()).unwrap();
    let keys = folder.path().join("nets.safetensors");
    model.export_pytorch(&keys).unwrap();
    // Safetensors have no checksums, so that what is changed in them reaches the networks.
    let seeds = [fixture("public-nets-ema.ckpt"), fs::read(keys).unwrap()];
    fuzz("networks of StarGAN v2", &seeds, &words, |bytes| {
        fs::write(&file, bytes).unwrap();
        PublicStyleModel::open(&file).is_ok()
    });
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(project("tests/fixtures").join(name)).unwrap()
}

#[test]
fn pytorch_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("G.ckpt");
    let words = [
        "PK\x03\x04",
        "PK\x01\x02",
        "PK\x05\x06",
        "data.pkl",
        "ctorch\nFloatStorage\n",
        "q\x01",
        "]",
        "(",
        ".",
        "cos\nsystem\n",
        "R",
        "\u{7f}",
    ];
    let seeds = [fixture("public-G.ckpt"), fixture("public-G-legacy.ckpt")];
    fuzz("pickle", &seeds, &words, |bytes| imports(&file, bytes));
}

#[test]
fn safetensors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("G.ckpt"), fixture("public-G.ckpt")).unwrap();
    let translator = import(&at("G.ckpt")).unwrap();
    translator.export_pytorch(at("G.safetensors"), None::<&Path>).unwrap();
    let seeds = [fs::read(at("G.safetensors")).unwrap()];
    let words =
        [&JSON[..], &["F64", "F16", "I64", "module.", "\"dtype\"", "\"shape\"", "data_offsets"]]
            .concat();
    let file = at("fuzzed");
    fuzz("safetensors", &seeds, &words, |bytes| imports(&file, bytes));
}

/// A run of two iterations: its checkpoint's bytes.
pub fn trained(folder: &Path) -> Vec<u8> {
    for class in ["blue", "red"] {
        fs::create_dir_all(folder.join("data").join(class)).unwrap();
        for number in 0..2 {
            let image = RgbImage::from_pixel(8, 8, Rgb([number * 100, 50, class.len() as u8]));
            image.save(folder.join("data").join(class).join(format!("{number}.png"))).unwrap();
        }
    }
    let data = Folder::open(folder.join("data")).unwrap();
    let recipe = StarGan::new(LabelSpaces::single(LabelSpace::classes(["blue", "red"])))
        .with_image_size(8)
        .with_base_channels(1)
        .with_residual_blocks(1)
        .with_critic_steps(1);
    let config =
        TrainingConfig::new(recipe).with_run(|run| run.with_batch_size(2).with_iterations(2));
    let mut trainer =
        Trainer::<Cpu, StarGan>::new(folder.join("run"), config, &Default::default()).unwrap();
    trainer.run(&data, &mut ()).unwrap();
    fs::read(folder.join("run/checkpoints/00000002.safetensors")).unwrap()
}

#[test]
fn checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let seed = trained(folder.path());
    let run = folder.path().join("run");
    let file = run.join("checkpoints/00000002.safetensors");
    let words = [&JSON[..], &["1e999", "F32", "crc32", "stargan", "base_channels"]].concat();
    // With a checksum that is right for what it says, so that more than the checksum is tried.
    fuzz("checkpoint", &[seed], &words, |bytes| {
        fs::write(&file, mended(bytes).as_deref().unwrap_or(bytes)).unwrap();
        let _ = Translator::<Flex>::open(&file, &Default::default());
        Trainer::<Cpu, StarGan>::resume(&run, &Default::default()).is_ok()
    });
}

/// `bytes` with its checksum made right, where it can be read that far.
fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, header) = SafeTensors::read_metadata(bytes).ok()?;
    let metadata = header.metadata().as_ref()?;
    let (description, old) = (metadata.get("stargan")?, metadata.get("crc32")?);
    let file = SafeTensors::deserialize(bytes).ok()?;
    let tensors: BTreeMap<_, _> = file.tensors().into_iter().collect();
    let tensors = tensors.iter().map(|(name, view)| (name.as_str(), view.data()));
    let new = checksum(description, tensors);
    // Of one length, so that nothing moves.
    if old.len() != new.len() {
        return None;
    }
    let text = std::str::from_utf8(&bytes[8..8 + length]).ok()?;
    let text = text.replacen(&format!("\"{old}\""), &format!("\"{new}\""), 1);
    Some([&bytes[..8], text.as_bytes(), &bytes[8 + length..]].concat())
}

#[test]
fn a_mended_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let seed = trained(folder.path());
    let file = folder.path().join("changed.safetensors");
    let mut changed = seed.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&file, &changed).unwrap();
    assert!(Translator::<Flex>::open(&file, &Default::default()).is_err(), "the checksum");
    fs::write(&file, mended(&changed).unwrap()).unwrap();
    Translator::<Flex>::open(&file, &Default::default()).unwrap();
}

//! What earlier versions of this crate have written.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use stargan::burn::backend::Flex;
use stargan::{StarGan, Trainer, Translator, open_model};

use crate::training::setup::{BUNDLED, Content, Cpu, one_at_a_time, trained};

/// The settings that version 0.1 wrote before recipes and run settings were apart: those of
/// [`tiny`](crate::training::setup::tiny).
fn settings() -> Value {
    json!({
        "domains": [{"name": "data", "labels": {"kind": "classes", "names": ["blue", "red"]}}],
        "image_size": 16,
        "batch_size": 4,
        "iterations": 20,
        "learning_rate": 1e-3,
        "schedule": "constant-then-linear",
        "adam": {"beta1": 0.5, "beta2": 0.999, "epsilon": 1e-8},
        "critic_steps": 2,
        "objective": "wasserstein",
        "penalty": "wgan-gp",
        "weights": {
            "domain": 1.0,
            "reconstruction": 10.0,
            "penalty": 10.0,
            "identity": {"weight": 10.0, "last_iteration": 13}
        },
        "ema": 0.999,
        "flip": true,
        "seed": 11,
        "base_channels": 4,
        "residual_blocks": 1,
        "downsamplings": 2,
        "discriminator_channels": 4,
        "discriminator_downsamplings": null,
        "spectral_norm": false,
        "checkpoint_every": 1000,
        "keep": 3,
        "loader_threads": 2,
        "on_unreadable": "fail",
        "on_non_finite": "stop"
    })
}

/// Rewrites a checkpoint as those versions wrote it: the description of the run is another, the
/// rest is the same.
fn rewrite(path: &Path) {
    let Content { tensors, mut description } = Content::of(path);
    let training = &mut description["training"];
    let (iteration, datasets) = (training["iteration"].clone(), training["datasets"].clone());
    *training = json!({
        "config": settings(),
        "iteration": iteration,
        "generator_updates": 1,
        "discriminator_updates": iteration,
        "rollbacks": 0,
        "learning_rate_scale": 1.0,
        "datasets": datasets,
    });
    let description = description.to_string();
    let bytes = fs::read(path).unwrap();
    let types = SafeTensors::deserialize(&bytes).unwrap();
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(description.as_bytes());
    let views: BTreeMap<&str, TensorView<'_>> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            hasher.update(name.as_bytes());
            hasher.update(values);
            let dtype = types.tensor(name).unwrap().dtype();
            (&name[..], TensorView::new(dtype, shape.clone(), values).unwrap())
        })
        .collect();
    let metadata = HashMap::from([
        ("stargan".to_owned(), description),
        ("crc32".to_owned(), format!("{:08x}", hasher.finalize())),
    ]);
    fs::write(path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

#[test]
fn a_run_is_not_resumed_but_its_checkpoints_translate() {
    let _turn = one_at_a_time();
    let (folder, run, trainer, _) = trained(2);
    drop(trainer);
    let device = Default::default();
    let photo = image::open(folder.path().join("data/blue/0.png")).unwrap();
    let translated = |path: &Path| {
        let translator = Translator::<Flex>::open(path, &device).unwrap();
        translator.translate(&photo, "red").unwrap()
    };
    let expected = translated(&run);

    let checkpoint = run.join("checkpoints/00000002.safetensors");
    rewrite(&checkpoint);
    fs::write(run.join("config.json"), settings().to_string()).unwrap();
    let error = Trainer::<Cpu, StarGan>::resume(&run, &device).unwrap_err().to_string();
    let words = "run: an earlier version of this crate began this run, and this one can't resume \
                 it; the checkpoints of a StarGAN still translate";
    assert!(error.ends_with(words), "{error}");
    assert_eq!(translated(&run), expected);
    assert_eq!(translated(&checkpoint), expected);
    let opened = open_model::<Cpu>(&checkpoint, &device).unwrap();
    assert_eq!(opened.spaces().space(0).names(), ["blue", "red"]);

    // Nor is a checkpoint of those versions in a folder of this one.
    fs::remove_file(run.join("config.json")).unwrap();
    let now = crate::training::setup::tiny(opened.spaces().clone());
    fs::write(run.join("config.json"), serde_json::to_string(&now).unwrap()).unwrap();
    let error = Trainer::<Cpu, StarGan>::resume(&run, &device).unwrap_err().to_string();
    assert!(error.contains("00000002.safetensors: "), "{error}");
}

#[test]
fn the_shipped_model_opens_either_way() {
    let model = format!("{BUNDLED}/../models/faces64.safetensors");
    let device = Default::default();
    let translator = Translator::<Flex>::open(&model, &device).unwrap();
    let opened = open_model::<Cpu>(&model, &device).unwrap();
    assert_eq!(opened.spaces(), translator.spaces());
    assert_eq!(opened.transform(), translator.config().transform);
}

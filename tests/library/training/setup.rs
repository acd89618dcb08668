//! What the tests train on and with: little enough for seconds, in folders that go away.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use image::{Rgb, RgbImage};
use safetensors::SafeTensors;
use stargan::burn::backend::{Autodiff, Flex};
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{
    CelebA, Folder, IdentityWarmup, Iteration, LabelSpace, LabelSpaces, Observer, Outcome, Result,
    Run, StarGan, Trainer, TrainingConfig,
};

pub type Cpu = Autodiff<Flex>;

/// Held by every test that trains: they do not fight for the cores then, nor for burn's collective
/// engine, of which a process has one.
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");

pub fn face_labels() -> LabelSpace {
    let hair = ["Black_Hair", "Blond_Hair", "Brown_Hair"];
    LabelSpace::attributes(hair).with("Male").with("Young").exclusive(hair).unwrap()
}

pub fn faces() -> CelebA {
    CelebA::open(format!("{BUNDLED}/faces/train"), &face_labels()).unwrap()
}

pub fn expressions() -> Folder {
    Folder::open(format!("{BUNDLED}/expressions/train")).unwrap()
}

/// Two classes of nine images in `folder`, smooth and all different; not square, not of one size.
pub fn colours(folder: &Path) -> Folder {
    for (class, tint) in [("blue", [20.0, 60.0, 200.0]), ("red", [200.0, 60.0, 20.0_f32])] {
        let folder = folder.join(class);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..9_u32 {
            let image = RgbImage::from_fn(20 + number, 18, |x, y| {
                let wave = ((x * (number + 1)) as f32 / 7.0).sin() * 40.0 + y as f32;
                Rgb(tint.map(|level: f32| (level + wave).clamp(0.0, 255.0) as u8))
            });
            image.save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
    Folder::open(folder).unwrap()
}

/// Networks and batches as small as they can be; G is updated at every other iteration, both
/// networks have one learning rate, and the identity term ends within a run.
pub fn tiny(spaces: LabelSpaces) -> TrainingConfig<StarGan> {
    tiny_of(StarGan::new(spaces))
}

/// The same of another recipe.
pub fn tiny_of(recipe: StarGan) -> TrainingConfig<StarGan> {
    let recipe = recipe
        .with_image_size(16)
        .with_base_channels(4)
        .with_residual_blocks(1)
        .with_critic_steps(2)
        .with_identity(Some(IdentityWarmup { weight: 10.0, last_iteration: 13 }));
    TrainingConfig::new(recipe).with_run(|run| {
        run.with_batch_size(4)
            .with_iterations(20)
            .with_learning_rate(1e-3)
            .with_discriminator_learning_rate(None)
            .with_seed(11)
    })
}

/// Stops the run after an iteration, as a Ctrl-C handler does by the stop flag.
pub struct StopAfter(pub u64);

impl<B: AutodiffBackend> Observer<B> for StopAfter {
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        if iteration.number == self.0 {
            run.stop();
        }
        Ok(())
    }
}

/// The name of the test `name` of the module at `path`, for a copy of this program that runs it
/// alone.
pub fn test_name(path: &str, name: &str) -> String {
    let (_, module) = path.split_once("::").unwrap();
    format!("{module}::{name}")
}

pub fn checkpoint_of(outcome: &Outcome) -> &Path {
    match outcome {
        Outcome::Finished { checkpoint } | Outcome::Stopped { checkpoint } => checkpoint,
    }
}

/// A checkpoint's tensors, bit for bit, and its description.
#[derive(Debug, PartialEq)]
pub struct Content {
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    pub description: serde_json::Value,
}

impl Content {
    /// The file itself can't be compared: the order of its metadata differs from write to write.
    pub fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let description = &header.metadata().as_ref().unwrap()["stargan"];
        let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter();
        Self {
            tensors: tensors
                .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
                .collect(),
            description: serde_json::from_str(description).unwrap(),
        }
    }

    pub fn count(&self, prefix: &str) -> usize {
        self.tensors.keys().filter(|name| name.starts_with(prefix)).count()
    }
}

/// The names in `folder`, sorted.
pub fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The iteration of the newest checkpoint, 0 without any. Each of them is whole.
pub fn newest(run: &Path) -> u64 {
    let checkpoints = run.join("checkpoints");
    if !checkpoints.exists() {
        return 0;
    }
    let finished = names(&checkpoints).into_iter().filter(|name| !name.starts_with('.'));
    let iterations = finished.map(|name| {
        let iteration: u64 = name.trim_end_matches(".safetensors").parse().unwrap();
        let content = Content::of(&checkpoints.join(&name));
        assert_eq!(content.description["training"]["iteration"], iteration);
        iteration
    });
    iterations.max().unwrap_or(0)
}

/// A folder that goes away, and a run in it that is trained for `iterations` of 20 on [`colours`].
pub fn trained(iterations: u64) -> (tempfile::TempDir, PathBuf, Trainer<Cpu, StarGan>, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let data = colours(&folder.path().join("data"));
    let run = folder.path().join("run");
    let config = tiny(LabelSpaces::single(stargan::Dataset::labels(&data).clone()));
    let mut trainer = Trainer::<Cpu, StarGan>::new(&run, config, &Default::default()).unwrap();
    trainer.run(&data, &mut StopAfter(iterations)).unwrap();
    assert_eq!(trainer.iteration(), iterations);
    (folder, run, trainer, data)
}

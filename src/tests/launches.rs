//! How many kernels an iteration launches on a GPU, counted without one.

#[path = "../../benches/common/launched.rs"]
mod launched;

use burn::backend::Autodiff;

use self::launched::{Counter, Launched};
use crate::data::loader::Batch;
use crate::engine::config::TrainingConfig;
use crate::engine::trainer::Trainer;
use crate::labels::space::LabelSpace;
use crate::labels::spaces::LabelSpaces;
use crate::recipes::stargan::config::StarGan;
use crate::recipes::stargan::preset::Preset;

type B = Autodiff<burn::backend::Wgpu>;

/// The paper's networks but for their width. A convolution is multiplied out at its output or at
/// its input, depending on which is narrower: the first one sees 8 channels, so wider than that is
/// as the paper's 64.
const WIDTH: usize = 10;

/// The kernels that an update of D launches, with the translations that it needs, and how many of
/// them only copy; then the same of G. A change that makes it more has to say why; docs/gpu.md has
/// what it is without one or the other of our kernels. burn's tuned products, which tests do
/// without, may copy what they are given first.
const COUNTED: [u64; 4] = [299, 6, 501, 7];

#[test]
fn an_iteration_of_the_papers_shape_launches_few_kernels() {
    let _turn = crate::tests::one_at_a_time();
    let labels = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young"];
    let recipe = StarGan::new(LabelSpaces::single(LabelSpace::attributes(labels)));
    let config = TrainingConfig::new(recipe)
        .with_preset(Preset::Paper)
        .with_recipe(|recipe| recipe.with_image_size(128).with_base_channels(WIDTH))
        .with_run(|run| run.with_batch_size(1));
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut trainer = Trainer::<B, StarGan>::new(run, config, &Default::default()).unwrap();
    let mut iteration = || {
        let batch = Batch {
            dataset: 0,
            iteration: 1,
            rows: 0..1,
            images: (0..3 * 128 * 128).map(|i| (i as f32 * 0.37).sin()).collect(),
            labels: [1.0, 0.0, 0.0, 1.0, 0.0].to_vec(),
            batch_size: 1,
            image_size: 128.into(),
            references: None,
        };
        let counter = Counter::default();
        let step = || drop(trainer.step(vec![batch]).unwrap());
        tracing::subscriber::with_default(counter.clone(), || counter.count(step))
    };
    // The first updates make what later ones find.
    let iterations: Vec<Launched> = (0..10).map(|_| iteration()).collect();
    let (d, both) = (iterations[5], iterations[9]);
    println!("D {d:?}, with G {both:?}");
    let found = [d.kernels, d.copies, both.kernels - d.kernels, both.copies - d.copies];
    assert_eq!(found, COUNTED);
}

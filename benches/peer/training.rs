//! A training of the bundled faces for some time, and what it has learnt.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::metrics::Counterfactuals;
use stargan::{
    CelebA, IdentityWarmup, Iteration, LabelSpace, LabelSpaces, Observer, Precision, Result, Run,
    StarGan, Trainer, TrainingConfig,
};

/// Before the clock starts: kernels are compiled and tuned in the first ones.
const WARM_UP: u64 = 10;

/// What came of it.
#[derive(Serialize)]
pub struct Trained {
    /// Iterations after the warm-up.
    iterations: u64,
    seconds: f64,
    /// The L1 distance to the true counterfactuals, in `[0, 1]`, over the pixels that change.
    error: Option<f64>,
    /// That of the untranslated images.
    nothing: Option<f64>,
}

/// Trains on `data/train` at `size` pixels for `seconds`, and measures on `data/test`.
pub fn train<B: AutodiffBackend>(
    data: &Path,
    seconds: f64,
    size: usize,
    precision: Precision,
) -> Trained {
    let hair = ["Black_Hair", "Blond_Hair", "Brown_Hair"];
    let labels = LabelSpace::attributes(hair).with("Male").with("Eyeglasses").exclusive(hair);
    let labels = labels.expect("valid labels");
    let open = |part| CelebA::open(data.join(part), &labels).expect("the bundled faces");
    let recipe = StarGan::paper(LabelSpaces::single(labels.clone()))
        .with_identity(Some(IdentityWarmup::default()))
        .with_image_size(size)
        .with_base_channels(32)
        .with_critic_steps(2);
    let config = TrainingConfig::new(recipe)
        .with_run(|run| run.with_learning_rate(5e-4).with_precision(precision));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = folder.path().join("run");
    let mut trainer = Trainer::<B, StarGan>::new(run, config, &B::Device::default())
        .expect("a valid configuration and a new folder");
    let mut clock = Clock {
        began: Instant::now(),
        seconds: Duration::from_secs_f64(seconds),
        trained: Duration::ZERO,
    };
    trainer.run(&open("train"), &mut clock).expect("a training");
    let test = Arc::new(open("test"));
    let truths = Counterfactuals::open(data.join("test/pairs.csv"), test, 0).expect("pairs");
    let scores = truths.measure(&trainer.translator()).expect("readable images").total;
    Trained {
        iterations: trainer.iteration().saturating_sub(WARM_UP),
        seconds: clock.trained.as_secs_f64(),
        error: scores.translated.get("inside"),
        nothing: scores.nothing.get("inside"),
    }
}

struct Clock {
    began: Instant,
    seconds: Duration,
    trained: Duration,
}

impl<B: AutodiffBackend> Observer<B> for Clock {
    fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
        if iteration.number == WARM_UP {
            // Read from the device, so that all before is done.
            let _ = iteration.losses();
            self.began = Instant::now();
        } else if iteration.number > WARM_UP && self.began.elapsed() > self.seconds {
            let _ = iteration.losses();
            self.trained = self.began.elapsed();
            run.stop();
        }
        Ok(())
    }
}

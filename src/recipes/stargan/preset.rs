//! Named sets of defaults.

use serde::{Deserialize, Serialize};

use crate::engine::config::TrainingConfig;
use crate::engine::settings::RunSettings;
use crate::labels::space::LabelKind;
use crate::optim::schedule::Schedule;
use crate::recipes::stargan::config::StarGan;
use crate::recipes::stargan::weights::LossWeights;

/// A named set of defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preset {
    /// The paper to the letter: [`StarGan::paper`], and no moving average of G.
    Paper,
    /// What the public PyTorch code does by default: the paper, but for a learning rate that never
    /// decays.
    Pytorch,
    /// What the public TensorFlow code does by default: the paper, but for its domain loss, which
    /// is a mean over attributes of weight 10, here a sum of weight 10 / attributes.
    Tensorflow,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Paper, Self::Pytorch, Self::Tensorflow];
}

impl TrainingConfig<StarGan> {
    /// Applies a preset: whatever decides what is learnt, but for labels, image size and seed.
    pub fn with_preset(self, preset: Preset) -> Self {
        let Self { run: old, recipe: StarGan { spaces, discriminator, .. } } = self;
        let mut recipe = StarGan::paper(spaces).with_image_size(discriminator.image_size);
        let mut run = RunSettings {
            seed: old.seed,
            accumulate: old.accumulate,
            precision: old.precision,
            checkpoint_every: old.checkpoint_every,
            keep: old.keep,
            loader_threads: old.loader_threads,
            on_unreadable: old.on_unreadable,
            on_non_finite: old.on_non_finite,
            ..RunSettings::default()
        };
        run.ema = 0.0;
        match preset {
            Preset::Paper => {}
            Preset::Pytorch => run.schedule = Schedule::Constant,
            Preset::Tensorflow => mean_domain_losses(&mut recipe),
        }
        Self { run, recipe }
    }
}

fn mean_domain_losses(recipe: &mut StarGan) {
    for dataset in 0..recipe.spaces.len() {
        let space = recipe.spaces.space(dataset);
        let domain = match space.kind() {
            LabelKind::Attributes => 10.0 / space.width() as f64,
            LabelKind::Classes => 10.0,
        };
        let weights = LossWeights { domain, ..LossWeights::default() };
        match recipe.spaces.len() {
            1 => recipe.weights = weights,
            _ => {
                let name = recipe.spaces.name(dataset).to_owned();
                recipe.dataset_weights.insert(name, weights);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::recipe::Recipe;
    use crate::labels::space::LabelSpace;
    use crate::labels::spaces::LabelSpaces;
    use crate::nn::head::Head;

    fn config() -> TrainingConfig<StarGan> {
        let space = LabelSpace::attributes(["Male", "Young"]);
        StarGan::new(LabelSpaces::single(space)).into()
    }

    #[test]
    fn the_other_presets_are_the_public_codes() {
        let paper = config().with_preset(Preset::Paper);
        let mut pytorch = config().with_preset(Preset::Pytorch);
        assert_eq!(pytorch.run.schedule, Schedule::Constant);
        pytorch.run.schedule = paper.run.schedule;
        assert_eq!(pytorch, paper);

        let faces = LabelSpace::attributes(["a", "b", "c", "d", "e"]);
        let config_of = |spaces| TrainingConfig::new(StarGan::new(spaces));
        let single = config_of(LabelSpaces::single(faces.clone()));
        assert_eq!(single.with_preset(Preset::Tensorflow).recipe.weights.domain, 2.0);
        let moods = LabelSpace::classes(["angry", "happy"]);
        let joint = LabelSpaces::joint([("faces", faces), ("moods", moods)]).unwrap();
        let joint = config_of(joint).with_preset(Preset::Tensorflow);
        let domain = |dataset| joint.recipe.weights_of(dataset).domain;
        assert_eq!([domain(0), domain(1)], [2.0, 10.0]);
        joint.check().unwrap();

        let changed = config()
            .with_run(|run| run.with_learning_rate(1.0).with_seed(3))
            .with_recipe(|recipe| recipe.with_image_size(64).with_base_channels(8));
        let expected = config()
            .with_preset(Preset::Paper)
            .with_run(|run| run.with_seed(3))
            .with_recipe(|recipe| recipe.with_image_size(64));
        assert_eq!(changed.with_preset(Preset::Paper), expected);
    }

    #[test]
    fn the_paper_preset_is_the_paper() {
        let TrainingConfig { run, recipe } = config().with_preset(Preset::Paper);
        assert_eq!((run.ema, recipe.generator.head), (0.0, Head::Plain));
        let expected = LossWeights {
            domain: 1.0,
            fake_domain: 0.0,
            reconstruction: 10.0,
            reconstruction_ramp: None,
            penalty: 10.0,
            identity: None,
        };
        assert_eq!(recipe.weights, expected);
        assert_eq!((run.learning_rate, recipe.critic_steps, run.batch_size), (1e-4, 5, 16));
    }

    #[test]
    fn the_file_reads_as_it_is_written_and_unknown_fields_are_named() {
        let config = config().with_run(|run| run.with_seed(7).with_learning_rate(3e-4));
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.starts_with("{\"recipe\":\"stargan\",\"run\":{"), "{json}");
        assert_eq!(serde_json::from_str::<TrainingConfig<StarGan>>(&json).unwrap(), config);
        for (from, to, expected) in [
            ("batch_size", "batchsize", "batchsize"),
            ("critic_steps", "criticsteps", "criticsteps"),
            ("\"stargan\"", "\"cyclegan\"", "expected the recipe \"stargan\", found \"cyclegan\""),
        ] {
            let changed = json.replace(from, to);
            let error = serde_json::from_str::<TrainingConfig<StarGan>>(&changed);
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_batch_of_one_is_warned_of() {
        let TrainingConfig { run, recipe } = config();
        assert!(recipe.warnings(&run).is_empty());
        let warnings = recipe.warnings(&run.clone().with_batch_size(1));
        assert!(matches!(&warnings[..], [only] if only.contains("at least 2")), "{warnings:?}");
        let warnings = recipe.warnings(&run.with_iterations(recipe.critic_steps - 1));
        assert!(matches!(&warnings[..], [only] if only.contains("learns nothing")), "{warnings:?}");
    }
}

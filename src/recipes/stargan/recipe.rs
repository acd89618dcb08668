//! StarGAN as a recipe: for every dataset in turn, D's update and, when due, G's.

use burn::module::AutodiffModule;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::data::channels::Channels;
use crate::data::dataset::Dataset;
use crate::data::datasets::Datasets;
use crate::data::loader::Batch;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::engine::accumulated;
use crate::engine::recipe::{Moment, Recipe, StepLosses};
use crate::engine::settings::RunSettings;
use crate::engine::trainer::Trainer;
use crate::error::{Error, Result};
use crate::files::model::ModelConfig;
use crate::nn::head::Head;
use crate::nn::precision::Precision;
use crate::recipes::adversaries::Adversaries;
use crate::recipes::channels::channels;
use crate::recipes::losses::OptionalTerm;
use crate::recipes::penalty::Penalty;
use crate::recipes::stargan::batch::{StepBatch, sample};
use crate::recipes::stargan::config::StarGan;
use crate::recipes::stargan::losses::{DiscriminatorLosses, GeneratorLosses};
use crate::recipes::stargan::step::{discriminator_losses, generator_losses};
use crate::recipes::stargan::weights::LossWeights;
use crate::translate::relabel::Translate;
use crate::translate::translator::Translator;

impl Recipe for StarGan {
    const NAME: &'static str = "stargan";
    const CHANGEABLE: &'static [&'static str] = &["weights", "dataset_weights"];
    type Networks<B: AutodiffBackend> = Adversaries<B>;
    type Model = ModelConfig;

    /// The paper's. Where G has a [mask](Head::Mask) D learns twice as fast as G: with one rate for
    /// both, small networks did not learn expressions in 1,000 iterations (`docs/training.md`).
    fn usual_run(&self) -> RunSettings {
        let run = RunSettings::default();
        let own = (self.generator.head == Head::Mask).then_some(2.0 * run.learning_rate);
        run.with_discriminator_learning_rate(own)
    }

    fn check(&self, _run: &RunSettings) -> Result<()> {
        self.check()
    }

    fn check_workers(&self, _workers: usize) -> Result<()> {
        self.check_parts("worker has: choose another penalty, or one worker")
    }

    fn check_accumulation(&self) -> Result<()> {
        self.check_parts("part of one has: choose another penalty, or accumulate 1")
    }

    fn check_precision(&self) -> Result<()> {
        Ok(())
    }

    fn warnings(&self, run: &RunSettings) -> Vec<String> {
        let mut warnings = Vec::new();
        if run.batch_size == 1 {
            warnings.push(
                "with a batch of one the target label is always the image's own, so nothing is \
                 learnt about other domains; use a batch of at least 2"
                    .to_owned(),
            );
        }
        if run.iterations < self.critic_steps {
            warnings.push(format!(
                "the generator is updated every {} iterations and the run has {}: it learns \
                 nothing",
                self.critic_steps, run.iterations
            ));
        }
        warnings
    }

    fn image_size(&self) -> ImageSize {
        self.discriminator.image_size
    }

    fn channels(&self) -> Channels {
        channels(&self.generator)
    }

    fn cycle(&self) -> u64 {
        self.critic_steps
    }

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        let spaces = &self.spaces;
        if data.len() != spaces.len() {
            return Err(Error::Config(format!(
                "the configuration has the labels of {} dataset(s), the data are {}",
                spaces.len(),
                data.len()
            )));
        }
        let name = |(i, dataset): (usize, &dyn Dataset)| {
            spaces.check_space(i, dataset.labels())?;
            Ok(spaces.name(i).to_owned())
        };
        data.iter().enumerate().map(name).collect()
    }

    fn num_params(&self) -> u64 {
        self.generator.num_params().saturating_add(self.discriminator.num_params())
    }

    fn init<B: AutodiffBackend>(
        &self,
        run: &RunSettings,
        device: &B::Device,
    ) -> Result<Adversaries<B>> {
        Adversaries::init(&self.generator, &self.discriminator, run, 0, device)
    }

    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut Adversaries<B>,
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B::InnerBackend>>> {
        let generator_due = moment.iteration.is_multiple_of(self.critic_steps);
        let mut parts = Vec::new();
        for batch in batches {
            let dataset = batch.dataset;
            let batch: Vec<_> = batch
                .into_parts(moment.parts)
                .into_iter()
                .map(|part| sample(self, part, moment.seed, moment.iteration, moment.device))
                .collect();
            let weights = self.weights_of(dataset);
            // D's update leaves G as it is, so both learn from the same translations. Those of
            // several parts are made again, so that the graph of only one is kept.
            let generator = networks.generator.module().clone();
            let tracked = match &batch[..] {
                [whole] if generator_due => Some(whole.tracked_fake(&generator)),
                _ => None,
            };
            let fake = |part: &StepBatch<_>| match &tracked {
                Some(fake) => fake.clone().inner(),
                None => part.fake(&generator.valid()),
            };
            let losses = discriminator_step(self, networks, &batch, fake, weights, moment)?;
            let mut part = StepLosses::new(self.spaces.name(dataset))
                .with_losses(losses.terms())
                .with_check("d/update", networks.discriminator.finite());
            if generator_due {
                let fake = |part: &StepBatch<_>| match &tracked {
                    Some(fake) => fake.clone(),
                    None => part.tracked_fake(&generator),
                };
                let losses = generator_step(self, networks, &batch, fake, weights, moment)?;
                part = part
                    .with_losses(losses.terms())
                    .with_check("g/update", networks.generator.finite());
            }
            parts.push(part);
        }
        Ok(parts)
    }

    fn model(&self, transform: Transform) -> ModelConfig {
        ModelConfig {
            spaces: self.spaces.clone(),
            transform,
            generator: self.generator.clone(),
            discriminator: Some(self.discriminator.clone()),
        }
    }

    fn translator<B: AutodiffBackend>(
        &self,
        networks: &Adversaries<B>,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        Ok(Box::new(translator(self, networks, transform, device)))
    }
}

impl StarGan {
    /// Checks that no loss needs the whole batch, which no such part has, and says what to do.
    fn check_parts(&self, part_and_advice: &str) -> Result<()> {
        if self.penalty != Penalty::Dragan {
            return Ok(());
        }
        Err(Error::Config(format!(
            "the penalty dragan takes a standard deviation over the whole batch, which no \
             {part_and_advice}"
        )))
    }
}

impl<B: AutodiffBackend> Trainer<B, StarGan> {
    /// The networks as they are now: the moving average of G where there is one.
    pub fn translator(&self) -> Translator<B::InnerBackend> {
        translator(&self.config().recipe, self.networks(), self.transform(), self.device())
    }
}

fn translator<B: AutodiffBackend>(
    recipe: &StarGan,
    networks: &Adversaries<B>,
    transform: Transform,
    device: &B::Device,
) -> Translator<B::InnerBackend> {
    Translator::new(
        recipe.model(transform),
        networks.translating(),
        Some(networks.discriminator.module().valid().with_precision(Precision::Float32)),
        device.clone(),
    )
}

/// One update of D, from the parts of a batch and their translations.
pub(crate) fn discriminator_step<B: AutodiffBackend>(
    recipe: &StarGan,
    networks: &mut Adversaries<B>,
    batch: &[StepBatch<B::InnerBackend>],
    fake: impl Fn(&StepBatch<B::InnerBackend>) -> Tensor<B::InnerBackend, 4>,
    weights: &LossWeights,
    moment: &mut Moment<'_, B>,
) -> Result<DiscriminatorLosses<B>> {
    let StarGan { objective, penalty, .. } = *recipe;
    let learner = &networks.discriminator;
    let of_part = |part| {
        let term = OptionalTerm::when(weights.fake_domain > 0.0);
        let (module, fake) = (learner.module(), fake(part));
        let losses = discriminator_losses(module, fake, part, objective, penalty, term);
        let gradients = moment.backward(losses.total(weights)).of(learner);
        (losses, gradients)
    };
    let parts = batch.iter().map(of_part);
    let (mut losses, mut gradients) = accumulated::mean(parts, DiscriminatorLosses::terms_mut);
    moment.average(&mut gradients, losses.terms_mut())?;
    networks.update_discriminator(gradients, moment);
    Ok(losses)
}

/// One update of G, from the parts of a batch and their translations.
pub(crate) fn generator_step<B: AutodiffBackend>(
    recipe: &StarGan,
    networks: &mut Adversaries<B>,
    batch: &[StepBatch<B::InnerBackend>],
    fake: impl Fn(&StepBatch<B::InnerBackend>) -> Tensor<B, 4>,
    weights: &LossWeights,
    moment: &mut Moment<'_, B>,
) -> Result<GeneratorLosses<B>> {
    let weights = weights.at(moment.iteration, moment.iterations);
    let (learner, critic) = (&networks.generator, networks.discriminator.module());
    let of_part = |part| {
        let term = OptionalTerm::when(weights.identity.is_some());
        let generator = learner.module();
        let losses = generator_losses(critic, generator, fake(part), part, recipe.objective, term);
        let gradients = moment.backward(losses.total(&weights)).of(learner);
        (losses, gradients)
    };
    let parts = batch.iter().map(of_part);
    let (mut losses, mut gradients) = accumulated::mean(parts, GeneratorLosses::terms_mut);
    moment.average(&mut gradients, losses.terms_mut())?;
    moment.update(&mut networks.generator, gradients);
    Ok(losses)
}

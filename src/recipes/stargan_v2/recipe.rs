//! StarGAN v2 as a recipe: D with styles from noise and from images, then G, F and E with styles
//! from noise, then G with styles from images.

use burn::module::{AutodiffModule, Module};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::data::augment::Augmentation;
use crate::data::balance::Sampling;
use crate::data::channels::Channels;
use crate::data::datasets::Datasets;
use crate::data::loader::Batch;
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::engine::accumulated;
use crate::engine::recipe::{Moment, Recipe, StepLosses};
use crate::engine::settings::RunSettings;
use crate::engine::trainer::Trainer;
use crate::error::{Error, Result};
use crate::nn::precision::Precision;
use crate::optim::adam::AdamConfig;
use crate::optim::schedule::Schedule;
use crate::recipes::stargan_v2::batch::{StyleBatch, StyleSource};
use crate::recipes::stargan_v2::config::{StarGanV2, check_datasets};
use crate::recipes::stargan_v2::losses::{StyleCriticLosses, StyleGeneratorLosses};
use crate::recipes::stargan_v2::model::StyleModel;
use crate::recipes::stargan_v2::networks::StyleNetworks;
use crate::recipes::stargan_v2::step::{style_critic_losses, style_generator_losses};
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::translate::relabel::Translate;

impl Recipe for StarGanV2 {
    const NAME: &'static str = "stargan-v2";
    const CHANGEABLE: &'static [&'static str] = &["weights", "mapping_rate"];
    type Networks<B: AutodiffBackend> = StyleNetworks<B>;
    type Model = StyleModel;

    /// The paper's: 100,000 iterations of 8 images, every domain equally often, Adam(0, 0.99) at a
    /// constant 1e-4 with a weight decay of 1e-4. Crops leave as much of an image as the paper's do
    /// on average, of all images and of their own shape.
    fn usual_run(&self) -> RunSettings {
        let adam =
            AdamConfig { beta1: 0.0, beta2: 0.99, weight_decay: 1e-4, ..AdamConfig::default() };
        RunSettings::default()
            .with_batch_size(8)
            .with_iterations(100_000)
            .with_schedule(Schedule::Constant)
            .with_adam(adam)
            .with_sampling(Sampling::Balanced)
            .with_augmentation(Augmentation { crop: 0.05, ..Augmentation::default() })
    }

    fn check(&self, _run: &RunSettings) -> Result<()> {
        self.check()
    }

    fn check_workers(&self, _workers: usize) -> Result<()> {
        Ok(())
    }

    fn check_accumulation(&self) -> Result<()> {
        Ok(())
    }

    fn check_precision(&self) -> Result<()> {
        Ok(())
    }

    fn image_size(&self) -> ImageSize {
        self.networks.size()
    }

    fn channels(&self) -> Channels {
        Channels::of_count(self.networks.image_channels).unwrap_or_default()
    }

    fn references(&self) -> bool {
        true
    }

    fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
        check_datasets(data.len())?;
        let data = &data[0];
        self.spaces.check_space(0, data.labels())?;
        Self::check_images(data)?;
        for (domain, name) in data.labels().names().iter().enumerate() {
            let images = (0..data.len()).filter(|image| data.label(*image)[domain] == 1.0).count();
            if images < 2 {
                return Err(Error::Label(format!(
                    "the domain {name} has {images} images; a style is learnt from two that differ"
                )));
            }
        }
        Ok(vec![self.spaces.name(0).to_owned()])
    }

    fn num_params(&self) -> u64 {
        self.networks.num_params()
    }

    fn init<B: AutodiffBackend>(
        &self,
        run: &RunSettings,
        device: &B::Device,
    ) -> Result<StyleNetworks<B>> {
        StyleNetworks::init(&self.networks, run, device)
    }

    fn step<B: AutodiffBackend>(
        &self,
        networks: &mut StyleNetworks<B>,
        batches: Vec<Batch>,
        moment: &mut Moment<'_, B>,
    ) -> Result<Vec<StepLosses<B::InnerBackend>>> {
        let batch = batches.into_iter().next().expect("a batch of the dataset");
        let parts: Vec<_> = batch
            .into_parts(moment.parts)
            .into_iter()
            .map(|part| {
                StyleBatch::new(part, self.networks.latent_width, moment.seed, moment.device)
            })
            .collect();
        let mut critics = Vec::new();
        for source in StyleSource::ALL {
            let critic = critic_step(self, networks, &parts, source, moment)?;
            critics.push((critic, networks.discriminator.finite()));
        }
        let mut losses = Vec::new();
        for (source, (critic, finite)) in StyleSource::ALL.into_iter().zip(critics) {
            let terms = style_step(self, networks, &parts, source, moment)?;
            let mut part = StepLosses::new(source.name())
                .with_losses(critic.terms())
                .with_check("d/update", finite)
                .with_losses(terms.terms())
                .with_check("g/update", networks.generator.finite());
            if source == StyleSource::Latent {
                part = part
                    .with_check("f/update", networks.mapping.finite())
                    .with_check("e/update", networks.encoder.finite());
            }
            losses.push(part);
        }
        Ok(losses)
    }

    fn model(&self, transform: Transform) -> StyleModel {
        let Self { spaces, networks, .. } = self.clone();
        StyleModel { spaces, transform, networks }
    }

    fn translator<B: AutodiffBackend>(
        &self,
        networks: &StyleNetworks<B>,
        transform: Transform,
        device: &B::Device,
    ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
        Ok(Box::new(translator(self, networks, transform, device)))
    }
}

impl<B: AutodiffBackend> Trainer<B, StarGanV2> {
    /// The networks as they are now: their moving averages where there are such.
    pub fn translator(&self) -> StyleTranslator<B::InnerBackend> {
        translator(&self.config().recipe, self.networks(), self.transform(), self.device())
    }
}

fn translator<B: AutodiffBackend>(
    recipe: &StarGanV2,
    networks: &StyleNetworks<B>,
    transform: Transform,
    device: &B::Device,
) -> StyleTranslator<B::InnerBackend> {
    StyleTranslator::new(
        recipe.model(transform),
        networks.generator.averaged().with_precision(Precision::Float32),
        networks.mapping.averaged(),
        networks.encoder.averaged().with_precision(Precision::Float32),
        device.clone(),
    )
}

/// One update of D, with styles from `source`.
pub(crate) fn critic_step<B: AutodiffBackend>(
    recipe: &StarGanV2,
    networks: &mut StyleNetworks<B>,
    batch: &[StyleBatch<B::InnerBackend>],
    source: StyleSource,
    moment: &mut Moment<'_, B>,
) -> Result<StyleCriticLosses<B>> {
    let learner = &networks.discriminator;
    let generator = networks.generator.module().valid();
    let (mapping, encoder) = (networks.mapping.module().valid(), networks.encoder.module().valid());
    let of_part = |part: &StyleBatch<B::InnerBackend>| {
        let fake = generator.forward(part.real.clone(), part.style(0, source, &mapping, &encoder));
        let losses = style_critic_losses(learner.module(), fake, part);
        let gradients = moment.backward(losses.total(&recipe.weights)).of(learner);
        (losses, gradients)
    };
    let parts = batch.iter().map(of_part);
    let (mut losses, mut gradients) = accumulated::mean(parts, StyleCriticLosses::terms_mut);
    moment.average(&mut gradients, losses.terms_mut())?;
    moment.update_discriminator(&mut networks.discriminator, gradients);
    Ok(losses)
}

/// One update with styles from `source`: of G, F and E from noise, of G alone from images.
pub(crate) fn style_step<B: AutodiffBackend>(
    recipe: &StarGanV2,
    networks: &mut StyleNetworks<B>,
    batch: &[StyleBatch<B::InnerBackend>],
    source: StyleSource,
    moment: &mut Moment<'_, B>,
) -> Result<StyleGeneratorLosses<B>> {
    let weights = recipe.weights.at(moment.iteration, moment.iterations);
    let StyleNetworks { generator, mapping, encoder, discriminator } = &*networks;
    let (plain_mapping, plain_encoder) = (mapping.module().valid(), encoder.module().valid());
    let mut sizes = [0; 2];
    let of_part = |part: &StyleBatch<B::InnerBackend>| {
        let style = |number| part.style(number, source, &plain_mapping, &plain_encoder);
        let (first, reading) = match source {
            StyleSource::Latent => (part.tracked_style(mapping.module()), encoder.module().clone()),
            // What E would learn is left alone.
            StyleSource::Reference => {
                (Tensor::from_inner(style(0)), encoder.module().clone().no_grad())
            }
        };
        let (g, d) = (generator.module(), discriminator.module());
        let losses = style_generator_losses(g, &reading, d, first, style(1), part);
        let mut backward = moment.backward(losses.total(&weights));
        // One list of all that is learnt, so that it is accumulated and averaged as one.
        let mut gradients = backward.of(generator);
        if source == StyleSource::Latent {
            sizes[0] = gradients.len();
            gradients.extend(backward.of(mapping));
            sizes[1] = gradients.len();
            gradients.extend(backward.of(encoder));
        }
        (losses, gradients)
    };
    let parts = batch.iter().map(of_part);
    let (mut losses, mut gradients) = accumulated::mean(parts, StyleGeneratorLosses::terms_mut);
    moment.average(&mut gradients, losses.terms_mut())?;
    if source == StyleSource::Latent {
        let of_encoder = gradients.split_off(sizes[1]);
        let of_mapping = gradients.split_off(sizes[0]);
        moment.update(&mut networks.encoder, of_encoder);
        moment.update_by_share(recipe.mapping_rate, &mut networks.mapping, of_mapping);
    }
    moment.update(&mut networks.generator, gradients);
    Ok(losses)
}

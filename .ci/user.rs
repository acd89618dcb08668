//! A user's crate: every trait that it can implement, and the way from images to a translation.

use std::borrow::Cow;

use stargan::burn::nn::conv::Conv2d;
use stargan::burn::tensor::{Tensor, backend::Backend};
use stargan::image::{DynamicImage, Rgb, RgbImage};
use stargan::{
    BackendKind, Dataset, LabelSpace, LabelSpaces, Relabelling, Result, Transform, Translate,
    any_backend,
};

/// Images of one colour each, in memory.
#[derive(Clone, Debug)]
pub struct Colours(LabelSpace);

impl Dataset for Colours {
    fn labels(&self) -> &LabelSpace {
        &self.0
    }
    fn len(&self) -> usize {
        8
    }
    fn label(&self, index: usize) -> &[f32] {
        if index.is_multiple_of(2) { &[1.0, 0.0] } else { &[0.0, 1.0] }
    }
    fn name(&self, index: usize) -> Cow<'_, str> {
        format!("{index}").into()
    }
    fn load(&self, index: usize) -> Result<DynamicImage> {
        let colour = if index.is_multiple_of(2) { [250, 20, 20] } else { [20, 20, 250] };
        Ok(RgbImage::from_pixel(16, 16, Rgb(colour)).into())
    }
}

/// A model that knows one change of colours.
#[derive(Debug)]
pub struct Tint<B: Backend> {
    pub network: Conv2d<B>,
    pub spaces: LabelSpaces,
    pub transform: Transform,
    pub device: B::Device,
}

impl<B: Backend> Translate<B> for Tint<B> {
    fn spaces(&self) -> &LabelSpaces {
        &self.spaces
    }
    fn transform(&self) -> Transform {
        self.transform
    }
    fn device(&self) -> &B::Device {
        &self.device
    }
    fn relabel(&self, images: Tensor<B, 4>, _: usize, _: &[Relabelling<'_>]) -> Tensor<B, 4> {
        self.network.forward(images).clamp(-1.0, 1.0)
    }
}

/// The backends are those that stargan has compiled in: this crate has no such features.
pub fn width(backend: BackendKind) -> Result<usize> {
    any_backend!(backend, B => Ok(Tensor::<B, 1>::zeros([3], &Default::default()).dims()[0]))
}

#[cfg(feature = "train")]
pub mod train {
    //! A recipe and an observer, of which neither knows a backend.

    use serde::{Deserialize, Serialize};
    use stargan::burn::nn::{Initializer, conv::Conv2dConfig};
    use stargan::burn::tensor::backend::AutodiffBackend;
    use stargan::data::Batch;
    use stargan::engine::{Learner, Moment, Recipe, StepLosses};
    use stargan::{Datasets, Error, Iteration, Observer, Run, RunSettings};

    use super::*;

    /// Learns the change of colours that makes images black.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Blacken {
        pub spaces: LabelSpaces,
    }

    impl Recipe for Blacken {
        const NAME: &'static str = "blacken";
        type Networks<B: AutodiffBackend> = Learner<B, Conv2d<B>>;
        type Model = Transform;

        fn image_size(&self) -> stargan::ImageSize {
            8.into()
        }
        fn num_params(&self) -> u64 {
            12
        }
        fn accept(&self, data: &Datasets) -> Result<Vec<String>> {
            if data.len() == 1 {
                return Ok(vec!["colours".to_owned()]);
            }
            Err(Error::other(format!("expected one dataset, found {}", data.len())))
        }
        fn init<B: AutodiffBackend>(
            &self,
            run: &RunSettings,
            device: &B::Device,
        ) -> Result<Self::Networks<B>> {
            let half = Initializer::Constant { value: 0.5 };
            let network = Conv2dConfig::new([3, 3], [1, 1]).with_initializer(half).init(device);
            Ok(Learner::new("tint", network, run.adam.clone()))
        }
        fn step<B: AutodiffBackend>(
            &self,
            network: &mut Self::Networks<B>,
            mut batches: Vec<Batch>,
            moment: &mut Moment<'_, B>,
        ) -> Result<Vec<StepLosses<B::InnerBackend>>> {
            let images = batches.remove(0).into_images(moment.device);
            let loss = (network.module().forward(images) + 1.0).square().mean();
            let gradients = moment.backward(loss.clone()).of(network);
            moment.update(network, gradients);
            let losses = StepLosses::new("colours").with_losses(vec![("light", loss)]);
            Ok(vec![losses.with_check("gradient", network.finite())])
        }
        fn model(&self, transform: Transform) -> Transform {
            transform
        }
        fn translator<B: AutodiffBackend>(
            &self,
            network: &Self::Networks<B>,
            transform: Transform,
            device: &B::Device,
        ) -> Result<Box<dyn Translate<B::InnerBackend>>> {
            let (network, spaces) = (network.averaged(), self.spaces.clone());
            Ok(Box::new(Tint { network, spaces, transform, device: device.clone() }))
        }
    }

    /// Stops after some iterations; keeps the first loss of each.
    #[derive(Debug)]
    pub struct StopAt {
        pub iteration: u64,
        pub losses: Vec<f32>,
    }

    impl<B: AutodiffBackend> Observer<B> for StopAt {
        fn iteration(&mut self, run: &Run<'_, B>, iteration: &Iteration<'_, B>) -> Result<()> {
            self.losses.extend(iteration.losses().first().map(|(_, value)| *value));
            if iteration.number == self.iteration {
                run.stop();
            }
            Ok(())
        }
    }
}

#[cfg(not(feature = "cpu"))]
fn main() {}

#[cfg(feature = "cpu")]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    use stargan::burn::backend::{Autodiff, Flex};
    use stargan::engine::open_checkpoint;
    use stargan::{Grid, GridImage, Outcome, StarGan, Trainer, TrainingConfig, Translator};

    assert_eq!(width("flex".parse()?)?, 3);
    assert!(width(BackendKind::Cuda).is_err(), "not compiled in");
    type B = Autodiff<Flex>;
    let device = Default::default();
    let out = std::env::args().nth(1).ok_or("say where runs go")?;
    let data = Colours(LabelSpace::classes(["red", "blue"]));
    let spaces = LabelSpaces::single(data.0.clone());

    let [own, whole] = ["own", "whole"].map(|name| format!("{out}/{name}"));
    let config = TrainingConfig::new(train::Blacken { spaces: spaces.clone() })
        .with_run(|run| run.with_batch_size(4).with_iterations(6).with_learning_rate(0.1));
    let mut observer = train::StopAt { iteration: 3, losses: Vec::new() };
    let outcome = Trainer::<B, _>::new(&own, config.clone(), &device)?.run(&data, &mut observer)?;
    assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome:?}");
    Trainer::<B, train::Blacken>::resume(&own, &device)?.run(&data, &mut observer)?;
    assert_eq!(observer.losses.len(), 6);
    assert!(observer.losses[5] < observer.losses[0], "{:?}", observer.losses);
    Trainer::<B, _>::new(&whole, config, &device)?.run(&data, &mut ())?;
    let pictures = [own, whole].map(|run| {
        let model = open_checkpoint::<B, train::Blacken>(run, &device)?;
        let images = model.transform().cut(&data.load(0)?);
        let label = stargan::DomainLabel { dataset: 0, label: data.label(0).to_vec() };
        Grid::of_targets(&*model, &[GridImage { image: images, label: Some(label) }])
    });
    let [own, whole] = pictures;
    assert_eq!(own?.image, whole?.image, "a resumed run is that of an uninterrupted one");

    let recipe =
        StarGan::new(spaces).with_image_size(16).with_base_channels(4).with_residual_blocks(1);
    let config =
        TrainingConfig::new(recipe).with_run(|run| run.with_iterations(5).with_batch_size(4));
    let run = format!("{out}/stargan");
    let mut trainer = Trainer::<B, _>::new(&run, config, &device)?;
    trainer.run(&data, &mut ())?;
    let red = data.load(0)?;
    let blue = trainer.translator().translate(&red, "blue")?;
    assert_eq!(Translator::<Flex>::open(&run, &device)?.translate(&red, "blue")?, blue);
    println!("trained and translated as a dependency");
    Ok(())
}

//! The discriminator `D(x) -> {D_src(x), D_cls(x)}` (paper Table 5): a PatchGAN with two heads.

use burn::module::{AutodiffModule, Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::size::ImageSize;
use crate::error::Result;
use crate::nn::architecture::{
    Architecture, ConvolutionSize, NEGATIVE_SLOPE, Operation, Sequence, Window,
};
use crate::nn::flat::rows;
use crate::nn::layers::{Convolution, LeakyConvolution};
use crate::nn::limits::{
    MOST_HALVINGS, check_divisible, check_feasible, check_memory, check_positive, check_width,
    doubled,
};
use crate::nn::ops;
use crate::nn::precision::Precision;
use crate::nn::spectral::Spectral;

/// The architecture of a [`Discriminator`]; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DiscriminatorConfig {
    /// Width of the domain head: the label entries of all datasets
    /// ([`LabelSpaces::label_width`](crate::labels::spaces::LabelSpaces::label_width)); 0 for no
    /// domain head, as discriminators of pairwise models have none.
    pub label_width: usize,
    /// Size of the images, both sides divisible by `2^downsamplings`.
    pub image_size: ImageSize,
    /// Channels of an image: 3 for RGB, 6 for two such images at once, of which one is the other's
    /// condition.
    pub image_channels: usize,
    /// Channels after the first convolution, 64 in the paper; doubled by every further one.
    pub base_channels: usize,
    /// Convolutions of the trunk, each halving the size: 6 in the paper.
    pub downsamplings: usize,
    /// Spectral normalisation of every convolution (Miyato et al., 2018), which bounds D's slope
    /// with or without a penalty; not in the paper.
    #[serde(default)]
    pub spectral_norm: bool,
}

impl DiscriminatorConfig {
    /// The paper's discriminator for images of `image_size` and `label_width` labels.
    pub fn new(image_size: impl Into<ImageSize>, label_width: usize) -> Self {
        Self {
            label_width,
            image_size: image_size.into(),
            image_channels: 3,
            base_channels: 64,
            downsamplings: 6,
            spectral_norm: false,
        }
    }

    /// The paper's discriminator with as many halvings, up to its 6, as leave at least 2x2 patches
    /// of an image of `image_size`.
    pub fn fitting(image_size: impl Into<ImageSize>, label_width: usize) -> Self {
        let image_size = image_size.into();
        let leaves_patches = |halvings: &usize| {
            let leaves = |side: usize| side.is_multiple_of(1 << halvings) && side >> halvings >= 2;
            image_size.sides().into_iter().all(leaves)
        };
        let halvings = (1..=6).rev().find(leaves_patches).unwrap_or(1);
        Self::new(image_size, label_width).with_downsamplings(halvings)
    }

    /// Sets the size of the images, a number for squares, and as many halvings as
    /// [`fitting`](Self::fitting) has.
    pub fn with_image_size(mut self, size: impl Into<ImageSize>) -> Self {
        self.image_size = size.into();
        self.downsamplings = Self::fitting(self.image_size, self.label_width).downsamplings;
        self
    }

    /// Sets the channels of an image.
    pub fn with_image_channels(mut self, channels: usize) -> Self {
        self.image_channels = channels;
        self
    }

    /// Sets the channels after the first convolution.
    pub fn with_base_channels(mut self, channels: usize) -> Self {
        self.base_channels = channels;
        self
    }

    /// Sets the width of the domain head.
    pub fn with_label_width(mut self, width: usize) -> Self {
        self.label_width = width;
        self
    }

    /// Sets the number of trunk convolutions.
    pub fn with_downsamplings(mut self, downsamplings: usize) -> Self {
        self.downsamplings = downsamplings;
        self
    }

    /// Normalises every convolution spectrally.
    pub fn with_spectral_norm(mut self) -> Self {
        self.spectral_norm = true;
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Config`](crate::error::Error::Config) when a width is 0, the trunk is empty or too
    /// wide, the image size is not divisible by `2^downsamplings`, or a layer of one image would
    /// take more than 2 GiB, saying what to change.
    pub fn check(&self) -> Result<()> {
        check_positive(
            "discriminator",
            &[
                ("image_channels", self.image_channels),
                ("base_channels", self.base_channels),
                ("downsamplings", self.downsamplings),
            ],
        )?;
        check_width("discriminator", self.base_channels, self.downsamplings - 1)?;
        check_divisible("discriminator", self.image_size.sides(), self.downsamplings)?;
        check_feasible("discriminator", self.num_params())?;
        let values = self.architecture().most_values(self.image_size);
        check_memory("discriminator", self.image_size, values)
    }

    /// The number of parameters: 44,762,048 with five labels and the defaults at 128 pixels.
    /// [`u64::MAX`] stands for more.
    pub fn num_params(&self) -> u64 {
        match self.downsamplings {
            ..=MOST_HALVINGS => self.architecture().num_params(),
            _ => u64::MAX,
        }
    }

    /// The table of the discriminator's layers; the heads are that of realness and, where there are
    /// labels, that of domains.
    pub(crate) fn architecture(&self) -> Architecture {
        let width = |level: usize| match level {
            0 => self.image_channels,
            level => doubled(self.base_channels, level - 1),
        };
        let mut trunk = Sequence::default();
        for i in 0..self.downsamplings {
            let halving = ConvolutionSize::new(width(i), width(i + 1), Window::HALF);
            trunk.push(format!("trunk.{i}"), Operation::BiasedConvolution(halving));
            trunk.push_activation(Operation::LeakyRelu { slope: NEGATIVE_SLOPE });
        }

        let features = width(self.downsamplings);
        let head = |path, outputs, window| {
            let size = ConvolutionSize::new(features, outputs, window);
            let mut head = Sequence::default();
            head.push(path, Operation::Convolution(size));
            head
        };
        let mut heads = vec![head("realness", 1, Window::SAME)];
        if self.label_width > 0 {
            let patches = self.image_size.sides().map(|side| side / doubled(1, self.downsamplings));
            heads.push(head("domain", self.label_width, Window::whole(patches)));
        }
        Architecture { trunk, heads }
    }

    /// A discriminator with fresh weights drawn from `rng` in a fixed order, the same on every
    /// backend.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init<B: Backend>(
        &self,
        rng: &mut impl Rng,
        device: &B::Device,
    ) -> Result<Discriminator<B>> {
        self.check()?;
        let Architecture { trunk, heads } = self.architecture();
        let layers = &mut trunk.with_parameters();
        let trunk = (0..self.downsamplings).map(|_| LeakyConvolution::init(layers, rng, device));
        let trunk = trunk.collect();
        let mut heads =
            heads.iter().map(|head| Convolution::init(&mut head.with_parameters(), rng, device));
        let realness = heads.next().expect("the table has a head of realness");
        let (domain, precision) = (heads.next(), Precision::Float32);
        let mut discriminator = Discriminator { trunk, realness, domain, precision };
        if self.spectral_norm {
            discriminator.each_weight(|weight, spectral| {
                *spectral = Some(Spectral::init(weight.val(), rng));
            });
        }
        Ok(discriminator)
    }
}

/// What the discriminator says of a batch of `N` images.
#[derive(Clone, Debug)]
pub struct Prediction<B: Backend> {
    /// `D_src`: how real each patch is, `[N, 1, H / 2^downsamplings, W / 2^downsamplings]`,
    /// unbounded.
    pub realness: Tensor<B, 4>,
    /// `D_cls`: logits of every label, `[N, label_width]`.
    pub domain_logits: Tensor<B, 2>,
}

/// The discriminator. See [`DiscriminatorConfig`].
#[derive(Module, Debug)]
pub struct Discriminator<B: Backend> {
    trunk: Vec<LeakyConvolution<B>>,
    realness: Convolution<B>,
    domain: Option<Convolution<B>>,
    #[module(skip)]
    precision: Precision,
}

impl<B: Backend> Discriminator<B> {
    /// Sets what it computes in, but for [`input_gradient`](Self::input_gradient); its input and
    /// output keep their type.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Judges `images` `[N, C, H, W]` in `[-1, 1]`.
    ///
    /// # Panics
    /// When the shape does not fit the configuration, or there is no domain head.
    pub fn forward(&self, images: Tensor<B, 4>) -> Prediction<B> {
        let dtype = images.dtype();
        let Prediction { realness, domain_logits } = self.heads(self.features(images));
        Prediction { realness: realness.cast(dtype), domain_logits: domain_logits.cast(dtype) }
    }

    /// [`forward`](Self::forward) of `real` images and of as many `fake` ones: in one pass where
    /// the backend is a GPU's, which few large operations suit, otherwise one after the other.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub(crate) fn forward_both(
        &self,
        real: Tensor<B, 4>,
        fake: Tensor<B, 4>,
    ) -> [Prediction<B>; 2] {
        if !ops::launches::<B>() {
            return [real, fake].map(|images| self.forward(images));
        }
        let [n, ..] = real.dims();
        let Prediction { realness, domain_logits } = self.forward(Tensor::cat(vec![real, fake], 0));
        [0, n].map(|first| Prediction {
            realness: realness.clone().narrow(0, first, n),
            domain_logits: domain_logits.clone().narrow(0, first, n),
        })
    }

    /// `D_src` alone, which a discriminator without a domain head has too: how real each patch of
    /// `images` `[N, C, H, W]` is, `[N, 1, H / 2^downsamplings, W / 2^downsamplings]`, unbounded.
    ///
    /// # Panics
    /// When the images have another number of channels.
    pub fn realness(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        let dtype = images.dtype();
        self.realness.forward(self.features(images)).cast(dtype)
    }

    /// The trunk's output for `images`, in the type that it computes in:
    /// `[N, F, H / 2^downsamplings, W / 2^downsamplings]`.
    pub(crate) fn features(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        self.trunk.iter().fold(self.precision.cast(images), |x, conv| conv.forward(x))
    }

    /// Both heads' outputs for [`features`](Self::features).
    pub(crate) fn heads(&self, features: Tensor<B, 4>) -> Prediction<B> {
        let [n, ..] = features.dims();
        let realness = self.realness.forward(features.clone());
        // The domain head's kernel covers the whole map, so the convolution is a matrix product.
        let domain = self.domain.as_ref().expect("this discriminator has no domain head");
        let weight = domain.weight(features.dtype());
        let ([_, _, height, width], [_, _, rows_of, columns_of]) = (features.dims(), weight.dims());
        assert_eq!(
            [height, width],
            [rows_of, columns_of],
            "the discriminator was made for another image size"
        );
        let domain_logits = rows(features).matmul(rows(weight).transpose());
        debug_assert_eq!(domain_logits.dims()[0], n);
        Prediction { realness, domain_logits }
    }

    /// One more power iteration for the spectral norms, where there are any: due after every update
    /// of the weights.
    pub(crate) fn follow_spectral_norms(mut self) -> Self {
        self.each_weight(|weight, spectral| {
            if let Some(spectral) = spectral {
                spectral.advance(weight.val());
            }
        });
        self
    }

    /// The same function without spectral norms: the weights are those that convolve.
    pub(crate) fn without_spectral_norms(mut self) -> Self {
        self.each_weight(|weight, spectral| {
            if let Some(spectral) = spectral.take() {
                *weight = weight.clone().map(|weight| spectral.normalise(weight));
            }
        });
        self
    }

    fn each_weight(
        &mut self,
        mut visit: impl FnMut(&mut Param<Tensor<B, 4>>, &mut Option<Spectral<B>>),
    ) {
        for conv in &mut self.trunk {
            visit(&mut conv.weight, &mut conv.spectral);
        }
        for head in std::iter::once(&mut self.realness).chain(&mut self.domain) {
            visit(&mut head.weight, &mut head.spectral);
        }
    }
}

impl<B: AutodiffBackend> Discriminator<B> {
    /// The gradient of the summed realness with respect to `images` `[N, C, H, W]`, of the same
    /// shape, itself differentiable with respect to the weights.
    ///
    /// The trunk is convolutions and LeakyReLU, hence piecewise linear: its input gradient is a
    /// chain of transposed convolutions with the same weights, multiplied by the LeakyReLU slopes,
    /// which are constants. The slopes come from a forward pass without a graph, the chain is
    /// ordinary operations, so that the first-order `backward` of anything computed from it is
    /// exact.
    pub fn input_gradient(&self, images: Tensor<B::InnerBackend, 4>) -> Tensor<B, 4> {
        let plain = self.valid();
        let mut outputs = Vec::with_capacity(plain.trunk.len());
        let mut x = images;
        for conv in &plain.trunk {
            x = conv.forward(x);
            outputs.push(x.clone());
        }
        let [n, _, h, w] = x.dims();
        // Of the features' precision, whatever the backend's default is.
        let ones = Tensor::ones([n, 1, h, w], (&x.device(), x.dtype()));
        let gradient = self.realness.input_gradient(ones);
        self.trunk.iter().zip(outputs).rev().fold(gradient, |gradient, (conv, y)| {
            conv.input_gradient(gradient, Tensor::from_inner(y))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_configurations_say_what_to_change() {
        let base = DiscriminatorConfig::new(128, 5);
        base.check().unwrap();
        for (config, expected) in [
            (
                base.clone().with_image_channels(0),
                "discriminator's image_channels is 0; it must be at least 1",
            ),
            (base.clone().with_base_channels(0), "base_channels is 0"),
            (base.clone().with_downsamplings(0), "downsamplings is 0"),
            (DiscriminatorConfig::new(0, 5), "0 pixels is not divisible by 64"),
            (
                DiscriminatorConfig::new(100, 5),
                "100 pixels is not divisible by 64, which the discriminator's 6 downsamplings \
                 need; use 64 or 128 pixels, or fewer downsamplings",
            ),
            (
                DiscriminatorConfig::new(ImageSize::new(256, 96), 5),
                "96 pixels is not divisible by 64",
            ),
            (DiscriminatorConfig::new(1 << 40, 5), "more than 68 billion parameters"),
            (DiscriminatorConfig::new(1 << 20, 0), "would take the discriminator more than 2 GiB"),
            (DiscriminatorConfig::new(128, usize::MAX), "more than 68 billion parameters"),
            (base.clone().with_downsamplings(8), "128 pixels is not divisible by 256"),
            (base.clone().with_downsamplings(12), "lower base_channels or downsamplings"),
            (base.clone().with_downsamplings(usize::MAX), "lower base_channels or downsamplings"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{config:?}: {error}");
        }
        assert_eq!(base.with_downsamplings(usize::MAX).num_params(), u64::MAX);
    }

    #[cfg(feature = "flex")]
    mod on_flex {
        use burn::backend::Flex;
        use burn::tensor::TensorData;

        use super::*;
        use crate::random::{Purpose, stream};

        #[test]
        fn the_papers_discriminators_have_the_published_parameter_counts() {
            for (channels, labels, expected) in
                [(3, 5, 44_762_048), (3, 8, 44_786_624), (3, 0, 44_721_088), (6, 0, 44_724_160)]
            {
                let config = DiscriminatorConfig::new(128, labels).with_image_channels(channels);
                assert_eq!(config.num_params(), expected, "{labels} labels");
            }
        }

        #[test]
        fn the_count_is_that_of_the_network() {
            let paper = DiscriminatorConfig::new(128, 5);
            let small = |labels| DiscriminatorConfig::new(16, labels).with_base_channels(2);
            let depths = [1, 2, 4].map(|depth| small(3).with_downsamplings(depth));
            let others = [8, 0].map(|labels| small(labels).with_downsamplings(2));
            let pairs = others.clone().map(|config| config.with_image_channels(6));
            for config in [paper].into_iter().chain(depths).chain(others).chain(pairs) {
                let mut rng = stream(0, Purpose::Discriminator, 0, 0);
                let discriminator = config.init::<Flex>(&mut rng, &Default::default()).unwrap();
                assert_eq!(config.num_params(), discriminator.num_params() as u64, "{config:?}");
            }
        }

        #[test]
        fn realness_needs_no_domain_head() {
            let device = Default::default();
            let init = |labels| {
                let config = DiscriminatorConfig::new(16, labels).with_base_channels(2);
                let mut rng = stream(0, Purpose::Discriminator, 0, 0);
                config.with_downsamplings(2).init::<Flex>(&mut rng, &device).unwrap()
            };
            let values = (0..3 * 16 * 16).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>();
            let images = TensorData::new(values, [1, 3, 16, 16]);
            let images: Tensor<Flex, 4> = Tensor::from_data(images, &device);
            let expected = init(4).forward(images.clone()).realness.into_data();
            let found = init(0).realness(images);
            assert_eq!(found.dims(), [1, 1, 4, 4]);
            // The heads come last, so the same seed gives both the same weights up to there.
            assert_eq!(found.into_data(), expected);
        }
    }
}

//! The reference values in `tests/fixtures` (see the README there).

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::data::size::ImageSize;
use crate::files::pytorch::keys::{Key, discriminator_keys, generator_keys, import};
use crate::nn::discriminator::{Discriminator, DiscriminatorConfig};
use crate::nn::generator::{Generator, GeneratorConfig};
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};

/// The tensors of one file; they are taken out of it.
pub(crate) struct Fixture {
    pub tensors: Weights,
}

/// The networks of a fixture.
#[derive(Deserialize)]
pub(crate) struct Networks {
    #[serde(default = "rgb")]
    image_channels: usize,
    generator: FixtureGenerator,
    discriminator: FixtureDiscriminator,
}

fn rgb() -> usize {
    3
}

/// The generator of a fixture that has no other network.
#[derive(Deserialize)]
pub(crate) struct GeneratorOnly {
    generator: FixtureGenerator,
}

impl GeneratorOnly {
    pub fn generator(&self) -> GeneratorConfig {
        self.generator.config()
    }
}

#[derive(Deserialize)]
struct FixtureGenerator {
    condition_width: usize,
    base_channels: usize,
    residual_blocks: usize,
    downsamplings: usize,
}

#[derive(Deserialize)]
struct FixtureDiscriminator {
    image_size: ImageSize,
    base_channels: usize,
    downsamplings: usize,
    label_width: usize,
}

impl FixtureGenerator {
    fn config(&self) -> GeneratorConfig {
        GeneratorConfig::new(self.condition_width)
            .with_base_channels(self.base_channels)
            .with_residual_blocks(self.residual_blocks)
            .with_downsamplings(self.downsamplings)
    }
}

impl Networks {
    pub fn generator(&self) -> GeneratorConfig {
        self.generator.config().with_image_channels(self.image_channels)
    }

    pub fn discriminator(&self) -> DiscriminatorConfig {
        let config = &self.discriminator;
        DiscriminatorConfig::new(config.image_size, config.label_width)
            .with_image_channels(self.image_channels)
            .with_base_channels(config.base_channels)
            .with_downsamplings(config.downsamplings)
    }

    pub fn generator_keys(&self) -> Vec<Key> {
        generator_keys(&self.generator())
    }

    pub fn discriminator_keys(&self) -> Vec<Key> {
        discriminator_keys(&self.discriminator())
    }
}

impl Fixture {
    /// Reads `tests/fixtures/<name>.safetensors` and its configuration.
    pub fn open<T: DeserializeOwned>(name: &str) -> (T, Self) {
        let path = format!("{}/tests/fixtures/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let config = &header.metadata().as_ref().unwrap()["config"];
        let tensors = SafeTensors::deserialize(&bytes)
            .unwrap()
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let dtype = match view.dtype() {
                    Dtype::F32 => DType::F32,
                    Dtype::I64 => DType::I64,
                    other => panic!("{name}: {other:?}"),
                };
                let (values, shape) = (view.data().to_vec(), view.shape().to_vec());
                (name, TensorData::from_bytes_vec(values, shape, dtype))
            })
            .collect();
        (serde_json::from_str(config).unwrap(), Self { tensors })
    }

    /// Takes the tensor `name` out.
    pub fn take(&mut self, name: &str) -> TensorData {
        self.tensors.remove(name).unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    /// Takes the tensor `name` out, for a backend.
    pub fn tensor<B: Backend, const D: usize>(&mut self, name: &str) -> Tensor<B, D> {
        Tensor::from_data(self.take(name), &B::Device::default())
    }

    /// Takes the parameters named `public_prefix` and a public name out, as ours under `prefix.`.
    pub fn parameters(&mut self, keys: &[Key], public_prefix: &str, prefix: &str) -> Weights {
        import(keys, &mut self.tensors, public_prefix, prefix).unwrap()
    }

    /// The generator of the parameters `g.`.
    pub fn generator<B: Backend>(&mut self, networks: &Networks) -> Generator<B> {
        self.generator_of(&networks.generator())
    }

    /// The same of this kind.
    pub fn generator_of<B: Backend>(&mut self, config: &GeneratorConfig) -> Generator<B> {
        let mut rng = stream(0, Purpose::Generator, 0, 0);
        let fresh = config.init(&mut rng, &B::Device::default()).unwrap();
        let mut weights = self.parameters(&generator_keys(config), "g.", "g");
        let generator = weights::apply(fresh, "g", &mut weights).unwrap();
        weights::check_empty(&weights).unwrap();
        generator
    }

    /// The discriminator of the parameters `d.`.
    pub fn discriminator<B: Backend>(&mut self, networks: &Networks) -> Discriminator<B> {
        let mut rng = stream(0, Purpose::Discriminator, 0, 0);
        let fresh = networks.discriminator().init(&mut rng, &B::Device::default()).unwrap();
        let mut weights = self.parameters(&networks.discriminator_keys(), "d.", "d");
        let discriminator = weights::apply(fresh, "d", &mut weights).unwrap();
        weights::check_empty(&weights).unwrap();
        discriminator
    }
}

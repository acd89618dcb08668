//! The networks' tables: a walk over a table computes what its network does, and a seed gives the
//! weights that it always gave.

use burn::backend::Flex;
use burn::tensor::{Tensor, TensorData, activation};

use crate::files::model::checksum;
use crate::nn::architecture::{Architecture, Operation, Sequence};
use crate::nn::discriminator::DiscriminatorConfig;
use crate::nn::generator::GeneratorConfig;
use crate::nn::head::Head;
use crate::nn::ops::composed;
use crate::nn::style::config::StyleConfig;
use crate::nn::upsampling::Upsampling;
use crate::nn::weights::{self, Weights};
use crate::random::{Purpose, stream};
use crate::tests::relative_error;

/// Sums of a few hundred products in another order, through up to a dozen layers.
const TOLERANCE: f64 = 1e-5;

/// Values that repeat nowhere.
fn values(shape: &[usize]) -> TensorData {
    let count = shape.iter().product::<usize>();
    TensorData::new((0..count).map(|i| (i as f32 * 0.7).sin()).collect(), shape.to_vec())
}

/// What the layers make of `x` with the weights of their paths after `prefix`.
fn walk(
    sequence: &Sequence,
    prefix: &str,
    weights: &Weights,
    x: Tensor<Flex, 4>,
) -> Tensor<Flex, 4> {
    walk_in_style(sequence, prefix, weights, x, None)
}

/// The same of layers that take a style `[N, S]`; vectors are images of one pixel.
fn walk_in_style(
    sequence: &Sequence,
    prefix: &str,
    weights: &Weights,
    x: Tensor<Flex, 4>,
    style: Option<&Tensor<Flex, 2>>,
) -> Tensor<Flex, 4> {
    let (device, network_input) = (Default::default(), x.clone());
    let linear = |x: Tensor<Flex, 2>, path: &str| {
        let weight =
            Tensor::<Flex, 2>::from_data(weights[&format!("{path}.weight")].clone(), &device);
        let bias = Tensor::<Flex, 1>::from_data(weights[&format!("{path}.bias")].clone(), &device);
        x.matmul(weight.transpose()) + bias.unsqueeze()
    };
    sequence.layers().iter().fold(x, |x, layer| {
        let path = format!("{prefix}{}", layer.path);
        let vector = |name: &str| {
            Tensor::<Flex, 1>::from_data(weights[&format!("{path}.{name}")].clone(), &device)
        };
        let weight =
            || Tensor::<Flex, 4>::from_data(weights[&format!("{path}.weight")].clone(), &device);
        match &layer.operation {
            Operation::Convolution(size) => {
                composed::conv2d(x, weight(), None, size.window.stride, size.window.padding)
            }
            Operation::BiasedConvolution(size) => {
                let (window, bias) = (size.window, Some(vector("bias")));
                composed::conv2d(x, weight(), bias, window.stride, window.padding)
            }
            Operation::TransposedConvolution(size) => {
                let window = size.window;
                composed::conv_transpose2d(x, weight(), window.stride, window.padding)
            }
            Operation::ResizeConvolution(size) => {
                let [n, c, h, w] = x.dims();
                let enlarged = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
                let (enlarged, window) = (enlarged.reshape([n, c, 2 * h, 2 * w]), size.window);
                composed::conv2d(enlarged, weight(), None, window.stride, window.padding)
            }
            Operation::InstanceNorm { .. } => {
                composed::instance_norm(x, vector("weight"), vector("bias"), false)
            }
            Operation::AdaptiveNorm { channels, .. } => {
                let affine = linear(style.expect("a style").clone(), &format!("{path}.fc"));
                let of_planes =
                    |first| affine.clone().narrow(1, first, *channels).unsqueeze_dims(&[2, 3]);
                let plain = |value| Tensor::full([*channels], value, &device);
                let normed = composed::instance_norm(x, plain(1.0), plain(0.0), false);
                normed * (of_planes(0) + 1.0) + of_planes(*channels)
            }
            Operation::Linear { .. } => linear(x.flatten(1, 3), &path).unsqueeze_dims(&[2, 3]),
            Operation::MeanPool => {
                let [n, c, h, w] = x.dims();
                x.reshape([n, c, h / 2, 2, w / 2, 2]).mean_dim(5).mean_dim(3).reshape([
                    n,
                    c,
                    h / 2,
                    w / 2,
                ])
            }
            Operation::NearestUp => {
                let [n, c, h, w] = x.dims();
                let enlarged = x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]);
                enlarged.reshape([n, c, 2 * h, 2 * w])
            }
            Operation::Block { layers, shortcut } => {
                let inside =
                    |sequence, x| walk_in_style(sequence, &format!("{path}."), weights, x, style);
                (inside(layers, x.clone()) + inside(shortcut, x)) / 2.0_f64.sqrt()
            }
            Operation::Relu => activation::relu(x),
            Operation::LeakyRelu { slope } => activation::leaky_relu(x, *slope),
            Operation::Tanh => activation::tanh(x),
            &Operation::Mask { channels } => {
                let painted = x.clone().narrow(1, 0, channels).tanh();
                let mask = (x.narrow(1, channels, 1).neg().exp() + 1.0).recip();
                let images = network_input.clone().narrow(1, 0, channels);
                mask.clone() * painted + (mask.neg() + 1.0) * images
            }
            Operation::Residual { times, layers } => (0..*times)
                .fold(x, |x, i| x.clone() + walk(layers, &format!("{path}.{i}."), weights, x)),
        }
    })
}

/// The weights of a module, those of one side (a fresh norm's are all equal) replaced.
fn replaced(mut weights: Weights) -> Weights {
    for data in weights.values_mut().filter(|data| data.shape.num_dims() == 1) {
        *data = values(data.shape.as_slice());
    }
    weights
}

fn close(found: Tensor<Flex, 4>, expected: Tensor<Flex, 4>) {
    assert_eq!(found.dims(), expected.dims());
    let error = relative_error(&found.into_data(), &expected.into_data());
    assert!(error <= TOLERANCE, "{error:e}");
}

#[test]
fn a_walk_over_the_table_is_the_generator() {
    let device = Default::default();
    use Upsampling::{Resize, Transposed};
    for (channels, downsamplings, blocks, upsampling, head) in [
        (3, 0, 0, Transposed, Head::Plain),
        (3, 2, 3, Transposed, Head::Plain),
        (3, 2, 1, Resize, Head::Plain),
        (3, 2, 1, Transposed, Head::Mask),
        (1, 1, 1, Resize, Head::Mask),
        (4, 0, 0, Transposed, Head::Mask),
    ] {
        let config = GeneratorConfig::new(2)
            .with_base_channels(4)
            .with_downsamplings(downsamplings)
            .with_residual_blocks(blocks)
            .with_upsampling(upsampling)
            .with_image_channels(channels)
            .with_head(head);
        let mut rng = stream(0, Purpose::Generator, 0, 0);
        let fresh = config.init::<Flex>(&mut rng, &device).unwrap();
        let weights = replaced(weights::collect(&fresh, "g"));
        let generator = weights::apply(fresh, "g", &mut weights.clone()).unwrap();

        let images: Tensor<Flex, 4> = Tensor::from_data(values(&[2, channels, 8, 12]), &device);
        let condition: Tensor<Flex, 2> = Tensor::from_data([[1.0, 0.0], [0.5, -1.0]], &device);
        let planes = condition.clone().reshape([2, 2, 1, 1]).expand([2, 2, 8, 12]);
        let inputs = Tensor::cat(vec![images.clone(), planes], 1);
        let Architecture { trunk, heads } = config.architecture();
        assert!(heads.is_empty(), "the trunk's output is the image");
        close(walk(&trunk, "g.", &weights, inputs), generator.forward(images, condition));
    }
}

#[test]
fn a_walk_over_the_table_is_the_discriminator() {
    let device = Default::default();
    let config = DiscriminatorConfig::new(16, 3).with_base_channels(4).with_downsamplings(3);
    let mut rng = stream(0, Purpose::Discriminator, 0, 0);
    let discriminator = config.init::<Flex>(&mut rng, &device).unwrap();
    let weights = weights::collect(&discriminator, "d");
    let images: Tensor<Flex, 4> = Tensor::from_data(values(&[2, 3, 16, 16]), &device);
    let Architecture { trunk, heads } = config.architecture();
    let features = walk(&trunk, "d.", &weights, images.clone());
    let [realness, domain] = &heads[..] else { panic!("{} heads", heads.len()) };
    let judged = discriminator.forward(images);
    close(walk(realness, "d.", &weights, features.clone()), judged.realness);
    let logits = judged.domain_logits.reshape([2, 3, 1, 1]);
    close(walk(domain, "d.", &weights, features), logits);
}

#[test]
fn walks_over_the_tables_are_stargan_v2s_networks() {
    let device = Default::default();
    let config = StyleConfig::new(32, 3).with_channels(3, 7).with_style_width(4);
    let config = config.with_mapping(5, 6);
    let rng = &mut stream(0, Purpose::Generator, 0, 0);
    let images: Tensor<Flex, 4> = Tensor::from_data(values(&[2, 3, 32, 32]), &device);
    let style: Tensor<Flex, 2> = Tensor::from_data(values(&[2, 4]), &device);
    let latents: Tensor<Flex, 2> = Tensor::from_data(values(&[2, 5]), &device);
    let of_domains = |Architecture { trunk, heads }: Architecture, weights: &Weights, x| {
        let shared = walk(&trunk, "x.", weights, x);
        let styles = heads.iter().map(|head| walk(head, "x.", weights, shared.clone()));
        Tensor::stack::<5>(styles.collect(), 1).reshape([2, 3, 4, 1])
    };

    let fresh = config.init_generator::<Flex>(rng, &device).unwrap();
    let weights = replaced(weights::collect(&fresh, "x"));
    let generator = weights::apply(fresh, "x", &mut weights.clone()).unwrap();
    let table = config.generator().trunk;
    let expected = walk_in_style(&table, "x.", &weights, images.clone(), Some(&style));
    close(generator.forward(images.clone(), style), expected);

    let fresh = config.init_mapping::<Flex>(rng, &device).unwrap();
    let weights = replaced(weights::collect(&fresh, "x"));
    let mapping = weights::apply(fresh, "x", &mut weights.clone()).unwrap();
    let inputs = latents.clone().unsqueeze_dims(&[2, 3]);
    let expected = of_domains(config.mapping(), &weights, inputs);
    close(mapping.forward_all(latents).reshape([2, 3, 4, 1]), expected);

    let fresh = config.init_encoder::<Flex>(rng, &device).unwrap();
    let weights = replaced(weights::collect(&fresh, "x"));
    let encoder = weights::apply(fresh, "x", &mut weights.clone()).unwrap();
    let expected = of_domains(config.encoder(), &weights, images.clone());
    close(encoder.forward_all(images.clone()).reshape([2, 3, 4, 1]), expected);

    let fresh = config.init_discriminator::<Flex>(rng, &device).unwrap();
    let weights = replaced(weights::collect(&fresh, "x"));
    let discriminator = weights::apply(fresh, "x", &mut weights.clone()).unwrap();
    let table = config.discriminator().trunk;
    let expected = walk(&table, "x.", &weights, images.clone());
    close(discriminator.forward_all(images).unsqueeze_dims(&[2, 3]), expected);
}

/// Checksums of the weights that these seeds gave before there were tables.
#[test]
fn a_seed_gives_the_same_weights_as_ever() {
    let device = Default::default();
    let generator = GeneratorConfig::new(2).with_base_channels(4).with_residual_blocks(3);
    for (config, expected) in [
        (generator.clone(), "782f084c"),
        (
            generator.with_condition_width(0).with_residual_blocks(0).with_downsamplings(3),
            "43fa4a3e",
        ),
    ] {
        let mut rng = stream(7, Purpose::Generator, 0, 0);
        let weights = weights::collect(&config.init::<Flex>(&mut rng, &device).unwrap(), "g");
        assert_eq!(checksum("", &weights), expected, "{config:?}");
    }
    let discriminator = DiscriminatorConfig::new(64, 5).with_base_channels(8);
    for (config, expected) in [
        (discriminator.clone(), "11c6b11a"),
        (
            discriminator.with_label_width(0).with_image_channels(6).with_downsamplings(3),
            "bf330975",
        ),
    ] {
        let mut rng = stream(7, Purpose::Discriminator, 0, 0);
        let weights = weights::collect(&config.init::<Flex>(&mut rng, &device).unwrap(), "d");
        assert_eq!(checksum("", &weights), expected, "{config:?}");
    }
}

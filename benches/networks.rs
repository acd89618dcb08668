//! Forward passes of both networks, on every backend compiled in.
//!
//! ```text
//! cargo bench --bench networks
//! ```

#![recursion_limit = "256"]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use stargan::burn::tensor::backend::Backend;
use stargan::burn::tensor::{Distribution, Tensor};
use stargan::{DiscriminatorConfig, GeneratorConfig};

/// `[image size, base channels, residual blocks, batch]`: tiny, small and the paper's.
const SHAPES: [[usize; 4]; 3] = [[32, 8, 2, 4], [64, 32, 6, 8], [128, 64, 6, 4]];

const LABELS: usize = 5;

fn networks<B: Backend>(criterion: &mut Criterion, backend: &str) {
    let device = B::Device::default();
    for [size, base, blocks, batch] in SHAPES {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let generator = GeneratorConfig::new(LABELS)
            .with_base_channels(base)
            .with_residual_blocks(blocks)
            .init::<B>(&mut rng, &device)
            .expect("a valid generator");
        let discriminator = DiscriminatorConfig::new(size, LABELS)
            .with_base_channels(base)
            .with_downsamplings(size.ilog2() as usize - 1)
            .init::<B>(&mut rng, &device)
            .expect("a valid discriminator");
        let images = Tensor::<B, 4>::random(
            [batch, 3, size, size],
            Distribution::Uniform(-1.0, 1.0),
            &device,
        );
        let condition = Tensor::<B, 2>::zeros([batch, LABELS], &device);

        let shape = format!("{size}px-base{base}-batch{batch}");
        let mut group = criterion.benchmark_group(format!("networks/{backend}"));
        group.sample_size(10).throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::new("generator", &shape), |bencher| {
            bencher.iter(|| {
                black_box(generator.forward(images.clone(), condition.clone()).into_data())
            });
        });
        group.bench_function(BenchmarkId::new("discriminator", &shape), |bencher| {
            bencher.iter(|| black_box(discriminator.forward(images.clone()).realness.into_data()));
        });
        group.finish();
    }
}

fn all(criterion: &mut Criterion) {
    let _ = &criterion;
    #[cfg(feature = "flex")]
    networks::<stargan::burn::backend::Flex>(criterion, "flex");
    #[cfg(feature = "ndarray")]
    networks::<stargan::burn::backend::NdArray>(criterion, "ndarray");
    #[cfg(feature = "wgpu")]
    networks::<stargan::burn::backend::Wgpu>(criterion, "wgpu");
    #[cfg(feature = "cuda")]
    networks::<stargan::burn::backend::Cuda>(criterion, "cuda");
}

criterion_group!(benches, all);
criterion_main!(benches);

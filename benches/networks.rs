//! Forward passes of both networks, on every backend compiled in.
//!
//! ```text
//! cargo bench --bench networks
//! ```

#![recursion_limit = "256"]

mod common;

use std::hint::black_box;

use common::SHAPES;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stargan::burn::tensor::backend::Backend;

fn networks<B: Backend>(criterion: &mut Criterion, backend: &str) {
    let mut group = criterion.benchmark_group(format!("networks/{backend}"));
    group.sample_size(10);
    for shape in SHAPES {
        let (generator, discriminator) = (shape.generator::<B>(), shape.discriminator::<B>());
        let (images, labels) = (shape.images(), shape.labels());
        group.throughput(Throughput::Elements(shape.batch as u64));
        group.bench_function(BenchmarkId::new("generator", shape), |bencher| {
            bencher.iter(|| generator.forward(images.clone(), labels.clone()).into_data());
        });
        group.bench_function(BenchmarkId::new("discriminator", shape), |bencher| {
            bencher.iter(|| black_box(discriminator.forward(images.clone()).realness.into_data()));
        });
    }
    group.finish();
}

fn all(criterion: &mut Criterion) {
    on_every_backend!(plain networks, criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);

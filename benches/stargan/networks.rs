//! Forward passes of both networks, on every backend compiled in.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use stargan::burn::tensor::backend::Backend;

use crate::shapes::SHAPES;

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

pub fn all(criterion: &mut Criterion) {
    on_every_backend!(plain networks, criterion);
}

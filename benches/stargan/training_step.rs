//! One iteration of training: a discriminator update, and the one with the generator's behind it,
//! on every backend compiled in.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use stargan::Precision;
use stargan::burn::tensor::backend::AutodiffBackend;

use crate::of_shape::read;
use crate::shapes::SHAPES;

fn training_step<B: AutodiffBackend>(criterion: &mut Criterion, backend: &str) {
    let mut group = criterion.benchmark_group(format!("training_step/{backend}"));
    group.sample_size(10);
    for shape in SHAPES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut trainer = shape.trainer::<B>(&folder.path().join("run"), Precision::Float32);
        let batch = shape.batch();
        let critic_steps = trainer.config().recipe.critic_steps;
        // Losses are read, so that the device has done its work when the clock stops.
        let mut step = || {
            let began = Instant::now();
            read(&trainer.step(vec![batch.clone()]).expect("one worker"));
            (trainer.iteration() % critic_steps == 0, began.elapsed())
        };
        group.throughput(Throughput::Elements(shape.batch as u64));
        for (name, with_generator) in [("discriminator", false), ("both", true)] {
            group.bench_function(BenchmarkId::new(name, shape), |bencher| {
                bencher.iter_custom(|wanted| {
                    let (mut measured, mut total) = (0, Duration::ZERO);
                    while measured < wanted {
                        let (had_generator, time) = step();
                        if had_generator == with_generator {
                            measured += 1;
                            total += time;
                        }
                    }
                    total
                });
            });
        }
    }
    group.finish();
}

pub fn all(criterion: &mut Criterion) {
    on_every_backend!(autodiff training_step, criterion);
}

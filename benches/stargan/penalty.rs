//! The gradient penalty with its gradients: the explicit chain against nested autodiff.

use criterion::{BenchmarkId, Criterion};
use stargan::Penalty;
use stargan::burn::backend::Autodiff;
use stargan::burn::tensor::Tensor;
use stargan::burn::tensor::backend::Backend;
use stargan::recipes::PenaltyDraw;

use crate::shape::Shape;
use crate::shapes::SHAPES;

/// One mixing factor of 1/2 per image.
fn halves<B: Backend>(shape: Shape) -> Tensor<B, 4> {
    Tensor::ones([shape.batch, 1, 1, 1], &Default::default()) * 0.5
}

fn penalties<B: Backend>(criterion: &mut Criterion, backend: &str) {
    let mut group = criterion.benchmark_group(format!("penalty/{backend}"));
    group.sample_size(10);
    for shape in SHAPES {
        let discriminator = shape.discriminator::<Autodiff<B>>();
        let real = shape.images::<B>();
        let fake = real.clone().flip([3]);
        group.bench_function(BenchmarkId::new("explicit", shape), |bencher| {
            bencher.iter(|| {
                let draw = PenaltyDraw { mixing: halves(shape), noise: None };
                let (real, fake) = (real.clone(), fake.clone());
                let penalty = Penalty::WganGp.forward(&discriminator, real, fake, draw);
                let penalty = penalty.expect("a penalty");
                let gradients = penalty.backward();
                (penalty.into_data(), gradients)
            });
        });
        let discriminator = shape.discriminator::<Autodiff<Autodiff<B>>>();
        group.bench_function(BenchmarkId::new("nested", shape), |bencher| {
            bencher.iter(|| {
                let mixed = fake.clone() + (real.clone() - fake.clone()) * halves(shape);
                let images = Tensor::<Autodiff<B>, 4>::from_inner(mixed);
                let images = Tensor::<Autodiff<Autodiff<B>>, 4>::from_inner(images).require_grad();
                let realness = discriminator.forward(images.clone()).realness;
                let gradient = images.grad(&realness.sum().backward()).expect("a gradient");
                let squares: Tensor<Autodiff<B>, 2> = gradient.square().flatten(1, 3);
                let norms = (squares.sum_dim(1) + 1e-12).sqrt();
                let penalty = (norms - 1.0).square().mean();
                let gradients = penalty.backward();
                (penalty.into_data(), gradients)
            });
        });
    }
    group.finish();
}

pub fn all(criterion: &mut Criterion) {
    on_every_backend!(plain penalties, criterion);
}

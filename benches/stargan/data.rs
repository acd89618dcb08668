//! From image files to batches: decode, crop and resize of CelebA-sized JPEGs, and the loader.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use stargan::data::{Loader, LoaderConfig};
use stargan::{Crop, Datasets, Folder, Transform};
use stargan::{decode_image, load_image};

use crate::jpegs::jpegs;

pub fn all(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = jpegs(folder.path());
    let bytes: Vec<Vec<u8>> =
        files.iter().map(|file| std::fs::read(file).expect("a readable file")).collect();
    let transform = Transform::new(Crop::Centre(178), 128.into());

    let mut group = criterion.benchmark_group("data");
    group.throughput(Throughput::Elements(files.len() as u64));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            bytes.iter().for_each(|bytes| drop(black_box(decode_image(bytes, "image").unwrap())));
        });
    });
    let image = load_image(&files[0]).expect("an image");
    group.bench_function("transform", |bencher| {
        bencher
            .iter(|| files.iter().for_each(|_| drop(black_box(transform.apply_mirrored(&image)))));
    });
    group.bench_function("load and transform", |bencher| {
        bencher.iter(|| {
            for file in &files {
                black_box(transform.apply(&load_image(file).unwrap()));
            }
        });
    });

    let datasets = Datasets::from(&Folder::open(folder.path()).expect("class folders"));
    const BATCHES: usize = 16;
    const BATCH: usize = 16;
    group.throughput(Throughput::Elements((BATCHES * BATCH) as u64));
    for threads in [1, 2] {
        group.bench_function(format!("loader, {threads} threads"), |bencher| {
            bencher.iter(|| {
                let config = LoaderConfig {
                    batch_size: BATCH,
                    image_size: 128.into(),
                    threads,
                    ..Default::default()
                };
                let mut loader = Loader::new(&datasets, config, 1).expect("a loader");
                (0..BATCHES).for_each(|_| drop(black_box(loader.next_batch().unwrap())));
            });
        });
    }
    group.finish();
}

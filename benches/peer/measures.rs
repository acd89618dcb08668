//! What the networks that measure say of images, with any weights.

use std::path::{Path, PathBuf};
use std::time::Instant;

use safetensors::SafeTensors;
use stargan::burn::tensor::TensorData;
use stargan::burn::tensor::backend::Backend;
use stargan::load_image;
use stargan::metrics::{Inception, frechet_distance};
use stargan::nn::Weights;

/// Inception with the weights of a file.
pub struct Kept<B: Backend> {
    weights: PathBuf,
    inception: Inception<B>,
}

/// The float32 arrays of a safetensors file.
fn arrays(file: &Path) -> Weights {
    let bytes = std::fs::read(file).expect("a readable file");
    let arrays = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let array = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (name, TensorData::new(values.collect::<Vec<f32>>(), view.shape().to_vec()))
    };
    arrays.tensors().into_iter().map(array).collect()
}

/// Writes the features of all images of a folder, in the order of their names, as little-endian
/// float32; gives back the milliseconds that they took, images loaded.
pub fn features<B: Backend>(
    kept: &mut Option<Kept<B>>,
    weights: &Path,
    folder: &Path,
    file: &Path,
) -> f64 {
    kept.take_if(|kept| kept.weights != weights);
    let Kept { inception, .. } = kept.get_or_insert_with(|| Kept {
        weights: weights.to_owned(),
        inception: Inception::from_weights(arrays(weights), &Default::default())
            .expect("weights of Inception"),
    });
    let entries = std::fs::read_dir(folder).expect("a readable folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let images: Vec<_> =
        paths.iter().map(|path| load_image(path).expect("a readable image")).collect();
    let started = Instant::now();
    let features = inception.features(&images);
    let taken = started.elapsed().as_secs_f64() * 1e3;
    let bytes: Vec<u8> = features.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(file, bytes).expect("a writable file");
    taken
}

/// The Frechet distance of the features in two files, of so many each.
pub fn distance(files: &[PathBuf; 2], width: usize) -> Option<f64> {
    let [a, b] = files.each_ref().map(|file| {
        let bytes = std::fs::read(file).expect("a readable file");
        let values = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let values: Vec<f32> = values.collect();
        values.chunks_exact(width).map(<[f32]>::to_vec).collect::<Vec<_>>()
    });
    frechet_distance(&a, &b)
}

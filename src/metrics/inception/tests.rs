use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use burn::backend::Flex;
use burn::tensor::TensorData;
use image::RgbImage;
use serde::Deserialize;

use super::*;
use crate::data::image::load_image;
use crate::metrics::frechet::frechet_distance;
use crate::metrics::inception::table::Step;
use crate::tests::fixture::Fixture;
use crate::tests::numbers::Numbers;
use crate::tests::relative_error;

/// Of the largest feature: float32's rounding through 48 layers, of sums in another order.
const FEATURES_TOLERANCE: f64 = 1e-4;

/// Relative: of features that differ by rounding.
const FID_TOLERANCE: f64 = 1e-3;

/// The shape of every weight of `steps`, whose input has so many channels, and how many their
/// output has.
fn shapes(steps: &[Step], mut channels: usize, found: &mut BTreeMap<String, Vec<usize>>) -> usize {
    for step in steps {
        match step {
            Step::Convolution { name, outputs, window } => {
                let [height, width] = window.kernel;
                let shape = vec![*outputs, channels, height, width];
                found.insert(format!("{name}.conv.weight"), shape);
                for of in ["weight", "bias", "running_mean", "running_var"] {
                    found.insert(format!("{name}.bn.{of}"), vec![*outputs]);
                }
                channels = *outputs;
            }
            Step::Branches(branches) => {
                channels = branches.iter().map(|steps| shapes(steps, channels, found)).sum();
            }
            Step::HalvingMaximum | Step::Maximum | Step::Mean => {}
        }
    }
    channels
}

/// As `tests/fixtures/metrics/inception.py` draws them, once.
pub fn weights() -> Weights {
    static DRAWN: OnceLock<Weights> = OnceLock::new();
    DRAWN.get_or_init(drawn).clone()
}

fn drawn() -> Weights {
    let mut found = BTreeMap::new();
    assert_eq!(shapes(&network(), CHANNELS, &mut found), FEATURES);
    let mut numbers = Numbers::default();
    let drawn = found.into_iter().map(|(name, shape)| {
        let fan_in: usize = shape[1..].iter().product();
        let data = match name.rsplit_once('.').unwrap().1 {
            "weight" if shape.len() == 4 => {
                let bound = (6.0 / fan_in as f64).sqrt() as f32;
                numbers.tensor(&shape, |n| n * bound)
            }
            "weight" => numbers.tensor(&shape, |n| n * 0.1 + 1.0),
            "running_var" => numbers.tensor(&shape, |n| n * 0.5 + 1.0),
            _ => numbers.tensor(&shape, |n| n * 0.1),
        };
        (name, data)
    });
    drawn.collect()
}

fn file(path: &str) -> DynamicImage {
    load_image(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The first six files of a class.
fn class(name: &str) -> Vec<DynamicImage> {
    let folder = format!("{}/examples/data/expressions/test/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files[..6].iter().map(|path| load_image(path).unwrap()).collect()
}

#[derive(Deserialize)]
struct Expected {
    fid: f64,
}

#[test]
fn features_and_fid_are_pytorch_fids() {
    let _turn = crate::tests::one_at_a_time();
    let (Expected { fid }, mut fixture) = Fixture::open::<Expected>("inception");
    let inception = Inception::<Flex>::from_weights(weights(), &Default::default()).unwrap();
    let bars = RgbImage::from_fn(333, 310, |x, y| {
        image::Rgb([(x * 7 % 256) as u8, (y * 13 % 256) as u8, (x * y % 251) as u8])
    });
    let images = [
        file("examples/data/expressions/test/angry/0000.png"),
        file("tests/fixtures/metrics/noisy.png"),
        bars.into(),
    ];
    let features = inception.features(&images);
    let found = TensorData::new(features.concat(), [images.len(), FEATURES]);
    let error = relative_error(&found, &fixture.take("features"));
    println!("features: {error:.1e}");
    assert!(error <= FEATURES_TOLERANCE, "{error:e}");

    let started = std::time::Instant::now();
    let [angry, surprised] = ["angry", "surprised"].map(|name| inception.features(&class(name)));
    println!("{:.2} images a second", 12.0 / started.elapsed().as_secs_f64());
    let found = frechet_distance(&angry, &surprised).unwrap();
    let error = (found - fid).abs() / fid;
    println!("FID {found}, expected {fid}: {error:.1e}");
    assert!(error <= FID_TOLERANCE, "{found}, expected {fid}");
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let refused = |change: &dyn Fn(&mut Weights), expected: &[&str]| {
        let mut weights = weights();
        change(&mut weights);
        let error = Inception::<Flex>::from_weights(weights, &Default::default()).unwrap_err();
        let error = error.to_string();
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    };
    refused(
        &|weights| {
            let moved = weights.remove("Mixed_6b.branch7x7_2.conv.weight").unwrap();
            weights.insert("Mixed_6b.branch7x7_2.weight".to_owned(), moved);
        },
        &[
            "Mixed_6b.branch7x7_2.conv.weight [128, 128, 1, 7] is missing",
            "Mixed_6b.branch7x7_2.weight is no weight of the network",
        ],
    );
    refused(
        &|weights| {
            let data = TensorData::zeros::<f32, _>([32, 3, 1, 1]);
            weights.insert("Conv2d_1a_3x3.conv.weight".to_owned(), data);
        },
        &["Conv2d_1a_3x3.conv.weight: expected shape [32, 3, 3, 3], found [32, 3, 1, 1]"],
    );
    refused(&|weights| weights.clear(), &["Conv2d_1a_3x3.conv.weight", "and 467 more"]);
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::backend::Flex;

use super::*;
use crate::data::crop::Crop;
use crate::data::folder::Folder;
use crate::data::subset::Subset;
use crate::labels::spaces::LabelSpaces;
use crate::metrics::evaluator::Evaluator;
use crate::metrics::frechet::frechet_distance;
use crate::metrics::inception::tests::weights;
use crate::metrics::lpips::Lpips;
use crate::metrics::lpips::tests::drawn;
use crate::metrics::pairs::PairDistance;
use crate::metrics::untrained::untrained;
use crate::nn::style::config::StyleConfig;
use crate::random::{Purpose, stream};
use crate::recipes::stargan_v2::model::StyleModel;
use crate::recipes::stargan_v2::translator::StyleTranslator;
use crate::translate::images::upload;
use crate::translate::relabel::{Relabelling, Translate};

const TRANSFORM: Transform = Transform::new(Crop::Square, ImageSize::square(32));

/// Relative: in other batches a value may be rounded to the next of 8 bits.
const TOLERANCE: f64 = 1e-2;

/// The first two images of a class.
fn two(class: &str) -> Subset {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions/test");
    let data = Folder::open(data).unwrap();
    let of = |index: &usize| data.name(*index).starts_with(class);
    let two: Vec<usize> = (0..data.len()).filter(of).take(2).collect();
    Subset::new(Arc::new(data), two).unwrap()
}

/// The sources are of one domain, so a domain's distance is that of its pair.
#[test]
fn models_of_styles_have_the_distance_of_every_pair_of_domains() {
    let _turn = crate::tests::one_at_a_time();
    let (angry, happy) = (two("angry"), two("happy"));
    let device = Default::default();
    let spaces = LabelSpaces::single(angry.labels().clone());
    let networks = StyleConfig::new(32, spaces.condition_width()).with_channels(3, 5);
    let rng = &mut stream(0, Purpose::Generator, 0, 0);
    let model = StyleTranslator::new(
        StyleModel { spaces, transform: TRANSFORM, networks: networks.clone() },
        networks.init_generator(rng, &device).unwrap(),
        networks.init_mapping(rng, &device).unwrap(),
        networks.init_encoder(rng, &device).unwrap(),
        device,
    );
    let inception = Inception::<Flex>::from_weights(weights(), &device).unwrap();
    let fail = UnreadablePolicy::Fail;
    let reference = FidReference::measure(&inception, &happy, TRANSFORM, fail, &|_, _| ()).unwrap();
    let measure = |styles| {
        let model = model.clone().with_styles(styles);
        let evaluator = Evaluator::new(&model, &angry, 0).with_inception(&inception);
        evaluator.with_fid_reference(&reference).measure().unwrap()
    };
    assert_eq!(measure(1).fid_pairs, None);
    let found = measure(2);
    let PairScores { mean, pairs } = found.fid_pairs.as_ref().unwrap();
    // Of five classes, of which only one is translated.
    assert_eq!((pairs.len(), mean.n, mean.value), (20, 20, None));
    assert_eq!(pairs.iter().filter(|pair| pair.translated.n > 0).count(), 4);
    let is = |pair: &&PairDistance| pair.source == "angry" && pair.target == "happy";
    let pair = pairs.iter().find(is).unwrap();
    let domain = found.fid.iter().find(|domain| domain.domain == "happy").unwrap();
    assert_eq!((pair.reference, pair.translated.n), (2, 4));
    assert!(pair.translated.value.unwrap() > 0.0);
    assert_eq!(pair.translated, domain.translated);
    let table = found.to_string();
    assert!(table.contains("angry to happy") && table.contains("mean of the pairs"), "{table}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(serde_json::from_value::<crate::metrics::Evaluation>(json).unwrap(), found);
}

/// Two angry people, made happy, against two who are; and the way through a file.
#[test]
fn translations_are_measured_as_by_hand_from_a_reference_in_a_file() {
    let _turn = crate::tests::one_at_a_time();
    let (angry, happy) = (two("angry"), two("happy"));
    let model = untrained(LabelSpaces::single(angry.labels().clone()), TRANSFORM);
    let device = Default::default();
    let inception = Inception::<Flex>::from_weights(weights(), &device).unwrap();
    let told = AtomicUsize::new(0);
    let count = |done: usize, all: usize| {
        assert_eq!((done, all), (2, 2));
        told.fetch_add(1, Ordering::Relaxed);
    };
    let fail = UnreadablePolicy::Fail;
    let measured = FidReference::measure(&inception, &happy, TRANSFORM, fail, &count).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reference.safetensors");
    measured.save(&path).unwrap();
    measured.save(&path).unwrap_err();
    let reference = FidReference::open(&path).unwrap();
    assert_eq!((&reference.about, &reference.domains), (&measured.about, &measured.domains));

    let ([backbone, heads], _) = drawn();
    let lpips = Lpips::from_weights(backbone, heads, &device).unwrap();
    let evaluator = Evaluator::new(&model, &angry, 0)
        .with_inception(&inception)
        .with_fid_reference(&reference)
        .with_lpips(&lpips)
        .with_progress(&count);
    let found = evaluator.measure().unwrap();
    assert_eq!(told.into_inner(), 2);

    let images = |data: &Subset| -> Vec<DynamicImage> {
        let seen = |at| TRANSFORM.resize(&data.load_cropped(at, TRANSFORM.size).unwrap());
        (0..data.len()).map(seen).collect()
    };
    let sources = images(&angry);
    let label = happy.label(0);
    let relabel: Vec<_> = (0..2).map(|at| Relabelling::new(angry.label(at), label)).collect();
    let pixels = upload::<Flex>(&sources, &device);
    let translated = download(model.relabel(pixels.clone(), 0, &relabel));
    let [real, translated, nothing] =
        [images(&happy), translated, sources].map(|images| inception.features(&images));
    let name = |wanted: &str| found.fid.iter().find(|domain| domain.domain == wanted).unwrap();
    let domain = name("happy");
    assert_eq!((domain.reference, domain.translated.n, domain.nothing.n), (2, 2, 2));
    for (found, features) in [(domain.translated, translated), (domain.nothing, nothing)] {
        let (found, expected) = (found.value.unwrap(), frechet_distance(&features, &real).unwrap());
        assert!((found - expected).abs() < TOLERANCE * expected, "{found}, expected {expected}");
    }
    assert!(domain.translated.value.unwrap() > 0.0);
    // Nobody is angry in the reference.
    assert_eq!((name("angry").reference, name("angry").real.value), (0, None));
    let kept = found.lpips.unwrap();
    assert_eq!((kept.identity.n, kept.reconstruction.n), (2, 8));
    let own: Vec<_> = (0..2).map(|at| Relabelling::new(angry.label(at), angry.label(at))).collect();
    let same = model.relabel(pixels.clone(), 0, &own);
    let expected = lpips.distances(same, pixels).unwrap().iter().sum::<f64>() / 2.0;
    let identity = kept.identity.value.unwrap();
    assert!((identity - expected).abs() < 1e-6 * expected, "{identity}, expected {expected}");
    let table = found.to_string();
    assert!(table.contains("FID (Inception") && table.contains("LPIPS (AlexNet"), "{table}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["fid"][0]["domain"], "angry");
    let samples = &found.inception_samples;
    let domain = samples.iter().find(|domain| domain.domain == "happy").unwrap();
    assert_eq!((domain.reference, domain.translated.n), (2, 2));
    assert!(domain.translated.kid.is_some() && domain.translated.precision.is_none());
    assert!(table.contains("KID (Inception") && table.contains("precision / recall"), "{table}");
    assert_eq!(serde_json::from_value::<crate::metrics::Evaluation>(json).unwrap(), found);

    reference.check(&inception, &happy, TRANSFORM).unwrap();
    let refused = |data: &dyn Dataset, transform, expected: &str| {
        let error = reference.check(&inception, data, transform).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(&angry, TRANSFORM, "under other names, with other labels or in another order");
    let large = Transform::new(Crop::Square, ImageSize::square(64));
    refused(&happy, large, "RGB images of 32 pixels, the model's are RGB ones of 64");
    for (about, expected) in [
        (About { network: 0, ..reference.about.clone() }, "a network with other weights"),
        (About { pixels: 0, ..reference.about.clone() }, "names and labels, but other pixels"),
    ] {
        let other = FidReference { about, domains: Vec::new() };
        let error = other.check(&inception, &happy, TRANSFORM).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

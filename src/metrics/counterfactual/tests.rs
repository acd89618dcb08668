use std::fs;

use super::*;
use crate::data::celeba::CelebA;
use crate::data::folder::Folder;
use crate::labels::space::LabelSpace;
use crate::metrics::scores::Scores;
use crate::metrics::similarity::MAX_PSNR;

const TEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/test");

/// Sums of a few `f32` values.
const TOLERANCE: f64 = 1e-6;

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < TOLERANCE, "expected {expected}, found {found}");
}

/// Three pixels: one changes by 0.3 in one channel, one by less than the threshold, one not at all.
const SOURCE: [f32; 9] = [0.2, 0.5, 0.9, 0.4, 0.5, 0.9, 0.6, 0.5, 0.9];
const TARGET: [f32; 9] = [0.2, 0.52, 0.9, 0.7, 0.5, 0.9, 0.6, 0.5, 0.9];

#[test]
fn regions_are_what_differs_in_any_channel() {
    assert_eq!(Truth::new(&SOURCE, &TARGET, [1, 3]).changed, [true, false, false]);
    // 8 levels of 255 are a change, 7 are none.
    let level = |levels: f32| [levels / 255.0; 3];
    assert_eq!(Truth::new(&level(100.0), &level(107.0), [1, 1]).changed, [false]);
    assert_eq!(Truth::new(&level(100.0), &level(108.0), [1, 1]).changed, [true]);
}

#[test]
fn errors_are_means_over_pixels_and_channels() {
    let truth = Truth::new(&SOURCE, &TARGET, [1, 3]);
    let nothing = truth.compare(&SOURCE);
    close(nothing.inside.value(), 0.3 / 3.0);
    close(nothing.outside.value(), 0.02 / 6.0);
    // The mean square is (0.09 + 0.0004) / 9.
    assert!((nothing.psnr - 19.980).abs() < 1e-3, "{}", nothing.psnr);

    let mut image = TARGET;
    image[0] += 0.1;
    image[3] -= 0.2;
    image[5] += 0.06;
    let errors = truth.compare(&image);
    close(errors.inside.value(), 0.3 / 3.0);
    close(errors.outside.value(), 0.06 / 6.0);

    assert_eq!(truth.compare(&TARGET).psnr, MAX_PSNR);
}

#[test]
fn pairs_count_by_their_pixels_but_equally_for_the_psnr() {
    let mean = |sum, count| Mean { sum, count };
    let errors = |inside, outside, psnr, ssim| Errors { inside, outside, psnr, ssim };
    let mut sums = Sums::default();
    sums.add([
        errors(mean(0.3, 3), mean(0.6, 3), 20.0, Some(0.5)),
        errors(mean(1.2, 3), mean(0.0, 3), 10.0, None),
    ]);
    sums.add([
        errors(Mean::default(), mean(3.6, 9), 30.0, Some(0.7)),
        errors(Mean::default(), mean(0.0, 9), 100.0, None),
    ]);
    let scores = sums.scores();
    assert_eq!(scores.n, 2);
    close(scores.inside, 0.1);
    close(scores.inside_nothing, 0.4);
    close(scores.outside, 0.35);
    close(scores.outside_nothing, 0.0);
    close(scores.psnr, 25.0);
    close(scores.psnr_nothing, 55.0);
    close(scores.ssim, 0.6);
    assert_eq!(scores.ssim_nothing, None);
    assert_eq!(Sums::default().scores().inside, None);
}

fn faces(labels: &[&str]) -> Arc<CelebA> {
    Arc::new(CelebA::open(TEST, &LabelSpace::attributes(labels.iter().copied())).unwrap())
}

#[test]
fn pairs_are_read_whatever_the_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pairs.csv");
    let text = "\u{feff}source,target,change\r\n00000.png, 00000_young.png ,young\r\n\r\n";
    fs::write(&file, text).unwrap();
    let data = faces(&["Male"]);
    let read = Counterfactuals::open(&file, data.clone(), 0).unwrap();
    let target = data.find("00000_young.png").unwrap();
    assert_eq!(read.pairs, [Pair { source: 0, target, change: "young".into() }]);
}

#[test]
fn errors_name_the_line() {
    let data = faces(&["Male"]);
    let header = "source,target,change\n";
    let cases = [
        ("", ":1: expected the header \"source,target,change\", found \"\""),
        ("a,b,c\n", ":1: expected the header \"source,target,change\", found \"a,b,c\""),
        (header, ": expected pairs of images, found only the header"),
        (
            &format!("{header}00000.png,00000_young.png\n"),
            ":2: expected 3 fields (source,target,change), found 2",
        ),
        (
            &format!("{header}\n00000.png,nobody.png,young\n"),
            ":3: image \"nobody.png\" is not in the dataset",
        ),
        (
            &format!("{header}00000.png,00000_young.png,_x\n"),
            ":2: expected the name of a change, found \"\"",
        ),
        (
            &format!("{header}00000.png,00000_young.png,total\n"),
            ":2: expected the name of a change, found \"total\"",
        ),
    ];
    for (text, expected) in cases {
        let message = parse(Path::new("pairs.csv"), text, &*data).unwrap_err().to_string();
        assert_eq!(message, format!("pairs.csv{expected}"));
    }
    let message = Counterfactuals::open("no/pairs.csv", data, 0).unwrap_err().to_string();
    assert!(message.starts_with("no/pairs.csv: "), "{message}");
}

#[test]
fn classes_have_pairs_where_file_names_agree() {
    let folder = tempfile::tempdir().unwrap();
    let images = [
        "happy/ann.png",
        "happy/bob.png",
        "sad/ann.png",
        "sad/eve.png",
        "wry/ann.png",
        "wry/bob.png",
    ];
    for image in images {
        let path = folder.path().join(image);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "never read").unwrap();
    }
    let data = Arc::new(Folder::open(folder.path()).unwrap());
    let pairs = Counterfactuals::between_classes(data.clone(), 1).unwrap();
    assert_eq!(pairs.dataset(), 1);
    let named: Vec<_> = pairs
        .pairs
        .iter()
        .map(|pair| (images[pair.source], images[pair.target], pair.change.as_str()))
        .collect();
    let expected = [
        ("happy/ann.png", "sad/ann.png", "sad"),
        ("happy/ann.png", "wry/ann.png", "wry"),
        ("sad/ann.png", "happy/ann.png", "happy"),
        ("sad/ann.png", "wry/ann.png", "wry"),
        ("wry/ann.png", "happy/ann.png", "happy"),
        ("wry/ann.png", "sad/ann.png", "sad"),
        ("happy/bob.png", "wry/bob.png", "wry"),
        ("wry/bob.png", "happy/bob.png", "happy"),
    ];
    assert_eq!(named, expected);

    for image in ["happy/ann.png", "happy/bob.png", "wry/ann.png"] {
        let path = folder.path().join(image);
        fs::rename(&path, path.with_file_name(image.replace('/', "-"))).unwrap();
    }
    let data = Arc::new(Folder::open(folder.path()).unwrap());
    let error = Counterfactuals::between_classes(data, 0).unwrap_err().to_string();
    assert!(
        error.contains("of the same name in several of the classes happy, sad, wry"),
        "{error}"
    );
    let error = Counterfactuals::between_classes(faces(&["Male"]), 0).unwrap_err().to_string();
    assert!(error.contains("attributes need a pairs file"), "{error}");
}

#[test]
fn json_and_table_have_a_row_per_change_and_a_total() {
    let scores = Scores {
        n: 2,
        inside: Some(0.1),
        inside_nothing: Some(0.29),
        outside: Some(0.05),
        psnr: Some(20.0),
        ..Scores::default()
    };
    let scores = CounterfactualScores {
        changes: [("hair".to_owned(), scores)].into(),
        total: scores,
        left_out: [("young".to_owned(), 100)].into(),
    };
    let json = serde_json::to_value(&scores).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["hair", "total"]);
    assert_eq!(json["hair"]["inside_nothing"], 0.29);
    assert_eq!(json["hair"]["psnr_nothing"], serde_json::Value::Null);
    let read: CounterfactualScores = serde_json::from_value(json).unwrap();
    assert_eq!((read.changes, read.total), (scores.changes.clone(), scores.total));

    let table = scores.to_string();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("hair             2       0.100 (0.290)"), "{table}");
    assert!(lines[3].ends_with("no label for it: young (100 pairs)"), "{table}");
}

#[cfg(feature = "flex")]
mod on_flex {
    use burn::backend::Flex;

    use super::*;
    use crate::data::transform::{Crop, Transform};
    use crate::files::model::ModelConfig;
    use crate::labels::spaces::LabelSpaces;
    use crate::nn::generator::GeneratorConfig;
    use crate::random::{Purpose, stream};

    fn untrained(space: LabelSpace) -> Translator<Flex> {
        let device = Default::default();
        let generator = GeneratorConfig::new(space.width())
            .with_base_channels(2)
            .with_residual_blocks(0)
            .with_downsamplings(1);
        let network = generator.init(&mut stream(0, Purpose::Generator, 0, 0), &device).unwrap();
        let config = ModelConfig {
            spaces: LabelSpaces::single(space),
            transform: Transform { crop: Crop::Centre(178), size: 32 },
            generator,
            discriminator: None,
        };
        Translator::new(config, network, None, device)
    }

    /// How far doing nothing is from the truth, as measured with PyTorch and PIL, to its three digits
    /// (PIL's resize differs from ours by at most one level).
    #[test]
    fn do_nothing_scores_what_the_reference_says() {
        let labels = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Eyeglasses"];
        let data = faces(&labels);
        let pairs = Counterfactuals::open(format!("{TEST}/pairs.csv"), data.clone(), 0).unwrap();
        assert_eq!(pairs.len(), 446);
        let scores = pairs.measure(&untrained(data.labels().clone())).unwrap();
        for (change, n, nothing) in [("hair", 200, 0.290), ("glasses", 100, 0.154)] {
            let scores = &scores.changes[change];
            assert_eq!(scores.n, n);
            assert!((scores.inside_nothing.unwrap() - nothing).abs() < 0.001, "{scores:?}");
            assert!(scores.outside_nothing.unwrap() < 0.01, "{scores:?}");
        }
        assert_eq!(scores.total.n, 300);
        assert_eq!(scores.left_out, [("beard".into(), 46), ("young".into(), 100)].into());

        let other = untrained(LabelSpace::attributes(["Male"]));
        let message = pairs.measure(&other).unwrap_err().to_string();
        assert!(
            message
                .starts_with("dataset \"data\": expected the labels, in this order, Male, found "),
            "{message}"
        );
    }

    #[test]
    fn anything_that_translates_is_measured() {
        let data = faces(&["Black_Hair", "Blond_Hair", "Brown_Hair"]);
        let find = |name: &str| data.find(name).unwrap();
        // A blond person with the other hair colours.
        let (blond, black) = (find("00000.png"), find("00000_hair_Black.png"));
        let of = |pairs: &[(usize, usize, &str)]| {
            let pairs =
                pairs.iter().map(|&(source, target, change)| (source, target, change.into()));
            Counterfactuals::of(data.clone(), 0, pairs)
        };
        let pairs = of(&[(blond, black, "darker"), (black, blond, "lighter")]).unwrap();
        let transform = Transform { crop: Crop::Square, size: 32 };
        let scores = pairs
            .measure_with::<Flex>(transform, &Default::default(), |images, labels| {
                let (source, target) = ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]);
                let found: Vec<_> = labels.iter().map(|l| (l.source, l.target)).collect();
                assert_eq!(found, [(&source[..], &target[..]), (&target, &source)]);
                // Each is the other's truth.
                images.flip([0])
            })
            .unwrap();
        assert_eq!(scores.changes.keys().collect::<Vec<_>>(), ["darker", "lighter"]);
        assert_eq!((scores.total.inside, scores.total.outside), (Some(0.0), Some(0.0)));
        assert!(scores.total.inside_nothing > Some(0.1), "{scores:?}");

        for (pairs, expected) in [
            (&[][..], "found none"),
            (&[(0, 546, "darker")], "no pair of the images 0 and 546: the dataset has 546"),
            (&[(0, 1, "total")], "taken for the sum of all"),
        ] {
            let error = of(pairs).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

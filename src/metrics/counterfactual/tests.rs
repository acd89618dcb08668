use std::fs;

use super::*;
use crate::data::celeba::CelebA;
use crate::data::folder::Folder;
use crate::labels::space::LabelSpace;

const TEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/faces/test");

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

    // A folder per person in every class, whose images have the same names.
    let people = tempfile::tempdir().unwrap();
    for image in ["happy/ann/1.png", "sad/ann/1.png", "happy/bob/1.png", "wry/bob/1.png"] {
        let path = people.path().join(image);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "never read").unwrap();
    }
    let data = Arc::new(Folder::open(people.path()).unwrap());
    let pairs = Counterfactuals::between_classes(data.clone(), 1).unwrap();
    let named: Vec<_> = pairs
        .pairs
        .iter()
        .map(|pair| format!("{} {}", data.name(pair.source), data.name(pair.target)))
        .collect();
    let expected = [
        "happy/ann/1.png sad/ann/1.png",
        "sad/ann/1.png happy/ann/1.png",
        "happy/bob/1.png wry/bob/1.png",
        "wry/bob/1.png happy/bob/1.png",
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

#[cfg(feature = "flex")]
mod on_flex {
    use burn::backend::Flex;
    use burn::backend::flex::FlexDevice;
    use burn::tensor::Tensor;

    use super::*;
    use crate::data::crop::Crop;
    use crate::data::folder::Folder;
    use crate::data::size::ImageSize;
    use crate::data::transform::Transform;
    use crate::labels::spaces::LabelSpaces;
    use crate::metrics::untrained::untrained;
    use crate::tests::broken::Broken;
    use crate::translate::translator::Translator;

    const TRANSFORM: Transform = Transform::new(Crop::Centre(178), ImageSize::square(32));

    /// How far doing nothing is from the truth, as measured with PyTorch and PIL, to its three
    /// digits (PIL's resize differs from ours by at most one level).
    #[test]
    fn do_nothing_scores_what_the_reference_says() {
        let labels = ["Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Eyeglasses"];
        let data = faces(&labels);
        let pairs = Counterfactuals::open(format!("{TEST}/pairs.csv"), data.clone(), 0).unwrap();
        assert_eq!(pairs.len(), 446);
        let model = untrained(LabelSpaces::single(data.labels().clone()), TRANSFORM);
        let scores = pairs.measure(&model).unwrap();
        for (change, n, inside) in [("hair", 200, 0.290), ("glasses", 100, 0.154)] {
            let scores = &scores.changes[change];
            assert_eq!(scores.n, n);
            let found = scores.nothing.get("inside").unwrap();
            assert!((found - inside).abs() < 0.001, "{scores:?}");
            assert!(scores.nothing.get("outside").unwrap() < 0.01, "{scores:?}");
        }
        assert_eq!(scores.total.n, 300);
        assert_eq!(scores.left_out, [("beard".into(), 46), ("young".into(), 100)].into());

        let other = untrained(LabelSpaces::single(LabelSpace::attributes(["Male"])), TRANSFORM);
        let message = pairs.measure(&other).unwrap_err().to_string();
        assert!(
            message
                .starts_with("dataset \"data\": expected the labels, in this order, Male, found "),
            "{message}"
        );
    }

    const HAIR: [&str; 3] = ["Black_Hair", "Blond_Hair", "Brown_Hair"];

    /// Gives each of two images the other's pixels.
    #[derive(Debug)]
    struct Swap {
        spaces: LabelSpaces,
        transform: Transform,
    }

    impl Translate<Flex> for Swap {
        fn spaces(&self) -> &LabelSpaces {
            &self.spaces
        }
        fn transform(&self) -> Transform {
            self.transform
        }
        fn device(&self) -> &FlexDevice {
            &FlexDevice
        }
        fn relabel(
            &self,
            images: Tensor<Flex, 4>,
            dataset: usize,
            labels: &[Relabelling<'_>],
        ) -> Tensor<Flex, 4> {
            let (blond, black) = ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]);
            let found: Vec<_> = labels.iter().map(|l| (l.source, l.target)).collect();
            assert_eq!((dataset, found), (0, vec![(&blond[..], &black[..]), (&black, &blond)]));
            images.flip([0])
        }
    }

    #[test]
    fn anything_that_translates_is_measured() {
        let data = faces(&HAIR);
        let find = |name: &str| data.find(name).unwrap();
        // A blond person with the other hair colours.
        let (blond, black) = (find("00000.png"), find("00000_hair_Black.png"));
        let new = |pairs: &[(usize, usize, &str)]| {
            let pairs =
                pairs.iter().map(|&(source, target, change)| (source, target, change.into()));
            Counterfactuals::new(data.clone(), 0, pairs)
        };
        // Each is the other's truth.
        let pairs = new(&[(blond, black, "darker"), (black, blond, "lighter")]).unwrap();
        let spaces = LabelSpaces::single(data.labels().clone());
        let swap = Swap { spaces, transform: Transform::new(Crop::Square, 32.into()) };
        let scores = pairs.measure(&swap as &dyn Translate<Flex>).unwrap();
        assert_eq!(scores.changes.keys().collect::<Vec<_>>(), ["darker", "lighter"]);
        for region in ["inside", "outside"] {
            assert_eq!(scores.total.translated.get(region), Some(0.0));
        }
        assert!(scores.total.nothing.get("inside") > Some(0.1), "{scores:?}");

        // Images are cropped once, as the dataset says, whatever the model does to others.
        let transform = Transform { crop: Crop::Centre(8), ..swap.transform };
        assert_eq!(pairs.measure(&Swap { transform, ..swap }).unwrap(), scores);

        for (pairs, expected) in [
            (&[][..], "found none"),
            (&[(0, 546, "darker")], "no pair of the images 0 and 546: the dataset has 546"),
            (&[(0, 1, "total")], "taken for the sum of all"),
        ] {
            let error = new(pairs).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    /// A translator that is told another dataset's mask.
    #[derive(Debug)]
    struct WrongMask(Translator<Flex>);

    impl Translate<Flex> for WrongMask {
        fn spaces(&self) -> &LabelSpaces {
            self.0.spaces()
        }
        fn transform(&self) -> Transform {
            self.0.transform()
        }
        fn device(&self) -> &FlexDevice {
            self.0.device()
        }
        fn relabel(
            &self,
            images: Tensor<Flex, 4>,
            dataset: usize,
            labels: &[Relabelling<'_>],
        ) -> Tensor<Flex, 4> {
            let condition = |labels: &Relabelling<'_>| {
                let mut condition = self.spaces().condition(dataset, labels.target);
                condition[self.spaces().label_width()..].rotate_left(1);
                condition
            };
            let conditions: Vec<_> = labels.iter().map(condition).collect();
            self.0.forward_conditions(images, &conditions)
        }
    }

    #[test]
    fn other_conditions_are_a_model_of_their_own() {
        let data = faces(&HAIR);
        let (source, target) = (0, data.find("00000_hair_Black.png").unwrap());
        let joint = |pairs: [(usize, usize, String); 1]| {
            [0, 1].map(|at| Counterfactuals::new(data.clone(), at, pairs.clone()).unwrap())
        };
        let [first, second] = joint([(source, target, "hair".to_owned())]);
        let space = data.labels().clone();
        let spaces = LabelSpaces::joint([("a", space.clone()), ("b", space)]).unwrap();
        let model = untrained(spaces, TRANSFORM);
        let wrong = WrongMask(model.clone());
        let total = |scores: Result<CounterfactualScores>| scores.unwrap().total;
        for pairs in [&first, &second] {
            let (right, wrong) = (total(pairs.measure(&model)), total(pairs.measure(&wrong)));
            assert_ne!(right.translated, wrong.translated);
            assert_eq!(right.nothing, wrong.nothing);
        }
        // Only the model itself tells the datasets apart.
        assert_ne!(total(first.measure(&model)), total(second.measure(&model)));
    }

    #[test]
    fn pairs_whose_images_cannot_be_read_end_it_or_are_left_out_and_said() {
        // Ten people of each class.
        let folder = tempfile::tempdir().unwrap();
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/expressions/test");
        for name in Folder::open(root).unwrap().labels().names() {
            fs::create_dir(folder.path().join(name)).unwrap();
            for person in (0..20).step_by(2) {
                let image = format!("{name}/{person:04}.png");
                fs::copy(format!("{root}/{image}"), folder.path().join(image)).unwrap();
            }
        }
        let data = Folder::open(folder.path()).unwrap();
        let model = untrained(LabelSpaces::single(data.labels().clone()), TRANSFORM);
        let person = data.find("angry/0008.png").unwrap();
        let data = Broken { data, broken: vec![person] };
        let pairs = Counterfactuals::between_classes(Arc::new(data), 0).unwrap();
        assert_eq!(pairs.len(), 10 * 5 * 4);
        let error = pairs.measure(&model).unwrap_err().to_string();
        assert_eq!(error, "angry/0008.png: broken");
        let scores = pairs.with_on_unreadable(UnreadablePolicy::Skip).measure(&model).unwrap();
        assert_eq!((scores.total.n, scores.unreadable.len()), (200 - 8, 1));
        assert_eq!((scores.changes["angry"].n, scores.changes["sad"].n), (36, 39));
        let table = scores.to_string();
        assert!(table.ends_with("of all of this:\n  angry/0008.png: broken"), "{table}");
    }
}

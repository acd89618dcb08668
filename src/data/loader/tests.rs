use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering},
};

use image::{DynamicImage, Rgb, RgbImage};

use super::*;
use crate::data::celeba::CelebA;
use crate::data::crop::Crop;
use crate::data::dataset::Dataset;
use crate::data::folder::Folder;
use crate::labels::space::LabelSpace;

/// Images of one colour that tells their index, with the index as label.
#[derive(Clone, Debug)]
struct Colours {
    space: LabelSpace,
    labels: Vec<f32>,
    loaded: Arc<AtomicUsize>,
    broken: fn(usize) -> Result<()>,
    size: (u32, u32),
}

impl Colours {
    fn new(images: usize) -> Self {
        Self {
            space: LabelSpace::attributes(["index"]),
            labels: (0..images).map(|index| index as f32).collect(),
            loaded: Arc::default(),
            broken: |_| Ok(()),
            size: (5, 7),
        }
    }

    fn broken(images: usize, broken: fn(usize) -> Result<()>) -> Self {
        Self { broken, ..Self::new(images) }
    }
}

impl Dataset for Colours {
    fn labels(&self) -> &LabelSpace {
        &self.space
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn label(&self, index: usize) -> &[f32] {
        &self.labels[index..=index]
    }

    fn name(&self, _: usize) -> Cow<'_, str> {
        "colour".into()
    }

    fn crop(&self) -> Crop {
        Crop::Square
    }

    fn load(&self, index: usize) -> Result<DynamicImage> {
        self.loaded.fetch_add(1, Ordering::SeqCst);
        (self.broken)(index)?;
        // Threads finish out of order when images take unequal time.
        thread::sleep(Duration::from_micros(300 * (index as u64 % 3)));
        Ok(RgbImage::from_pixel(self.size.0, self.size.1, Rgb([index as u8, 0, 255])).into())
    }
}

fn config() -> LoaderConfig {
    LoaderConfig { batch_size: 4, image_size: 3.into(), ..LoaderConfig::default() }
}

fn batches(datasets: &Datasets, config: LoaderConfig, first: u64, count: usize) -> Vec<Batch> {
    let mut loader = Loader::new(datasets, config, first).unwrap();
    (0..count).map(|_| loader.next_batch().unwrap()).collect()
}

fn refusal(datasets: &Datasets, config: LoaderConfig, first: u64) -> String {
    Loader::new(datasets, config, first).err().unwrap().to_string()
}

#[test]
fn the_number_of_threads_does_not_change_the_batches() {
    let datasets = Datasets::from(&Colours::new(18)).with(&Colours::new(9));
    let of = |threads, prefetch| {
        batches(&datasets, LoaderConfig { threads, prefetch, ..config() }, 1, 30)
    };
    let one = of(1, 1);
    assert_eq!(one, of(2, 4));
    assert_eq!(one, of(5, 7));
}

#[test]
fn changed_images_are_the_same_at_every_start_and_within_the_range() {
    let datasets = Datasets::from(&Colours::new(18)).with(&Colours::new(9));
    let augmentation = "brightness=0.4,contrast=0.4,saturation=0.4,crop=0.3".parse().unwrap();
    let changed = LoaderConfig { augmentation, ..config() };
    let whole = batches(&datasets, changed.clone(), 1, 30);
    assert_eq!(batches(&datasets, LoaderConfig { threads: 5, ..changed.clone() }, 1, 30), whole);
    assert_eq!(batches(&datasets, changed, 6, 20), whole[10..]);
    let mut differ = 0;
    for (changed, plain) in whole.iter().zip(batches(&datasets, config(), 1, 30)) {
        assert_eq!((&changed.labels, changed.images.len()), (&plain.labels, plain.images.len()));
        assert!(changed.images.iter().all(|value| (-1.0..=1.0).contains(value)));
        let pairs = changed.images.chunks(27).zip(plain.images.chunks(27));
        differ += pairs.filter(|(changed, plain)| changed != plain).count();
    }
    // A pixel of full colours has none brighter, of more contrast or of more saturation.
    assert!(differ > 100, "{differ} of 120");
}

#[test]
fn images_and_labels_belong_together() {
    let datasets = Datasets::from(&Colours::new(18));
    for batch in batches(&datasets, config(), 1, 8) {
        assert_eq!((batch.images.len(), batch.labels.len()), (4 * 3 * 3 * 3, 4));
        for (image, label) in batch.images.chunks(27).zip(&batch.labels) {
            assert_eq!(image[0], label / 127.5 - 1.0);
            assert_eq!(image[26], 1.0);
        }
    }
}

/// Images `2 k` and `2 k + 1` have the label `k`.
fn twins(broken: fn(usize) -> Result<()>) -> Colours {
    let labels = (0..18).map(|index| (index / 2) as f32).collect();
    Colours { labels, ..Colours::broken(18, broken) }
}

/// The images of both references of every row, and the label.
fn referred(batch: &Batch) -> Vec<([usize; 2], usize)> {
    let References { images, labels } = batch.references.as_ref().unwrap();
    let image = |images: &[f32]| ((images[0] + 1.0) * 127.5).round() as usize;
    let [first, second] = images.each_ref().map(|images| images.chunks(27).map(image));
    let of_rows = labels[batch.rows.clone()].iter().map(|label| *label as usize);
    first.zip(second).map(|(first, second)| [first, second]).zip(of_rows).collect()
}

#[test]
fn references_are_both_images_of_a_label_at_every_start_and_for_any_number_of_workers() {
    let datasets = Datasets::from(&twins(|_| Ok(())));
    let referring = LoaderConfig { references: true, ..config() };
    let whole = batches(&datasets, referring.clone(), 1, 30);
    for batch in &whole {
        for (images, label) in referred(batch) {
            assert!(images == [2 * label, 2 * label + 1] || images == [2 * label + 1, 2 * label]);
        }
    }
    let plain = batches(&datasets, config(), 1, 30);
    for (batch, plain) in whole.iter().zip(plain) {
        assert_eq!((&batch.images, &batch.labels), (&plain.images, &plain.labels));
        assert_eq!(plain.references, None);
    }
    assert_eq!(batches(&datasets, referring.clone(), 6, 20), whole[5..25]);
    let shares = [0, 1].map(|rank| {
        let share = Share { rank, workers: 2 };
        batches(&datasets, LoaderConfig { share, ..referring.clone() }, 1, 30)
    });
    for (batch, halves) in whole.iter().zip(shares[0].iter().zip(&shares[1])) {
        let parts = batch.clone().into_parts(2);
        assert_eq!(parts.iter().map(referred).collect::<Vec<_>>().concat(), referred(batch));
        for (part, half) in parts.iter().zip([halves.0, halves.1]) {
            assert_eq!(part, half);
        }
    }
}

#[test]
fn the_other_image_of_its_label_takes_the_place_of_a_reference_that_is_skipped() {
    let broken = |index| match index {
        5 => Err(Error::data("5.png", None, "broken")),
        _ => Ok(()),
    };
    let datasets = Datasets::from(&twins(broken));
    let on_unreadable = UnreadablePolicy::Skip;
    let skipping = LoaderConfig { references: true, on_unreadable, ..config() };
    let batches = batches(&datasets, skipping, 1, 40);
    let of_label_2: Vec<_> =
        batches.iter().flat_map(referred).filter(|(_, label)| *label == 2).collect();
    assert!(of_label_2.len() > 4);
    assert!(of_label_2.iter().all(|(images, _)| *images == [4, 4]), "{of_label_2:?}");
}

#[test]
fn a_restart_gives_the_batches_that_would_have_come() {
    let datasets = Datasets::from(&Colours::new(18)).with(&Colours::new(9));
    let whole = batches(&datasets, config(), 1, 30);
    assert_eq!(batches(&datasets, config(), 6, 20), whole[10..]);
    assert_eq!((whole[11].dataset, whole[11].iteration), (1, 6));
}

#[test]
fn the_bundled_sets_load_jointly() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data");
    let labels = LabelSpace::attributes(["Male", "Young"]);
    let faces = CelebA::open(format!("{root}/faces/train"), &labels).unwrap();
    let expressions = Folder::open(format!("{root}/expressions/train")).unwrap();
    let datasets = Datasets::from(&faces).with(&expressions);
    let loaded = batches(&datasets, LoaderConfig { image_size: 32.into(), ..config() }, 1, 4);
    assert_eq!(loaded[0].labels.len(), 4 * 2);
    assert_eq!(loaded[1].labels.len(), 4 * 5);
    assert!(loaded.iter().all(|batch| batch.images.len() == 4 * 3 * 32 * 32));
    assert!(loaded.iter().flat_map(|batch| &batch.images).all(|x| (-1.0..=1.0).contains(x)));
}

#[test]
fn an_error_comes_in_its_turn_and_loading_goes_on() {
    let broken = |index| match index {
        5 => Err(Error::data("colour", None, "expected an image, found an empty file")),
        _ => Ok(()),
    };
    let datasets = Datasets::from(&Colours::broken(8, broken));
    let good = batches(&Datasets::from(&Colours::new(8)), config(), 1, 12);
    let mut loader = Loader::new(&datasets, config(), 1).unwrap();
    for expected in good {
        match loader.next_batch() {
            Ok(batch) => assert_eq!(batch, expected),
            Err(error) => {
                assert!(expected.labels.contains(&5.0));
                assert!(error.to_string().starts_with("colour: expected an image"));
            }
        }
    }
}

#[test]
fn the_next_image_takes_the_place_of_one_that_is_skipped() {
    let broken = |index| match index {
        5 | 6 => Err(Error::data("colour", None, format!("image {index} is damaged"))),
        _ => Ok(()),
    };
    let datasets = Datasets::from(&Colours::broken(8, broken));
    let skipping = LoaderConfig { on_unreadable: UnreadablePolicy::Skip, ..config() };
    let good = batches(&Datasets::from(&Colours::new(8)), config(), 1, 12);
    let found = batches(&datasets, skipping.clone(), 1, 12);
    for (found, good) in found.iter().zip(&good) {
        let expected =
            good.labels.iter().map(|&label| if label == 5.0 || label == 6.0 { 7.0 } else { label });
        assert_eq!(found.labels, expected.collect::<Vec<_>>());
        for (image, label) in found.images.chunks(27).zip(&found.labels) {
            assert_eq!(image[0], label / 127.5 - 1.0, "an image keeps its own label");
        }
    }
    let threads = LoaderConfig { threads: 3, prefetch: 1, ..skipping.clone() };
    assert_eq!(batches(&datasets, threads, 1, 12), found);
    assert_eq!(batches(&datasets, skipping.clone(), 7, 6), found[6..], "a restart skips alike");

    let mut loader = Loader::new(&datasets, skipping.clone(), 1).unwrap();
    (0..4).for_each(|_| drop(loader.next_batch().unwrap()));
    // One name for all of these images, hence one entry.
    let unreadable = loader.unreadable();
    assert_eq!(unreadable.len(), 1);
    assert!(unreadable[&(0, "colour".to_owned())].ends_with("is damaged"), "{unreadable:?}");

    let none = |_| Err(Error::data("colour", None, "no disk"));
    let datasets = Datasets::from(&Colours::broken(8, none));
    let error = Loader::new(&datasets, skipping, 1).unwrap().next_batch().unwrap_err().to_string();
    assert_eq!(error, "colour: neither it nor any image in its place can be read: colour: no disk");
}

#[test]
fn an_image_without_pixels_is_an_error() {
    for size in [(0, 0), (0, 7), (5, 0)] {
        let datasets = Datasets::from(&Colours { size, ..Colours::new(8) });
        let error = Loader::new(&datasets, config(), 1).unwrap().next_batch().unwrap_err();
        let expected = format!("colour: expected an image, found {} x {} pixels", size.0, size.1);
        assert_eq!(error.to_string(), expected);
        assert_eq!(datasets[0].load_cropped(0, 3.into()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_panic_reaches_the_consumer_instead_of_hanging_it() {
    let datasets = Datasets::from(&Colours::broken(4, |_| panic!("no such colour")));
    let mut loader = Loader::new(&datasets, config(), 1).unwrap();
    let panic = panic::catch_unwind(AssertUnwindSafe(|| loader.next_batch())).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"no such colour"));
}

#[test]
fn no_more_than_the_prefetch_is_prepared() {
    let colours = Colours::new(40);
    let settings = LoaderConfig { threads: 3, prefetch: 2, ..config() };
    let mut loader = Loader::new(&Datasets::from(&colours), settings, 1).unwrap();
    for consumed in 0..4 {
        let bound = 4 * (consumed + 2);
        while colours.loaded.load(Ordering::SeqCst) < bound {
            thread::yield_now();
        }
        // Long enough for a worker that ignores the bound to load something.
        thread::sleep(Duration::from_millis(10));
        assert_eq!(colours.loaded.load(Ordering::SeqCst), bound);
        loader.next_batch().unwrap();
    }
}

#[test]
fn a_loader_is_dropped_while_its_workers_are_busy() {
    let colours = Colours::new(40);
    let settings = LoaderConfig { threads: 5, prefetch: 9, ..config() };
    let loader = Loader::new(&Datasets::from(&colours), settings, 1).unwrap();
    while colours.loaded.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    drop(loader);
    assert_eq!(Arc::strong_count(&colours.loaded), 1, "a worker still holds the dataset");
}

#[test]
fn waiting_is_measured() {
    let slow = Colours::broken(4, |_| {
        thread::sleep(Duration::from_millis(5));
        Ok(())
    });
    let mut loader =
        Loader::new(&Datasets::from(&slow), LoaderConfig { prefetch: 1, ..config() }, 1).unwrap();
    loader.next_batch().unwrap();
    loader.next_batch().unwrap();
    // The second batch is begun when the first is taken.
    assert!(loader.waited() >= Duration::from_millis(15));
}

#[test]
fn what_cannot_work_is_refused() {
    let datasets = Datasets::from(&Colours::new(8)).with(&Colours::new(3));
    let message = refusal(&datasets, config(), 1);
    let expected = "dataset 2 of 2 has 3 images, fewer than a batch of 4: \
                    lower the batch size to at most 3";
    assert_eq!(message, expected);
    assert_eq!(refusal(&(&Colours::new(0)).into(), config(), 1), "the dataset is empty");

    let eight = Datasets::from(&Colours::new(8));
    let zero = |what: &str| format!("{what} must be at least 1, found 0");
    let cases = [
        (LoaderConfig { batch_size: 0, ..config() }, "the batch size"),
        (LoaderConfig { image_size: 0.into(), ..config() }, "the image size"),
        (LoaderConfig { threads: 0, ..config() }, "the number of loader threads"),
        (LoaderConfig { prefetch: 0, ..config() }, "the number of batches prepared ahead"),
    ];
    for (config, what) in cases {
        assert_eq!(refusal(&eight, config, 1), zero(what));
    }
    assert_eq!(refusal(&eight, config(), 0), zero("the first iteration"));
    assert_eq!(refusal(&Datasets::default(), config(), 1), zero("the number of datasets"));
    let huge = refusal(&eight, LoaderConfig { image_size: 20_000.into(), ..config() }, 1);
    assert_eq!(huge, "the image size must be at most 16384, found 20000");
}

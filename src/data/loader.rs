//! Batches, prepared ahead by worker threads and handed out in a fixed order.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use image::DynamicImage;

use crate::data::augment::Change;
use crate::data::balance::{Balance, Sampling};
use crate::data::channels::Channels;
use crate::data::dataset::load;
use crate::data::datasets::Datasets;
use crate::data::loader_config::{LoaderConfig, Share};
use crate::data::references::ByLabel;
use crate::data::sampler::{Draw, Sampler};
use crate::data::size::ImageSize;
use crate::data::transform::Transform;
use crate::data::unreadable::{UNREADABLE_IN_A_ROW, UnreadablePolicy};
use crate::error::{Error, Result};

/// Images that can't be read, by dataset and name, each with the reason.
pub type Unreadable = BTreeMap<(usize, String), String>;

/// Images of one dataset, or one worker's share of them, with the labels of the whole batch, on the
/// host.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The dataset that all of the images are from.
    pub dataset: usize,
    /// The iteration that the batch is for, counted from 1.
    pub iteration: u64,
    /// The rows of the batch whose images are here: all of them, unless there are several workers.
    pub rows: Range<usize>,
    /// `[rows, C, height, width]`, row-major, in `[-1, 1]`.
    pub images: Vec<f32>,
    /// `[batch_size, width]` for the dataset's label width, row-major, 0 or 1.
    pub labels: Vec<f32>,
    /// The number of images of the whole batch.
    pub batch_size: usize,
    /// The size of the images.
    pub image_size: ImageSize,
    /// Images that others are to look like, where the recipe takes them
    /// ([`Recipe::references`](crate::engine::Recipe::references)).
    pub references: Option<References>,
}

/// Two images of one label for every image of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct References {
    /// The first and the second images, each as [`Batch::images`]: of the same rows.
    pub images: [Vec<f32>; 2],
    /// The label that both have, as [`Batch::labels`]: of the whole batch.
    pub labels: Vec<f32>,
}

impl Batch {
    /// The images on `device`: `[rows, C, height, width]` in `[-1, 1]`.
    pub fn into_images<B: Backend>(self, device: &B::Device) -> Tensor<B, 4> {
        let shape = self.shape();
        Tensor::from_data(TensorData::new(self.images, shape), device)
    }

    /// The batch in `parts` of equally many images each, one after the other.
    ///
    /// # Panics
    /// When there is no such number of images.
    pub fn into_parts(self, parts: usize) -> Vec<Self> {
        if parts == 1 {
            return vec![self];
        }
        let rows = self.rows.len() / parts;
        assert_eq!(rows * parts, self.rows.len(), "parts of equally many images");
        let values = self.images.len() / parts;
        let Self { dataset, iteration, batch_size, image_size, .. } = self;
        let part = |number: usize| {
            let first = self.rows.start + number * rows;
            let of = |images: &[f32]| images[number * values..(number + 1) * values].to_vec();
            Self {
                dataset,
                iteration,
                rows: first..first + rows,
                images: of(&self.images),
                labels: self.labels.clone(),
                batch_size,
                image_size,
                references: self.references.as_ref().map(|references| References {
                    images: references.images.each_ref().map(|images| of(images)),
                    labels: references.labels.clone(),
                }),
            }
        };
        (0..parts).map(part).collect()
    }

    /// The shape of the images: `[N, C, H, W]`.
    pub(crate) fn shape(&self) -> [usize; 4] {
        let (n, [height, width]) = (self.rows.len(), self.image_size.sides());
        [n, self.images.len() / (n * height * width), height, width]
    }
}

/// An endless sequence of batches, one of every dataset in turn per iteration.
///
/// The order of an epoch is a permutation that depends on seed, dataset and epoch alone, a flip and
/// any other change on these and the position in the epoch. So the batches are the same for every
/// number of threads, and a training resumes with its iteration number only. An epoch's last batch
/// is dropped when short.
///
/// Dropping the loader stops and joins its threads, each after the batch it is at.
pub struct Loader {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    waited: Duration,
}

impl Loader {
    /// Starts loading, from the batches of iteration `first_iteration` (counted from 1) on.
    ///
    /// # Errors
    /// As [`LoaderConfig::check`]; when `first_iteration` is 0, or no thread can start.
    pub fn new(datasets: &Datasets, config: LoaderConfig, first_iteration: u64) -> Result<Self> {
        config.check(datasets)?;
        if first_iteration == 0 {
            let message = "the first iteration must be at least 1, found 0";
            return Err(Error::Config(message.to_owned()));
        }
        let LoaderConfig {
            batch_size,
            image_size,
            channels,
            flip,
            augmentation,
            seed,
            threads,
            prefetch,
            on_unreadable,
            sampling,
            references,
            paired,
            share,
        } = config;
        let lengths = datasets.iter().map(|dataset| dataset.len());
        let sampler =
            Sampler::new(lengths, batch_size, flip, seed, first_iteration).augmented(augmentation);
        let sampler = match sampling {
            Sampling::Uniform => sampler,
            Sampling::Balanced => sampler.balanced(datasets.iter().map(Balance::new)),
        };
        let by_label = datasets.iter().map(ByLabel::new);
        let sampler = if references { sampler.referring(by_label) } else { sampler };
        let shared = Arc::new(Shared {
            datasets: datasets.clone(),
            sampler: if paired { sampler.paired() } else { sampler },
            image_size,
            channels,
            share,
            prefetch: prefetch as u64,
            on_unreadable,
            unreadable: Mutex::default(),
            state: Mutex::default(),
            room: Condvar::new(),
            ready: Condvar::new(),
        });
        let mut loader = Self { shared, workers: Vec::new(), waited: Duration::ZERO };
        for number in 0..threads {
            let shared = loader.shared.clone();
            let worker = thread::Builder::new()
                .name(format!("stargan-loader-{number}"))
                .spawn(move || shared.work())
                .map_err(|error| Error::Config(format!("loader thread {number}: {error}")))?;
            loader.workers.push(worker);
        }
        Ok(loader)
    }

    /// The next batch, as soon as it is ready.
    ///
    /// # Errors
    /// When an image of this batch could not be read. The next call goes on with the batch after
    /// it.
    ///
    /// # Panics
    /// With the panic of the worker that made this batch, if it had one.
    pub fn next_batch(&mut self) -> Result<Batch> {
        let start = Instant::now();
        let mut state = self.shared.lock();
        let ticket = state.delivered;
        let finished = loop {
            match state.finished.remove(&ticket) {
                Some(finished) => break finished,
                None => state = wait(&self.shared.ready, state),
            }
        };
        state.delivered += 1;
        drop(state);
        self.shared.room.notify_all();
        self.waited += start.elapsed();
        finished.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// The images met so far that can't be read and were left out. Batches that are prepared ahead
    /// count.
    pub fn unreadable(&self) -> Unreadable {
        self.shared.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long [`next_batch`](Self::next_batch) has waited in all: near zero when loading keeps
    /// up.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("threads", &self.workers.len())
            .field("waited", &self.waited)
            .finish_non_exhaustive()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.room.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of what it runs; one of its own is no reason to abort.
            let _ = worker.join();
        }
    }
}

struct Shared {
    datasets: Datasets,
    sampler: Sampler,
    image_size: ImageSize,
    channels: Channels,
    share: Share,
    prefetch: u64,
    on_unreadable: UnreadablePolicy,
    /// Images that were left out, and why.
    unreadable: Mutex<Unreadable>,
    state: Mutex<State>,
    /// A batch was consumed, or the loader is stopped.
    room: Condvar,
    /// A batch is finished.
    ready: Condvar,
}

type Finished = Result<Result<Batch>, Box<dyn Any + Send>>;

/// Tickets count batches from 0; `delivered <= taken <= delivered + prefetch`.
#[derive(Default)]
struct State {
    taken: u64,
    delivered: u64,
    finished: BTreeMap<u64, Finished>,
    stopped: bool,
}

impl Shared {
    fn work(&self) {
        while let Some(ticket) = self.take_ticket() {
            // Uncaught, a panic would leave the consumer waiting for this ticket for ever.
            let batch = panic::catch_unwind(AssertUnwindSafe(|| self.build(ticket)));
            self.lock().finished.insert(ticket, batch);
            self.ready.notify_one();
        }
    }

    fn take_ticket(&self) -> Option<u64> {
        let mut state = self.lock();
        while !state.stopped && state.taken >= state.delivered + self.prefetch {
            state = wait(&self.room, state);
        }
        let ticket = state.taken;
        state.taken += 1;
        (!state.stopped).then_some(ticket)
    }

    fn build(&self, ticket: u64) -> Result<Batch> {
        let draw = self.sampler.draw(ticket);
        let dataset = &self.datasets[draw.dataset];
        let (batch_size, image_size) = (draw.images.len(), self.image_size);
        let transform = Transform::new(dataset.crop(), image_size).with_channels(self.channels);
        let values = self.channels.count() * image_size.width * image_size.height;
        let rows = self.share.rows(batch_size);
        let mut images = Vec::with_capacity(rows.len() * values);
        let mut labels = Vec::with_capacity(batch_size * dataset.labels().width());
        let seen = |pixels: &DynamicImage, flip, change: Option<&Change>| match change {
            Some(change) => change.apply(transform, pixels, flip),
            None if flip => transform.apply_mirrored(pixels),
            None => transform.apply(pixels),
        };
        for (row, &(mut image, flip)) in draw.images.iter().enumerate() {
            if rows.contains(&row) {
                let order = (image..dataset.len()).chain(0..image);
                let (loaded, pixels) = self.load(draw.dataset, order)?;
                images.extend(seen(&pixels, flip, draw.changes.get(row)));
                image = loaded;
            }
            labels.extend_from_slice(dataset.label(image));
        }
        let references = match self.sampler.by_label(draw.dataset) {
            None => None,
            Some(by_label) => {
                let mut references = References { images: [vec![], vec![]], labels: vec![] };
                for (row, drawn) in draw.references.iter().enumerate() {
                    let first = by_label.instead(drawn[0]).next();
                    let label = dataset.label(first.expect("a label has images"));
                    references.labels.extend_from_slice(label);
                    if rows.contains(&row) {
                        for (images, reference) in references.images.iter_mut().zip(drawn) {
                            let order = by_label.instead(*reference);
                            let (_, pixels) = self.load(draw.dataset, order)?;
                            images.extend(seen(&pixels, reference.flip, reference.change.as_ref()));
                        }
                    }
                }
                Some(references)
            }
        };
        let Draw { dataset, iteration, .. } = draw;
        Ok(Batch { dataset, iteration, rows, images, labels, batch_size, image_size, references })
    }

    /// The first image of `order` of a dataset, or as the policy says the first that can be read.
    fn load(
        &self,
        number: usize,
        order: impl Iterator<Item = usize>,
    ) -> Result<(usize, DynamicImage)> {
        let dataset = &self.datasets[number];
        let mut order = order.peekable();
        let index = *order.peek().expect("an order of images");
        let mut last = String::new();
        for at in order.take(UNREADABLE_IN_A_ROW) {
            match (load(dataset, at), self.on_unreadable) {
                (Ok(pixels), _) => return Ok((at, pixels)),
                (Err(error), UnreadablePolicy::Fail) => return Err(error),
                (Err(error), UnreadablePolicy::Skip) => {
                    let mut unreadable =
                        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
                    last = error.to_string();
                    let name = (number, dataset.name(at).into_owned());
                    unreadable.entry(name).or_insert_with(|| last.clone());
                }
            }
        }
        let message = format!("neither it nor any image in its place can be read: {last}");
        Err(Error::data(&*dataset.name(index), None, message))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

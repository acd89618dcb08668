//! Which images a batch holds, as a pure function of seed and ticket.
//!
//! No state is carried from batch to batch, so a training resumes with nothing but its iteration
//! number, and the order in which threads ask does not matter.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use rand::RngCore;

use crate::data::augment::{Augmentation, Change, WORDS};
use crate::data::balance::Balance;
use crate::data::references::{ByLabel, Reference};
use crate::random::{Purpose, permutation, stream};

/// Threads that work ahead straddle the end of an epoch; none is two epochs ahead for long.
const EPOCHS_KEPT: usize = 2;

/// The content of one batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draw {
    pub(super) dataset: usize,
    pub(super) iteration: u64,
    /// An image and whether to mirror it.
    pub(super) images: Vec<(usize, bool)>,
    /// What else is done to each of them; nothing where it is empty.
    pub(super) changes: Vec<Change>,
    /// The two references of each of them; nothing where nobody asks for such.
    pub(super) references: Vec<[Reference; 2]>,
}

/// Draws batches from datasets of given lengths, each of them in turn.
///
/// Ticket `t` of `n` datasets belongs to dataset `t % n` and iteration `first + t / n`.
pub(super) struct Sampler {
    seed: u64,
    flip: bool,
    batch_size: usize,
    first_iteration: u64,
    /// Whether all datasets have the order, the flips and the changes of the first.
    paired: bool,
    augmentation: Augmentation,
    datasets: Vec<Orders>,
    /// The images of every dataset by their label, where references are drawn.
    by_label: Vec<ByLabel>,
}

struct Orders {
    images: usize,
    /// Without one, an epoch has every image once.
    balance: Option<Balance>,
    recent: Mutex<VecDeque<(u64, Arc<[usize]>)>>,
}

impl Sampler {
    /// # Panics
    /// When `batch_size` or `first_iteration` is 0, or a length is below `batch_size`.
    pub(super) fn new(
        lengths: impl IntoIterator<Item = usize>,
        batch_size: usize,
        flip: bool,
        seed: u64,
        first_iteration: u64,
    ) -> Self {
        assert!(
            batch_size > 0 && first_iteration > 0,
            "batches hold images, iterations start at 1"
        );
        let orders = |images| {
            assert!(images >= batch_size, "a dataset of {images} cannot fill a batch");
            Orders { images, balance: None, recent: Mutex::default() }
        };
        let datasets = lengths.into_iter().map(orders).collect();
        let augmentation = Augmentation::default();
        Self {
            seed,
            flip,
            batch_size,
            first_iteration,
            paired: false,
            augmentation,
            datasets,
            by_label: Vec::new(),
        }
    }

    /// Draws references too, from images by their label, of every dataset.
    pub(super) fn referring(self, by_label: impl IntoIterator<Item = ByLabel>) -> Self {
        Self { by_label: by_label.into_iter().collect(), ..self }
    }

    /// The images of a dataset by their label, where references are drawn.
    pub(super) fn by_label(&self, dataset: usize) -> Option<&ByLabel> {
        self.by_label.get(dataset)
    }

    /// Draws from every dataset what it draws from the first.
    pub(super) fn paired(self) -> Self {
        Self { paired: true, ..self }
    }

    /// Changes images beside the flip.
    pub(super) fn augmented(self, augmentation: Augmentation) -> Self {
        Self { augmentation, ..self }
    }

    /// Draws every image as often as the balance of its dataset says.
    pub(super) fn balanced(mut self, balances: impl IntoIterator<Item = Balance>) -> Self {
        for (orders, balance) in self.datasets.iter_mut().zip(balances) {
            orders.balance = Some(balance);
        }
        self
    }

    pub(super) fn draw(&self, ticket: u64) -> Draw {
        let dataset = (ticket % self.datasets.len() as u64) as usize;
        let iteration = self.first_iteration + ticket / self.datasets.len() as u64;
        // The last, short batch of an epoch is dropped.
        let batches_per_epoch = (self.datasets[dataset].images / self.batch_size) as u64;
        let epoch = (iteration - 1) / batches_per_epoch;
        let start = ((iteration - 1) % batches_per_epoch) as usize * self.batch_size;

        let drawn = if self.paired { 0 } else { dataset };
        let order = self.order(drawn, epoch);
        // The flip of position p in an epoch is bit 0 of word p of the epoch's stream.
        let mut flips = stream(self.seed, Purpose::Flip, drawn as u64, epoch);
        flips.set_word_pos(start as u128);
        let images = order[start..start + self.batch_size]
            .iter()
            .map(|&image| (image, self.flip && flips.next_u32() & 1 == 1))
            .collect();
        let changes = if self.augmentation.is_none() {
            Vec::new()
        } else {
            let change = |position: usize| {
                let mut random = stream(self.seed, Purpose::Augment, drawn as u64, epoch);
                random.set_word_pos(position as u128 * WORDS);
                self.augmentation.draw(random)
            };
            (start..start + self.batch_size).map(change).collect()
        };
        let references = self.by_label(dataset).map_or_else(Vec::new, |by_label| {
            let of = [self.seed, dataset as u64, iteration];
            by_label.draw(self.batch_size, self.flip, self.augmentation, of)
        });
        Draw { dataset, iteration, images, changes, references }
    }

    fn order(&self, dataset: usize, epoch: u64) -> Arc<[usize]> {
        let Orders { images, balance, recent } = &self.datasets[dataset];
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = recent.iter().find(|(known, _)| *known == epoch) {
            return order.clone();
        }
        let random = |purpose| stream(self.seed, purpose, dataset as u64, epoch);
        let mut order = permutation(*images, random(Purpose::Order));
        if let Some(balance) = balance {
            let mut random = random(Purpose::Balance);
            let drawn = balance.draw(order, unit(&mut random));
            order = permutation(*images, random).into_iter().map(|place| drawn[place]).collect();
        }
        let order: Arc<[usize]> = order.into();
        recent.push_back((epoch, order.clone()));
        if recent.len() > EPOCHS_KEPT {
            recent.pop_front();
        }
        order
    }
}

/// A number in `[0, 1)`.
fn unit(random: &mut impl RngCore) -> f64 {
    // As many bits as a float has.
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::data::folder::Folder;

    fn sampler(lengths: &[usize], first_iteration: u64) -> Sampler {
        Sampler::new(lengths.iter().copied(), 4, true, 7, first_iteration)
    }

    #[test]
    fn an_epoch_shows_no_image_twice_and_drops_the_short_batch() {
        let sampler = sampler(&[18], 1);
        for epoch in 0..5 {
            let draws = (4 * epoch..4 * epoch + 4).map(|ticket| sampler.draw(ticket));
            let shown: HashSet<_> = draws.flat_map(|draw| draw.images).map(|(i, _)| i).collect();
            assert_eq!(shown.len(), 16);
            assert!(shown.iter().all(|image| *image < 18));
        }
        assert_ne!(sampler.draw(0).images, sampler.draw(4).images, "epochs differ in order");
    }

    #[test]
    fn datasets_take_turns_and_keep_their_own_epochs() {
        let (joint, alone) = (sampler(&[8, 20], 1), sampler(&[8], 1));
        for ticket in 0..40 {
            let draw = joint.draw(ticket);
            assert_eq!((draw.dataset as u64, draw.iteration), (ticket % 2, 1 + ticket / 2));
        }
        assert_eq!(joint.draw(14), alone.draw(7));
        assert_ne!(joint.draw(0).images, joint.draw(1).images);
    }

    #[test]
    fn a_restart_goes_on_where_it_stopped() {
        let (whole, resumed) = (sampler(&[18, 9], 1), sampler(&[18, 9], 12));
        for ticket in 0..20 {
            assert_eq!(resumed.draw(ticket), whole.draw(22 + ticket));
        }
    }

    #[test]
    fn half_of_the_images_are_mirrored_unless_none_is_to_be() {
        let flips = |flip| {
            let sampler = Sampler::new([1000], 100, flip, 3, 1);
            let draws = (0..100).flat_map(move |ticket| sampler.draw(ticket).images);
            draws.filter(|(_, flip)| *flip).count()
        };
        // 10,000 fair coins: five standard deviations are 250.
        assert!(flips(true).abs_diff(5_000) < 250);
        assert_eq!(flips(false), 0);
    }

    /// 18 images, of which 15 are of one class.
    fn unequal() -> Balance {
        let folder = tempfile::tempdir().unwrap();
        for image in 0..18 {
            let class = folder.path().join(if image < 15 { "many" } else { "few" });
            std::fs::create_dir_all(&class).unwrap();
            std::fs::write(class.join(format!("{image:02}.png")), []).unwrap();
        }
        // In the order of their names: "few" are images 0, 1 and 2.
        Balance::new(&Folder::open(folder).unwrap())
    }

    #[test]
    fn a_balanced_epoch_has_every_class_equally_often_and_is_a_function_of_its_number() {
        let balanced = |first| sampler(&[18, 9], first).balanced([unequal()]);
        let (whole, resumed) = (balanced(1), balanced(12));
        for ticket in 0..20 {
            assert_eq!(resumed.draw(ticket), whole.draw(22 + ticket));
        }
        let epochs: Vec<_> = (0..20).map(|epoch| whole.order(0, epoch)).collect();
        for epoch in &epochs {
            let few = epoch.iter().filter(|image| **image < 3).count();
            assert_eq!((epoch.len(), few), (18, 9));
            assert!((0..3).all(|image| epoch.contains(&image)));
        }
        let shown: HashSet<_> = epochs.iter().flat_map(|epoch| epoch.iter().copied()).collect();
        assert_eq!(shown.len(), 18, "every image comes in its turn");
        assert!(epochs.windows(2).all(|two| two[0] != two[1]));
        // Not one class after the other.
        assert!(epochs.iter().all(|epoch| epoch[..9].iter().any(|image| *image < 3)));
        assert!(epochs.iter().all(|epoch| epoch[..9].iter().any(|image| *image >= 3)));
    }

    #[test]
    fn orders_are_pinned() {
        // A change here makes resumed trainings see other batches than before.
        let draw = sampler(&[10], 1).draw(0);
        assert_eq!(draw.images, [(3, false), (9, true), (7, true), (4, false)]);
        let draw = sampler(&[18], 1).balanced([unequal()]).draw(0);
        assert_eq!(draw.images, [(10, false), (7, true), (1, true), (2, false)]);
    }

    #[test]
    fn changes_depend_on_seed_and_place_alone_and_leave_order_and_flips() {
        let strong = "brightness=0.2,saturation=0.3,crop=0.5".parse().unwrap();
        let (plain, whole) = (sampler(&[18, 9], 1), sampler(&[18, 9], 1).augmented(strong));
        let resumed = sampler(&[18, 9], 12).augmented(strong);
        let mut seen = Vec::new();
        for ticket in 0..40 {
            let draw = whole.draw(ticket);
            assert_eq!(draw.images, plain.draw(ticket).images);
            assert!(plain.draw(ticket).changes.is_empty());
            if ticket >= 22 {
                assert_eq!(resumed.draw(ticket - 22), draw);
            }
            seen.extend(draw.changes);
        }
        let repeated = (1..seen.len()).filter(|at| seen[..*at].contains(&seen[*at])).count();
        assert_eq!((seen.len(), repeated), (160, 0));
    }

    #[test]
    fn paired_datasets_come_together() {
        let strong = "contrast=0.2,crop=0.5".parse().unwrap();
        let apart = sampler(&[20, 20], 1).augmented(strong);
        let together = sampler(&[20, 20], 1).augmented(strong).paired();
        for iteration in 0..20 {
            let [first, second] = [0, 1].map(|dataset| together.draw(2 * iteration + dataset));
            assert_eq!((first.dataset, second.dataset), (0, 1));
            assert_eq!((first.iteration, &first.images), (second.iteration, &second.images));
            assert_eq!((first.changes.len(), &first.changes), (4, &second.changes));
            assert_eq!(first, apart.draw(2 * iteration), "the first is drawn as ever");
            assert_ne!(second.images, apart.draw(2 * iteration + 1).images);
        }
    }
}

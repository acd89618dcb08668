//! Data-parallel training: several devices of one process, several processes of one machine,
//! several machines.
//!
//! Every worker steps on its share of each batch, and the mean of the workers' gradients updates
//! all of them alike ([`Collective`](crate::engine::Collective)). The devices of a process are
//! workers by burn's own collective engine, burn-collective; processes are joined to a [`Ring`]
//! over burn's own transport, burn-communication. burn-collective has an engine for processes too,
//! whose second sum never ends in burn 0.21: docs/scaling.md says where, and
//! `tests/library/burn_collective.rs` shows it.
//!
//! ```no_run
//! # use stargan::{Datasets, StarGan, Trainer, TrainingConfig, engine::{self, Follower}};
//! # use stargan::burn::backend::{Autodiff, Flex};
//! # fn main() -> stargan::Result<()> {
//! # let (config, data): (TrainingConfig<StarGan>, Datasets) = todo!();
//! type B = Autodiff<Flex>;
//! // Two devices; more machines join with `Ring::join` in place of `None`.
//! let mut workers = engine::workers::<Flex>(&[Default::default(), Default::default()], None)?;
//! let follower = workers.pop().expect("two workers");
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         let follower = Box::new(follower);
//!         Follower::<B, StarGan>::join(follower, None, &Default::default())?.run(&data)
//!     });
//!     let leader = workers.pop().expect("two workers");
//!     let trainer = Trainer::<B, StarGan>::new("runs/two", config, &Default::default())?;
//!     trainer.lead(Box::new(leader))?.run(&data, &mut ())
//! })?;
//! # Ok(())
//! # }
//! ```

pub use crate::engine::workers::rendezvous::Rendezvous;
pub use crate::engine::workers::ring::Ring;
pub use crate::engine::workers::worker::{Worker, workers};

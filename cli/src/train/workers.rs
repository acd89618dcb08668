//! `--workers` and `--nodes`: several workers train one model.

use clap::Args;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{BackendKind, Datasets, LabelSpaces, StarGan, Trainer, TrainingConfig};

use crate::failure::{Failure, usage};

/// Who trains together.
#[derive(Args)]
pub struct WorkerArgs {
    /// Workers on this machine, each on a device of its own (on the CPU they share the cores);
    /// every batch is shared out among all workers of all machines
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Machines that train together, each started with the same settings
    #[arg(long, value_name = "N", requires_all = ["node_rank", "orchestrator"])]
    nodes: Option<usize>,
    /// The number of this machine among --nodes; number 0 leads, and it alone writes a run folder
    #[arg(long, value_name = "R", requires = "nodes")]
    node_rank: Option<usize>,
    /// Where the others reach machine 0; machine R listens at PORT + R. Anybody who reaches these
    /// ports can interfere
    #[arg(long, value_name = "HOST:PORT", requires = "nodes")]
    orchestrator: Option<String>,
    /// Seconds for which another machine may be silent before the run ends; one whose process has
    /// ended is noticed at once [default: 300]
    #[arg(
        long,
        value_name = "S",
        requires = "nodes",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    node_timeout: Option<u64>,
}

impl WorkerArgs {
    /// The workers of all machines.
    pub fn count(&self) -> usize {
        self.workers.unwrap_or(1).saturating_mul(self.nodes.unwrap_or(1))
    }
}

/// Opens a follower's data, given the labels of the run.
pub type Open<'a> = &'a (dyn Fn(&LabelSpaces) -> Result<Datasets, Failure> + Sync);

pub use crew::Crew;

#[cfg(feature = "collective")]
mod crew {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;
    use std::time::Duration;

    use stargan::Outcome;
    use stargan::burn::prelude::DeviceOps;
    use stargan::burn::tensor::backend::{Backend as _, DeviceId};
    use stargan::engine::{Collective, Follower};
    use stargan::engine::{Rendezvous, Worker, workers};

    use super::*;
    use crate::terminal::tell;

    /// The workers of this machine; none where it trains alone.
    pub struct Crew<B: AutodiffBackend> {
        workers: Vec<(Worker<B::InnerBackend>, B::Device)>,
    }

    impl<B: AutodiffBackend> Crew<B> {
        /// Waits for the other machines, if there are any.
        pub fn connect(args: &WorkerArgs, backend: BackendKind) -> Result<Self, Failure> {
            let devices = devices::<B>(args.workers.unwrap_or(1), backend)?;
            let ring = match (args.nodes, args.node_rank, &args.orchestrator) {
                (Some(nodes), Some(rank), Some(place)) => {
                    let address = place.rsplit_once(':');
                    let address = address.and_then(|(host, port)| Some((host, port.parse().ok()?)));
                    let Some((host, port)) = address else {
                        return usage(format!(
                            "--orchestrator: expected HOST:PORT, found {place:?}"
                        ));
                    };
                    let mut rendezvous = Rendezvous::new(host, port);
                    if let Some(seconds) = args.node_timeout {
                        rendezvous.patience = Duration::from_secs(seconds);
                    }
                    tell!("machine {rank} of {nodes}: waiting for the others at {place}");
                    Some(rendezvous.join(rank, nodes)?)
                }
                _ if devices.len() == 1 => return Ok(Self { workers: Vec::new() }),
                _ => None,
            };
            let workers = workers(&devices, ring)?;
            Ok(Self { workers: workers.into_iter().zip(devices).collect() })
        }

        /// The device of this machine's first worker.
        pub fn device(&self) -> B::Device {
            self.workers.first().map(|(_, device)| device.clone()).unwrap_or_default()
        }

        /// Whether the run is led here.
        pub fn leads(&self) -> bool {
            self.workers.first().is_none_or(|(worker, _)| worker.rank() == 0)
        }

        /// Trains with `trainer` as worker 0 in `run`, and with the others on `data`.
        pub fn lead(
            self,
            trainer: Trainer<B, StarGan>,
            data: &Datasets,
            run: impl FnOnce(Trainer<B, StarGan>) -> Result<(), Failure>,
        ) -> Result<(), Failure> {
            let stop = trainer.stop_flag();
            let mut workers = self.workers.into_iter();
            let Some((first, _)) = workers.next() else { return run(trainer) };
            let open = |_: &LabelSpaces| Ok(data.clone());
            thread::scope(|scope| {
                for (worker, device) in workers {
                    let stop = stop.clone();
                    scope.spawn(move || say(follow::<B>(worker, &device, None, &open, stop)));
                }
                run(trainer.lead(Box::new(first))?)
            })
        }

        /// Trains as another machine leads.
        pub fn follow(
            self,
            expected: Option<&TrainingConfig<StarGan>>,
            open: Open<'_>,
        ) -> Result<(), Failure> {
            let stop = Arc::<AtomicBool>::default();
            crate::signals::stop_when_asked(stop.clone())?;
            thread::scope(|scope| {
                let follow = |(worker, device)| {
                    let stop = stop.clone();
                    scope.spawn(move || follow::<B>(worker, &device, expected, open, stop))
                };
                let threads: Vec<_> = self.workers.into_iter().map(follow).collect();
                let ended = threads.into_iter().map(|thread| thread.join().expect("no panic"));
                // Each says what happened to it; the first failure is as good as any for the exit
                // code.
                let mut first = Ok(());
                for other in ended {
                    match first {
                        Ok(()) => first = other,
                        Err(_) => say(other),
                    }
                }
                first
            })
        }
    }

    fn say(ended: Result<(), Failure>) {
        // Worker 0 has said it already.
        let heard = |message: &str| message.starts_with("worker 0 has ended the run");
        match ended {
            Err(Failure::Usage(message) | Failure::Failed(message)) if !heard(&message) => {
                tell!("another worker of this machine: {message}");
            }
            _ => {}
        }
    }

    fn follow<B: AutodiffBackend>(
        worker: Worker<B::InnerBackend>,
        device: &B::Device,
        expected: Option<&TrainingConfig<StarGan>>,
        open: Open<'_>,
        stop: Arc<AtomicBool>,
    ) -> Result<(), Failure> {
        let mut follower = Follower::<B, StarGan>::join(Box::new(worker), expected, device)?;
        follower.set_stop_flag(stop);
        let data = open(&follower.config().recipe.spaces)?;
        let outcome = follower.run(&data)?;
        let unreadable = follower.trainer().unreadable();
        unreadable.values().for_each(|reason| tell!("could not be read: {reason}"));
        match outcome {
            Outcome::Finished { .. } => Ok(()),
            Outcome::Stopped { checkpoint } => Err(Failure::Interrupted(format!(
                "stopped; worker 0 has written {}",
                checkpoint.display()
            ))),
        }
    }

    fn devices<B: AutodiffBackend>(
        count: usize,
        backend: BackendKind,
    ) -> Result<Vec<B::Device>, Failure> {
        if count == 0 {
            return usage("--workers must be at least 1");
        }
        if count == 1 || backend.is_cpu() {
            return Ok(vec![Default::default(); count]);
        }
        let found = B::InnerBackend::device_count(0);
        if found < count {
            return Err(Failure::Failed(format!(
                "--workers {count}: this machine has {found} devices for the backend {backend}"
            )));
        }
        Ok((0..count).map(|index| B::Device::from_id(DeviceId::new(0, index as u16))).collect())
    }
}

#[cfg(not(feature = "collective"))]
mod crew {
    use std::marker::PhantomData;

    use super::*;

    /// There is one worker.
    pub struct Crew<B>(PhantomData<B>);

    impl<B: AutodiffBackend> Crew<B> {
        pub fn connect(args: &WorkerArgs, _backend: BackendKind) -> Result<Self, Failure> {
            if args.workers.is_some_and(|workers| workers != 1) || args.nodes.is_some() {
                return usage(
                    "several workers are not compiled in: in a clone, cargo run --release \
                     --features collective -- train --workers N ...",
                );
            }
            Ok(Self(PhantomData))
        }

        pub fn device(&self) -> B::Device {
            Default::default()
        }

        pub fn leads(&self) -> bool {
            true
        }

        pub fn lead(
            self,
            trainer: Trainer<B, StarGan>,
            _data: &Datasets,
            run: impl FnOnce(Trainer<B, StarGan>) -> Result<(), Failure>,
        ) -> Result<(), Failure> {
            run(trainer)
        }

        pub fn follow(
            self,
            _expected: Option<&TrainingConfig<StarGan>>,
            _open: Open<'_>,
        ) -> Result<(), Failure> {
            Ok(())
        }
    }
}

//! `--workers`: several devices of this process train one model, alone or with other processes.

use clap::Args;
use stargan::burn::tensor::backend::AutodiffBackend;
use stargan::{BackendKind, Datasets, LabelSpaces, Trainer, TrainingConfig};

use super::processes::Processes;
use super::recipes::Trained;
use crate::failure::{Failure, usage};

/// Who trains together.
#[derive(Args)]
pub struct WorkerArgs {
    /// Workers of this process, each on a device of its own (on the CPU they share the cores).
    /// Every batch is shared out among them, and among the processes that mpirun or a scheduler
    /// has started with this one, each with the same settings
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

impl WorkerArgs {
    /// The workers of all processes.
    pub fn count(&self, processes: &Processes) -> usize {
        self.workers.unwrap_or(1).saturating_mul(processes.count())
    }
}

/// Opens a follower's data, given the labels of the run.
pub type Open<'a> = &'a (dyn Fn(&LabelSpaces) -> Result<Datasets, Failure> + Sync);

pub use crew::Crew;

#[cfg(feature = "collective")]
mod crew {
    use std::marker::PhantomData;
    use std::process::ExitCode;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use stargan::Outcome;
    use stargan::burn::prelude::DeviceOps;
    use stargan::burn::tensor::backend::{Backend as _, DeviceId};
    use stargan::engine::{Collective, Follower, Worker, workers};

    use super::*;
    use crate::terminal::complain;

    /// The workers of this process; none where it trains alone.
    pub struct Crew<B: AutodiffBackend, R> {
        workers: Vec<(Worker<B::InnerBackend>, B::Device)>,
        recipe: PhantomData<R>,
    }

    impl<B: AutodiffBackend, R: Trained> Crew<B, R> {
        /// Those of `args`, connected with the other `processes`.
        pub fn connect(
            args: &WorkerArgs,
            backend: BackendKind,
            processes: &Processes,
        ) -> Result<Self, Failure> {
            let devices = devices::<B>(args.workers.unwrap_or(1), backend, processes)?;
            let others = others::<B>(processes);
            if devices.len() == 1 && others.is_none() {
                return Ok(Self { workers: Vec::new(), recipe: PhantomData });
            }
            let workers = workers(&devices, others)?;
            Ok(Self { workers: workers.into_iter().zip(devices).collect(), recipe: PhantomData })
        }

        /// The device of this process's first worker.
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
            trainer: Trainer<B, R>,
            data: &Datasets,
            run: impl FnOnce(Trainer<B, R>) -> Result<(), Failure>,
        ) -> Result<(), Failure> {
            let stop = trainer.stop_flag();
            let mut workers = self.workers.into_iter();
            let Some((first, _)) = workers.next() else { return run(trainer) };
            let open = |_: &LabelSpaces| Ok(data.clone());
            thread::scope(|scope| {
                for (worker, device) in workers {
                    let stop = stop.clone();
                    scope.spawn(move || say(follow::<B, R>(worker, &device, None, &open, stop)));
                }
                run(trainer.lead(Box::new(first))?)
            })
        }

        /// Trains as another process leads.
        pub fn follow(
            self,
            expected: Option<&TrainingConfig<R>>,
            open: Open<'_>,
        ) -> Result<(), Failure> {
            let stop = Arc::<AtomicBool>::default();
            crate::signals::stop_when_asked(stop.clone())?;
            thread::scope(|scope| {
                let follow = |(worker, device)| {
                    let stop = stop.clone();
                    scope.spawn(move || follow::<B, R>(worker, &device, expected, open, stop))
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
                match first {
                    Err(Failure::Failed(message)) if heard(&message) => {
                        Err(Failure::Said(ExitCode::FAILURE))
                    }
                    first => first,
                }
            })
        }
    }

    /// Whether worker 0 has said it already.
    fn heard(message: &str) -> bool {
        message.starts_with("worker 0 has ended the run")
    }

    fn say(ended: Result<(), Failure>) {
        match ended {
            Err(Failure::Usage(message) | Failure::Failed(message)) if !heard(&message) => {
                complain(format_args!("another worker of this process: {message}"));
            }
            _ => {}
        }
    }

    fn follow<B: AutodiffBackend, R: Trained>(
        worker: Worker<B::InnerBackend>,
        device: &B::Device,
        expected: Option<&TrainingConfig<R>>,
        open: Open<'_>,
        stop: Arc<AtomicBool>,
    ) -> Result<(), Failure> {
        let mut follower = Follower::<B, R>::join(Box::new(worker), expected, device)?;
        follower.set_stop_flag(stop);
        let data = open(follower.config().recipe.labels())?;
        let outcome = follower.run(&data)?;
        let unreadable = follower.trainer().unreadable();
        let tell = |reason| complain(format_args!("could not be read: {reason}"));
        unreadable.values().for_each(tell);
        match outcome {
            Outcome::Finished { .. } => Ok(()),
            Outcome::Stopped { checkpoint } => Err(Failure::Interrupted(format!(
                "stopped; worker 0 has written {}",
                checkpoint.display()
            ))),
        }
    }

    #[cfg(feature = "mpi")]
    fn others<B: AutodiffBackend>(
        processes: &Processes,
    ) -> Option<Box<dyn Collective<B::InnerBackend>>> {
        processes.link().map(|link| Box::new(link) as _)
    }

    #[cfg(not(feature = "mpi"))]
    fn others<B: AutodiffBackend>(_: &Processes) -> Option<Box<dyn Collective<B::InnerBackend>>> {
        None
    }

    fn devices<B: AutodiffBackend>(
        count: usize,
        backend: BackendKind,
        processes: &Processes,
    ) -> Result<Vec<B::Device>, Failure> {
        if count == 0 {
            return usage("--workers must be at least 1");
        }
        if backend.is_cpu() || count * processes.count() == 1 {
            return Ok(vec![Default::default(); count]);
        }
        let found = B::InnerBackend::device_count(0);
        if found < count {
            return match count {
                // One that the backend does not count among those of its kind.
                1 => Ok(vec![Default::default()]),
                _ => Err(Failure::Failed(format!(
                    "--workers {count}: this machine has {found} devices for the backend {backend}"
                ))),
            };
        }
        // A scheduler may let each process see its own devices only; they are shared otherwise.
        let first = processes.on_this_machine() * count;
        let device = |number: usize| DeviceId::new(0, ((first + number) % found) as u16);
        Ok((0..count).map(|number| B::Device::from_id(device(number))).collect())
    }
}

#[cfg(not(feature = "collective"))]
mod crew {
    use std::marker::PhantomData;

    use super::*;

    /// There is one worker.
    pub struct Crew<B, R>(PhantomData<(B, R)>);

    impl<B: AutodiffBackend, R: Trained> Crew<B, R> {
        pub fn connect(
            args: &WorkerArgs,
            _backend: BackendKind,
            _processes: &Processes,
        ) -> Result<Self, Failure> {
            if args.workers.is_some_and(|workers| workers != 1) {
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
            trainer: Trainer<B, R>,
            _data: &Datasets,
            run: impl FnOnce(Trainer<B, R>) -> Result<(), Failure>,
        ) -> Result<(), Failure> {
            run(trainer)
        }

        pub fn follow(
            self,
            _expected: Option<&TrainingConfig<R>>,
            _open: Open<'_>,
        ) -> Result<(), Failure> {
            Ok(())
        }
    }
}

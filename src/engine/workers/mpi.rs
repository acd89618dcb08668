//! The processes of a run, by MPI.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ::mpi::collective::SystemOperation;
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{Communicator, CommunicatorCollectives, Root};
use ::mpi::{Threading, initialize_with_threading};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::engine::workers::launcher::launched_processes;
use crate::engine::workers::seam::Collective;
use crate::error::{Error, Result};

/// So many values are summed at once, while those after them are copied from the device and those
/// before them to it.
const PIECE: usize = 1 << 20;

/// The most bytes of one broadcast; MPI counts them by 32 bits.
const LONGEST: usize = 1 << 30;

/// How long a process that gives up waits for the others to end too, so that each says why.
const GRACE: Duration = Duration::from_secs(2);

/// How long it waits for MPI to end the job; then it ends itself, and the launcher the others.
const ABORT_WITHIN: Duration = Duration::from_secs(3);

/// How often a process that waits for the end of the others looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// This process among those that a launcher has started: `mpirun`, or a scheduler's own.
///
/// MPI can't be told of one process's failure but by its end, which ends all of them. So a job that
/// is dropped, by an error or a panic, ends the others' too, within seconds; one that goes well is
/// [finished](Self::finish).
///
/// ```no_run
/// # use stargan::{Datasets, StarGan, Trainer, TrainingConfig, engine::{Follower, MpiJob}};
/// # use stargan::burn::backend::{Autodiff, Flex};
/// # fn main() -> stargan::Result<()> {
/// # let (config, data): (TrainingConfig<StarGan>, Datasets) = todo!();
/// type B = Autodiff<Flex>;
/// let job = MpiJob::join()?;
/// let link = Box::new(job.link());
/// if job.rank() == 0 {
///     let trainer = Trainer::<B, StarGan>::new("runs/job", config, &Default::default())?;
///     trainer.lead(link)?.run(data, &mut ())?;
/// } else {
///     Follower::<B, StarGan>::join(link, Some(&config), &Default::default())?.run(data)?;
/// }
/// job.finish()
/// # }
/// ```
#[derive(Debug)]
pub struct MpiJob {
    rank: usize,
    processes: usize,
    rank_on_machine: usize,
    requests: Sender<Request>,
    /// That of all calls of MPI; none after the end.
    thread: Option<JoinHandle<()>>,
}

/// What connects a process with the others of its [`MpiJob`].
#[derive(Debug)]
pub struct MpiLink {
    rank: usize,
    processes: usize,
    requests: Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Sum(Vec<f32>, Sender<Vec<f32>>),
    Broadcast(Vec<u8>, Sender<Vec<u8>>),
    /// When all processes have come to it, or after such a time: the end of all.
    End(Option<Duration>),
}

impl MpiJob {
    /// Joins the job. Without a launcher it is one of a single process.
    ///
    /// # Errors
    /// [`Error::Workers`] when this process has joined it before, or the launcher belongs to
    /// another MPI than this program. What MPI itself finds ends the process, with its message.
    pub fn join() -> Result<Self> {
        let (requests, asked) = channel();
        let (joined, place) = channel();
        let thread = thread::Builder::new()
            .name("stargan-mpi".to_owned())
            .spawn(move || serve(&asked, &joined))
            .map_err(|error| Error::Workers(format!("no thread for MPI: {error}")))?;
        let [rank, processes, rank_on_machine] = place.recv().map_err(|_| {
            Error::Workers("this process has joined its MPI job before: that is once".to_owned())
        })?;
        let job = Self { rank, processes, rank_on_machine, requests, thread: Some(thread) };
        let started = launched_processes();
        if processes == 1 && started > 1 {
            // MPI of another make takes itself for the only process, in each of them.
            job.finish()?;
            return Err(Error::Workers(format!(
                "the launcher has started {started} processes, of which MPI knows one: start the \
                 program by the mpirun of the MPI that it was built with; with Slurm by srun \
                 --mpi=pmix or --mpi=pmi2"
            )));
        }
        Ok(job)
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.processes
    }

    /// The number of this process among those of its machine, from 0: which of the devices is its.
    pub fn rank_on_machine(&self) -> usize {
        self.rank_on_machine
    }

    /// Connects a worker of this process with the others, for [`Trainer::lead`],
    /// [`Follower::join`] or, where the process has several devices, `engine::workers`.
    ///
    /// [`Trainer::lead`]: crate::Trainer::lead
    /// [`Follower::join`]: crate::engine::Follower::join
    pub fn link(&self) -> MpiLink {
        let Self { rank, processes, ref requests, .. } = *self;
        MpiLink { rank, processes, requests: requests.clone() }
    }

    /// Waits for the others to finish too.
    ///
    /// # Errors
    /// [`Error::Workers`] when MPI has failed before.
    pub fn finish(mut self) -> Result<()> {
        let thread = self.thread.take().expect("it has not ended");
        self.requests.send(Request::End(None)).map_err(|_| gone())?;
        thread.join().map_err(|_| gone())
    }
}

impl Drop for MpiJob {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let _ = self.requests.send(Request::End(Some(GRACE)));
        let until = Instant::now() + GRACE + ABORT_WITHIN;
        while !thread.is_finished() {
            if Instant::now() > until {
                // A call of MPI is waiting for a process that waits for this one.
                std::process::abort();
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Makes all calls of MPI, which not every MPI takes from several threads, and some only from the
/// one that began.
fn serve(requests: &Receiver<Request>, joined: &Sender<[usize; 3]>) {
    let Some((universe, _)) = initialize_with_threading(Threading::Funneled) else { return };
    let world = universe.world();
    // A process may be at its end while others still wait for it elsewhere.
    let ending = world.duplicate();
    let machine = world.split_shared(world.rank());
    let place = [world.rank(), world.size(), machine.rank()].map(|number| number as usize);
    if joined.send(place).is_err() {
        return;
    }
    let mut spare = Vec::new();
    for request in requests {
        match request {
            Request::Sum(values, reply) => {
                spare.resize(values.len(), 0.0);
                world.all_reduce_into(&values[..], &mut spare[..], SystemOperation::sum());
                let _ = reply.send(std::mem::replace(&mut spare, values));
            }
            Request::Broadcast(mut bytes, reply) => {
                let first = world.process_at_rank(0);
                let mut size = bytes.len() as u64;
                first.broadcast_into(&mut size);
                bytes.resize(size as usize, 0);
                bytes.chunks_mut(LONGEST).for_each(|piece| first.broadcast_into(piece));
                let _ = reply.send(bytes);
            }
            Request::End(within) => {
                if !all_end(&ending, within) {
                    world.abort(1);
                }
                return;
            }
        }
    }
}

/// Whether all processes have come to their end, before the time is over.
fn all_end(ending: &SimpleCommunicator, within: Option<Duration>) -> bool {
    let began = Instant::now();
    let mut waiting = ending.immediate_barrier();
    loop {
        match waiting.test() {
            Ok(_) => return true,
            Err(still) if within.is_some_and(|within| began.elapsed() > within) => {
                // It would complain; what comes is the end anyway.
                std::mem::forget(still);
                return false;
            }
            Err(still) => waiting = still,
        }
        thread::sleep(LOOK_EVERY);
    }
}

impl<B: Backend> Collective<B> for MpiLink {
    fn rank(&self) -> usize {
        self.rank
    }

    fn workers(&self) -> usize {
        self.processes
    }

    fn sum(&mut self, values: Tensor<B, 1>) -> Result<Tensor<B, 1>> {
        let device = values.device();
        let (reply, sums) = channel();
        let pieces = values.split(PIECE, 0);
        let expected = pieces.len();
        for piece in pieces {
            let piece = piece.into_data().convert::<f32>().into_vec().expect("f32");
            self.requests.send(Request::Sum(piece, reply.clone())).map_err(|_| gone())?;
        }
        drop(reply);
        let sum = |values: Vec<f32>| {
            let len = values.len();
            Tensor::from_data(TensorData::new(values, [len]), &device)
        };
        let sums: Vec<Tensor<B, 1>> = sums.iter().map(sum).collect();
        if sums.len() == expected { Ok(Tensor::cat(sums, 0)) } else { Err(gone()) }
    }

    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let (reply, first) = channel();
        self.requests.send(Request::Broadcast(bytes, reply)).map_err(|_| gone())?;
        first.recv().map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::Workers("this process has left its MPI job".to_owned())
}

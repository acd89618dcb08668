//! The workers of one process: its devices, and through one of them the other processes.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::engine::workers::devices::Device;
use crate::engine::workers::seam::Collective;
use crate::error::{Error, Result};

/// One worker of a run: a device of this process, connected with the others and with those of other
/// processes.
#[derive(Debug)]
pub struct Worker<B: Backend> {
    /// None where this process has one.
    device: Option<Device<B>>,
    place: Place<B>,
}

/// Where a worker's process is among several.
#[derive(Debug)]
enum Place<B: Backend> {
    Only,
    /// The process's first device talks to the others.
    First(Box<dyn Collective<B>>),
    Behind {
        process: usize,
        processes: usize,
    },
}

/// The workers of this process, one for each of `devices` in order, which burn-collective joins;
/// each is to be moved to a thread of its own. Where `others` connects this process with more of
/// them, such as an `MpiLink`, all devices of all processes are workers of one run; each process
/// must have as many.
///
/// ```no_run
/// # use stargan::{Datasets, StarGan, Trainer, TrainingConfig, engine::{self, Follower}};
/// # use stargan::burn::backend::{Autodiff, Flex};
/// # fn main() -> stargan::Result<()> {
/// # let (config, data): (TrainingConfig<StarGan>, Datasets) = todo!();
/// type B = Autodiff<Flex>;
/// let mut workers = engine::workers::<Flex>(&[Default::default(), Default::default()], None)?;
/// let follower = workers.pop().expect("two workers");
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         let follower = Box::new(follower);
///         Follower::<B, StarGan>::join(follower, None, &Default::default())?.run(&data)
///     });
///     let leader = workers.pop().expect("two workers");
///     let trainer = Trainer::<B, StarGan>::new("runs/two", config, &Default::default())?;
///     trainer.lead(Box::new(leader))?.run(&data, &mut ())
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When there is no device, or this process has a group of workers already.
pub fn workers<B: Backend>(
    devices: &[B::Device],
    others: Option<Box<dyn Collective<B>>>,
) -> Result<Vec<Worker<B>>> {
    let group = match devices.len() {
        0 => return Err(Error::Config("a process needs a device at least".to_owned())),
        1 => vec![None],
        _ => Device::group(devices)?.into_iter().map(Some).collect(),
    };
    let process = others.as_ref().map(|others| (others.rank(), others.workers()));
    let mut others = others;
    let workers = group.into_iter().map(|device| {
        let place = match (others.take(), process) {
            (Some(others), _) => Place::First(others),
            (None, Some((process, processes))) => Place::Behind { process, processes },
            (None, None) => Place::Only,
        };
        Worker { device, place }
    });
    Ok(workers.collect())
}

impl<B: Backend> Worker<B> {
    /// The number of this process and how many there are.
    fn process(&self) -> (usize, usize) {
        match &self.place {
            Place::Only => (0, 1),
            Place::First(others) => (others.rank(), others.workers()),
            Place::Behind { process, processes } => (*process, *processes),
        }
    }

    /// The number of this device and how many its process has.
    fn device(&self) -> (usize, usize) {
        self.device.as_ref().map_or((0, 1), |device| (device.number, device.devices))
    }
}

impl<B: Backend> Collective<B> for Worker<B> {
    fn rank(&self) -> usize {
        let ((process, _), (device, devices)) = (self.process(), self.device());
        process * devices + device
    }

    fn workers(&self) -> usize {
        self.process().1 * self.device().1
    }

    fn sum(&mut self, values: Tensor<B, 1>) -> Result<Tensor<B, 1>> {
        let values = match &self.device {
            Some(device) => device.sum(values)?,
            None => values,
        };
        let values = match &mut self.place {
            Place::Only => return Ok(values),
            Place::Behind { .. } => None,
            Place::First(others) => Some(others.sum(values)?),
        };
        match (&self.device, values) {
            (Some(device), values) => device.broadcast(values),
            (None, values) => Ok(values.expect("a process's only device talks to the others")),
        }
    }

    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let bytes = match &mut self.place {
            Place::First(others) => others.broadcast(bytes)?,
            _ => bytes,
        };
        match &self.device {
            Some(device) => device.broadcast_bytes(bytes),
            None => Ok(bytes),
        }
    }
}

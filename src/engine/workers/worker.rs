//! The workers of one process: its devices, and through one of them the other processes.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::engine::workers::devices::Device;
use crate::engine::workers::ring::Ring;
use crate::engine::workers::seam::Collective;
use crate::error::{Error, Result};

/// One worker of a run: a device of this process, connected with the others and with those of other
/// processes.
#[derive(Debug)]
pub struct Worker<B: Backend> {
    /// None where this process has one.
    device: Option<Device<B>>,
    place: Place,
}

/// Where a worker's process is among several.
#[derive(Debug)]
enum Place {
    Only,
    /// The process's first device talks to the others.
    First(Box<Ring>),
    Behind {
        process: usize,
        processes: usize,
    },
}

/// The workers of this process, one for each of `devices` in order; each is to be moved to a thread
/// of its own. With `ring` they are workers of a run of several processes, which must all have as
/// many devices.
///
/// # Errors
/// When there is no device, or this process has a group of workers already.
pub fn workers<B: Backend>(devices: &[B::Device], ring: Option<Ring>) -> Result<Vec<Worker<B>>> {
    let group = match devices.len() {
        0 => return Err(Error::Config("a process needs a device at least".to_owned())),
        1 => vec![None],
        _ => Device::group(devices)?.into_iter().map(Some).collect(),
    };
    let others = ring.as_ref().map(|ring| (ring.rank(), ring.processes()));
    let mut ring = ring.map(Box::new);
    let workers = group.into_iter().map(|device| {
        let place = match (ring.take(), others) {
            (Some(ring), _) => Place::First(ring),
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
            Place::First(ring) => (ring.rank(), ring.processes()),
            Place::Behind { process, processes } => (*process, *processes),
        }
    }

    /// The number of this device and how many its process has.
    fn device(&self) -> (usize, usize) {
        self.device.as_ref().map_or((0, 1), |device| (device.number, device.devices))
    }

    /// The bytes that this worker has sent to other processes.
    pub fn sent(&self) -> u64 {
        match &self.place {
            Place::First(ring) => ring.sent(),
            _ => 0,
        }
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
            Place::First(ring) => {
                let device = values.device();
                let mut host: Vec<f32> = values.into_data().convert::<f32>().to_vec().expect("f32");
                ring.sum(&mut host)?;
                let len = host.len();
                Some(Tensor::from_data(TensorData::new(host, [len]), &device))
            }
        };
        match (&self.device, values) {
            (Some(device), values) => device.broadcast(values),
            (None, values) => Ok(values.expect("a process's only device talks to the others")),
        }
    }

    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let bytes = match &mut self.place {
            Place::First(ring) => ring.broadcast(bytes)?,
            _ => bytes,
        };
        match &self.device {
            Some(device) => device.broadcast_bytes(bytes),
            None => Ok(bytes),
        }
    }
}

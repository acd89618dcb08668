//! The devices of one process, by burn-collective.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorPrimitive};
use burn_collective::{
    CollectiveConfig, CollectiveError, PeerId, ReduceOperation, all_reduce, broadcast, register,
    reset_collective,
};

use crate::error::{Error, Result};

/// burn-collective knows one group of peers per backend and process.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Holds the process's one group.
#[derive(Debug)]
struct Group;

impl Group {
    fn take() -> Result<Arc<Self>> {
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(Error::Workers(
                "this process has a group of workers already, and burn's collective engine has \
                 one per process"
                    .to_owned(),
            ));
        }
        Ok(Arc::new(Self))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

/// One device among those of a process.
#[derive(Debug)]
pub(super) struct Device<B: Backend> {
    pub number: usize,
    pub devices: usize,
    /// From device 0 to each of the others.
    links: Links,
    device: B::Device,
    _group: Arc<Group>,
}

#[derive(Debug)]
enum Links {
    First(Vec<mpsc::Sender<Arc<[u8]>>>),
    Other(mpsc::Receiver<Arc<[u8]>>),
}

impl<B: Backend> Device<B> {
    /// The devices of this process as one group.
    ///
    /// # Errors
    /// When there is such a group already.
    pub fn group(devices: &[B::Device]) -> Result<Vec<Self>> {
        let group = Group::take()?;
        let config = CollectiveConfig::default().with_num_devices(devices.len());
        // Each call returns when all have been made.
        let registered: Result<Vec<()>, CollectiveError> = thread::scope(|scope| {
            let calls = devices.iter().enumerate().map(|(number, device)| {
                let (device, config) = (device.clone(), config.clone());
                scope.spawn(move || register::<B>(PeerId::from(number), device, config))
            });
            let calls: Vec<_> = calls.collect();
            calls.into_iter().map(|call| call.join().expect("registering does not panic")).collect()
        });
        registered.map_err(|error| {
            Error::Workers(format!("burn's collective engine refuses its workers: {error:?}"))
        })?;
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (1..devices.len()).map(|_| mpsc::channel()).unzip();
        let links = std::iter::once(Links::First(senders))
            .chain(receivers.into_iter().map(Links::Other))
            .zip(devices)
            .enumerate();
        let member = |(number, (links, device)): (usize, (Links, &B::Device))| Self {
            number,
            devices: devices.len(),
            links,
            device: device.clone(),
            _group: group.clone(),
        };
        Ok(links.map(member).collect())
    }

    /// The sum over the devices.
    pub fn sum(&self, values: Tensor<B, 1>) -> Result<Tensor<B, 1>> {
        let values = values.into_primitive().tensor();
        let sum = all_reduce::<B>(self.id(), values, ReduceOperation::Sum);
        self.tensor(sum)
    }

    /// The `values` of device 0.
    pub fn broadcast(&self, values: Option<Tensor<B, 1>>) -> Result<Tensor<B, 1>> {
        let values = values.map(|values| values.into_primitive().tensor());
        self.tensor(broadcast::<B>(self.id(), values))
    }

    /// The `bytes` of device 0.
    pub fn broadcast_bytes(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        match &self.links {
            Links::First(others) => {
                let shared: Arc<[u8]> = bytes.into();
                for other in others {
                    other.send(shared.clone()).map_err(|_| gone("another worker is gone"))?;
                }
                Ok(shared.to_vec())
            }
            Links::Other(first) => {
                first.recv().map(|bytes| bytes.to_vec()).map_err(|_| gone("worker 0 is gone"))
            }
        }
    }

    fn id(&self) -> PeerId {
        PeerId::from(self.number)
    }

    fn tensor(
        &self,
        result: Result<B::FloatTensorPrimitive, CollectiveError>,
    ) -> Result<Tensor<B, 1>> {
        let values = result.map_err(|error| match error {
            // What it answers when another device has reset it.
            CollectiveError::LocalServerMissing | CollectiveError::RegisterNotFirstOperation => {
                gone("another worker is gone")
            }
            other => Error::Workers(format!("burn's collective engine: {other:?}")),
        })?;
        let values = Tensor::from_primitive(TensorPrimitive::Float(values));
        // An engine that sums in one place may leave the sum there.
        Ok(values.to_device(&self.device))
    }
}

fn gone(what: &str) -> Error {
    Error::Workers(format!(
        "{what}: its own message says why; resume the run from its last checkpoint"
    ))
}

impl<B: Backend> Drop for Device<B> {
    /// The others would wait for this one for ever.
    fn drop(&mut self) {
        // It panics where the engine has.
        let _ = std::panic::catch_unwind(reset_collective::<B>);
    }
}

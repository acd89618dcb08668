//! What the workers of one run do together, whatever carries it.

use std::fmt::Debug;

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Tensor, TensorData};

use crate::data::loader_config::Share;
use crate::error::{Error, Result};

/// What connects the workers of one run: each steps on its share of every batch, and all make the
/// same update of the mean of their gradients.
///
/// All of them call the same functions in the same order. An error means that a worker is gone or
/// that the workers do not fit together; the run is then over for all of them, and dropping the
/// value tells those that are left.
pub trait Collective<B: Backend>: Debug + Send {
    /// The number of this worker, from 0. Worker 0 leads: it alone writes.
    fn rank(&self) -> usize;

    /// How many workers there are.
    fn workers(&self) -> usize;

    /// The sum of `values` `[N]` over the workers, the same bits for each of them, on the device of
    /// `values`.
    ///
    /// # Errors
    /// [`Error::Workers`] when another worker is gone.
    fn sum(&mut self, values: Tensor<B, 1>) -> Result<Tensor<B, 1>>;

    /// The `bytes` of worker 0; what the others give is not looked at.
    ///
    /// # Errors
    /// [`Error::Workers`] when another worker is gone.
    fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>>;
}

/// So much of a worker's complaint reaches the others, in bytes.
const COMPLAINT: usize = 1024;

/// The workers of a run as one of them sees them.
#[derive(Debug, Default)]
pub enum Workers<B: Backend> {
    /// There is no other.
    #[default]
    Alone,
    /// Connected, and where the sums are.
    Linked(Box<dyn Collective<B>>, B::Device),
    /// The run is over for this worker.
    Left,
}

impl<B: Backend> Workers<B> {
    /// Whether there are others.
    pub fn several(&self) -> bool {
        !matches!(self, Self::Alone)
    }

    /// Which part of every batch is this worker's.
    pub fn share(&self) -> Share {
        match self {
            Self::Linked(link, _) => Share { rank: link.rank(), workers: link.workers() },
            _ => Share::WHOLE,
        }
    }

    /// Leaves the others, which are told by it.
    pub fn leave(&mut self) {
        if self.several() {
            *self = Self::Left;
        }
    }

    /// Makes of every worker's `gradients` and loss `terms` their mean.
    pub fn average<A>(
        &mut self,
        gradients: &mut Vec<Tensor<B, 1>>,
        terms: Vec<&mut Tensor<A, 1>>,
    ) -> Result<()>
    where
        A: AutodiffBackend<InnerBackend = B>,
    {
        let workers = match self {
            Self::Alone => return Ok(()),
            _ => self.share().workers,
        };
        let mut parts = std::mem::take(gradients);
        let parameters = parts.len();
        parts.extend(terms.iter().map(|term| (**term).clone().inner()));
        let sizes = parts.iter().map(|part| part.dims()[0]).collect();
        let mean = self.sum(Tensor::cat(parts, 0))? / workers as f64;
        *gradients = mean.split_with_sizes(sizes, 0);
        let means = gradients.split_off(parameters);
        // Terms are kept for some iterations, and a part of an array may keep the whole of it.
        let apart = |mean: Tensor<B, 1>| Tensor::from_inner(mean.zeros_like() + mean);
        terms.into_iter().zip(means).for_each(|(term, mean)| *term = apart(mean));
        Ok(())
    }

    /// Whether `flag` is raised at any worker.
    pub fn any(&mut self, flag: bool) -> Result<bool> {
        Ok(self.gather(&[u8::from(flag)])?.iter().any(|flag| flag[0] != 0))
    }

    /// `result` where all workers have one; where one has an error, that error at it and at all
    /// others.
    pub fn agree<T>(&mut self, result: Result<T>) -> Result<T> {
        let complaint = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let mut bytes = complaint.into_bytes();
        bytes.resize(COMPLAINT, 0);
        let complaints = self.gather(&bytes)?;
        let value = result?;
        match complaints.iter().position(|complaint| complaint[0] != 0) {
            None => Ok(value),
            Some(rank) => {
                let text = String::from_utf8_lossy(&complaints[rank]);
                let text = text.trim_end_matches(['\0', char::REPLACEMENT_CHARACTER]);
                Err(Error::Workers(format!("worker {rank} has ended the run: {text}")))
            }
        }
    }

    /// The bytes of worker 0.
    pub fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Alone => Ok(bytes),
            Self::Linked(link, _) => link.broadcast(bytes),
            Self::Left => Err(left()),
        }
    }

    /// The bytes of every worker, as many of each.
    fn gather(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let Share { rank, workers } = self.share();
        let Self::Linked(_, device) = self else {
            return self.broadcast(bytes.to_vec()).map(|bytes| vec![bytes]);
        };
        // Nobody else adds to a worker's own part of the sum.
        let mut values = vec![0.0_f32; workers * bytes.len()];
        let own = &mut values[rank * bytes.len()..][..bytes.len()];
        own.iter_mut().zip(bytes).for_each(|(value, byte)| *value = f32::from(*byte));
        let len = values.len();
        let values = Tensor::from_data(TensorData::new(values, [len]), &*device);
        let all: Vec<u8> = self.sum(values)?.into_data().iter::<f32>().map(|v| v as u8).collect();
        Ok(all.chunks_exact(bytes.len()).map(<[u8]>::to_vec).collect())
    }

    fn sum(&mut self, values: Tensor<B, 1>) -> Result<Tensor<B, 1>> {
        match self {
            Self::Alone => Ok(values),
            Self::Linked(link, _) => link.sum(values),
            Self::Left => Err(left()),
        }
    }
}

fn left() -> Error {
    Error::Workers("this worker has left its run: begin again, or resume it".to_owned())
}

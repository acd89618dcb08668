//! Processes in a ring: each sends to the next and receives from the one before.

use std::fmt::{self, Debug};
use std::time::Duration;

use burn_communication::websocket::{WsClientChannel, WsServerChannel};
use burn_communication::{CommunicationChannel, Message};
use bytes::Bytes;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// The most bytes of one message.
const PIECE: usize = 16 << 20;

/// One of several processes that sum in a ring (reduce-scatter and all-gather; Patarasuk and Yuan,
/// 2009): with `n` of them each sends `2 (n - 1) / n` times the size of what is summed, however
/// many they are. Which values are added in which order depends on nothing but `n`, so that a run
/// on the CPU is the same every time.
pub struct Ring {
    place: Place,
    links: Links,
    sent: u64,
    // Last, so that the links are dropped before it.
    runtime: Runtime,
}

/// To the next process and from the one before; none where this process is the only one.
pub(super) type Links = Option<(WsServerChannel, WsClientChannel)>;

impl Ring {
    pub(super) fn new(
        [rank, processes]: [usize; 2],
        links: Links,
        patience: Duration,
        runtime: Runtime,
    ) -> Self {
        Self { place: Place { rank, processes, patience }, links, sent: 0, runtime }
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.place.rank
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.place.processes
    }

    /// The bytes sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Replaces `values`, as many at every process, by their sums over the processes, the same bits
    /// at each.
    ///
    /// # Errors
    /// [`Error::Workers`] when a process is gone or has been silent for too long.
    pub fn sum(&mut self, values: &mut [f32]) -> Result<()> {
        let Place { rank, processes: n, .. } = self.place;
        // Chunk `c` goes around from process `c` on, and gathers the values of each process that it
        // comes by.
        let len = values.len();
        let chunk = |number: usize| {
            let number = number % n;
            len * number / n..len * (number + 1) / n
        };
        for step in 0..n - 1 {
            let (out, into) = (chunk(rank + n - step), chunk(rank + 2 * n - step - 1));
            let out = pieces(&values[out]);
            self.pass(out, &mut values[into], |value, received| *value += received)?;
        }
        for step in 0..n - 1 {
            let (out, into) = (chunk(rank + n + 1 - step), chunk(rank + n - step));
            let out = pieces(&values[out]);
            self.pass(out, &mut values[into], |value, received| *value = received)?;
        }
        Ok(())
    }

    /// The `bytes` of process 0.
    ///
    /// # Errors
    /// As [`sum`](Self::sum).
    pub fn broadcast(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let Place { rank, processes, .. } = self.place;
        let mut bytes = if rank == 0 { bytes } else { self.receive()? };
        if rank + 1 < processes {
            bytes = self.send(bytes)?;
        }
        Ok(bytes)
    }

    /// Sends `out` to the next process while as many values as `into` has come from the one before.
    fn pass(
        &mut self,
        out: Vec<Bytes>,
        into: &mut [f32],
        put: impl Fn(&mut f32, f32),
    ) -> Result<()> {
        let place = self.place;
        let Some((next, previous)) = &mut self.links else { return Ok(()) };
        self.sent += out.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let send = async {
            for piece in out {
                place.next(timeout(place.patience, next.send(Message::new(piece))).await)?;
            }
            Ok(())
        };
        let receive = async {
            for piece in into.chunks_mut(PIECE / size_of::<f32>()) {
                let received = place.previous(timeout(place.patience, previous.recv()).await)?;
                if received.len() != size_of_val(piece) {
                    return Err(place.previous_is(format!(
                        "it has sent {} bytes where {} were due",
                        received.len(),
                        size_of_val(piece)
                    )));
                }
                for (value, bytes) in piece.iter_mut().zip(received.chunks_exact(4)) {
                    put(value, f32::from_le_bytes(bytes.try_into().expect("four bytes")));
                }
            }
            Ok(())
        };
        self.runtime.block_on(async { tokio::try_join!(send, receive) }).map(drop)
    }

    /// Sends `bytes`, with their number before them, to the next process.
    fn send(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let place = self.place;
        let Some((next, _)) = &mut self.links else { return Ok(bytes) };
        let bytes = Bytes::from(bytes);
        let size = Bytes::copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.sent += (size.len() + bytes.len()) as u64;
        let pieces = (0..bytes.len()).step_by(PIECE);
        let pieces = pieces.map(|at| bytes.slice(at..bytes.len().min(at + PIECE)));
        self.runtime.block_on(async {
            for piece in std::iter::once(size).chain(pieces) {
                place.next(timeout(place.patience, next.send(Message::new(piece))).await)?;
            }
            Ok(())
        })?;
        Ok(bytes.into())
    }

    /// What [`send`](Self::send) of the process before this one has sent.
    fn receive(&mut self) -> Result<Vec<u8>> {
        let place = self.place;
        let Some((_, previous)) = &mut self.links else { return Ok(Vec::new()) };
        self.runtime.block_on(async {
            let size = place.previous(timeout(place.patience, previous.recv()).await)?;
            let size = size.as_ref().try_into().map(u64::from_le_bytes);
            let size = size.map_err(|_| place.previous_is("it says no length".to_owned()))?;
            let mut bytes = Vec::new();
            while (bytes.len() as u64) < size {
                let piece = place.previous(timeout(place.patience, previous.recv()).await)?;
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes)
        })
    }
}

/// `values` as messages.
fn pieces(values: &[f32]) -> Vec<Bytes> {
    let piece = |values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Bytes::from(bytes)
    };
    values.chunks(PIECE / size_of::<f32>()).map(piece).collect()
}

impl Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: Place { rank, processes, patience }, sent, .. } = self;
        f.debug_struct("Ring")
            .field("rank", rank)
            .field("processes", processes)
            .field("patience", patience)
            .field("sent", sent)
            .finish_non_exhaustive()
    }
}

/// Which process of how many, and how long it waits for another: what says who is gone.
#[derive(Clone, Copy)]
struct Place {
    rank: usize,
    processes: usize,
    patience: Duration,
}

type Waited<T, E> = Result<Result<T, E>, tokio::time::error::Elapsed>;

impl Place {
    fn next<E: Debug>(self, sent: Waited<(), E>) -> Result<()> {
        let next = (self.rank + 1) % self.processes;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.process(next, format!("{error:?}"))),
            Err(_) => Err(self.silent(next)),
        }
    }

    fn previous<E: Debug>(self, received: Waited<Option<Message>, E>) -> Result<Bytes> {
        match received {
            Ok(Ok(Some(message))) => Ok(message.data),
            Ok(Ok(None)) => Err(self.previous_is("it has closed the connection".to_owned())),
            Ok(Err(error)) => Err(self.previous_is(format!("{error:?}"))),
            Err(_) => Err(self.silent(self.before())),
        }
    }

    fn before(self) -> usize {
        (self.rank + self.processes - 1) % self.processes
    }

    fn previous_is(self, why: String) -> Error {
        self.process(self.before(), why)
    }

    fn silent(self, process: usize) -> Error {
        let seconds = self.patience.as_secs();
        self.process(process, format!("it has been silent for {seconds} s"))
    }

    fn process(self, process: usize, why: String) -> Error {
        Error::Workers(format!(
            "process {process} of {} is gone ({why}): its own message says why; resume the run \
             from its last checkpoint",
            self.processes
        ))
    }
}

//! The body of a request: bounded in size, in time, and by the memory for all of them.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::answer::Refusal;

/// The largest file that is accepted, in bytes.
pub const MAX_BYTES: usize = 10_000_000;

/// What all files together may take, those that are on their way and those that wait for the
/// model, in bytes.
const MAX_BYTES_OF_ALL: usize = 128_000_000;

/// A client that has sent so many bytes more is not one that keeps the server waiting.
const PROGRESS: usize = 64 << 10;

/// How long a file may be on its way.
const MAX_TIME: Duration = Duration::from_secs(20);

/// What receives the bodies of all requests.
pub struct Uploads {
    /// A permit for each byte.
    room: Arc<Semaphore>,
    /// All permits.
    all: usize,
    time: Duration,
}

/// A whole body, which takes its room until it is dropped.
#[derive(Default)]
pub struct Upload {
    pub bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Uploads {
    pub fn new() -> Self {
        Self::within(MAX_BYTES_OF_ALL, MAX_TIME)
    }

    fn within(room: usize, time: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(room)), all: room, time }
    }

    /// Whether more than half of the memory is taken.
    pub fn is_crowded(&self) -> bool {
        self.room.available_permits() < self.all / 2
    }

    /// All of `body`, which is to hold so many files; calls `progress` now and then while it
    /// arrives. One that says it is too large is not read at all.
    ///
    /// # Errors
    /// 400 when the body breaks off, 408 when it takes too long, 413 when it is too large, 503 when
    /// others have taken the memory.
    pub async fn read<B>(
        &self,
        body: B,
        files: usize,
        progress: impl Fn(),
    ) -> Result<Upload, Refusal>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
    {
        let limit = files * MAX_BYTES;
        if announced(&body) > limit {
            return Err(too_large());
        }
        timeout(self.time, self.collect(body, limit, progress)).await.unwrap_or_else(|_| {
            let message = format!("the file was not here after {:?}: send it again", self.time);
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, message))
        })
    }

    async fn collect<B>(
        &self,
        mut body: B,
        limit: usize,
        progress: impl Fn(),
    ) -> Result<Upload, Refusal>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display> + Unpin,
    {
        let mut upload = Upload::default();
        let mut progressed = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Refusal::bad(format!("the file did not arrive whole ({error}): send it again"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if upload.bytes.len() + data.len() > limit {
                return Err(too_large());
            }
            let room = Arc::clone(&self.room).try_acquire_many_owned(data.len() as u32);
            let room = room.map_err(|_| Refusal::busy())?;
            match &mut upload.room {
                Some(taken) => taken.merge(room),
                none => *none = Some(room),
            }
            upload.bytes.extend_from_slice(&data);
            if upload.bytes.len() >= progressed + PROGRESS {
                progressed = upload.bytes.len();
                progress();
            }
        }
        Ok(upload)
    }
}

/// How many bytes a body says it has at least.
fn announced(body: &impl Body) -> usize {
    body.size_hint().lower().try_into().unwrap_or(usize::MAX)
}

/// The refusal of a file that has more than [`MAX_BYTES`].
pub fn too_large() -> Refusal {
    let limit = MAX_BYTES / 1_000_000;
    Refusal::too_large(format!(
        "the file is larger than {limit} MB: choose a smaller one, or save it smaller"
    ))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::Frame;

    use super::super::answer::respond;
    use super::*;

    /// A body of which nothing ever arrives.
    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    fn status(result: Result<Upload, Refusal>) -> u16 {
        respond(Err(result.err().expect("a refusal"))).status().as_u16()
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_waited_for() {
        let uploads = Uploads::within(100, Duration::from_millis(20));
        assert_eq!(status(uploads.read(Silent, 1, || {}).await), 408);
    }

    #[tokio::test]
    async fn a_body_that_flows_is_progress() {
        let (uploads, calls) = (Uploads::new(), std::cell::Cell::new(0));
        let progress = || calls.set(calls.get() + 1);
        for (length, expected) in [(PROGRESS - 1, 0), (PROGRESS, 1)] {
            let read = uploads.read(Full::from(vec![0; length]), 1, progress).await;
            assert_eq!(read.ok().expect("there is room").bytes.len(), length);
            assert_eq!(calls.get(), expected);
        }
    }

    #[tokio::test]
    async fn two_files_are_twice_as_large() {
        let uploads = Uploads::new();
        let body = || Full::from(vec![0; MAX_BYTES + 1]);
        assert_eq!(status(uploads.read(body(), 1, || {}).await), 413);
        let both = uploads.read(body(), 2, || {}).await.ok().expect("there is room");
        assert_eq!(uploads.all - uploads.room.available_permits(), MAX_BYTES + 1);
        drop(both);
        let body = Full::from(vec![0; 2 * MAX_BYTES + 1]);
        assert_eq!(status(uploads.read(body, 2, || {}).await), 413);
    }

    #[tokio::test]
    async fn a_body_takes_room_until_it_is_dropped() {
        let uploads = Uploads::within(10, Duration::from_secs(1));
        let body = || Full::from(&b"six..."[..]);
        let first = uploads.read(body(), 1, || {}).await.ok().expect("there is room");
        assert_eq!(first.bytes, b"six...");
        assert!(uploads.is_crowded());
        assert_eq!(status(uploads.read(body(), 1, || {}).await), 503);
        drop(first);
        assert!(!uploads.is_crowded());
        assert!(uploads.read(body(), 1, || {}).await.is_ok());
    }
}

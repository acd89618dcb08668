//! Work that takes long: one piece after the other, off the thread that serves the connections.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;

use super::answer::Refusal;

/// How many pieces of work may wait or be under way.
const PLACES: usize = 32;

/// What works, one request at a time, in the order they came.
pub struct Queue<T> {
    worker: Arc<Mutex<T>>,
    places: Semaphore,
}

impl<T: Send + 'static> Queue<T> {
    pub fn new(worker: T) -> Self {
        Self { worker: Arc::new(Mutex::new(worker)), places: Semaphore::new(PLACES) }
    }

    /// What `work` makes of the worker, when it is its turn.
    ///
    /// # Errors
    /// 503 when all places are taken, 500 when `work` panics.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&T) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let _place = self.places.try_acquire().map_err(|_| Refusal::busy())?;
        let worker = Arc::clone(&self.worker).lock_owned().await;
        spawn_blocking(move || work(&worker)).await.map_err(|_| {
            let message = "the demo failed at this image: its terminal says why";
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::join;

    use super::super::answer::respond;
    use super::*;

    fn status<R>(result: Result<R, Refusal>) -> u16 {
        respond(Err(result.err().expect("a refusal"))).status().as_u16()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_an_empty_one_takes_again() {
        let queue = Queue::new(());
        let (end, ended) = channel::<()>();
        let places = queue.places.try_acquire_many(PLACES as u32 - 1).expect("they are free");
        let (first, second) = join!(queue.run(move |()| ended.recv().is_err()), async {
            let second = queue.run(|()| ()).await;
            drop(end);
            second
        });
        assert_eq!(status(second), 503);
        assert!(first.ok().expect("it had a place"));
        assert!(queue.run(|()| ()).await.is_ok());
        drop(places);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_next_work_is_done() {
        let queue = Queue::new(7);
        assert_eq!(status(queue.run(|_| -> u8 { panic!("as it must") }).await), 500);
        assert_eq!(queue.run(|worker| worker + 1).await.ok(), Some(8));
    }
}

//! How long a client may keep the server waiting: for a request, or for room to write an answer.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long the server waits for a client.
const USUAL: Duration = Duration::from_secs(30);

/// How long it does while others wait for what the client holds.
const CROWDED: Duration = Duration::from_secs(1);

/// How often a connection looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Since when a client has kept the server waiting; not at all while the server works for it.
pub struct Patience(Cell<Option<Instant>>);

impl Patience {
    pub fn new() -> Self {
        Self(Cell::new(Some(Instant::now())))
    }

    /// From here on, the server waits for the client.
    pub fn restart(&self) {
        self.0.set(Some(Instant::now()));
    }

    /// From here on, the client waits for the server.
    pub fn pause(&self) {
        self.0.set(None);
    }

    /// Returns when the client has taken too long.
    pub async fn end(&self, is_crowded: impl Fn() -> bool) {
        loop {
            sleep(TICK).await;
            let limit = if is_crowded() { CROWDED } else { USUAL };
            if self.0.get().is_some_and(|since| since.elapsed() > limit) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// Whether patience ends at the next look at the clock.
    async fn ends(patience: &Patience, is_crowded: bool) -> bool {
        timeout(TICK * 3, patience.end(|| is_crowded)).await.is_ok()
    }

    fn since(time: Duration) -> Patience {
        Patience(Cell::new(Instant::now().checked_sub(time)))
    }

    #[tokio::test]
    async fn patience_is_shorter_in_a_crowd() {
        assert!(!ends(&since(CROWDED), false).await);
        assert!(ends(&since(CROWDED), true).await);
        assert!(ends(&since(USUAL), false).await);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_client_while_the_server_works() {
        let patience = since(USUAL);
        patience.pause();
        assert!(!ends(&patience, true).await);
        patience.restart();
        assert!(!ends(&patience, true).await);
    }
}

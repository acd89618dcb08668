//! How far something long is, said now and then.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::terminal::tell;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// Says how many images are done, at most every ten seconds.
pub struct Pace {
    what: &'static str,
    said: Mutex<Instant>,
}

impl Pace {
    pub fn new(what: &'static str) -> Self {
        Self { what, said: Mutex::new(Instant::now()) }
    }

    pub fn tell(&self, done: usize, all: usize) {
        let mut said = self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if said.elapsed() >= PAUSE {
            *said = Instant::now();
            tell!("{}: {done} of {all} images", self.what);
        }
    }
}

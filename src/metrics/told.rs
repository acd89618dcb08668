//! Who is told how far a measurement is.

use std::fmt;

/// Told after each batch how many images are done, of how many; or nobody.
#[derive(Clone, Copy, Default)]
pub(super) struct Told<'a>(pub Option<&'a (dyn Fn(usize, usize) + Send + Sync)>);

impl Told<'_> {
    pub fn tell(self, done: usize, all: usize) {
        if let Some(told) = self.0 {
            told(done, all);
        }
    }
}

impl fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Told(somebody)" } else { "Told(nobody)" })
    }
}

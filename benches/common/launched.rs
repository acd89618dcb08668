//! Counts what is launched on a GPU, from cubecl's own trace: no GPU is needed for it but a driver
//! that pretends to be one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// What was launched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launched {
    /// Kernels of any kind.
    pub kernels: u64,
    /// Those that only copy a tensor into another order.
    pub copies: u64,
}

/// Counts launches where it is the subscriber: of one thread with
/// `tracing::subscriber::with_default`, which suffices without burn's fusion, or of the process.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    counting: Arc<AtomicBool>,
    spans: Arc<AtomicU64>,
    kernels: Arc<AtomicU64>,
    copies: Arc<AtomicU64>,
}

impl Counter {
    /// What `work` launches. Otherwise nothing is counted, nor is time taken.
    pub fn count(&self, work: impl FnOnce()) -> Launched {
        self.kernels.store(0, Relaxed);
        self.copies.store(0, Relaxed);
        self.counting.store(true, Relaxed);
        work();
        self.counting.store(false, Relaxed);
        let [kernels, copies] = [&self.kernels, &self.copies].map(|count| count.load(Relaxed));
        Launched { kernels, copies }
    }
}

/// What a kernel is called.
#[derive(Default)]
struct Name(String);

impl Visit for Name {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "kernel.name" {
            self.0 = format!("{value:?}");
        }
    }
}

fn is_counted(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "cubecl_runtime::client" && metadata.name() == "launch_inner"
}

impl Subscriber for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_counted(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_counted(metadata) && self.counting.load(Relaxed)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut name = Name::default();
        span.record(&mut name);
        self.kernels.fetch_add(1, Relaxed);
        let copies = ["copy", "contiguous"].iter().any(|word| name.0.contains(word));
        self.copies.fetch_add(u64::from(copies), Relaxed);
        Id::from_u64(self.spans.fetch_add(1, Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

//! What a GPU is prepared with before its first use: compiled kernels are kept, and tuning is told.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use burn_cubecl::cubecl::config::cache::CacheConfig;
use burn_cubecl::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

use crate::terminal::tell;

/// How often tuning is told of, in kernels.
const EVERY: usize = 10;

/// Makes the next start a fast one, and this one explain itself. It is to be called before the
/// device is used; a second time it does nothing.
pub fn prepare() {
    // The tuner has no other way of saying what it does.
    if log::set_logger(&TUNING).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    if config.compilation.cache.is_none() {
        config.compilation.cache = kernels().map(CacheConfig::File);
    }
    let mut used = CubeClRuntimeConfig::storage().lock();
    if used.is_none() {
        *used = Some(std::sync::Arc::new(config));
    }
}

/// Where compiled kernels are kept, beside what was tuned: `target` in a clone, otherwise the
/// user's cache. They are found again by their names only, so the folder is this build's on this
/// machine; none where it can't be written.
fn kernels() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.metadata().ok()?;
    let built = program.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine: String = machine.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = format!("stargan-kernels-{machine}-{built:x}-{:x}", program.len());
    let folder = CacheConfig::default().root().join(name);
    is_writable(&folder).then_some(folder)
}

fn is_writable(folder: &Path) -> bool {
    std::fs::create_dir_all(folder).is_ok() && tempfile::tempfile_in(folder).is_ok()
}

/// Listens for the tuner, and has counted the kernels that it has begun with.
struct Tuning(AtomicUsize);

static TUNING: Tuning = Tuning(AtomicUsize::new(0));

impl log::Log for Tuning {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "cubecl_runtime::tune::tuner"
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) || !record.args().to_string().starts_with("Tuning ") {
            return;
        }
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => tell!(
                "tuning kernels for this device, which is done once per kind of network and may \
                 take minutes"
            ),
            told if told.is_multiple_of(EVERY) => tell!("{told} kernels tuned"),
            _ => (),
        }
    }

    fn flush(&self) {}
}

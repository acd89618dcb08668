//! What a GPU is prepared with before its first use: compiled kernels are kept, and tuning is told.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use burn_cubecl::cubecl::config::cache::CacheConfig;
use burn_cubecl::cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

use stargan::BackendKind;

use crate::terminal::tell;

/// How often tuning is told of, in kernels.
const EVERY: usize = 10;

/// Makes the next start a fast one, and this one explain itself. It is to be called before the
/// device is used; a second time it does nothing, and neither does it for a processor.
pub fn prepare(backend: BackendKind) {
    if backend.is_cpu() {
        return;
    }
    #[cfg(feature = "cuda")]
    if backend == BackendKind::Cuda {
        tell_missing_headers();
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The tuner has no other way of saying what it does.
        if log::set_logger(&TUNING).is_ok() {
            log::set_max_level(log::LevelFilter::Info);
        }
        let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
        if config.compilation.cache.is_none() {
            config.compilation.cache = kernel_folder().map(CacheConfig::File);
        }
        let mut used = CubeClRuntimeConfig::storage().lock();
        if used.is_none() {
            *used = Some(Arc::new(config));
        }
    });
}

/// Says which headers of CUDA's are missing that kernels for tensor cores are compiled with: burn
/// passes over kernels that do not compile, and takes slow ones in silence.
#[cfg(feature = "cuda")]
fn tell_missing_headers() {
    let Some(folder) = burn_cubecl::cubecl::cuda::install::cuda_path() else {
        // burn stops, and says what it looked for.
        return;
    };
    let include = folder.join("include");
    let is_missing =
        |name: &&str| !include.join(name).exists() && !include.join("cccl").join(name).exists();
    let missing: Vec<_> = ["crt/mma.h", "cuda/barrier"].into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        tell!(
            "{} lacks {}, without which kernels for tensor cores do not compile and everything \
             is many times slower: install the whole CUDA toolkit, or pip's nvidia-cuda-crt and \
             nvidia-cuda-cccl, and name its folder in CUDA_PATH",
            include.display(),
            missing.join(" and ")
        );
    }
}

/// Where compiled kernels are kept, beside what was tuned: `target` in a clone, otherwise the
/// user's cache. They are found again by their names only, whatever their code and whatever card
/// they were compiled for, so the folder is this program's and these cards'. None where it can't be
/// written, or the cards can't be told apart.
fn kernel_folder() -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(std::env::current_exe().ok()?).ok()?.hash(&mut hasher);
    if cfg!(feature = "cuda") {
        cards()?.hash(&mut hasher);
        std::env::var_os("CUDA_VISIBLE_DEVICES").hash(&mut hasher);
    }
    let name = format!("stargan-kernels-{:016x}", hasher.finish());
    let folder = CacheConfig::default().root().join(name);
    is_writable(&folder).then_some(folder)
}

/// The model and the identifier of every NVIDIA card, as the driver says them.
fn cards() -> Option<Vec<String>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let cards = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let mut folders: Vec<_> = cards.flatten().map(|card| card.path()).collect();
    folders.sort();
    let said = |card: &PathBuf| {
        let information = std::fs::read_to_string(card.join("information")).ok()?;
        let lines = information.lines();
        Some(
            lines
                .filter(|line| line.starts_with("Model") || line.starts_with("GPU UUID"))
                .collect(),
        )
    };
    folders.iter().map(said).collect()
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

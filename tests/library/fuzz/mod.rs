//! Whatever stands in a file, reading it ends soon, in little memory, with a value or an error: no
//! panic, no hang.
//!
//! `hostile.rs` and `foreign.rs` have files that somebody has thought of. Every other target begins
//! with files that are right and changes them: bits, bytes, lengths, words that matter. By default
//! a target runs the same some hundred of them every time; `scripts/fuzz` runs as many new ones as
//! docs/reliability.md says.

mod binary;
mod file;
mod foreign;
mod hostile;
mod mutation;
mod text;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use mutation::{Mutation, mutate};

/// What JSON is sensitive to.
const JSON: [&str; 11] =
    ["{", "}", "[", "]", "\"", ":", ",", "null", "-1", "0", "18446744073709551615"];

/// Longer than any of these inputs takes by orders of magnitude, even on a busy machine.
const HANG: Duration = Duration::from_secs(20);

/// More than any input here needs; what an image may take is 512 MiB, twice while it is converted.
const MEMORY: u64 = 2 << 30;

/// Runs `read` on changed forms of `seeds`, as often as `PROPTEST_CASES` says.
fn fuzz(name: &str, seeds: &[Vec<u8>], words: &[&str], read: impl Fn(&[u8]) -> bool) {
    assert!(!seeds.is_empty());
    for (number, seed) in seeds.iter().enumerate() {
        assert!(read(seed), "{name}: seed {number} is refused, so nothing would be reached");
    }
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let mut config =
        Config { failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    // A plain `cargo test` says the same of the same code; PROPTEST_RNG_SEED says otherwise.
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(0);
    }
    let seed = config.rng_seed;
    let (cases, began) = (config.cases, Instant::now());
    let accepted = std::cell::Cell::new(0);
    let slowest = std::cell::Cell::new(Duration::ZERO);
    let strategy = (any::<prop::sample::Index>(), prop::collection::vec(any::<Mutation>(), 1..5));
    let watched = watch(name);
    let result = TestRunner::new(config).run(&strategy, |(seed, mutations)| {
        let bytes = mutate(seed.get::<Vec<u8>>(seeds), &mutations, &words);
        let began = Instant::now();
        *watched.lock().unwrap() = began;
        if read(&bytes) {
            accepted.set(accepted.get() + 1);
        }
        slowest.set(slowest.get().max(began.elapsed()));
        Ok(())
    });
    drop(watched);
    println!(
        "{name}: {cases} executions in {:.0?} from seed {seed}, {} accepted, the slowest {:.1?}, \
         peak memory {} MiB",
        began.elapsed(),
        accepted.get(),
        slowest.get(),
        peak_memory() >> 20
    );
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    assert_little_memory(name);
}

/// Checks that this process has never held more memory than any input needs.
fn assert_little_memory(name: &str) {
    assert!(peak_memory() < MEMORY, "{name}: {} bytes at the peak", peak_memory());
}

/// Ends the process when one execution, whose start the caller keeps setting, takes too long: it
/// may never end.
fn watch(name: &str) -> Arc<Mutex<Instant>> {
    let started = Arc::new(Mutex::new(Instant::now()));
    let (weak, name) = (Arc::downgrade(&started), name.to_owned());
    std::thread::spawn(move || {
        while let Some(started) = weak.upgrade() {
            if started.lock().unwrap().elapsed() > HANG {
                eprintln!("{name}: one execution takes more than {HANG:?}");
                std::process::abort();
            }
            drop(started);
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    started
}

/// The most memory that this process has held, in bytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

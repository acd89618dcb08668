//! Ctrl-C, and what schedulers and terminals send before they take a process away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::terminal::tell;

/// A terminal and what runs in it may send one Ctrl-C twice.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Who asks for the end of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Ctrl-C.
    Keyboard,
    /// A scheduler, which may ask several times, or a terminal that closes.
    #[cfg_attr(not(unix), allow(dead_code))]
    System,
}

/// Whether nothing of what the process does now is kept when it ends.
static NOTHING_TO_KEEP: AtomicBool = AtomicBool::new(false);

/// Does `work`, of which nothing is kept to go on from: when the process is asked to end, or was
/// before, it ends at once. `stop` is that of [`stop_when_asked`].
pub fn ending_at_once<T>(stop: &AtomicBool, work: impl FnOnce() -> T) -> T {
    NOTHING_TO_KEEP.store(true, Ordering::SeqCst);
    if stop.load(Ordering::SeqCst) {
        end();
    }
    let done = work();
    NOTHING_TO_KEEP.store(false, Ordering::SeqCst);
    done
}

fn end() -> ! {
    tell!("\nstopped");
    std::process::exit(130)
}

/// Raises `stop` when the process is asked to end; at a second Ctrl-C it ends at once.
pub fn stop_when_asked(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let mut asked: Option<Instant> = None;
    on_request(move |from| {
        stop.store(true, Ordering::SeqCst);
        if NOTHING_TO_KEEP.load(Ordering::SeqCst) {
            end();
        }
        match asked {
            None => {
                asked = Some(Instant::now());
                tell!(
                    "\nstopping after this iteration, several workers after ten at most (Ctrl-C \
                     again: at once, without a checkpoint)"
                );
            }
            Some(first) if from == From::Keyboard && first.elapsed() > AT_ONCE => {
                std::process::exit(130)
            }
            Some(_) => {}
        }
    })
}

/// Ends the process when it is asked to, in a container, where signals are ignored otherwise, too.
pub fn end_when_asked() -> Result<(), Failure> {
    on_request(|_| std::process::exit(130))
}

/// Calls `handler` when the process is asked to end.
fn on_request(handler: impl FnMut(From) + Send + 'static) -> Result<(), Failure> {
    listen(handler).map_err(|error| Failure::Failed(format!("signals: {error}")))
}

/// Calls `handler` at SIGINT, SIGTERM and, unless the process was started to survive it, SIGHUP.
#[cfg(unix)]
fn listen(mut handler: impl FnMut(From) + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    if !ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::Builder::new()
        .name("stargan-signals".to_owned())
        .spawn(move || {
            signals.forever().for_each(|signal| {
                handler(if signal == SIGINT { From::Keyboard } else { From::System });
            });
        })
        .map(drop)
}

/// Whether the process was started with `signal` ignored, as `nohup` does. Only Linux says so.
#[cfg(unix)]
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[cfg(not(unix))]
fn listen(mut handler: impl FnMut(From) + Send + 'static) -> std::io::Result<()> {
    ctrlc::set_handler(move || handler(From::Keyboard)).map_err(std::io::Error::other)
}

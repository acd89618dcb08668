//! Ports for tests that listen.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of `count` ports that nobody listens at, outside of those that systems give away.
pub fn ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 21_000 + (std::process::id() % 500) as u16 * 16;
    loop {
        let port = first + NEXT.fetch_add(count, Ordering::Relaxed);
        if (port..port + count).all(|port| TcpListener::bind(("0.0.0.0", port)).is_ok()) {
            return port;
        }
    }
}

//! Ports for servers that a test starts.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that systems give to connections by themselves (Linux from 32768 on, others from 49152): a connection of another
/// test would otherwise take the port now and then before the server does. `make test-servers` takes its own from above these.
const FIRST: u16 = 12_000;
const COUNT: u16 = 8_000;

static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A port that nobody listens at, and that no other call in this process is given; other processes begin elsewhere.
pub fn free_port() -> u16 {
    let begin = std::process::id().wrapping_mul(7_919);
    for _ in 0..COUNT {
        let place = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(place).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT - 1);
}

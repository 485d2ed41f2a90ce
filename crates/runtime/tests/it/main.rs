//! The runtime as its users meet it: real requests over loopback, real signals.

mod http;
#[cfg(unix)]
mod signals;

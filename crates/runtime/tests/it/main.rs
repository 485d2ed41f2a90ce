//! The runtime as its users meet it: real requests over loopback, real signals.

#![allow(clippy::unwrap_used)] // a test fails by panicking, in its helpers too

mod http;
#[cfg(unix)]
mod signals;
mod traces;

//! The monitor as a part: from bytes on a topic to figures.

#![allow(clippy::unwrap_used)] // tests

mod embedded;
mod hostile;
mod kafka;
mod stream;

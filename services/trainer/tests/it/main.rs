//! The trainer as a part: from a request to the champion's place, on real servers.

// A test that cannot go on has failed; its deadlines are real time.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod gate;
mod mirror;
mod queue;
mod rollback;
mod stack;

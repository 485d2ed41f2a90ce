//! The oracle must fail where something is wrong: each test breaks a good history in one way.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod broken;
mod stalled;

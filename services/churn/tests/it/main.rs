//! The program as its users run it.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod cli;
mod cluster;
mod demo;
mod drift;
mod http;
mod lifecycle;
mod rows;
mod run;
mod synth;
mod train;

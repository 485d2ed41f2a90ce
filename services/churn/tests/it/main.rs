//! The program as its users run it.

// A test that cannot go on has failed; its deadlines are real time.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod cases;
mod cli;
mod cluster;
mod demo;
mod dlq;
mod drift;
mod evolution;
mod health;
mod history;
mod hostile;
mod http;
mod lanes;
mod lifecycle;
mod model;
mod monitor_killed;
mod monitoring;
mod openapi;
mod outage;
mod recreated;
mod retrain;
mod rows;
mod run;
mod security;
mod signed;
mod stall;
mod store;
mod storm;
mod swaps;
mod synth;
mod synth_files;
mod synthesizer;
mod traces;
mod train;
mod upkeep;

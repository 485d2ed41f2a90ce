//! The store on a real Postgres.

mod audit;
mod batches;
mod claims;
mod commits;
mod merges;
mod metrics;
mod migrations;
mod partitions;
mod private;
mod refusals;
mod roundtrip;
mod turns;
mod warehouse;

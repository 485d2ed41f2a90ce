//! The test servers keep what the testkit promises about them.

mod databases;
mod kafka;
mod own_servers;
mod polling;
mod program;
mod registry;

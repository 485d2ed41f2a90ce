//! The wire against Avro's other implementations, against hostile bytes and against a real registry.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bounds;
mod bytes;
mod decoder;
mod evolution;
mod golden;
mod hostile;
mod registry;
mod registry_faults;
mod rows;
mod tls;

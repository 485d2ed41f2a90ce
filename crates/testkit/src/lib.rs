//! Real servers for tests: Apache Kafka, a schema registry with Confluent's API, Postgres, S3 and MLflow.
//!
//! `make test` starts one of each and every test binary shares them; a test gets names of its own
//! ([`fresh_name`]), a database ([`fresh_database`]) and a bucket ([`fresh_bucket`]) of its own, so tests run side by side and in
//! any order. Tests that kill a server start a private one ([`OwnKafka`], [`OwnPostgres`]), and so do the few that need
//! MLflow ([`OwnMlflow`]) or S3 over TLS ([`OwnS3`]); tests of the finished program run it as a process ([`Program`]).
//!
//! Guarantees: no mock stands in for a server, and a missing server fails the test with the one
//! command that starts it; nothing is skipped. What a test made is removed when its value is
//! dropped, and at the latest when the servers go down.
//!
//! Refuses to know: the project's topics, tables and schemas. It depends on no other crate of the
//! workspace, so each of them can use it. Development only: it panics where a test should fail.

// A test's deadline is real time; this crate is no part of the program.
#![allow(clippy::disallowed_methods)]

mod acl;
mod certificates;
mod fresh;
mod http;
mod kafka;
mod own;
mod poll;
mod port;
mod postgres;
mod program;
mod s3;
mod servers;
mod signal;

pub use acl::{Acl, allow};
pub use certificates::certificates;
pub use fresh::fresh_name;
pub use http::http_client;
pub use kafka::{Kafka, kafka};
pub use own::{OwnKafka, OwnMlflow, OwnPostgres};
pub use poll::{Answer, poll_until};
pub use port::free_port;
pub use postgres::{Database, fresh_database};
pub use program::Program;
pub use s3::{Bucket, OwnS3, fresh_bucket};
pub use servers::schema_registry;

//! churn-stream against the embedded broker and a real Apache Kafka.

#![allow(clippy::disallowed_methods)] // deadlines and measured rates

mod cluster;
mod embedded;
mod groups;
mod keys;
mod letters;
mod shut_out;
mod support;
mod transactions;

//! churn-stream against the embedded broker and a real Apache Kafka.

#![allow(clippy::disallowed_methods)] // deadlines and measured rates

mod cluster;
mod cut_off;
mod embedded;
mod groups;
mod keys;
mod letters;
mod proxy;
mod support;
mod transactions;

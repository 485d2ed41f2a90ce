//! What every part of Churnstream stands on: one configuration, one log, one catalogue of metrics, one [`progress::Progress`],
//! one admin server, one way to stop and one meaning of each exit code.
//!
//! Guarantees: a part that starts has a configuration without a single known fault; a secret never reaches a log, an error or
//! `churn config show`; a metric's name, unit and labels are declared once; the process stops within its grace time.
//!
//! Refuses to know: Kafka, Postgres, models, and what any part does. It is told names and numbers, and keeps them.

pub mod clock;
pub mod config;
pub mod exit;
pub mod health;
pub mod http;
pub mod metrics;
pub mod progress;
pub mod retry;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod traces;

pub use tokio_util::sync::CancellationToken;

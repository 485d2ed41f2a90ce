//! The account at the end of a run: rows counted and event ids compared in Postgres.

use anyhow::Context;
use churn_monitor::MonitorHandle;
use churn_runtime::exit::Ending;

use super::report::{Percentiles, Report};
use super::servers::Servers;
use crate::parts::Platform;

pub(super) async fn run(
    servers: &Servers,
    platform: &Platform,
    streamed_seconds: f64,
    first_row_seconds: Option<f64>,
    monitor: &MonitorHandle,
) -> anyhow::Result<Report> {
    let progress = &platform.shared.progress;
    let stage = |name: &str| progress.stage(name).snapshot();
    let events_produced = stage("synthesizer").durable;
    let stream = &platform.config.synthesizer.stream;
    let last = i64::try_from(events_produced).unwrap_or(i64::MAX) - 1;
    let audit = servers.store.audit(stream, 0..=last).await.map_err(Ending::of).context("compare the event ids")?;
    let latency = stage("sink").latency;
    Ok(Report {
        events_produced,
        events_scored: stage("scorer").durable,
        rows_stored: audit.stored,
        outcomes_stored: audit.outcomes,
        duplicates: audit.duplicates,
        lost: audit.lost,
        dead_letters: progress.snapshot().iter().map(|stage| stage.dead_lettered).sum(),
        throughput_per_second: audit.stored as f64 / streamed_seconds.max(1e-3),
        latency_ms: Percentiles { p50: latency.p50_ms, p99: latency.p99_ms },
        model: super::live_model(&monitor.snapshot()),
        peak_rss_bytes: churn_runtime::metrics::process::memory().map(|memory| memory.peak_bytes),
        first_row_seconds,
        streamed_seconds,
    })
}

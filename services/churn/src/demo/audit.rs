//! The account at the end of a run: rows counted and event ids compared in Postgres.

use anyhow::Context;
use churn_monitor::MonitorHandle;
use churn_runtime::exit::Ending;
use churn_store::Target;

use super::Clock;
use super::closed_loop::LoopStep;
use super::report::{Percentiles, Report};
use super::servers::Servers;
use crate::parts::Platform;

pub(super) async fn run(
    servers: &Servers,
    platform: &Platform,
    clock: &Clock,
    monitor: &MonitorHandle,
    closed_loop: Vec<LoopStep>,
) -> anyhow::Result<Report> {
    let progress = &platform.shared.progress;
    let stage = |name: &str| progress.stage(name).snapshot();
    let events_produced = stage("synthesizer").durable;
    let stream = &platform.config.synthesizer.stream;
    let produced = 0..=i64::try_from(events_produced).unwrap_or(i64::MAX) - 1;
    let audit = async |table| {
        servers.store.audit(table, stream, produced.clone()).await.map_err(Ending::of).context("compare the event ids")
    };
    let (rows, outcomes) = (audit(Target::Score).await?, audit(Target::Outcome).await?);
    let latency = stage("sink").latency;
    Ok(Report {
        events_produced,
        events_scored: stage("scorer").durable,
        rows_stored: rows.stored + rows.unexpected,
        rows_of_others: stage("sink").durable.saturating_sub(rows.stored + rows.unexpected),
        outcomes_stored: outcomes.stored,
        duplicates: rows.duplicates + outcomes.duplicates,
        lost: rows.lost + outcomes.lost,
        dead_letters: progress.snapshot().iter().map(|stage| stage.dead_lettered).sum(),
        throughput_per_second: rows.stored as f64 / clock.last_row.max(1e-3),
        latency_ms: Percentiles { p50: latency.p50 as f64, p99: latency.p99 as f64 },
        model: super::live_model(&monitor.snapshot()),
        peak_rss_bytes: churn_runtime::metrics::process::memory().map(|memory| memory.peak),
        first_row_seconds: clock.first_row,
        streamed_seconds: clock.last_row,
        scenarios: platform.shared.scenarios.begun(),
        closed_loop,
    })
}

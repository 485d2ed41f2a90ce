//! The loop: wait until events are due, synthesize and send them, send the outcomes whose time has come.
//!
//! Delivery: an idempotent producer, so each event is in the topic once and in order as long as the process lives; a restart goes
//! on after the last sequence number found in the topic.

use std::time::Duration;

use anyhow::Context;
use churn_domain::{EventBatch, OutcomeBatch};
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::Ending;
use churn_runtime::health::Component;
use churn_synth::{EventSource, StreamSample};
use tokio::task::block_in_place;

use crate::config::SynthesizerConfig;
use crate::emit::Emitter;
use crate::metrics::SynthesizerMetrics;
use crate::pace::{Due, Pace};
use crate::pending::PendingOutcomes;

/// How often outcomes are looked at while no event is due.
const IDLE: Duration = Duration::from_millis(5);
/// How long the last records may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(20);
/// The longest wait for outcomes after a request to stop; those with a longer delay leave early and say so in the log.
const LINGER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) config: SynthesizerConfig,
    pub(crate) source: EventSource,
    pub(crate) version: String,
    pub(crate) emitter: Emitter,
    pub(crate) first: i64,
    pub(crate) pace: Pace,
    pub(crate) pending: PendingOutcomes,
    pub(crate) outcomes: OutcomeBatch,
    pub(crate) metrics: SynthesizerMetrics,
    pub(crate) kafka: Component,
}

impl Pipeline {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        self.kafka.up();
        let (clock, started_ms) = (Stopwatch::start(), now_ms());
        let mut wait = Duration::ZERO;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait), if !wait.is_zero() => {}
                () = tokio::task::yield_now(), if wait.is_zero() => {}
                () = stop.cancelled() => break,
            }
            if stop.is_cancelled() {
                break;
            }
            wait = block_in_place(|| self.step(&clock, started_ms)).context("emit events")?;
        }
        self.kafka.stopping();
        self.drain().await
    }

    /// Sends what is due and says how long nothing will be.
    fn step(&mut self, clock: &Stopwatch, started_ms: i64) -> anyhow::Result<Duration> {
        self.send_outcomes(now_ms())?;
        self.metrics.pending(self.pending.len());
        let most = self.pending.room().min(self.config.batch_rows) as u64;
        if most == 0 {
            self.metrics.held_back(IDLE.as_secs_f64());
            return Ok(IDLE);
        }
        let now_us = micros(clock.elapsed());
        match self.pace.take(now_us, most) {
            Err(wait) => {
                self.poll()?;
                Ok(wait.min(IDLE))
            }
            Ok(due) => {
                let (events, churned) = self.synthesize(&due, now_us, started_ms);
                self.emitter.events(&events).map_err(ending)?;
                self.pending.push(&events, &churned);
                self.poll()?;
                Ok(Duration::ZERO)
            }
        }
    }

    fn synthesize(&self, due: &Due, now_us: u64, started_ms: i64) -> (EventBatch, Vec<bool>) {
        let first = self.first.cast_unsigned() + due.first;
        let StreamSample { customers, customer_id, .. } = self.source.events(first..first + due.events);
        let rows = customers.len();
        let mut events = EventBatch {
            customer_id,
            features: customers.features,
            location: customers.location,
            ..EventBatch::default()
        };
        for row in 0..rows {
            let index = due.first + row as u64;
            let scheduled_ms = self.pace.scheduled_us(index, now_us) / 1_000;
            events.stream.push(Some(&self.config.stream));
            events.sequence.push(self.first + index.cast_signed());
            events.event_time_ms.push(started_ms + scheduled_ms.cast_signed());
            events.synthesizer_version.push(Some(&self.version));
        }
        (events, customers.label)
    }

    fn send_outcomes(&mut self, until_ms: i64) -> anyhow::Result<()> {
        loop {
            self.pending.take_due(&self.config.stream, until_ms, self.config.batch_rows, &mut self.outcomes);
            if self.outcomes.is_empty() {
                return Ok(());
            }
            self.emitter.outcomes(&self.outcomes).map_err(ending)?;
        }
    }

    fn poll(&mut self) -> anyhow::Result<()> {
        self.emitter.poll().map_err(ending)?;
        self.metrics.acknowledged(self.emitter.acknowledged_events(), self.emitter.acknowledged_outcomes());
        Ok(())
    }

    /// Lets the outcomes that wait leave at their time, as far as that is soon, and waits for the last acknowledgement.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let waited = Stopwatch::start();
        while self.pending.len() > 0 && waited.elapsed() < LINGER {
            block_in_place(|| self.send_outcomes(now_ms()).and_then(|()| self.poll()))?;
            tokio::time::sleep(IDLE).await;
        }
        if self.pending.len() > 0 {
            self.metrics.cut_short(self.pending.len());
            let last = self.pending.last_due_ms().unwrap_or_default();
            block_in_place(|| self.send_outcomes(last))?;
        }
        block_in_place(|| self.emitter.flush(FLUSH)).map_err(ending).context("wait for the last acknowledgements")?;
        self.poll()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn ending(error: churn_stream::StreamError) -> anyhow::Error {
    anyhow::Error::new(Ending::of(error))
}

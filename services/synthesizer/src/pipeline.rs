//! The loop: collect the events and outcomes that are due, write them together with the stream's position.
//!
//! Delivery: one Kafka transaction a batch, so each event and each outcome is in its topic exactly once for readers of committed
//! records; a restart goes on at the last committed position, whose outcomes it draws again.

use std::ops::Range;
use std::time::Duration;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::Ending;
use churn_runtime::health::Component;
use churn_synth::StreamSample;
use tokio::task::block_in_place;

use crate::beside::Mark;
use crate::config::{OnStop, SynthesizerConfig};
use crate::control::Scenarios;
use crate::draws::Draws;
use crate::metrics::SynthesizerMetrics;
use crate::pending::{PendingOutcomes, Truth};
use crate::position::StreamPosition;
use crate::scenario::{Begun, Start, micros};
use crate::timeline::{Burst, Timeline};
use crate::traces::EventTraces;
use crate::write::{Batch, Writer};

/// How often outcomes are looked at while no event is due.
const IDLE: Duration = Duration::from_millis(5);
/// The longest wait for outcomes after a request to stop.
const LINGER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) config: SynthesizerConfig,
    pub(crate) draws: Draws,
    pub(crate) version: String,
    pub(crate) scenarios: Scenarios,
    /// Scenarios whose first event has not left.
    pub(crate) unmarked: Vec<Begun>,
    pub(crate) writer: Writer,
    pub(crate) position: StreamPosition,
    pub(crate) timeline: Timeline,
    pub(crate) pending: PendingOutcomes,
    pub(crate) batch: Batch,
    pub(crate) traces: EventTraces,
    pub(crate) clock: Clock,
    pub(crate) metrics: SynthesizerMetrics,
    pub(crate) kafka: Component,
}

/// Wall-clock time that never jumps back: the time at the start, and what has passed since.
#[derive(Debug)]
pub(crate) struct Clock {
    started_us: i64,
    since: Stopwatch,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started_us: now_ms() * 1_000, since: Stopwatch::start() }
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.started_us + i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

impl Pipeline {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        self.kafka.up();
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
            wait = self.step(&stop).await.context("emit events")?;
        }
        self.kafka.stopping();
        self.drain().await
    }

    /// Writes what is due and says how long to wait before looking again.
    async fn step(&mut self, stop: &CancellationToken) -> anyhow::Result<Duration> {
        let began = self.clock.now_us();
        let wait = block_in_place(|| self.collect(began));
        if self.batch.is_empty() {
            self.writer.poll().map_err(ending)?;
            self.note();
            return Ok(wait.min(IDLE));
        }
        let full = wait.is_zero();
        self.write(stop).await?;
        if full || !self.writer.can_be_succeeded() {
            return Ok(if full { Duration::ZERO } else { wait.min(IDLE) });
        }
        // A transaction costs the broker the same however few records are in it.
        let took = Duration::from_micros((self.clock.now_us() - began).unsigned_abs());
        Ok(self.config.commit_interval.get().saturating_sub(took).max(Duration::from_micros(1)))
    }

    /// Fills the batch with what is due; says how long nothing more will be, zero when the batch is full.
    fn collect(&mut self, now_us: i64) -> Duration {
        self.batch.clear();
        let most = self.rows();
        self.begin_scenarios(now_us, most);
        self.collect_outcomes(now_us / 1_000, most);
        let room = self.pending.room().min(most);
        if room == 0 || !self.timeline.has_room() {
            self.metrics.held_back(IDLE.as_secs_f64());
            return IDLE;
        }
        match self.timeline.take(self.position.next_sequence, now_us, room) {
            Err(wait) => wait,
            Ok(due) => {
                let churned = self.draw(due);
                self.position.next_sequence += due as i64;
                self.mark();
                self.pending.push(Truth::of(&self.batch.events, churned));
                if due == room { Duration::ZERO } else { IDLE }
            }
        }
    }

    /// Begins the scenarios whose time has come. One that begins at a time begins with the first event that is due then, however
    /// late that event leaves; one that begins with an event is known before the event's batch is drawn.
    fn begin_scenarios(&mut self, now_us: i64, most: usize) {
        let next = self.position.next_sequence;
        let started_us = self.clock.started_us;
        let begins_us = |time| started_us.saturating_add(micros(time));
        let reached = next.saturating_add(most as i64).cast_unsigned();
        let ready = self.scenarios.take(|spec| match spec.start {
            Start::Now => true,
            Start::After(time) => begins_us(time) <= now_us,
            Start::Sequence(number) => number < reached,
        });
        for spec in ready {
            let sequence = match spec.start {
                Start::Now => next,
                Start::After(time) => self.timeline.sequence_at(begins_us(time), next),
                Start::Sequence(number) => number.cast_signed().max(next),
            };
            let rate = self.config.rate.per_second();
            let due_us = if rate.is_some() { self.timeline.time_us(sequence) } else { now_us };
            let begun = Begun::new(spec, sequence, due_us, rate);
            self.metrics.begun(&self.config.stream, &begun);
            self.scenarios.has_begun(&begun);
            self.position.scenarios.push(begun.clone());
            self.draws.go_through(&self.position.scenarios);
            if spec.kind.is_about_time() {
                let bursts: Vec<Burst> = self.position.scenarios.iter().filter_map(Begun::burst).collect();
                self.timeline.plan(sequence, begun.silent_until_us().unwrap_or(due_us), &bursts);
            }
            self.unmarked.push(begun);
        }
    }

    /// Marks the first events of scenarios that are in the batch.
    fn mark(&mut self) {
        let end = self.position.next_sequence;
        let (here, later) = std::mem::take(&mut self.unmarked).into_iter().partition(|begun| begun.sequence < end);
        self.unmarked = later;
        self.batch.marks = here.iter().map(|begun: &Begun| Mark::new(begun.sequence, begun)).collect();
    }

    /// Most events in a batch: a transaction is worth many, a stream without transactions is smoother with few.
    fn rows(&self) -> usize {
        if self.writer.can_be_succeeded() { self.config.transaction_rows } else { self.config.batch_rows }
    }

    fn draw(&mut self, due: usize) -> Vec<bool> {
        let events = self.position.next_sequence..self.position.next_sequence + due as i64;
        let mut sample = StreamSample::default();
        self.draws.draw_into(events.clone(), &mut sample);
        let batch = &mut self.batch.events;
        batch.customer_id = sample.customer_id;
        batch.features = sample.customers.features;
        batch.location = sample.customers.location;
        for sequence in events {
            batch.stream.push(Some(&self.config.stream));
            batch.sequence.push(sequence);
            batch.event_time_ms.push(self.timeline.time_ms(sequence));
            batch.synthesizer_version.push(Some(&self.version));
        }
        self.traces.begin(batch, &mut self.batch.traces);
        sample.customers.label
    }

    fn collect_outcomes(&mut self, until_ms: i64, most: usize) {
        let Self { pending, timeline, draws, batch, .. } = self;
        let redraw = |events: Range<i64>| {
            let mut sample = StreamSample::default();
            draws.draw_into(events.clone(), &mut sample);
            Truth {
                first: events.start,
                event_time_ms: events.map(|sequence| timeline.time_ms(sequence)).collect(),
                customer_id: sample.customer_id,
                churned: sample.customers.label,
            }
        };
        pending.take_due(until_ms, most, &mut batch.outcomes, |sequence| timeline.time_ms(sequence), redraw);
        self.position.next_outcome += batch.outcomes.len() as i64;
    }

    async fn write(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.writer.can_be_succeeded() {
            self.timeline.forget_before(self.position.next_outcome);
            self.draws.forget_before(self.position.next_outcome);
            self.position.timeline = self.timeline.pieces();
            self.position.draws = self.draws.list();
        } else if self.timeline.has_room() {
            self.timeline.forget_before(self.position.next_sequence);
        }
        self.writer.write(&self.batch, &self.position, stop).await?;
        self.traces.written(&self.batch.events, &self.batch.traces);
        self.note();
        Ok(())
    }

    fn note(&self) {
        self.metrics.acknowledged(self.writer.durable_events(), self.writer.durable_outcomes());
        self.metrics.pending(self.pending.len());
    }

    /// Lets the outcomes that wait leave at their time, as far as that is soon. The others are left to the next start of the
    /// stream, or leave now where there will be none.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let ignore = CancellationToken::new();
        let delay_us = i64::try_from(self.config.outcome_delay.get().as_micros()).unwrap_or(i64::MAX);
        let last_us = self.timeline.time_ms(self.position.next_sequence - 1).saturating_mul(1_000);
        let due_in = last_us.saturating_add(delay_us) - self.clock.now_us();
        let soon = due_in <= i64::try_from(LINGER.as_micros()).unwrap_or(i64::MAX);
        let leave = self.writer.can_be_succeeded() && self.config.on_stop == OnStop::Leave;
        if self.pending.len() > 0 && !soon && !leave {
            self.metrics.cut_short(self.pending.len());
            self.pending.due_now();
        }
        while self.pending.len() > 0 && (soon || !leave) {
            self.batch.clear();
            block_in_place(|| self.collect_outcomes(self.clock.now_us() / 1_000, self.rows()));
            if self.batch.is_empty() {
                self.writer.poll().map_err(ending)?;
                tokio::time::sleep(IDLE).await;
            } else {
                self.write(&ignore).await.context("emit the last outcomes")?;
            }
        }
        block_in_place(|| self.writer.finish()).map_err(ending).context("wait for the last acknowledgements")?;
        self.note();
        self.metrics.stopped(&self.position);
        Ok(())
    }
}

fn ending(error: churn_stream::StreamError) -> anyhow::Error {
    anyhow::Error::new(Ending::of(error))
}

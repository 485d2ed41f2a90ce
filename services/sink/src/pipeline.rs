//! The loop: read, set aside, store.
//!
//! Delivery: rows and positions commit in one Postgres transaction whose last statement moves the positions on from where this
//! member's claim left them, so each record is stored exactly once, whoever dies. What cannot be stored goes to the dead letters
//! before that commit: at least once, with an identity that tells repetitions.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::exit::{Ending, Fate, Fated, reasons};
use churn_runtime::health::Component;
use churn_runtime::progress::Stage;
use churn_store::{Resolution, SinkWriter, WriteError, Written};
use churn_stream::{
    Attempts, Cluster, Consumer, Event, Pending, Position, Producer, Retries, StormGuard, StreamError, TopicPartition,
    Wait,
};
use tokio::task::block_in_place;
use tracing::Instrument;

use crate::batch::{Batch, Refused};
use crate::continuity::{Continuity, Failed, failed};
use crate::metrics::SinkMetrics;
use crate::positions::{Positions, to_store};

/// Time between two mirrored positions.
const MIRROR_EVERY: Duration = Duration::from_secs(1);
/// How long dead letters may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) cluster: Cluster,
    pub(crate) group: String,
    pub(crate) topics: [String; 2],
    pub(crate) consumer: Consumer,
    pub(crate) writer: SinkWriter,
    pub(crate) letters: Producer,
    pub(crate) batch: Batch,
    pub(crate) continuity: Continuity,
    pub(crate) positions: Positions,
    pub(crate) stage: Stage,
    pub(crate) metrics: SinkMetrics,
    pub(crate) kafka: Component,
    pub(crate) postgres: Component,
    pub(crate) pending: Pending,
    /// Positions that Kafka's tools were not shown yet, and when they were shown the last ones.
    pub(crate) unmirrored: BTreeMap<TopicPartition, i64>,
    pub(crate) mirrored: Stopwatch,
    pub(crate) retries: Retries,
    pub(crate) storm: StormGuard,
    /// Classes of the dead letters that belong to a commit whose answer was lost.
    pub(crate) in_doubt: Vec<&'static str>,
}

/// What became of an attempt to store a batch.
enum Attempt {
    Stored { written: Written, dead_letters: Vec<&'static str> },
    Again(&'static str, anyhow::Error),
    Fenced(String),
}

impl Pipeline {
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        self.postgres.up();
        loop {
            tokio::select! {
                event = self.consumer.next() => self.handle(event, &stop).await?,
                () = self.pending.due() => self.flush(&stop).await?,
                () = stop.cancelled() => break,
            }
        }
        self.kafka.stopping();
        self.flush(&stop).await?;
        self.release().await;
        self.consumer.close().await;
        self.writer.close().await;
        Ok(())
    }

    async fn handle(&mut self, event: Event, stop: &CancellationToken) -> anyhow::Result<()> {
        match event {
            Event::Records(records) => {
                if self.pending.push(records) {
                    self.flush(stop).await?;
                }
            }
            Event::Assigned(partitions) => {
                self.metrics.assigned(partitions.len());
                self.claim(&partitions, stop).await?;
                self.kafka.up();
            }
            Event::Revoked(_) => {
                self.flush(stop).await?;
                self.release().await;
                self.consumer.unassign().await.context("give partitions back")?;
            }
            Event::Lost(_) => {
                self.forget();
                self.consumer.unassign().await.context("give up lost partitions")?;
            }
            Event::Failed(error) => {
                self.kafka.down(&error);
                return Err(ending(error)).context("read scores and outcomes");
            }
        }
        Ok(())
    }

    /// Takes the partitions over in Postgres, then reads from where they stand there.
    async fn claim(&mut self, partitions: &[TopicPartition], stop: &CancellationToken) -> anyhow::Result<()> {
        let wanted: Vec<_> = partitions.iter().map(to_store).collect();
        let mut attempts = self.retries.of("postgres", &self.postgres);
        let claims = loop {
            let error = match self.writer.claim(&wanted).await {
                Ok(claims) => break claims,
                Err(error) => error,
            };
            if error.fate() != Fate::External {
                return Err(Ending::of(error)).context("claim partitions");
            }
            match attempts.wait(&error, &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(error)),
                Wait::Withdrawn => return Ok(()),
            }
        };
        self.postgres.up();
        let (positions, begin) = Positions::claimed(&claims);
        self.positions = positions;
        let mut postgres = self.retries.of("postgres", &self.postgres);
        let mut kafka = self.retries.of("kafka", &self.kafka);
        while let Err(Failed { target, fate, error }) = self.begin(&begin).await {
            if fate != Fate::External {
                return Err(error).context("take over partitions");
            }
            let attempts = if target == "postgres" { &mut postgres } else { &mut kafka };
            match attempts.wait(&reasons(error.as_ref()), &self.consumer, stop).await {
                Wait::Again => {}
                Wait::Stopped => return Err(stopped(error)),
                Wait::Withdrawn => return Ok(()),
            }
        }
        self.postgres.up();
        Ok(())
    }

    async fn begin(&mut self, begin: &[(TopicPartition, Position)]) -> Result<(), Failed> {
        self.continuity.check(begin, &self.consumer, &mut self.writer).await?;
        self.consumer.assign(begin).await.map_err(|error| failed("kafka", error))
    }

    /// Stores what is pending. What cannot succeed now is tried again until it does, the process is asked to stop, or the group
    /// goes on without this member.
    async fn flush(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut attempts = self.retries.of("schema registry", &self.kafka);
        while let Err(error) = self.batch.decode(self.pending.records()).await {
            if error.fate() != Fate::External {
                return Err(anyhow::Error::new(Ending::of(error))).context("look up a schema");
            }
            if !self.go_on(&mut attempts, error.into(), stop).await? {
                return Ok(());
            }
        }
        let span = self.batch.log_span();
        self.commit(stop).instrument(span).await
    }

    /// Stores what is decoded.
    async fn commit(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let watch = Stopwatch::start();
        let mut postgres = self.retries.of("postgres", &self.postgres);
        let mut kafka = self.retries.of("kafka", &self.kafka);
        loop {
            let (target, error) = match self.store().await? {
                Attempt::Stored { written, dead_letters } => {
                    let slow_down = self.storm.batch(self.pending.rows(), dead_letters.len());
                    self.stored(&written, &dead_letters, watch.elapsed());
                    self.consumer.rest(slow_down, stop).await;
                    return Ok(());
                }
                Attempt::Again(target, error) => (target, error),
                Attempt::Fenced(reason) => return self.rejoin(&reason, stop).await,
            };
            let attempts = if target == "postgres" { &mut postgres } else { &mut kafka };
            if !self.go_on(attempts, error, stop).await? {
                return Ok(());
            }
        }
    }

    /// Waits before another try. False when the batch had to be given up with its partitions.
    async fn go_on(
        &mut self,
        attempts: &mut Attempts,
        error: anyhow::Error,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        match attempts.wait(&reasons(error.as_ref()), &self.consumer, stop).await {
            Wait::Again => Ok(true),
            Wait::Stopped => Err(stopped(error)),
            Wait::Withdrawn => {
                self.forget();
                self.consumer.abandon();
                Ok(false)
            }
        }
    }

    /// One attempt: rows into a transaction, dead letters to Kafka, positions and commit.
    async fn store(&mut self) -> anyhow::Result<Attempt> {
        // A commit whose answer was lost is settled first, by reading what is stored.
        match self.writer.resolve_commit().await {
            Ok(Resolution::Committed(written)) => {
                return Ok(Attempt::Stored { written, dead_letters: std::mem::take(&mut self.in_doubt) });
            }
            Ok(Resolution::NotCommitted) => self.in_doubt.clear(),
            Err(error) => return attempt(error),
        }
        let offsets = self.positions.advance(&self.pending.next_offsets());
        let staged = match self.writer.stage(self.batch.scores(), self.batch.outcomes()).await {
            Ok(staged) => staged,
            Err(error) => return attempt(error),
        };
        let refused = self.batch.refused(self.pending.records(), staged.written());
        if let Err(error) = block_in_place(|| send(&mut self.letters, &refused)) {
            drop(staged);
            return self.unsent(error);
        }
        self.in_doubt = refused.iter().map(|refused| refused.class).collect();
        match staged.commit(&offsets).await {
            Ok(written) => Ok(Attempt::Stored { written, dead_letters: std::mem::take(&mut self.in_doubt) }),
            Err(error) => attempt(error),
        }
    }

    /// Dead letters were not taken: nothing of the batch is stored, and it is tried again.
    fn unsent(&mut self, error: StreamError) -> anyhow::Result<Attempt> {
        match &error {
            StreamError::TooLarge { .. } if self.batch.cut_letters() => {}
            StreamError::Expired { .. } => {
                self.letters = self.cluster.producer(&self.stage).map_err(ending).context("make a producer anew")?;
            }
            _ if error.fate() == Fate::External => {}
            _ => return Err(ending(error)).context("send dead letters"),
        }
        Ok(Attempt::Again("kafka", error.into()))
    }

    fn stored(&mut self, written: &Written, dead_letters: &[&'static str], took: Duration) {
        let now = now_ms();
        let times = &self.batch.scores().event.event_time_ms;
        self.stage.latency().record_batch(times.iter().map(|time| now - time));
        times.iter().for_each(|time| self.metrics.arrived(now - time));
        self.metrics.committed(self.pending.rows(), written, took);
        self.batch.trace_stored(&self.topics[0], written);
        self.stage.done(self.pending.rows() as u64);
        self.stage.dead_lettered(dead_letters.len() as u64);
        dead_letters.iter().for_each(|class| self.metrics.dead_letter(class));
        self.stage.durable(written.rows);
        let next = self.pending.next_offsets();
        self.positions.advanced(&next);
        self.consumer.durable(&next);
        self.mirror(next);
        self.pending.committed();
        self.postgres.up();
        self.kafka.up();
    }

    /// Shows the positions to Kafka's tools, now and then: they are not worth a request to the broker for every batch.
    fn mirror(&mut self, next: Vec<(TopicPartition, i64)>) {
        self.unmirrored.extend(next);
        if self.mirrored.elapsed() >= MIRROR_EVERY {
            let positions: Vec<_> = std::mem::take(&mut self.unmirrored).into_iter().collect();
            self.consumer.mirror(&positions);
            self.mirrored = Stopwatch::start();
        }
    }

    /// A successor owns the partitions: what is in hand is its to store. Only a new generation of the group gives partitions again.
    async fn rejoin(&mut self, reason: &str, stop: &CancellationToken) -> anyhow::Result<()> {
        self.metrics.fenced(&reason);
        self.forget();
        self.kafka.down("joining the group again");
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let mut attempts = self.retries.of("kafka", &self.kafka);
        let joined = loop {
            let error = match self.cluster.consumer(&self.stage, &self.group, &topics).await {
                Ok(joined) => break joined,
                Err(error) if error.fate() == Fate::External => error,
                Err(error) => return Err(ending(error)).context("join the group again"),
            };
            // That the old member loses its partitions is what this is about: it ends no wait.
            if !attempts.wait_regardless(&error, stop).await {
                return Err(stopped(error));
            }
        };
        // The old member's goodbye may have to wait for a broker; nothing else waits for it.
        tokio::spawn(std::mem::replace(&mut self.consumer, joined).close());
        Ok(())
    }

    fn forget(&mut self) {
        self.pending.clear();
        self.positions.clear();
        self.unmirrored.clear();
        self.in_doubt.clear();
        self.writer.forget_claims();
    }

    async fn release(&mut self) {
        let positions: Vec<_> = std::mem::take(&mut self.unmirrored).into_iter().collect();
        self.consumer.mirror(&positions);
        // Where it fails, the successor's claim ends this member's connection instead.
        if let Err(error) = self.writer.release(&self.positions.partitions()).await {
            tracing::warn!(%error, "positions were not released");
        }
        self.positions.clear();
    }
}

fn send(letters: &mut Producer, refused: &[Refused]) -> Result<(), StreamError> {
    for refused in refused {
        refused.letter.send_with(|outgoing| letters.send(outgoing))?;
    }
    if refused.is_empty() { Ok(()) } else { letters.flush(FLUSH) }
}

fn attempt(error: WriteError) -> anyhow::Result<Attempt> {
    match error {
        WriteError::Fenced { partitions } => Ok(Attempt::Fenced(partitions)),
        error if error.fate() == Fate::External => Ok(Attempt::Again("postgres", error.into())),
        error => Err(Ending::of(error)).context("store a batch"),
    }
}

/// The error with the exit code that its fate asks for.
fn ending(error: StreamError) -> anyhow::Error {
    anyhow::Error::new(Ending::of(error))
}

/// Asked to stop while a server was away.
fn stopped(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error: anyhow::Error = error.into();
    anyhow::Error::new(Ending::external(error))
        .context("stopped with a batch that is not stored; it will be read again")
}

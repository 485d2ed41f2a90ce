//! The writer: one connection of its own, and what it has claimed.

use std::collections::BTreeMap;
use std::future::Future;

use churn_domain::{OutcomeBatch, ScoreBatch};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::Written;
use super::error::{WriteError, classify, misuse};
use super::offset::{Claim, OffsetAdvance, Owner, TopicPartition};
use crate::config::PostgresConfig;
use crate::connect::{connect, options, server_of};
use crate::copy::CopyBuffer;
use crate::error::StoreError;

/// Writes batches of one sink. Not shared: a second writer is a second member with claims of its own.
///
/// A call that is dropped before it answers leaves nothing half done: the next call opens another connection, which
/// ends the old one.
#[derive(Debug)]
pub struct SinkWriter {
    pub(super) config: PostgresConfig,
    pub(super) options: PgConnectOptions,
    pub(super) owner: Owner,
    /// Without a transaction. None after a failure, and while a call has it.
    pub(super) connection: Option<PgConnection>,
    pub(super) epochs: BTreeMap<TopicPartition, i64>,
    pub(super) buffer: CopyBuffer,
    pub(super) unresolved: Option<Unresolved>,
}

/// A commit whose answer was lost.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) offsets: Vec<OffsetAdvance>,
    pub(super) written: Written,
}

/// What became of a commit whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The batch is stored; this is what the write would have returned.
    Committed(Written),
    /// Nothing of the batch is stored: write it again. Also the answer where no commit is in doubt.
    NotCommitted,
}

impl SinkWriter {
    /// Connects. Nothing is claimed yet. `consumer` names the group of sinks that share the work, `cluster_id` the
    /// Kafka cluster whose offsets these are.
    ///
    /// # Errors
    /// [`StoreError`], as [`crate::Store::connect`].
    pub async fn connect(
        config: &PostgresConfig,
        consumer: impl Into<String>,
        cluster_id: impl Into<String>,
    ) -> Result<Self, StoreError> {
        let options = options(config)?
            .application_name("churnstream sink")
            // A merge makes its temporary tables where they are not there: not worth a notice each time.
            .options([("client_min_messages", "warning")]);
        let connection = connect(&options, config).await?;
        Ok(Self {
            config: config.clone(),
            options,
            owner: Owner { consumer: consumer.into(), cluster_id: cluster_id.into() },
            connection: Some(connection),
            epochs: BTreeMap::new(),
            buffer: CopyBuffer::default(),
            unresolved: None,
        })
    }

    /// Takes these partitions over: ends the connection of whoever had them, raises their epochs and tells where they
    /// stand. Partitions claimed before stay claimed.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`]: nothing is claimed, try again.
    pub async fn claim(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, WriteError> {
        const ACTION: &str = "claim partitions";
        let mut connection = self.ready().await?;
        let claimed = async {
            self.owner.end_predecessors(&mut connection, partitions).await?;
            self.owner.claim(&mut connection, partitions).await
        };
        let claims = self.in_time(ACTION, claimed).await?.map_err(|error| classify(ACTION, error, &self.options))?;
        self.connection = Some(connection);
        for claim in &claims {
            self.epochs.insert(TopicPartition::new(&claim.topic, claim.partition), claim.epoch);
        }
        Ok(claims)
    }

    /// Gives these partitions up, so that the next owner need not end this writer's connection, which may still serve
    /// others. Call it when no batch of theirs is under way. Partitions that were lost already are passed over.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`]; the partitions count as given up all the same.
    pub async fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), WriteError> {
        const ACTION: &str = "release partitions";
        let mut given_up = BTreeMap::new();
        for partition in partitions {
            given_up.extend(self.epochs.remove_entry(partition));
        }
        if given_up.is_empty() {
            return Ok(());
        }
        let mut connection = self.ready().await?;
        let released = self.owner.release(&mut connection, &given_up);
        self.in_time(ACTION, released).await?.map_err(|error| classify(ACTION, error, &self.options))?;
        self.connection = Some(connection);
        Ok(())
    }

    /// Forgets all claims without a word to the server: when the group says that the partitions are lost. A commit in
    /// doubt is forgotten with them; the next claim tells where the partitions stand.
    pub fn forget_claims(&mut self) {
        self.epochs.clear();
        self.unresolved = None;
    }

    /// Stores a batch and moves the positions on, both or neither. Either part of the batch may be empty; `offsets`
    /// names every partition that it came from, once.
    ///
    /// # Errors
    /// [`WriteError`]. But for [`WriteError::UnknownCommit`] nothing is stored.
    pub async fn write(
        &mut self,
        scores: &ScoreBatch,
        outcomes: &OutcomeBatch,
        offsets: &[OffsetAdvance],
    ) -> Result<Written, WriteError> {
        check(offsets)?;
        self.stage(scores, outcomes).await?.commit(offsets).await
    }

    /// Finds out whether the batch of the last [`WriteError::UnknownCommit`] is stored, by reading its positions on a
    /// new connection: they have moved on if and only if its rows are stored.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`]: still unknown, ask again. [`WriteError::Fenced`]: another member goes on from where
    /// the partitions stand, whatever became of the batch.
    pub async fn resolve_commit(&mut self) -> Result<Resolution, WriteError> {
        const ACTION: &str = "find out whether the batch is stored";
        let Some(unresolved) = self.unresolved.take() else { return Ok(Resolution::NotCommitted) };
        // Put back before anything can fail or be dropped: only an answer ends the doubt.
        let offsets = unresolved.offsets.clone();
        self.unresolved = Some(unresolved);
        let mut connection = self.open().await?;
        let positions = async {
            let mut transaction = connection.begin().await?;
            let positions = self.owner.read_locked(&mut transaction, &offsets).await?;
            transaction.commit().await?;
            Ok::<_, sqlx::Error>(positions)
        };
        let positions =
            self.in_time(ACTION, positions).await?.map_err(|error| classify(ACTION, error, &self.options))?;
        let stands_at = |offset: &OffsetAdvance| {
            positions
                .iter()
                .find(|position| {
                    position.topic == offset.topic
                        && position.partition == offset.partition
                        && position.epoch == offset.epoch
                })
                .map(|position| position.next_offset)
        };
        let lost: Vec<_> =
            offsets.iter().filter(|offset| stands_at(offset).is_none()).map(TopicPartition::of).collect();
        if !lost.is_empty() {
            self.unresolved = None;
            return Err(self.fenced(&lost));
        }
        let resolution = if offsets.iter().all(|offset| stands_at(offset) == Some(Some(offset.next))) {
            let written = self.unresolved.take().map(|unresolved| unresolved.written).unwrap_or_default();
            Resolution::Committed(written)
        } else if offsets.iter().all(|offset| stands_at(offset) == Some(offset.expected)) {
            self.unresolved = None;
            Resolution::NotCommitted
        } else {
            return Err(misuse(ACTION, "the positions stand neither before nor after the batch".to_owned()));
        };
        self.renew(&mut connection).await?;
        self.connection = Some(connection);
        Ok(resolution)
    }

    /// Closes the connection. Dropping the writer does as well, without the goodbye.
    pub async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            // Everything was committed or is not wanted.
            let _ = connection.close().await;
        }
    }

    /// The connection; a new one where the last call failed. It is the caller's until it is put back: a call
    /// that fails or is dropped loses it.
    pub(super) async fn ready(&mut self) -> Result<PgConnection, WriteError> {
        if self.unresolved.is_some() {
            return Err(WriteError::UnknownCommit { reason: "the last commit was not resolved".to_owned() });
        }
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let mut connection = self.open().await?;
        self.renew(&mut connection).await?;
        Ok(connection)
    }

    /// A new connection, and the end of the one that was recorded with the claims.
    async fn open(&mut self) -> Result<PgConnection, WriteError> {
        const ACTION: &str = "end the writer's former connection";
        self.connection = None;
        let mut connection = connect(&self.options, &self.config).await?;
        let ended = self.owner.end_former(&mut connection, &self.epochs);
        self.in_time(ACTION, ended).await?.map_err(|error| classify(ACTION, error, &self.options))?;
        Ok(connection)
    }

    /// Records a new connection with the claims.
    async fn renew(&mut self, connection: &mut PgConnection) -> Result<(), WriteError> {
        const ACTION: &str = "renew the claims";
        if self.epochs.is_empty() {
            return Ok(());
        }
        let held = self.in_time(ACTION, self.owner.renew(connection, &self.epochs)).await?;
        let held = held.map_err(|error| classify(ACTION, error, &self.options))?;
        let lost: Vec<_> = self.epochs.keys().filter(|partition| !held.contains(partition)).cloned().collect();
        if lost.is_empty() { Ok(()) } else { Err(self.fenced(&lost)) }
    }

    /// These partitions are another member's now; the others stay claimed.
    pub(super) fn fenced(&mut self, lost: &[TopicPartition]) -> WriteError {
        self.epochs.retain(|partition, _| !lost.contains(partition));
        let names: Vec<String> = lost.iter().map(ToString::to_string).collect();
        WriteError::Fenced { partitions: names.join(", ") }
    }

    /// Bounds the time of a call: a server that vanished does not answer.
    pub(super) async fn in_time<T>(
        &self,
        action: &'static str,
        work: impl Future<Output = T>,
    ) -> Result<T, WriteError> {
        tokio::time::timeout(self.config.write_timeout.get(), work).await.map_err(|_| {
            WriteError::Unavailable(StoreError::Unreachable {
                server: server_of(&self.options),
                reason: format!("cannot {action} within {}", self.config.write_timeout),
            })
        })
    }
}

impl TopicPartition {
    pub(super) fn of(offset: &OffsetAdvance) -> Self {
        Self::new(&offset.topic, offset.partition)
    }
}

/// The rules that the caller has to keep: without them a lost answer could not be resolved, or a duplicate partition
/// would look like a fenced one.
pub(super) fn check(offsets: &[OffsetAdvance]) -> Result<(), WriteError> {
    const ACTION: &str = "move positions on";
    if offsets.is_empty() {
        return Err(misuse(ACTION, "a batch without positions".to_owned()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for offset in offsets {
        let partition = TopicPartition::of(offset);
        if offset.next < 0 || offset.expected.is_some_and(|expected| offset.next <= expected) {
            return Err(misuse(
                ACTION,
                format!("{partition} would not move on: {:?} to {}", offset.expected, offset.next),
            ));
        }
        if !seen.insert(partition.clone()) {
            return Err(misuse(ACTION, format!("{partition} occurs twice")));
        }
    }
    Ok(())
}

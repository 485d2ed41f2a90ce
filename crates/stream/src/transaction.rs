//! Transactions: what was read and what was written commit together or not at all.
//!
//! One transaction a batch: `begin`, `send`.., `commit(offsets, consumer)`. An error that [`StreamError::must_abort`] asks for
//! `abort` and for reading the batch again; an `Expired` one for `renew` and for reading the batch again; a `Fenced` one for the
//! end of the process; any other for another try of the same call.
//!
//! A commit whose result is unknown is tried again until librdkafka knows it: the call resumes, and never commits twice. Should
//! the process die before, or [`TransactionalProducer::renew`] be called, the successor ends the transaction before it does
//! anything else, and the stored offsets then say what happened.
//!
//! All calls block for a bounded time: make them inside `tokio::task::block_in_place`.

use std::time::{Duration, Instant};

use churn_runtime::progress::Stage;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use crate::cluster::blocking;
use crate::group_offsets::GroupOffsets;
use crate::phase::Phase;
use crate::positions::offset_list;
use crate::producer::Producer;
use crate::touch::QUIET;
use crate::{Cluster, Consumer, Outgoing, StreamError, TopicPartition};

/// One call to the transaction's coordinator; it is repeated while librdkafka calls its failure retriable.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// An abort waits for the answers to what is under way, which nobody but its caller takes in, between two calls.
const ABORT_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a call is repeated before its caller hears of the failure.
const PATIENCE: Duration = Duration::from_secs(8);
/// Pause between two such calls: a failure may come at once, and a coordinator that moves takes a while.
const CALL_PAUSE: Duration = Duration::from_millis(50);
/// How long the previous owner's transaction may take to end when a producer starts.
const INIT_GRACE: Duration = Duration::from_secs(30);

/// A producer whose records commit together with the offsets of what they were made from.
#[derive(Debug)]
pub struct TransactionalProducer {
    producer: Producer,
    stage: Stage,
    id: String,
    phase: Phase,
    /// Records acknowledged to the clients before this one.
    acknowledged_before: u64,
}

impl Cluster {
    /// A producer with that transactional id (the prefix is added). Ends whatever transaction a predecessor with the same id left
    /// open, and fences that predecessor.
    ///
    /// # Errors
    /// The coordinator does not answer in time or refuses.
    pub async fn transactional_producer(&self, stage: &Stage, id: &str) -> Result<TransactionalProducer, StreamError> {
        let (cluster, stage, id) = (self.clone(), stage.clone(), self.group_name(id));
        blocking("start transactions", move || {
            let producer = Producer::create(&cluster, &cluster.transactional_settings(&id), &stage)?;
            let this = TransactionalProducer { producer, stage, id, phase: Phase::Idle, acknowledged_before: 0 };
            this.init()?;
            Ok(this)
        })
        .await
    }
}

impl TransactionalProducer {
    /// The transactional id, prefix included.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Whether a commit was asked for whose answer is not known: only `commit` or `renew` can follow.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        matches!(self.phase, Phase::Committing { .. })
    }

    /// Whether the client finds no broker any more although others do, so that `renew` has to come before anything else. Asks
    /// them, and waits for a few seconds where they do not answer.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.producer.has_no_broker()
    }

    /// Records acknowledged since the producer was made, those of aborted transactions included.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged_before + self.producer.acknowledged()
    }

    /// Opens a transaction. It must end within `kafka.transaction_timeout`.
    ///
    /// # Errors
    /// The producer was fenced, or a transaction is open already.
    pub fn begin(&mut self) -> Result<(), StreamError> {
        self.producer.client.begin_transaction().map_err(|e| self.error("begin", &e))?;
        self.phase = Phase::Open { since: Instant::now() };
        Ok(())
    }

    /// Adds a record to the open transaction (see [`Producer::send`]).
    ///
    /// # Errors
    /// The record is too large (the transaction stays good), or it and with it the transaction failed.
    pub fn send(&mut self, record: Outgoing<'_>) -> Result<(), StreamError> {
        self.producer.send(record).map_err(|error| self.abortable(error))
    }

    /// Waits until every record is acknowledged (see [`Producer::flush`]); `commit` does so by itself.
    ///
    /// # Errors
    /// A record of the open transaction failed, or some are not acknowledged within `deadline`.
    pub fn flush(&mut self, deadline: Duration) -> Result<(), StreamError> {
        self.producer.flush(deadline).map_err(|error| self.abortable(error))
    }

    /// Serves acknowledgements (see [`Producer::poll`]).
    ///
    /// # Errors
    /// A record of the open transaction failed.
    pub fn poll(&mut self) -> Result<(), StreamError> {
        self.producer.poll().map_err(|error| self.abortable(error))
    }

    /// Waits until every record is acknowledged and adds `offsets` of `consumer`'s group to the transaction: all of a commit but
    /// its last step. `commit` does so by itself.
    ///
    /// # Errors
    /// As [`TransactionalProducer::commit`].
    pub fn prepare(&mut self, offsets: &[(TopicPartition, i64)], consumer: &Consumer) -> Result<(), StreamError> {
        let Phase::Open { since } = self.phase else { return Ok(()) };
        // Everything must be acknowledged first: commit_transaction itself would wait in steps of 100 ms.
        self.producer.flush(self.timeout()).map_err(|error| self.abortable(error))?;
        if !offsets.is_empty()
            && let Some(group) = consumer.group_metadata()?
        {
            let offsets = GroupOffsets::new(offset_list(offsets)?, group);
            self.retried("add offsets to", PATIENCE, |p| offsets.send(&p.client, CALL_TIMEOUT))?;
        }
        self.phase = Phase::Prepared { since };
        Ok(())
    }

    /// Commits the records together with `offsets` of `consumer`'s group, then reports the offsets as durable. Called again after
    /// a failure it goes on where it stood.
    ///
    /// # Errors
    /// [`StreamError::MustAbort`]: call [`TransactionalProducer::abort`] and read again from the last committed offsets.
    /// [`StreamError::Expired`]: call [`TransactionalProducer::renew`] and do the same. `Fenced`: another member took over. Others
    /// are retriable: call `commit` again with the same offsets.
    pub fn commit(&mut self, offsets: &[(TopicPartition, i64)], consumer: &Consumer) -> Result<(), StreamError> {
        self.prepare(offsets, consumer)?;
        self.finish()?;
        consumer.committed(offsets);
        Ok(())
    }

    /// Commits the records of a transaction that consumed nothing.
    ///
    /// # Errors
    /// As [`TransactionalProducer::commit`].
    pub fn commit_records(&mut self) -> Result<(), StreamError> {
        if let Phase::Open { since } = self.phase {
            self.producer.flush(self.timeout()).map_err(|error| self.abortable(error))?;
            self.phase = Phase::Prepared { since };
        }
        self.finish()
    }

    /// Undoes the open transaction: its records are never seen by readers of committed records. (The embedded broker shows them.)
    ///
    /// # Errors
    /// The producer was fenced or expired, or the coordinator does not answer in time.
    pub fn abort(&mut self) -> Result<(), StreamError> {
        self.retried("abort", PATIENCE, |p| p.client.abort_transaction(ABORT_TIMEOUT))?;
        self.phase = Phase::Idle;
        self.producer.serve();
        // What failed belonged to the aborted transaction.
        self.producer.context().take_failure();
        Ok(())
    }

    /// Puts a new client in the place of one that cannot go on, under the same id. Whatever transaction was open is ended first,
    /// one way or the other: the group's stored offsets say which, so read again from there.
    ///
    /// # Errors
    /// The coordinator does not answer in time or refuses: call it again.
    pub fn renew(&mut self) -> Result<(), StreamError> {
        let cluster = self.producer.cluster.clone();
        let fresh = Producer::create(&cluster, &cluster.transactional_settings(&self.id), &self.stage)?;
        let old = std::mem::replace(&mut self.producer, fresh);
        self.acknowledged_before += old.acknowledged();
        // Closing a client waits for requests that a stalled broker may never answer. The new one fences it anyway.
        std::thread::spawn(move || drop(old));
        self.stage.client_renewed();
        self.init()?;
        self.phase = Phase::Idle;
        tracing::warn!(transactional_id = %self.id, "transactions go on with a new client");
        Ok(())
    }

    fn finish(&mut self) -> Result<(), StreamError> {
        if let Some(since) = self.phase.since() {
            self.phase = Phase::Committing { since };
        }
        self.retried("commit", PATIENCE, |p| p.client.commit_transaction(CALL_TIMEOUT))?;
        self.phase = Phase::Idle;
        Ok(())
    }

    fn init(&self) -> Result<(), StreamError> {
        let patience = self.timeout() + INIT_GRACE;
        self.retried("start transactions", patience, |p| p.client.init_transactions(CALL_TIMEOUT))
    }

    fn timeout(&self) -> Duration {
        self.producer.cluster.config().transaction_timeout.get()
    }

    /// Repeats `call` while its failure is retriable, as librdkafka asks for.
    fn retried(
        &self,
        what: &str,
        patience: Duration,
        call: impl Fn(&Producer) -> KafkaResult<()>,
    ) -> Result<(), StreamError> {
        let start = Instant::now();
        let mut looked = start;
        loop {
            let Err(error) = call(&self.producer) else { return Ok(()) };
            let retriable = matches!(&error, KafkaError::Transaction(inner) if inner.is_retriable())
                || matches!(error, KafkaError::Flush(_));
            if matches!(error, KafkaError::Canceled) {
                let reason = "the client waits for a coordinator that it has dropped".into();
                return Err(StreamError::Expired { action: self.action(what), reason });
            }
            if !retriable || start.elapsed() > patience {
                return Err(self.error(what, &error));
            }
            if looked.elapsed() >= QUIET {
                if self.producer.has_no_broker() {
                    return Err(StreamError::cut_off(self.action(what), &error.to_string()));
                }
                looked = Instant::now();
            }
            self.producer.serve();
            std::thread::sleep(CALL_PAUSE);
            tracing::debug!(transactional_id = %self.id, what, %error, "transaction call is tried again");
        }
    }

    fn action(&self, what: &str) -> String {
        format!("{what} transaction of {}", self.id)
    }

    fn error(&self, what: &str, error: &KafkaError) -> StreamError {
        let error = StreamError::kafka(self.action(what), error);
        // librdkafka says of a client that a fatal error has hit only that it was hit: ask it by which.
        match (self.producer.client.client().fatal_error(), error) {
            (Some((code, reason)), StreamError::Fenced { action, .. } | StreamError::Expired { action, .. }) => {
                self.ended(action, code, reason)
            }
            (_, error) => self.producer.judged(error),
        }
    }

    /// Why this client cannot go on. The coordinator fences an owner whose transaction has timed out exactly as it fences one
    /// that has a successor; the age of the transaction tells them apart.
    fn ended(&self, action: String, code: RDKafkaErrorCode, reason: String) -> StreamError {
        let overdue = self.phase.since().is_some_and(|since| since.elapsed() >= self.timeout());
        if StreamError::is_fencing(code) && !overdue {
            StreamError::Fenced { action, reason }
        } else {
            StreamError::Expired { action, reason }
        }
    }

    /// A record that was not delivered leaves a transaction that cannot commit.
    fn abortable(&self, error: StreamError) -> StreamError {
        match error {
            StreamError::Fenced { action, reason } | StreamError::Expired { action, reason } => {
                let code =
                    self.producer.client.client().fatal_error().map_or(RDKafkaErrorCode::Fenced, |(code, _)| code);
                self.ended(action, code, reason)
            }
            StreamError::Kafka { action, reason, .. } if self.is_open() => {
                self.producer.judged(StreamError::MustAbort { action, reason })
            }
            other => other,
        }
    }
}

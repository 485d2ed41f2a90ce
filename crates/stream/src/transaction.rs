//! Transactions: what was read and what was written commit together or not at all.
//!
//! One transaction a batch: `begin`, `send`.., `commit(offsets, consumer)`. An error that [`StreamError::must_abort`] asks for
//! `abort` and for reading the batch again; a `Fenced` one for the end of the process; any other for another try of the same call.
//! A commit whose result is unknown is tried again until librdkafka knows it (it resumes, and never commits twice); should the
//! process die before, its successor with the same id ends the transaction and reads the stored offsets, which say what happened.
//!
//! All calls block for a bounded time: make them inside `tokio::task::block_in_place`.

use std::time::{Duration, Instant};

use churn_runtime::progress::Stage;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer as _;

use crate::cluster::blocking;
use crate::positions::offset_list;
use crate::producer::Producer;
use crate::{Cluster, Consumer, Outgoing, StreamError, TopicPartition};

/// One call to the transaction's coordinator; it is repeated while librdkafka calls its failure retriable.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the previous owner's transaction may take to end when a producer starts.
const INIT_GRACE: Duration = Duration::from_secs(30);

/// A producer whose records commit together with the offsets of what they were made from.
#[derive(Debug)]
pub struct TransactionalProducer {
    producer: Producer,
    id: String,
    open: bool,
}

impl Cluster {
    /// A producer with that transactional id (the prefix is added). Ends whatever transaction a predecessor with the same id left
    /// open, and fences that predecessor.
    ///
    /// # Errors
    /// The coordinator does not answer in time or refuses.
    pub async fn transactional_producer(&self, stage: &Stage, id: &str) -> Result<TransactionalProducer, StreamError> {
        let id = self.group_name(id);
        let settings = self.transactional_settings(&id);
        let producer = Producer::create(self, &settings, stage)?;
        blocking("start transactions", move || {
            let this = TransactionalProducer { producer, id, open: false };
            let patience = this.timeout() + INIT_GRACE;
            this.retried("start transactions", patience, |p| p.client.init_transactions(CALL_TIMEOUT))?;
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
        self.open
    }

    /// Records acknowledged since the producer was made, those of aborted transactions included.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.producer.acknowledged()
    }

    /// Opens a transaction. It must end within `kafka.transaction_timeout`.
    ///
    /// # Errors
    /// The producer was fenced, or a transaction is open already.
    pub fn begin(&mut self) -> Result<(), StreamError> {
        self.producer.client.begin_transaction().map_err(|e| self.error("begin", &e))?;
        self.open = true;
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

    /// Commits the records together with `offsets` of `consumer`'s group, then reports the offsets as durable.
    ///
    /// # Errors
    /// [`StreamError::MustAbort`]: call [`TransactionalProducer::abort`] and read again from the last committed offsets.
    /// `Fenced`: another member took over. Others are retriable: call `commit` again.
    pub fn commit(&mut self, offsets: &[(TopicPartition, i64)], consumer: &Consumer) -> Result<(), StreamError> {
        let patience = self.timeout();
        // Everything must be acknowledged first: commit_transaction itself would wait in steps of 100 ms.
        self.producer.flush(patience).map_err(|error| self.abortable(error))?;
        if !offsets.is_empty()
            && let Some(group) = consumer.group_metadata()?
        {
            let list = offset_list(offsets)?;
            self.retried("add offsets to", patience, |p| {
                p.client.send_offsets_to_transaction(&list, &group, CALL_TIMEOUT)
            })?;
        }
        self.retried("commit", patience, |p| p.client.commit_transaction(CALL_TIMEOUT))?;
        self.open = false;
        consumer.committed(offsets);
        Ok(())
    }

    /// Undoes the open transaction: its records are never seen by readers of committed records. (The embedded broker shows them.)
    ///
    /// # Errors
    /// The producer was fenced, or the coordinator does not answer in time.
    pub fn abort(&mut self) -> Result<(), StreamError> {
        self.retried("abort", self.timeout(), |p| p.client.abort_transaction(CALL_TIMEOUT))?;
        self.open = false;
        self.producer.serve();
        // What failed belonged to the aborted transaction.
        self.producer.context().take_failure();
        Ok(())
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
        loop {
            let Err(error) = call(&self.producer) else { return Ok(()) };
            let retriable = matches!(&error, KafkaError::Transaction(inner) if inner.is_retriable())
                || matches!(error, KafkaError::Flush(_));
            if !retriable || start.elapsed() > patience {
                return Err(self.error(what, &error));
            }
            self.producer.serve();
            tracing::debug!(transactional_id = %self.id, what, %error, "transaction call is tried again");
        }
    }

    fn error(&self, what: &str, error: &KafkaError) -> StreamError {
        StreamError::kafka(format!("{what} transaction of {}", self.id), error)
    }

    /// A record that was not delivered leaves a transaction that cannot commit.
    fn abortable(&self, error: StreamError) -> StreamError {
        match error {
            StreamError::Kafka { action, reason, .. } if self.open => StreamError::MustAbort { action, reason },
            other => other,
        }
    }
}

//! One batch: its rows into an open transaction, then its positions and the commit.

use churn_domain::{OutcomeBatch, ScoreBatch};
use sqlx::postgres::PgConnection;

use super::error::{WriteError, classify, leaves_connection_usable};
use super::merge::merge;
use super::offset::{OffsetAdvance, TopicPartition};
use super::writer::{SinkWriter, Unresolved, check};
use super::{Rejected, Target, Written};
use crate::copy::{CopyBuffer, OutcomeRows, Rows, ScoreRows, copy_in, rejected_outcomes, rejected_scores};

/// A batch whose rows lie in an open transaction. Dead-letter what [`Self::written`] refuses, then [`Self::commit`].
/// Dropping it stores nothing, and closes the connection: an open transaction would hold its rows' ids locked. Postgres
/// ends a transaction that idles for longer than `postgres.write_timeout`.
#[derive(Debug)]
#[must_use = "a staged batch is stored only by `commit`"]
pub struct Staged<'a> {
    writer: &'a mut SinkWriter,
    written: Written,
    /// Has the transaction; the writer gets it back without one.
    connection: PgConnection,
}

/// A batch and the rows of it that cannot be stored.
pub(super) struct Batch<'a> {
    pub(super) scores: &'a ScoreBatch,
    pub(super) outcomes: &'a OutcomeBatch,
    pub(super) bad_scores: Vec<usize>,
    pub(super) bad_outcomes: Vec<usize>,
}

impl SinkWriter {
    /// Copies the rows into a transaction and leaves it open. Where an id is stored already, rows are compared one by
    /// one.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is stored.
    pub async fn stage(&mut self, scores: &ScoreBatch, outcomes: &OutcomeBatch) -> Result<Staged<'_>, WriteError> {
        const ACTION: &str = "store a batch";
        let (bad_scores, bad_outcomes) = (rejected_scores(scores), rejected_outcomes(outcomes));
        let rows = |rejected: &[Rejected]| rejected.iter().map(|rejected| rejected.row).collect();
        let batch = Batch { scores, outcomes, bad_scores: rows(&bad_scores), bad_outcomes: rows(&bad_outcomes) };
        let mut connection = self.ready().await?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let copied = self.in_time(ACTION, store_rows(&mut connection, &mut buffer, &batch)).await;
        self.buffer = buffer;
        match copied? {
            Ok(mut written) => {
                written.rejected = bad_scores;
                written.rejected.extend(bad_outcomes);
                Ok(Staged { writer: self, written, connection })
            }
            Err(error) => {
                self.give_up(connection, Some(&error)).await;
                Err(classify(ACTION, error, &self.options))
            }
        }
    }

    /// Rolls back at once, so that nobody waits for locks of a batch that will not be stored. A connection that does
    /// not take that is closed, which does the same.
    async fn give_up(&mut self, mut connection: PgConnection, error: Option<&sqlx::Error>) {
        if error.is_none_or(leaves_connection_usable)
            && self.in_time("roll back", rollback(&mut connection)).await.is_ok_and(|done| done.is_ok())
        {
            self.connection = Some(connection);
        }
    }

    /// The transaction's last statement. Takes the connection with its open transaction and hands it on.
    async fn advance(
        &mut self,
        mut connection: PgConnection,
        offsets: &[OffsetAdvance],
    ) -> Result<PgConnection, WriteError> {
        const ACTION: &str = "move positions on";
        match self.in_time(ACTION, self.owner.advance(&mut connection, offsets)).await? {
            Ok(moved) if moved.len() == offsets.len() => Ok(connection),
            Ok(moved) => {
                self.give_up(connection, None).await;
                let lost: Vec<_> =
                    offsets.iter().map(TopicPartition::of).filter(|partition| !moved.contains(partition)).collect();
                Err(self.fenced(&lost))
            }
            Err(error) => {
                self.give_up(connection, Some(&error)).await;
                Err(classify(ACTION, error, &self.options))
            }
        }
    }
}

impl Staged<'_> {
    /// What will be stored, and what is refused.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Moves the positions on and commits.
    ///
    /// # Errors
    /// [`WriteError::UnknownCommit`]: ask [`SinkWriter::resolve_commit`]. After any other nothing is stored.
    pub async fn commit(self, offsets: &[OffsetAdvance]) -> Result<Written, WriteError> {
        check(offsets)?;
        let Self { writer, written, connection } = self;
        let mut connection = writer.advance(connection, offsets).await?;
        let answer = written.clone();
        // From here on a lost answer, or a call that is dropped, leaves the batch in doubt.
        writer.unresolved = Some(Unresolved { offsets: offsets.to_vec(), written });
        let committed = sqlx::raw_sql("commit").execute(&mut connection);
        // Any error counts as unknown: even a server that says why it ends the connection may have committed before.
        let reason = match tokio::time::timeout(writer.config.write_timeout.get(), committed).await {
            Ok(Ok(_)) => {
                (writer.connection, writer.unresolved) = (Some(connection), None);
                return Ok(answer);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer to the commit within {}", writer.config.write_timeout),
        };
        Err(WriteError::UnknownCommit { reason })
    }
}

async fn rollback(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("rollback").execute(connection).await.map(drop)
}

/// Plain copies where no id is stored yet, which is all but always; otherwise a merge.
async fn store_rows(
    connection: &mut PgConnection,
    buffer: &mut CopyBuffer,
    batch: &Batch<'_>,
) -> Result<Written, sqlx::Error> {
    sqlx::raw_sql("begin").execute(&mut *connection).await?;
    match copy_rows(connection, buffer, batch).await {
        Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
            rollback(connection).await?;
            sqlx::raw_sql("begin").execute(&mut *connection).await?;
            merge(connection, buffer, batch).await
        }
        copied => copied,
    }
}

async fn copy_rows(
    connection: &mut PgConnection,
    buffer: &mut CopyBuffer,
    batch: &Batch<'_>,
) -> Result<Written, sqlx::Error> {
    let scores = copy_some(connection, buffer, &ScoreRows(batch.scores), &batch.bad_scores).await?;
    let outcomes = copy_some(connection, buffer, &OutcomeRows(batch.outcomes), &batch.bad_outcomes).await?;
    Ok(Written { rows: scores, outcomes, ..Written::default() })
}

/// A copy of nothing would still cost two round trips.
pub(super) async fn copy_some(
    connection: &mut PgConnection,
    buffer: &mut CopyBuffer,
    rows: &impl Rows,
    skip: &[usize],
) -> Result<u64, sqlx::Error> {
    if rows.len() == skip.len() { Ok(0) } else { copy_in(connection, buffer, rows, skip).await }
}

impl Batch<'_> {
    /// Rows of this table that can be stored.
    pub(super) fn storable(&self, target: Target) -> usize {
        match target {
            Target::Score => self.scores.len() - self.bad_scores.len(),
            Target::Outcome => self.outcomes.len() - self.bad_outcomes.len(),
        }
    }
}

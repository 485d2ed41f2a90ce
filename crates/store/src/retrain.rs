//! The trainer's queue and its account: `churn.retrain_audit`.

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::store::Store;

/// A request for a new model, as it is heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Its id: the same request heard of twice is one row.
    pub id: Uuid,
    /// When it was made, epoch milliseconds.
    pub requested_at_ms: i64,
    /// `drift`, `performance`, `schedule` or `manual`.
    pub reason: String,
    /// Who asked.
    pub requested_by: String,
    /// The figures behind it, a JSON document.
    pub evidence: String,
    /// The version found wanting, where one was named.
    pub champion_version: Option<String>,
}

/// The requests that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub requests: i64,
    /// How long ago the latest was heard of, milliseconds.
    pub latest_ms_ago: i64,
    /// How long ago the first was heard of, milliseconds.
    pub first_ms_ago: i64,
    /// Whether a person asked.
    pub manual: bool,
    /// Whether a training was left unfinished.
    pub orphaned: bool,
    /// How long ago the last training ended, milliseconds; `None` where there was none.
    pub last_training_ms_ago: Option<i64>,
}

/// A request that is worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: Uuid,
    /// Why it was made.
    pub reason: String,
    /// Who made it.
    pub requested_by: String,
    /// How often its training was begun, this time counted in.
    pub attempts: i32,
    /// Other requests that this training answers as well.
    pub merged: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new champion.
    Promoted,
    /// The gate said no, or somebody else promoted first.
    Rejected,
    /// No model came of it.
    Failed,
}

impl Outcome {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// What is written when a request has ended. Documents are JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// In words.
    pub detail: String,
    /// What was trained on.
    pub training: Option<String>,
    /// The version that came of it.
    pub candidate_version: Option<String>,
    /// The champion that it was compared with.
    pub champion_version: Option<String>,
    /// What the gate said.
    pub decision: Option<String>,
}

/// A row, for whoever waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestStatus {
    /// `requested`, `running`, `promoted`, `rejected`, `failed`, `merged` or `skipped`.
    pub status: String,
    /// What became of it, in words.
    pub detail: Option<String>,
    /// The request whose training answered this one.
    pub merged_into: Option<Uuid>,
    /// The version that came of it.
    pub candidate_version: Option<String>,
    /// The champion that it was compared with.
    pub champion_version: Option<String>,
}

/// Trainings that are over. A rollback's row is none: it keeps nobody waiting.
const ENDED: &str = "status in ('promoted', 'rejected', 'failed') and reason <> 'rollback'";

impl Store {
    /// Remembers a request. False when it was known already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_request(&self, request: &NewRequest) -> Result<bool, StoreError> {
        let recorded = sqlx::query(
            "insert into churn.retrain_audit (request_id, requested_at, reason, requested_by, evidence, champion_version, status)
             values ($1, 'epoch'::timestamptz + $2 * interval '1 ms', $3, $4, $5::jsonb, $6, 'requested')
             on conflict (request_id) do nothing",
        )
        .bind(request.id)
        .bind(request.requested_at_ms)
        .bind(&request.reason)
        .bind(&request.requested_by)
        .bind(&request.evidence)
        .bind(&request.champion_version)
        .execute(self.pool())
        .await
        .map_err(self.failed("record a retraining request"))?;
        Ok(recorded.rows_affected() == 1)
    }

    /// Answers the requests of the monitor that are about another model than the one in use: they were answered by the
    /// promotion since. `but` is the request that this promotion answers itself, whose account may still have to be written.
    /// Gives how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn skip_stale_requests(&self, champion_version: &str, but: Option<Uuid>) -> Result<u64, StoreError> {
        let skipped = sqlx::query(
            "update churn.retrain_audit
             set status = 'skipped', finished_at = now(),
                 detail = format('it is about %s, and %s is the champion since', champion_version, $1::text)
             where status = 'requested' and reason in ('drift', 'performance') and champion_version <> $1
                 and request_id is distinct from $2",
        )
        .bind(champion_version)
        .bind(but)
        .execute(self.pool())
        .await
        .map_err(self.failed("skip outdated retraining requests"))?;
        Ok(skipped.rows_affected())
    }

    /// What waits to be worked on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_requests(&self) -> Result<Waiting, StoreError> {
        let failed = self.failed("look for retraining requests");
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select
                 count(*) filter (where status = 'requested') as requests,
                 coalesce(extract(epoch from now() - max(recorded_at) filter (where status = 'requested')) * 1000, 0)::bigint as latest,
                 coalesce(extract(epoch from now() - min(recorded_at) filter (where status = 'requested')) * 1000, 0)::bigint as first,
                 coalesce(bool_or(reason = 'manual') filter (where status = 'requested'), false) as manual,
                 coalesce(bool_or(status = 'running'), false) as orphaned,
                 (select (extract(epoch from now() - max(finished_at)) * 1000)::bigint from churn.retrain_audit where {ENDED}) as last
             from churn.retrain_audit where status in ('requested', 'running')"
        )))
        .fetch_one(self.pool())
        .await
        .map_err(&failed)?;
        let read = || -> Result<Waiting, sqlx::Error> {
            Ok(Waiting {
                requests: row.try_get("requests")?,
                latest_ms_ago: row.try_get("latest")?,
                first_ms_ago: row.try_get("first")?,
                manual: row.try_get("manual")?,
                orphaned: row.try_get("orphaned")?,
                last_training_ms_ago: row.try_get("last")?,
            })
        };
        read().map_err(&failed)
    }

    /// Takes up a request under the lease's token: one that was left unfinished, or else the oldest that waits. Every other one that
    /// waits is answered by the same training. `None` when there is none, or the lease is another's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_request(&self, lease: &str, token: i64) -> Result<Option<Taken>, StoreError> {
        let failed = self.failed("take up a retraining request");
        let mut transaction = self.pool().begin().await.map_err(&failed)?;
        // The lease's row is locked until the end, so that a successor waits for what is written here.
        let held: Option<i64> = sqlx::query_scalar(
            "select token from churn.lease where name = $1 and token = $2 and expires_at > now() for update",
        )
        .bind(lease)
        .bind(token)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(&failed)?;
        if held.is_none() {
            return Ok(None);
        }
        let row = sqlx::query(
            "update churn.retrain_audit
             set status = 'running', started_at = now(), attempts = attempts + 1, lease_token = $1
             where request_id = (
                 select request_id from churn.retrain_audit where status in ('requested', 'running')
                 order by status = 'running' desc, recorded_at, request_id limit 1
             )
             returning request_id, reason, requested_by, attempts",
        )
        .bind(token)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let mut taken = taken(&row).map_err(&failed)?;
        let merged = sqlx::query(
            "update churn.retrain_audit
             set status = 'merged', merged_into = $1, finished_at = now(), detail = 'answered by the training of another request'
             where status = 'requested'",
        )
        .bind(taken.id)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
        taken.merged = merged.rows_affected();
        transaction.commit().await.map_err(&failed)?;
        Ok(Some(taken))
    }

    /// Writes down how a request ended. False when it is another trainer's since: then nothing is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_request(
        &self,
        token: i64,
        id: Uuid,
        outcome: Outcome,
        account: &Account,
    ) -> Result<bool, StoreError> {
        let finished = sqlx::query(
            "update churn.retrain_audit
             set status = $3, finished_at = now(), detail = $4, training = $5::jsonb, candidate_version = $6,
                 champion_version = coalesce($7, champion_version), decision = $8::jsonb
             where request_id = $1 and status = 'running' and lease_token = $2",
        )
        .bind(id)
        .bind(token)
        .bind(outcome.name())
        .bind(&account.detail)
        .bind(&account.training)
        .bind(&account.candidate_version)
        .bind(&account.champion_version)
        .bind(&account.decision)
        .execute(self.pool())
        .await
        .map_err(self.failed("write down how a retraining ended"))?;
        Ok(finished.rows_affected() == 1)
    }

    /// Lets a request wait again, as if it had not been taken up. Does nothing when it is another trainer's since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn return_request(&self, token: i64, id: Uuid) -> Result<(), StoreError> {
        sqlx::query(
            "update churn.retrain_audit set status = 'requested', started_at = null, attempts = attempts - 1
             where request_id = $1 and status = 'running' and lease_token = $2",
        )
        .bind(id)
        .bind(token)
        .execute(self.pool())
        .await
        .map_err(self.failed("give a retraining request back"))?;
        Ok(())
    }

    /// Writes down that a promotion was taken back: a row of its own, which nobody asked for but the trainer. The candidate is the
    /// version that is champion again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_rollback(&self, id: Uuid, evidence: &str, account: &Account) -> Result<(), StoreError> {
        sqlx::query(
            "insert into churn.retrain_audit (request_id, requested_at, reason, requested_by, evidence, status, detail,
                 candidate_version, champion_version, decision, started_at, finished_at)
             values ($1, now(), 'rollback', 'trainer', $2::jsonb, 'promoted', $3, $4, $5, $6::jsonb, now(), now())
             on conflict (request_id) do nothing",
        )
        .bind(id)
        .bind(evidence)
        .bind(&account.detail)
        .bind(&account.candidate_version)
        .bind(&account.champion_version)
        .bind(&account.decision)
        .execute(self.pool())
        .await
        .map_err(self.failed("write down a rollback"))?;
        Ok(())
    }

    /// What became of a request; `None` while nobody has heard of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn request_status(&self, id: Uuid) -> Result<Option<RequestStatus>, StoreError> {
        let failed = self.failed("look up a retraining request");
        let row = sqlx::query(
            "select status, detail, merged_into, candidate_version, champion_version from churn.retrain_audit where request_id = $1",
        )
        .bind(id)
        .fetch_optional(self.pool())
        .await
        .map_err(&failed)?;
        row.map(|row| status(&row)).transpose().map_err(&failed)
    }

    /// When the schedule last asked, epoch milliseconds; `None` where it never did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_scheduled_ms(&self) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar(
            "select (extract(epoch from max(requested_at)) * 1000)::bigint from churn.retrain_audit where reason = 'schedule'",
        )
        .fetch_one(self.pool())
        .await
        .map_err(self.failed("look up the last scheduled retraining"))
    }
}

fn taken(row: &PgRow) -> Result<Taken, sqlx::Error> {
    Ok(Taken {
        id: row.try_get("request_id")?,
        reason: row.try_get("reason")?,
        requested_by: row.try_get("requested_by")?,
        attempts: row.try_get("attempts")?,
        merged: 0,
    })
}

fn status(row: &PgRow) -> Result<RequestStatus, sqlx::Error> {
    Ok(RequestStatus {
        status: row.try_get("status")?,
        detail: row.try_get("detail")?,
        merged_into: row.try_get("merged_into")?,
        candidate_version: row.try_get("candidate_version")?,
        champion_version: row.try_get("champion_version")?,
    })
}

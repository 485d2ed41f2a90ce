//! Storing a batch of which some ids are stored already, or occur twice in it.
//!
//! Rows go to a temporary table first. One statement stores those whose id is new, the first of each id, and takes them
//! out of the temporary table; what is left there has an id that is stored, and is compared with what is stored under
//! it. Whoever stored it, and when, does not matter: a conflicting insert waits for its transaction and then finds its
//! row.

use std::sync::LazyLock;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::stage::{Batch, copy_some};
use super::{Conflict, Target, Written};
use crate::copy::{
    CopyBuffer, Indexed, OUTCOME_CONTENT, OutcomeRows, ScoreRows, outcome_columns, score_columns, score_content,
};

/// The planner knows nothing of the temporary table and may read all of a big one to compare a batch with it: only
/// looking ids up one by one is right here.
const SETTINGS: &str = "set local enable_hashjoin = off; set local enable_mergejoin = off";

static SCORES: LazyLock<Statements> =
    LazyLock::new(|| Statements::new(Target::Score, score_columns(), score_content()));
static OUTCOMES: LazyLock<Statements> =
    LazyLock::new(|| Statements::new(Target::Outcome, outcome_columns(), OUTCOME_CONTENT.into_iter()));

struct Statements {
    create: String,
    copy: String,
    insert: String,
    compare: String,
}

impl Statements {
    fn new(
        target: Target,
        columns: impl Iterator<Item = &'static str>,
        content: impl Iterator<Item = &'static str>,
    ) -> Self {
        let table = target.table();
        let columns = columns.collect::<Vec<_>>().join(", ");
        let (left, right): (Vec<_>, Vec<_>) =
            content.map(|column| (format!("incoming.{column}"), format!("stored.{column}"))).unzip();
        Self {
            create: format!(
                "create temporary table if not exists incoming_{table} on commit delete rows
                 as select null::integer as row_index, {columns} from churn.{table} with no data"
            ),
            copy: format!("copy pg_temp.incoming_{table} (row_index, {columns}) from stdin (format binary)"),
            insert: format!(
                "with first as materialized (
                     select distinct on (score_id) * from pg_temp.incoming_{table} order by score_id, row_index
                 ),
                 inserted as (
                     insert into churn.{table} ({columns}) select {columns} from first on conflict (score_id) do nothing
                     returning score_id
                 ),
                 new as (
                     select row_index from first where score_id in (select score_id from inserted)
                 )
                 delete from pg_temp.incoming_{table} where row_index in (select row_index from new)"
            ),
            compare: format!(
                "select incoming.row_index, ({}) is not distinct from ({}) as same
                 from pg_temp.incoming_{table} incoming
                 join churn.{table} stored using (score_id)
                 order by incoming.row_index",
                left.join(", "),
                right.join(", ")
            ),
        }
    }
}

/// Merges both parts of a batch, in the open transaction.
pub(super) async fn merge(
    connection: &mut PgConnection,
    buffer: &mut CopyBuffer,
    batch: &Batch<'_>,
) -> Result<Written, sqlx::Error> {
    let mut written = Written::default();
    if batch.storable(Target::Score) > 0 {
        create(connection, &SCORES).await?;
        let rows = Indexed { rows: ScoreRows(batch.scores), statement: &SCORES.copy };
        copy_some(connection, buffer, &rows, &batch.bad_scores).await?;
        written.rows = insert(connection, &SCORES).await?;
        compare(connection, &SCORES, Target::Score, &mut written).await?;
    }
    if batch.storable(Target::Outcome) > 0 {
        create(connection, &OUTCOMES).await?;
        let rows = Indexed { rows: OutcomeRows(batch.outcomes), statement: &OUTCOMES.copy };
        copy_some(connection, buffer, &rows, &batch.bad_outcomes).await?;
        written.outcomes = insert(connection, &OUTCOMES).await?;
        compare(connection, &OUTCOMES, Target::Outcome, &mut written).await?;
    }
    Ok(written)
}

async fn create(connection: &mut PgConnection, statements: &Statements) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statements.create.as_str())).execute(connection).await.map(drop)
}

/// Returns how many were new.
async fn insert(connection: &mut PgConnection, statements: &Statements) -> Result<u64, sqlx::Error> {
    Ok(sqlx::raw_sql(AssertSqlSafe(statements.insert.as_str())).execute(connection).await?.rows_affected())
}

/// Counts the rest as duplicates or conflicts.
async fn compare(
    connection: &mut PgConnection,
    statements: &Statements,
    which: Target,
    written: &mut Written,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await?;
    for row in sqlx::query(AssertSqlSafe(statements.compare.as_str())).fetch_all(connection).await? {
        if row.try_get::<bool, _>("same")? {
            written.duplicates += 1;
        } else {
            // Written from an index of the batch.
            let row = usize::try_from(row.try_get::<i32, _>("row_index")?).unwrap_or_default();
            written.conflicts.push(Conflict { which, row });
        }
    }
    Ok(())
}

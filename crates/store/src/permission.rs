//! Whether the user may do what a part is about to do, asked beforehand.

use sqlx::Row;

use crate::error::StoreError;
use crate::store::Store;

/// What a user is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// `churn setup` and maintenance: makes the schema, tables and partitions.
    Setup,
    /// The sink: stores rows and positions, and has no right to change tables.
    Sink,
    /// Everything that only reads.
    Read,
}

/// Each row: what is lacking, if it is. Null (there is no such schema or table yet) counts as lacking.
const SETUP: &str = "select 'create on the database' as missing where to_regnamespace('churn') is null
    and not has_database_privilege(current_database(), 'create')
 union all select 'create on schema churn' where to_regnamespace('churn') is not null and not has_schema_privilege('churn', 'create')";

const SINK: &str = "select 'usage on schema churn' as missing where not coalesce(has_schema_privilege(to_regnamespace('churn'), 'usage'), false)
 union all select 'temporary on the database' where not has_database_privilege(current_database(), 'temporary')
 union all select right_name || ' on churn.' || table_name
    from (values ('scored_event', 'insert'), ('scored_event', 'select'), ('outcome', 'insert'), ('outcome', 'select'),
                 ('consumer_offset', 'insert'), ('consumer_offset', 'select'), ('consumer_offset', 'update'))
         as needed (table_name, right_name)
    where not coalesce(has_table_privilege(to_regclass('churn.' || table_name), right_name), false)";

const READ: &str = "select 'usage on schema churn' as missing where not coalesce(has_schema_privilege(to_regnamespace('churn'), 'usage'), false)
 union all select 'select on churn.' || table_name
    from (values ('scored_event'), ('outcome'), ('reference_customer'), ('model'), ('model_metric')) as needed (table_name)
    where not coalesce(has_table_privilege(to_regclass('churn.' || table_name), 'select'), false)";

impl Store {
    /// Checks that the configured user has every right that the duty takes; changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Permission`], which lists all that is missing.
    pub async fn check_permissions(&self, duty: Duty) -> Result<(), StoreError> {
        let query = match duty {
            Duty::Setup => SETUP,
            Duty::Sink => SINK,
            Duty::Read => READ,
        };
        let failed = self.failed("read the user's rights");
        let rows = sqlx::query(query).fetch_all(self.pool()).await.map_err(&failed)?;
        let missing: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(&failed)?;
        if missing.is_empty() {
            return Ok(());
        }
        let user = sqlx::query_scalar("select current_user::text").fetch_one(self.pool()).await.map_err(&failed)?;
        Err(StoreError::Permission { server: self.place(), user, missing: missing.join(", ") })
    }
}

//! Making and changing the tables: the files in migrations/, in their order, each once.

use std::collections::BTreeSet;

use sqlx::migrate::{MigrateError, Migrator};

use crate::error::StoreError;
use crate::store::Store;

/// Keeps the record of what was applied with the tables it is about; `public` is often closed to ordinary users.
const APPLIED: &str = "churn.schema_migration";

/// Which migrations a database has. Each is written as in its file's name: `0002 outcome`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Those it has.
    pub applied: Vec<String>,
    /// Those it lacks; `migrate` would apply them in this order.
    pub pending: Vec<String>,
}

impl Store {
    /// Applies what is missing, and says what was applied and missing before. Safe to repeat, and to run twice at once: the
    /// second waits for the first.
    ///
    /// # Errors
    /// [`StoreError`], also where a migration was applied in another form than this program has.
    pub async fn migrate(&self) -> Result<MigrationStatus, StoreError> {
        let mut connection = self.in_turn().await?;
        let before = self.migration_status().await?;
        let failed = self.failed("create the schema churn");
        // Postgres asks for the right to create schemas even where the schema is there: ask for it only where it is
        // needed.
        let there: bool = sqlx::query_scalar("select to_regnamespace('churn') is not null")
            .fetch_one(&mut connection)
            .await
            .map_err(&failed)?;
        if !there {
            sqlx::query("create schema churn").execute(&mut connection).await.map_err(&failed)?;
        }
        migrator().run_direct(None, &mut connection, false).await.map_err(|error| self.migration_failed(error))?;
        // The work is committed; a failed goodbye changes nothing.
        let _ = sqlx::Connection::close(connection).await;
        Ok(before)
    }

    /// What is applied and what is missing; changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn migration_status(&self) -> Result<MigrationStatus, StoreError> {
        let failed = self.failed("read the applied migrations");
        let there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(APPLIED)
            .fetch_one(self.pool())
            .await
            .map_err(&failed)?;
        let versions: BTreeSet<i64> = match there {
            false => BTreeSet::new(),
            true => sqlx::query_scalar("select version from churn.schema_migration where success")
                .fetch_all(self.pool())
                .await
                .map_err(&failed)?
                .into_iter()
                .collect(),
        };
        let mut status = MigrationStatus::default();
        for migration in migrator().iter() {
            let name = format!("{:04} {}", migration.version, migration.description);
            if versions.contains(&migration.version) { status.applied.push(name) } else { status.pending.push(name) }
        }
        Ok(status)
    }

    fn migration_failed(&self, error: MigrateError) -> StoreError {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                self.failed("migrate the schema")(error)
            }
            other => StoreError::Query { action: "migrate the schema", source: sqlx::Error::from(other) },
        }
    }
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.dangerous_set_table_name(APPLIED);
    migrator
}

//! The database: one pool, one place that turns the driver's errors into ours.

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use crate::config::PostgresConfig;
use crate::connect::{connect, is_unproven, options, place_of, server_of};
use crate::error::{StoreError, sqlstate};

/// A database. Cheap to clone; clones share the pool.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    options: PgConnectOptions,
    config: PostgresConfig,
}

impl Store {
    /// Connects. The first connection is made here and closed again, so that an error says what is wrong at once; the
    /// pool opens its own when they are needed.
    ///
    /// # Errors
    /// [`StoreError`]: unusable address, unreachable or refusing server, missing database, old version. Whether the
    /// tables are there is for [`Self::check_schema`] to say.
    pub async fn connect(config: &PostgresConfig) -> Result<Self, StoreError> {
        let store = Self::unconnected(config)?;
        store.reach().await?;
        Ok(store)
    }

    /// Connects once, and checks that the tables are there.
    ///
    /// # Errors
    /// As [`Store::connect`] and [`Store::check_schema`].
    pub async fn reach_tables(&self) -> Result<(), StoreError> {
        self.reach().await?;
        self.check_schema().await
    }

    /// Connects once. Warns, once it is there, where anybody could pretend to be the server.
    async fn reach(&self) -> Result<(), StoreError> {
        let first = connect(&self.options, &self.config).await?;
        if is_unproven(&self.options) {
            tracing::warn!(
                server = %server_of(&self.options),
                "postgres on another machine without proof who answers: add sslmode=verify-full to postgres.url"
            );
        }
        // Whatever goes wrong with saying goodbye does not concern the pool.
        let _ = sqlx::Connection::close(first).await;
        Ok(())
    }

    /// A database that may not be reachable now: the pool connects when it is asked for something.
    ///
    /// # Errors
    /// [`StoreError::Url`]
    pub fn unconnected(config: &PostgresConfig) -> Result<Self, StoreError> {
        let options = options(config)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.connect_timeout.get())
            .connect_lazy_with(options.clone());
        Ok(Self { pool, options, config: config.clone() })
    }

    /// The pool, for queries that are a part's own.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// `host:port/database`, for messages.
    pub fn place(&self) -> String {
        place_of(&self.options)
    }

    /// Checks that the tables are there, with all migrations that this program knows.
    ///
    /// # Errors
    /// [`StoreError::MissingSchema`], which says `churn setup`.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let status = self.migration_status().await?;
        if status.pending.is_empty() {
            return Ok(());
        }
        let reason = match status.applied.is_empty() {
            true => "it has no tables of churnstream".to_owned(),
            false => format!("it lacks the migrations {}", status.pending.join(", ")),
        };
        Err(StoreError::MissingSchema { server: self.place(), reason })
    }

    /// Asks whether the server answers.
    ///
    /// # Errors
    /// [`StoreError`] with the reason why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let limit = self.config.connect_timeout;
        let asked = tokio::time::timeout(limit.get(), sqlx::query("select 1").execute(&self.pool)).await;
        match asked {
            Ok(answer) => answer.map(drop).map_err(self.failed("ask for a sign of life")),
            Err(_) => Err(StoreError::Unreachable {
                server: server_of(&self.options),
                reason: format!("no answer within {limit}"),
            }),
        }
    }

    /// Closes the pool; a query in flight ends first.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A connection of its own, outside of the pool, without a limit on its statements' time: for migrations and
    /// maintenance.
    pub(crate) async fn unhurried(&self) -> Result<PgConnection, StoreError> {
        let options =
            self.options.clone().options([("statement_timeout", 0), ("idle_in_transaction_session_timeout", 0)]);
        connect(&options, &self.config).await
    }

    /// Names a failed statement. To be given to `map_err`.
    pub(crate) fn failed(&self, action: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |error| explain(action, error, &self.options)
    }
}

/// What a failed statement means.
pub(crate) fn explain(action: &'static str, error: sqlx::Error, options: &PgConnectOptions) -> StoreError {
    let message = || error.as_database_error().map(|error| error.message().to_owned()).unwrap_or_default();
    match (sqlstate(&error).as_deref(), &error) {
        (Some("42P01" | "3F000"), _) => StoreError::MissingSchema { server: place_of(options), reason: message() },
        (Some("42501"), _) => StoreError::Permission {
            server: place_of(options),
            user: options.get_username().to_owned(),
            missing: format!("it cannot {action} ({})", message()),
        },
        (None, sqlx::Error::PoolTimedOut) => StoreError::Unreachable {
            server: server_of(options),
            reason: "no connection became free in time".to_owned(),
        },
        (None, sqlx::Error::Io(reason)) => {
            StoreError::Unreachable { server: server_of(options), reason: format!("cannot {action}: {reason}") }
        }
        _ => StoreError::Query { action, source: error },
    }
}

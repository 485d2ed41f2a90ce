//! What can go wrong between a part and Postgres outside of a sink's writes ([`crate::WriteError`]).

use churn_runtime::exit::{Fate, Fated};
use thiserror::Error;

/// An error of this crate. The message names the thing, the place and the way out, and never a password.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The address cannot be understood.
    #[error("postgres.url is not usable: {0}; expected postgres://user:password@host:port/database")]
    Url(String),
    /// Nobody answers, or the server takes no connections now: that may pass.
    #[error("cannot reach postgres at {server}: {reason}; check that it runs and that postgres.url names it")]
    Unreachable {
        /// `host:port`.
        server: String,
        /// What happened.
        reason: String,
    },
    /// Who answers is not Postgres, or does not prove to be the server that is asked for; or what is needed to ask is not there.
    #[error("cannot use postgres at {server}: {reason}; check that postgres.url names it")]
    Unusable {
        /// `host:port`.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server turns the user away.
    #[error("postgres at {server} refuses user {user}: {reason}; check user and password in postgres.url")]
    Refused {
        /// `host:port`.
        server: String,
        /// The user.
        user: String,
        /// The server's reason.
        reason: String,
    },
    /// The database is not there.
    #[error(
        "postgres at {server} has no database {database}; create it with `createdb {database}`, or name another in postgres.url"
    )]
    MissingDatabase {
        /// `host:port`.
        server: String,
        /// The database asked for.
        database: String,
    },
    /// The server is older than what this crate relies on.
    #[error("postgres at {server} is version {found}, but {} or newer is needed", StoreError::OLDEST_MAJOR)]
    TooOld {
        /// `host:port`.
        server: String,
        /// Its version.
        found: String,
    },
    /// The tables are not there, or not all of them.
    #[error("the database at {server} is not set up: {reason}; run `churn setup`")]
    MissingSchema {
        /// `host:port/database`.
        server: String,
        /// What is missing.
        reason: String,
    },
    /// The user lacks rights.
    #[error("user {user} lacks rights at {server}: {missing}; grant them, or connect as another user")]
    Permission {
        /// `host:port/database`.
        server: String,
        /// The user.
        user: String,
        /// Each right and what it is on.
        missing: String,
    },
    /// The stored positions are those of another Kafka cluster.
    #[error(
        "the positions of consumer {consumer} are those of Kafka cluster {stored}, but this is cluster {current}; check kafka.brokers and postgres.url, or, where the stream has moved for good, give the old positions up with `churn offsets forget --cluster {stored}`"
    )]
    ForeignCluster {
        /// The consumer.
        consumer: String,
        /// Id of the cluster that the positions belong to.
        stored: String,
        /// Id of the connected cluster.
        current: String,
    },
    /// Positions that somebody is moving on.
    #[error("consumer {consumer} is at work on {owned}; stop it first, or use --force to take the partitions from it")]
    InUse {
        /// The consumer.
        consumer: String,
        /// Each partition and the server process of its owner.
        owned: String,
    },
    /// Rows that cannot be stored.
    #[error("cannot store row {row}: {reason}")]
    Data {
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A statement failed for a reason that has no name of its own.
    #[error("cannot {action}: {source}")]
    Query {
        /// What was being done.
        action: &'static str,
        /// What the driver or the server says.
        source: sqlx::Error,
    },
}

impl StoreError {
    /// `pg_terminate_backend` with a timeout came with version 14.
    pub const OLDEST_MAJOR: u32 = 14;

    /// Whether it may pass without anybody's doing: the server is away, starts, or has no connection free.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Query { source, .. } => !is_own_fault(source),
            _ => false,
        }
    }
}

impl Fated for StoreError {
    fn fate(&self) -> Fate {
        match self {
            Self::Data { .. } => Fate::Data,
            Self::Url(_) | Self::TooOld { .. } | Self::ForeignCluster { .. } => Fate::Internal,
            Self::Query { source, .. } if is_own_fault(source) => Fate::Internal,
            _ => Fate::External,
        }
    }
}

/// The server's error code, where the server is what failed.
pub(crate) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(Into::into)
}

/// Whether the statement itself is wrong, so that trying again cannot help: all but lost connections, missing
/// resources, rolled back transactions and interventions (classes 08, 40, 53, 55, 57, 58).
pub(crate) fn is_own_fault(error: &sqlx::Error) -> bool {
    match sqlstate(error) {
        Some(code) => !["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)),
        None => !matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_) | sqlx::Error::PoolClosed
        ),
    }
}

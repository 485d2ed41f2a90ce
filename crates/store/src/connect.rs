//! Opening connections, and saying clearly why one could not be opened.

use std::io::ErrorKind;

use churn_runtime::exit::reasons;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::config::PostgresConfig;
use crate::error::{StoreError, sqlstate};

/// A server that lost a client without a word notices after this many seconds of silence plus three probes of
/// [`PROBE_SECONDS`]: until then the dead client's locks delay its successor.
const IDLE_SECONDS: u32 = 10;
const PROBE_SECONDS: u32 = 3;

/// The driver's options for this configuration; nothing is connected.
pub(crate) fn options(config: &PostgresConfig) -> Result<PgConnectOptions, StoreError> {
    let url = config.url.expose();
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(StoreError::Url("it does not begin with postgres://".to_owned()));
    }
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| match error {
        sqlx::Error::Configuration(reason) => StoreError::Url(reason.to_string()),
        other => StoreError::Url(other.to_string()),
    })?;
    Ok(options
        .application_name("churnstream")
        .options([
            ("statement_timeout", config.statement_timeout.as_millis()),
            ("lock_timeout", config.lock_timeout.as_millis()),
            ("idle_in_transaction_session_timeout", config.write_timeout.as_millis()),
            ("tcp_keepalives_idle", u64::from(IDLE_SECONDS)),
            ("tcp_keepalives_interval", u64::from(PROBE_SECONDS)),
            ("tcp_keepalives_count", 3),
        ])
        // Errors and durations are this project's own to log.
        .disable_statement_logging())
}

/// Whether another machine is reached by a connection that does not prove who answers: a password sent there may go to anyone.
pub(crate) fn is_unproven(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    options.get_socket().is_none() && !here && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)
}

/// `host:port`, or the socket's folder.
pub(crate) fn server_of(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// `host:port/database`.
pub(crate) fn place_of(options: &PgConnectOptions) -> String {
    format!("{}/{}", server_of(options), options.get_database().unwrap_or_else(|| options.get_username()))
}

/// One connection to a server that is new enough.
pub(crate) async fn connect(options: &PgConnectOptions, config: &PostgresConfig) -> Result<PgConnection, StoreError> {
    let limit = config.connect_timeout.get();
    let connection = match tokio::time::timeout(limit, PgConnection::connect_with(options)).await {
        Ok(connected) => connected.map_err(|error| explain(&error, options))?,
        Err(_) => {
            let reason = format!("no answer within {}", config.connect_timeout);
            return Err(StoreError::Unreachable { server: server_of(options), reason });
        }
    };
    match connection.server_version_num() {
        Some(number) if number < StoreError::OLDEST_MAJOR * 10_000 => {
            let found = (number / 10_000).to_string();
            Err(StoreError::TooOld { server: server_of(options), found })
        }
        _ => Ok(connection),
    }
}

fn explain(error: &sqlx::Error, options: &PgConnectOptions) -> StoreError {
    let server = server_of(options);
    match sqlstate(error).as_deref() {
        Some("3D000") => {
            let database = options.get_database().unwrap_or_else(|| options.get_username()).to_owned();
            StoreError::MissingDatabase { server, database }
        }
        Some(code) if code.starts_with("28") => {
            StoreError::Refused { server, user: options.get_username().to_owned(), reason: message_of(error) }
        }
        _ if may_pass(error, options) => StoreError::Unreachable { server, reason: message_of(error) },
        _ => StoreError::Unusable { server, reason: message_of(error) },
    }
}

/// Whether a server that starts, or a network that comes back, would take the connection.
fn may_pass(error: &sqlx::Error, options: &PgConnectOptions) -> bool {
    match error {
        // Starting, stopping, or out of connections.
        sqlx::Error::Database(_) => true,
        sqlx::Error::Io(error) => match error.kind() {
            // A socket that is not there is a server that does not run; any other file is a certificate's.
            ErrorKind::NotFound => options.get_socket().is_some(),
            // What TLS makes of a certificate that it does not trust.
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::PermissionDenied => false,
            _ => true,
        },
        _ => false,
    }
}

fn message_of(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::UnexpectedEof => {
                "the other side closed the connection; it may not be a postgres server".to_owned()
            }
            _ => error.to_string(),
        },
        sqlx::Error::Tls(reason) => format!(
            "no TLS connection: {}; check sslmode and sslrootcert in postgres.url, and the server's certificate",
            reasons(reason.as_ref())
        ),
        sqlx::Error::Protocol(_) => "the other side does not speak postgres".to_owned(),
        other => other.to_string(),
    }
}

//! Databases on the shared Postgres server.

use std::thread;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::fresh::fresh_name;
use crate::servers;

/// An empty database of one test; dropped with this value, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    /// `postgres://user:password@127.0.0.1:port/name`, of a superuser.
    pub url: String,
    /// The database's name, needing no quotes in SQL.
    pub name: String,
    server: String,
}

/// Creates an empty database with a name of its own on the shared server.
///
/// Roles belong to the whole server, not to a database: name them by [`crate::fresh_name`].
///
/// # Errors
/// When the server refuses or cannot be reached.
///
/// # Panics
/// When the shared servers are not up; the message names the command that starts them.
pub async fn fresh_database() -> Result<Database> {
    let server = servers::shared().postgres.url;
    let name = fresh_name("test").replace('-', "_");
    // template0 is the one template that nobody can be connected to, which would block the copy.
    run(&server, format!("create database {name} template template0")).await?;
    Ok(Database { url: format!("{server}/{name}"), name, server })
}

impl Drop for Database {
    /// Best effort: what is left behind goes when the servers go down.
    fn drop(&mut self) {
        let drop_database = format!("drop database if exists {} with (force)", self.name);
        let server = self.server.clone();
        // A thread of its own, because the test's runtime cannot be waited for from inside it.
        let dropper = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&server, drop_database))
        });
        let _ = dropper.join();
    }
}

/// Runs one statement in the server's `postgres` database.
async fn run(server: &str, statement: String) -> Result<()> {
    let mut connection = PgConnection::connect(&format!("{server}/postgres"))
        .await
        .with_context(|| format!("cannot connect to postgres at {server}"))?;
    let done = connection.execute(AssertSqlSafe(statement.clone())).await;
    done.with_context(|| format!("postgres refused `{statement}`"))?;
    connection.close().await.context("cannot close the connection to postgres")
}

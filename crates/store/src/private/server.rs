//! Making, starting and stopping the server's processes.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use churn_runtime::config::ConnectionUrl;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::Instant;

use super::USER;
use super::binaries::Binaries;
use super::error::PrivateError;
use super::folder::{Folder, data};
use super::user::{User, is_root};

/// How long a start or a stop may take, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a starting server. It takes a tenth of a second or so.
const POLL: Duration = Duration::from_millis(15);
/// Another program may take the free port before the server does.
const PORT_ATTEMPTS: u32 = 5;
/// How much of a log an error quotes.
const QUOTED_BYTES: usize = 1_500;
/// Bytes of chance in the password.
const PASSWORD_BYTES: usize = 24;

/// Settings that differ from Postgres' own. Durability stays as it is.
const SETTINGS: [(&str, &str); 12] = [
    ("listen_addresses", "127.0.0.1"),
    // TCP is all that is used, and a socket's path has a length limit that a temporary folder can pass.
    ("unix_socket_directories", ""),
    ("max_connections", "40"),
    ("shared_buffers", "128MB"),
    ("wal_buffers", "16MB"),
    // Nobody replicates it: the log needs no more than recovery does.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    // A new segment of the log is written once, not first with zeros: without a checkpoint, none is ever used again.
    ("wal_init_zero", "off"),
    // A checkpoint amid a demo would show as a dent in the throughput.
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "30min"),
    // Containers often have too little shared memory for parallel plans, and the other core is busy.
    ("max_parallel_workers_per_gather", "0"),
    // Compiling a plan costs more than the short queries here take.
    ("jit", "off"),
];

/// Makes the database cluster, where the folder has none.
pub(super) async fn create(binaries: &Binaries, folder: &Folder) -> Result<(), PrivateError> {
    if folder.data().join("PG_VERSION").exists() {
        return Ok(());
    }
    // What a run left that was killed half way.
    let _ = fs::remove_dir_all(folder.data());
    write_password(folder)?;
    // C.UTF-8 sorts by code point, as everything else here does, and knows letters; not every system has it.
    match initdb(binaries, folder, "C.UTF-8").await {
        Err(PrivateError::Program { output, .. }) if output.contains("locale") => initdb(binaries, folder, "C").await,
        done => done,
    }
}

async fn initdb(binaries: &Binaries, folder: &Folder, locale: &str) -> Result<(), PrivateError> {
    let mut command = command(binaries, "initdb", folder.path(), folder.user);
    command.arg("--pgdata").arg(folder.data()).arg("--pwfile").arg(folder.password());
    command.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", locale]);
    // Nothing is lost if the machine dies now; the server syncs what it writes itself.
    command.args(["--no-sync", "--no-instructions"]);
    run(command, "initdb").await
}

/// Starts the server; returns when it accepts connections.
pub(super) async fn start(binaries: &Binaries, folder: &Folder) -> Result<(Child, ConnectionUrl), PrivateError> {
    let password = fs::read_to_string(folder.password()).map_err(|error| folder.unusable(&error))?;
    let mut attempt = 1;
    loop {
        let port = free_port().map_err(|error| folder.unusable(&error))?;
        let url = format!("postgres://{USER}:{}@127.0.0.1:{port}/postgres", password.trim());
        let child = launch(binaries, folder, port)?;
        match wait(child, &url, folder).await {
            Ok(child) => return Ok((child, ConnectionUrl::new(url))),
            Err(PrivateError::Start { log, .. }) if attempt < PORT_ATTEMPTS && log.contains("could not bind") => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn launch(binaries: &Binaries, folder: &Folder, port: u16) -> Result<Child, PrivateError> {
    let log = File::create(folder.log()).map_err(|error| folder.unusable(&error))?;
    let mut command = command(binaries, "postgres", folder.path(), folder.user);
    command.arg("-D").arg(folder.data()).arg("-c").arg(format!("port={port}"));
    for (name, value) in SETTINGS {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.stdout(Stdio::null()).stderr(log);
    command.spawn().map_err(|error| PrivateError::Program { program: "postgres".to_owned(), output: error.to_string() })
}

/// Waits until the server lets somebody in. It may only be this server: another one on this port would not know the
/// password.
async fn wait(mut child: Child, url: &str, folder: &Folder) -> Result<Child, PrivateError> {
    let failed = |reason: String| PrivateError::Start { reason, log: end_of(&folder.log()) };
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| failed(error.to_string()))?;
    let options = options.disable_statement_logging();
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(failed(format!("it ended with {status}")));
        }
        match tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                let _ = connection.close().await;
                return Ok(child);
            }
            _ if Instant::now() < deadline => tokio::time::sleep(POLL).await,
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("it accepted no connection within {} s", PATIENCE.as_secs())));
            }
        }
    }
}

/// Stops the server. A kept folder is written out first.
pub(super) async fn stop(binaries: &Binaries, folder: &Folder) -> Result<(), PrivateError> {
    let done = run(stop_command(binaries, folder.path(), folder.user, mode(folder)), "pg_ctl stop").await;
    done.map_err(|error| PrivateError::Stop(error.to_string()))
}

/// The same for a destructor, which cannot wait asynchronously and has nobody to tell.
pub(super) fn stop_now(binaries: &Binaries, folder: &Folder) {
    let _ = stop_command(binaries, folder.path(), folder.user, mode(folder)).output();
}

/// Ends a server that runs on this folder though its owner is gone. The process id in its file may be another process's
/// by now: it is the server only if the folder stands in its command line.
pub(super) async fn end_left_over(binaries: &Binaries, folder: &Path) {
    let data = data(folder);
    let Ok(file) = fs::read_to_string(data.join("postmaster.pid")) else { return };
    let Some(pid) = file.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else { return };
    if command_line(pid).is_some_and(|line| line.contains(&*data.to_string_lossy())) {
        let owner = if is_root() { User::owner_of(&data) } else { None };
        let command = stop_command(binaries, folder, owner, "immediate");
        if let Err(error) = run(command, "pg_ctl stop").await {
            tracing::warn!(folder = %folder.display(), %error, "cannot end a left-over postgres");
        }
    }
}

/// A temporary folder's data are not worth a last checkpoint.
fn mode(folder: &Folder) -> &'static str {
    if folder.is_temporary() { "immediate" } else { "fast" }
}

fn stop_command(binaries: &Binaries, folder: &Path, user: Option<User>, mode: &str) -> Command {
    let mut command = command(binaries, "pg_ctl", folder, user);
    command.arg("-D").arg(data(folder)).args(["-m", mode, "-w", "-t", &PATIENCE.as_secs().to_string(), "stop"]);
    command
}

/// A program of Postgres as the server's user, out of reach of the terminal's Ctrl-C, with messages in English and
/// nothing else of the environment that Postgres would listen to.
fn command(binaries: &Binaries, program: &str, folder: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(binaries.program(program));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").current_dir(folder).stdin(Stdio::null()).process_group(0);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

async fn run(command: Command, program: &str) -> Result<(), PrivateError> {
    let failed = |output: String| PrivateError::Program { program: program.to_owned(), output };
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output().await.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(failed(tail(&String::from_utf8_lossy(&said))))
}

fn write_password(folder: &Folder) -> Result<(), PrivateError> {
    let file = folder.password();
    let written = || -> std::io::Result<()> {
        let mut chance = [0; PASSWORD_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut chance)?;
        let password: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(&file, password)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        match folder.user {
            Some(user) => chown(&file, Some(user.uid), Some(user.gid)),
            None => Ok(()),
        }
    };
    written().map_err(|error| folder.unusable(&error))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The command line of a process, from the system's own listing, or from `ps` where there is none.
fn command_line(pid: u32) -> Option<String> {
    if let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&line).replace('\0', " "));
    }
    let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn end_of(log: &Path) -> String {
    tail(&String::from_utf8_lossy(&fs::read(log).unwrap_or_default()))
}

/// The last lines of a text.
fn tail(text: &str) -> String {
    let text = text.trim();
    let mut from = text.len().saturating_sub(QUOTED_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

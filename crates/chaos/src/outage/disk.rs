//! A real disk that is full: a tablespace on a small tmpfs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sqlx::PgConnection;
use tempfile::TempDir;

/// Room on the small disk at first: what is stored by then, and some seconds of the stream.
const ROOM: &str = "64m";

/// A small disk under the scores' table.
#[derive(Debug)]
pub(super) struct Disk {
    folder: TempDir,
}

impl Disk {
    pub(super) fn mount() -> Result<Self> {
        let folder = TempDir::new()?;
        run("mount", &["-t", "tmpfs", "-o", &format!("size={ROOM},mode=0777"), "tmpfs", &path(folder.path())])
            .context("mount a small disk (takes root)")?;
        Ok(Self { folder })
    }

    pub(super) async fn move_tables(&self, connection: &mut PgConnection) -> Result<()> {
        let data: String = sqlx::query_scalar("show data_directory").fetch_one(&mut *connection).await?;
        let place = self.folder.path().join("tablespace");
        std::fs::create_dir(&place)?;
        // Postgres wants a folder of its own user, who has to get there.
        run("chmod", &["711", &path(self.folder.path())])?;
        run("chown", &["--reference", &data, &path(&place)])?;
        let create = format!("create tablespace small location '{}'", place.display());
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut *connection).await?;
        let partitions: Vec<String> = sqlx::query_scalar(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'churn.scored_event'::regclass",
        )
        .fetch_all(&mut *connection)
        .await?;
        for partition in partitions {
            let moved = format!("alter table {partition} set tablespace small");
            sqlx::query(sqlx::AssertSqlSafe(moved)).execute(&mut *connection).await?;
        }
        Ok(())
    }

    pub(super) fn grow(&self) -> Result<()> {
        run("mount", &["-o", "remount,size=4g", &path(self.folder.path())]).context("make the disk larger")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The server that used it is gone by now, or going: the mount goes with its last user.
        let _ = run("umount", &["--lazy", &path(self.folder.path())]);
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let done = Command::new(program).args(args).output().with_context(|| format!("run {program}"))?;
    ensure!(done.status.success(), "{program} {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}

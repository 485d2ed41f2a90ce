//! The loss of the database, and its restoration from a backup that is some seconds old, by the scripts that an operator has.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use churn_testkit::poll_until;

use super::Run;
use crate::plan::Target;

/// How much longer the stream flows after the backup: what is stored meanwhile is lost with the database, and has to come back.
const AFTER_BACKUP: Duration = Duration::from_secs(4);
/// The server takes a moment to notice that a stopped part has left.
const LEFT: Duration = Duration::from_secs(20);

impl Run<'_> {
    pub(super) async fn lose_and_restore(&mut self) -> Result<()> {
        self.mend().await?;
        let folder = self.stack.folder().join("backup");
        self.script("backup.sh", &[&folder.display().to_string()]).await?;
        let kept = self.count("select count(*) from churn.scored_event").await?;
        self.pass(AFTER_BACKUP).await?;
        // Those who write to the database; events and scores go on.
        self.stop_all(Target::Sink(0)).await?;
        self.stop_all(Target::Monitor).await?;
        let trains = self.stack.part(Target::Trainer).is_some();
        self.stop_all(Target::Trainer).await?;
        let lost = self.count("select count(*) from churn.scored_event").await?;
        ensure!(lost > kept, "nothing was stored after the backup, so nothing would be lost with the database");
        self.say(&format!("the database is lost with {lost} scores; the backup has about {kept}"));
        self.watch.leave();
        let backup = folder.display().to_string();
        poll_until(LEFT, || async { self.script("restore.sh", &[&backup, "--yes"]).await.map(|()| true) }).await?;
        self.stack.command(&["setup"]).await?;
        for target in [Target::Sink(0), Target::Sink(1), Target::Monitor] {
            self.stack.add(target)?;
        }
        if trains {
            self.add_trainer().await?;
        }
        self.say("restored");
        Ok(())
    }

    async fn script(&self, name: &str, args: &[&str]) -> Result<()> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
        let done = tokio::process::Command::new("bash")
            .arg(script)
            .args(args)
            .envs(self.stack.env())
            .output()
            .await
            .with_context(|| format!("run {name}"))?;
        ensure!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }
}

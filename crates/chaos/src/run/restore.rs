//! The loss of the database and of the registry's folder, and their restoration from a backup that is some seconds old, by the scripts that
//! an operator has.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use churn_registry::{Champion, Kind, Registry};
use churn_testkit::poll_until;

use super::{Run, STILL};
use crate::plan::Target;

/// How much longer the stream flows after the backup: what is stored meanwhile is lost with the database, and has to come back.
const AFTER_BACKUP: Duration = Duration::from_secs(4);
/// The server takes a moment to notice that a stopped part has left.
const LEFT: Duration = Duration::from_secs(20);

impl Run<'_> {
    pub(super) async fn lose_and_restore(&mut self) -> Result<()> {
        self.await_resumption().await?;
        // What it published after the backup would be lost, with scores of it left that nobody could check.
        let trains = self.stack.part(Target::Trainer).is_some();
        self.stop_all(Target::Trainer).await?;
        let registry = self.stack.registry()?;
        let reigning = champions(&registry).await?;
        let folder = self.stack.folder().join("backup");
        self.script("backup.sh", &[&folder.display().to_string()]).await?;
        let kept = self.count("select count(*) from churn.scored_event").await?;
        self.flow_on(kept).await?;
        let lost = self.watch.begin("the loss of the database", true);
        // Those who write to the database; events and scores go on.
        self.stop_all(Target::Sink(0)).await?;
        self.stop_all(Target::Monitor).await?;
        let rows = self.count("select count(*) from churn.scored_event").await?;
        // Those who serve the champion go on with the one they have.
        let place = registry.place();
        std::fs::remove_dir_all(&place).with_context(|| format!("delete the registry's folder {place}"))?;
        self.say(&format!(
            "the database is lost with {rows} scores, the backup has about {kept}; the registry is lost"
        ));
        self.watch.leave();
        let backup = folder.display().to_string();
        poll_until(LEFT, || async { self.script("restore.sh", &[&backup, "--yes"]).await.map(|()| true) }).await?;
        // Before setup, which would make a first champion in an empty registry.
        ensure!(champions(&registry).await? == reigning, "the restored registry has other champions than the lost one");
        self.stack.command(&["setup"]).await?;
        for target in [Target::Sink(0), Target::Sink(1), Target::Monitor] {
            self.stack.add(target)?;
        }
        if trains {
            self.add_trainer().await?;
        }
        self.watch.come_back();
        self.watch.end(lost);
        self.say("restored");
        Ok(())
    }

    /// Returns when more is stored than the backup has: after a fault that takes the parts a while.
    async fn flow_on(&mut self, kept: i64) -> Result<()> {
        let patience = Instant::now() + STILL;
        loop {
            self.pass(AFTER_BACKUP).await?;
            if self.count("select count(*) from churn.scored_event").await? > kept {
                return Ok(());
            }
            ensure!(
                Instant::now() < patience,
                "nothing is stored after the backup, so nothing would be lost with the database"
            );
        }
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

/// The champion of each kind, as its pointer was written; the version that it names is there and whole.
async fn champions(registry: &Registry) -> Result<Vec<Champion>> {
    let mut champions = Vec::new();
    for kind in [Kind::Model, Kind::Generator] {
        let champion =
            registry.champion(kind).await?.with_context(|| format!("the registry has no {kind} as champion"))?;
        registry
            .load_champion(&champion)
            .await
            .with_context(|| format!("load the champion {}", champion.reign.version))?;
        champions.push(champion);
    }
    Ok(champions)
}

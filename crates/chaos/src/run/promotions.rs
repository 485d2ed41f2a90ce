//! Another champion under load: as an operator promotes it, who tells the parts, and with the pointer alone, which they have to find.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use churn_registry::{Kind, Registry, RegistryError, Version};
use serde_json::Value;

use super::versions::promotion;
use super::{Run, TICK};
use crate::flow::RESUME_WITHIN;
use crate::stack::PARTITIONS;

/// Of so many promotions, one is told to nobody.
const SILENT: usize = 3;
/// An operator whose champion was moved by somebody else at the same moment tries again so often.
const TRIES: usize = 5;

impl Run<'_> {
    /// A promotion of the plan, at whatever moment.
    pub(super) async fn promote(&mut self) -> Result<()> {
        self.promotions += 1;
        if self.promotions.is_multiple_of(SILENT) {
            let version = self.promote_in_silence().await?;
            self.say(&format!("promoted {version}, which nobody is told"));
        } else {
            let (version, announced) = self.promote_as_operator().await?;
            self.say(&format!("promoted {version}, {}", if announced { "announced" } else { "not announced" }));
        }
        Ok(())
    }

    /// The last promotion, when nothing is broken any more: those who have been through all faults still hear of it, long before they
    /// would look by themselves.
    pub(super) async fn announce(&mut self) -> Result<()> {
        self.promotions += 1;
        let since = self.database_time().await?;
        let (version, announced) = self.promote_as_operator().await?;
        let began = Instant::now();
        // Every partition's scorer.
        while self.partitions_of(version, since).await? < PARTITIONS as i64 && began.elapsed() < RESUME_WITHIN {
            self.pass(TICK).await?;
        }
        let (took, partitions) = (began.elapsed(), self.partitions_of(version, since).await?);
        if announced && partitions == PARTITIONS as i64 {
            self.say(&format!(
                "{version} was announced and scores in every partition {:.1} s later",
                took.as_secs_f64()
            ));
        } else if self.stack.registry()?.champion(Kind::Model).await?.is_some_and(|now| now.version != version) {
            self.say(&format!("{version} was overtaken by another champion"));
        } else {
            self.unheard += 1;
            self.say(&format!(
                "{version}, announced: {announced}, scores in {partitions} of {PARTITIONS} partitions {:.1} s later",
                took.as_secs_f64()
            ));
        }
        Ok(())
    }

    /// `churn model promote`; which one, and whether the parts were told.
    async fn promote_as_operator(&mut self) -> Result<(Version, bool)> {
        let registry = self.stack.registry()?;
        let mut tried = 0;
        loop {
            let (version, _) = self.next_version(&registry).await?;
            tried += 1;
            let why = "a fault asks no gate";
            let done =
                self.stack.command(&["model", "promote", &version.to_string(), "--override", why, "--json"]).await;
            match done {
                // The trainer promoted one at this moment.
                Err(_) if tried < TRIES => tokio::time::sleep(Duration::from_millis(100)).await,
                done => {
                    let said: Value =
                        serde_json::from_str(&done?).context("read what `churn model promote` answered")?;
                    return Ok((
                        version,
                        said["announced"].as_bool().context("it does not say whether it told the parts")?,
                    ));
                }
            }
        }
    }

    async fn promote_in_silence(&mut self) -> Result<Version> {
        let registry = self.stack.registry()?;
        loop {
            let (version, champion) = self.next_version(&registry).await?;
            match registry.promote(&promotion(version), Some(&champion)).await {
                // The trainer promoted one at this moment.
                Err(RegistryError::Overtaken { .. }) => {}
                done => return done.map(|_| version).map_err(Into::into),
            }
        }
    }

    /// One that is not the champion, and the champion.
    async fn next_version(&self, registry: &Registry) -> Result<(Version, churn_registry::Champion)> {
        let champion = registry.champion(Kind::Model).await?.context("there is no champion")?;
        let others: Vec<Version> = self.versions.iter().copied().filter(|v| *v != champion.version).collect();
        Ok((others[self.promotions % others.len()], champion))
    }

    /// Partitions with rows of this model that were stored since.
    async fn partitions_of(&self, version: Version, since_ms: i64) -> Result<i64> {
        let query = "select count(distinct source_partition) from churn.scored_event
            where model_version = $1 and stored_at >= to_timestamp($2 / 1000.0)";
        let query = sqlx::query_scalar(query).bind(version.to_string()).bind(since_ms);
        Ok(query.fetch_one(&mut self.stack.connect().await?).await?)
    }

    async fn database_time(&self) -> Result<i64> {
        self.count("select (extract(epoch from clock_timestamp()) * 1000)::bigint").await
    }
}

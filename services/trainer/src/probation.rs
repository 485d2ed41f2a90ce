//! After a promotion: the predecessor is held against the champion on events since then, and returns when it is better.
//!
//! Both models score the same labelled events anew, whoever scored them in the stream. Neither was trained on any of them. The
//! test is the gate's, with the roles changed. It is made at a few numbers of rows, each twice the one before, at a p-value
//! divided by their number: looking again and again would find a worse champion by chance sooner or later. So the looks are counted in
//! Postgres, each before it is taken, and a trainer that is started again goes on counting. What a look said is written down before
//! anybody acts upon it: a trainer that was lost between the two is made up for by its successor.

use std::time::Duration;

use anyhow::Context;
use churn_learn::Artifact;
use churn_learn::compare::{Gate, Verdict};
use churn_registry::{Champion, Kind, RegistryError, Version};
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_store::{Account, Looks, Reign};
use serde_json::json;
use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::core::{BY, Core, object};
use crate::data::Rows;
use crate::handle::Step;
use crate::hook::Change;
use crate::training;

/// Numbers of rows at which the two are compared: 1, 2, 4 and 8 times `probation_rows`.
const LOOKS: u32 = 4;

/// What is known of the champion's probation.
#[derive(Debug, Default)]
pub(crate) struct Probation {
    looked: Option<Stopwatch>,
}

impl Probation {
    /// Looks after the champion, when it is time to. Gives the change when the predecessor has returned.
    pub(crate) async fn look(&mut self, core: &Core, champion: &Champion) -> anyhow::Result<Option<Change>> {
        let config = &core.config;
        let every = config.probation_poll.get();
        if self.looked.as_ref().is_some_and(|looked| looked.elapsed() < every) {
            return Ok(None);
        }
        self.looked = Some(Stopwatch::start());
        let now = now_ms();
        let Some(predecessor) = on_probation(champion, config.probation.get(), now) else { return Ok(None) };
        let reign = Reign {
            manifest_hash: champion.manifest_sha256.clone(),
            promoted_at_ms: champion.promoted_at.as_millisecond(),
        };
        let looks = core.store.probation_looks(&reign).await.context("read the champion's probation")?;
        if let Some(verdict) = left_over(&looks) {
            return take_back(core, champion, predecessor, &verdict).await;
        }
        if looks.begun >= LOOKS {
            return Ok(None);
        }
        let needed = config.probation_rows.saturating_mul(1 << looks.begun);
        let since = champion.promoted_at.as_millisecond()..now;
        let found = core.store.count_labelled(since.clone(), needed).await.context("count labelled events")?;
        if found < needed {
            return Ok(None);
        }
        let rows =
            core.store.labelled_rows(since, config.max_rows.min(needed)).await.context("read labelled events")?;
        let rows = Rows { features: rows.features, label: rows.churned };
        let pair = Pair::load(core, champion, predecessor).await?;
        // Nothing that may be tried again stands between here and the verdict.
        let look = looks.begun + 1;
        if !core.store.begin_look(&reign, look, found).await.context("count a look at the champion")? {
            return Ok(None);
        }
        let verdict = pair.compare(core, rows).await?;
        if let Err(error) = core.store.end_look(&reign, look, &json!(verdict).to_string()).await {
            // The look is counted, so it cannot be taken again: what it said is acted upon all the same.
            tracing::warn!(%error, verdict = verdict.reason, "a look at the champion could not be written down");
        }
        tracing::info!(
            champion = %champion.version,
            %predecessor,
            look,
            rows = verdict.figures.rows,
            champion_log_loss = verdict.figures.log_loss.champion,
            predecessor_log_loss = verdict.figures.log_loss.challenger,
            returns = verdict.passed,
            "the champion was held against its predecessor"
        );
        match verdict.passed {
            true => take_back(core, champion, predecessor, &verdict).await,
            false => Ok(None),
        }
    }
}

/// The champion and the one before it.
struct Pair {
    reigning: Artifact,
    former: Artifact,
}

impl Pair {
    async fn load(core: &Core, champion: &Champion, predecessor: Version) -> anyhow::Result<Self> {
        let reigning = core.registry.load_champion(champion).await.context("load the champion")?;
        let former = core.registry.load(Kind::Model, predecessor).await.context("load the champion's predecessor")?;
        Ok(Self {
            reigning: Artifact::from_files(&reigning.files).context("read the champion")?,
            former: Artifact::from_files(&former.files).context("read the champion's predecessor")?,
        })
    }

    /// The gate's test with the roles changed: it passes when the former champion is the better one.
    async fn compare(self, core: &Core, rows: Rows) -> anyhow::Result<Verdict> {
        let gate = core.config.gate();
        let gate = Gate { max_p_value: gate.max_p_value / f64::from(LOOKS), min_rows: 1, ..gate };
        let work = move || training::judge(&gate, &self.former.model, &self.reigning.model, &rows);
        training::aside(core.config.nice, work).await.context("compare the champion with its predecessor")
    }
}

/// A verdict for the predecessor upon which nobody has acted: the trainer was lost before it could.
fn left_over(looks: &Looks) -> Option<Verdict> {
    let verdict = looks.last_verdict.as_deref()?;
    match serde_json::from_str::<Verdict>(verdict) {
        Ok(verdict) => verdict.passed.then_some(verdict),
        Err(error) => {
            tracing::warn!(%error, "the last look at the champion cannot be read; the next one goes on without it");
            None
        }
    }
}

/// The predecessor that may return, while the champion is on probation. Not when the champion itself has returned, nor when somebody
/// has promoted it past the gate: they have said why.
fn on_probation(champion: &Champion, probation: Duration, now_ms: i64) -> Option<Version> {
    let before = champion.history.first()?;
    let age = now_ms.saturating_sub(champion.promoted_at.as_millisecond());
    let over = u128::try_from(age).unwrap_or(0) > probation.as_millis();
    if over || probation.is_zero() || before.rolled_back || champion.overridden.is_some() {
        return None;
    }
    champion.predecessor().map(|reign| reign.version)
}

async fn take_back(
    core: &Core,
    champion: &Champion,
    predecessor: Version,
    verdict: &Verdict,
) -> anyhow::Result<Option<Change>> {
    let loss = &verdict.figures.log_loss;
    let reason = format!(
        "{predecessor} is better than {} on {} labelled events since its promotion: log-loss {:.4} instead of {:.4} (p = {:.2e})",
        champion.version, verdict.figures.rows, loss.challenger, loss.champion, loss.p_value
    );
    match core.registry.roll_back(champion, Some(predecessor), BY, &reason, now_ms()).await {
        Ok(after) => core.announce(champion, &after).await,
        Err(RegistryError::Overtaken { .. }) => return Ok(None),
        Err(error) => return Err(error).context("return to the champion's predecessor"),
    }
    core.metrics.rolled_back();
    core.handle.add(Step::RolledBack, reason.clone());
    let account = Account {
        detail: reason,
        candidate_version: Some(predecessor.to_string()),
        champion_version: Some(champion.version.to_string()),
        decision: Some(json!(verdict).to_string()),
        training: None,
    };
    let evidence = serde_json::Value::Object(object(json!(verdict.figures))).to_string();
    // The pointer has moved and says why itself: a row that cannot be written now changes nothing of that.
    if let Err(error) = core.store.record_rollback(rollback_id(champion), &evidence, &account).await {
        tracing::error!(%error, "the rollback is not in churn.retrain_audit; the champion's pointer tells of it");
    }
    let (version, previous) = (predecessor.to_string(), champion.version.to_string());
    Ok(Some(Change { version, previous, reason: "rollback" }))
}

/// One a promotion.
fn rollback_id(champion: &Champion) -> uuid::Uuid {
    let promoted = champion.promoted_at.as_millisecond();
    let digest = Sha256::digest(format!("rollback {} {promoted}", champion.manifest_sha256).as_bytes());
    let mut random = [0; 16];
    random[6..].copy_from_slice(&digest[..10]);
    uuid::Uuid::from_u128(Ulid::from_parts(now_ms().max(0).cast_unsigned(), u128::from_be_bytes(random)).0)
}

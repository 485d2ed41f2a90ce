//! Models to be promoted in the middle of a run.

use anyhow::{Context as _, Result};
use churn_domain::csv::{ReadOptions, read};
use churn_registry::{Draft, Kind, Promotion, Registry, Version};
use serde_json::Map;

use super::Options;

/// Models beside the first one, to be promoted in turns.
const MORE_MODELS: usize = 2;

/// Publishes models that differ from the first one, each trained on another part of the customers.
pub(super) async fn more_models(options: &Options, registry: &Registry) -> Result<Vec<Version>> {
    let first = registry.champion(Kind::Model).await?.context("setup left no champion")?;
    let text =
        std::fs::read_to_string(&options.customers).with_context(|| format!("read {}", options.customers.display()))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut versions = vec![first.version];
    for number in 1..=MORE_MODELS {
        let part = lines.iter().enumerate().filter(|(line, _)| *line == 0 || line % (MORE_MODELS + 1) != number);
        let part: String = part.map(|(_, line)| format!("{line}\n")).collect();
        let customers = read(part.as_bytes(), ReadOptions::default())?;
        let trained = churn_learn::train(&customers, &churn_learn::TrainParams::default(), &mut |_| {})?;
        let draft = Draft {
            kind: Kind::Model,
            created_at_ms: now_ms(),
            created_by: "chaos".into(),
            params: Map::new(),
            lineage: Map::new(),
            metrics: Map::new(),
            decision: None,
            files: trained.artifact.to_files()?,
        };
        versions.push(registry.publish(draft).await?.manifest.version);
    }
    Ok(versions)
}

pub(super) fn promotion(version: Version) -> Promotion {
    Promotion {
        kind: Kind::Model,
        version,
        by: "chaos".into(),
        reason: "a fault of the plan".into(),
        overridden: Some("a fault asks no gate".into()),
        at_ms: now_ms(),
    }
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

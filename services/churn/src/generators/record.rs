//! Every fit in the registry, with its report; the better generator is the champion.

use anyhow::Context;
use churn_domain::csv::Customers;
use churn_registry::{Champion, Draft, Kind, Promotion, Registry, RegistryError};
use churn_runtime::clock::now_ms;
use churn_runtime::exit::Ending;
use churn_synth::Generator;
use churn_synth::quality;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::measure::{Measured, Sampling, labelled};
use super::page;
use crate::bootstrap::load_generator;

pub(crate) const GENERATOR_FILE: &str = "generator.json";
const REPORT_FILE: &str = "report.json";
const PAGE_FILE: &str = "report.html";
/// How much lower a score may be and still be called no worse: what two samples of one generator differ by.
const NO_WORSE: f64 = 0.002;

/// What became of a fit.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recorded {
    pub(crate) version: String,
    pub(crate) champion: bool,
    pub(crate) reason: String,
}

/// A generator and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit<'a> {
    pub(crate) generator: &'a Generator,
    pub(crate) measured: &'a Measured,
    pub(crate) customers: &'a Customers,
    pub(crate) sampling: Sampling,
    /// Where the customers came from.
    pub(crate) source: &'a str,
    /// Who fitted it.
    pub(crate) by: &'a str,
}

/// Publishes the generator with its report, and makes it the champion where there is none or it is not worse on the same
/// customers.
///
/// # Errors
/// The registry cannot be read or written.
pub(crate) async fn record(registry: &Registry, fit: Fit<'_>) -> anyhow::Result<(Recorded, Option<Champion>)> {
    let draft = draft(&fit)?;
    let artifact = registry.publish(draft).await.map_err(Ending::of).context("publish the generator")?;
    let version = artifact.manifest.version;
    let old = registry.champion(Kind::Generator).await.map_err(Ending::of).context("look up the champion")?;
    let (better, reason) = match &old {
        None => (true, "the registry had none".to_owned()),
        Some(old) => judge(registry, old, &fit).await?,
    };
    let recorded = |champion, reason| Recorded { version: version.to_string(), champion, reason };
    if !better {
        return Ok((recorded(false, reason), old));
    }
    let promotion = Promotion {
        kind: Kind::Generator,
        version,
        by: fit.by.into(),
        reason: reason.clone(),
        overridden: None,
        at_ms: now_ms(),
    };
    match registry.promote(&promotion, old.as_ref()).await {
        Ok(champion) => Ok((recorded(true, reason), Some(champion))),
        Err(RegistryError::Overtaken { winner: Some(winner), .. }) => {
            let reason = format!("{} became the champion at the same time", winner.version);
            Ok((recorded(false, reason), Some(*winner)))
        }
        Err(error) => Err(Ending::of(error)).context("promote the generator"),
    }
}

/// What is published of a fitted generator.
///
/// # Errors
/// It cannot be written.
pub(crate) fn draft(fit: &Fit<'_>) -> anyhow::Result<Draft> {
    let Measured { quality, diagnostic, privacy, usefulness, .. } = fit.measured;
    let metrics = json!({
        "overall": quality.overall,
        "column_shapes": quality.column_shapes,
        "pair_trends": quality.pair_trends,
        "pair_trends_all": quality.pair_trends_all,
        "diagnostic": diagnostic.overall,
        "overfitting_protection": privacy.overfitting.map(|protection| protection.score),
        "baseline_protection": privacy.baseline.score,
        "new_rows": privacy.new_rows.score,
        "auc_trained_on_real": usefulness.auc_trained_on_real,
        "auc_trained_on_synthetic": usefulness.auc_trained_on_synthetic,
    });
    let lineage = json!({ "data": fit.source, "rows": fit.customers.len(), "summary": fit.generator.summary() });
    let params = json!({
        "method": fit.generator.version(),
        "report_rows": fit.sampling.rows,
        "report_seed": fit.sampling.seed,
    });
    let report = serde_json::to_vec_pretty(fit.measured).context("write the report")?;
    let files = [
        (GENERATOR_FILE.to_owned(), fit.generator.to_json().context("write the generator")?),
        (REPORT_FILE.to_owned(), report),
        (PAGE_FILE.to_owned(), page::html(fit.measured, "Synthetic customers").into_bytes()),
    ];
    Ok(Draft {
        kind: Kind::Generator,
        created_at_ms: now_ms(),
        created_by: fit.by.into(),
        params: object(params),
        lineage: object(lineage),
        metrics: object(metrics),
        decision: None,
        files: files.into(),
    })
}

/// Whether the new generator is not worse than the champion on the new one's customers, and why.
async fn judge(registry: &Registry, old: &Champion, fit: &Fit<'_>) -> anyhow::Result<(bool, String)> {
    let champion = match load_generator(registry, old).await {
        Ok(champion) => champion,
        Err(error) => return Ok((true, format!("the champion {} cannot be used: {error:#}", old.version))),
    };
    let real = labelled(fit.customers, "the data")?;
    let Sampling { rows, seed } = fit.sampling;
    let sample = champion.sample(seed, 0..rows);
    let synthetic = quality::Customers::new(&sample.features, &sample.label);
    let (theirs, ours) = (quality::report(real, synthetic).overall, fit.measured.quality.overall);
    let (their_values, our_values) = (quality::diagnostic(real, synthetic).overall, fit.measured.diagnostic.overall);
    let better = ours >= theirs - NO_WORSE && our_values >= their_values - NO_WORSE;
    let word = if better { "not worse" } else { "worse" };
    let reason = format!(
        "{word} than {} on the same customers: overall {ours:.4} beside {theirs:.4}, diagnostic {our_values:.4} beside \
         {their_values:.4}",
        old.version
    );
    Ok((better, reason))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

//! A scorer whose registry is a bucket, and that trusts nothing in it but what one key has signed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use churn_domain::Interned;
use churn_registry::{Kind, Registry, RegistryConfig, S3Config};
use churn_runtime::config::Secret;
use churn_testkit::{Bucket, fresh_bucket};

use crate::cluster::{Stack, stop};
use crate::swaps::{Stage, publish, trained};

/// Of RFC 8410, section 10: known to everybody.
const PRIVATE: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
const PUBLIC: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

/// Not written out: no file of the project may look as if it held a key.
fn pem(kind: &str, body: &str) -> String {
    format!("-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n")
}

/// The bucket's registry as somebody sees it who signs with this key; empty: who may write, and cannot sign.
async fn registry(bucket: &Bucket, signing_key: &str) -> Result<Registry> {
    let s3 = S3Config {
        bucket: bucket.name.clone(),
        endpoint: Some(bucket.endpoint.clone()),
        access_key_id: bucket.access_key.clone(),
        secret_access_key: Secret::new(&bucket.secret_key),
        ..S3Config::default()
    };
    let signing_key = Secret::new(signing_key);
    Ok(Registry::open(&RegistryConfig { s3, signing_key, ..RegistryConfig::default() }).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_on_a_bucket_takes_signed_champions_and_refuses_all_others() -> Result<()> {
    let (mut stack, bucket) = (Stack::new().await?, fresh_bucket()?);
    stack.set("CHURN__REGISTRY__S3__BUCKET", &bucket.name);
    stack.set("CHURN__REGISTRY__S3__ENDPOINT", &bucket.endpoint);
    stack.set("CHURN__REGISTRY__S3__ACCESS_KEY_ID", &bucket.access_key);
    stack.set("CHURN__REGISTRY__S3__SECRET_ACCESS_KEY", &bucket.secret_key);
    // The operator's commands sign; the scorer has the public half alone.
    let key = pem("PRIVATE", PRIVATE);
    stack.set("CHURN__REGISTRY__SIGNING_KEY", &key);
    let public = stack.folder().join("public.pem");
    std::fs::write(&public, pem("PUBLIC", PUBLIC))?;
    let trusted = format!("file:{}", public.display());
    let scorer = [("CHURN__REGISTRY__SIGNING_KEY", ""), ("CHURN__REGISTRY__TRUSTED_KEYS", trusted.as_str())];
    let stage = Stage::on(stack, registry(&bucket, &key).await?, &scorer).await?;
    let intruder = registry(&bucket, "").await?;
    let synthesizer = stage.stack.part("synthesizer", &[("CHURN__SYNTHESIZER__RATE", "500")])?;
    stage.goes_on().await.context("with the champion that `churn setup` signed")?;

    let second = publish(&stage.registry, trained(1)?).await?;
    stage.promote(second).await?;
    stage.announce().await?;
    stage.until("churn_scorer_model_swaps_total", |swaps| swaps == 1.0).await?;
    stage.goes_on().await?;

    // A signed pointer to a version that has lost its signature since.
    let third = publish(&stage.registry, trained(2)?).await?;
    stage.promote(third).await?;
    std::fs::remove_file(bucket.object(&format!("models/{third}/manifest.sig")))?;
    stage.announce().await?;
    stage.until("churn_scorer_model_refusals_total", |refusals| refusals == 1.0).await?;
    stage.goes_on().await?;
    // The key's owner cannot promote an unsigned version in the first place.
    let fourth = publish(&intruder, trained(2)?).await?.to_string();
    let refused = stage.stack.run(&["model", "promote", &fourth, "--override", "a test has no gate"]);
    let said = crate::run::stderr(&refused);
    ensure!(refused.status.code() == Some(65) && said.contains("no signature"), "{}: {said}", refused.status);

    // A pointer that somebody moved who may write to the bucket and has no key.
    let stands = stage.registry.champion(Kind::Model).await?.context("a champion")?;
    let unsigned = Stage::promotion(fourth.parse()?);
    intruder.promote(&unsigned, Some(&stands)).await?;
    stage.announce_of(&intruder).await?;
    stage.until("churn_scorer_model_refusals_total", |refusals| refusals == 2.0).await?;
    stage.goes_on().await?;
    ensure!(stage.metric("churn_scorer_model_swaps_total").await? == 1.0, "{}", stage.scorer.stderr());
    // Nothing can be promoted upon it, but over it: then all is as it was.
    let refused = stage.stack.run(&["model", "promote", "v2"]);
    let said = crate::run::stderr(&refused);
    ensure!(refused.status.code() == Some(65) && said.contains("--override"), "{}: {said}", refused.status);
    let moved = stage.stack.command(&["model", "promote", "v2", "--override", "somebody moved the pointer"]);
    ensure!(moved["to"] == "v2" && moved["from"].is_null(), "{moved}");
    ensure!(stage.registry.champion(Kind::Model).await?.is_some_and(|champion| champion.version == second));
    stage.goes_on().await?;
    stop(synthesizer, "synthesizer").await?;

    let said = stage.scorer.stderr();
    let models = format!("s3://{}/models", bucket.name);
    for place in [format!("{models}/{third}/manifest.json"), format!("{models}/champion.json")] {
        ensure!(said.contains(&place), "nothing is said of {place}: {said}");
    }
    ensure!(said.contains("no signature") && said.contains("the model in place stays"), "{said}");
    let scores = stage.scores(&stage.cluster.topics().scores).await?;
    let by = words(&scores.model_version);
    ensure!(by.len() == 2 && by.contains_key("v1") && by.contains_key("v2"), "{by:?}");
    stop(stage.scorer, "scorer").await
}

fn words(column: &Interned) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for row in 0..column.codes().len() {
        *words.entry(column.get(row).unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    words
}

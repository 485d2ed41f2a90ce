//! Models swapped in a running scorer by announcements alone, on a real Kafka.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use churn_domain::ScoreBatch;
use churn_domain::csv::{ReadOptions, read};
use churn_registry::{Draft, Kind, Promotion, Registry, Version};
use churn_runtime::progress::Progress;
use churn_serving::{Scored, Served};
use churn_stream::{Cluster, KafkaConfig};
use churn_testkit::{Program, free_port, kafka, poll_until, schema_registry};
use churn_wire::{Codec, Decoder, SchemaRegistry, ScoreCodec, WireConfig};
use serde_json::Map;

use crate::cluster::{PATIENCE, Stack, metric, stop};
use crate::run::shipped_data;

const SWAPS: usize = 20;
const REASONS: usize = 3;

/// A scorer that never looks for itself, and what is around it.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) registry: Registry,
    pub(crate) cluster: Cluster,
    schemas: Arc<SchemaRegistry>,
    pub(crate) scorer: Program,
    metrics: String,
}

impl Stage {
    async fn new(scorer: &[(&str, &str)]) -> Result<Self> {
        let stack = Stack::new().await?;
        let registry = Registry::folder(stack.folder().join(".churn/registry"))?;
        Self::on(stack, registry, scorer).await
    }

    /// On the registry that the stack's parts use.
    pub(crate) async fn on(stack: Stack, registry: Registry, scorer: &[(&str, &str)]) -> Result<Self> {
        stack.command(&["setup"]);
        let listen = format!("127.0.0.1:{}", free_port());
        let own = [("CHURN__SCORER__MODEL_POLL", "1h"), ("CHURN__HTTP__LISTEN", listen.as_str())];
        let scorer = stack.part("scorer", &[&own[..], scorer].concat())?;
        let config = KafkaConfig {
            brokers: kafka().bootstrap,
            topic_prefix: stack.prefix().to_owned(),
            ..KafkaConfig::default()
        };
        let cluster = Cluster::connect(&config, &Progress::new()).await?;
        let schemas = SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?;
        let metrics = format!("http://{listen}/metrics");
        Ok(Self { stack, registry, cluster, schemas: Arc::new(schemas), scorer, metrics })
    }

    /// The sum over a metric's labels; 0 while there is none, or nobody answers yet.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64> {
        metric(&self.metrics, name).await
    }

    pub(crate) async fn until(&self, name: &str, enough: impl Fn(f64) -> bool) -> Result<()> {
        poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(enough(self.metric(name).await?)))
            .await
            .with_context(|| format!("{name}: {}", self.scorer.stderr()))
    }

    /// Some more events are scored, whichever model scores them.
    pub(crate) async fn goes_on(&self) -> Result<()> {
        let scored = self.metric("churn_scorer_events_scored_total").await?;
        self.until("churn_scorer_events_scored_total", |now| now > scored).await
    }

    /// Moves the pointer and tells nobody.
    pub(crate) async fn promote(&self, version: Version) -> Result<()> {
        let before = self.registry.champion(Kind::Model).await?;
        self.registry.promote(&Self::promotion(version), before.as_ref()).await?;
        Ok(())
    }

    pub(crate) fn promotion(version: Version) -> Promotion {
        let (by, reason) = ("test".into(), "test".into());
        let overridden = Some("a test has no gate".into());
        Promotion { kind: Kind::Model, version, by, reason, overridden, at_ms: 0 }
    }

    pub(crate) async fn announce(&self) -> Result<()> {
        self.announce_of(&self.registry).await
    }

    /// Announces the champion that this registry shows.
    pub(crate) async fn announce_of(&self, registry: &Registry) -> Result<()> {
        let champion = registry.champion(Kind::Model).await?.context("a champion")?;
        let update = churn_updates::moved(None, &champion).context("an update")?;
        Ok(churn_updates::announce(&self.cluster, &self.schemas, &update).await?)
    }

    /// Every committed score of a topic.
    pub(crate) async fn scores(&self, topic: &str) -> Result<ScoreBatch> {
        let mut decoder = Decoder::<ScoreCodec>::new(Arc::clone(&self.schemas), topic);
        let mut scores = ScoreBatch::default();
        for partition in 0..self.cluster.topic_partitions(topic).await? {
            let mut scan = self.cluster.scan(topic, partition).await?;
            while let Some(records) = tokio::task::block_in_place(|| scan.next_batch())? {
                for record in records.iter() {
                    decoder.read(record.value(), None, &mut scores).await??;
                }
            }
        }
        Ok(scores)
    }

    async fn count(&self, topic: &str) -> Result<usize> {
        let mut count = 0;
        for partition in 0..self.cluster.topic_partitions(topic).await? {
            let mut scan = self.cluster.scan(topic, partition).await?;
            while let Some(records) = tokio::task::block_in_place(|| scan.next_batch())? {
                count += records.len();
            }
        }
        Ok(count)
    }

    /// What every model of the registry says of these customers, by version and hash.
    async fn truth(&self, scores: &ScoreBatch, versions: &[Version]) -> Result<HashMap<(String, String), Said>> {
        let mut truth = HashMap::new();
        for &version in versions {
            let served = Served::of_version(&self.registry, version).await?;
            let mut scored = Scored::default();
            served.score(&scores.event.features, REASONS, 2, &mut scored);
            let said =
                scored.rows().map(|(probability, row, reasons)| (probability.to_bits(), owned(reasons.row(row))));
            truth.insert((served.version().to_owned(), served.hash().to_owned()), said.collect());
        }
        Ok(truth)
    }
}

type Reasons = Vec<(String, u32)>;
type Said = Vec<(u64, Reasons)>;

fn owned<'a>(reasons: impl Iterator<Item = (&'a str, f32)>) -> Reasons {
    reasons.map(|(feature, by)| (feature.to_owned(), by.to_bits())).collect()
}

pub(crate) fn model(scores: &ScoreBatch, row: usize) -> (String, String) {
    let word = |column: &churn_domain::Interned| column.get(row).unwrap_or_default().to_owned();
    (word(&scores.model_version), word(&scores.model_hash))
}

/// The files of a model that differs from those of other seeds.
pub(crate) fn trained(seed: u64) -> Result<BTreeMap<String, Vec<u8>>> {
    let text = std::fs::read_to_string(shipped_data())?;
    let some: String = text.lines().take(1_001).map(|line| format!("{line}\n")).collect();
    let customers = read(some.as_bytes(), ReadOptions::default())?;
    let params = churn_learn::TrainParams { seed, folds: 2, ..churn_learn::TrainParams::default() };
    Ok(churn_learn::train(&customers, &params, &mut |_| {})?.artifact.to_files()?)
}

pub(crate) async fn publish(registry: &Registry, files: BTreeMap<String, Vec<u8>>) -> Result<Version> {
    let draft = Draft {
        kind: Kind::Model,
        created_at_ms: 0,
        created_by: "test".into(),
        params: Map::new(),
        lineage: Map::new(),
        metrics: Map::new(),
        decision: None,
        files,
    };
    Ok(registry.publish(draft).await?.manifest.version)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_twenty_swaps_under_load_no_event_is_lost_doubled_or_stamped_with_a_model_that_did_not_score_it()
-> Result<()> {
    let stage = Stage::new(&[("CHURN__SCORER__PREDECESSOR_SHADOW", "1h")]).await?;
    let mut versions = vec!["v1".parse()?];
    for seed in [1, 2] {
        versions.push(publish(&stage.registry, trained(seed)?).await?);
    }
    let synthesizer = stage.stack.part("synthesizer", &[("CHURN__SYNTHESIZER__RATE", "2000")])?;
    stage.goes_on().await?;
    for swap in 1..=SWAPS {
        let version = versions[swap % versions.len()].to_string();
        let moved = stage.stack.command(&["model", "promote", &version, "--override", "a test has no gate"]);
        ensure!(moved["announced"] == true, "{moved}");
        stage.until("churn_scorer_model_swaps_total", |swaps| swaps >= swap as f64).await?;
        stage.goes_on().await?;
    }
    stop(synthesizer, "synthesizer").await?;
    let topics = stage.cluster.topics();
    let events = stage.count(&topics.events).await?;
    stage.until("churn_scorer_events_scored_total", |scored| scored as usize >= events).await?;

    let scores = stage.scores(&topics.scores).await?;
    let ids: HashSet<_> = scores.score_id.iter().collect();
    let last = scores.event.sequence.iter().max().map_or(0, |last| last + 1);
    ensure!((scores.len(), ids.len(), last) == (events, events, i64::try_from(events)?), "lost or doubled");
    let truth = stage.truth(&scores, &versions).await?;
    let mut scored_by = BTreeMap::new();
    for (row, probability) in scores.probability.iter().enumerate() {
        let model = model(&scores, row);
        let said = (probability.to_bits(), owned(scores.reasons.row(row)));
        ensure!(truth[&model][row] == said, "{model:?} did not score row {row}: {said:?}");
        *scored_by.entry(model.0).or_insert(0) += 1;
    }
    ensure!(scored_by.len() == versions.len(), "{scored_by:?}");
    shadowed(&stage, &scores, &versions).await?;
    stop(stage.scorer, "scorer").await
}

/// The predecessor's scores stand beside the champion's: of the same events, in the same partitions, by another model.
async fn shadowed(stage: &Stage, scores: &ScoreBatch, versions: &[Version]) -> Result<()> {
    let champion: HashMap<_, _> = (0..scores.len()).map(|row| (scores.score_id[row], row)).collect();
    let shadows = stage.scores(&stage.cluster.topics().shadow).await?;
    ensure!(shadows.len() > scores.len() / 2, "{} of {} scores have a shadow", shadows.len(), scores.len());
    let truth = stage.truth(&shadows, versions).await?;
    let mut seen = HashSet::new();
    for (row, probability) in shadows.probability.iter().enumerate() {
        let model = model(&shadows, row);
        ensure!(truth[&model][row].0 == probability.to_bits(), "{model:?} did not score shadow {row}");
        let beside = *champion.get(&shadows.score_id[row]).context("a shadow of no score")?;
        ensure!(scores.lineage.offset[beside] == shadows.lineage.offset[row], "another event's place");
        ensure!(self::model(scores, beside) != model, "a model is in its own shadow");
        ensure!(seen.insert((shadows.score_id[row], model)), "shadow {row} comes twice");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_missing_or_newer_champion_is_refused_and_the_old_one_scores_on() -> Result<()> {
    let stage = Stage::new(&[]).await?;
    let files = trained(1)?;
    let mut newer = files.clone();
    let model = String::from_utf8(newer["model.json"].clone())?;
    newer.insert(
        "model.json".into(),
        model.replacen(&format!("\"format\": {}", churn_learn::ARTIFACT_FORMAT), "\"format\": 99", 1).into_bytes(),
    );
    let corrupt = publish(&stage.registry, files.clone()).await?;
    let missing = publish(&stage.registry, files.clone()).await?;
    let newer = publish(&stage.registry, newer).await?;
    let good = publish(&stage.registry, files).await?;
    let folder = |version: Version| stage.stack.folder().join(format!(".churn/registry/models/{version}"));
    let synthesizer = stage.stack.part("synthesizer", &[("CHURN__SYNTHESIZER__RATE", "500")])?;
    stage.goes_on().await?;
    for (refused, version) in [corrupt, missing, newer].into_iter().enumerate() {
        stage.promote(version).await?;
        // After the promotion, which would have found it.
        if version == corrupt {
            let encoder = folder(version).join("encoder.json");
            let mut bytes = std::fs::read(&encoder)?;
            bytes[10] ^= 1;
            std::fs::write(&encoder, bytes)?;
        } else if version == missing {
            std::fs::remove_dir_all(folder(version))?;
        }
        stage.announce().await?;
        stage.until("churn_scorer_model_refusals_total", |count| count > refused as f64).await?;
        stage.goes_on().await?;
    }
    stage.promote(good).await?;
    stage.announce().await?;
    stage.until("churn_scorer_model_swaps_total", |swaps| swaps > 0.0).await?;
    stage.goes_on().await?;
    ensure!(stage.metric("churn_scorer_model_refusals_total").await? == 3.0, "each is refused once");
    stop(synthesizer, "synthesizer").await?;
    let said = stage.scorer.stderr();
    for reason in ["encoder.json", "has no model v3", "format 99"] {
        ensure!(said.contains(reason), "nothing is said of {reason}: {said}");
    }
    let scores = stage.scores(&stage.cluster.topics().scores).await?;
    let by: HashSet<String> = (0..ScoreCodec::rows(&scores)).map(|row| self::model(&scores, row).0).collect();
    ensure!(by == HashSet::from(["v1".to_owned(), good.to_string()]), "{by:?}");
    stop(stage.scorer, "scorer").await
}

//! The stream's own promise, on a real Kafka: whatever happens to the synthesizer, each number is in both topics once, with the
//! customer and the outcome that seed, generator and scenarios give it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use churn_domain::{Column, EventBatch, FEATURES, OutcomeBatch};
use churn_registry::{Kind, Registry};
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, KafkaConfig};
use churn_synth::{EventSource, Generator, Recurrence, Scenario, ScenarioKind, StreamSample};
use churn_synthesizer::SCENARIO_HEADER;
use churn_testkit::{free_port, http_client, kafka, poll_until, schema_registry};
use churn_wire::{
    Codec, Decoded, Decoder, EventCodec, OutcomeCodec, SchemaRegistry, VALUE_SCHEMA_ID_HEADER, WireConfig,
};
use serde_json::{Value, json};

use crate::cluster::{PATIENCE, Stack, stop};

const STREAM: &str = "synthesizer-0";
/// More than any test writes to a partition.
const ALL: usize = 10_000_000;

pub(crate) struct Oracle {
    pub(crate) cluster: Cluster,
    schemas: Arc<SchemaRegistry>,
    generator: Arc<Generator>,
}

impl Oracle {
    pub(crate) async fn of(stack: &Stack) -> Result<Self> {
        let config = KafkaConfig {
            brokers: kafka().bootstrap,
            topic_prefix: stack.prefix().to_owned(),
            ..KafkaConfig::default()
        };
        let cluster = Cluster::connect(&config, &Progress::new()).await?;
        let wire = WireConfig { url: schema_registry(), ..WireConfig::default() };
        let registry = Registry::folder(stack.folder().join(".churn/registry"))?;
        let champion = registry.champion(Kind::Generator).await?.context("no generator")?;
        let artifact = registry.load_champion(&champion).await?;
        let generator = Generator::from_json(&artifact.files["generator.json"])?;
        Ok(Self { cluster, schemas: Arc::new(SchemaRegistry::open(&wire)?), generator: Arc::new(generator) })
    }

    async fn position(&self) -> Result<Value> {
        let stored = self.cluster.latest(&self.cluster.topics().positions, STREAM.as_bytes()).await?;
        Ok(serde_json::from_slice(&stored.context("no position yet")?)?)
    }

    /// Waits until the stream is at least so long.
    async fn reaches(&self, number: i64) -> Result<i64> {
        poll_until(PATIENCE, async || {
            let next = self.position().await?["next_sequence"].as_i64();
            Ok::<_, anyhow::Error>(next.filter(|next| *next >= number))
        })
        .await
    }

    /// Every committed record of a topic, and the number and text of each scenario mark.
    pub(crate) async fn read<C: Codec>(&self, topic: &str, batch: &mut C::Batch) -> Result<Vec<(usize, Value)>> {
        let mut decoder = Decoder::<C>::new(self.schemas.clone(), topic);
        let mut marks = Vec::new();
        for partition in 0..self.cluster.topic_partitions(topic).await? {
            let records = self.cluster.tail(topic, partition, ALL).await?;
            for record in records.iter() {
                let value = record.value().context("a tombstone")?;
                while let Decoded::Miss(schema) =
                    decoder.decode_into(value, record.header(VALUE_SCHEMA_ID_HEADER), batch)?
                {
                    decoder.learn(schema).await?;
                }
                ensure!(record.header("traceparent").is_none(), "a trace that nobody asked for");
                if let Some(mark) = record.header(SCENARIO_HEADER) {
                    marks.push((C::rows(batch) - 1, serde_json::from_slice(mark)?));
                }
            }
        }
        Ok(marks)
    }

    fn expected(&self, events: usize, scenarios: &[Scenario]) -> Result<StreamSample> {
        let recurrence = Recurrence { share: 0.2, ..Recurrence::default() };
        let mut source = EventSource::new(self.generator.clone(), 7, STREAM, recurrence)?;
        source.set_scenarios(scenarios);
        Ok(source.events(0..events as u64))
    }

    /// Every number once in both topics, with the expected customers and outcomes; returns the scenario marks by number.
    async fn check(&self, scenarios: &[Scenario]) -> Result<Vec<(i64, Value)>> {
        let topics = self.cluster.topics();
        let (mut events, mut outcomes) = (EventBatch::default(), OutcomeBatch::default());
        let marks = self.read::<EventCodec>(&topics.events, &mut events).await?;
        self.read::<OutcomeCodec>(&topics.outcomes, &mut outcomes).await?;
        let expected = self.expected(events.len(), scenarios)?;
        let by_number = |numbers: &[i64]| -> Result<BTreeMap<i64, usize>> {
            let rows: BTreeMap<i64, usize> = numbers.iter().copied().zip(0..).collect();
            ensure!(rows.len() == numbers.len(), "{} records have {} numbers", numbers.len(), rows.len());
            ensure!(rows.keys().copied().eq(0..rows.len() as i64), "a number is skipped");
            Ok(rows)
        };
        let (event_rows, outcome_rows) = (by_number(&events.sequence)?, by_number(&outcomes.sequence)?);
        ensure!(event_rows.len() == outcome_rows.len(), "{} events, {} outcomes", event_rows.len(), outcome_rows.len());
        features_are(&events, &expected)?;
        for (&number, &event) in &event_rows {
            let (outcome, at) = (outcome_rows[&number], usize::try_from(number)?);
            ensure!(
                events.customer_id.get(event) == expected.customer_id.get(at),
                "event {number} is another customer's"
            );
            ensure!(outcomes.customer_id.get(outcome) == expected.customer_id.get(at), "outcome {number}");
            ensure!(outcomes.churned[outcome] == expected.customers.label[at], "outcome {number} is not the event's");
            ensure!(outcomes.event_time_ms[outcome] == events.event_time_ms[event], "time of outcome {number}");
            ensure!(
                outcomes.observed_at_ms[outcome] >= events.event_time_ms[event] + 3_000,
                "outcome {number} left early"
            );
        }
        Ok(marks.into_iter().map(|(row, mark)| (events.sequence[row], mark)).collect())
    }
}

/// The features of the events, in the order of their numbers, are those of the sample.
fn features_are(events: &EventBatch, expected: &StreamSample) -> Result<()> {
    let rows: BTreeMap<i64, usize> = events.sequence.iter().copied().zip(0..).collect();
    let features = events.features.select(rows.values().copied());
    let pairs = features.columns().iter().zip(expected.customers.features.columns());
    for (feature, pair) in FEATURES.iter().zip(pairs) {
        let same = match pair {
            (Column::Number(found), Column::Number(expected)) => {
                let both_missing = |a: &f64, b: &f64| a.is_nan() && b.is_nan();
                found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a == b || both_missing(a, b))
            }
            (Column::Category(found), Column::Category(expected)) => found.iter().eq(expected.iter()),
            _ => false,
        };
        ensure!(same, "{} is not what the scenarios make of it", feature.name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_synthesizer_repeats_skips_and_forgets_nothing_at_any_rate() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let oracle = Oracle::of(&stack).await?;
    let mut reached = 0;
    for rate in ["3000", "max", "3000", "max"] {
        let most = ("CHURN__SYNTHESIZER__MAX_PENDING_OUTCOMES", "20000");
        let env = [("CHURN__SYNTHESIZER__RATE", rate), ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "3s"), most];
        let mut program = stack.part("synthesizer", &env)?;
        reached = oracle.reaches(reached + 5_000).await.with_context(|| program.stderr())?;
        program.kill9()?;
    }
    let waiting = oracle.position().await?;
    ensure!(waiting["next_outcome"].as_i64() < waiting["next_sequence"].as_i64(), "nothing waited: {waiting}");
    let env = [("CHURN__SYNTHESIZER__RATE", "500"), ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "3s")];
    let last = stack.part("synthesizer", &env)?;
    oracle.reaches(reached + 100).await.with_context(|| last.stderr())?;
    stop(last, "synthesizer").await?;
    ensure!(oracle.check(&[]).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_zombie_is_shut_out_and_a_scenario_on_request_survives_a_crash() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let oracle = Oracle::of(&stack).await?;
    let listen = format!("127.0.0.1:{}", free_port());
    let delay = ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "3s");
    let mut zombie = stack.part("synthesizer", &[delay])?;
    let reached = oracle.reaches(1_000).await.with_context(|| zombie.stderr())?;
    zombie.pause()?;
    let mut owner = stack.part("synthesizer", &[delay, ("CHURN__HTTP__LISTEN", &listen)])?;
    oracle.reaches(reached + 1_000).await.with_context(|| owner.stderr())?;
    zombie.resume()?;
    let status = zombie.wait(PATIENCE).await?;
    ensure!(status.code() == Some(1), "{status}: {}", zombie.stderr());
    ensure!(zombie.stderr().contains("stream synthesizer-0 was taken over"), "{}", zombie.stderr());

    let (client, url) = (http_client(), format!("http://{listen}/v1/scenarios"));
    let unknown = client.post(&url).json(&json!({ "scenario": "earthquake" })).send().await?;
    ensure!(unknown.status() == 422 && unknown.text().await?.contains("covariate-drift, concept-drift"));
    let accepted = client.post(&url).json(&json!({ "scenario": "label-shift" })).send().await?;
    ensure!(accepted.status() == 202, "{}", accepted.text().await?);
    let begun = poll_until(PATIENCE, async || {
        let list: Value = client.get(&url).send().await?.json().await?;
        Ok::<_, anyhow::Error>(list["begun"].get(0).cloned())
    })
    .await?;
    let first = begun["sequence"].as_i64().context("no number")?;
    let reached = oracle.reaches(first + 1_000).await?;
    owner.kill9()?;
    let last = stack.part("synthesizer", &[delay])?;
    oracle.reaches(reached + 1_000).await.with_context(|| last.stderr())?;
    stop(last, "synthesizer").await?;

    let scenario = Scenario { kind: ScenarioKind::LabelShift, first: first.cast_unsigned(), strength: 1.0 };
    let marks = oracle.check(&[scenario]).await?;
    ensure!(marks == [(first, begun)], "{marks:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_of_the_configuration_begin_where_it_says_and_once() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let oracle = Oracle::of(&stack).await?;
    let scenarios = ("CHURN__SYNTHESIZER__SCENARIOS", "missing-values@700,covariate-drift*0.5@1500");
    let env = [scenarios, ("CHURN__SYNTHESIZER__OUTCOME_DELAY", "3s")];
    let mut first = stack.part("synthesizer", &env)?;
    let reached = oracle.reaches(1_000).await.with_context(|| first.stderr())?;
    first.kill9()?;
    // Its successor has the same configuration, one scenario of which has begun.
    let last = stack.part("synthesizer", &env)?;
    oracle.reaches(reached + 1_500).await.with_context(|| last.stderr())?;
    stop(last, "synthesizer").await?;
    let scenarios = [
        Scenario { kind: ScenarioKind::MissingValues, first: 700, strength: 1.0 },
        Scenario { kind: ScenarioKind::CovariateDrift, first: 1_500, strength: 0.5 },
    ];
    let mut marks = oracle.check(&scenarios).await?;
    marks.sort_by_key(|(number, _)| *number);
    let told: Vec<_> =
        marks.iter().map(|(number, mark)| (*number, mark["spec"].as_str().unwrap_or_default())).collect();
    ensure!(told == [(700, "missing-values@700"), (1_500, "covariate-drift*0.5@1500")], "{marks:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_asked_for_by_http_changes_the_rows_of_a_whole_run() -> Result<()> {
    let stack = Stack::new().await?;
    stack.command(&["setup"]);
    let listen = format!("127.0.0.1:{}", free_port());
    let all = stack.part("all", &[("CHURN__HTTP__LISTEN", &listen)])?;
    let stored = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(stored).await? > 500))
        .await
        .with_context(|| all.stderr())?;
    let (client, base) = (http_client(), format!("http://{listen}"));
    let ask = client.post(format!("{base}/v1/scenarios")).json(&json!({ "scenario": "new-category" }));
    ensure!(ask.send().await?.status() == 202);
    let begun = poll_until(PATIENCE, async || {
        let list: Value = client.get(format!("{base}/v1/scenarios")).send().await?.json().await?;
        Ok::<_, anyhow::Error>(list["begun"].get(0).cloned())
    })
    .await?;
    let first = begun["sequence"].as_i64().context("no number")?;
    let new = "select count(*) from churn.scored_event where payment_method = 'Digital wallet'";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(new).await? > 20)).await?;
    let earliest = "select min(sequence) from churn.scored_event where payment_method = 'Digital wallet'";
    let earliest = stack.count(earliest).await?;
    ensure!(earliest >= first && earliest < first + 200, "begun with {first}, seen from {earliest}");
    let status: Value = client.get(format!("{base}/v1/status")).send().await?.json().await?;
    ensure!(status["part_status"]["scenarios"].to_string().contains("new-category"), "{status}");
    stop(all, "program").await?;
    let scenario = Scenario { kind: ScenarioKind::NewCategory, first: first.cast_unsigned(), strength: 1.0 };
    let oracle = Oracle::of(&stack).await?;
    let mut events = EventBatch::default();
    let marks = oracle.read::<EventCodec>(&oracle.cluster.topics().events, &mut events).await?;
    let marks: Vec<_> = marks.into_iter().map(|(row, mark)| (events.sequence[row], mark)).collect();
    ensure!(marks == [(first, begun)], "{marks:?}");
    features_are(&events, &oracle.expected(events.len(), &[scenario])?)
}

//! Versions side by side: this program beside producers and a database of the next version, and after one that went before, when
//! what that one alone used is dropped.

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, kafka, poll_until, schema_registry};
use churn_wire::{Record, SchemaRegistry, WireConfig, from_json, subject, write_prefix};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};

use crate::cluster::{PATIENCE, Stack, stop};

/// The schema of events with one more field, as an expanding change has to be: nullable, with a default.
pub(crate) fn next_version() -> Result<String> {
    let mut schema: Value = serde_json::from_str(Record::CustomerEvent.avsc())?;
    let field = json!({ "name": "loyalty", "type": ["null", "string"], "default": null });
    schema["fields"].as_array_mut().context("fields")?.insert(3, field);
    Ok(schema.to_string())
}

/// A stack where another version's events have a field, and its rows a column, that this version knows nothing of.
struct Beside {
    stack: Stack,
    registry: SchemaRegistry,
    topic: String,
    schema: String,
    id: i32,
}

impl Beside {
    async fn new() -> Result<Self> {
        let stack = Stack::new().await?;
        stack.command(&["setup"]);
        stack.execute("alter table churn.scored_event add column loyalty text").await?;
        let topic = format!("{}customer-events.v1", stack.prefix());
        let registry = SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?;
        let schema = next_version()?;
        ensure!(registry.incompatibility(&subject(&topic), &schema).await?.is_none(), "FULL_TRANSITIVE lets it in");
        let id = registry.register(&subject(&topic), &schema).await?;
        Ok(Self { stack, registry, topic, schema, id })
    }

    /// Writes 50 events of the other version.
    async fn produce(&self, stream: &str) -> Result<()> {
        produce(&self.topic, &self.schema, self.id, stream).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_next_version_are_stored_in_a_database_that_is_a_version_ahead() -> Result<()> {
    // Expand: the next version's migration comes first, and this version goes on beside it.
    let beside = Beside::new().await?;
    let stack = &beside.stack;
    beside.produce("next").await?;
    // This version's own producer writes beside it.
    std::fs::copy(crate::run::shipped_data(), stack.folder().join("own.csv"))?;
    stack.command(&["produce", "--data", "own.csv"]);
    let parts = [("scorer", stack.part("scorer", &[])?), ("sink", stack.part("sink", &[])?)];
    let all = "select count(*) from churn.scored_event";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(all).await? == 7_093)).await?;
    let next = "select count(*) from churn.scored_event where stream = 'next' and tenure = 3 and contract = 'One year'";
    ensure!(stack.count(next).await? == 50);
    for (name, part) in parts {
        stop(part, name).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_version_before_used_is_dropped_while_rows_flow() -> Result<()> {
    // As the version before left it.
    let beside = Beside::new().await?;
    let stack = &beside.stack;
    beside.produce("before").await?;
    let readers = || -> Result<[(&str, Program); 2]> {
        Ok([("scorer", stack.part("scorer", &[])?), ("sink", stack.part("sink", &[])?)])
    };
    let reaches = async |sql: &'static str, rows: i64| {
        poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(sql).await? >= rows)).await
    };
    let (parts, synthesizer) = (readers()?, stack.part("synthesizer", &[])?);
    reaches("select count(*) from churn.scored_event where stream = 'before'", 50).await?;
    stack.execute("update churn.scored_event set loyalty = 'gold' where stream = 'before'").await?;
    let all = "select count(*) from churn.scored_event";
    reaches(all, 2_000).await?;

    // Contract: nobody of that version runs any more. Events go without the field, and the column goes while rows are stored.
    let own = Record::CustomerEvent.avsc();
    let refused = beside.registry.incompatibility(&subject(&beside.topic), own).await?;
    ensure!(refused.is_none(), "FULL_TRANSITIVE lets the field go");
    stack.execute("alter table churn.scored_event drop column loyalty").await?;
    reaches(all, stack.count(all).await? + 2_000).await?;
    for (name, part) in parts {
        stop(part, name).await?;
    }

    // What that version left in the topic is read by parts that never saw its column.
    beside.produce("left").await?;
    let parts = readers()?;
    reaches("select count(*) from churn.scored_event where stream = 'left'", 50).await?;
    stop(synthesizer, "synthesizer").await?;
    let complete = "select count(*) from (select max(sequence) + 1 as produced, count(*) as stored,
            count(distinct sequence) as distinct_stored, (select count(*) from churn.outcome) as outcomes
            from churn.scored_event where stream not in ('before', 'left')) c
        where produced = stored and stored = distinct_stored and outcomes = stored";
    reaches(complete, 1).await?;
    let others = "select count(*) from churn.scored_event where stream in ('before', 'left')";
    ensure!(stack.count(others).await? == 100);
    for (name, part) in parts {
        stop(part, name).await?;
    }
    Ok(())
}

/// Writes 50 events of a version whose events have one more field.
async fn produce(topic: &str, schema: &str, id: i32, stream: &str) -> Result<()> {
    let producer: FutureProducer = rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?;
    for sequence in 0..50 {
        let event = json!({
            "stream": stream, "sequence": sequence, "event_time": 1_767_225_600_000_i64 + sequence,
            "customer_id": format!("c{sequence}"), "loyalty": "gold", "tenure": 3, "contract": "One year"
        });
        let mut value = Vec::new();
        write_prefix(id, &mut value);
        value.extend(from_json(schema, &event).map_err(anyhow::Error::msg)?);
        let key = format!("c{sequence}");
        let record = FutureRecord::to(topic).key(&key).payload(&value);
        producer.send(record, PATIENCE).await.map_err(|(error, _)| error)?;
    }
    Ok(())
}

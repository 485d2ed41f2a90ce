//! Each stage against its own limit, in one run: `make bench`.
//!
//! The limit of the producer, and of the synthesizer, which makes its customers besides, is bare librdkafka; of the scorer, a
//! transactional loop that copies as many bytes and does nothing with them; of the sink, binary COPY of the same rows, encoded
//! ahead, by the same driver into the same table; the monitor is held against the scorer, which it has to keep up with twice over.
//! Both sides of a ratio run one after the other on the same machine and the same servers; the better of two rounds counts for
//! each, of five for sink and COPY. What Postgres spends counts for the sink and for COPY alike. Last of all come all three parts
//! at once, from the first event to the row.
//! Arguments: number of records; `sink` for the sink alone, with what it needs.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]
#![allow(dead_code)] // of what it shares with the other benchmarks it needs a part

mod bare;
mod cpu;
mod end_to_end;
mod stack;

use anyhow::{Context, Result};
use churn_runtime::progress::Progress;
use churn_stream::{Cluster, KafkaConfig, Outgoing};
use sqlx::{Connection, PgConnection, Row};

use stack::{Measured, PARTITIONS, Stack};

/// Records of each stage unless the first argument says otherwise.
const RECORDS: usize = 400_000;
const ROUNDS: usize = 2;
/// Rounds of sink and COPY: they are short, and what one round costs Postgres varies by a tenth.
const STORE_ROUNDS: usize = 5;
const FLUSH: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let records = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(RECORDS);
    let stack = Stack::start().await?;
    let events = stack.topic("customer-events.v1");
    if std::env::args().skip(1).any(|text| text == "sink") {
        return sink_alone(stack, i64::try_from(records)?).await;
    }
    let (mut producer, mut synthesizer) = (Pair::new("producer"), Pair::new("synthesizer"));
    let (mut scorer, mut sink) = (Pair::new("scorer"), Pair::new("sink, with Postgres"));
    for round in 0..ROUNDS {
        let share = i64::try_from(records.div_ceil(ROUNDS))?;
        synthesizer.ours(stack.synthesize(share, &format!("bench-{round}")).await?);
    }
    for round in 0..ROUNDS {
        let limit = bare_produce(&stack, &events, records, round).await?;
        producer.limit(limit);
        synthesizer.limit(limit);
        producer.ours(own_produce(&stack, &events, records, round).await?);
    }
    let filler = filler(&stack).await?;
    let mut postgres = Postgres { ours: f64::MAX, limit: f64::MAX };
    for round in 0..ROUNDS {
        for tuning in bare::TUNINGS {
            let limit = bare_copy(&stack, &events, records, filler, tuning, round).await?;
            println!("  bare loop, {tuning:?}: {:.0} records/s ({:.2})", limit.per_second, limit.cpu_per_million);
            scorer.limit(limit);
        }
        if round == 0 {
            // The first round's scores are the sink's: it must not meet an event twice.
            scorer.ours(score(&stack, None).await?);
            store_rounds(&stack, &mut sink, &mut postgres).await?;
            watch(&stack, &scorer).await?;
        } else {
            scorer.ours(score(&stack, Some(round)).await?);
        }
    }
    let slowest = [&synthesizer, &scorer, &sink].into_iter().filter_map(|pair| pair.ours);
    let slowest = slowest.map(|ours| ours.per_second).fold(f64::INFINITY, f64::min);
    let whole = end_to_end::measure(&stack, i64::try_from(records)?).await?;
    for pair in [&producer, &synthesizer, &scorer, &sink] {
        pair.say();
    }
    println!("{whole}, {:.0} % of the slowest part by itself", whole.per_second / slowest * 100.0);
    postgres.say();
    stack.stop().await
}

/// Makes scores, and stores them.
async fn sink_alone(stack: Stack, records: i64) -> Result<()> {
    let (mut sink, mut postgres) = (Pair::new("sink, with Postgres"), Postgres { ours: f64::MAX, limit: f64::MAX });
    stack.synthesize(records, "bench").await?;
    score(&stack, None).await?;
    store_rounds(&stack, &mut sink, &mut postgres).await?;
    sink.say();
    postgres.say();
    stack.stop().await
}

/// Processor seconds of Postgres for a million rows, the least of the rounds.
struct Postgres {
    ours: f64,
    limit: f64,
}

impl Postgres {
    fn say(&self) {
        println!(
            "postgres: {:.2} CPU seconds a million rows under the sink, {:.2} under bare COPY, {:.2}x",
            self.ours,
            self.limit,
            self.ours / self.limit
        );
    }
}

/// The scorer over what is left of the events, or over all of them again as another group.
async fn score(stack: &Stack, again: Option<usize>) -> Result<Measured> {
    let (events, scores) = (stack.topic("customer-events.v1"), stack.topic("customer-scores.v1"));
    let group = again.map(|round| ("CHURN__SCORER__GROUP", format!("bench-{round}")));
    let before = stack.end(&scores)?;
    // Markers of transactions count in both ends.
    let left = stack.end(&events)? - if again.is_some() { 0 } else { before };
    let done = async |stack: &Stack| Ok(stack.end(&scores)? - before);
    Ok(stack.part("scorer", group.as_slice(), left * 9 / 10, None, done).await?.0)
}

/// The sink, and then COPY of the same rows into the same table, emptied each time.
async fn store_rounds(stack: &Stack, sink: &mut Pair, postgres: &mut Postgres) -> Result<()> {
    let columns = columns(&stack.url).await?;
    let statement = format!("copy churn.scored_event ({columns}) from stdin (format binary)");
    let wanted = stack.end(&stack.topic("customer-scores.v1"))? * 9 / 10;
    for round in 0..STORE_ROUNDS {
        truncate(&stack.url).await?;
        let group = [("CHURN__SINK__GROUP", format!("bench-{round}"))];
        let mut look = PgConnection::connect(&stack.url).await?;
        let done = async |_: &Stack| stored(&mut look, &group[0].1).await;
        let (ours, ours_cpu) = stack.part("sink", &group, wanted, Some(stack.postgres_pid), done).await?;
        look.close().await?;
        sink.ours(ours.and(ours_cpu));
        postgres.ours = postgres.ours.min(ours_cpu);
        let chunks = bare::copy_out(&stack.url, "churn.scored_event", &columns).await?;
        let rows = usize::try_from(truncate(&stack.url).await?)?;
        let cpu = cpu::seconds_of_tree(stack.postgres_pid);
        let limit = bare::copy_in(&stack.url, &statement, &chunks, rows).await?;
        let cpu = (cpu::seconds_of_tree(stack.postgres_pid) - cpu) / rows as f64 * 1e6;
        let rates = format!("sink {:.0} rows/s, COPY {:.0}", ours.per_second, limit.per_second);
        println!("  {rates}, CPU seconds of Postgres for a million {ours_cpu:.2} and {cpu:.2}");
        sink.limit(limit.and(cpu));
        postgres.limit = postgres.limit.min(cpu);
    }
    Ok(())
}

/// The monitor over the scores of the first round.
async fn watch(stack: &Stack, scorer: &Pair) -> Result<()> {
    let scores = stack.topic("customer-scores.v1");
    let wanted = stack.end(&scores)? * 9 / 10;
    let done = async |stack: &Stack| stack.committed("churn-monitor", &scores);
    let (watched, _) = stack.part("monitor", &[], wanted, None, done).await?;
    let scored = scorer.ours.map_or(f64::NAN, |scorer| scorer.per_second);
    println!(
        "monitor: {:.0} records/s ({:.2} CPU s a million), {:.2}x the scorer",
        watched.per_second,
        watched.cpu_per_million,
        watched.per_second / scored
    );
    Ok(())
}

/// A stage and its limit, the best of their rounds.
struct Pair {
    name: &'static str,
    ours: Option<Measured>,
    limit: Option<Measured>,
}

impl Pair {
    fn new(name: &'static str) -> Self {
        Self { name, ours: None, limit: None }
    }

    fn ours(&mut self, measured: Measured) {
        self.ours = better(self.ours, measured);
    }

    fn limit(&mut self, measured: Measured) {
        self.limit = better(self.limit, measured);
    }

    fn say(&self) {
        let (Some(ours), Some(limit)) = (self.ours, self.limit) else { return };
        println!(
            "{}: {:.0} records/s ({:.2} CPU s a million), limit {:.0} ({:.2}), {:.0} % of it",
            self.name,
            ours.per_second,
            ours.cpu_per_million,
            limit.per_second,
            limit.cpu_per_million,
            ours.per_second / limit.per_second * 100.0
        );
    }
}

fn better(known: Option<Measured>, new: Measured) -> Option<Measured> {
    known.filter(|known| known.per_second > new.per_second).or(Some(new))
}

async fn fresh(stack: &Stack, name: &str) -> Result<String> {
    let topic = stack.topic(name);
    churn_testkit::kafka().create_topics(&[(&topic, PARTITIONS)]).await?;
    Ok(topic)
}

async fn bare_produce(stack: &Stack, events: &str, records: usize, round: usize) -> Result<Measured> {
    let topic = fresh(stack, &format!("bare-{round}")).await?;
    let (brokers, events) = (stack.brokers.clone(), events.to_owned());
    tokio::task::spawn_blocking(move || {
        let values = bare::sample(&brokers, &events, 1_000)?;
        bare::produce(&brokers, &topic, &values, records)
    })
    .await?
}

async fn own_produce(stack: &Stack, events: &str, records: usize, round: usize) -> Result<Measured> {
    let topic = fresh(stack, &format!("own-{round}")).await?;
    let progress = Progress::new();
    let config = KafkaConfig { brokers: stack.brokers.clone(), ..KafkaConfig::default() };
    let cluster = Cluster::connect(&config, &progress).await?;
    let (brokers, events) = (stack.brokers.clone(), events.to_owned());
    tokio::task::spawn_blocking(move || {
        let values = bare::sample(&brokers, &events, 1_000)?;
        let mut producer = cluster.producer(&progress.stage("bench"))?;
        let (start, cpu) = (std::time::Instant::now(), cpu::seconds_of_tree(std::process::id()));
        for (number, value) in values.iter().cycle().take(records).enumerate() {
            producer.send(Outgoing::new(&topic, number.to_string().as_bytes(), value))?;
        }
        producer.flush(FLUSH)?;
        Ok(Measured::new(records, start.elapsed(), cpu::seconds_of_tree(std::process::id()) - cpu))
    })
    .await?
}

async fn bare_copy(
    stack: &Stack,
    events: &str,
    records: usize,
    filler: usize,
    tuning: bare::Tuning,
    round: usize,
) -> Result<Measured> {
    let target = fresh(stack, &format!("copy-{}-{round}", tuning.records)).await?;
    let (brokers, source) = (stack.brokers.clone(), events.to_owned());
    let copy = move || bare::copy_loop(&brokers, (&source, &target), records, filler, tuning);
    tokio::task::spawn_blocking(copy).await?
}

/// How much longer a score is than its event, on average: a short run of the scorer tells.
async fn filler(stack: &Stack) -> Result<usize> {
    let (events, scores) = (stack.topic("customer-events.v1"), stack.topic("customer-scores.v1"));
    let sample = async |topic: String| {
        let brokers = stack.brokers.clone();
        let values = tokio::task::spawn_blocking(move || bare::sample(&brokers, &topic, 1_000)).await??;
        Ok::<_, anyhow::Error>(values.iter().map(Vec::len).sum::<usize>() / values.len().max(1))
    };
    stack
        .part("scorer", &[], 20_000, None, async |stack| stack.end(&scores))
        .await
        .context("a short run of the scorer")?;
    Ok(sample(scores.clone()).await?.saturating_sub(sample(events).await?))
}

/// Rows that a sink has stored, by its own positions.
async fn stored(connection: &mut PgConnection, group: &str) -> Result<i64> {
    let sum = "select coalesce(sum(next_offset), 0)::bigint from churn.consumer_offset
        where topic like '%customer-scores.v1' and consumer like '%' || $1";
    Ok(sqlx::query(sum).bind(group).fetch_one(connection).await?.try_get(0)?)
}

/// The columns that the sink sends, in the table's order: all but those that the server fills in.
async fn columns(url: &str) -> Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    let columns = "select string_agg(column_name, ', ' order by ordinal_position) from information_schema.columns
        where table_schema = 'churn' and table_name = 'scored_event' and column_name <> 'stored_at'";
    let columns = sqlx::query(columns).fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    Ok(columns)
}

/// Empties the table, and says how many rows it had.
async fn truncate(url: &str) -> Result<i64> {
    let mut connection = PgConnection::connect(url).await?;
    let rows = sqlx::query("select count(*) from churn.scored_event").fetch_one(&mut connection).await?.try_get(0)?;
    sqlx::raw_sql("truncate churn.scored_event; checkpoint").execute(&mut connection).await?;
    connection.close().await?;
    Ok(rows)
}

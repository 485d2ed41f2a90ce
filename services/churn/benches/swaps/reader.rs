//! Reads scores as they are committed, and notes how long each took and by which model it was made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use churn_domain::ScoreBatch;
use churn_wire::{Decoder, SchemaRegistry, ScoreCodec};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, Message, TopicPartitionList};
use tokio::task::JoinHandle;

use crate::stack::{PARTITIONS, Stack};

const TURN: Duration = Duration::from_millis(5);

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}

/// A thread that reads from the end of the topic on.
pub(crate) struct Reader {
    seen: Arc<Mutex<Seen>>,
    stop: Stop,
    thread: JoinHandle<Result<()>>,
}

/// Ends the thread also where the benchmark fails half way: the runtime waits for it before the failure is told.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Seen {
    latencies: Latencies,
    /// A score by this model of an event since then is waited for. (Scores by its predecessor, and by an earlier reign of the same model,
    /// still come from other partitions for a while.)
    wanted: Option<(String, f64)>,
    /// When it came.
    came: Option<f64>,
}

/// When each score came, and how long after its event, in milliseconds.
#[derive(Default)]
pub(crate) struct Latencies(Vec<(f64, f32)>);

impl Latencies {
    /// Medians over the pairs (middle of a window around a swap, middle of a control window) of the windows' 99th percentiles.
    pub(crate) fn compare(&self, windows: &[(f64, f64)], half_ms: f64) -> (f64, f64) {
        let percentile = |middle: f64| {
            let inside = self.0.iter().filter(|(at, _)| (at - middle).abs() <= half_ms);
            let mut inside: Vec<f32> = inside.map(|(_, took)| *took).collect();
            inside.sort_by(f32::total_cmp);
            // An empty window is no pass.
            inside.get(inside.len() * 99 / 100).map_or(f64::INFINITY, |took| f64::from(*took))
        };
        let around: Vec<f64> = windows.iter().map(|(swap, _)| percentile(*swap)).collect();
        let control: Vec<f64> = windows.iter().map(|(_, control)| percentile(*control)).collect();
        println!("  p99 around swaps, ms: {around:.0?}");
        println!("  p99 between them, ms: {control:.0?}");
        (median(around), median(control))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Reader {
    pub(crate) async fn start(stack: &Stack, schemas: &Arc<SchemaRegistry>) -> Result<Self> {
        let topic = stack.topic("customer-scores.v1");
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &stack.brokers)
            .set("group.id", format!("{topic}-reader"))
            .set("isolation.level", "read_committed")
            // The answer to a commit would end a poll early, without a record.
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "5")
            .create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let end = consumer.fetch_watermarks(&topic, partition, Duration::from_secs(10))?.1;
            list.add_partition_offset(&topic, partition, Offset::Offset(end))?;
        }
        consumer.assign(&list)?;
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let decoder = Decoder::new(Arc::clone(schemas), &topic);
        let thread = tokio::task::spawn_blocking({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || read(&consumer, decoder, &seen, &stop)
        });
        Ok(Self { seen, stop: Stop(stop), thread })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Waits for the first score.
    pub(crate) async fn flow(&self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        while self.seen().latencies.0.is_empty() {
            ensure!(Instant::now() < deadline && !self.thread.is_finished(), "no score comes");
            tokio::time::sleep(TURN).await;
        }
        Ok(())
    }

    /// Waits for a score by this model, which was promoted at `since_ms`, of an event since then; when the first of them came.
    pub(crate) async fn first_of(&self, version: &str, since_ms: f64, patience: Duration) -> Result<f64> {
        let deadline = Instant::now() + patience;
        self.seen().wanted = Some((version.to_owned(), since_ms));
        loop {
            if let Some(at) = self.seen().came.take() {
                return Ok(at);
            }
            ensure!(Instant::now() < deadline && !self.thread.is_finished(), "no score by {version} comes");
            tokio::time::sleep(TURN).await;
        }
    }

    pub(crate) async fn stop(self) -> Result<Latencies> {
        let Self { seen, stop, thread } = self;
        drop(stop);
        thread.await??;
        Ok(std::mem::take(&mut lock(&seen).latencies))
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(
    consumer: &BaseConsumer,
    mut decoder: Decoder<ScoreCodec>,
    seen: &Mutex<Seen>,
    stop: &AtomicBool,
) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let mut scores = ScoreBatch::default();
    while !stop.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(TURN) else { continue };
        let message = message.context("read scores")?;
        scores.clear();
        if let Err(error) = runtime.block_on(decoder.read(message.payload(), None, &mut scores))? {
            bail!("a score cannot be read: {error}");
        }
        let now = now_ms();
        let version = scores.model_version.get(0).unwrap_or_default();
        let mut seen = lock(seen);
        let emitted = scores.event.event_time_ms[0] as f64;
        seen.latencies.0.push((now, (now - emitted) as f32));
        if seen.wanted.as_ref().is_some_and(|(wanted, since)| wanted == version && emitted >= *since) {
            seen.wanted = None;
            seen.came = Some(now);
        }
    }
    Ok(())
}

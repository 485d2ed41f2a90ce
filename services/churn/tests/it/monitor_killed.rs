//! A monitor that is killed in the middle of its windows, beside one that is not: the same figures, the same alarm, the same requests.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, free_port, http_client, kafka, poll_until};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::cluster::{PATIENCE, Stack, stop};
use crate::run::shipped_data;

/// Rows of the live reference, and of each window after it.
const REFERENCE: usize = 2_000;
const WINDOW: usize = 1_000;
/// Rows before the customers change: the reference and a window.
const BEFORE: usize = REFERENCE + WINDOW;
/// Rows after that, a part of a window each time: the monitor is killed after each, and the alarm is due at the end of the second
/// window, within the third of them.
const STEP: usize = 700;
const STEPS: usize = 4;
const ALARM_AFTER: usize = BEFORE + 2 * WINDOW;

/// What a restart begins anew, by the monitor's own word: how often detectors cried is counted by the process, and the windows in which
/// figures of segments are expected (no alarm looks at these) fill again.
const ANEW: [&str; 2] = ["churn_model_detections", "churn_model_segment_estimated"];

/// Every figure of the models, by name and labels.
type Figures = BTreeMap<String, f64>;

struct Monitor<'a> {
    stack: &'a Stack,
    group: &'static str,
    program: Program,
    address: String,
}

impl<'a> Monitor<'a> {
    fn start(stack: &'a Stack, group: &'static str) -> Result<Self> {
        let address = format!("127.0.0.1:{}", free_port());
        let (reference, window) = (REFERENCE.to_string(), WINDOW.to_string());
        let env = [
            ("CHURN__HTTP__LISTEN", address.as_str()),
            ("CHURN__MONITOR__GROUP", group),
            ("CHURN__MONITOR__REFERENCE_ROWS", &reference),
            ("CHURN__MONITOR__DRIFT_WINDOW_ROWS", &window),
            ("CHURN__MONITOR__PERFORMANCE_BLOCK_ROWS", &window),
            ("CHURN__MONITOR__PUBLISH_EVERY", "100ms"),
            // So that a kill hits what is saved and what is not.
            ("CHURN__MONITOR__SAVE_EVERY", "1s"),
            // Its successor joins when the group has given the killed one up.
            ("CHURN__KAFKA__SESSION_TIMEOUT", "6s"),
        ];
        Ok(Self { stack, group, program: stack.part("monitor", &env)?, address })
    }

    /// `kill -9`, and a successor.
    fn kill(&mut self) -> Result<()> {
        self.program.kill9()?;
        *self = Self::start(self.stack, self.group)?;
        Ok(())
    }

    async fn figures(&self) -> Result<Figures> {
        let text = http_client().get(format!("http://{}/metrics", self.address)).send().await?.text().await?;
        let figure = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse::<f64>().ok()?))
        };
        let models = |line: &&str| line.starts_with("churn_model_") && !ANEW.iter().any(|anew| line.starts_with(anew));
        Ok(text.lines().filter(models).filter_map(figure).collect())
    }

    /// The figures once so many rows are seen and labelled.
    async fn after(&self, rows: usize) -> Result<Figures> {
        poll_until(PATIENCE, async || {
            let figures = self.figures().await?;
            let seen = |name: &str| sum(&figures, name) == rows as f64;
            let all = seen("churn_model_scored_rows_total") && seen("churn_model_labelled_rows_total");
            Ok::<_, anyhow::Error>(all.then_some(figures))
        })
        .await
        .with_context(|| format!("{} rows at the {} monitor: {}", rows, self.group, self.program.stderr()))
    }
}

fn sum(figures: &Figures, name: &str) -> f64 {
    figures.iter().filter(|(key, _)| key.split('{').next() == Some(name)).map(|(_, value)| value).sum()
}

/// The lines `from..to` of the shipped data, dearer by so much.
fn customers(from: usize, to: usize, dearer: f64) -> Result<String> {
    let shipped = std::fs::read_to_string(shipped_data())?;
    let header = shipped.lines().next().context("a header")?;
    let charges = header.split(',').position(|name| name == "monthly_charges").context("a column")?;
    let mut text = format!("{header}\n");
    for line in shipped.lines().skip(1 + from).take(to - from) {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        fields[charges] = format!("{:.2}", fields[charges].parse::<f64>()? + dearer);
        text += &(fields.join(",") + "\n");
    }
    Ok(text)
}

/// The requests in a topic. One that is repeated is the same to the byte, its id included.
fn requests(topic: &str) -> Result<BTreeSet<Vec<u8>>> {
    let client: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", kafka().bootstrap)
        .set("group.id", topic)
        .set("enable.partition.eof", "true")
        .create()?;
    let metadata = client.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    client.assign(&list)?;
    let (mut found, mut ended) = (BTreeSet::new(), 0);
    while ended < partitions.len() {
        match client.poll(PATIENCE).context("no answer")? {
            Ok(message) => drop(found.insert(message.payload().unwrap_or_default().to_vec())),
            Err(KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Both monitors say the same, to the last bit, once the killed one has read as much.
async fn same(kept: &Monitor<'_>, killed: &Monitor<'_>, rows: usize) -> Result<Figures> {
    let wanted = kept.after(rows).await?;
    killed.after(rows).await?;
    let alike = poll_until(PATIENCE, async || {
        let (wanted, found) = (kept.figures().await?, killed.figures().await?);
        let differs = wanted.iter().find(|(name, value)| found.get(*name) != Some(value));
        ensure!(differs.is_none(), "{differs:?}, and {:?}", differs.and_then(|(name, _)| found.get(name)));
        let more = found.keys().find(|name| !wanted.contains_key(*name));
        ensure!(more.is_none(), "only the killed one has {more:?}");
        Ok(true)
    });
    alike.await.with_context(|| format!("after {rows} rows; the killed one said: {}", killed.program.stderr()))?;
    Ok(wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_killed_in_the_middle_of_its_windows_neither_fires_nor_hides_an_alarm() -> Result<()> {
    let mut stack = Stack::new().await?;
    // One partition: both monitors read the same records in the same order.
    stack.set("CHURN__KAFKA__PARTITIONS", "1");
    stack.set("CHURN__SCORER__REASONS", "0");
    stack.command(&["setup"]);
    let produce = |from: usize, to: usize, dearer: f64| -> Result<()> {
        std::fs::write(stack.folder().join("own.csv"), customers(from, to, dearer)?)?;
        stack.command(&["produce", "--data", "own.csv", "--outcomes"]);
        Ok(())
    };
    let scorer = stack.part("scorer", &[])?;
    let (kept, mut killed) = (Monitor::start(&stack, "kept")?, Monitor::start(&stack, "killed")?);
    produce(0, BEFORE, 0.0)?;
    let figures = same(&kept, &killed, BEFORE).await?;
    ensure!(sum(&figures, "churn_model_alarm") == 0.0, "{figures:#?}");
    // What is learnt from the first labelled rows is kept; a kill while they are collected would only begin that anew.
    let saved = "select count(*) from churn.monitor_state
        where (select sum(value::bigint) from jsonb_each_text(positions)) >= 2 * 3000";
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(saved).await? == 2)).await?;
    for step in 0..STEPS {
        let rows = BEFORE + (step + 1) * STEP;
        produce(rows - STEP, rows, 60.0)?;
        let seen = killed.after(rows).await?;
        killed.kill()?;
        let figures = same(&kept, &killed, rows).await?;
        let alarm = |figures: &Figures| figures.iter().find(|(name, _)| is_drift_alarm(name)).map(|(_, value)| *value);
        let due = f64::from(u8::from(rows >= ALARM_AFTER));
        ensure!(alarm(&seen) == Some(due) && alarm(&figures) == Some(due), "{due} after {rows} rows: {figures:#?}");
    }
    let topic = format!("{}retrain-requests.v1", stack.prefix());
    // Each of the two asked once, though one of them was killed before and after it did.
    poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(requests(&topic)?.len() >= 2)).await?;
    for (program, name) in [(kept.program, "monitor"), (killed.program, "monitor"), (scorer, "scorer")] {
        stop(program, name).await?;
    }
    // Counted when nobody can ask any more.
    let asked = requests(&topic)?;
    ensure!(asked.len() == 2, "{} requests: {asked:?}", asked.len());
    Ok(())
}

fn is_drift_alarm(name: &str) -> bool {
    name.starts_with("churn_model_alarm{") && name.contains(r#"kind="drift""#)
}

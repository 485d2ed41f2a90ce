//! A storm of bad records: the parts slow down and say so, the topics are not drained into dead letters, and good records pass.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, free_port, poll_until, schema_registry};
use churn_wire::{Record, SchemaRegistry, WireConfig};

use crate::cluster::{PATIENCE, Stack, metric, stop};
use crate::hostile::fuzz::{Fuzz, Good, Sender};

/// Dead letters a second that a part may write in a storm.
const ALLOWED: usize = 400;
/// Rows of a batch: a storm is noticed after one.
const BATCH: usize = 500;
/// Records of the storm, for each part: twelve seconds' worth, and a moment's for a part that does not slow down.
const BAD: usize = 12 * ALLOWED;
/// How long the letters are counted.
const LOOK: Duration = Duration::from_secs(3);
/// Good records afterwards: more than the window over which the share of bad ones is taken.
const GOOD: usize = 5_000;

/// A part in the storm.
struct Part {
    name: &'static str,
    /// Each notices the storm for itself.
    lanes: usize,
    program: Program,
    metrics: String,
}

impl Part {
    fn start(stack: &Stack, (name, lanes): (&'static str, usize), rows: &str) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port());
        let (allowed, batch) = (ALLOWED.to_string(), BATCH.to_string());
        let storm = format!("CHURN__{}__STORM__LETTERS_PER_SECOND", name.to_uppercase());
        let env = [
            ("CHURN__HTTP__LISTEN", listen.as_str()),
            (storm.as_str(), &allowed),
            (rows, &batch),
            // What is read together is stored together.
            ("CHURN__KAFKA__FETCH__BATCH_RECORDS", &batch),
        ];
        Ok(Self { name, lanes, program: stack.part(name, &env)?, metrics: format!("http://{listen}/metrics") })
    }

    async fn letters(&self) -> Result<f64> {
        metric(&self.metrics, "churn_dead_letters_total").await
    }

    /// Waits for the storm, and counts at once: waiting for the other part as well, the storm might be over.
    async fn is_stormy_and_slow(&self) -> Result<()> {
        self.is_stormy(true).await?;
        self.is_slow().await
    }

    /// Waits until the gauge that the alert is about says so.
    async fn is_stormy(&self, stormy: bool) -> Result<()> {
        let wanted = f64::from(u8::from(stormy));
        let seen = poll_until(PATIENCE, async || {
            let seen = metric(&self.metrics, "churn_dead_letter_storm").await?;
            Ok::<_, anyhow::Error>(seen == wanted && (stormy || self.letters().await? > 0.0))
        });
        seen.await.with_context(|| format!("the {}, storm {stormy}: {}", self.name, self.program.stderr()))
    }

    /// The letters of some seconds are as many as allowed, and for each lane those of two batches at most: one that shows the storm,
    /// and one after partitions have moved.
    async fn is_slow(&self) -> Result<()> {
        let (before, began) = (self.letters().await?, Instant::now());
        tokio::time::sleep(LOOK).await;
        let letters = self.letters().await? - before;
        let most = ALLOWED as f64 * began.elapsed().as_secs_f64() + (2 * self.lanes * BATCH) as f64;
        ensure!(letters <= most, "the {} wrote {letters} letters in {:?}, at most {most}", self.name, began.elapsed());
        ensure!(before + letters < BAD as f64, "the {} has drained everything into dead letters", self.name);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_slows_parts_down_shows_and_passes_when_good_records_return() -> Result<()> {
    let mut stack = Stack::new().await?;
    stack.set("CHURN__SCORER__REASONS", "0");
    stack.command(&["setup"]);
    let (events, scores) =
        (format!("{}customer-events.v1", stack.prefix()), format!("{}customer-scores.v1", stack.prefix()));
    let schemas = SchemaRegistry::open(&WireConfig { url: schema_registry(), ..WireConfig::default() })?;
    let good = Good::new(schemas.id_of(&events, Record::CustomerEvent).await?)?;
    let (mut sender, mut fuzz) = (Sender::new()?, Fuzz::new(5, &good));
    for _ in 0..BAD {
        for topic in [&events, &scores] {
            sender.send(topic, &fuzz.foreign_to_all(&good))?;
        }
    }
    sender.flush()?;

    let parts = [
        Part::start(&stack, ("scorer", 1), "CHURN__SCORER__BATCH_ROWS")?,
        Part::start(&stack, ("sink", 2), "CHURN__SINK__BATCH_ROWS")?,
    ];
    tokio::try_join!(parts[0].is_stormy_and_slow(), parts[1].is_stormy_and_slow())?;
    for part in &parts {
        ensure!(part.program.stderr().contains("a storm of dead letters"), "{}", part.program.stderr());
    }

    for row in 0..GOOD {
        sender.send(&events, &(Some(good.key(row)), Some(good.value("good", row, 0))))?;
    }
    sender.flush()?;
    let stored = "select count(*) from churn.scored_event";
    let all = poll_until(PATIENCE, async || Ok::<_, anyhow::Error>(stack.count(stored).await? == GOOD as i64));
    all.await.with_context(|| parts.iter().map(|part| part.program.stderr()).collect::<String>())?;
    for part in parts {
        part.is_stormy(false).await?;
        let letters = part.letters().await?;
        ensure!(letters == BAD as f64, "the {} wrote {letters} letters of {BAD}", part.name);
        stop(part.program, part.name).await?;
    }
    Ok(())
}

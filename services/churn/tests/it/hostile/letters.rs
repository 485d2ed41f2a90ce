//! The dead letters of a run, as their readers see them.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use churn_stream::Topics;
use churn_testkit::{kafka, poll_until};
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::cluster::{PATIENCE, Stack};

/// Topics that have not grown for so long are listed.
const STILL: Duration = Duration::from_millis(500);

/// The topics of dead letters.
pub(super) struct Letters<'a> {
    stack: &'a Stack,
    client: BaseConsumer,
    topics: [String; 3],
}

/// Open dead letters by class.
#[derive(Debug, Default)]
pub(super) struct Open(Vec<(String, u64)>);

impl Open {
    pub(super) fn all(&self) -> u64 {
        self.0.iter().map(|(_, letters)| letters).sum()
    }

    pub(super) fn of(&self, class: &str) -> u64 {
        self.0.iter().filter(|(other, _)| other == class).map(|(_, letters)| letters).sum()
    }
}

impl<'a> Letters<'a> {
    pub(super) fn new(stack: &'a Stack, sources: [&str; 3]) -> Result<Self> {
        let client = rdkafka::ClientConfig::new().set("bootstrap.servers", kafka().bootstrap).create()?;
        Ok(Self { stack, client, topics: sources.map(Topics::dlq) })
    }

    /// The open letters, once they are as wanted. Listing takes a process that reads all of them, so that is done only when the
    /// topics have stopped growing, and once for what they hold.
    pub(super) async fn settled(&self, wanted: impl Fn(&Open) -> bool) -> Result<Open> {
        let (grown, listed) = (Cell::new((-1, Instant::now())), Cell::new(-1));
        let last = Cell::new(Open::default());
        let settled = poll_until(PATIENCE, async || {
            let ends = self.ends()?;
            let (before, since) = grown.get();
            if ends != before {
                grown.set((ends, Instant::now()));
            } else if since.elapsed() >= STILL && listed.replace(ends) != ends {
                let open = self.list()?;
                if wanted(&open) {
                    return Ok(Some(open));
                }
                last.set(open);
            }
            Ok::<_, anyhow::Error>(None)
        });
        settled.await.with_context(|| format!("{:?}", last.take()))
    }

    /// Where the topics end: letters, the markers of those that are settled, and those of transactions.
    fn ends(&self) -> Result<i64> {
        let mut sum = 0;
        for topic in &self.topics {
            let metadata = self.client.fetch_metadata(Some(topic), PATIENCE)?;
            let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
            for partition in partitions {
                sum += self.client.fetch_watermarks(topic, partition.id(), PATIENCE)?.1;
            }
        }
        Ok(sum)
    }

    fn list(&self) -> Result<Open> {
        let listed = self.stack.command(&["dlq", "list"]);
        let groups = listed.as_array().context("no list")?;
        let group = |group: &serde_json::Value| Some((group["class"].as_str()?.to_owned(), group["letters"].as_u64()?));
        Ok(Open(groups.iter().map(group).collect::<Option<_>>().context("a group without class or number")?))
    }
}

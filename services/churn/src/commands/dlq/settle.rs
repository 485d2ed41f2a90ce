//! Sending records again, and throwing letters away.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use churn_runtime::exit::Ending;
use churn_stream::letters::{Letter, LetterId, Settlement, settle};
use churn_stream::{Cluster, Record, TransactionalProducer};
use serde::Serialize;
use tokio::task::block_in_place;

use super::{Settle, dead_letter_partitions, open_letters};
use crate::app::{App, Shared};
use crate::bootstrap;

/// Letters in a transaction.
const BATCH: usize = 200;
/// One at a time may settle letters: a second one with this id fences the first.
const TRANSACTIONAL_ID: &str = "churn-dlq";

#[derive(Debug, Default, Serialize)]
struct Done {
    settled: usize,
    /// Letters that were cut, whose records cannot be sent from here.
    cut: usize,
    dry_run: bool,
}

pub(super) async fn replay(app: &App, cluster: &Cluster, args: &Settle) -> anyhow::Result<()> {
    let done = all(cluster, args, Settlement::Replayed).await?;
    app.answer(&done, |done| {
        let verb = if done.dry_run { "would be sent again" } else { "sent again" };
        let mut text = format!("{} records {verb}", done.settled);
        if done.cut > 0 {
            text += &format!(
                "; {} letters hold only a part of their record and were left: the source topic may still have it, `churn dlq show` says where",
                done.cut
            );
        }
        text
    })
}

pub(super) async fn purge(app: &App, cluster: &Cluster, args: &Settle) -> anyhow::Result<()> {
    let done = all(cluster, args, Settlement::Purged).await?;
    if !args.dry_run {
        for (topic, partition) in dead_letter_partitions(cluster, &args.filter).await? {
            delete_settled(cluster, &topic, partition).await?;
        }
    }
    app.answer(&done, |done| {
        format!("{} letters {}", done.settled, if done.dry_run { "would be thrown away" } else { "thrown away" })
    })
}

async fn all(cluster: &Cluster, args: &Settle, how: Settlement) -> anyhow::Result<Done> {
    let stage = Shared::new().progress.stage("dlq");
    // Made before the first look, so that another one's last transaction is over, and seen, by then.
    let mut producer = match args.dry_run {
        true => None,
        false => Some(cluster.transactional_producer(&stage, TRANSACTIONAL_ID).await.map_err(Ending::of)?),
    };
    let mut done = Done { dry_run: args.dry_run, ..Done::default() };
    let bar = bootstrap::progress_bar();
    for (topic, partition) in dead_letter_partitions(cluster, &args.filter).await? {
        bar.set_message(format!("{topic}[{partition}]"));
        let open = open_letters(cluster, &topic, partition).await?.into_iter().filter(|l| args.filter.wants(l));
        let (cut, mut whole): (Vec<Letter>, Vec<Letter>) =
            open.partition(|letter| how == Settlement::Replayed && letter.truncated_from.is_some());
        done.cut += cut.len();
        whole.truncate(args.limit.map_or(usize::MAX, |limit| limit - done.settled));
        if let Some(producer) = &mut producer {
            let letters = whole.iter().map(|letter| (letter.place, letter.id.clone())).collect();
            let mut pass = Pass { producer, how, rate: args.rate.max(1), letters };
            pass.run(cluster, &topic, partition).await?;
        }
        done.settled += whole.len();
        bar.set_length(done.settled as u64);
        bar.set_position(done.settled as u64);
    }
    bar.finish_and_clear();
    Ok(done)
}

/// One partition's letters on their way.
struct Pass<'a> {
    producer: &'a mut TransactionalProducer,
    how: Settlement,
    rate: u32,
    /// Those to be settled, by their offset in the partition.
    letters: HashMap<i64, LetterId>,
}

impl Pass<'_> {
    async fn run(&mut self, cluster: &Cluster, topic: &str, partition: i32) -> anyhow::Result<()> {
        let mut scan = cluster.scan(topic, partition).await.map_err(Ending::of)?;
        let mut left = self.letters.len();
        while left > 0 {
            let Some(records) = block_in_place(|| scan.next_batch()).map_err(Ending::of)? else { break };
            let wanted: Vec<Record<'_>> =
                records.iter().filter(|record| self.letters.contains_key(&record.offset())).collect();
            left -= wanted.len();
            for batch in wanted.chunks(BATCH.min(self.rate as usize)) {
                let start = Instant::now();
                block_in_place(|| self.settle(batch)).map_err(Ending::of).context("settle dead letters")?;
                let due = Duration::from_secs_f64(batch.len() as f64 / f64::from(self.rate));
                tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
            }
        }
        Ok(())
    }

    fn settle(&mut self, batch: &[Record<'_>]) -> Result<(), churn_stream::StreamError> {
        self.producer.begin()?;
        for record in batch {
            if let Some(id) = self.letters.get(&record.offset()) {
                settle(self.producer, record, id, self.how)?;
            }
        }
        self.producer.commit_records()
    }
}

/// Deletes what lies before the first open letter of a partition.
async fn delete_settled(cluster: &Cluster, topic: &str, partition: i32) -> anyhow::Result<()> {
    let (beginning, end) = cluster.watermarks(topic, partition).await.map_err(Ending::of)?;
    let first_open = open_letters(cluster, topic, partition).await?.first().map_or(end, |letter| letter.place);
    if first_open > beginning {
        cluster.delete_records(topic, partition, first_open).await.map_err(Ending::of)?;
    }
    Ok(())
}

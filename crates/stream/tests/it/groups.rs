//! Two members of a real group.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use churn_runtime::CancellationToken;
use churn_runtime::config::HumanDuration;
use churn_runtime::progress::Stage;
use churn_stream::{Cluster, Consumer, Event, Outgoing, Position, Wait};
use churn_testkit::poll_until;
use tokio::sync::oneshot;

use crate::support::{PATIENCE, assign, real, real_config, text};

type Seen = Arc<Mutex<BTreeMap<String, usize>>>;

/// A pipeline as it should be: it answers every rebalance, and commits each batch before it counts.
struct Pipeline {
    consumer: Consumer,
    seen: Seen,
    partitions: Arc<Mutex<usize>>,
}

impl Pipeline {
    async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Result<()> {
        loop {
            let event = tokio::select! {
                _ = &mut stop => break,
                event = self.consumer.next() => event,
            };
            match event {
                Event::Records(batch) => {
                    // A member that lost its partitions reads the batch again elsewhere: count only what is committed.
                    if self.consumer.commit(&batch.next_offsets()).await.is_ok() {
                        let mut seen = self.seen.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
                        batch.iter().for_each(|r| *seen.entry(text(r.value())).or_insert(0) += 1);
                    }
                }
                Event::Assigned(partitions) => {
                    let starts: Vec<_> = partitions.into_iter().map(|p| (p, Position::Stored)).collect();
                    self.consumer.assign(&starts).await?;
                    self.count(starts.len())?;
                }
                Event::Revoked(_) | Event::Lost(_) => {
                    self.consumer.unassign().await?;
                    self.count(0)?;
                }
                Event::Failed(error) => return Err(error).context("pipeline"),
            }
        }
        self.consumer.close().await;
        Ok(())
    }

    fn count(&self, partitions: usize) -> Result<()> {
        *self.partitions.lock().map_err(|_| anyhow::anyhow!("poisoned"))? = partitions;
        Ok(())
    }
}

struct Member {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<()>>,
    partitions: Arc<Mutex<usize>>,
}

impl Member {
    async fn join(cluster: &Cluster, stage: &Stage, topic: &str, seen: &Seen) -> Result<Self> {
        let consumer = cluster.consumer(stage, "shared", &[topic]).await?;
        let partitions = Arc::new(Mutex::new(0));
        let pipeline = Pipeline { consumer, seen: Arc::clone(seen), partitions: Arc::clone(&partitions) };
        let (stop, stopped) = oneshot::channel();
        Ok(Self { stop, task: tokio::spawn(pipeline.run(stopped)), partitions })
    }

    fn has(&self) -> usize {
        self.partitions.lock().map_or(0, |n| *n)
    }

    async fn leave(self) -> Result<()> {
        let _ = self.stop.send(());
        self.task.await?
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_leaves_hands_its_partitions_over_and_nothing_is_lost() -> Result<()> {
    const COUNT: usize = 6_000;
    let (cluster, progress, topic) = real("shared", 4).await?;
    let seen = Seen::default();
    let (stage_a, stage_b) = (progress.stage("a"), progress.stage("b"));
    let a = Member::join(&cluster, &stage_a, &topic, &seen).await?;
    poll_until(PATIENCE, || async { a.has() == 4 }).await?;
    let b = Member::join(&cluster, &stage_b, &topic, &seen).await?;
    poll_until(PATIENCE, || async { a.has() == 2 && b.has() == 2 }).await?;

    let mut producer = cluster.producer(&progress.stage("writer"))?;
    let mut send = |from: usize, to: usize| -> Result<()> {
        tokio::task::block_in_place(|| {
            for i in from..to {
                producer.send(Outgoing::new(&topic, format!("k{i}").as_bytes(), format!("{i}").as_bytes()))?;
            }
            Ok(producer.flush(PATIENCE)?)
        })
    };
    send(0, COUNT / 2)?;
    a.leave().await?;
    send(COUNT / 2, COUNT)?;
    poll_until(PATIENCE, || async { b.has() == 4 }).await?;
    poll_until(PATIENCE, || async { seen.lock().is_ok_and(|s| s.len() == COUNT) }).await?;
    // Its own position passes everything produced, and the member that left counts nowhere.
    poll_until(PATIENCE, || async { progress.drained(&[&topic]) }).await?;
    assert!(progress.lags().iter().all(|lag| lag.stage == "b"), "{:?}", progress.lags());
    b.leave().await?;
    let seen = seen.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_pipeline_stands_still_still_gives_way() -> Result<()> {
    let (cluster, progress, topic) = real("still", 2).await?;
    let stage = progress.stage("a");
    let mut still = cluster.consumer(&stage, "shared", &[&topic]).await?;
    crate::support::assign(&mut still, Position::Stored).await?;
    let mut producer = cluster.producer(&progress.stage("writer"))?;
    let blob = vec![b'x'; 100_000];
    tokio::task::block_in_place(|| -> Result<()> {
        for i in 0..400 {
            producer.send(Outgoing::new(&topic, format!("{i}").as_bytes(), &blob))?;
        }
        Ok(producer.flush(PATIENCE)?)
    })?;
    // Its channel is full now. Another member joins: the revocation must come through without one record being taken.
    let seen = Seen::default();
    let other = Member::join(&cluster, &progress.stage("b"), &topic, &seen).await?;
    let revoked = async {
        loop {
            match still.next().await {
                Event::Records(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                Event::Revoked(partitions) => break Ok(partitions),
                unexpected => break Err(anyhow::anyhow!("{unexpected:?}")),
            }
        }
    };
    let revoked = tokio::time::timeout(PATIENCE, revoked).await.context("no revocation")??;
    assert_eq!(revoked.len(), 2);
    still.unassign().await?;
    still.close().await;
    poll_until(PATIENCE, || async { other.has() == 2 && seen.lock().is_ok_and(|s| !s.is_empty()) }).await?;
    other.leave().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_stuck_with_a_batch_yields_to_the_group() -> Result<()> {
    let (_, progress, topic) = real("stuck", 2).await?;
    let mut config = real_config();
    config.topic_prefix = topic.trim_end_matches("stuck").to_owned();
    config.session_timeout = HumanDuration::from_secs(6);
    config.rebalance_timeout = HumanDuration::from_secs(8);
    let cluster = Cluster::connect(&config, &progress).await?;
    let mut stuck = cluster.consumer(&progress.stage("stuck"), "stuck", &[&topic]).await?;
    assign(&mut stuck, Position::Stored).await?;
    let never = CancellationToken::new();
    assert_eq!(stuck.pause(Duration::from_millis(1), &never).await, Wait::Again);
    let mut other = cluster.consumer(&progress.stage("other"), "stuck", &[&topic]).await?;
    // The batch cannot be stored for an hour; the group gets its partitions back all the same.
    let waited = tokio::time::timeout(PATIENCE, stuck.pause(Duration::from_secs(3600), &never)).await?;
    assert_eq!(waited, Wait::Withdrawn);
    stuck.abandon();
    let asked = tokio::time::timeout(PATIENCE, stuck.next()).await?;
    assert!(matches!(asked, Event::Revoked(_)), "{asked:?}");
    stuck.unassign().await?;
    assign(&mut other, Position::Stored).await?;
    assert!(!stuck.must_yield(), "the group has its answer");
    stuck.close().await;
    other.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_owes_the_group_an_answer_can_be_closed() -> Result<()> {
    let (cluster, progress, topic) = real("owing", 2).await?;
    let mut owing = cluster.consumer(&progress.stage("owing"), "owing", &[&topic]).await?;
    assign(&mut owing, Position::Stored).await?;
    let mut other = cluster.consumer(&progress.stage("other"), "owing", &[&topic]).await?;
    tokio::time::timeout(PATIENCE, owing.withdrawn()).await?;
    let before = std::time::Instant::now();
    owing.close().await;
    assert!(before.elapsed() < Duration::from_secs(8), "{:?}", before.elapsed());
    assign(&mut other, Position::Stored).await?;
    assert_eq!(other.assigned().len(), 2);
    other.close().await;
    Ok(())
}

//! Many swaps while batches are scored without a pause.

#![allow(clippy::disallowed_methods)] // a wait is real time

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use churn_domain::Table;
use churn_serving::{ModelSlot, Served};

use crate::{Fixture, customers};

const SWAPS: usize = 100;
/// No batch may wait longer than this for a model.
const PATIENCE: Duration = Duration::from_millis(1);
/// Times in which it neither waited nor stood in the processor's queue, and yet took that long: a host takes the processor from a virtual
/// machine now and then. Swaps that kept a batch spinning would do so at every one.
const EXCUSED: usize = 3;

/// What one thread that scores batch after batch has met.
#[derive(Debug, Default)]
struct Met {
    batches: BTreeMap<String, usize>,
    /// Longest wait for a model, of those longer than [`PATIENCE`].
    waited: Duration,
    /// How long it took otherwise, likewise.
    spun: Vec<Duration>,
}

/// How long this thread has stood in the processor's queue so far. Zero where the kernel does not say.
fn queued() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// How often this thread has given its processor up to wait for something. Time alone tells nothing: on a busy machine, the more so on
/// a virtual one, milliseconds pass in which a thread neither runs nor waits. Zero where the kernel does not say; the bench
/// `swaps` measures the time.
fn waits() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

fn score(slot: &ModelSlot, rows: &Table, expected: &BTreeMap<String, Vec<f64>>, stop: &AtomicBool) -> Met {
    let mut met = Met::default();
    while !stop.load(Ordering::Relaxed) {
        let (before, queue, asked) = (waits(), queued(), Instant::now());
        let model = slot.current().unwrap();
        let took = asked.elapsed();
        if took > PATIENCE {
            let (waited, ran) = (waits() > before, took.saturating_sub(queued() - queue));
            if waited {
                met.waited = met.waited.max(took);
            } else if ran > PATIENCE {
                met.spun.push(ran);
            }
        }
        assert_eq!(model.predict(rows), expected[model.version()], "stamped with a model that did not score it");
        *met.batches.entry(model.version().to_owned()).or_default() += 1;
    }
    met
}

/// That what a thread waits for is seen.
#[test]
fn a_thread_that_sleeps_has_waited() {
    let before = waits();
    thread::sleep(Duration::from_millis(1));
    assert!(waits() > before || !cfg!(target_os = "linux"));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_hundred_swaps_each_batch_is_scored_by_the_model_it_is_stamped_with_and_none_waits() {
    let mut fixture = Fixture::new();
    let versions = [fixture.publish(1).await, fixture.publish(2).await];
    let rows = customers().features;
    let mut expected = BTreeMap::new();
    for version in versions {
        let served = Served::of_version(&fixture.registry, version).await.unwrap();
        expected.insert(version.to_string(), served.predict(&rows));
    }
    assert_ne!(expected["v1"], expected["v2"], "two models that say the same would hide a mix-up");
    fixture.point_to(versions[0]).await;
    fixture.watch.look().await.unwrap();

    let stop = AtomicBool::new(false);
    let slot = fixture.slot.clone();
    let met = thread::scope(|scope| {
        let scoring: Vec<_> = (0..2).map(|_| scope.spawn(|| score(&slot, &rows, &expected, &stop))).collect();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for swap in 1..=SWAPS {
                    fixture.point_to(versions[swap % 2]).await;
                    assert!(fixture.watch.look().await.unwrap(), "swap {swap}");
                }
            });
        });
        stop.store(true, Ordering::Relaxed);
        scoring.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for met in met {
        assert!(met.batches.len() == 2 && met.batches.values().all(|batches| *batches > 10), "{met:?}");
        assert!(met.waited <= PATIENCE && met.spun.len() <= EXCUSED, "{met:?}");
    }
}

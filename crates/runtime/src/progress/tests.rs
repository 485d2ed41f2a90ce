use std::time::Duration;

use super::*;

const EVENTS: &str = "events";
const SCORES: &str = "scores";

#[test]
fn outstanding_counts_from_the_start_and_by_the_slowest_stage() {
    let progress = Progress::new();
    let (scorer, monitor) = (progress.stage("scorer"), progress.stage("monitor"));
    scorer.consumes(EVENTS, 0..2);
    monitor.consumes(EVENTS, 0..2);
    progress.stage("synthesizer").produced(EVENTS, 0, 10);
    assert_eq!(progress.outstanding(EVENTS, 0), 10);
    scorer.consumed(EVENTS, 0, 8);
    monitor.consumed(EVENTS, 0, 3);
    assert_eq!(progress.outstanding(EVENTS, 0), 7);
    assert_eq!(progress.stage_lag("scorer", EVENTS), 2);
    assert_eq!(progress.stage_lag("monitor", EVENTS), 7);
    assert_eq!(progress.backlog(EVENTS), 7);
    assert_eq!(progress.produced_end(EVENTS, 0), Some(10));
    assert_eq!(progress.produced_end(EVENTS, 1), None);
}

#[test]
fn a_topic_that_nobody_consumes_has_nothing_outstanding() {
    let progress = Progress::new();
    progress.stage("scorer").produced(SCORES, 0, 5);
    assert_eq!(progress.outstanding(SCORES, 0), 0);
    assert!(progress.drained(&[SCORES]));
}

#[test]
fn positions_never_move_back_within_an_assignment() {
    let progress = Progress::new();
    let sink = progress.stage("sink");
    sink.consumed(SCORES, 0, 10);
    sink.consumed(SCORES, 0, 4);
    assert_eq!(sink.position(SCORES, 0), Some(10));
    sink.produced(EVENTS, 0, 9);
    sink.produced(EVENTS, 0, 2);
    assert_eq!(progress.produced_end(EVENTS, 0), Some(9));
}

#[test]
fn a_new_assignment_may_start_earlier_and_ignores_handles_of_the_old_one() {
    let progress = Progress::new();
    let sink = progress.stage("sink");
    let old = sink.assigned(SCORES, 0, 50);
    sink.revoked(SCORES, 0, &old);
    assert_eq!(sink.position(SCORES, 0), None);
    sink.assigned(SCORES, 0, 20);
    old.advance(70);
    assert_eq!(sink.position(SCORES, 0), Some(20));
}

#[test]
fn a_partition_that_went_to_another_member_of_the_stage_stays_its() {
    let sink = Progress::new().stage("sink");
    let first = sink.assigned(SCORES, 0, 50);
    let second = sink.assigned(SCORES, 0, 60);
    sink.revoked(SCORES, 0, &first);
    assert_eq!(sink.position(SCORES, 0), Some(60), "the first member noticed late");
    sink.revoked(SCORES, 0, &second);
    assert_eq!(sink.position(SCORES, 0), None);
}

#[test]
fn a_revoked_partition_leaves_lag_and_backlog() {
    let progress = Progress::new();
    let sink = progress.stage("sink");
    sink.consumes(SCORES, [0]);
    progress.observe_end(SCORES, 0, 100);
    assert_eq!(progress.lags(), [Lag { stage: "sink".into(), topic: SCORES.into(), partition: 0, records: 100 }]);
    sink.revoked(SCORES, 0, &sink.partition(SCORES, 0));
    assert_eq!(progress.lags(), []);
    assert_eq!(progress.backlog(SCORES), 0);
}

#[test]
fn a_snapshot_holds_what_was_reported() {
    let progress = Progress::new();
    let stage = progress.stage("scorer");
    let clone = progress.stage("scorer");
    stage.read(5);
    clone.read(2);
    stage.done(6);
    stage.durable(4);
    stage.dead_lettered(1);
    stage.failed(3);
    stage.latency().record_batch([10, 20]);
    stage.consumes(EVENTS, 0..1);
    progress.observe_end(EVENTS, 0, 9);
    let snapshot = progress.snapshot();
    assert_eq!(snapshot.len(), 1);
    let s = &snapshot[0];
    assert_eq!((s.read, s.done, s.durable, s.dead_lettered, s.failed, s.lag), (7, 6, 4, 1, 3, 9));
    assert_eq!((s.latency.count, s.latency.max), (2, 20));
    assert_eq!(progress.topics(), [EVENTS]);
}

/// A scorer that moves records from one topic to the next, reporting output before input, while another thread keeps asking.
/// Whenever "drained" is answered, every record so far must have reached the last consumer.
#[test]
fn drained_is_never_claimed_while_a_record_is_between_two_topics() {
    let progress = Progress::new();
    let (source, scorer, sink) = (progress.stage("source"), progress.stage("scorer"), progress.stage("sink"));
    scorer.consumes(EVENTS, [0]);
    sink.consumes(SCORES, [0]);
    source.produced(EVENTS, 0, 1);
    let writer = std::thread::spawn(move || {
        for next in 1..=20_000 {
            scorer.produced(SCORES, 0, next);
            // The next event arrives before this one counts as consumed: never drained until the very end.
            if next < 20_000 {
                source.produced(EVENTS, 0, next + 1);
            }
            scorer.consumed(EVENTS, 0, next);
            sink.consumed(SCORES, 0, next);
        }
    });
    let mut claims = 0;
    while !writer.is_finished() {
        if progress.drained(&[SCORES, EVENTS]) {
            assert_eq!(progress.produced_end(EVENTS, 0), Some(20_000), "drained was claimed too early");
            claims += 1;
        }
    }
    writer.join().unwrap();
    assert!(progress.drained(&[SCORES, EVENTS]), "{claims}");
}

#[test]
fn a_blocked_thread_wakes_when_progress_is_made() {
    let progress = Progress::new();
    let sink = progress.stage("sink");
    sink.consumes(SCORES, [0]);
    progress.observe_end(SCORES, 0, 1000);
    let mover = std::thread::spawn(move || (1..=1000).for_each(|next| sink.consumed(SCORES, 0, next)));
    assert!(progress.wait_until(Duration::from_secs(60), |p| p.backlog(SCORES) == 0));
    mover.join().unwrap();
    assert!(!progress.wait_until(Duration::from_millis(1), |p| p.backlog(SCORES) > 0));
}

#[tokio::test]
async fn a_change_between_looking_and_awaiting_is_not_lost() {
    let progress = Progress::new();
    let sink = progress.stage("sink");
    let changed = progress.changed();
    sink.consumed(SCORES, 0, 1);
    tokio::time::timeout(Duration::from_secs(60), changed).await.expect("the change was made after changed()");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_task_sees_every_position_reached() {
    let progress = Progress::new();
    let sink = progress.stage("sink");
    sink.consumes(SCORES, [0]);
    progress.observe_end(SCORES, 0, 5000);
    let gauge = sink.partition(SCORES, 0);
    let mover = tokio::task::spawn_blocking(move || (1..=5000).for_each(|next| gauge.advance(next)));
    let drained = async {
        loop {
            let changed = progress.changed();
            if progress.drained(&[SCORES]) {
                break;
            }
            changed.await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), drained).await.expect("woken until drained");
    mover.await.unwrap();
}

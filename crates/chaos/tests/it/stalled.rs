//! A flow that does not resume after a fault must be found, also where others hide it.

use std::time::Duration;

use churn_chaos::{Flow, Look, Positions, Resumption};

const PARTITIONS: i32 = 3;

/// Rows come in all partitions but those that are stuck.
struct Story {
    flow: Flow,
    stored: Positions,
    now: u64,
    said: Vec<Resumption>,
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Story {
    fn new() -> Self {
        let stored = (0..PARTITIONS).map(|partition| (("scores".to_owned(), partition), -1)).collect();
        let mut story = Self { flow: Flow::new(PARTITIONS as usize), stored, now: 0, said: Vec::new() };
        story.flows(2);
        story
    }

    fn pass(&mut self, time: u64, stuck: &[i32]) {
        for _ in 0..time {
            self.now += 1;
            let moving = self.stored.iter_mut().filter(|((_, partition), _)| !stuck.contains(partition));
            moving.for_each(|(_, next)| *next += 1);
            let at = seconds(self.now);
            self.said.extend(self.flow.look(&Look { asked: at, answered: at, stored: self.stored.clone() }));
        }
    }

    fn flows(&mut self, time: u64) {
        self.pass(time, &[]);
    }

    fn rests(&mut self, time: u64) {
        self.pass(time, &[0, 1, 2]);
    }

    fn fault(&mut self, what: &str, lasts: u64) {
        let fault = self.flow.begin(what, true, seconds(self.now));
        self.rests(lasts);
        self.flow.end(fault, seconds(self.now));
    }

    fn stalls(&mut self) -> u64 {
        self.said.extend(self.flow.finish(seconds(self.now)));
        self.flow.stalls()
    }
}

#[test]
fn a_flow_that_resumes_in_time_passes_and_is_measured_from_the_faults_end() {
    let mut story = Story::new();
    story.fault("kafka away", 100);
    story.rests(20);
    story.flows(5);
    assert_eq!(story.stalls(), 0);
    assert_eq!(story.said.len(), 1);
    let said = &story.said[0];
    assert_eq!((said.fault.as_str(), said.seconds, said.whole_seconds, said.resumed), ("kafka away", 21.0, 21.0, true));
    assert_eq!(story.flow.slowest(), Some(said));
}

#[test]
fn a_flow_that_resumes_late_is_found() {
    let mut story = Story::new();
    story.fault("kafka away", 5);
    story.rests(31);
    story.flows(5);
    assert_eq!(story.stalls(), 1);
}

#[test]
fn one_partition_that_stands_still_is_found_among_others_that_flow() {
    let mut story = Story::new();
    story.fault("a sink killed", 0);
    story.pass(31, &[1]);
    story.flows(5);
    assert_eq!(story.stalls(), 1, "{:?}", story.said);
}

#[test]
fn a_flow_that_never_resumes_is_found() {
    let mut story = Story::new();
    story.fault("postgres away", 3);
    assert!(story.flow.is_awaited(seconds(story.now)));
    story.rests(31);
    assert!(!story.flow.is_awaited(seconds(story.now)), "it is too late");
    assert_eq!(story.stalls(), 1);
    assert!(!story.said[0].resumed);
}

#[test]
fn faults_one_after_the_other_do_not_hide_a_stall() {
    let mut story = Story::new();
    story.fault("the first", 1);
    for _ in 0..8 {
        // Partition 2 has been standing still since the first fault; each further one is over at once.
        story.pass(4, &[2]);
        let fault = story.flow.begin("another", true, seconds(story.now));
        story.flow.end(fault, seconds(story.now));
    }
    story.flows(5);
    assert!(story.stalls() >= 1, "{:?}", story.said);
    assert!(story.said.iter().any(|said| said.fault == "the first" && said.is_stall()), "{:?}", story.said);
}

#[test]
fn the_time_in_which_another_fault_holds_the_flow_is_that_ones() {
    let mut story = Story::new();
    story.fault("the first", 1);
    story.rests(10);
    story.fault("the second", 60);
    story.rests(9);
    story.flows(2);
    assert_eq!(story.stalls(), 0, "{:?}", story.said);
    let of =
        |what: &str| story.said.iter().find(|said| said.fault == what).map(|said| (said.seconds, said.whole_seconds));
    assert_eq!(of("the first"), Some((80.0, 20.0)));
    assert_eq!(of("the second"), Some((10.0, 10.0)));
}

#[test]
fn rows_that_were_stored_before_the_faults_end_do_not_count() {
    let mut story = Story::new();
    let fault = story.flow.begin("kafka away", true, seconds(story.now));
    // What had been fetched is still stored.
    story.flows(3);
    story.flow.end(fault, seconds(story.now));
    story.rests(40);
    assert_eq!(story.stalls(), 1);
}

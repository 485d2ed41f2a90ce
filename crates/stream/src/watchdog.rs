//! Notices a client that has lost every broker for good.
//!
//! librdkafka connects again by itself after nearly everything. Nearly: a broker that was stopped and wakes up may name no broker
//! at all in its first answer, and the client then forgets those that it knew and asks nobody any more (docs/guarantees.md). So a
//! client that has been without a broker for a while, although another client of this process gets answers, is made anew. Where
//! nobody gets answers the cluster is away, and there is nothing to do but wait.

use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::statistics::Broker;

/// Time between two questions whether others get answers.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Watches one client.
#[derive(Debug)]
pub(crate) struct Watchdog {
    limit: Duration,
    alone: Option<Alone>,
}

/// The client has no broker.
#[derive(Debug)]
struct Alone {
    probed: Instant,
    /// Since when others get answers.
    others_answered: Option<Instant>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    Nothing,
    /// Ask a broker by another client, and say what came of it.
    Probe,
    /// Make the client anew.
    Renew,
}

impl Watchdog {
    /// Bears with a client that is cut off for so long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, alone: None }
    }

    /// Looks at the client, which is in touch with a broker or not.
    pub(crate) fn look(&mut self, in_touch: bool, now: Instant) -> Advice {
        if in_touch {
            self.alone = None;
            return Advice::Nothing;
        }
        let alone = self.alone.get_or_insert(Alone { probed: now, others_answered: None });
        if alone.others_answered.is_some_and(|since| now.duration_since(since) >= self.limit) {
            return Advice::Renew;
        }
        if now.duration_since(alone.probed) >= PROBE_EVERY { Advice::Probe } else { Advice::Nothing }
    }

    /// Another client asked, and was answered or not.
    pub(crate) fn probed(&mut self, answered: bool, now: Instant) {
        if let Some(alone) = &mut self.alone {
            alone.probed = now;
            alone.others_answered = if answered { alone.others_answered.or(Some(now)) } else { None };
        }
    }
}

/// Whether a consumer with these statistics still has somebody to read from. One without partitions needs its coordinator only,
/// which librdkafka keeps a connection of its own for.
pub(crate) fn in_touch(statistics: &Statistics) -> bool {
    let up = |broker: &&Broker| broker.state == "UP";
    let assigned = statistics.cgrp.as_ref().is_some_and(|group| group.assignment_size > 0);
    let mut connected = statistics.brokers.values().filter(up);
    if assigned { connected.any(|broker| broker.source == "learned") } else { connected.next().is_some() }
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::ConsumerGroup;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn seconds(from: Instant, seconds: u64) -> Instant {
        from + Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_that_alone_gets_no_answer_is_made_anew_after_the_limit() {
        let (mut dog, start) = (Watchdog::new(LIMIT), Instant::now());
        assert_eq!(dog.look(true, start), Advice::Nothing);
        assert_eq!(dog.look(false, start), Advice::Nothing);
        assert_eq!(dog.look(false, seconds(start, 1)), Advice::Probe);
        dog.probed(true, seconds(start, 1));
        assert_eq!(dog.look(false, seconds(start, 1)), Advice::Nothing);
        assert_eq!(dog.look(false, seconds(start, 2)), Advice::Probe);
        dog.probed(true, seconds(start, 2));
        assert_eq!(dog.look(false, seconds(start, 11)), Advice::Renew);
    }

    #[test]
    fn a_cluster_that_is_away_for_all_is_waited_for() {
        let (mut dog, start) = (Watchdog::new(LIMIT), Instant::now());
        dog.look(false, start);
        for second in 1..100 {
            assert_eq!(dog.look(false, seconds(start, second)), Advice::Probe);
            dog.probed(false, seconds(start, second));
        }
        // It is back: from now on the client has the limit to find it.
        dog.probed(true, seconds(start, 100));
        assert_eq!(dog.look(false, seconds(start, 109)), Advice::Probe);
        assert_eq!(dog.look(true, seconds(start, 109)), Advice::Nothing);
        assert_eq!(dog.look(false, seconds(start, 120)), Advice::Nothing, "it begins anew");
    }

    #[test]
    fn a_reader_needs_a_broker_that_it_has_learned_of() {
        let broker =
            |source: &str, state: &str| Broker { source: source.into(), state: state.into(), ..Broker::default() };
        let see = |partitions: i32, brokers: &[(&str, &str)]| {
            let brokers = brokers.iter().enumerate().map(|(n, (source, state))| (n.to_string(), broker(source, state)));
            let cgrp = ConsumerGroup { assignment_size: partitions, ..ConsumerGroup::default() };
            in_touch(&Statistics { brokers: brokers.collect(), cgrp: Some(cgrp), ..Statistics::default() })
        };
        assert!(see(2, &[("learned", "UP"), ("logical", "UP")]));
        assert!(!see(2, &[("learned", "DOWN"), ("logical", "UP")]));
        assert!(see(0, &[("logical", "UP")]));
        assert!(!see(0, &[("configured", "CONNECT"), ("logical", "INIT")]));
        assert!(!see(0, &[]));
    }
}

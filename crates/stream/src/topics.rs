//! The topics' names and shapes, spelled once.

use crate::config::KafkaConfig;

/// Names of all topics, with the configured prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Customer events, keyed by customer.
    pub events: String,
    /// Delayed truth for the events, keyed by customer.
    pub outcomes: String,
    /// Scores of the champion, keyed by customer.
    pub scores: String,
    /// Scores of a shadowing challenger, keyed by customer.
    pub shadow: String,
    /// The monitor asks the trainer to retrain.
    pub retrain_requests: String,
    /// The trainer tells the scorers of a new champion (compacted).
    pub model_updates: String,
    /// Where each stream of events stands: the synthesizers' own account, keyed by stream (compacted).
    pub positions: String,
}

/// A topic as `churn setup` creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Full name, prefix included.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication: i32,
    /// Keep the last record of each key instead of deleting by age.
    pub compacted: bool,
    /// Takes the letters of the largest records, and keeps them longer than a week: somebody has to look at them.
    pub dead_letters: bool,
}

impl Topics {
    /// Names under `prefix` (empty outside of tests).
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let name = |base: &str| format!("{prefix}{base}");
        Self {
            events: name("customer-events.v1"),
            outcomes: name("customer-outcomes.v1"),
            scores: name("customer-scores.v1"),
            shadow: name("shadow-scores.v1"),
            retrain_requests: name("retrain-requests.v1"),
            model_updates: name("model-updates.v1"),
            positions: name("stream-positions.v1"),
        }
    }

    /// Where the records of `topic` go that cannot be processed.
    #[must_use]
    pub fn dlq(topic: &str) -> String {
        format!("{topic}.dlq")
    }

    /// The four topics that are joined by key and therefore need equal partition counts.
    #[must_use]
    pub fn co_partitioned(&self) -> [&str; 4] {
        [&self.events, &self.outcomes, &self.scores, &self.shadow]
    }

    /// Every topic, dead letters included, as `config` wants it.
    #[must_use]
    pub fn specs(&self, config: &KafkaConfig) -> Vec<TopicSpec> {
        let replication = i32::from(config.replication);
        let spec = |name: &str, partitions: i32, compacted: bool| TopicSpec {
            name: name.to_owned(),
            partitions,
            replication,
            compacted,
            dead_letters: false,
        };
        let mut specs: Vec<TopicSpec> =
            self.co_partitioned().iter().map(|name| spec(name, i32::from(config.partitions), false)).collect();
        specs.push(spec(&self.retrain_requests, 1, false));
        specs.push(spec(&self.model_updates, 1, true));
        // A dead letter stays in the partition number of its source, so the counts are equal.
        let dead: Vec<TopicSpec> = specs
            .iter()
            .map(|s| TopicSpec { dead_letters: true, ..spec(&Self::dlq(&s.name), s.partitions, false) })
            .collect();
        specs.extend(dead);
        // The state of its only reader, who refuses to start on what it cannot read: it has no dead letters.
        specs.push(spec(&self.positions, 1, true));
        specs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_consumed_topic_has_dead_letters_and_only_updates_and_positions_are_compacted() {
        let topics = Topics::new("t-");
        let specs = topics.specs(&KafkaConfig::default());
        assert_eq!(specs.len(), 13);
        let compacted: Vec<&str> = specs.iter().filter(|s| s.compacted).map(|s| s.name.as_str()).collect();
        assert_eq!(compacted, ["t-model-updates.v1", "t-stream-positions.v1"]);
        assert!(specs.iter().any(|s| s.name == "t-customer-events.v1.dlq"));
    }
}

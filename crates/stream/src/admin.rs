//! Creating and checking topics.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;

use crate::client::AskContext;
use crate::cluster::ASK_TIMEOUT;
use crate::positions::offset_list;
use crate::{Cluster, StreamError, TopicPartition, TopicSpec};

/// How long the broker may take to create or delete the topics.
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long brokers may take to know of a topic that was created, and the time between two looks.
const APPEAR_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Fewer copies than this lose records with a single lost disk.
const SAFE_REPLICATION: i32 = 3;

/// Largest record batch of a dead-letter topic: the letter of the largest record that brokers take by default (1 MiB), its reasons
/// included.
const LETTER_BYTES: &str = "2097152";
/// How long dead letters are kept: thirty days, in milliseconds.
const LETTER_RETENTION: &str = "2592000000";

/// What was found or done about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicReport {
    /// The topic.
    pub name: String,
    /// Its state.
    pub state: TopicState,
    /// What an operator should know about it, if anything.
    pub warning: Option<String>,
}

/// State of a topic compared with its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicState {
    /// It did not exist and does not yet ([`Cluster::inspect_topics`]).
    Missing,
    /// It did not exist and was created.
    Created,
    /// It exists as specified.
    Existing,
    /// It exists with another partition count.
    WrongPartitions {
        /// Partitions it has.
        have: i32,
        /// Partitions it should have.
        want: i32,
    },
}

impl Cluster {
    /// Compares the topics with `specs` and changes nothing.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn inspect_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, StreamError> {
        let mut reports = Vec::with_capacity(specs.len());
        for spec in specs {
            let name = spec.name.clone();
            let have = self.ask("read metadata", move |asker| asker.partition_count(&name, ASK_TIMEOUT)).await?;
            let state = match have {
                None => TopicState::Missing,
                Some(have) if have == spec.partitions => TopicState::Existing,
                Some(have) => TopicState::WrongPartitions { have, want: spec.partitions },
            };
            reports.push(TopicReport { name: spec.name.clone(), state, warning: warning(spec, state) });
        }
        Ok(reports)
    }

    /// Creates the topics that do not exist. Safe to repeat; an existing topic is never changed.
    ///
    /// # Errors
    /// No broker answers, or it refuses to create a topic.
    pub async fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, StreamError> {
        if self.is_embedded() {
            return self.create_embedded(specs);
        }
        let mut reports = self.inspect_topics(specs).await?;
        let missing: Vec<&TopicSpec> =
            specs.iter().zip(&reports).filter(|(_, r)| r.state == TopicState::Missing).map(|(spec, _)| spec).collect();
        if !missing.is_empty() {
            self.create(&missing).await?;
            self.appear(&missing).await?;
            for report in reports.iter_mut().filter(|r| r.state == TopicState::Missing) {
                report.state = TopicState::Created;
            }
        }
        Ok(reports)
    }

    /// Checks that the four stream topics exist and have equal partition counts, so that a key is in the same partition of each.
    ///
    /// # Errors
    /// A topic is missing or its partition count differs.
    pub async fn check_co_partitioned(&self) -> Result<i32, StreamError> {
        let names: Vec<String> = self.topics().co_partitioned().iter().map(|&name| name.to_owned()).collect();
        let mut first: Option<(&str, i32)> = None;
        for name in &names {
            let count = self.topic_partitions(name).await?;
            match first {
                Some((other, expected)) if expected != count => {
                    let problem = format!(
                        "has {count} partitions but {other} has {expected}; the four stream topics need equal counts: add partitions to the smaller one, or create both anew"
                    );
                    return Err(StreamError::Topic { topic: name.clone(), problem });
                }
                Some(_) => {}
                None => first = Some((name, count)),
            }
        }
        Ok(first.map_or(0, |(_, count)| count))
    }

    /// Deletes all topics of this configuration, with their records: for a run that made topics of its own. A topic that does
    /// not exist is as good as deleted.
    ///
    /// # Errors
    /// No broker answers, or it refuses to delete a topic.
    pub async fn delete_topics(&self) -> Result<(), StreamError> {
        let action = format!("delete topics at {}", self.brokers());
        let specs = self.topics().specs(self.config());
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let results = self
            .admin(&action)?
            .delete_topics(&names, &options())
            .await
            .map_err(|error| StreamError::kafka(action.as_str(), &error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {}
                Err((topic, code)) => {
                    return Err(StreamError::Topic { topic, problem: format!("cannot be deleted: {code}") });
                }
            }
        }
        Ok(())
    }

    fn admin(&self, action: &str) -> Result<AdminClient<AskContext>, StreamError> {
        let client = self.config().client(self.brokers());
        client.create_with_context(AskContext::default()).map_err(|error| StreamError::kafka(action, &error))
    }

    /// Deletes the records of a partition before an offset; those of the others stay.
    ///
    /// # Errors
    /// No broker answers, or it refuses.
    pub async fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<(), StreamError> {
        let action = format!("delete records of {topic}[{partition}]");
        let list = offset_list(&[(TopicPartition::new(topic, partition), before)])?;
        let done = self.admin(&action)?.delete_records(&list, &options()).await;
        let done = done.map_err(|error| StreamError::kafka(action.as_str(), &error))?;
        let refused = done.elements().iter().try_for_each(|element| element.error());
        refused.map_err(|error| StreamError::kafka(action.as_str(), &error))
    }

    async fn create(&self, specs: &[&TopicSpec]) -> Result<(), StreamError> {
        let action = format!("create topics at {}", self.brokers());
        let topics: Vec<NewTopic<'_>> = specs.iter().map(|spec| new_topic(spec)).collect();
        let results = self
            .admin(&action)?
            .create_topics(&topics, &options())
            .await
            .map_err(|error| StreamError::kafka(action.as_str(), &error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(StreamError::Topic { topic, problem: refusal(code) }),
            }
        }
        Ok(())
    }

    /// Waits until a broker names them: the controller's answer may come before the brokers know, and whoever starts next would be told
    /// that there are no such topics.
    async fn appear(&self, specs: &[&TopicSpec]) -> Result<(), StreamError> {
        let mut waited = Duration::ZERO;
        for spec in specs {
            while let Err(error) = self.topic_partitions(&spec.name).await {
                if waited >= APPEAR_WITHIN || !matches!(error, StreamError::Topic { .. }) {
                    return Err(error);
                }
                tokio::time::sleep(LOOK_EVERY).await;
                waited += LOOK_EVERY;
            }
        }
        Ok(())
    }

    fn create_embedded(&self, specs: &[TopicSpec]) -> Result<Vec<TopicReport>, StreamError> {
        let ask = self.inner.asker.client();
        let mock = ask.client().mock_cluster().ok_or_else(|| StreamError::closed("create topics"))?;
        let mut reports = Vec::with_capacity(specs.len());
        for spec in specs {
            let state = match mock.create_topic(&spec.name, spec.partitions, 1) {
                Ok(()) => TopicState::Created,
                Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAlreadyExists) => {
                    TopicState::Existing
                }
                Err(error) => return Err(StreamError::kafka(format!("create topic {}", spec.name), &error)),
            };
            reports.push(TopicReport { name: spec.name.clone(), state, warning: None });
        }
        Ok(reports)
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(CREATE_TIMEOUT)).operation_timeout(Some(CREATE_TIMEOUT))
}

fn new_topic(spec: &TopicSpec) -> NewTopic<'_> {
    let mut topic = NewTopic::new(&spec.name, spec.partitions, TopicReplication::Fixed(spec.replication));
    if spec.compacted {
        // The segment that is written to is never compacted: a small one keeps the topic small.
        topic = topic.set("cleanup.policy", "compact").set("segment.bytes", "16777216");
    }
    if spec.dead_letters {
        topic = topic.set("max.message.bytes", LETTER_BYTES).set("retention.ms", LETTER_RETENTION);
    }
    if spec.replication >= SAFE_REPLICATION {
        // Otherwise one acknowledging copy would be enough, and acks=all would promise little.
        topic = topic.set("min.insync.replicas", "2");
    }
    topic
}

fn warning(spec: &TopicSpec, state: TopicState) -> Option<String> {
    match state {
        TopicState::WrongPartitions { have, want } => {
            Some(format!("{} has {have} partitions, the configuration says {want} (kafka.partitions)", spec.name))
        }
        TopicState::Missing if spec.replication < SAFE_REPLICATION => Some(format!(
            "{} with {} cop(ies) of each partition: a lost disk loses records; 3 are safe (kafka.replication)",
            spec.name, spec.replication
        )),
        _ => None,
    }
}

fn refusal(code: RDKafkaErrorCode) -> String {
    let hint = match code {
        RDKafkaErrorCode::InvalidReplicationFactor => "; there are fewer brokers than kafka.replication",
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            "; grant the user CREATE on the topic, or let an administrator create it"
        }
        _ => "",
    };
    format!("cannot be created: {code}{hint}")
}

//! How a consumer becomes a member of its group.

use std::sync::{Arc, mpsc};

use churn_runtime::progress::Stage;
use rdkafka::consumer::Consumer as _;
use tokio::sync::mpsc as channel;

use super::{Consumer, Member};
use crate::cluster::blocking;
use crate::link::{Item, Link};
use crate::poller::Poller;
use crate::reader::Reader;
use crate::rebalance::MemberContext;
use crate::{Cluster, StreamError, TopicPartition};

impl Cluster {
    /// Joins `group` (the prefix is added) to read `topics` (full names), reporting to `stage`.
    ///
    /// On the embedded broker a group has one member, which registers as a reader of all partitions at once: make consumers before
    /// producers.
    ///
    /// # Errors
    /// A topic does not exist, no broker answers, or the embedded group is taken.
    pub async fn consumer(&self, stage: &Stage, group: &str, topics: &[&str]) -> Result<Consumer, StreamError> {
        let mut partitions = Vec::new();
        for topic in topics {
            let count = self.topic_partitions(topic).await?;
            partitions.extend((0..count).map(|partition| TopicPartition::new(topic, partition)));
        }
        let group = self.group_name(group);
        if let Some(embedded) = &self.inner.embedded {
            if !embedded.join(&group) {
                let problem = format!(
                    "the embedded broker gives all partitions to one member, and group {group} has one already"
                );
                return Err(StreamError::Topic { topic: topics.join(", "), problem });
            }
            for partition in &partitions {
                stage.consumes(&partition.topic, [partition.partition]);
            }
        }
        let (cluster, stage, topics) = (self.clone(), stage.clone(), topics.iter().map(|&t| t.to_owned()).collect());
        blocking("join a consumer group", move || Consumer::join(cluster, stage, group, topics, partitions)).await
    }
}

impl Consumer {
    pub(super) fn join(
        cluster: Cluster,
        stage: Stage,
        group: String,
        topics: Vec<String>,
        all: Vec<TopicPartition>,
    ) -> Result<Self, StreamError> {
        let action = || format!("join group {group} at {}", cluster.brokers());
        let context = MemberContext::new(cluster.inner.progress.clone());
        let mailbox = Arc::clone(&context.shared);
        let withdrawn = mailbox.withdrawals();
        let member: Arc<Member> = Arc::new(
            cluster
                .consumer_settings(&group)
                .create_with_context(context)
                .map_err(|e| StreamError::kafka(action(), &e))?,
        );
        let (outbox, inbox) = channel::unbounded_channel();
        if cluster.is_embedded() {
            // The receiver is alive: it is below.
            let _ = outbox.send(Item::Assigned(all));
        } else {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            member.subscribe(&names).map_err(|e| StreamError::kafka(action(), &e))?;
        }
        let fetch = &cluster.config().fetch;
        let channel_bytes = fetch.channel.as_usize() / cluster.lane.of;
        let link = Arc::new(Link::new(channel_bytes, fetch.batch_records as usize));
        let (commands, orders) = mpsc::channel();
        let names: Arc<[Arc<str>]> = topics.iter().map(|t| Arc::from(t.as_str())).collect();
        let reader = Reader { cluster: cluster.clone(), group: group.clone(), member: Arc::clone(&member) };
        let poller = Poller::new(reader, names, stage.clone(), Arc::clone(&link), outbox, orders, fetch);
        let thread = std::thread::Builder::new()
            .name(format!("kafka-{group}"))
            .spawn(move || poller.run())
            .map_err(|e| StreamError::Kafka { action: action(), reason: e.to_string(), retriable: false })?;
        link.set_thread(thread.thread().clone());
        Ok(Self {
            cluster,
            group,
            topics,
            stage,
            member: Some(member),
            mailbox,
            link,
            inbox,
            commands,
            thread: Some(thread),
            withdrawn,
            generation: 0,
            open: false,
            assigned: Vec::new(),
            held: Vec::new(),
        })
    }
}

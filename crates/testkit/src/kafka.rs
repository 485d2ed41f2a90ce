//! The shared Kafka broker.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::poll::poll_until;
use crate::servers;

/// A busy two-core machine answers within a second or two; this leaves room.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A running broker: a single node that creates no topic by itself and keeps records for ever.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// Where clients connect: `host:port`.
    pub bootstrap: String,
}

/// The shared broker. Use names from [`crate::fresh_name`] for topics, groups and transactional ids.
///
/// # Panics
/// When the shared servers are not up; the message names the command that starts them.
pub fn kafka() -> Kafka {
    Kafka { bootstrap: servers::shared().kafka.bootstrap }
}

impl Kafka {
    /// Creates topics of so many partitions, and returns when each partition has a leader.
    ///
    /// # Errors
    /// When the broker cannot be reached or refuses a topic, for example because it exists.
    pub async fn create_topics(&self, topics: &[(&str, i32)]) -> Result<()> {
        let admin = self.admin()?;
        let wanted: Vec<_> = topics
            .iter()
            .map(|&(name, partitions)| NewTopic::new(name, partitions, TopicReplication::Fixed(1)))
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(ADMIN_TIMEOUT));
        let created = admin.create_topics(&wanted, &options).await;
        for topic in created.with_context(|| format!("no answer from kafka at {}", self.bootstrap))? {
            topic.map_err(|(name, code)| anyhow!("kafka refused to create topic {name}: {code}"))?;
        }
        for &(name, partitions) in topics {
            poll_until(ADMIN_TIMEOUT, || async { leaders(&admin, name) == Some(partitions) })
                .await
                .with_context(|| format!("topic {name} has no leader on each of its partitions"))?;
        }
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .create()
            .context("cannot make a kafka admin client")
    }
}

/// How many partitions of the topic have a leader, once the broker knows the topic.
fn leaders(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Option<i32> {
    let metadata = admin.inner().fetch_metadata(Some(topic), Duration::from_secs(5)).ok()?;
    let partitions = metadata.topics().first()?.partitions();
    i32::try_from(partitions.iter().filter(|partition| partition.leader() >= 0).count()).ok()
}

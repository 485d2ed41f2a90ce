//! What a pipeline is told when the group wants its partitions back, or when the client has lost every broker for good: then the
//! member is made anew (see [`crate::watchdog`]).

use rdkafka::consumer::Consumer as _;

use super::Consumer;
use crate::StreamError;
use crate::cluster::blocking;

impl Consumer {
    /// Whether the group wants these partitions back so badly that a batch in hand has to be given up: they are another member's
    /// already, or have been asked back for half of `kafka.rebalance_timeout`, after all of which the group goes on without this
    /// member. So it is when the client is cut off from every broker. True before the [`Event`](super::Event) has come through the queue.
    #[must_use]
    pub fn must_yield(&self) -> bool {
        if self.mailbox.is_cut_off() {
            return true;
        }
        let Some(since) = *self.withdrawn.borrow() else { return false };
        since.elapsed() >= self.cluster.config().handover()
            || self.member.as_ref().is_some_and(|member| member.assignment_lost())
    }

    /// Whether the group waits for partitions to be given back.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.borrow().is_some()
    }

    /// Ends when the group asks for partitions back, or at once where it has. Cancel-safe.
    pub async fn withdrawn(&self) {
        let mut changes = self.withdrawn.clone();
        // The sender lives in the mailbox, which this handle holds.
        let _ = changes.wait_for(Option::is_some).await;
    }

    /// Ends when the client is given up, or at once where it is. Cancel-safe.
    pub(super) async fn cut_off(&self) {
        let mut changes = self.withdrawn.clone();
        // The sender lives in the mailbox, which this handle holds.
        let _ = changes.wait_for(|_| self.mailbox.is_cut_off()).await;
    }

    pub(super) async fn renew(&mut self) -> Result<(), StreamError> {
        let (cluster, stage) = (self.cluster.clone(), self.stage.clone());
        let (group, topics) = (self.group.clone(), self.topics.clone());
        let fresh =
            blocking("join a consumer group again", move || Self::join(cluster, stage, group, topics, Vec::new()))
                .await?;
        // The old member has no broker to say goodbye to; nothing waits for it.
        tokio::spawn(std::mem::replace(self, fresh).close());
        self.stage.client_renewed();
        Ok(())
    }
}

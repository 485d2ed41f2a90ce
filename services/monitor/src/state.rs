//! What the monitor remembers over a restart, in `churn.monitor_state`.
//!
//! One row holds the memory and the positions it belongs to. The memory is JSON (counts, moments, references); the halves that
//! wait are stored beside it in pieces, as bytes: there may be hundreds of thousands of them. What is not remembered: ids that were
//! joined already, so that a repetition after a restart waits in vain instead of being counted as one; and a live
//! reference, or first labelled rows of the expected performance, that were still being collected, which begin anew; and
//! halves of a pair of champion and shadow.

use std::collections::BTreeMap;

use anyhow::Context;
use churn_store::{MonitorState, Store, StoreError};
use churn_stream::TopicPartition;

use crate::models::Models;
use crate::pairs::Pairs;
use crate::requests::Asked;
use crate::watch::Watch;

/// Version of the encoding. Change it with every change of what is stored: an unknown one is begun anew.
const FORMAT: i32 = 3;
/// Waiting halves that are stored, 31 bytes each: bounds them at about 15 MB. Beyond it some outcomes become orphans.
const MAX_WAITING: usize = 500_000;
/// Halves that are sent to Postgres together, about half a megabyte.
const PIECE: usize = 16_384;

/// A stored state, and the halves that wait.
type Saved = (MonitorState, Vec<u8>);

/// Where the memory goes, and how far the stream was read.
#[derive(Debug)]
pub(crate) struct Memory {
    store: Store,
    shard: String,
    cluster_id: String,
    positions: BTreeMap<String, i64>,
}

impl Memory {
    /// What is stored for the group, if anything is.
    pub(crate) async fn load(store: &Store, group: &str) -> Result<Option<Saved>, StoreError> {
        store.reach_tables().await?;
        store.load_monitor_state(group).await
    }

    /// Fills `watch` from what was stored for the group, if that fits.
    pub(crate) fn open(store: Store, group: &str, cluster_id: &str, saved: Option<Saved>, watch: &mut Watch) -> Self {
        let mut memory =
            Self { store, shard: group.to_owned(), cluster_id: cluster_id.to_owned(), positions: BTreeMap::new() };
        let Some((saved, waiting)) = saved else { return memory };
        match restore(&saved, &waiting, cluster_id, watch) {
            Ok(()) => {
                tracing::info!(
                    models = watch.models.len(),
                    waiting = watch.join.waiting(),
                    "going on from stored state"
                );
                memory.positions = saved.positions;
            }
            Err(reason) => tracing::warn!(reason = %format!("{reason:#}"), "stored state is begun anew"),
        }
        memory
    }

    /// Where to go on in a partition; `None` when the memory says nothing of it.
    pub(crate) fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.positions.get(&key(partition)).copied()
    }

    /// The watch has taken everything before these offsets.
    pub(crate) fn read_up_to(&mut self, next: &[(TopicPartition, i64)]) {
        for (partition, offset) in next {
            self.positions.insert(key(partition), *offset);
        }
    }

    pub(crate) async fn save(&self, watch: &Watch) -> anyhow::Result<()> {
        if self.positions.is_empty() {
            return Ok(());
        }
        let state = encode(&self.cluster_id, watch)?;
        let saved = MonitorState { format: FORMAT, state, positions: self.positions.clone() };
        let waiting = watch.join.save(MAX_WAITING, PIECE);
        self.store.save_monitor_state(&self.shard, &saved, waiting).await.context("save the monitor's state")
    }
}

fn key(partition: &TopicPartition) -> String {
    format!("{}/{}", partition.topic, partition.partition)
}

fn encode(cluster_id: &str, watch: &Watch) -> anyhow::Result<Vec<u8>> {
    serde_json::to_vec(&(cluster_id, &watch.models, &watch.asked, &watch.pairs)).context("write the state as JSON")
}

fn restore(saved: &MonitorState, waiting: &[u8], cluster_id: &str, watch: &mut Watch) -> anyhow::Result<()> {
    anyhow::ensure!(saved.format == FORMAT, "format {} is unknown, expected {FORMAT}", saved.format);
    let (of_cluster, models, asked, pairs): (String, Models, Asked, Pairs) =
        serde_json::from_slice(&saved.state).context("it is damaged")?;
    anyhow::ensure!(of_cluster == cluster_id, "it is of the Kafka cluster {of_cluster}, this one is {cluster_id}");
    anyhow::ensure!(models.settings() == watch.models.settings(), "windows or thresholds were configured otherwise");
    watch.join.restore(waiting).context("its waiting records are damaged")?;
    watch.models = models;
    watch.asked = asked;
    watch.pairs = pairs;
    Ok(())
}

#[cfg(test)]
mod tests {
    use churn_runtime::config::HumanDuration;

    use super::*;
    use crate::config::MonitorConfig;

    fn saved(cluster: &str, watch: &Watch) -> MonitorState {
        MonitorState { format: FORMAT, state: encode(cluster, watch).unwrap(), positions: BTreeMap::new() }
    }

    #[test]
    fn memory_of_another_cluster_format_or_setting_is_refused_with_the_reason() {
        let config = MonitorConfig::default();
        let whole = saved("here", &Watch::new(&config));
        let refused = |saved: &MonitorState, config: &MonitorConfig| {
            format!("{:#}", restore(saved, &[], "here", &mut Watch::new(config)).unwrap_err())
        };
        assert!(restore(&whole, &[], "here", &mut Watch::new(&config)).is_ok());
        assert!(refused(&saved("there", &Watch::new(&config)), &config).contains("there"));
        assert!(refused(&MonitorState { format: 0, ..whole.clone() }, &config).contains("format 0"));
        for other in [
            MonitorConfig { drift_window_rows: 777, ..MonitorConfig::default() },
            MonitorConfig { drift_window_panes: 5, ..MonitorConfig::default() },
            MonitorConfig { drift_window_time: HumanDuration::from_secs(10), ..MonitorConfig::default() },
        ] {
            assert!(refused(&whole, &other).contains("configured otherwise"));
        }
        let cut = MonitorState { state: whole.state[..20].to_vec(), ..whole.clone() };
        assert!(refused(&cut, &config).contains("damaged"));
        let torn = restore(&whole, &[0; 5], "here", &mut Watch::new(&config)).unwrap_err();
        assert!(format!("{torn:#}").contains("waiting records"));
    }
}

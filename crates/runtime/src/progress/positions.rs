//! Offsets by topic and partition, shared through atomics so that a batch's owner needs no lock to advance one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

type Partitions = BTreeMap<i32, Arc<AtomicI64>>;

/// The next offset of each partition of each topic. Sequentially consistent, because `Progress::drained` reasons about the order
/// of updates on different partitions.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    topics: RwLock<HashMap<String, Partitions>>,
}

impl Positions {
    /// The shared cell of a partition, made with `start` when there is none.
    pub(crate) fn cell(&self, topic: &str, partition: i32, start: i64) -> Arc<AtomicI64> {
        if let Some(cell) = self.find(topic, partition) {
            return cell;
        }
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let partitions = topics.entry(topic.to_owned()).or_default();
        Arc::clone(partitions.entry(partition).or_insert_with(|| Arc::new(AtomicI64::new(start))))
    }

    /// Replaces the cell, and returns the new one: handles of an earlier assignment no longer count.
    pub(crate) fn replace(&self, topic: &str, partition: i32, next_offset: i64) -> Arc<AtomicI64> {
        let cell = Arc::new(AtomicI64::new(next_offset));
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.entry(topic.to_owned()).or_default().insert(partition, Arc::clone(&cell));
        cell
    }

    /// Forgets a partition, where it still has this cell.
    pub(crate) fn remove(&self, topic: &str, partition: i32, cell: &Arc<AtomicI64>) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(partitions) = topics.get_mut(topic) {
            if partitions.get(&partition).is_some_and(|current| Arc::ptr_eq(current, cell)) {
                partitions.remove(&partition);
            }
            if partitions.is_empty() {
                topics.remove(topic);
            }
        }
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<i64> {
        self.find(topic, partition).map(|cell| cell.load(Ordering::SeqCst))
    }

    /// Partitions of a topic with their next offsets, ascending.
    pub(crate) fn of(&self, topic: &str) -> Vec<(i32, i64)> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(topic).map(read).unwrap_or_default()
    }

    /// Every topic with its partitions, by name.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<(i32, i64)>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.iter().map(|(topic, partitions)| (topic.clone(), read(partitions))).collect()
    }

    fn find(&self, topic: &str, partition: i32) -> Option<Arc<AtomicI64>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(topic)?.get(&partition).map(Arc::clone)
    }
}

fn read(partitions: &Partitions) -> Vec<(i32, i64)> {
    partitions.iter().map(|(&partition, cell)| (partition, cell.load(Ordering::SeqCst))).collect()
}

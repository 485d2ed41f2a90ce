//! Where each owned partition stands in Postgres, and under which epoch.

use std::collections::BTreeMap;

use churn_store::{Claim, OffsetAdvance};
use churn_stream::{Position, TopicPartition};

/// The positions of the current assignment.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    held: BTreeMap<TopicPartition, Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    next: Option<i64>,
    epoch: i64,
}

impl Positions {
    /// Takes over what was claimed, and says where to begin reading.
    pub(crate) fn claimed(claims: &[Claim]) -> (Self, Vec<(TopicPartition, Position)>) {
        let place = |claim: &Claim| TopicPartition::new(&claim.topic, claim.partition);
        let begin = |claim: &Claim| claim.next_offset.map_or(Position::Beginning, Position::Offset);
        let held =
            claims.iter().map(|claim| (place(claim), Held { next: claim.next_offset, epoch: claim.epoch })).collect();
        (Self { held }, claims.iter().map(|claim| (place(claim), begin(claim))).collect())
    }

    /// The move of these partitions to these offsets. Partitions that are not held are left out: their records are not ours to
    /// store.
    pub(crate) fn advance(&self, next_offsets: &[(TopicPartition, i64)]) -> Vec<OffsetAdvance> {
        let advance = |(partition, next): &(TopicPartition, i64)| {
            let held = self.held.get(partition)?;
            Some(OffsetAdvance {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                expected: held.next,
                next: *next,
                epoch: held.epoch,
            })
        };
        next_offsets.iter().filter_map(advance).collect()
    }

    /// The move is stored.
    pub(crate) fn advanced(&mut self, next_offsets: &[(TopicPartition, i64)]) {
        for (partition, next) in next_offsets {
            if let Some(held) = self.held.get_mut(partition) {
                held.next = Some(*next);
            }
        }
    }

    /// The partitions, as Postgres names them.
    pub(crate) fn partitions(&self) -> Vec<churn_store::TopicPartition> {
        self.held.keys().map(to_store).collect()
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }
}

pub(crate) fn to_store(partition: &TopicPartition) -> churn_store::TopicPartition {
    churn_store::TopicPartition::new(&*partition.topic, partition.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_begins_where_it_stands_and_moves_on_from_there() {
        let claim = |partition, next_offset| Claim { topic: "t".into(), partition, next_offset, epoch: 3 };
        let (mut positions, begin) = Positions::claimed(&[claim(0, None), claim(1, Some(7))]);
        let at = |partition| TopicPartition::new("t", partition);
        assert_eq!(begin, [(at(0), Position::Beginning), (at(1), Position::Offset(7))]);
        let moves = positions.advance(&[(at(0), 5), (at(1), 9), (at(2), 1)]);
        let expected: Vec<_> = moves.iter().map(|m| (m.partition, m.expected, m.next, m.epoch)).collect();
        assert_eq!(expected, [(0, None, 5, 3), (1, Some(7), 9, 3)]);
        positions.advanced(&[(at(0), 5)]);
        assert_eq!(positions.advance(&[(at(0), 6)])[0].expected, Some(5));
    }
}

//! Which event continues which: a partial matching between neighbouring blocks of the stream.
//!
//! Both ends of a link are found without remembering anything. In each block one keyed permutation ranks the events
//! that may continue a customer, another ranks those that may be continued; the event of rank r continues the event of
//! rank r in the block before. Permutations make the links one to one.

/// Links between the events of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    key: u64,
    half_bits: u32,
    /// Events in a block that are offered an earlier customer.
    offered: u64,
}

/// Rounds of the permutation. Four make a Feistel network indistinguishable from random (Luby and Rackoff 1988), which
/// is more than a shuffle of customers needs.
const ROUNDS: u64 = 4;

impl Links {
    /// `block_bits` is even; `offered` is the share of the events that are offered an earlier customer.
    pub(crate) fn new(key: u64, block_bits: u32, offered: f64) -> Self {
        let block = (1_u64 << block_bits) as f64;
        Self { key, half_bits: block_bits / 2, offered: (offered * block).round() as u64 }
    }

    /// The event whose customer the event continues.
    #[inline]
    pub(crate) fn earlier(&self, event: u64) -> Option<u64> {
        let bits = 2 * self.half_bits;
        let (block, place) = (event >> bits, event & ((1 << bits) - 1));
        let earlier = block.checked_sub(1)?;
        let rank = self.permute(self.block_key(block, 0), place);
        (rank < self.offered).then(|| (earlier << bits) | self.invert(self.block_key(earlier, 1), rank))
    }

    fn block_key(&self, block: u64, side: u64) -> u64 {
        mix(self.key ^ mix(2 * block + side))
    }

    fn permute(&self, key: u64, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(key ^ (round << 32) ^ right) & mask));
        }
        (left << self.half_bits) | right
    }

    fn invert(&self, key: u64, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ (mix(key ^ (round << 32) ^ left) & mask), left);
        }
        (left << self.half_bits) | right
    }
}

/// SplitMix64's finalizer (Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_event_is_continued_once_at_most_and_from_the_block_before() {
        let links = Links::new(7, 8, 0.25);
        let mut continued = HashSet::new();
        let mut count = 0;
        for event in 0..256 * 40 {
            if let Some(earlier) = links.earlier(event) {
                assert_eq!(earlier >> 8, (event >> 8) - 1);
                assert!(continued.insert(earlier), "{earlier} is continued twice");
                count += 1;
            }
        }
        assert_eq!(count, 64 * 39);
    }

    #[test]
    fn the_permutation_is_one_and_is_inverted() {
        let links = Links::new(7, 10, 0.25);
        let images: HashSet<u64> = (0..1_024).map(|value| links.permute(99, value)).collect();
        assert_eq!(images.len(), 1_024);
        assert!((0..1_024).all(|value| links.invert(99, links.permute(99, value)) == value));
    }
}

//! The partition of a key, as Java clients and `partitioner=murmur2_random` compute it.
//!
//! Producers leave the choice to librdkafka; this function is for those who must know it beforehand (a synthesizer that owns
//! some partitions, a test that looks for a key) and is held equal to librdkafka and to Kafka's own golden values by tests.

/// Partition of `key` among `partitions` (`Utils.toPositive(Utils.murmur2(key)) % partitions` in Kafka's client).
///
/// # Panics
/// Never: with `partitions` below 1 the answer is 0.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    if partitions < 1 {
        return 0;
    }
    let positive = (murmur2(key) & 0x7fff_ffff).cast_signed();
    positive % partitions
}

/// MurmurHash2, 32 bits, by Austin Appleby (public domain), with Kafka's seed 0x9747b28c.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    // Kafka mixes in the length as a 32-bit int; keys are far below 4 GiB.
    let mut hash = SEED ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
    #[test]
    fn murmur2_equals_the_values_of_kafkas_own_test() {
        let golden: [(&[u8], i32); 9] = [
            (b"kafka", 0xd067_cf64_u32.cast_signed()),
            (b"1234", 0x9fc9_7b14_u32.cast_signed()),
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
        ];
        for (key, expected) in golden {
            assert_eq!(murmur2(key).cast_signed(), expected, "{}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn the_partition_of_a_negative_hash_is_not_negative() {
        assert_eq!(partition_for_key(b"21", 6), ((-973_932_308_i32) & 0x7fff_ffff) % 6);
        assert_eq!(partition_for_key(b"21", 0), 0);
    }
}

//! Random numbers by position: every row has a stream of its own, so any range of rows can be drawn anywhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use sha2::{Digest, Sha256};

/// What a random number is for. Streams of different purposes have unrelated keys.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// New customers.
    Customer,
    /// What happens to a customer between two events.
    Visit,
    /// What a scenario does.
    Scenario,
}

/// Random numbers of one seed and one purpose.
#[derive(Clone, Debug)]
pub(crate) struct RowRandom(ChaCha8Rng);

impl RowRandom {
    /// The numbers of a seed, a named stream (empty for a plain sample) and a purpose.
    pub(crate) fn new(seed: u64, stream: &str, purpose: Purpose) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"churn-synth 1");
        hasher.update(seed.to_le_bytes());
        hasher.update([match purpose {
            Purpose::Customer => 0,
            Purpose::Visit => 1,
            Purpose::Scenario => 2,
        }]);
        hasher.update(stream.as_bytes());
        Self(ChaCha8Rng::from_seed(hasher.finalize().into()))
    }

    /// Goes to the first number of a row.
    pub(crate) fn seek(&mut self, row: u64) {
        // In this order the buffer is empty when the stream changes; in the other it would be filled twice.
        self.0.set_word_pos(0);
        self.0.set_stream(row);
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `bound`, which is above 0. The bias is below bound / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }
}

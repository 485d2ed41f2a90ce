//! The Mersenne Twister (Matsumoto and Nishimura 1998), seeded and drawn from as Python and numpy do.
//!
//! Only to give the very figures of tools that draw with it; nothing else here should.

use serde::{Deserialize, Serialize};

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// A generator of 32-bit numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Twister {
    words: Vec<u32>,
    next: usize,
}

impl Twister {
    /// As `numpy.random.RandomState(seed)`.
    pub fn of_numpy(seed: u32) -> Self {
        let mut words = vec![seed; SIZE];
        for at in 1..SIZE {
            let before = words[at - 1];
            words[at] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(at as u32);
        }
        Self { words, next: SIZE }
    }

    /// As Python's `random.Random(seed)`.
    pub fn of_python(seed: u32) -> Self {
        let mut twister = Self::of_numpy(19_650_218);
        let words = &mut twister.words;
        let mix = |before: u32, factor: u32| (before ^ (before >> 30)).wrapping_mul(factor);
        let mut at = 1;
        for _ in 0..SIZE {
            words[at] = (words[at] ^ mix(words[at - 1], 1_664_525)).wrapping_add(seed);
            at += 1;
            if at == SIZE {
                words[0] = words[SIZE - 1];
                at = 1;
            }
        }
        for _ in 1..SIZE {
            words[at] = (words[at] ^ mix(words[at - 1], 1_566_083_941)).wrapping_sub(at as u32);
            at += 1;
            if at == SIZE {
                words[0] = words[SIZE - 1];
                at = 1;
            }
        }
        words[0] = 1 << 31;
        twister
    }

    /// The next number.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == SIZE {
            self.turn();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn turn(&mut self) {
        for at in 0..SIZE {
            let joined = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % SIZE] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[at] = self.words[(at + SHIFT) % SIZE] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// As Python's `sample(range(population), count)`, for a population of which at least a tenth is drawn: there it
    /// draws from a list and puts the last one in the place of the one drawn.
    pub(crate) fn sample(&mut self, population: usize, count: usize) -> Vec<usize> {
        let mut pool: Vec<usize> = (0..population).collect();
        (0..count)
            .map(|drawn| {
                let left = population - drawn;
                let at = self.below_by_high_bits(left as u32) as usize;
                let found = pool[at];
                pool[at] = pool[left - 1];
                found
            })
            .collect()
    }

    /// As numpy's `permutation(count)`.
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        self.shuffle(&mut order);
        order
    }

    /// As numpy's legacy `shuffle`.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.up_to_by_low_bits(at as u32) as usize;
            items.swap(at, other);
        }
    }

    /// A number below `bound`, by the high bits of each draw.
    fn below_by_high_bits(&mut self, bound: u32) -> u32 {
        let bits = u32::BITS - bound.leading_zeros();
        loop {
            let number = self.next_u32() >> (u32::BITS - bits);
            if number < bound {
                return number;
            }
        }
    }

    /// A number up to `last`, by the low bits of each draw.
    fn up_to_by_low_bits(&mut self, last: u32) -> u32 {
        if last == 0 {
            return 0;
        }
        let mask = u32::MAX >> last.leading_zeros();
        loop {
            let number = self.next_u32() & mask;
            if number <= last {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_python_and_numpy() {
        // random.Random(42).getrandbits(32), and numpy.random.RandomState(42).randint(0, 2**32, dtype="uint32").
        let mut python = Twister::of_python(42);
        assert_eq!([python.next_u32(), python.next_u32()], [2_746_317_213, 478_163_327]);
        let mut numpy = Twister::of_numpy(42);
        assert_eq!([numpy.next_u32(), numpy.next_u32()], [1_608_637_542, 3_421_126_067]);
    }

    #[test]
    fn draws_are_those_of_python_and_numpy() {
        // random.Random(1).sample(range(70), 30)[:6], and numpy.random.RandomState(42).permutation(10).
        assert_eq!(Twister::of_python(1).sample(70, 30)[..6], [17, 8, 32, 15, 63, 57]);
        assert_eq!(Twister::of_numpy(42).permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    }
}

//! A histogram of whole milliseconds in fixed memory.

/// Values below this are counted exactly; above, a bucket is at most 1/128 (0.8 %) wide, so a quantile is off by less than 1 %.
const EXACT: u64 = 256;
/// Buckets per power of two above [`EXACT`]. Doubling it doubles the memory and halves the error.
const PER_OCTAVE: usize = 128;
/// Larger values count as this one: 2^32 ms are 49 days. It sets the memory: 3,328 counters, 26 KiB.
const LARGEST: u64 = (1 << 32) - 1;

/// Log-bucketed counts of milliseconds: mergeable, 26 KiB, quantiles within 1 %.
///
/// The layout is that of HdrHistogram (Tene): linear buckets inside each power of two.
#[derive(Clone)]
pub struct LatencyHistogram {
    counts: Box<[u64]>,
    count: u64,
    sum: u128,
    max: u64,
}

impl std::fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LatencyHistogram").field("count", &self.count).field("max", &self.max).finish_non_exhaustive()
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(LARGEST) + 1].into_boxed_slice(), count: 0, sum: 0, max: 0 }
    }
}

impl LatencyHistogram {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one value in milliseconds. A negative one (clocks that disagree) counts as 0.
    pub fn record(&mut self, millis: i64) {
        self.record_n(millis, 1);
    }

    /// Counts the same value `n` times.
    pub fn record_n(&mut self, millis: i64, n: u64) {
        if n == 0 {
            return;
        }
        let value = u64::try_from(millis).unwrap_or(0).min(LARGEST);
        self.counts[bucket(value)] += n;
        self.count += n;
        self.sum += u128::from(value) * u128::from(n);
        self.max = self.max.max(value);
    }

    /// Adds everything that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.counts.fill(0);
            (self.count, self.sum, self.max) = (0, 0, 0);
        }
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value, exact (up to 49 days). 0 when empty.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Arithmetic mean, exact. 0 when empty.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The smallest recorded value that at least `q` (0 to 1) of all values do not exceed (nearest rank), to within 1 %, as the
    /// upper end of its bucket: a promise such as "p99 under 500 ms" is never flattered. 0 when empty.
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, &n) in self.counts.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return upper_end(index).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let shift = (value.ilog2() - EXACT.ilog2() + 1) as usize;
    shift * PER_OCTAVE + (value >> shift) as usize
}

fn upper_end(index: usize) -> u64 {
    if index < EXACT as usize {
        return index as u64;
    }
    let shift = index / PER_OCTAVE - 1;
    let low = ((index - shift * PER_OCTAVE) as u64) << shift;
    low + (1 << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_no_bucket_is_wider_than_one_percent() {
        let mut value = 0_u64;
        while value < LARGEST {
            let index = bucket(value);
            let end = upper_end(index);
            assert!(end >= value && bucket(end) == index, "{value} in bucket {index} ending {end}");
            assert!(end - value <= value / 100, "{value}..{end}");
            if end < LARGEST {
                assert_eq!(bucket(end + 1), index + 1, "buckets leave no gap after {end}");
            }
            value = end + 1;
        }
        assert_eq!(upper_end(bucket(LARGEST)), LARGEST);
    }

    #[test]
    fn quantiles_are_within_one_percent_of_the_sorted_values() {
        let values: Vec<i64> = (0..10_000).map(|i| (i * i) / 37).collect();
        let mut histogram = LatencyHistogram::new();
        values.iter().for_each(|&v| histogram.record(v));
        for q in [0.001, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = values[(q * 10_000.0) as usize - 1] as f64;
            let got = histogram.quantile(q) as f64;
            assert!((got - exact).abs() <= exact * 0.01 + 0.5, "q{q}: {got} for {exact}");
        }
        assert_eq!(histogram.max(), 9_999 * 9_999 / 37);
    }

    #[test]
    fn merging_equals_recording_into_one() {
        let (mut a, mut b, mut both) = (LatencyHistogram::new(), LatencyHistogram::new(), LatencyHistogram::new());
        for v in 0..1000 {
            if v % 3 == 0 { &mut a } else { &mut b }.record(v * 7);
            both.record(v * 7);
        }
        a.merge(&b);
        assert_eq!((a.count(), a.max(), a.quantile(0.5)), (both.count(), both.max(), both.quantile(0.5)));
        assert!((a.mean() - both.mean()).abs() < 1e-9);
    }

    #[test]
    fn an_empty_histogram_and_impossible_values_give_numbers_not_panics() {
        let mut histogram = LatencyHistogram::new();
        assert_eq!((histogram.quantile(0.99), histogram.max(), histogram.count()), (0, 0, 0));
        histogram.record(-5);
        histogram.record(i64::MAX);
        assert_eq!(histogram.quantile(0.5), 0);
        assert_eq!(histogram.max(), LARGEST);
        histogram.clear();
        assert_eq!((histogram.count(), histogram.quantile(1.0)), (0, 0));
    }
}

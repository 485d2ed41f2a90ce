//! Adaptive windowing (Bifet and Gavaldà 2007), in logarithmic memory.

use serde::{Deserialize, Serialize};

use super::Signal;

/// Buckets of one size before the two oldest are merged. More cost memory and cut finer.
const MAX_BUCKETS: usize = 5;
/// Values between two looks for a change. Looking more often costs time and finds changes earlier.
const CLOCK: u64 = 32;
/// Shortest window that is looked at.
const GRACE_PERIOD: f64 = 10.0;
/// Shortest part that the window is cut into.
const MIN_PART: f64 = 5.0;

/// Sum and squared deviations of 2^row values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bucket {
    total: f64,
    variance: f64,
}

/// A window of the values since the last change. It grows while nothing changes and drops its older part when two parts
/// differ in their mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adwin {
    delta: f64,
    /// Row r holds buckets of 2^r values, the oldest first.
    rows: Vec<Vec<Bucket>>,
    width: f64,
    total: f64,
    variance: f64,
    ticks: u64,
    begin_anew: bool,
}

impl Default for Adwin {
    fn default() -> Self {
        Self::new(0.002)
    }
}

impl Adwin {
    /// A window of confidence `delta`: the smaller, the fewer false alarms and the later true ones.
    pub fn new(delta: f64) -> Self {
        Self { delta, rows: vec![Vec::new()], width: 0.0, total: 0.0, variance: 0.0, ticks: 0, begin_anew: false }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Signal {
        if self.begin_anew {
            *self = Self::new(self.delta);
        }
        self.insert(value);
        self.ticks += 1;
        let due = self.ticks.is_multiple_of(CLOCK) && self.width > GRACE_PERIOD;
        self.begin_anew = due && self.shrink();
        if self.begin_anew { Signal::Drift } else { Signal::Calm }
    }

    /// Values in the window.
    pub fn width(&self) -> u64 {
        self.width as u64
    }

    fn insert(&mut self, value: f64) {
        self.rows[0].push(Bucket { total: value, variance: 0.0 });
        self.width += 1.0;
        if self.width > 1.0 {
            let before = self.width - 1.0;
            let deviation = value - self.total / before;
            self.variance += before * deviation * deviation / self.width;
        }
        self.total += value;
        self.compress();
    }

    /// Merges the two oldest buckets of each row that has too many into one of the next row.
    fn compress(&mut self) {
        let mut row = 0;
        while self.rows[row].len() == MAX_BUCKETS + 1 {
            if row + 1 == self.rows.len() {
                self.rows.push(Vec::new());
            }
            let size = size_of_row(row);
            let (a, b) = (self.rows[row][0], self.rows[row][1]);
            let difference = a.total / size - b.total / size;
            let between = size * size * difference * difference / (size + size);
            let merged = Bucket { total: a.total + b.total, variance: a.variance + b.variance + between };
            self.rows[row + 1].push(merged);
            self.rows[row].drain(..2);
            row += 1;
        }
    }

    /// Drops the oldest buckets as long as some cut of the window has two parts of different means.
    fn shrink(&mut self) -> bool {
        let mut shrunk = false;
        while self.some_cut_differs() {
            shrunk = true;
            if self.width > 0.0 {
                self.delete_oldest();
            }
        }
        shrunk
    }

    fn some_cut_differs(&self) -> bool {
        let (mut n0, mut n1) = (0.0, self.width);
        let (mut u0, mut u1) = (0.0, self.total);
        for (row, buckets) in self.rows.iter().enumerate().rev() {
            let size = size_of_row(row);
            // The newest value alone is no part.
            let parts = if row == 0 { buckets.len().saturating_sub(1) } else { buckets.len() };
            for bucket in &buckets[..parts] {
                n0 += size;
                n1 -= size;
                u0 += bucket.total;
                u1 -= bucket.total;
                if n1 >= MIN_PART && n0 >= MIN_PART && self.differs(n0, n1, u0 / n0 - u1 / n1) {
                    return true;
                }
            }
        }
        false
    }

    fn differs(&self, n0: f64, n1: f64, difference: f64) -> bool {
        let delta = (2.0 * self.width.ln() / self.delta).ln();
        let harmonic = 1.0 / (n0 - MIN_PART + 1.0) + 1.0 / (n1 - MIN_PART + 1.0);
        let variance = self.variance / self.width;
        let epsilon = (2.0 * harmonic * variance * delta).sqrt() + 2.0 / 3.0 * delta * harmonic;
        difference.abs() > epsilon
    }

    fn delete_oldest(&mut self) {
        let Some(last) = self.rows.len().checked_sub(1) else { return };
        let n = size_of_row(last);
        let bucket = self.rows[last].remove(0);
        self.width -= n;
        self.total -= bucket.total;
        let difference = bucket.total / n - self.total / self.width;
        self.variance -= bucket.variance + n * self.width * difference * difference / (n + self.width);
        if self.rows[last].is_empty() && last > 0 {
            self.rows.pop();
        }
    }
}

fn size_of_row(row: usize) -> f64 {
    2.0_f64.powi(row as i32)
}

//! Scoring a batch of customers with reasons, on as many threads as it pays for.

use std::ops::Range;

use churn_domain::{Reasons, Table};
use churn_learn::{EncodeStats, Scratch};

use crate::Served;

/// Customers below which another thread costs more than it saves: explaining this many takes some milliseconds, starting a thread
/// some hundredths of one.
const WORTH_A_THREAD: usize = 1_000;

/// The scores of a stretch of customers, and the buffers that they were made with.
#[derive(Debug, Default)]
pub struct Stretch {
    /// The probability of each customer.
    pub probability: Vec<f64>,
    /// The reasons of each customer: none where none were asked for.
    pub reasons: Reasons,
    scratch: Scratch,
    stats: EncodeStats,
}

/// The scores of a batch of customers, in stretches that follow one another; keep it from batch to batch for its memory.
#[derive(Debug, Default)]
pub struct Scored {
    stretches: Vec<Stretch>,
    used: usize,
}

impl Scored {
    /// The stretches, in the order of the customers.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches[..self.used]
    }

    /// What the encoder met.
    pub fn stats(&self) -> EncodeStats {
        let mut all = EncodeStats::default();
        self.stretches().iter().for_each(|stretch| all.merge(&stretch.stats));
        all
    }

    /// Every customer's probability, with the reasons and the customer's row in them.
    pub fn rows(&self) -> impl Iterator<Item = (f64, usize, &Reasons)> {
        let of = |stretch| {
            let Stretch { probability, reasons, .. }: &Stretch = stretch;
            probability.iter().enumerate().map(move |(row, &probability)| (probability, row, reasons))
        };
        self.stretches().iter().flat_map(of)
    }

    /// The probability of every customer.
    pub fn probabilities(&self) -> impl Iterator<Item = f64> + Clone {
        self.stretches().iter().flat_map(|stretch| &stretch.probability).copied()
    }
}

impl Served {
    /// Scores every customer, each with its `top` most important features (0 for none), on at most `threads` threads, this one
    /// included.
    pub fn score(&self, customers: &Table, top: usize, threads: usize, scored: &mut Scored) {
        let rows = customers.len();
        let threads = threads.min(rows / WORTH_A_THREAD).max(1);
        let length = rows.div_ceil(threads).max(1);
        scored.used = rows.div_ceil(length);
        if scored.stretches.len() < scored.used {
            scored.stretches.resize_with(scored.used, Stretch::default);
        }
        let place = |number: usize| number * length..rows.min((number + 1) * length);
        let (first, others) = match scored.stretches[..scored.used].split_first_mut() {
            Some(split) => split,
            None => return,
        };
        std::thread::scope(|scope| {
            for (number, stretch) in others.iter_mut().enumerate() {
                scope.spawn(move || self.score_stretch(customers, place(number + 1), top, stretch));
            }
            self.score_stretch(customers, place(0), top, first);
        });
    }

    fn score_stretch(&self, customers: &Table, rows: Range<usize>, top: usize, stretch: &mut Stretch) {
        let Stretch { probability, reasons, scratch, stats } = stretch;
        probability.clear();
        reasons.clear();
        let model = &self.contents().model;
        if top == 0 {
            reasons.end_rows(rows.len());
            *stats = model.predict(customers, rows, scratch, probability);
        } else {
            let explainer = self.explainer();
            *stats = model.predict_with_reasons(explainer, top, customers, rows, scratch, probability, reasons);
        }
    }
}

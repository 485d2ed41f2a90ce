//! Rows a second of one core, as the monitor uses the crate: 19 features, the score, three segmentations, the truth of every row,
//! figures to expect of all customers and of each segment, and a comparison of all of it every 10,000 rows.
//! `cargo bench -p churn-drift --profile dev`.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark reads the clock and prints")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use churn_domain::{Column, FEATURES, Probability, Table};
use churn_drift::estimate::{Estimator, Unlabelled, UnlabelledRow};
use churn_drift::{
    Accumulator, ColumnReference, Edges, Part, PartReference, Performance, Reference, Segmentation, SegmentedWindow,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 10_000;
const BATCHES: usize = 200;
/// What the design asks for: rows a second, and MB of the whole process.
const LEAST: f64 = 500_000.0;
const MOST_MB: f64 = 100.0;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (before, now) = (customers(1), customers(2));
    let mut state = Watched::new(&before);
    state.batch(&now);
    let started = Instant::now();
    for _ in 0..BATCHES {
        state.batch(black_box(&now));
    }
    let rate = (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64();
    println!("drift: {rate:.0} rows/s of one core, {:.2}x of the {LEAST:.0} asked", rate / LEAST);
    println!("drift: at most {:.1} MB in all, of {MOST_MB:.0}", peak_mb());
}

struct Batch {
    features: Table,
    scores: Vec<f64>,
    churned: Vec<bool>,
}

struct Watched {
    window: SegmentedWindow,
    references: Vec<PartReference>,
    performance: Performance,
    expected: Unlabelled,
    expected_of_segments: Vec<Unlabelled>,
    cells: Vec<u16>,
}

impl Watched {
    fn new(before: &Batch) -> Self {
        let segments = ["contract", "internet_service", "senior_citizen"].map(str::to_owned);
        let segmentation = Arc::new(Segmentation::new(&segments).expect("features with few values"));
        let features = Reference::from_table(&before.features);
        let edges = Edges::uniform(0.0, 1.0, 20).expect("twenty bins");
        let score = ColumnReference::of_numbers_on("probability", edges, &before.scores);
        let mut window = SegmentedWindow::new(&features, &score, Arc::clone(&segmentation));
        let mut cells = Vec::new();
        segmentation.cells_into(&before.features, 0..BATCH, &mut cells);
        window.add(&before.features, &before.scores, 0..BATCH, &cells);
        let references = window.references();
        window.reset();
        Self {
            window,
            references,
            performance: Performance::default(),
            expected: Unlabelled::default(),
            expected_of_segments: segmentation.segments().map(|_| Unlabelled::with_bins(250)).collect(),
            cells,
        }
    }

    fn batch(&mut self, rows: &Batch) {
        let segmentation = self.window.segmentation().clone();
        segmentation.cells_into(&rows.features, 0..BATCH, &mut self.cells);
        self.window.add(&rows.features, &rows.scores, 0..BATCH, &self.cells);
        for (&score, &churned) in rows.scores.iter().zip(&rows.churned) {
            let probability = Probability::new(score).expect("between 0 and 1");
            self.performance.add(probability, score > 0.5, churned);
        }
        for (&score, &cell) in rows.scores.iter().zip(&self.cells) {
            let row = UnlabelledRow::new(score, score > 0.5).expect("between 0 and 1");
            self.expected.add_row(&row);
            segmentation.segments_of(cell).for_each(|segment| self.expected_of_segments[segment].add_row(&row));
        }
        let every = self.expected_of_segments.iter_mut().chain([&mut self.expected]);
        every.for_each(|window| {
            black_box(Estimator::uncalibrated().estimate_window(window));
            window.reset();
        });
        black_box(self.performance.summary());
        compare(&self.window.whole());
        self.window.by_segment(&self.references).iter().for_each(compare);
        self.window.reset();
    }
}

fn compare(part: &Part) {
    black_box(part.features.compare());
}

/// Customers whose words and numbers are drawn evenly.
fn customers(seed: u64) -> Batch {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = move || chance.random::<f64>();
    let mut features = Table::default();
    for (feature, column) in FEATURES.iter().zip(features.columns_mut()) {
        for _ in 0..BATCH {
            let u = draw();
            match column {
                Column::Category(words) => {
                    let known = feature.categories();
                    words.push(Some(known[((u * known.len() as f64) as usize).min(known.len() - 1)]));
                }
                Column::Number(values) => values.push(match feature.name {
                    "tenure" => (u * 72.0).round(),
                    "monthly_charges" | "total_charges" => (u * 10_000.0).round() / 100.0,
                    _ => f64::from(u8::from(u < 0.5)),
                }),
            }
        }
    }
    let scores: Vec<f64> = (0..BATCH).map(|_| draw()).collect();
    let churned = scores.iter().map(|&score| draw() < score).collect();
    Batch { features, scores, churned }
}

/// The most memory that this process ever held, as Linux counts it.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1e3)
}

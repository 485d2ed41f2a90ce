//! How many rows a second one core takes: `cargo run -p churn-drift --example throughput`.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // it prints what it measures with the clock

use std::sync::Arc;
use std::time::Instant;

use churn_domain::{Column, FEATURES, Probability, Table};
use churn_drift::estimate::{Estimator, Unlabelled, UnlabelledRow};
use churn_drift::multivariate::Components;
use churn_drift::{
    Accumulator, ColumnReference, ColumnWindow, Edges, Moments, Performance, Reference, Segmentation, SegmentedWindow,
    Window,
};

const ROWS: usize = 10_000;
const BATCHES: usize = 200;

fn main() {
    let table = customers();
    let scores: Vec<f64> = (0..ROWS).map(|row| (row * 7919 % 9973) as f64 / 9973.0).collect();
    let reference = Arc::new(Reference::from_table(&table));
    let unit = Edges::uniform(0.0, 1.0, 20).expect("a constant range");
    let score_reference = ColumnReference::of_numbers_on("probability", unit, &scores);

    let segments = ["contract", "internet_service", "senior_citizen"].map(str::to_owned);
    let segmentation = Arc::new(Segmentation::new(&segments).expect("features with few values"));
    // A window is as long as the monitor's: 10,000 rows. Each is compared as a whole and for every segment.
    measure("19 features, score and three segments, each window compared, with expected performance", || {
        let mut window = SegmentedWindow::new(&reference, &score_reference, Arc::clone(&segmentation));
        let mut unlabelled = Unlabelled::default();
        let mut of_segments: Vec<Unlabelled> = segmentation.segments().map(|_| Unlabelled::with_bins(250)).collect();
        let mut cells = Vec::new();
        segmentation.cells_into(&table, 0..ROWS, &mut cells);
        window.add(&table, &scores, 0..ROWS, &cells);
        let references = window.references();
        window.reset();
        let mut compared = 0;
        for _ in 0..BATCHES {
            segmentation.cells_into(&table, 0..ROWS, &mut cells);
            window.add(&table, &scores, 0..ROWS, &cells);
            for (&p, &cell) in scores.iter().zip(&cells) {
                let row = UnlabelledRow::new(p, p > 0.4).expect("a probability");
                unlabelled.add_row(&row);
                segmentation.segments_of(cell).for_each(|segment| of_segments[segment].add_row(&row));
            }
            let whole = window.whole();
            assert_eq!(whole.features.compare().len(), FEATURES.len());
            assert_eq!(whole.features.quality().len(), FEATURES.len());
            compared += window.by_segment(&references).iter().map(|part| part.features.compare().len()).sum::<usize>();
            assert!(Estimator::uncalibrated().estimate_window(&unlabelled).is_some());
            let estimate = |window: &Unlabelled| Estimator::uncalibrated().estimate_window(window).is_some();
            assert!(of_segments.iter().filter(|window| estimate(window)).count() >= 3);
            of_segments.iter_mut().for_each(Accumulator::reset);
            window.reset();
            unlabelled.reset();
        }
        assert!(compared > BATCHES * FEATURES.len());
    });
    let components = Components::of(&table).expect("customers who differ");
    measure("all columns together, one row in five", || {
        let mut errors = Moments::default();
        for _ in 0..BATCHES {
            components.add(&table, (0..ROWS).step_by(5), &mut errors);
        }
        assert_eq!(errors.rows() as usize, ROWS / 5 * BATCHES);
    });
    measure("drift of 19 features and the score", || {
        let mut window = Window::new(Arc::clone(&reference));
        let mut score = ColumnWindow::new(Arc::clone(score_reference.bins()));
        for _ in 0..BATCHES {
            window.add(&table, 0..ROWS);
            score.add_numbers(&scores);
        }
        assert_eq!(window.rows() as usize, ROWS * BATCHES);
    });
    measure("performance", || {
        let mut performance = Performance::new();
        for batch in 0..BATCHES {
            for (row, &p) in scores.iter().enumerate() {
                let probability = Probability::new(p).expect("below 1");
                performance.add(probability, p > 0.4, (row + batch) % 4 == 0);
            }
        }
        assert_eq!(performance.rows() as usize, ROWS * BATCHES);
    });
    measure("comparisons, a second's worth of rows each", || {
        let mut window = Window::new(Arc::clone(&reference));
        window.add(&table, 0..ROWS);
        (0..BATCHES).for_each(|_| assert_eq!(window.compare().len(), FEATURES.len()));
    });
    if let Some(peak) = peak_memory() {
        println!("peak resident memory: {peak}");
    }
}

/// Of the whole process, its input included; Linux only.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|peak| peak.trim().to_owned())
}

fn measure(what: &str, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    println!("{what}: {:.0} rows/s", (ROWS * BATCHES) as f64 / start.elapsed().as_secs_f64());
}

fn customers() -> Table {
    let mut table = Table::default();
    for (index, (feature, column)) in FEATURES.iter().zip(table.columns_mut()).enumerate() {
        for row in 0..ROWS {
            let mixed = (row * 2_654_435_761 + index * 40_503) % 100_003;
            match column {
                Column::Category(words) => words.push(Some(feature.categories()[mixed % feature.categories().len()])),
                Column::Number(values) if feature.unit.is_some() => values.push((mixed % 7_300) as f64 / 100.0),
                Column::Number(values) => values.push((mixed % 2) as f64),
            }
        }
    }
    table
}

//! Measures training and scoring:
//! `cargo run -p churn-learn --example measure -- data/telco_customer_churn.csv [FOLDER] [FOLDS]`.
//!
//! With FOLDER, writes the artifact's files there. With FOLDS, a file with the fold of each customer, one a line,
//! cross-validates on those folds: the mean of the folds' AUC, log-loss and Brier score over all customers.

#![allow(clippy::disallowed_methods, clippy::print_stdout)] // a measurement reads the clock and prints

use std::error::Error;
use std::time::Instant;

use churn_domain::Reasons;
use churn_domain::csv::{Customers, ReadOptions, read};
use churn_learn::metrics::auc;
use churn_learn::{Examples, Explainer, LearnerParams, ScoringModel, Scratch, TrainParams, cross_validate, train};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: measure FILE [FOLDER] [FOLDS]")?;
    let customers = read(std::fs::File::open(file)?, ReadOptions::default())?;
    let threads = std::thread::available_parallelism()?.get();
    let start = Instant::now();
    let trained = train(&customers, &TrainParams { threads, ..TrainParams::default() }, &mut |_| {})?;
    println!("train, {threads} threads: {:.2} s", start.elapsed().as_secs_f64());
    for learner in &trained.artifact.report.learners {
        let (name, calibration, metrics) = (learner.params.name(), learner.calibration.name(), &learner.metrics);
        println!("{name}: calibration {calibration}, raw log-loss {:.4}, {metrics:.4?}", learner.raw_log_loss);
    }
    explained(&trained.artifact.model, &customers);
    for learner in TrainParams::default().learners {
        measure(&customers, learner)?;
    }
    if let Some(folder) = arguments.next() {
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in trained.artifact.to_files()? {
            std::fs::write(format!("{folder}/{name}"), bytes)?;
        }
    }
    match arguments.next() {
        Some(folds) => on_folds(&customers, &std::fs::read_to_string(folds)?),
        None => Ok(()),
    }
}

fn measure(customers: &Customers, learner: LearnerParams) -> Outcome<()> {
    let start = Instant::now();
    let params = TrainParams { learners: vec![learner], blend: false, ..TrainParams::default() };
    let model = train(customers, &params, &mut |_| {})?.artifact.model;
    let seconds = start.elapsed().as_secs_f64();
    println!("{}, one thread: six fits {seconds:.2} s, {:.0} rows/s", model.model().name(), speed(&model, customers));
    Ok(())
}

/// The best of five runs over 400,000 customers.
fn speed(model: &ScoringModel, customers: &Customers) -> f64 {
    let table = customers.features.select((0..400_000).map(|row| row % customers.len()));
    let (mut scratch, mut probability) = (Scratch::default(), Vec::with_capacity(table.len()));
    let run = |_| {
        probability.clear();
        let start = Instant::now();
        model.predict(&table, 0..table.len(), &mut scratch, &mut probability);
        start.elapsed().as_secs_f64()
    };
    table.len() as f64 / (0..5).map(run).fold(f64::INFINITY, f64::min)
}

/// What the winner takes to be explained.
fn explained(model: &ScoringModel, customers: &Customers) {
    let start = Instant::now();
    let explainer = Explainer::new(model);
    let made = start.elapsed().as_secs_f64();
    let table = customers.features.select((0..400_000).map(|row| row % customers.len()));
    let (mut scratch, mut probability, mut reasons) = (Scratch::default(), Vec::new(), Reasons::default());
    let run = |_| {
        probability.clear();
        reasons.clear();
        let start = Instant::now();
        let all = 0..table.len();
        model.predict_with_reasons(&explainer, 3, &table, all, &mut scratch, &mut probability, &mut reasons);
        start.elapsed().as_secs_f64()
    };
    let rate = table.len() as f64 / (0..5).map(run).fold(f64::INFINITY, f64::min);
    println!(
        "{}, one thread: explainer made in {:.1} ms, {:.0} rows/s, {rate:.0} with three reasons",
        model.model().name(),
        made * 1e3,
        speed(model, customers)
    );
}

fn on_folds(customers: &Customers, folds: &str) -> Outcome<()> {
    let fold_of: Vec<usize> = folds.lines().map(str::parse).collect::<Result<_, _>>()?;
    let examples = Examples::of(customers)?;
    let params = TrainParams::default();
    let validated = cross_validate(examples, &params, &fold_of, &mut |_| {})?;
    for (learner, validated) in params.learners.iter().zip(validated) {
        let area = |fold| {
            let rows = (0..fold_of.len()).filter(|&row| fold_of[row] == fold);
            let (probability, label): (Vec<_>, Vec<_>) =
                rows.map(|row| (validated.probability[row], examples.label[row])).unzip();
            auc(&probability, &label).unwrap_or(f64::NAN)
        };
        let mean = (0..params.folds).map(area).sum::<f64>() / params.folds as f64;
        let metrics = validated.metrics;
        println!("{}: {mean:.4} / {:.4} / {:.4}", learner.name(), metrics.log_loss, metrics.brier);
    }
    Ok(())
}

//! How often chance alone raises an alarm at the monitor's defaults: days of a stream that never changes.
//!
//! `cargo run --release -p churn-drift --example false_alarms -- [DAYS] [SEED] [PANES]`. One day is 5,000 rows a second: 43,200 windows of
//! 10,000 rows against a live reference of 20,000, and 86,400 blocks of 5,000 labelled rows against the first 20,000. In
//! each window 1 % of a feature's values are missing and 0.1 % are strange, as in the reference.
//! Features are those of the shipped customers, and the score and the share of predicted leavers are tested with them; each
//! is drawn by itself: drawn together they would alarm together, and on no more days. All columns together are tested on
//! customers drawn whole. PANES above 1 slides the windows by so many parts (drift only). The detectors watch the mean of the
//! score. Each day has random numbers of its own, so the answer does not depend on how many days are simulated at once.
#![allow(clippy::print_stdout, clippy::print_stderr)] // it prints what it finds

use std::collections::VecDeque;
use std::ops::Range;

use churn_domain::csv::{ReadOptions, read};
use churn_domain::{FEATURES, Probability, Table};
use churn_drift::defaults::{
    ALARM_WINDOWS, BLOCK_ROWS, KSWIN_ALPHA, KSWIN_SEED, MAX_P_VALUE, MEAN_ROWS, MEANS, MIN_INCREASE, PROBABILITY_BINS,
    REFERENCE_ROWS, SAMPLED, WINDOW_ROWS,
};
use churn_drift::detectors::{Adwin, Kswin, PageHinkley, Signal};
use churn_drift::multivariate::{Components, Reconstructed, ReconstructionRule};
use churn_drift::performance::log_loss;
use churn_drift::significance::benjamini_hochberg;
use churn_drift::{DriftRule, Effect, FeatureQuality, Moments, Quality, QualityRule, Reference};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

const ROWS_A_DAY: usize = 5_000 * 86_400;
const WINDOWS: usize = ROWS_A_DAY / WINDOW_ROWS;
const BLOCKS: usize = ROWS_A_DAY / BLOCK_ROWS;
const SAMPLED_ROWS: usize = WINDOW_ROWS / SAMPLED as usize;
/// Days between two words of how it goes.
const ROUND: u64 = 20;
/// Probabilities that the model gives.
const LEVELS: usize = 100;

/// What a day may come to.
const KINDS: [&str; 7] = [
    "with a drifted window",
    "with a drift alarm",
    "with a quality alarm",
    "with a performance alarm",
    "with a drift found in the score by ADWIN",
    "with a drift found in the score by Page-Hinkley",
    "with a drift found in the score by KSWIN",
];

/// The stream that never changes.
struct Stream {
    customers: Table,
    /// Share of each bin of each column.
    shares: Vec<Vec<f64>>,
    panes: usize,
}

/// What one day, or several, came to.
#[derive(Clone, Copy, Default)]
struct Found {
    /// Days with each of [`KINDS`].
    days: [u64; KINDS.len()],
    psi: f64,
    /// Largest relative change of the reconstruction error.
    apart: f64,
    growth: f64,
    /// Largest growth of a share of missing or strange values, in percentage points.
    worse: f64,
}

impl Found {
    fn of_day(stream: &Stream, seed: u64, day: u64) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        chance.set_stream(day);
        let mut found = Self::default();
        let [windows, alarms] = drift_day(stream, &mut chance, &mut found);
        let quality = quality_day(&mut chance, &mut found.worse);
        let performance = performance_day(&mut chance, &mut found.growth);
        let [adwin, page_hinkley, kswin] = scores_day(&mut chance);
        let times = [windows, alarms, quality, performance, adwin, page_hinkley, kswin];
        found.days = times.map(|times| u64::from(times > 0));
        found
    }

    fn and(self, other: Self) -> Self {
        Self {
            days: std::array::from_fn(|kind| self.days[kind] + other.days[kind]),
            psi: self.psi.max(other.psi),
            apart: self.apart.max(other.apart),
            growth: self.growth.max(other.growth),
            worse: self.worse.max(other.worse),
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let (days, seed) = (arguments.next().unwrap_or(20), arguments.next().unwrap_or(7));
    let panes = arguments.next().map_or(1, |panes| panes as usize);
    let customers = customers();
    let mut shares = shares_of(&customers);
    shares.extend([shares_of_scores(), shares_of_labels()]);
    let stream = Stream { customers, shares, panes };
    let mut found = Found::default();
    for first in (0..days).step_by(ROUND as usize) {
        let until = days.min(first + ROUND);
        found = found.and(simulated(&stream, seed, first..until));
        // It takes minutes: what is known so far is worth having.
        eprintln!("after {until} days: {:?}", found.days);
    }
    for (what, with) in KINDS.iter().zip(found.days) {
        println!("{with} of {days} days {what}; {:.1} % at most, at 95 % confidence", 100.0 * upper_limit(with, days));
    }
    println!("largest PSI of a column: {:.4} (an alarm from {} on)", found.psi, DriftRule::default().min_psi);
    println!(
        "largest change of the reconstruction error: {:.2} % (an alarm from {:.0} % on)",
        100.0 * found.apart,
        100.0 * ReconstructionRule::default().min_change
    );
    println!(
        "largest growth of a share of missing or strange values: {:.2} points (an alarm from {:.0} on)",
        100.0 * found.worse,
        100.0 * QualityRule::default().min_increase
    );
    println!(
        "largest growth of the log-loss: {:.2} % (an alarm from {:.0} % on)",
        100.0 * found.growth,
        100.0 * MIN_INCREASE
    );
}

/// These days, on all processors.
fn simulated(stream: &Stream, seed: u64, days: Range<u64>) -> Found {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let every = &|first: usize| {
        let days = days.clone().skip(first).step_by(threads);
        days.map(|day| Found::of_day(stream, seed, day)).fold(Found::default(), Found::and)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || every(first))).collect();
        running.into_iter().map(|days| days.join().expect("it does not panic")).fold(Found::default(), Found::and)
    })
}

fn customers() -> Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv");
    let file = std::fs::File::open(path).expect("the shipped customers");
    read(file, ReadOptions::default()).expect("customers").features
}

/// Share of each bin of each feature, as the live reference would cut these customers.
fn shares_of(customers: &Table) -> Vec<Vec<f64>> {
    let reference = Reference::from_table(customers);
    reference.columns().iter().map(|column| column.frequencies().expect("values")).collect()
}

/// The probability that the model gives at a level: they lean to the low end, as churn's do.
fn probability(level: usize) -> f64 {
    ((level as f64 + 0.5) / LEVELS as f64).powi(2) * 0.9
}

/// Share of each of the monitor's bins of the probability.
fn shares_of_scores() -> Vec<f64> {
    let mut shares = vec![0.0; PROBABILITY_BINS];
    let bins = (0..LEVELS).map(|level| (probability(level) * PROBABILITY_BINS as f64) as usize);
    bins.for_each(|bin| shares[bin] += 1.0 / LEVELS as f64);
    shares
}

/// Share of predicted stayers and of predicted leavers.
fn shares_of_labels() -> Vec<f64> {
    let leavers = (0..LEVELS).filter(|&level| probability(level) >= 0.5).count() as f64 / LEVELS as f64;
    vec![1.0 - leavers, leavers]
}

/// Windows with a drift, and windows at which enough of them in a row were an alarm.
fn drift_day(stream: &Stream, chance: &mut ChaCha8Rng, found: &mut Found) -> [u64; 2] {
    let (rule, together) = (DriftRule::default(), ReconstructionRule::default());
    let Stream { customers, shares, panes } = stream;
    let reference: Vec<Vec<u64>> = shares.iter().map(|shares| draw(shares, REFERENCE_ROWS as u64, chance)).collect();
    let mut joint = Joint::new(customers, *panes, chance);
    let mut columns: Vec<VecDeque<Vec<u64>>> = vec![VecDeque::new(); shares.len()];
    let (mut drifted, mut alarms, mut streak) = (0, 0, 0);
    for pane in 0..WINDOWS * panes {
        for (columns, shares) in columns.iter_mut().zip(shares) {
            columns.truncate(panes - 1);
            columns.push_front(draw(shares, (WINDOW_ROWS / panes) as u64, chance));
        }
        let error = joint.next(chance);
        if pane + 1 < *panes {
            continue;
        }
        let pairs = reference.iter().zip(columns.iter().map(sum));
        let mut effects: Vec<_> = pairs.map(|(r, c)| Effect::of_counts(r, &c).expect("rows on both sides")).collect();
        let adjusted = benjamini_hochberg(&effects.iter().map(|effect| effect.p_value).collect::<Vec<_>>());
        effects.iter_mut().zip(adjusted).for_each(|(effect, p_value)| effect.p_value = p_value);
        found.psi = effects.iter().map(|effect| effect.psi.get()).fold(found.psi, f64::max);
        found.apart = found.apart.max((error.current / error.reference - 1.0).abs());
        let any = effects.iter().any(|effect| rule.is_effect(effect)) || together.is_drift(&error);
        streak = if any { streak + 1 } else { 0 };
        drifted += u64::from(streak > 0);
        alarms += u64::from(streak > (ALARM_WINDOWS - 1) * panes);
    }
    assert_eq!(shares.len(), FEATURES.len() + 2);
    [drifted, alarms]
}

fn sum(panes: &VecDeque<Vec<u64>>) -> Vec<u64> {
    let mut sum = vec![0; panes[0].len()];
    panes.iter().for_each(|pane| sum.iter_mut().zip(pane).for_each(|(sum, count)| *sum += count));
    sum
}

/// All columns together: whole customers are drawn, and what counts of each is how far from the components one lies.
struct Joint {
    components: Components,
    errors: Vec<f64>,
    panes: VecDeque<Moments>,
    most_panes: usize,
}

impl Joint {
    fn new(customers: &Table, most_panes: usize, chance: &mut ChaCha8Rng) -> Self {
        let rows: Vec<usize> = (0..REFERENCE_ROWS).map(|_| below(customers.len(), chance)).collect();
        let components = Components::of(&customers.select(rows)).expect("customers who differ");
        let error = |row: usize| {
            let mut error = Moments::default();
            components.add(customers, [row], &mut error);
            error.mean().expect("a customer")
        };
        let errors = (0..customers.len()).map(error).collect();
        Self { components, errors, panes: VecDeque::new(), most_panes }
    }

    /// What the window says with the next pane.
    fn next(&mut self, chance: &mut ChaCha8Rng) -> Reconstructed {
        self.panes.truncate(self.most_panes - 1);
        let mut pane = Moments::default();
        (0..SAMPLED_ROWS / self.most_panes).for_each(|_| pane.add(self.errors[below(self.errors.len(), chance)]));
        self.panes.push_front(pane);
        let mut window = Moments::default();
        self.panes.iter().for_each(|pane| window.merge(pane));
        self.components.compare(&window).expect("customers on both sides")
    }
}

fn below(bound: usize, chance: &mut ChaCha8Rng) -> usize {
    ((u64::from(chance.next_u32()) * bound as u64) >> 32) as usize
}

/// How many drifts each detector finds in the means of the score.
fn scores_day(chance: &mut ChaCha8Rng) -> [u64; 3] {
    let levels: Vec<f64> = (0..LEVELS).map(probability).collect();
    let (mut adwin, mut page_hinkley) = (Adwin::default(), PageHinkley::default());
    let mut kswin = Kswin::with_alpha(KSWIN_ALPHA, KSWIN_SEED);
    let mut found = [0; 3];
    let mut note = |detector: usize, signal: Signal| found[detector] += u64::from(signal == Signal::Drift);
    for _ in 0..ROWS_A_DAY / (MEAN_ROWS * MEANS) {
        let mut mean_of_means = 0.0;
        for _ in 0..MEANS {
            let mean = (0..MEAN_ROWS).map(|_| levels[below(LEVELS, chance)]).sum::<f64>() / MEAN_ROWS as f64;
            note(0, adwin.update(mean));
            note(1, page_hinkley.update(mean));
            mean_of_means += mean / MEANS as f64;
        }
        note(2, kswin.update(mean_of_means));
    }
    found
}

/// Windows at which enough in a row had a feature of worse quality.
fn quality_day(chance: &mut ChaCha8Rng, most: &mut f64) -> u64 {
    let rule = QualityRule::default();
    let (missing, strange) = (0.01, 0.001);
    let mut draw = |rows: u64| {
        let mut of = |p: f64| Binomial::new(rows, p).expect("a probability").sample(chance);
        Quality { rows, missing: of(missing), strange: of(strange) }
    };
    let reference: Vec<Quality> = FEATURES.iter().map(|_| draw(REFERENCE_ROWS as u64)).collect();
    let (mut alarms, mut streak) = (0, 0);
    for _ in 0..WINDOWS {
        let worse = reference.iter().enumerate().fold(false, |worse, (feature, &before)| {
            let now = draw(WINDOW_ROWS as u64);
            let growth =
                |share: fn(&Quality) -> Option<f64>| share(&now).zip(share(&before)).map(|(now, then)| now - then);
            let grown = growth(Quality::missing_share).into_iter().chain(growth(Quality::strange_share));
            *most = grown.fold(*most, f64::max);
            rule.is_worse(&FeatureQuality { feature, before, now }) || worse
        });
        streak = if worse { streak + 1 } else { 0 };
        alarms += u64::from(streak >= ALARM_WINDOWS);
    }
    alarms
}

/// Rows by bin: one binomial draw a bin, of what is left.
fn draw(shares: &[f64], rows: u64, chance: &mut ChaCha8Rng) -> Vec<u64> {
    let (mut left, mut share_left) = (rows, 1.0_f64);
    shares
        .iter()
        .map(|&share| {
            let p = if share_left > 0.0 { (share / share_left).clamp(0.0, 1.0) } else { 0.0 };
            let count = Binomial::new(left, p).expect("a probability").sample(chance);
            left -= count;
            share_left -= share;
            count
        })
        .collect()
}

/// Blocks that would be an alarm: a calibrated model whose probabilities come in a hundred levels. What counts of a block is how many of each level left, so that is what is drawn.
fn performance_day(chance: &mut ChaCha8Rng, most: &mut f64) -> u64 {
    let levels: Vec<f64> = (0..LEVELS).map(probability).collect();
    let shares = vec![1.0 / LEVELS as f64; LEVELS];
    let block = |rows: u64, chance: &mut ChaCha8Rng| {
        let mut moments = Moments::default();
        for (&p, rows) in levels.iter().zip(draw(&shares, rows, chance)) {
            let left = Binomial::new(rows, p).expect("a probability").sample(chance);
            let probability = Probability::new(p).expect("below 1");
            moments.add_many(log_loss(probability, true), left);
            moments.add_many(log_loss(probability, false), rows - left);
        }
        moments
    };
    let reference = block(REFERENCE_ROWS as u64, chance);
    let mut alarms = 0;
    for _ in 0..BLOCKS {
        let shift = block(BLOCK_ROWS as u64, chance).shift_from(&reference).expect("rows on both sides");
        *most = most.max(shift.relative());
        alarms += u64::from(shift.relative() >= MIN_INCREASE && shift.p_value.is_significant(MAX_P_VALUE));
    }
    alarms
}

/// The largest share of days with which so few would be seen once in twenty times (Clopper and Pearson).
fn upper_limit(with: u64, days: u64) -> f64 {
    let at_most = |p: f64| -> f64 {
        let term = |k: u64| {
            let choose: f64 = (0..k).map(|i| (days - i) as f64 / (i + 1) as f64).product();
            choose * p.powf(k as f64) * (1.0 - p).powf((days - k) as f64)
        };
        (0..=with).map(term).sum()
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at_most(middle) > 0.05 { low = middle } else { high = middle }
    }
    low
}

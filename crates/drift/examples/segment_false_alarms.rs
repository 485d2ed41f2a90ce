//! How often chance alone raises a segment's alarm at the monitor's defaults: days of a stream that never changes.
//!
//! `cargo run --release -p churn-drift --example segment_false_alarms -- [DAYS] [SEED]`. One day is 5,000 labelled rows a second in the
//! segments of the shipped customers: 1.3 million blocks of 1,000 rows against each segment's first 4,000, on each of which
//! the growth of the mean log-loss is judged. A day has references of its own, for these decide whether it is a bad one.
#![allow(clippy::print_stdout)] // it prints what it finds

use churn_domain::Probability;
use churn_drift::Moments;
use churn_drift::defaults::{
    BLOCK_ROWS, MAX_P_VALUE, MIN_INCREASE, REFERENCE_ROWS, SEGMENT_ALARM_BLOCKS, SEGMENT_MIN_GROWTH, SEGMENT_SHARE,
};
use churn_drift::performance::log_loss;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};

const ROWS_A_DAY: f64 = 5_000.0 * 86_400.0;
const SEGMENT_REFERENCE_ROWS: u64 = (REFERENCE_ROWS / SEGMENT_SHARE) as u64;
const SEGMENT_BLOCK_ROWS: u64 = (BLOCK_ROWS / SEGMENT_SHARE) as u64;
/// Probabilities that the model gives in a segment.
const LEVELS: u32 = 20;

/// Name, share of the customers, and share of them who leave: of the shipped customers.
const SEGMENTS: [(&str, f64, f64); 8] = [
    ("month to month", 0.55, 0.43),
    ("one year", 0.21, 0.11),
    ("two years", 0.24, 0.03),
    ("DSL", 0.34, 0.19),
    ("fibre", 0.44, 0.42),
    ("no internet", 0.22, 0.07),
    ("seniors", 0.16, 0.42),
    ("others", 0.84, 0.24),
];

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let (days, seed) = (arguments.next().unwrap_or(20), arguments.next().unwrap_or(7));
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let found: Vec<Day> = std::thread::scope(|scope| {
        let some =
            |first: u64| (first..days).step_by(threads as usize).map(|day| Day::of(seed, day)).collect::<Vec<_>>();
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || some(first))).collect();
        running.into_iter().flat_map(|days| days.join().expect("it does not panic")).collect()
    });
    let blocks: u64 = found.iter().map(|day| day.blocks).sum();
    let bad: u64 = found.iter().map(|day| day.bad).sum();
    let alarmed = found.iter().filter(|day| day.alarms > 0).count();
    println!("{bad} of {blocks} blocks were bad by chance; {alarmed} of {days} days had an alarm");
    for (at, (name, ..)) in SEGMENTS.iter().enumerate() {
        let most = found.iter().map(|day| day.growth[at]).fold(0.0, f64::max);
        println!("{name}: the mean log-loss of a block grew by {:.0} % at most", 100.0 * most);
    }
}

/// What a day came to.
#[derive(Default)]
struct Day {
    blocks: u64,
    bad: u64,
    alarms: u64,
    growth: [f64; SEGMENTS.len()],
}

impl Day {
    fn of(seed: u64, day: u64) -> Self {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        chance.set_stream(day);
        let mut found = Self::default();
        for (at, (_, share, leavers)) in SEGMENTS.into_iter().enumerate() {
            let levels = levels(leavers);
            let reference = rows(&levels, SEGMENT_REFERENCE_ROWS, &mut chance);
            let blocks = (ROWS_A_DAY * share / SEGMENT_BLOCK_ROWS as f64) as u64;
            let mut in_a_row = 0;
            for _ in 0..blocks {
                let block = rows(&levels, SEGMENT_BLOCK_ROWS, &mut chance);
                let shift = block.shift_from(&reference).expect("rows on both sides");
                found.growth[at] = found.growth[at].max(shift.relative());
                let bad = shift.relative() >= MIN_INCREASE
                    && shift.now - shift.before >= SEGMENT_MIN_GROWTH
                    && shift.p_value.is_significant(MAX_P_VALUE);
                in_a_row = if bad { in_a_row + 1 } else { 0 };
                found.bad += u64::from(bad);
                found.alarms += u64::from(in_a_row >= SEGMENT_ALARM_BLOCKS);
            }
            found.blocks += blocks;
        }
        found
    }
}

/// A calibrated model's probabilities, and their log-loss for those who leave and those who stay. They lean to the low end by as
/// much as their mean asks, so that few leavers are large surprises: the hardest case for a mean.
fn levels(leavers: f64) -> Vec<(f64, [f64; 2])> {
    let power = 1.0 / leavers - 1.0;
    let level = |at: u32| {
        let p = ((f64::from(at) + 0.5) / f64::from(LEVELS)).powf(power);
        let probability = Probability::new(p).expect("between 0 and 1");
        (p, [log_loss(probability, true), log_loss(probability, false)])
    };
    (0..LEVELS).map(level).collect()
}

/// The losses of so many rows, as many of each level as of the others but for chance.
fn rows(levels: &[(f64, [f64; 2])], rows: u64, chance: &mut ChaCha8Rng) -> Moments {
    let mut losses = Moments::default();
    let mut left = rows;
    for (at, (p, [of_leaver, of_stayer])) in levels.iter().enumerate() {
        let here = Binomial::new(left, 1.0 / (levels.len() - at) as f64).expect("a probability").sample(chance);
        let leave = Binomial::new(here, *p).expect("a probability").sample(chance);
        losses.add_many(*of_leaver, leave);
        losses.add_many(*of_stayer, here - leave);
        left -= here;
    }
    losses
}

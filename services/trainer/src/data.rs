//! What is trained on, and what models are compared on.
//!
//! Rows that count less are drawn less often rather than weighted: the calibration, the threshold and the choice among learners
//! then see the very population that the learners see, and a training on many old rows costs no more than one on few new ones.
//! A row's chance depends on its age alone, whether it is drawn on its id alone: the same rows give the same draw.
//! Customers who are held out are drawn by the same rule, so that models are compared on what they are meant for.

use std::time::Duration;

use churn_domain::Table;
use churn_domain::csv::Customers;
use churn_domain::holdout::{self, Split, is_held_out};
use churn_learn::Examples;
use churn_store::Labelled;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The rows that the first model was fitted on.
#[derive(Debug)]
pub struct Baseline {
    customers: Customers,
    source: String,
    split: Split,
}

impl Baseline {
    /// Customers of a file, and where they come from. Those without a label are of no use: `None`.
    pub fn new(customers: Customers, source: String) -> Self {
        let split = match customers.label {
            Some(_) => holdout::split(&customers),
            None => Split::default(),
        };
        Self { customers, source, split }
    }
}

/// How rows are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Draw {
    /// When the window ends, epoch milliseconds.
    pub(crate) now_ms: i64,
    /// How long it is.
    pub(crate) window: Duration,
    /// How many times the chance halves over it.
    pub(crate) half_lives: f64,
    /// Shipped rows fill up to this many.
    pub(crate) min_rows: usize,
    /// With fewer held-out customers of the stream, the shipped ones join them.
    pub(crate) min_held_out: usize,
    /// Whether the champion has left out the shipped customers that are held out.
    pub(crate) shipped_is_held_out: bool,
}

/// Customers and what became of them.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Rows {
    pub(crate) features: Table,
    pub(crate) label: Vec<bool>,
}

impl Rows {
    pub(crate) fn examples(&self) -> Examples<'_> {
        Examples { features: &self.features, label: &self.label, weight: None }
    }

    fn push(&mut self, from: &Table, row: usize, label: bool) {
        self.features.push_from(from, row);
        self.label.push(label);
    }
}

/// How many rows, and which.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub(crate) struct RowsAccount {
    pub(crate) rows: usize,
    /// Of the stream.
    pub(crate) recent: usize,
    /// Of the file.
    pub(crate) shipped: usize,
    /// SHA-256 over the rows in their order: `recent`, score id and outcome; `shipped`, the features as text and the outcome.
    pub(crate) sha256: String,
}

/// What a training works with.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Data {
    pub(crate) learn: Rows,
    pub(crate) held_out: Rows,
    pub(crate) account: DataAccount,
}

/// Everything about the rows that is written down.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub(crate) struct DataAccount {
    pub(crate) learned_from: RowsAccount,
    pub(crate) held_out: RowsAccount,
    /// Labelled events that were read.
    pub(crate) labelled_events: usize,
    pub(crate) window_start: String,
    pub(crate) window_end: String,
    pub(crate) half_lives: f64,
    /// The chance of a shipped row to be drawn.
    pub(crate) shipped_chance: f64,
    pub(crate) shipped_source: String,
}

/// Draws the rows.
pub(crate) fn assemble(baseline: &Baseline, recent: &Labelled, draw: &Draw) -> Data {
    let mut data = Data::default();
    let (mut learned, mut held) = (Ledger::default(), Ledger::default());
    let chance = draw.chances(recent);
    for row in (0..recent.len()).filter(|&row| draw_of(recent.score_id[row].as_u128()) < chance[row]) {
        let (rows, ledger) = match is_held_out(recent.customer_id.get(row).unwrap_or_default()) {
            true => (&mut data.held_out, &mut held),
            false => (&mut data.learn, &mut learned),
        };
        rows.push(&recent.features, row, recent.churned[row]);
        ledger.recent(recent.score_id[row].as_bytes(), recent.churned[row]);
    }
    let shipped = baseline.customers.label.as_deref().unwrap_or_default();
    let features = &baseline.customers.features;
    let missing = draw.min_rows.saturating_sub(data.learn.label.len()) as f64;
    let filling = missing / baseline.split.learn.len().max(1) as f64;
    let shipped_chance = draw.shipped_chance(recent).max(filling).min(1.0);
    for &row in &baseline.split.learn {
        let likeness = holdout::likeness(features, row);
        if draw_of(bits(&format!("{row}\n{likeness}"))) < shipped_chance {
            data.learn.push(features, row, shipped[row]);
            learned.shipped(&likeness, shipped[row]);
        }
    }
    if data.held_out.label.len() < draw.min_held_out && draw.shipped_is_held_out {
        for &row in &baseline.split.held_out {
            data.held_out.push(features, row, shipped[row]);
            held.shipped(&holdout::likeness(features, row), shipped[row]);
        }
    }
    let window_ms = millis(draw.window);
    data.account = DataAccount {
        learned_from: learned.account(),
        held_out: held.account(),
        labelled_events: recent.len(),
        window_start: time(draw.now_ms.saturating_sub(window_ms)),
        window_end: time(draw.now_ms),
        half_lives: draw.half_lives,
        shipped_chance,
        shipped_source: baseline.source.clone(),
    };
    data
}

impl Draw {
    /// The chance of each event of the stream; that of the newest is 1.
    fn chances(&self, recent: &Labelled) -> Vec<f64> {
        let newest = recent.event_time_ms.iter().copied().max().unwrap_or(self.now_ms);
        recent.event_time_ms.iter().map(|&at| self.chance(newest - at)).collect()
    }

    /// The chance of a row that is so much older than the newest.
    fn chance(&self, older_ms: i64) -> f64 {
        let windows = older_ms.max(0) as f64 / millis(self.window).max(1) as f64;
        (-self.half_lives * windows).exp2()
    }

    /// Shipped rows count as twice as old as the window is long; where there are no others, they are all that there is.
    fn shipped_chance(&self, recent: &Labelled) -> f64 {
        let newest = recent.event_time_ms.iter().copied().max();
        newest.map_or(1.0, |newest| self.chance(2 * millis(self.window) - (self.now_ms - newest).max(0)))
    }
}

/// Where in [0, 1) an id falls: its low 64 bits are random already.
fn draw_of(id: u128) -> f64 {
    (id as u64 >> 11) as f64 / (1_u64 << 53) as f64
}

fn bits(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(first)
}

/// Counts and hashes rows.
#[derive(Default)]
struct Ledger {
    recent: usize,
    shipped: usize,
    hasher: Sha256,
}

impl Ledger {
    fn recent(&mut self, id: &[u8], label: bool) {
        self.recent += 1;
        self.add(b"recent", id, label);
    }

    fn shipped(&mut self, likeness: &str, label: bool) {
        self.shipped += 1;
        self.add(b"shipped", likeness.as_bytes(), label);
    }

    fn add(&mut self, origin: &[u8], row: &[u8], label: bool) {
        self.hasher.update(origin);
        self.hasher.update((row.len() as u64).to_be_bytes());
        self.hasher.update(row);
        self.hasher.update([u8::from(label)]);
    }

    fn account(self) -> RowsAccount {
        let digest = self.hasher.finalize();
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        RowsAccount { rows: self.recent + self.shipped, recent: self.recent, shipped: self.shipped, sha256 }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

/// Columns of a stream's customers without a row: for tests and for nobody's labelled events.
#[cfg(test)]
pub(crate) fn of_rows(rows: &Table, ids: &[(u128, &str, bool)]) -> Labelled {
    let mut labelled = Labelled::default();
    for (row, (id, customer, churned)) in ids.iter().enumerate() {
        labelled.features.push_from(rows, row % rows.len());
        labelled.score_id.push(uuid::Uuid::from_u128(*id));
        labelled.event_time_ms.push(ulid::Ulid(*id).timestamp_ms().cast_signed());
        labelled.customer_id.push(Some(customer));
        labelled.churned.push(*churned);
    }
    labelled
}

#[cfg(test)]
mod tests {
    use churn_domain::csv::{self, ReadOptions};

    use super::*;

    const NOW: i64 = 1_795_923_000_000;

    fn baseline() -> Baseline {
        let text = include_bytes!("../../../data/telco_customer_churn.csv");
        Baseline::new(csv::read(&text[..], ReadOptions::default()).unwrap(), "shipped".into())
    }

    fn draw() -> Draw {
        Draw {
            now_ms: NOW,
            window: Duration::from_secs(1_000),
            half_lives: 3.0,
            min_rows: 0,
            min_held_out: 100,
            shipped_is_held_out: true,
        }
    }

    /// One event in each tenth of a second of the window, the last one now.
    fn recent(baseline: &Baseline) -> Labelled {
        let customers: Vec<String> = (0..10_000).map(|at| format!("customer-{at}")).collect();
        let ids: Vec<(u128, &str, bool)> = (0..10_000_u32)
            .map(|at| {
                let ms = NOW - i64::from(9_999 - at) * 100;
                let random = bits(&at.to_string()) >> 48;
                (ulid::Ulid::from_parts(ms.cast_unsigned(), random).0, customers[at as usize].as_str(), at % 4 == 0)
            })
            .collect();
        of_rows(&baseline.customers.features, &ids)
    }

    #[test]
    fn newer_rows_are_drawn_more_often_and_shipped_ones_least() {
        let baseline = baseline();
        let data = assemble(&baseline, &recent(&baseline), &draw());
        let account = &data.account.learned_from;
        // The mean of 2^-3x over the window is (1 - 1/8) / (3 ln 2) = 0.421; nine tenths of the customers may be learned from.
        assert!((3_600..3_980).contains(&account.recent), "{account:?}");
        // 2^-6 of 6,340.
        assert!((60..140).contains(&account.shipped), "{account:?}");
        assert_eq!(account.rows, data.learn.label.len());
        assert!((360..480).contains(&data.account.held_out.recent) && data.account.held_out.shipped == 0, "{data:?}");
    }

    #[test]
    fn nobody_is_on_both_sides() {
        let baseline = baseline();
        let recent = recent(&baseline);
        let even = assemble(&baseline, &recent, &Draw { half_lives: 0.0, min_held_out: 1_000_000, ..draw() });
        let held = (0..recent.len()).filter(|&row| is_held_out(recent.customer_id.get(row).unwrap())).count();
        assert_eq!((even.account.held_out.recent, even.account.learned_from.recent), (held, recent.len() - held));
        assert_eq!(even.account.held_out.shipped + even.account.learned_from.shipped, baseline.customers.len());
    }

    #[test]
    fn the_shipped_rows_stand_in_for_a_young_stream() {
        let baseline = baseline();
        let young = Draw { min_rows: 2_000, ..draw() };
        let filled = assemble(&baseline, &of_rows(&Table::default(), &[]), &Draw { half_lives: 9.0, ..young });
        assert_eq!(filled.account.learned_from.shipped, baseline.split.learn.len());
        assert_eq!(filled.account.held_out.rows, baseline.split.held_out.len());
        let mut few = recent(&baseline);
        few = of_rows(&few.features, &(0..200).map(|at| (few.score_id[at].as_u128(), "c-7", true)).collect::<Vec<_>>());
        let filled = assemble(&baseline, &few, &young);
        assert!((1_850..2_300).contains(&filled.account.learned_from.rows), "{:?}", filled.account);
        let unknown = assemble(&baseline, &few, &Draw { shipped_is_held_out: false, ..young });
        assert_eq!(unknown.account.held_out.shipped, 0, "the champion may have learned from them");
    }

    #[test]
    fn the_hash_is_that_of_the_rows_drawn() {
        let baseline = baseline();
        let mut recent = recent(&baseline);
        let of = |recent: &Labelled| assemble(&baseline, recent, &draw()).account.learned_from.sha256;
        let before = of(&recent);
        assert_eq!(before, of(&recent));
        let last = (0..recent.len()).rev().find(|&row| !is_held_out(recent.customer_id.get(row).unwrap())).unwrap();
        recent.churned[last] = !recent.churned[last];
        assert!(before.len() == 64 && before != of(&recent));
    }
}

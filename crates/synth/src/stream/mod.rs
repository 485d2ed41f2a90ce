//! The endless stream of a seed and a name: new customers, and earlier ones who come again.
//!
//! Every event can be computed from its sequence number alone. An event either is a new customer, which is row
//! `sequence` of the stream's sample, or the next version of one earlier event's customer ([`links`]). Each event has one
//! successor at most, so a customer's life is a line; it ends when the customer leaves or has reached the longest real
//! tenure. The outcome is the version's own.

mod links;
mod visit;

use std::ops::Range;
use std::sync::Arc;

use churn_domain::Text;
use links::Links;
use thiserror::Error;
use ulid::Ulid;
pub(crate) use visit::MOST_MONTHS;

use crate::generator::{Generator, in_parts};
use crate::random::{Purpose, RowRandom};
use crate::row::Row;
use crate::sample::Sample;
use crate::scenario::{Plan, Scenario};

/// How often customers come again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recurrence {
    /// Share of the events, from 0 to [`Self::MAX_SHARE`], that are later versions of an earlier customer. Met to about
    /// a percentage point, after the first block, in which everybody is new.
    pub share: f64,
    /// Events in a block, as a power of two, from 2 to 24, even. An earlier version lies in the block before, so fewer
    /// than two blocks back; it is recomputed, not remembered.
    pub block_bits: u32,
}

impl Recurrence {
    /// Above this share customers would have to come again more often than they survive.
    pub const MAX_SHARE: f64 = 0.5;
}

impl Default for Recurrence {
    fn default() -> Self {
        Self { share: 0.2, block_bits: 12 }
    }
}

/// A recurrence that cannot be.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum InvalidRecurrence {
    /// The share is out of range.
    #[error("the share of returning customers is {0}, expected 0 to {max}", max = Recurrence::MAX_SHARE)]
    Share(f64),
    /// The block size is out of range.
    #[error("the block has 2^{0} events, expected an even power of two from 2^2 to 2^24")]
    Block(u32),
}

/// Customers of a stretch of a stream, all columns of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamSample {
    /// The customers as they are at the event, with their outcome.
    pub customers: Sample,
    /// Whose event it is: a ULID that depends on seed, stream name and the customer's first event alone.
    pub customer_id: Text,
    /// Whether the customer was seen before.
    pub returning: Vec<bool>,
}

impl StreamSample {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.returning.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.returning.is_empty()
    }

    /// Keeps the first `rows` events; with 0 the memory is kept for the next batch.
    pub fn truncate(&mut self, rows: usize) {
        self.customers.truncate(rows);
        self.customer_id.truncate(rows);
        self.returning.truncate(rows);
    }
}

/// The events of one seed and one stream name.
#[derive(Clone, Debug)]
pub struct EventSource {
    generator: Arc<Generator>,
    customers: RowRandom,
    visits: RowRandom,
    links: Links,
    plan: Plan,
}

/// The random numbers of a stream, each at the place where it was used last.
struct Chances {
    customers: RowRandom,
    visits: RowRandom,
    plan: Plan,
}

/// A customer at an event.
#[derive(Clone, Copy, Debug)]
struct Version {
    row: Row,
    /// Random part of the customer's id.
    id: u128,
    returning: bool,
}

impl EventSource {
    /// Time part of every customer id: 2026-01-01T00:00:00Z. A constant, so that the id depends on no clock.
    pub const ID_TIME_MS: u64 = 1_767_225_600_000;

    /// The stream of this name and seed.
    ///
    /// # Errors
    /// [`InvalidRecurrence`] when the share or the block size is out of range.
    pub fn new(
        generator: Arc<Generator>,
        seed: u64,
        stream: &str,
        recurrence: Recurrence,
    ) -> Result<Self, InvalidRecurrence> {
        if !(0.0..=Recurrence::MAX_SHARE).contains(&recurrence.share) {
            return Err(InvalidRecurrence::Share(recurrence.share));
        }
        if !(2..=24).contains(&recurrence.block_bits) || recurrence.block_bits % 2 == 1 {
            return Err(InvalidRecurrence::Block(recurrence.block_bits));
        }
        let mut visits = RowRandom::new(seed, stream, Purpose::Visit);
        visits.seek(u64::MAX);
        // Of the events that are offered an earlier customer, those get none whose customer has left.
        let fitted = generator.fitted();
        let accepted = (1.0 - recurrence.share) * fitted.may_return + recurrence.share * fitted.may_return_again;
        let offered = (recurrence.share / accepted.max(f64::MIN_POSITIVE)).min(1.0);
        Ok(Self {
            links: Links::new(visits.bits(), recurrence.block_bits, offered),
            customers: RowRandom::new(seed, stream, Purpose::Customer),
            visits,
            generator,
            plan: Plan::new(seed, stream),
        })
    }

    /// What happens to the stream, in place of what was said before. Events before a scenario's first one stay as they are.
    pub fn set_scenarios(&mut self, scenarios: &[Scenario]) {
        self.plan.set(scenarios);
    }

    /// The generator that the stream draws from.
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// The events of a range of sequence numbers.
    pub fn events(&self, sequence: Range<u64>) -> StreamSample {
        let mut events = StreamSample::default();
        self.events_into(sequence, &mut events);
        events
    }

    /// Appends the events of a range of sequence numbers.
    pub fn events_into(&self, sequence: Range<u64>, events: &mut StreamSample) {
        let mut chances =
            Chances { customers: self.customers.clone(), visits: self.visits.clone(), plan: self.plan.clone() };
        let mut line = Vec::new();
        let StreamSample { customers: sample, customer_id, returning } = events;
        let offset = returning.len();
        self.generator.write(sequence.clone(), sample, |event| {
            let version = self.version(event, &mut chances, &mut line);
            let mut buffer = [0; ulid::ULID_LEN];
            customer_id.push(Some(Ulid::from_parts(Self::ID_TIME_MS, version.id).array_to_str(&mut buffer)));
            returning.push(version.returning);
            version.row
        });
        chances.plan.features(sequence, offset, &mut sample.features);
    }

    /// The same events as [`Self::events`], drawn on `threads` threads, as consecutive parts, one a thread.
    pub fn events_parts(&self, sequence: Range<u64>, threads: usize) -> Vec<StreamSample> {
        in_parts(sequence, threads, |part| self.events(part))
    }

    /// Walks back to where the event's line begins, then forward through the versions. A line is short: its length
    /// falls geometrically with the share. `line` is memory to work in.
    fn version(&self, event: u64, chances: &mut Chances, line: &mut Vec<u64>) -> Version {
        let Some(earlier) = self.links.earlier(event) else { return self.newcomer(event, chances) };
        line.clear();
        line.extend([event, earlier]);
        while let Some(earlier) = self.links.earlier(line[line.len() - 1]) {
            line.push(earlier);
        }
        let mut version = self.newcomer(line[line.len() - 1], chances);
        for &event in line.iter().rev().skip(1) {
            version = match visit::next(&self.generator, &version.row, event, &mut chances.visits) {
                Some(row) => Version { row: self.with_outcome(event, row, chances), returning: true, ..version },
                None => self.newcomer(event, chances),
            };
        }
        version
    }

    fn newcomer(&self, event: u64, chances: &mut Chances) -> Version {
        let customers = &mut chances.customers;
        let row = self.generator.customer(event, customers);
        let id = (u128::from(customers.bits()) << 64 | u128::from(customers.bits())) & ((1 << 80) - 1);
        let row = chances.plan.newcomer(event, row, |event, random| self.generator.customer(event, random));
        Version { row: self.with_outcome(event, row, chances), id, returning: false }
    }

    fn with_outcome(&self, event: u64, row: Row, chances: &mut Chances) -> Row {
        Row { churned: chances.plan.churned(event, &row, self.generator.fitted()), ..row }
    }
}

//! Customers of whom something is given, drawn without rejection.
//!
//! A given category or month is a stretch of its latent normal number; a given amount is one too, once the services or
//! the months are known ([`case`]). Of the Gaussian copula the rest is then drawn from its conditional distribution, which
//! is normal again (the Schur complement of the correlation), and strata are weighed by how probable what is given is in
//! them. With one given column that is exact; with several the probability of all stretches together is computed by the
//! sequential method of Geweke, Hajivassiliou and Keane on a low-discrepancy sequence.

mod case;
mod error;
mod fixed;
mod plan;

use std::ops::Range;

use case::{Case, cases};
pub use error::ConditionError;
use fixed::Fixed;

use crate::generator::{Generator, in_parts};
use crate::places::Subset;
use crate::random::{Purpose, RowRandom};
use crate::row::Row;
use crate::sample::Sample;

/// A generator that only draws customers of whom some columns have given values.
#[derive(Clone, Debug)]
pub struct Conditioned<'a> {
    generator: &'a Generator,
    cases: Vec<Case>,
    /// Running sums of the cases' weights.
    ends: Vec<f64>,
    fixed: Fixed,
    places: Option<Subset>,
}

impl Generator {
    /// This generator with some columns given, as pairs of column and value: features, `churn`, and the fields of a
    /// location. An empty `total_charges` is a missing one.
    ///
    /// # Errors
    /// [`ConditionError`]: an unknown column or value, or a combination that breaks a rule, which it names.
    pub fn given(&self, conditions: &[(&str, &str)]) -> Result<Conditioned<'_>, ConditionError> {
        let fixed = Fixed::parse(conditions)?;
        let places = fixed.places(self.directory())?;
        let cases = cases(self, &fixed)?;
        let mut below = 0.0;
        let ends = cases.iter().map(|case| {
            below += case.weight;
            below
        });
        Ok(Conditioned { ends: ends.collect(), generator: self, cases, fixed, places })
    }
}

impl Conditioned<'_> {
    /// Probability, among all customers of the generator, of what is given, the location apart.
    pub fn probability(&self) -> f64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The rows `rows` of the endless sample of a seed: see [`Generator::sample`].
    pub fn sample(&self, seed: u64, rows: Range<u64>) -> Sample {
        let mut sample = Sample::default();
        let mut random = RowRandom::new(seed, "", Purpose::Customer);
        self.generator.write(rows, &mut sample, |row| self.customer(row, &mut random));
        sample
    }

    /// The same rows as [`Self::sample`], drawn on `threads` threads.
    pub fn sample_parallel(&self, seed: u64, rows: Range<u64>, threads: usize) -> Sample {
        let mut parts = in_parts(rows, threads, |part| self.sample(seed, part)).into_iter();
        let mut sample = parts.next().unwrap_or_default();
        parts.for_each(|part| sample.append(&part));
        sample
    }

    fn customer(&self, row: u64, random: &mut RowRandom) -> Row {
        random.seek(row);
        let at = random.unit() * self.probability();
        let case = &self.cases[self.ends.partition_point(|end| *end <= at).min(self.cases.len() - 1)];
        let place = match &self.places {
            Some(subset) => subset.draw(random),
            None => self.generator.directory().draw(random),
        };
        let mut drawn = Row { place, ..case.draw(self.generator, random) };
        self.fixed.restore(&mut drawn);
        drawn
    }
}

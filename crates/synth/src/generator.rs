//! The generator: fitted once, then sampled anywhere.

use std::ops::Range;

use churn_domain::Locations;
use churn_domain::csv::Customers;

use crate::constraint::Bounds;
use crate::error::{FitError, LoadError};
use crate::fit::{FitParams, fit};
use crate::fitted::{FORMAT, FeatureSpec, FitSummary, Fitted, READABLE_VERSIONS};
use crate::places::Directory;
use crate::random::{Purpose, RowRandom};
use crate::row::Row;
use crate::sample::Sample;
use crate::stratum::Copula;

/// Draws customers like the real ones it was fitted on. Cannot be changed once fitted.
#[derive(Clone, Debug)]
pub struct Generator {
    fitted: Fitted,
    pub(crate) strata: Vec<Copula>,
    /// Running sums of the strata's weights, the last one being 1.
    ends: Vec<f64>,
    places: Directory,
}

/// Rows that are drawn before they are written out as columns: enough to keep the columns' caches warm, few enough to
/// stay in the processor's own.
const CHUNK: usize = 256;

impl Generator {
    /// Fits a generator on real customers with their label. Their own locations, where they have any, are the only
    /// ones that come out; else those of the list `places`, evenly.
    ///
    /// # Errors
    /// [`FitError`], which names the column and the way out.
    pub fn fit(customers: &Customers, places: &Locations, params: FitParams) -> Result<Self, FitError> {
        Self::assemble(fit(customers, places, params)?).map_err(|_| FitError::Numerical("correlation"))
    }

    /// The generator as JSON. The same generator gives the same bytes.
    ///
    /// # Errors
    /// Never for a generator that was fitted or loaded; the signature is serde's.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.fitted)
    }

    /// Reads what [`Self::to_json`] wrote and checks that it can be sampled.
    ///
    /// # Errors
    /// [`LoadError`] for another format, other features, or contents that contradict themselves.
    pub fn from_json(json: &[u8]) -> Result<Self, LoadError> {
        #[derive(serde::Deserialize)]
        struct Head {
            format: u32,
        }
        let Head { format } = serde_json::from_slice(json)?;
        if format != FORMAT {
            return Err(LoadError::Format { found: format, supported: FORMAT });
        }
        let fitted: Fitted = serde_json::from_slice(json)?;
        if !READABLE_VERSIONS.contains(&fitted.version.as_str()) {
            let found = &fitted.version;
            return Err(LoadError::Damaged(format!(
                "its version is {found}, of format {FORMAT} only {} are known",
                READABLE_VERSIONS.join(" and ")
            )));
        }
        let known = FeatureSpec::all();
        if fitted.features != known {
            let other = fitted.features.iter().zip(&known).find(|(found, known)| found != known);
            return Err(LoadError::OtherFeatures(other.map_or("their number".into(), |(found, _)| found.name.clone())));
        }
        Self::assemble(fitted).map_err(LoadError::Damaged)
    }

    /// Columns of the real customers' file that are no features and say the same of everybody, such as a country: name
    /// and value.
    pub fn constants(&self) -> &[(String, String)] {
        &self.fitted.constants
    }

    fn assemble(fitted: Fitted) -> Result<Self, String> {
        check(&fitted)?;
        let strata =
            fitted.strata.iter().map(|stratum| Copula::of(stratum, &fitted.bundles)).collect::<Result<Vec<_>, _>>()?;
        let total: f64 = fitted.strata.iter().map(|stratum| stratum.weight).sum();
        let mut below = 0.0;
        let ends = fitted.strata.iter().map(|stratum| {
            below += stratum.weight;
            below / total
        });
        Ok(Self { ends: ends.collect(), strata, places: fitted.places.directory(), fitted })
    }

    /// Version of the generator's method, for lineage.
    pub fn version(&self) -> &str {
        &self.fitted.version
    }

    /// What the fit used and what it left out.
    pub fn summary(&self) -> &FitSummary {
        &self.fitted.summary
    }

    /// The places that customers can live in, each once.
    pub fn places(&self) -> &Locations {
        &self.places.locations
    }

    /// The rows `rows` of the endless sample of a seed. A row depends on the seed and on its number alone, so ranges may
    /// be drawn in any order and anywhere.
    pub fn sample(&self, seed: u64, rows: Range<u64>) -> Sample {
        let mut sample = Sample::default();
        self.sample_into(seed, rows, &mut sample);
        sample
    }

    /// Appends the rows to a sample: see [`Self::sample`].
    pub fn sample_into(&self, seed: u64, rows: Range<u64>, sample: &mut Sample) {
        let mut random = RowRandom::new(seed, "", Purpose::Customer);
        self.write(rows, sample, |row| self.customer(row, &mut random));
    }

    /// The same rows as [`Self::sample`], drawn on `threads` threads, as consecutive parts, one a thread.
    pub fn sample_parts(&self, seed: u64, rows: Range<u64>, threads: usize) -> Vec<Sample> {
        in_parts(rows, threads, |part| self.sample(seed, part))
    }

    /// The same rows as [`Self::sample`], drawn on `threads` threads.
    pub fn sample_parallel(&self, seed: u64, rows: Range<u64>, threads: usize) -> Sample {
        let mut parts = self.sample_parts(seed, rows, threads).into_iter();
        let mut sample = parts.next().unwrap_or_default();
        parts.for_each(|part| sample.append(&part));
        sample
    }

    pub(crate) fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.places
    }

    /// Draws new customer number `row`. Afterwards `random` stands behind the customer's numbers.
    #[inline]
    pub(crate) fn customer(&self, row: u64, random: &mut RowRandom) -> Row {
        random.seek(row);
        let place = random.unit();
        let stratum = self.ends.iter().position(|end| place < *end).unwrap_or(self.ends.len() - 1);
        let place = self.places.draw(random);
        Row { place, ..self.strata[stratum].draw(random, &self.fitted) }
    }

    pub(crate) fn write(&self, rows: Range<u64>, sample: &mut Sample, mut draw: impl FnMut(u64) -> Row) {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut next = rows.start;
        while next < rows.end {
            let end = rows.end.min(next.saturating_add(CHUNK as u64));
            chunk.clear();
            chunk.extend((next..end).map(&mut draw));
            sample.push(&chunk, &self.places);
            next = end;
        }
    }
}

/// Runs consecutive parts of a range on threads of their own, results in order.
pub(crate) fn in_parts<T: Send>(rows: Range<u64>, threads: usize, run: impl Fn(Range<u64>) -> T + Sync) -> Vec<T> {
    let count = rows.end.saturating_sub(rows.start);
    let threads = (threads.max(1) as u64).min(count.max(1));
    let start = |part: u64| rows.start + (u128::from(count) * u128::from(part) / u128::from(threads)) as u64;
    let ranges = (0..threads).map(|part| start(part)..start(part + 1));
    if threads == 1 {
        return ranges.map(&run).collect();
    }
    std::thread::scope(|scope| {
        let run = &run;
        let workers: Vec<_> = ranges.map(|range| scope.spawn(move || run(range))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn check(fitted: &Fitted) -> Result<(), String> {
    let share = Bounds { min: 0.0, max: 1.0 };
    let sound = [
        (!fitted.strata.is_empty(), "it has no strata"),
        (
            fitted.strata.iter().all(|stratum| stratum.weight.is_finite() && stratum.weight > 0.0),
            "a weight is not above 0",
        ),
        (fitted.bundles.iter().all(|bundle| bundle.price.is_sound()), "a price list is not finite"),
        (fitted.total.is_sound(), "the spread of total charges is not an interval around 1"),
        (fitted.outcome.is_sound(), "the weights of the outcome do not fit the features"),
        (fitted.places.is_sound(), "a place is not on earth or has no weight, or there is none"),
        (share.contains(fitted.may_return) && share.contains(fitted.may_return_again), "a share is not from 0 to 1"),
    ];
    sound.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, fault)| Err((*fault).into()))
}

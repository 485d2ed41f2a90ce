//! The same window for parts of the customers: those on one contract, of one internet service, of one age.
//!
//! Every row belongs to one value of each dimension, so to one cell of all of them together. A window counts each row
//! once, in its cell; what a segment holds is the sum of its cells. So three dimensions cost a row next to nothing more
//! than none, and merging stays adding.

mod division;

use std::ops::Range;
use std::sync::Arc;

use churn_domain::{Column, Table};
use serde::{Deserialize, Serialize};

pub use division::{InvalidSegments, Segment, Segmentation};

use crate::{ColumnReference, ColumnWindow, OtherReference, Reference, Window};

/// Rows of one part of the customers.
#[derive(Clone, Debug)]
pub struct Part {
    /// Their features.
    pub features: Window,
    /// Their scores.
    pub score: ColumnWindow,
}

/// What a part is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartReference {
    /// Of the features.
    pub features: Arc<Reference>,
    /// Of the scores.
    pub score: ColumnReference,
}

/// Counts of every feature and of the score over the bins of a reference, apart for each cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SegmentedWindow {
    segmentation: Arc<Segmentation>,
    whole: PartReference,
    /// A column's counts: cell by cell its bins, then those without a value. The score comes last.
    counts: Vec<Vec<u32>>,
    rows: u64,
    #[serde(skip)]
    bin_of_code: Vec<usize>,
}

impl SegmentedWindow {
    /// Empty, on the bins of these references.
    pub fn new(features: &Reference, score: &ColumnReference, segmentation: Arc<Segmentation>) -> Self {
        let cells = segmentation.cells();
        let columns = features.columns().iter().chain([score]);
        let counts = columns.map(|column| vec![0; cells * slots(column)]).collect();
        let whole = PartReference { features: Arc::new(features.clone()), score: score.clone() };
        Self { segmentation, whole, counts, rows: 0, bin_of_code: Vec::new() }
    }

    /// Counts the rows `rows` of `table` and their scores; `cells` are those of these rows.
    ///
    /// # Panics
    /// When `rows` reach past the end of the table or of the scores, or there is not one cell a row.
    pub fn add(&mut self, table: &Table, scores: &[f64], rows: Range<usize>, cells: &[u16]) {
        assert_eq!(rows.len(), cells.len(), "one cell a row");
        let columns = self.whole.features.columns().iter().zip(&mut self.counts).zip(table.columns());
        for ((reference, counts), column) in columns {
            match column {
                Column::Category(words) => {
                    // Words are looked up once a batch, rows by code only.
                    let all = words.known().iter().copied().chain(words.unknown());
                    self.bin_of_code.clear();
                    self.bin_of_code.extend(all.map(|word| reference.bins().of_word(word)));
                    let bins = words.codes()[rows.clone()].iter();
                    count(counts, reference, cells, bins.map(|&code| self.bin_of_code.get(usize::from(code)).copied()));
                }
                Column::Number(values) => count_numbers(counts, reference, cells, &values[rows.clone()]),
            }
        }
        if let Some(counts) = self.counts.last_mut() {
            count_numbers(counts, &self.whole.score, cells, &scores[rows.clone()]);
        }
        self.rows += rows.len() as u64;
    }

    /// Adds what another window of the same references and segments has counted.
    ///
    /// # Errors
    /// When it is of others; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), OtherReference> {
        if self.segmentation != other.segmentation || self.whole != other.whole {
            return Err(OtherReference);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = mine.saturating_add(*theirs));
        }
        self.rows += other.rows;
        Ok(())
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How the rows are divided.
    pub fn segmentation(&self) -> &Segmentation {
        &self.segmentation
    }

    /// What all rows together are compared with.
    pub fn reference(&self) -> &PartReference {
        &self.whole
    }

    /// Forgets all rows.
    pub fn reset(&mut self) {
        self.counts.iter_mut().for_each(|counts| counts.fill(0));
        self.rows = 0;
    }

    /// All rows together.
    pub fn whole(&self) -> Part {
        self.part(&self.whole, |_| true)
    }

    /// The rows of each segment, to be compared with that segment's reference out of `references`.
    ///
    /// # Panics
    /// When there is not one reference a segment.
    pub fn by_segment(&self, references: &[PartReference]) -> Vec<Part> {
        assert_eq!(references.len(), self.segmentation.segments().count(), "one reference a segment");
        references.iter().enumerate().map(|(at, reference)| self.part(reference, self.holds(at))).collect()
    }

    /// The rows counted so far as the reference of each segment, on the bins of the whole.
    pub fn references(&self) -> Vec<PartReference> {
        let of_segment = |at: usize| {
            let column = |(column, reference): (usize, &ColumnReference)| {
                let mut counts = self.sums(column, self.holds(at));
                let missing = counts.pop().unwrap_or_default();
                reference.with_counts(counts, missing)
            };
            let features = self.whole.features.columns().iter().enumerate().map(column);
            PartReference {
                features: Arc::new(Reference::of_valid(features.collect())),
                score: column((self.counts.len() - 1, &self.whole.score)),
            }
        };
        (0..self.segmentation.segments().count()).map(of_segment).collect()
    }

    fn holds(&self, segment: usize) -> impl Fn(u16) -> bool + '_ {
        move |cell| self.segmentation.segments_of(cell).any(|at| at == segment)
    }

    fn part(&self, reference: &PartReference, wanted: impl Fn(u16) -> bool) -> Part {
        let mut counts: Vec<Vec<u64>> = (0..self.counts.len()).map(|column| self.sums(column, &wanted)).collect();
        let score = ColumnWindow::of_counts(reference.score.bins(), counts.pop().unwrap_or_default());
        Part { features: Window::of_counts(Arc::clone(&reference.features), counts), score }
    }

    /// A column's counts over the wanted cells, those without a value last.
    fn sums(&self, column: usize, wanted: impl Fn(u16) -> bool) -> Vec<u64> {
        let slots = self.counts[column].len() / self.segmentation.cells();
        let mut sums = vec![0; slots];
        let cells = self.counts[column].chunks_exact(slots).zip(0_u16..);
        for (counts, _) in cells.filter(|(_, cell)| wanted(*cell)) {
            sums.iter_mut().zip(counts).for_each(|(sum, &count)| *sum += u64::from(count));
        }
        sums
    }
}

/// Places for one cell's counts of a column: its bins, and one for rows without a value.
fn slots(column: &ColumnReference) -> usize {
    column.bins().count() + 1
}

fn count_numbers(counts: &mut [u32], reference: &ColumnReference, cells: &[u16], values: &[f64]) {
    let bins = reference.bins();
    count(counts, reference, cells, values.iter().map(|value| value.is_finite().then(|| bins.of_number(*value))));
}

fn count(counts: &mut [u32], reference: &ColumnReference, cells: &[u16], bins: impl Iterator<Item = Option<usize>>) {
    let slots = slots(reference);
    for (&cell, bin) in cells.iter().zip(bins) {
        let slot = &mut counts[usize::from(cell) * slots + bin.unwrap_or(slots - 1)];
        *slot = slot.saturating_add(1);
    }
}

//! The same window for parts of the customers: those on one contract, of one internet service, of one age.
//!
//! Every row belongs to one value of each dimension, so to one cell of all of them together. A window counts each row
//! once, in its cell; what a segment holds is the sum of its cells. So three dimensions cost a row next to nothing more
//! than none, and merging stays adding.

use std::ops::Range;
use std::sync::Arc;

use churn_domain::{Column, FEATURES, Kind, MISSING, Table, feature_index};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ColumnReference, ColumnWindow, OtherReference, Reference, Window};

/// Cells of all dimensions together. It bounds the memory of a window, some 2 KB a cell.
const MAX_CELLS: usize = 256;
const OTHER: &str = "(other)";
const NONE: &str = "(missing)";

/// Dimensions that cannot be watched.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidSegments {
    /// No such feature, or a number.
    #[error("{0:?} is no feature with few values; use a category or a flag, such as contract or senior_citizen")]
    Feature(String),
    /// One feature twice.
    #[error("{0} is named twice")]
    Twice(String),
    /// Too many cells.
    #[error("the features have {0} values together, at most {MAX_CELLS} can be watched; name fewer features")]
    TooMany(usize),
}

/// One value of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The feature.
    pub feature: &'static str,
    /// Its value; `(other)` for values that the program does not know, `(missing)` for none.
    pub value: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
struct Dimension {
    feature: usize,
    values: Vec<&'static str>,
    stride: usize,
}

/// How customers are divided. By name when stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Segmentation {
    dimensions: Vec<Dimension>,
    /// The segments of each cell, one a dimension: looked up for every row.
    members: Vec<u16>,
}

impl TryFrom<Vec<String>> for Segmentation {
    type Error = InvalidSegments;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidSegments> {
        Self::new(&names)
    }
}

impl From<Segmentation> for Vec<String> {
    fn from(segmentation: Segmentation) -> Self {
        segmentation.dimensions.iter().map(|dimension| FEATURES[dimension.feature].name.to_owned()).collect()
    }
}

impl Segmentation {
    /// By the values of these features.
    ///
    /// # Errors
    /// One is no category or flag or is named twice, or they have too many values together.
    pub fn new(features: &[String]) -> Result<Self, InvalidSegments> {
        let mut dimensions: Vec<Dimension> = Vec::new();
        let mut stride = 1;
        for name in features {
            let unknown = || InvalidSegments::Feature(name.clone());
            let feature = feature_index(name).ok_or_else(unknown)?;
            if dimensions.iter().any(|dimension| dimension.feature == feature) {
                return Err(InvalidSegments::Twice(name.clone()));
            }
            let values: Vec<&str> = match FEATURES[feature].kind {
                Kind::Category(known) => known.iter().copied().chain([OTHER, NONE]).collect(),
                Kind::Flag => vec!["No", "Yes", OTHER, NONE],
                Kind::Integer { .. } | Kind::Money { .. } => return Err(unknown()),
            };
            let count = values.len();
            dimensions.push(Dimension { feature, values, stride });
            stride *= count;
        }
        if stride > MAX_CELLS {
            return Err(InvalidSegments::TooMany(stride));
        }
        let members = members(&dimensions, stride);
        Ok(Self { dimensions, members })
    }

    /// All segments, dimension by dimension.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.dimensions.iter().flat_map(|dimension| {
            let feature = FEATURES[dimension.feature].name;
            dimension.values.iter().map(move |&value| Segment { feature, value })
        })
    }

    /// Number of cells: one where there is no dimension.
    pub fn cells(&self) -> usize {
        self.dimensions.iter().map(|dimension| dimension.values.len()).product()
    }

    /// The segments, by place in [`Self::segments`], that a cell belongs to: one a dimension. None for what is no cell.
    pub fn segments_of(&self, cell: u16) -> impl Iterator<Item = usize> + '_ {
        let (first, each) = (usize::from(cell) * self.dimensions.len(), self.dimensions.len());
        self.members.get(first..first + each).unwrap_or_default().iter().map(|&segment| usize::from(segment))
    }

    /// The features, in order.
    pub fn features(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.dimensions.iter().map(|dimension| FEATURES[dimension.feature].name)
    }

    /// The cell of a customer whose values are written out, one a feature and in their order; a flag's are `true` and
    /// `false`.
    pub fn cell_of(&self, values: &[Option<String>]) -> u16 {
        let place = |(dimension, value): (&Dimension, Option<&String>)| {
            let value = value.map(|value| match value.as_str() {
                "true" => "Yes",
                "false" => "No",
                word => word,
            });
            let (none, other) = (dimension.values.len() - 1, dimension.values.len() - 2);
            let known = |word| dimension.values[..other].iter().position(|known| *known == word).unwrap_or(other);
            value.map_or(none, known) * dimension.stride
        };
        let values = values.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        self.dimensions.iter().zip(values).map(place).sum::<usize>() as u16
    }

    /// Writes the cell of each of the rows, in place of what `cells` held.
    ///
    /// # Panics
    /// When `rows` reach past the end of the table.
    pub fn cells_into(&self, table: &Table, rows: Range<usize>, cells: &mut Vec<u16>) {
        cells.clear();
        cells.resize(rows.len(), 0);
        for dimension in &self.dimensions {
            dimension.add_to(table, rows.clone(), cells);
        }
    }
}

fn members(dimensions: &[Dimension], cells: usize) -> Vec<u16> {
    let of_cell = |cell: usize| {
        let mut first = 0;
        dimensions.iter().map(move |dimension| {
            let at = first + cell / dimension.stride % dimension.values.len();
            first += dimension.values.len();
            // At most MAX_CELLS values in all.
            at as u16
        })
    };
    (0..cells).flat_map(of_cell).collect()
}

impl Dimension {
    fn add_to(&self, table: &Table, rows: Range<usize>, cells: &mut [u16]) {
        let (none, other) = (self.values.len() - 1, self.values.len() - 2);
        // At most MAX_CELLS.
        let step = |value: usize| (value * self.stride) as u16;
        match table.column(self.feature) {
            Column::Category(words) => {
                for (cell, &code) in cells.iter_mut().zip(&words.codes()[rows]) {
                    *cell += step(if code == MISSING { none } else { usize::from(code).min(other) });
                }
            }
            Column::Number(values) => {
                for (cell, &value) in cells.iter_mut().zip(&values[rows]) {
                    let at = match value {
                        0.0 => 0,
                        1.0 => 1,
                        value if value.is_finite() => other,
                        _ => none,
                    };
                    *cell += step(at);
                }
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_number_an_unknown_or_repeated_feature_and_too_many_values_are_refused() {
        for (bad, expected) in [
            (&["tenure"][..], "no feature with few values"),
            (&["age"], "no feature with few values"),
            (&["contract", "contract"], "named twice"),
            (&["contract", "internet_service", "payment_method", "multiple_lines"], "750 values together"),
        ] {
            let error = Segmentation::new(&names(bad)).unwrap_err().to_string();
            assert!(error.contains(expected), "{bad:?}: {error}");
        }
        assert_eq!(Segmentation::new(&[]).unwrap().cells(), 1);
    }

    #[test]
    fn a_cell_belongs_to_one_segment_of_each_dimension() {
        let segmentation = Segmentation::new(&names(&["contract", "senior_citizen"])).unwrap();
        assert_eq!(segmentation.cells(), 20);
        let segments: Vec<Segment> = segmentation.segments().collect();
        assert_eq!(segments.len(), 9);
        let mut table = Table::default();
        for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
            match column {
                Column::Category(words) => {
                    let strange = [Some("Two year"), Some("Weekly"), None];
                    strange
                        .into_iter()
                        .for_each(|word| words.push(if feature.name == "contract" { word } else { None }));
                }
                Column::Number(values) => values.extend([1.0, f64::NAN, 7.0]),
            }
        }
        let mut cells = Vec::new();
        segmentation.cells_into(&table, 0..3, &mut cells);
        let of = |cell: u16| segmentation.segments_of(cell).map(|at| segments[at].value).collect::<Vec<_>>();
        assert_eq!(of(cells[0]), ["Two year", "Yes"]);
        assert_eq!(of(cells[1]), ["(other)", "(missing)"]);
        assert_eq!(of(cells[2]), ["(missing)", "(other)"]);
        let written = |words: &[Option<&str>]| {
            let words: Vec<_> = words.iter().map(|word| word.map(str::to_owned)).collect();
            segmentation.cell_of(&words)
        };
        assert_eq!(written(&[Some("Two year"), Some("true")]), cells[0]);
        assert_eq!(written(&[Some("Weekly"), None]), cells[1]);
        assert_eq!(of(written(&[])), ["(missing)", "(missing)"]);
        let text = serde_json::to_string(&segmentation).unwrap();
        assert_eq!(
            (text.as_str(), serde_json::from_str(&text).ok()),
            (r#"["contract","senior_citizen"]"#, Some(segmentation.clone()))
        );
    }
}

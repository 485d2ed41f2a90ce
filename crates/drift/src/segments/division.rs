//! How customers are divided.

use std::ops::Range;

use churn_domain::{Column, FEATURES, Kind, MISSING, Table, feature_index};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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

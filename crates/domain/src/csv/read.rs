//! Reading customers.

use std::io::Read;

use csv::StringRecord;

use super::cell::{flag, gender, is_missing};
use super::error::{BadValue, ReadError};
use super::header::{FEMALE, Header, names};
use super::location::push_location;
use crate::feature::LABEL_WORDS;
use crate::{Column, FEATURES, Feature, Kind, LABEL, Locations, Table, Text};

/// What a reader does with a word that is not in a category's vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownCategory {
    /// It is a bad value: the rule for data that something is fitted on.
    #[default]
    Reject,
    /// It is kept: the rule for data to be scored, where an unknown category is scored and counted.
    Keep,
}

/// How to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// What to do with unknown words.
    pub unknown_category: UnknownCategory,
    /// Whether rows with a bad value are left out and listed instead of ending the reading.
    pub skip_bad_rows: bool,
}

/// Customers of a file, column by column.
#[derive(Clone, Debug, Default)]
pub struct Customers {
    /// Whose row it is, where the file says so.
    pub customer_id: Option<Text>,
    /// The features.
    pub features: Table,
    /// Whether the customer left, where the file says so.
    pub label: Option<Vec<bool>>,
    /// Where the customer lives, where the file says so.
    pub location: Option<Locations>,
    /// Line of the file on which each row starts, from 1.
    pub lines: Vec<u64>,
    /// Names of columns that were passed over.
    pub ignored: Vec<String>,
    /// Those of the columns passed over that say the same in every row, such as a country: name and value.
    pub constants: Vec<(String, String)>,
    /// Names of columns that were left out because they leak the answer: nobody knows them before a customer leaves.
    pub leaking: Vec<String>,
    /// Rows left out, the first [`Self::MAX_LISTED`] of them.
    pub bad_rows: Vec<BadValue>,
    /// How many rows were left out.
    pub bad_row_count: u64,
}

impl Customers {
    /// How many bad rows are listed; the rest is counted.
    pub const MAX_LISTED: usize = 100;

    /// Number of customers.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    fn truncate(&mut self, rows: usize) {
        self.features.truncate(rows);
        self.lines.truncate(rows);
        if let Some(ids) = &mut self.customer_id {
            ids.truncate(rows);
        }
        if let Some(label) = &mut self.label {
            label.truncate(rows);
        }
        if let Some(location) = &mut self.location {
            location.truncate(rows);
        }
    }
}

/// Reads customers from a CSV source.
///
/// # Errors
/// [`ReadError`], which names line, column, value and what was expected; with [`ReadOptions::skip_bad_rows`] a bad
/// value only leaves its row out.
pub fn read(source: impl Read, options: ReadOptions) -> Result<Customers, ReadError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source);
    let names = names(reader.headers()?);
    let (header, width) = (Header::find(&names)?, names.len());
    let mut customers = Customers {
        customer_id: header.customer_id.map(|_| Text::default()),
        label: header.label.map(|_| Vec::new()),
        location: header.location.map(|_| Locations::default()),
        ..Customers::default()
    };
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    let mut constants: Vec<(usize, String)> = Vec::new();
    let mut row = Row { record: StringRecord::new(), width };
    while reader.read_record(&mut row.record)? {
        let rows = customers.len();
        if let Err(bad) = row.push_into(&mut customers, &header, options.unknown_category) {
            customers.truncate(rows);
            if !options.skip_bad_rows {
                return Err(ReadError::BadValue(bad));
            }
            customers.bad_row_count += 1;
            if customers.bad_rows.len() < Customers::MAX_LISTED {
                customers.bad_rows.push(bad);
            }
        } else if rows == 0 {
            constants = header.passed_over.iter().map(|&at| (at, row.cell(at).to_owned())).collect();
        } else {
            constants.retain(|(at, value)| row.cell(*at) == value);
        }
    }
    let named = |at: usize| names[at].clone();
    customers.ignored = header.passed_over.iter().map(|&at| named(at)).collect();
    customers.constants = constants.into_iter().map(|(at, value)| (named(at), value)).collect();
    customers.leaking = header.leaking;
    if customers.is_empty() && customers.bad_row_count == 0 { Err(ReadError::Empty) } else { Ok(customers) }
}

struct Row {
    record: StringRecord,
    width: usize,
}

impl Row {
    fn push_into(&self, into: &mut Customers, header: &Header, unknown: UnknownCategory) -> Result<(), BadValue> {
        if self.record.len() != self.width {
            let expected = format!("{} cells as in the header", self.width);
            return Err(self.bad("(row)", &format!("{} cells", self.record.len()), expected));
        }
        for ((feature, column), &at) in FEATURES.iter().zip(into.features.columns_mut()).zip(&header.features) {
            match column {
                Column::Number(values) if header.gender && feature.name == FEMALE => values.push(self.female(at)?),
                _ => self.push_feature(feature, column, at, unknown)?,
            }
        }
        if let (Some(label), Some(at)) = (&mut into.label, header.label) {
            label.push(flag(self.cell(at)).ok_or_else(|| self.bad(LABEL, self.cell(at), LABEL_WORDS.join(" or ")))?);
        }
        if let (Some(ids), Some(at)) = (&mut into.customer_id, header.customer_id) {
            match self.cell(at) {
                "" => return Err(self.bad("customer_id", "", "an id".into())),
                id => ids.push(Some(id)),
            }
        }
        if let (Some(location), Some(at)) = (&mut into.location, header.location) {
            push_location(location, at.map(|at| at.map_or("", |at| self.cell(at))))
                .map_err(|(field, value, expected)| self.bad(field, value, expected))?;
        }
        into.lines.push(self.line());
        Ok(())
    }

    fn push_feature(
        &self,
        feature: &Feature,
        column: &mut Column,
        at: usize,
        unknown: UnknownCategory,
    ) -> Result<(), BadValue> {
        let cell = self.cell(at);
        let bad = || self.bad(feature.name, cell, feature.expected());
        match column {
            _ if is_missing(cell) => column.push_missing(),
            Column::Category(words) => {
                if unknown == UnknownCategory::Reject && !feature.categories().contains(&cell) {
                    return Err(bad());
                }
                words.push(Some(cell));
            }
            Column::Number(values) => {
                let value = match feature.kind {
                    Kind::Flag => flag(cell).map(|yes| f64::from(u8::from(yes))),
                    _ => cell.parse().ok(),
                };
                values.push(value.and_then(|value| feature.check(value).ok()).ok_or_else(bad)?);
            }
        }
        Ok(())
    }

    /// The feature `female` of a column that holds the gender.
    fn female(&self, at: usize) -> Result<f64, BadValue> {
        match self.cell(at) {
            cell if is_missing(cell) => Ok(f64::NAN),
            cell => gender(cell).ok_or_else(|| self.bad("gender", cell, "Female or Male".into())),
        }
    }

    fn cell(&self, at: usize) -> &str {
        self.record.get(at).unwrap_or_default().trim()
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn bad(&self, column: &str, value: &str, expected: String) -> BadValue {
        BadValue { line: self.line(), column: column.into(), value: value.chars().take(80).collect(), expected }
    }
}

//! Writing customers.

use std::io::Write;

use crate::feature::LABEL_WORDS;
use crate::{Column, FEATURES, Kind, LABEL, LOCATION_FIELDS, Locations, Table};

/// Writes customers row by row: the label first, then the features, then the location, each where it is asked for, and
/// then any columns of the caller's own.
#[derive(Debug)]
pub struct Writer<W: Write> {
    inner: csv::Writer<W>,
    number: String,
}

impl<W: Write> Writer<W> {
    /// Starts a file with its header: `before`, the features, the location if asked for, `after`.
    ///
    /// # Errors
    /// What the sink says.
    pub fn new(sink: W, label: bool, location: bool, before: &[&str], after: &[&str]) -> Result<Self, csv::Error> {
        let mut inner = csv::Writer::from_writer(sink);
        let names = before
            .iter()
            .copied()
            .chain(label.then_some(LABEL))
            .chain(FEATURES.iter().map(|feature| feature.name))
            .chain(location.then_some(LOCATION_FIELDS).into_iter().flatten())
            .chain(after.iter().copied());
        inner.write_record(names)?;
        Ok(Self { inner, number: String::new() })
    }

    /// Writes the row `row` of the given columns.
    ///
    /// # Errors
    /// What the sink says.
    pub fn write_row(
        &mut self,
        row: usize,
        label: Option<&[bool]>,
        features: &Table,
        location: Option<&Locations>,
        before: &[&str],
        after: &[&str],
    ) -> Result<(), csv::Error> {
        for cell in before {
            self.write_text(cell)?;
        }
        if let Some(label) = label {
            self.inner.write_field(LABEL_WORDS[usize::from(label[row])])?;
        }
        for (feature, column) in FEATURES.iter().zip(features.columns()) {
            match column {
                Column::Category(words) => self.write_text(words.get(row).unwrap_or_default())?,
                Column::Number(values) => self.write_number(values[row], feature.kind)?,
            }
        }
        if let Some(location) = location {
            for text in [&location.zip_code, &location.city, &location.county] {
                self.write_text(text.get(row).unwrap_or_default())?;
            }
            self.write_degrees(location.latitude[row])?;
            self.write_degrees(location.longitude[row])?;
        }
        for cell in after {
            self.write_text(cell)?;
        }
        self.inner.write_record(None::<&[u8]>)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// What the sink says.
    pub fn finish(mut self) -> Result<(), csv::Error> {
        Ok(self.inner.flush()?)
    }

    fn write_text(&mut self, cell: &str) -> Result<(), csv::Error> {
        self.inner.write_field(neutralise_formula(cell).as_ref())
    }

    fn write_number(&mut self, value: f64, kind: Kind) -> Result<(), csv::Error> {
        self.number.clear();
        push_amount(&mut self.number, value, kind);
        self.inner.write_field(&self.number)
    }

    fn write_degrees(&mut self, degrees: f64) -> Result<(), csv::Error> {
        self.number.clear();
        push_degrees(&mut self.number, degrees);
        self.inner.write_field(&self.number)
    }
}

/// Appends degrees as a cell: nothing where they are missing.
pub(super) fn push_degrees(cell: &mut String, degrees: f64) {
    use std::fmt::Write as _;
    if !degrees.is_nan() {
        let _ = write!(cell, "{degrees}");
    }
}

/// Appends a number as a cell: nothing where it is missing.
pub(super) fn push_amount(cell: &mut String, value: f64, kind: Kind) {
    use std::fmt::Write as _;
    if !value.is_nan() {
        // A number prints the shortest text that reads back as itself; money never has more than two decimals.
        let value = if matches!(kind, Kind::Money { .. }) { (value * 100.0).round() / 100.0 } else { value };
        let _ = write!(cell, "{value}");
    }
}

/// Makes a cell harmless that a spreadsheet would run as a formula, by the usual leading apostrophe. A number is no
/// formula and keeps its sign.
pub fn neutralise_formula(cell: &str) -> std::borrow::Cow<'_, str> {
    let number = || cell.parse::<f64>().is_ok_and(f64::is_finite);
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number() {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

//! Writing customers under the header under which IBM publishes this data.

use std::io::Write;

use super::header::{FEMALE, key};
use super::write::{neutralise_formula, push_amount, push_degrees};
use crate::feature::LABEL_WORDS;
use crate::{Column, FEATURES, Kind, LABEL, LOCATION_FIELDS, Locations, Table, feature_index};

/// IBM's columns that say something of a customer and do not leak the answer, in its order, and what they hold by our
/// names. Country and state have none: the file says the same of everybody.
const COLUMNS: [(&str, &str); 26] = [
    ("Country", "country"),
    ("State", "state"),
    ("City", "city"),
    ("Zip Code", "zip_code"),
    ("Latitude", "latitude"),
    ("Longitude", "longitude"),
    ("Gender", "female"),
    ("Senior Citizen", "senior_citizen"),
    ("Partner", "partner"),
    ("Dependents", "dependents"),
    ("Tenure Months", "tenure"),
    ("Phone Service", "phone_service"),
    ("Multiple Lines", "multiple_lines"),
    ("Internet Service", "internet_service"),
    ("Online Security", "online_security"),
    ("Online Backup", "online_backup"),
    ("Device Protection", "device_protection"),
    ("Tech Support", "tech_support"),
    ("Streaming TV", "streaming_tv"),
    ("Streaming Movies", "streaming_movies"),
    ("Contract", "contract"),
    ("Paperless Billing", "paperless_billing"),
    ("Payment Method", "payment_method"),
    ("Monthly Charges", "monthly_charges"),
    ("Total Charges", "total_charges"),
    ("Churn Label", LABEL),
];

#[derive(Clone, Debug)]
enum Source {
    Constant(String),
    Place(usize),
    Gender(usize),
    Feature(usize),
    Label,
}

/// Writes customers row by row under IBM's header: its 26 columns that a customer can have before anybody knows whether
/// they leave.
#[derive(Debug)]
pub struct IbmWriter<W: Write> {
    inner: csv::Writer<W>,
    sources: Vec<Source>,
    cell: String,
}

impl<W: Write> IbmWriter<W> {
    /// Starts a file with its header. `constants` are columns that say the same of everybody, by name: those of country
    /// and state; they stay empty where there is none.
    ///
    /// # Errors
    /// What the sink says.
    pub fn new(sink: W, constants: &[(String, String)]) -> Result<Self, csv::Error> {
        let mut inner = csv::Writer::from_writer(sink);
        inner.write_record(COLUMNS.map(|(name, _)| name))?;
        let sources = COLUMNS.iter().map(|(name, ours)| source(name, ours, constants)).collect();
        Ok(Self { inner, sources, cell: String::new() })
    }

    /// Writes the row `row` of the given columns.
    ///
    /// # Errors
    /// What the sink says.
    pub fn write_row(
        &mut self,
        row: usize,
        label: &[bool],
        features: &Table,
        location: &Locations,
    ) -> Result<(), csv::Error> {
        for source in &self.sources {
            self.cell.clear();
            match source {
                Source::Constant(value) => self.cell.push_str(value),
                Source::Label => self.cell.push_str(LABEL_WORDS[usize::from(label[row])]),
                Source::Place(field) => push_place(&mut self.cell, location, *field, row),
                Source::Gender(at) => push_feature(&mut self.cell, features, *at, row, &["Male", "Female"]),
                Source::Feature(at) => push_feature(&mut self.cell, features, *at, row, LABEL_WORDS),
            }
            self.inner.write_field(neutralise_formula(&self.cell).as_ref())?;
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
}

fn source(name: &str, ours: &str, constants: &[(String, String)]) -> Source {
    if ours == LABEL {
        Source::Label
    } else if let Some(field) = LOCATION_FIELDS.iter().position(|field| *field == ours) {
        Source::Place(field)
    } else if let Some(at) = feature_index(ours) {
        if ours == FEMALE { Source::Gender(at) } else { Source::Feature(at) }
    } else {
        let said = constants.iter().find(|(constant, _)| key(constant) == key(name));
        Source::Constant(said.map(|(_, value)| value.clone()).unwrap_or_default())
    }
}

fn push_place(cell: &mut String, location: &Locations, field: usize, row: usize) {
    match LOCATION_FIELDS[field] {
        "zip_code" => cell.push_str(location.zip_code.get(row).unwrap_or_default()),
        "city" => cell.push_str(location.city.get(row).unwrap_or_default()),
        "county" => cell.push_str(location.county.get(row).unwrap_or_default()),
        "latitude" => push_degrees(cell, location.latitude[row]),
        _ => push_degrees(cell, location.longitude[row]),
    }
}

/// A flag is one of `words`, for 0 and for 1; what is missing leaves the cell empty.
fn push_feature(cell: &mut String, features: &Table, at: usize, row: usize, words: &[&str]) {
    match (&features.columns()[at], FEATURES[at].kind) {
        (Column::Category(cells), _) => cell.push_str(cells.get(row).unwrap_or_default()),
        (Column::Number(values), Kind::Flag) if !values[row].is_nan() => {
            cell.push_str(words[usize::from(values[row] != 0.0)]);
        }
        (Column::Number(values), kind) => push_amount(cell, values[row], kind),
    }
}

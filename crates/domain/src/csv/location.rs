//! Reading locations: those of customers, and lists of known ones.

use std::io::Read;

use super::cell::is_missing;
use super::error::{BadValue, ReadError};
use crate::{LOCATION_FIELDS, Locations};

/// Reads a list of locations: a CSV source whose header has all of [`LOCATION_FIELDS`], every cell filled.
///
/// # Errors
/// [`ReadError`], which names line, column, value and what was expected.
pub fn read_locations(source: impl Read) -> Result<Locations, ReadError> {
    let mut reader = csv::Reader::from_reader(source);
    let header = reader.headers()?.clone();
    let position = |name: &str| header.iter().position(|column| column.trim_start_matches('\u{feff}').trim() == name);
    let places = LOCATION_FIELDS.map(position);
    let missing: Vec<&str> =
        LOCATION_FIELDS.into_iter().zip(places).filter(|(_, at)| at.is_none()).map(|(name, _)| name).collect();
    if !missing.is_empty() {
        return Err(ReadError::MissingColumns(missing.join(", ")));
    }
    let mut locations = Locations::default();
    for record in reader.records() {
        let record = record?;
        let cells = places.map(|at| at.and_then(|at| record.get(at)).unwrap_or_default().trim());
        let line = record.position().map_or(0, csv::Position::line);
        let bad = |column: &str, value: &str, expected: String| {
            ReadError::BadValue(BadValue { line, column: column.into(), value: value.into(), expected })
        };
        if let Some(field) = cells.iter().position(|cell| is_missing(cell)) {
            return Err(bad(LOCATION_FIELDS[field], cells[field], "a value".into()));
        }
        push_location(&mut locations, cells).map_err(|(field, value, expected)| bad(field, value, expected))?;
    }
    if locations.is_empty() { Err(ReadError::Empty) } else { Ok(locations) }
}

/// Appends the location in these cells, or says which field holds what instead of what.
pub(super) fn push_location<'a>(
    into: &mut Locations,
    cells: [&'a str; LOCATION_FIELDS.len()],
) -> Result<(), (&'static str, &'a str, String)> {
    let text = |field: usize| Some(cells[field]).filter(|cell| !is_missing(cell));
    let degrees = |field: usize, limit: f64| match text(field) {
        None => Ok(f64::NAN),
        Some(cell) => cell
            .parse()
            .ok()
            .filter(|degrees: &f64| degrees.abs() <= limit)
            .ok_or_else(|| (LOCATION_FIELDS[field], cell, format!("degrees from -{limit} to {limit}"))),
    };
    let (latitude, longitude) = (degrees(3, 90.0)?, degrees(4, 180.0)?);
    into.zip_code.push(text(0));
    into.city.push(text(1));
    into.county.push(text(2));
    into.latitude.push(latitude);
    into.longitude.push(longitude);
    Ok(())
}

//! Reading locations: those of customers, and lists of known ones.

use std::io::Read;

use super::cell::is_missing;
use super::error::{BadValue, ReadError};
use super::header::{Columns, is_optional, lacking, names};
use crate::{LOCATION_FIELDS, Locations};

/// Reads a list of locations: a CSV source whose header has [`LOCATION_FIELDS`], every cell filled; the county alone may
/// be left out.
///
/// # Errors
/// [`ReadError`], which names line, column, value and what was expected.
pub fn read_locations(source: impl Read) -> Result<Locations, ReadError> {
    let mut reader = csv::Reader::from_reader(source);
    let header = reader.headers()?.clone();
    let columns = Columns::new(&names(&header))?;
    let places = LOCATION_FIELDS.map(|field| columns.position(field));
    let missing: Vec<&str> = lacking(&places).collect();
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
        let unfilled = |field: &usize| is_missing(cells[*field]) && !is_optional(*field);
        if let Some(field) = (0..cells.len()).find(unfilled) {
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

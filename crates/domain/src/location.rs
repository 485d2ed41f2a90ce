//! Where customers live.

use crate::Text;

/// The location's columns, in files and tables, in this order.
pub const LOCATION_FIELDS: [&str; 5] = ["zip_code", "city", "county", "latitude", "longitude"];

/// Locations of customers, column by column. Not a feature: no model sees it. Each field may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Locations {
    /// Postal code, as text: it may start with a zero.
    pub zip_code: Text,
    /// City.
    pub city: Text,
    /// County.
    pub county: Text,
    /// Degrees north, `NaN` where missing.
    pub latitude: Vec<f64>,
    /// Degrees east, `NaN` where missing.
    pub longitude: Vec<f64>,
}

impl Locations {
    /// Number of locations.
    pub fn len(&self) -> usize {
        self.zip_code.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.zip_code.is_empty()
    }

    /// Appends a customer without location.
    pub fn push_missing(&mut self) {
        self.zip_code.push(None);
        self.city.push(None);
        self.county.push(None);
        self.latitude.push(f64::NAN);
        self.longitude.push(f64::NAN);
    }

    /// Appends the row `row` of `other`.
    #[inline]
    pub fn push_from(&mut self, other: &Self, row: usize) {
        self.zip_code.push_from(&other.zip_code, row);
        self.city.push_from(&other.city, row);
        self.county.push_from(&other.county, row);
        self.latitude.push(other.latitude[row]);
        self.longitude.push(other.longitude[row]);
    }

    /// Keeps the first `rows` locations.
    pub fn truncate(&mut self, rows: usize) {
        self.zip_code.truncate(rows);
        self.city.truncate(rows);
        self.county.truncate(rows);
        self.latitude.truncate(rows);
        self.longitude.truncate(rows);
    }
}

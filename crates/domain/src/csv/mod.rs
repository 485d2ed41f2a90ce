//! Customers in CSV files, read and written by the feature table.
//!
//! A file has a header; columns are found by name and may stand in any order. The nineteen features are required, the
//! label, `customer_id` and the location are optional, and other columns are passed over and named in
//! [`Customers::ignored`]. An empty cell or `NA` is a missing value.

mod cell;
mod error;
mod header;
mod location;
mod read;
mod write;

pub use error::{BadValue, ReadError};
pub use location::read_locations;
pub use read::{Customers, ReadOptions, UnknownCategory, read};
pub use write::{Writer, neutralise_formula};

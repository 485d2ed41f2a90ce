//! The rows that come with the program, so that it runs from any folder and from an image without files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use churn_domain::Locations;
use churn_domain::csv::{self, Customers, ReadOptions};
use churn_runtime::exit::Ending;

const CUSTOMERS: &[u8] = include_bytes!("../../../data/telco_customer_churn.csv");
const LOCATIONS: &[u8] = include_bytes!("../../../data/california_zip_codes.csv");

/// Customers of a file, or the shipped ones.
///
/// # Errors
/// The file cannot be opened or read; the message names file, line, column and value.
pub(crate) fn customers(path: Option<&Path>, options: ReadOptions) -> anyhow::Result<Customers> {
    match path {
        None => csv::read(CUSTOMERS, options).context("read the shipped customers"),
        Some(path) => {
            csv::read(open(path)?, options).map_err(Ending::data).with_context(|| format!("read {}", path.display()))
        }
    }
}

/// Locations of a file, or the shipped ones.
///
/// # Errors
/// The file cannot be opened or read; the message names file, line and column.
pub(crate) fn locations(path: Option<&Path>) -> anyhow::Result<Locations> {
    match path {
        None => csv::read_locations(LOCATIONS).context("read the shipped locations"),
        Some(path) => {
            csv::read_locations(open(path)?).map_err(Ending::data).with_context(|| format!("read {}", path.display()))
        }
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let file = File::open(path).map_err(Ending::data).with_context(|| format!("open {}", path.display()))?;
    Ok(Box::new(io::BufReader::new(file)))
}

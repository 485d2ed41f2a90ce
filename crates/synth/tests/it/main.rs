//! Claims about the generator, on the shipped customers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod checker;
mod condition;
mod fitting;
mod numerical;
mod privacy;
mod sampling;
mod scenario;
mod stream;

use std::sync::{Arc, LazyLock};

use churn_domain::Locations;
use churn_domain::csv::read_locations;
use churn_domain::csv::{Customers, ReadOptions, read};
use churn_synth::{FitParams, Generator};

/// The shipped customers.
static CUSTOMERS: LazyLock<Customers> = LazyLock::new(|| {
    let file: &[u8] = include_bytes!("../../../../data/telco_customer_churn.csv");
    read(file, ReadOptions::default()).unwrap()
});

/// The shipped zip codes.
static PLACES: LazyLock<Locations> = LazyLock::new(|| {
    let file: &[u8] = include_bytes!("../../../../data/california_zip_codes.csv");
    read_locations(file).unwrap()
});

static GENERATOR: LazyLock<Arc<Generator>> =
    LazyLock::new(|| Arc::new(Generator::fit(&CUSTOMERS, &PLACES, FitParams::default()).unwrap()));

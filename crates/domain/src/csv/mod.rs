//! Customers in CSV files, read and written by the feature table.
//!
//! A file has a header; columns are found by name, whatever its spelling (`phone_service`, `Phone Service`,
//! `PhoneService`), and may stand in any order. The nineteen features are required; the label, `customer_id` and the
//! location are optional. `Gender`, `Tenure Months` and `Churn Label` of IBM's header are `female`, `tenure` and `churn`;
//! its `Churn Value`, `Churn Score`, `CLTV` and `Churn Reason` leak the answer, are never read and are named in
//! [`Customers::leaking`]. Other columns are passed over and named in [`Customers::ignored`]. An empty or blank cell or
//! `NA` is a missing value.

mod cell;
mod error;
mod header;
mod ibm;
mod location;
mod read;
mod write;

pub use error::{BadValue, ReadError};
pub use ibm::IbmWriter;
pub use location::read_locations;
pub use read::{Customers, ReadOptions, UnknownCategory, read};
pub use write::{Writer, neutralise_formula};

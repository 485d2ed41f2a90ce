//! Files of customers, as they come.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod csv;
mod ibm;

//! The rows that come with the program, so that it runs from any folder and from an image without files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use churn_domain::Locations;
use churn_domain::csv::{self, Customers, ReadOptions};
use churn_runtime::exit::Ending;
use sha2::{Digest, Sha256};

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

/// The same, with the SHA-256 of the bytes that they were read from, hexadecimal: so that a model can say what it was fitted on.
///
/// # Errors
/// As [`customers`].
pub(crate) fn hashed(path: Option<&Path>, options: ReadOptions) -> anyhow::Result<(Customers, String)> {
    let (place, file): (_, Box<dyn Read>) = match path {
        None => ("the shipped customers".to_owned(), Box::new(CUSTOMERS)),
        Some(path) => (path.display().to_string(), open(path)?),
    };
    let mut hashing = Hashing { file, hasher: Sha256::new() };
    let customers = csv::read(&mut hashing, options).map_err(Ending::data).with_context(|| format!("read {place}"))?;
    // Whatever a reader may have left behind the last row is of the file as well.
    io::copy(&mut hashing, &mut io::sink()).map_err(Ending::data).with_context(|| format!("read {place}"))?;
    Ok((customers, hex(hashing.hasher)))
}

/// SHA-256 of the shipped customers' file, hexadecimal.
pub(crate) fn sha256() -> String {
    hex(Sha256::new_with_prefix(CUSTOMERS))
}

/// Where the shipped customers come from, and under which licence.
pub(crate) const SOURCE: &str =
    "data set wa_churn of the R package modeldata 1.1.0, taken from IBM Watson Analytics in September 2018";
pub(crate) const LICENCE: &str = "MIT, copyright 2019 Max Kuhn, RStudio";

/// Takes the hash of what is read.
struct Hashing {
    file: Box<dyn Read>,
    hasher: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_whole_file() {
        let sums = include_str!("../../../data/SHA256SUMS");
        let (customers, hash) = hashed(None, ReadOptions::default()).unwrap();
        assert_eq!((customers.len(), hash.as_str()), (7_043, sha256().as_str()));
        assert!(sums.contains(&format!("{hash}  telco_customer_churn.csv")), "{hash}");
    }

    #[test]
    fn source_and_licence_are_those_of_the_data() {
        let readme = include_str!("../../../data/README.md");
        for words in ["wa_churn", "version 1.1.0", "IBM Watson Analytics in September 2018", LICENCE] {
            assert!(readme.contains(words), "{words}");
        }
    }
}

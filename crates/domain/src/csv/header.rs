//! Which column of a file holds what.

use super::error::ReadError;
use crate::{FEATURE_COUNT, FEATURES, LABEL, LOCATION_FIELDS};

/// Positions of the columns that are read.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) features: [usize; FEATURE_COUNT],
    pub(super) label: Option<usize>,
    pub(super) customer_id: Option<usize>,
    pub(super) location: Option<[usize; LOCATION_FIELDS.len()]>,
    pub(super) ignored: Vec<String>,
}

impl Header {
    pub(super) fn find(names: &[&str]) -> Result<Self, ReadError> {
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(ReadError::DuplicateColumn((*twice.1).to_owned()));
        }
        let position = |wanted: &str| names.iter().position(|name| *name == wanted);
        let mut missing = Vec::new();
        let mut features = [0; FEATURE_COUNT];
        for (index, feature) in FEATURES.iter().enumerate() {
            match position(feature.name) {
                Some(at) => features[index] = at,
                None => missing.push(feature.name),
            }
        }
        let places = LOCATION_FIELDS.map(position);
        let location = match places.iter().flatten().count() {
            0 => None,
            _ => Some(std::array::from_fn(|field| {
                places[field].unwrap_or_else(|| {
                    missing.push(LOCATION_FIELDS[field]);
                    0
                })
            })),
        };
        if !missing.is_empty() {
            return Err(ReadError::MissingColumns(missing.join(", ")));
        }
        let (label, customer_id) = (position(LABEL), position("customer_id"));
        let used = |at: &usize| {
            features.contains(at)
                || location.is_some_and(|location: [usize; 5]| location.contains(at))
                || [label, customer_id].contains(&Some(*at))
        };
        let ignored = (0..names.len()).filter(|at| !used(at)).map(|at| names[at].to_owned()).collect();
        Ok(Self { features, label, customer_id, location, ignored })
    }
}

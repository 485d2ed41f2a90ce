//! Which column of a file holds what.
//!
//! The same data goes around under several headers: the shipped one, the 33 columns that IBM publishes, and the 21 of
//! older copies. They differ in spelling (`phone_service`, `Phone Service`, `PhoneService`) and in a few names, so names
//! are compared by their letters and digits, and a few have a second name.

use super::error::ReadError;
use crate::{FEATURE_COUNT, FEATURES, LABEL, LOCATION_FIELDS};

const CUSTOMER_ID: &str = "customer_id";
/// Name in other headers, our name.
const OTHER_NAMES: [(&str, &str); 3] = [("Gender", FEMALE), ("Tenure Months", "tenure"), ("Churn Label", LABEL)];
/// The feature that other headers hold as a gender.
pub(super) const FEMALE: &str = "female";
/// Columns that were computed from the label, or written down after it was known. A model that saw one of them would
/// look perfect and be useless.
const LEAKING: [&str; 4] = ["Churn Value", "Churn Score", "CLTV", "Churn Reason"];
/// The location field that not every source has.
const OPTIONAL_FIELD: &str = "county";

/// Positions of the columns that are read.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) features: [usize; FEATURE_COUNT],
    /// Whether the feature `female` stands there as a gender: Female or Male.
    pub(super) gender: bool,
    pub(super) label: Option<usize>,
    pub(super) customer_id: Option<usize>,
    pub(super) location: Option<[Option<usize>; LOCATION_FIELDS.len()]>,
    /// Positions of the columns that are passed over.
    pub(super) passed_over: Vec<usize>,
    pub(super) leaking: Vec<String>,
}

impl Header {
    pub(super) fn find(names: &[&str]) -> Result<Self, ReadError> {
        let columns = Columns::new(names)?;
        let mut missing = Vec::new();
        let mut features = [0; FEATURE_COUNT];
        for (index, feature) in FEATURES.iter().enumerate() {
            match columns.position(feature.name) {
                Some(at) => features[index] = at,
                None => missing.push(feature.name),
            }
        }
        let places = LOCATION_FIELDS.map(|field| columns.position(field));
        let location = places.iter().any(Option::is_some).then_some(places);
        if location.is_some() {
            missing.extend(lacking(&places));
        }
        if !missing.is_empty() {
            return Err(ReadError::MissingColumns(missing.join(", ")));
        }
        let (label, customer_id) = (columns.position(LABEL), columns.position(CUSTOMER_ID));
        let used = |at: &usize| {
            features.contains(at) || places.contains(&Some(*at)) || [label, customer_id].contains(&Some(*at))
        };
        let (leaking, passed_over): (Vec<usize>, Vec<usize>) = (0..names.len())
            .filter(|at| !used(at))
            .partition(|&at| LEAKING.iter().any(|leak| key(leak) == key(names[at])));
        let leaking = leaking.into_iter().map(|at| names[at].to_owned()).collect();
        let gender = columns.position(FEMALE).is_some_and(|at| key(names[at]) != FEMALE);
        Ok(Self { features, gender, label, customer_id, location, passed_over, leaking })
    }
}

/// The columns of a header by our names.
pub(super) struct Columns(Vec<String>);

impl Columns {
    /// # Errors
    /// Two columns hold the same.
    pub(super) fn new(names: &[&str]) -> Result<Self, ReadError> {
        let ours: Vec<String> = names.iter().map(|name| our_key(name)).collect();
        match (0..ours.len()).find(|&at| !ours[at].is_empty() && ours[..at].contains(&ours[at])) {
            None => Ok(Self(ours)),
            Some(at) => {
                let first = ours.iter().position(|name| *name == ours[at]).unwrap_or(at);
                Err(ReadError::DuplicateColumn(match names[first] == names[at] {
                    true => names[at].to_owned(),
                    false => format!("{} (as {} and as {})", our_name(names[at]), names[first], names[at]),
                }))
            }
        }
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        let wanted = key(name);
        self.0.iter().position(|column| *column == wanted)
    }
}

/// Fields that a location cannot do without and that are not there.
pub(super) fn lacking(places: &[Option<usize>; LOCATION_FIELDS.len()]) -> impl Iterator<Item = &'static str> {
    let field =
        |(field, at): (&'static str, &Option<usize>)| (at.is_none() && field != OPTIONAL_FIELD).then_some(field);
    LOCATION_FIELDS.into_iter().zip(places).filter_map(field)
}

/// Whether a location may lack this field's value.
pub(super) fn is_optional(field: usize) -> bool {
    LOCATION_FIELDS[field] == OPTIONAL_FIELD
}

/// A header's names as they are read: without byte-order mark and outer spaces.
pub(super) fn names(record: &csv::StringRecord) -> Vec<&str> {
    record.iter().map(|name| name.trim_start_matches('\u{feff}').trim()).collect()
}

fn our_key(name: &str) -> String {
    key(our_name(name))
}

fn our_name(name: &str) -> &str {
    OTHER_NAMES.iter().find(|(other, _)| key(other) == key(name)).map_or(name, |(_, ours)| ours)
}

/// Letters and digits of a name, in lower case.
pub(super) fn key(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

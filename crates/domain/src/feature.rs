//! The table of features: the one place where a feature's name, kind, allowed values, unit and bounds are spelled.

use thiserror::Error;

/// Name of the label's column in files: whether the customer left.
pub const LABEL: &str = "churn";

/// Number of features.
pub const FEATURE_COUNT: usize = FEATURES.len();

const YES_NO: &[&str] = &["No", "Yes"];
const PHONE_SERVICE: &[&str] = &["No", "No phone service", "Yes"];
const INTERNET_ADD_ON: &[&str] = &["No", "No internet service", "Yes"];
const INTERNET: &[&str] = &["DSL", "Fiber optic", "No"];
const CONTRACT: &[&str] = &["Month-to-month", "One year", "Two year"];
const PAYMENT: &[&str] = &["Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"];

/// What values a feature takes, and so how it is read, stored, encoded and drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Yes or no; 1 and 0 in files, `boolean` on the wire and in tables.
    Flag,
    /// One of a few known words; a string on the wire, so that a new word is scored and counted instead of refused.
    Category(&'static [&'static str]),
    /// A whole number within inclusive bounds.
    Integer {
        /// Smallest accepted value.
        min: i32,
        /// Largest accepted value.
        max: i32,
    },
    /// An amount of money in dollars with two decimals, within inclusive bounds.
    Money {
        /// Smallest accepted value.
        min: f64,
        /// Largest accepted value.
        max: f64,
    },
}

/// One feature of a customer. Every feature may be missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feature {
    /// Name in files, on the wire and in tables.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Unit of a number.
    pub unit: Option<&'static str>,
    /// What it says about the customer.
    pub about: &'static str,
}

/// A number outside the feature's bounds, or not a number the feature can take.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{feature} is {value}, expected {expected}")]
pub struct OutOfRange {
    /// The feature's name.
    pub feature: &'static str,
    /// The value found.
    pub value: f64,
    /// What would have been accepted.
    pub expected: String,
}

impl Feature {
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, unit: None, about }
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The known words of a category, empty for other kinds.
    pub fn categories(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Category(known) => known,
            _ => &[],
        }
    }

    /// Whether the feature is held as interned words rather than numbers.
    pub fn is_category(&self) -> bool {
        matches!(self.kind, Kind::Category(_))
    }

    /// What a valid value looks like, for error messages and documentation.
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Flag => "0 or 1".into(),
            Kind::Category(known) => format!("one of {}", known.join(", ")),
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Money { min, max } => format!("an amount from {min} to {max}"),
        }
    }

    /// Checks a number against the feature's kind and bounds. A category accepts no number.
    pub fn check(&self, value: f64) -> Result<f64, OutOfRange> {
        let valid = match self.kind {
            Kind::Flag => value == 0.0 || value == 1.0,
            Kind::Category(_) => false,
            Kind::Integer { min, max } => value.fract() == 0.0 && value >= f64::from(min) && value <= f64::from(max),
            Kind::Money { min, max } => value >= min && value <= max,
        };
        if valid { Ok(value) } else { Err(OutOfRange { feature: self.name, value, expected: self.expected() }) }
    }
}

/// Position of the feature of this name in [`FEATURES`].
pub fn feature_index(name: &str) -> Option<usize> {
    FEATURES.iter().position(|feature| feature.name == name)
}

/// The nineteen features, in the order of the shipped file. The bounds are sanity limits, far outside the data, beyond
/// which a value is taken for a fault of its producer.
pub const FEATURES: [Feature; 19] = [
    Feature::new("female", Kind::Flag, "the customer is a woman"),
    Feature::new("senior_citizen", Kind::Flag, "the customer is 65 or older"),
    Feature::new("partner", Kind::Flag, "the customer has a partner"),
    Feature::new("dependents", Kind::Flag, "the customer has dependents"),
    Feature::new("tenure", Kind::Integer { min: 0, max: 1_200 }, "how long the customer has stayed").unit("months"),
    Feature::new("phone_service", Kind::Flag, "the customer has a phone line"),
    Feature::new("multiple_lines", Kind::Category(PHONE_SERVICE), "whether there are several phone lines"),
    Feature::new("internet_service", Kind::Category(INTERNET), "the kind of internet access"),
    Feature::new("online_security", Kind::Category(INTERNET_ADD_ON), "the online security add-on"),
    Feature::new("online_backup", Kind::Category(INTERNET_ADD_ON), "the online backup add-on"),
    Feature::new("device_protection", Kind::Category(INTERNET_ADD_ON), "the device protection add-on"),
    Feature::new("tech_support", Kind::Category(INTERNET_ADD_ON), "the technical support add-on"),
    Feature::new("streaming_tv", Kind::Category(INTERNET_ADD_ON), "streams television"),
    Feature::new("streaming_movies", Kind::Category(INTERNET_ADD_ON), "streams films"),
    Feature::new("contract", Kind::Category(CONTRACT), "the term of the contract"),
    Feature::new("paperless_billing", Kind::Flag, "bills are sent without paper"),
    Feature::new("payment_method", Kind::Category(PAYMENT), "how the customer pays"),
    Feature::new("monthly_charges", Kind::Money { min: 0.0, max: 10_000.0 }, "what the customer pays a month")
        .unit("USD"),
    Feature::new("total_charges", Kind::Money { min: 0.0, max: 10_000_000.0 }, "what the customer has paid so far")
        .unit("USD"),
];

/// The words of the label in files, by index: 0 stayed, 1 left.
pub(crate) const LABEL_WORDS: &[&str] = YES_NO;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_names_are_unique_and_found_by_name() {
        for (index, feature) in FEATURES.iter().enumerate() {
            assert_eq!(feature_index(feature.name), Some(index));
        }
    }

    #[test]
    fn values_outside_the_bounds_are_named_with_what_was_expected() {
        let tenure = &FEATURES[feature_index("tenure").unwrap()];
        assert_eq!(tenure.check(72.0), Ok(72.0));
        for bad in [-1.0, 1.5, f64::NAN, f64::INFINITY, 1_201.0] {
            assert!(tenure.check(bad).unwrap_err().to_string().contains("a whole number from 0 to 1200"));
        }
    }
}

//! What is given, read and checked against the rules that need no copula.

use churn_domain::{FEATURE_COUNT, FEATURES, Feature, Kind, LABEL, LOCATION_FIELDS};

use super::ConditionError;
use crate::constraint::{internet_rule, phone_rule};
use crate::places::{Directory, Subset};
use crate::roles::roles;
use crate::row::{Row, cents};

/// Rule that joins tenure and total charges.
const TOTAL_RULE: &str = "total_charges is missing exactly where tenure is 0";

/// The given columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fixed {
    /// Codes of flags and categories, by feature.
    pub(super) codes: [Option<u16>; FEATURE_COUNT],
    pub(super) tenure: Option<u16>,
    /// Cents a month.
    pub(super) monthly: Option<i64>,
    /// Cents so far.
    pub(super) total: Option<i64>,
    pub(super) churned: Option<bool>,
    /// Fields of the location, in the order of [`LOCATION_FIELDS`].
    location: [Option<String>; LOCATION_FIELDS.len()],
}

impl Fixed {
    pub(super) fn parse(conditions: &[(&str, &str)]) -> Result<Self, ConditionError> {
        let mut fixed = Self::default();
        for (at, &(column, value)) in conditions.iter().enumerate() {
            if conditions[..at].iter().any(|(earlier, _)| *earlier == column) {
                return Err(ConditionError::Twice(column.into()));
            }
            fixed.set(column, value)?;
        }
        let rules = [phone_rule(), internet_rule()];
        if let Some(broken) = rules.into_iter().find_map(|rule| rule.contradiction(&fixed.codes)) {
            return Err(ConditionError::Impossible(broken));
        }
        match (fixed.tenure, fixed.total, conditions.iter().any(|(column, value)| is_missing_total(column, value))) {
            (Some(0), Some(_), _) => Err(ConditionError::Impossible(TOTAL_RULE.into())),
            (Some(tenure), _, true) if tenure > 0 => Err(ConditionError::Impossible(TOTAL_RULE.into())),
            (_, _, true) => Ok(Self { tenure: Some(0), ..fixed }),
            _ => Ok(fixed),
        }
    }

    fn set(&mut self, column: &str, value: &str) -> Result<(), ConditionError> {
        let bad = |expected: String| ConditionError::BadValue { column: column.into(), value: value.into(), expected };
        if let Some(field) = LOCATION_FIELDS.iter().position(|field| *field == column) {
            self.location[field] = Some(value.to_owned());
            return Ok(());
        }
        if column == LABEL {
            self.churned = Some(flag(value).ok_or_else(|| bad("Yes or No".into()))? == 1);
            return Ok(());
        }
        let Some(index) = churn_domain::feature_index(column) else {
            let names = FEATURES.iter().map(|feature| feature.name);
            let known: Vec<&str> = std::iter::once(LABEL).chain(names).chain(LOCATION_FIELDS).collect();
            return Err(ConditionError::UnknownColumn { name: column.into(), known: known.join(", ") });
        };
        let (roles, feature) = (roles(), &FEATURES[index]);
        if is_missing_total(column, value) {
            return Ok(());
        }
        match feature.kind {
            Kind::Flag | Kind::Category(_) => {
                self.codes[index] = Some(code(feature, value).ok_or_else(|| bad(feature.expected()))?);
            }
            Kind::Integer { .. } | Kind::Money { .. } => {
                let number = value.parse().ok().and_then(|number: f64| feature.check(number).ok());
                let number = number.ok_or_else(|| bad(feature.expected()))?;
                match index {
                    at if at == roles.tenure => self.tenure = Some(number as u16),
                    at if at == roles.monthly => self.monthly = cents(number),
                    _ => self.total = cents(number),
                }
            }
        }
        Ok(())
    }

    /// The places that are given, none where none is.
    pub(super) fn places(&self, directory: &Directory) -> Result<Option<Subset>, ConditionError> {
        if self.location.iter().all(Option::is_none) {
            return Ok(None);
        }
        let subset = directory.subset(|texts, degrees| {
            let texts = self.location[..3].iter().zip(texts).all(|(wanted, found)| match wanted {
                Some(wanted) => found == Some(wanted.as_str()),
                None => true,
            });
            let near = |(wanted, found): (&Option<String>, f64)| match wanted {
                Some(wanted) => wanted.parse() == Ok(found),
                None => true,
            };
            texts && self.location[3..].iter().zip(degrees).all(near)
        });
        let given = LOCATION_FIELDS.iter().zip(&self.location);
        let given = given.filter_map(|(field, value)| value.as_ref().map(|value| format!("{field} {value}")));
        let named = given.collect::<Vec<_>>().join(", ");
        subset.map(Some).ok_or_else(|| {
            ConditionError::Impossible(format!("a location is one of the known places, and none has {named}"))
        })
    }

    /// Puts the given values into a row that was drawn for them: what rounding may have moved by a last digit.
    pub(super) fn restore(&self, row: &mut Row) {
        for (code, fixed) in row.codes.iter_mut().zip(self.codes) {
            *code = fixed.unwrap_or(*code);
        }
        row.tenure = self.tenure.unwrap_or(row.tenure);
        row.monthly = self.monthly.unwrap_or(row.monthly);
        row.total = self.total.or(row.total);
    }
}

fn is_missing_total(column: &str, value: &str) -> bool {
    column == FEATURES[roles().total].name && value.is_empty()
}

fn code(feature: &Feature, value: &str) -> Option<u16> {
    if feature.kind == Kind::Flag {
        return flag(value);
    }
    let place = feature.categories().iter().position(|word| word.eq_ignore_ascii_case(value))?;
    u16::try_from(place).ok()
}

fn flag(value: &str) -> Option<u16> {
    match value {
        "1" => Some(1),
        "0" => Some(0),
        _ if value.eq_ignore_ascii_case("yes") => Some(1),
        _ if value.eq_ignore_ascii_case("no") => Some(0),
        _ => None,
    }
}

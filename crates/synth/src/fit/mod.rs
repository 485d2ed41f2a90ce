//! Fitting: from real customers to a [`Fitted`].

mod order;
mod strata;

pub(crate) use strata::columns;

use churn_domain::csv::Customers;
use churn_domain::{Column, FEATURES, Locations};

use crate::constraint::{Bounds, Price, Tick, TotalRule, internet_rule, phone_rule};
use crate::error::FitError;
use crate::fitted::{Bundle, FORMAT, FeatureSpec, FitSummary, Fitted, GENERATOR_VERSION};
use crate::outcome::Outcome;
use crate::places::Places;
use crate::roles::roles;
use crate::row::Row;
use crate::stream::MOST_MONTHS;

/// How to fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitParams {
    /// Fewest usable rows. With fewer, correlations of seventeen columns are mostly noise, and single customers show
    /// through.
    pub min_rows: usize,
    /// Largest share of rows that may be left out as unusable before the fit fails, from 0 to 1.
    pub max_left_out: f64,
}

impl Default for FitParams {
    fn default() -> Self {
        Self { min_rows: 100, max_left_out: 0.05 }
    }
}

pub(crate) fn fit(customers: &Customers, places: &Locations, params: FitParams) -> Result<Fitted, FitError> {
    check_shape(customers, params)?;
    let Some(label) = &customers.label else { return Err(FitError::NoLabel) };
    let (rows, mut summary) = usable_rows(customers, label, params)?;
    let places = known_places(customers, places, &mut summary)?;
    summary.constant_columns = constant_columns(&rows);
    let bundles = bundles(&rows)?;
    let total = TotalRule::fit(&rows);
    let max_tenure = rows.iter().map(|row| row.tenure).max().unwrap_or_default();
    let outcome = Outcome::fit(&rows).ok_or(FitError::Numerical("probability of churn"))?;
    let may_return: Vec<Row> = rows.iter().filter(|row| !row.churned && row.tenure < max_tenure).copied().collect();
    Ok(Fitted {
        format: FORMAT,
        version: GENERATOR_VERSION.into(),
        features: FeatureSpec::all(),
        strata: strata::fit(&rows, &bundles, &total)?,
        bundles,
        total,
        max_tenure,
        may_return: may_return.len() as f64 / rows.len() as f64,
        may_return_again: share_returning_again(&may_return, max_tenure, &outcome),
        outcome,
        places,
        summary,
        constants: customers.constants.clone(),
    })
}

/// Share of returning customers who stay and can still grow, everything but their tenure being as before.
fn share_returning_again(rows: &[Row], max_tenure: u16, outcome: &Outcome) -> f64 {
    let later = |row: &Row, months: u16| Row { tenure: (row.tenure + months).min(max_tenure), ..*row };
    let stays = |row: &Row| if row.tenure < max_tenure { 1.0 - outcome.probability(row) } else { 0.0 };
    let of =
        |row: &Row| (1..=MOST_MONTHS).map(|months| stays(&later(row, months))).sum::<f64>() / f64::from(MOST_MONTHS);
    rows.iter().map(of).sum::<f64>() / rows.len().max(1) as f64
}

fn check_shape(customers: &Customers, params: FitParams) -> Result<(), FitError> {
    let rows = customers.len();
    if rows == 0 {
        return Err(FitError::Empty { needed: params.min_rows });
    }
    let label = customers.label.as_ref().map(|label| (churn_domain::LABEL, label.len()));
    let location = customers.location.as_ref().map(|location| ("zip_code", location.len()));
    let lengths =
        FEATURES.iter().zip(customers.features.columns()).map(|(feature, column)| (feature.name, column.len()));
    for (column, found) in lengths.chain(label).chain(location) {
        if found != rows {
            return Err(FitError::Ragged { column: column.into(), found, rows });
        }
    }
    for (feature, column) in FEATURES.iter().zip(customers.features.columns()) {
        if let Column::Number(values) = column
            && let Some(row) = values.iter().position(|value| value.is_infinite())
        {
            return Err(FitError::Infinite { column: feature.name.into(), place: place(customers, row) });
        }
    }
    Ok(())
}

/// Where a row stands, for messages: the line of the file where it is known.
fn place(customers: &Customers, row: usize) -> String {
    match customers.lines.get(row) {
        Some(line) => format!("line {line}"),
        None => format!("row {}", row + 1),
    }
}

fn usable_rows(customers: &Customers, label: &[bool], params: FitParams) -> Result<(Vec<Row>, FitSummary), FitError> {
    let mut rows = Vec::with_capacity(label.len());
    let mut summary = FitSummary::default();
    for (row, &churned) in label.iter().enumerate() {
        match usable(customers, row, churned) {
            Ok(usable) => rows.push(usable),
            Err(reason) => {
                summary.left_out += 1;
                summary.first_left_out.get_or_insert_with(|| format!("{}: {reason}", place(customers, row)));
            }
        }
    }
    if summary.left_out as f64 > params.max_left_out * label.len() as f64 {
        let first = summary.first_left_out.unwrap_or_default();
        return Err(FitError::UnusableRows { left_out: summary.left_out, rows: label.len(), first });
    }
    if rows.len() < params.min_rows.max(2) {
        return Err(FitError::TooFewRows { rows: rows.len(), needed: params.min_rows.max(2) });
    }
    summary.rows = rows.len();
    summary.churn_rate = rows.iter().filter(|row| row.churned).count() as f64 / rows.len() as f64;
    Ok((rows, summary))
}

fn usable(customers: &Customers, row: usize, churned: bool) -> Result<Row, String> {
    let read = Row::read(&customers.features, row, churned)
        .map_err(|feature| format!("{} is missing or not {}", FEATURES[feature].name, FEATURES[feature].expected()))?;
    phone_rule().transform(&read.codes)?;
    internet_rule().transform(&read.codes)?;
    TotalRule::check(&read)?;
    Ok(read)
}

fn known_places(customers: &Customers, list: &Locations, summary: &mut FitSummary) -> Result<Places, FitError> {
    let (own, incomplete) = customers.location.as_ref().map(Places::of).unwrap_or_default();
    summary.places_from_data = own.len() > 0;
    let (places, incomplete_in_list) = if summary.places_from_data { (own, 0) } else { Places::of(list) };
    summary.places = places.len();
    summary.incomplete_places = incomplete + incomplete_in_list;
    if places.len() == 0 { Err(FitError::NoLocations) } else { Ok(places) }
}

fn constant_columns(rows: &[Row]) -> Vec<String> {
    let roles = roles();
    let value = |row: &Row, feature: usize| match feature {
        at if at == roles.tenure => i64::from(row.tenure),
        at if at == roles.monthly => row.monthly,
        at if at == roles.total => row.total.unwrap_or(-1),
        at => i64::from(row.codes[at]),
    };
    let constant =
        |feature: usize| Bounds::around(rows.iter().map(|row| value(row, feature))).is_some_and(|b| b.min == b.max);
    let label = Bounds::around(rows.iter().map(|row| row.churned)).filter(|bounds| bounds.min == bounds.max);
    let features = (0..FEATURES.len()).filter(|&feature| constant(feature)).map(|feature| FEATURES[feature].name);
    features.chain(label.map(|_| churn_domain::LABEL)).map(Into::into).collect()
}

fn bundles(rows: &[Row]) -> Result<Vec<Bundle>, FitError> {
    let roles = roles();
    let tick = Tick::of(&rows.iter().map(|row| row.monthly).collect::<Vec<_>>());
    let of = |row: &Row| (row.codes[roles.phone], row.codes[roles.internet]);
    let mut seen: Vec<(u16, u16)> = rows.iter().map(of).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter()
        .map(|(phone, internet)| {
            let members: Vec<Row> = rows.iter().filter(|row| of(row) == (phone, internet)).copied().collect();
            let price = Price::fit(&members, tick).ok_or(FitError::Numerical("price list"))?;
            Ok(Bundle { phone, internet, price })
        })
        .collect()
}

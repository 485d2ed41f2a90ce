//! Golden rows: customers with the probability they had when the model was trained, scored again on every load.

use std::collections::BTreeMap;

use churn_domain::{Column, FEATURES, Table, feature_index};
use serde::{Deserialize, Serialize};

use crate::{ArtifactError, ScoringModel};

/// Largest accepted difference. Not 0: the exponential function of another platform's C library may round otherwise in the
/// last of its 53 bits; anything that is really different is larger by orders of magnitude.
const TOLERANCE: f64 = 1e-12;
/// Golden rows taken from the training customers.
const TAKEN: usize = 6;

/// One customer and the probability that the model gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoldenRow {
    /// The features by name; a missing one is null.
    pub features: BTreeMap<String, Option<GoldenValue>>,
    /// Probability of leaving.
    pub probability: f64,
}

/// A feature's value as it stands in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GoldenValue {
    /// A number; a flag is 0 or 1.
    Number(f64),
    /// A category's word.
    Word(String),
}

/// A few of the customers, spread over the table, then one of whom nothing is known, then one whose every category is a
/// word that no model knows.
pub(crate) fn choose(model: &ScoringModel, customers: &Table) -> Vec<GoldenRow> {
    let taken = (0..TAKEN).map(|nth| nth * customers.len() / TAKEN);
    let mut table = customers.select(taken);
    for word in [None, Some("(golden)")] {
        for column in table.columns_mut() {
            match (column, word) {
                (Column::Category(words), word) => words.push(word),
                (Column::Number(values), None) => values.push(f64::NAN),
                (Column::Number(values), Some(_)) => values.push(values[0]),
            }
        }
    }
    let probability = model.predict_all(&table);
    probability
        .iter()
        .enumerate()
        .map(|(row, &probability)| GoldenRow { features: read(&table, row), probability })
        .collect()
}

/// Scores the golden rows.
///
/// # Errors
/// [`ArtifactError::Golden`] names the first row that scores differently; [`ArtifactError::Invalid`] a row that is none.
pub(crate) fn verify(model: &ScoringModel, golden: &[GoldenRow]) -> Result<(), ArtifactError> {
    let invalid = |problem| ArtifactError::Invalid { file: "golden.json".to_owned(), problem };
    let mut table = Table::default();
    for (at, row) in golden.iter().enumerate() {
        write(&mut table, &row.features).map_err(|problem| invalid(format!("row {at}: {problem}")))?;
    }
    if golden.is_empty() {
        return Err(invalid("it has no rows".into()));
    }
    for (row, (golden, found)) in golden.iter().zip(model.predict_all(&table)).enumerate() {
        let expected = golden.probability;
        let agrees = (expected - found).abs() <= TOLERANCE;
        if !agrees {
            return Err(ArtifactError::Golden { row, expected, found });
        }
    }
    Ok(())
}

fn read(table: &Table, row: usize) -> BTreeMap<String, Option<GoldenValue>> {
    let value = |column: &Column| match column {
        Column::Category(words) => words.get(row).map(|word| GoldenValue::Word(word.to_owned())),
        Column::Number(values) => Some(values[row]).filter(|value| value.is_finite()).map(GoldenValue::Number),
    };
    FEATURES.iter().zip(table.columns()).map(|(feature, column)| (feature.name.to_owned(), value(column))).collect()
}

fn write(table: &mut Table, features: &BTreeMap<String, Option<GoldenValue>>) -> Result<(), String> {
    if let Some(unknown) = features.keys().find(|name| feature_index(name).is_none()) {
        return Err(format!("this program has no feature {unknown:?}"));
    }
    for (feature, column) in FEATURES.iter().zip(table.columns_mut()) {
        match (features.get(feature.name).and_then(Option::as_ref), column) {
            (None, column) => column.push_missing(),
            (Some(GoldenValue::Word(word)), Column::Category(words)) => words.push(Some(word)),
            (Some(GoldenValue::Number(value)), Column::Number(values)) => values.push(*value),
            _ => return Err(format!("{} is of the wrong type", feature.name)),
        }
    }
    Ok(())
}

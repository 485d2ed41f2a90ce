//! The order in which a category's words lie along its latent normal number.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::constraint::{internet_rule, phone_rule};
use crate::roles::{cardinality, roles, yes};
use crate::row::Row;

/// Orders every flag's and category's drawable codes. Two codes keep their order; more are put along the direction in
/// which the categories' customers differ most (the first axis of a correspondence analysis), because one latent number
/// can follow one direction only.
pub(crate) fn orders(rows: &[Row]) -> Vec<Vec<u16>> {
    let traits = traits(rows);
    (0..churn_domain::FEATURE_COUNT).map(|feature| order(feature, rows, &traits)).collect()
}

fn order(feature: usize, rows: &[Row], traits: &[Vec<f64>]) -> Vec<u16> {
    let drawable = |code: &u16| phone_rule().may_draw(feature, *code) && internet_rule().may_draw(feature, *code);
    let mut codes: Vec<u16> = (0..cardinality(feature) as u16).filter(drawable).collect();
    if codes.len() > 2 {
        let axis = first_axis(feature, rows, traits);
        codes.sort_by(|&left, &right| axis[usize::from(left)].total_cmp(&axis[usize::from(right)]));
    }
    codes
}

/// Position of each code on the axis.
fn first_axis(feature: usize, rows: &[Row], traits: &[Vec<f64>]) -> Vec<f64> {
    let codes = cardinality(feature);
    let mut counts = vec![0.0; codes];
    rows.iter().for_each(|row| counts[usize::from(row.codes[feature])] += 1.0);
    let mut deviations = DMatrix::<f64>::zeros(codes, traits.len());
    for (column, values) in traits.iter().enumerate() {
        for (row, value) in rows.iter().zip(values) {
            deviations[(usize::from(row.codes[feature]), column)] += value;
        }
    }
    for (code, &count) in counts.iter().enumerate() {
        let scale = if count > 0.0 { 1.0 / f64::sqrt(count) } else { 0.0 };
        deviations.row_mut(code).scale_mut(scale);
    }
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(&deviations * deviations.transpose());
    let first = eigenvalues.imax();
    (0..codes).map(|code| eigenvectors[(code, first)] / f64::sqrt(counts[code].max(1.0))).collect()
}

/// What customers are compared by: label, tenure, charges, and every yes, each with mean 0 and variance 1.
fn traits(rows: &[Row]) -> Vec<Vec<f64>> {
    let roles = roles();
    let mut traits: Vec<Vec<f64>> = vec![
        rows.iter().map(|row| f64::from(u8::from(row.churned))).collect(),
        rows.iter().map(|row| f64::from(row.tenure)).collect(),
        rows.iter().map(|row| row.monthly as f64).collect(),
        rows.iter().map(|row| f64::from(u8::from(row.codes[roles.internet] == roles.no_internet))).collect(),
    ];
    let flags = (0..churn_domain::FEATURE_COUNT).filter(|&feature| cardinality(feature) == 2).map(|flag| (flag, 1));
    for (feature, code) in flags.chain(roles.extras().map(|extra| (extra, yes(extra)))) {
        traits.push(rows.iter().map(|row| f64::from(u8::from(row.codes[feature] == code))).collect());
    }
    traits.iter_mut().for_each(|values| standardise(values));
    traits
}

fn standardise(values: &mut [f64]) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter_mut().for_each(|value| *value -= mean);
    let deviation = (values.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
    if deviation > 0.0 {
        values.iter_mut().for_each(|value| *value /= deviation);
    }
}

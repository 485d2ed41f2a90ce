//! One Gaussian copula for each bundle of services and each label.
//!
//! Within a stratum no rule couples the columns any more, so a latent normal number each is enough; across strata every
//! dependence on the services and on the label is kept as it is. Small strata borrow from their bundle, and that from
//! all customers.

use churn_domain::{FEATURE_COUNT, FEATURES};
use nalgebra::DMatrix;

use super::order::orders;
use crate::constraint::{TotalRule, internet_rule, phone_rule};
use crate::correlation::project;
use crate::error::FitError;
use crate::fitted::{Bundle, Stratum};
use crate::marginal::Marginal;
use crate::polychoric::Counts;
use crate::roles::roles;
use crate::row::Row;

/// Rows of evidence that the wider group gives to a frequency. More would blur small strata, fewer would let a single
/// customer of a tiny one show through.
const BORROWED_ROWS: f64 = 5.0;
/// Rows of evidence that all strata together give to a correlation. Strata have hundreds to some thousands of rows, so
/// their own correlations count for little; otherwise single customers of the training half show through. DCR overfitting
/// protection is .978 in the mean and .960 at the least (both halves of ten splits, `tests/numerical/measure_overfitting.py`).
const BORROWED_PAIRS: f64 = 3_000.0;
/// Rows below which a smooth marginal is that of all customers.
const SMOOTH_ROWS: usize = 30;
/// Groups into which a number is cut for estimating correlations; more cost time and gain nothing.
const GROUPS: usize = 8;

/// The customers of one stratum.
struct Group<'a> {
    bundle: usize,
    churned: bool,
    rows: Vec<&'a Row>,
    columns: Vec<usize>,
}

pub(crate) fn fit(rows: &[Row], bundles: &[Bundle], total: &TotalRule) -> Result<Vec<Stratum>, FitError> {
    let fitting = Fitting { orders: orders(rows), rows, bundles, total };
    let groups = groups(rows, bundles);
    let pairs: Vec<Pairs> = groups.iter().map(|group| fitting.correlations(group)).collect();
    let pooled = pool(&pairs);
    groups.iter().zip(&pairs).map(|(group, pairs)| fitting.stratum(group, pairs, &pooled)).collect()
}

fn groups<'a>(rows: &'a [Row], bundles: &[Bundle]) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    for (index, bundle) in bundles.iter().enumerate() {
        for churned in [false, true] {
            let members: Vec<&Row> = rows.iter().filter(|row| bundle.has(row) && row.churned == churned).collect();
            if !members.is_empty() {
                groups.push(Group { bundle: index, churned, rows: members, columns: columns(bundle) });
            }
        }
    }
    groups
}

/// Features that are free in a bundle, in latent order.
pub(crate) fn columns(bundle: &Bundle) -> Vec<usize> {
    let roles = roles();
    let mut codes = roles.free.clone();
    codes.extend(phone_rule().free(bundle.phone));
    codes.extend(internet_rule().free(bundle.internet));
    codes.extend([roles.tenure, roles.monthly, roles.total]);
    codes
}

impl Bundle {
    fn has(&self, row: &Row) -> bool {
        let roles = roles();
        (row.codes[roles.phone], row.codes[roles.internet]) == (self.phone, self.internet)
    }
}

/// Estimated correlations by pair of features, with the rows that each rests on.
type Pairs = Vec<(usize, usize, f64, f64)>;

struct Fitting<'a> {
    rows: &'a [Row],
    bundles: &'a [Bundle],
    total: &'a TotalRule,
    orders: Vec<Vec<u16>>,
}

impl Fitting<'_> {
    fn correlations(&self, group: &Group<'_>) -> Pairs {
        let grouped: Vec<Grouped> = group.columns.iter().map(|&feature| self.grouped(group, feature)).collect();
        let mut pairs = Pairs::new();
        for (i, left) in grouped.iter().enumerate() {
            for (j, right) in grouped.iter().enumerate().take(i) {
                let mut counts = Counts::new(left.groups, right.groups);
                for (left, right) in left.of.iter().zip(&right.of) {
                    if let (Some(left), Some(right)) = (left, right) {
                        counts.add(*left, *right);
                    }
                }
                if let Some(correlation) = counts.correlation() {
                    pairs.push((group.columns[i], group.columns[j], correlation, counts.total()));
                }
            }
        }
        pairs
    }

    fn grouped(&self, group: &Group<'_>, feature: usize) -> Grouped {
        let roles = roles();
        let price = &self.bundles[group.bundle].price;
        if feature == roles.tenure {
            Grouped::numbers(group.rows.iter().map(|row| Some(f64::from(row.tenure))))
        } else if feature == roles.monthly {
            Grouped::numbers(group.rows.iter().map(|row| Some(price.transform(row))))
        } else if feature == roles.total {
            Grouped::numbers(group.rows.iter().map(|row| self.total.transform(row)))
        } else {
            let order = &self.orders[feature];
            let of = group.rows.iter().map(|row| order.iter().position(|code| *code == row.codes[feature])).collect();
            Grouped { of, groups: order.len() }
        }
    }

    fn stratum(&self, group: &Group<'_>, pairs: &Pairs, pooled: &Pooled) -> Result<Stratum, FitError> {
        let position = |feature: usize| group.columns.iter().position(|&column| column == feature);
        let size = group.columns.len();
        let mut matrix =
            DMatrix::from_fn(
                size,
                size,
                |i, j| {
                    if i == j { 1.0 } else { pooled.value(group.columns[i], group.columns[j]) }
                },
            );
        for &(left, right, correlation, rows) in pairs {
            if let (Some(i), Some(j)) = (position(left), position(right)) {
                let shrunk = (rows * correlation + BORROWED_PAIRS * matrix[(i, j)]) / (rows + BORROWED_PAIRS);
                matrix[(i, j)] = shrunk;
                matrix[(j, i)] = shrunk;
            }
        }
        let matrix = project(&matrix).ok_or(FitError::Numerical("correlation"))?;
        Ok(Stratum {
            bundle: group.bundle,
            churned: group.churned,
            weight: group.rows.len() as f64,
            columns: group.columns.iter().map(|&feature| FEATURES[feature].name.into()).collect(),
            marginals: group.columns.iter().map(|&feature| self.marginal(group, feature)).collect(),
            correlation: matrix.row_iter().map(|row| row.iter().copied().collect()).collect(),
        })
    }

    fn marginal(&self, group: &Group<'_>, feature: usize) -> Marginal {
        let roles = roles();
        let (mine, all) = (self.bundles[group.bundle].clone(), self.rows);
        let members = || all.iter().filter(|row| mine.has(row));
        if feature == roles.monthly {
            let remainder =
                |row: &Row| self.bundles.iter().find(|bundle| bundle.has(row)).map(|b| b.price.transform(row));
            return smooth(members().filter_map(remainder), all.iter().filter_map(remainder));
        }
        if feature == roles.total {
            let deviation = |row: &Row| self.total.transform(row);
            return smooth(members().filter_map(deviation), all.iter().filter_map(deviation));
        }
        let months: Vec<u16> = (0..=all.iter().map(|row| row.tenure).max().unwrap_or_default()).collect();
        let values = if feature == roles.tenure { &months } else { &self.orders[feature] };
        let value = |row: &Row| if feature == roles.tenure { row.tenure } else { row.codes[feature] };
        let everyone = borrow(counts(values, all.iter().map(value)), &vec![0.0; values.len()]);
        let bundle = borrow(counts(values, members().map(value)), &everyone);
        let mut stratum = borrow(counts(values, group.rows.iter().map(|row| value(row))), &bundle);
        // What nobody of this label has, such as leaving before the first month, is not borrowed from the other label.
        let alike = counts(values, all.iter().filter(|row| row.churned == group.churned).map(value));
        stratum.iter_mut().zip(&alike).filter(|(_, seen)| **seen == 0.0).for_each(|(weight, _)| *weight = 0.0);
        Marginal::steps(values, &stratum)
    }
}

fn smooth(own: impl Iterator<Item = f64>, all: impl Iterator<Item = f64>) -> Marginal {
    let own: Vec<f64> = own.collect();
    Marginal::smooth(if own.len() < SMOOTH_ROWS { all.collect() } else { own })
}

fn counts(values: &[u16], found: impl Iterator<Item = u16>) -> Vec<f64> {
    let mut counts = vec![0.0; values.len()];
    for value in found {
        if let Some(place) = values.iter().position(|candidate| *candidate == value) {
            counts[place] += 1.0;
        }
    }
    counts
}

/// Adds the wider group's evidence to counts.
fn borrow(mut counts: Vec<f64>, wider: &[f64]) -> Vec<f64> {
    let total: f64 = wider.iter().sum();
    if total > 0.0 {
        counts.iter_mut().zip(wider).for_each(|(count, wider)| *count += BORROWED_ROWS * wider / total);
    }
    counts
}

/// A column cut into few groups, none where it has no value.
struct Grouped {
    of: Vec<Option<usize>>,
    groups: usize,
}

impl Grouped {
    /// Groups of about equally many values; equal values share a group.
    fn numbers(values: impl Iterator<Item = Option<f64>>) -> Self {
        let values: Vec<Option<f64>> = values.collect();
        let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> =
            (1..GROUPS).filter_map(|edge| sorted.get(edge * sorted.len() / GROUPS)).copied().collect();
        edges.dedup();
        let of = values.iter().map(|value| value.map(|value| edges.partition_point(|edge| *edge <= value))).collect();
        Self { of, groups: edges.len() + 1 }
    }
}

/// Correlations averaged over all strata, 0 where there is none.
struct Pooled(Vec<(f64, f64)>);

impl Pooled {
    fn value(&self, left: usize, right: usize) -> f64 {
        let (sum, rows) = self.0[left * FEATURE_COUNT + right];
        if rows > 0.0 { sum / rows } else { 0.0 }
    }
}

fn pool(strata: &[Pairs]) -> Pooled {
    let mut pooled = vec![(0.0, 0.0); FEATURE_COUNT * FEATURE_COUNT];
    for &(left, right, correlation, rows) in strata.iter().flatten() {
        for cell in [left * FEATURE_COUNT + right, right * FEATURE_COUNT + left] {
            pooled[cell].0 += rows * correlation;
            pooled[cell].1 += rows;
        }
    }
    Pooled(pooled)
}

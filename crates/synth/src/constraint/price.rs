//! Monthly charges follow the services: a base price of the bundle, a price of each extra, and a remainder.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::{Bounds, Tick};
use crate::roles::{roles, yes};
use crate::row::Row;

/// The price list of one bundle (a kind of internet with or without phone), by least squares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Price {
    /// Cents of the bundle alone.
    base: f64,
    /// Cents of each extra, in the order of `Roles::extras`.
    extras: Vec<f64>,
    /// Real monthly charges in cents, without and with several lines, the extra that moves the range most.
    bounds: [Bounds<i64>; 2],
    /// Real remainders in cents.
    remainder: Bounds<f64>,
    tick: Tick,
}

impl Price {
    /// Keeps the normal equations solvable where an extra never varies; too small to move a price by a cent.
    const RIDGE: f64 = 1e-6;

    /// How much worse, as a factor of the squared error, a list of whole dollars may fit and still be taken for the
    /// real one.
    const ROUND_PRICES: f64 = 1.02;

    /// Fits the price list of the rows of one bundle; none when there is no row.
    pub(crate) fn fit(rows: &[Row], tick: Tick) -> Option<Self> {
        let whole = Bounds::around(rows.iter().map(|row| row.monthly))?;
        let bounds = [false, true].map(|lines| {
            Bounds::around(rows.iter().filter(|row| has_lines(row) == lines).map(|row| row.monthly)).unwrap_or(whole)
        });
        let (base, extras) = least_squares(rows)?;
        let exact = Self { base, extras, bounds, remainder: Bounds { min: 0.0, max: 0.0 }, tick };
        let whole_dollars = |cents: &f64| (cents / 100.0).round() * 100.0;
        let round = Self {
            base: whole_dollars(&exact.base),
            extras: exact.extras.iter().map(whole_dollars).collect(),
            ..exact.clone()
        };
        let error = |price: &Self| rows.iter().map(|row| price.transform(row).powi(2)).sum::<f64>();
        let mut price = if error(&round) <= Self::ROUND_PRICES * error(&exact) { round } else { exact };
        price.remainder = Bounds::around(rows.iter().map(|row| price.transform(row)))?;
        Some(price)
    }

    /// What the list asks for the row's services, in cents.
    pub(crate) fn list(&self, row: &Row) -> f64 {
        self.base + taken(row).map(|extra| self.extras[extra]).sum::<f64>()
    }

    /// What the row pays beyond the list, in cents.
    pub(crate) fn transform(&self, row: &Row) -> f64 {
        row.monthly as f64 - self.list(row)
    }

    /// The monthly charge of the row's services and a remainder, within the real bounds.
    pub(crate) fn reverse(&self, row: &Row, remainder: f64) -> i64 {
        let list = self.list(row);
        let range = self.bounds[usize::from(has_lines(row))];
        let near = Bounds {
            min: range.min.max((list + self.remainder.min).ceil() as i64),
            max: range.max.min((list + self.remainder.max).floor() as i64),
        };
        self.tick.round_within(list + remainder, if near.min <= near.max { near } else { range })
    }

    /// The real monthly charges of the bundle, cents.
    pub(crate) fn range(&self) -> Bounds<i64> {
        let [without, with] = self.bounds;
        Bounds { min: without.min.min(with.min), max: without.max.max(with.max) }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.extras.len() == roles().extras().count()
            && self.extras.iter().chain([&self.base]).all(|price| price.is_finite())
            && self.bounds.iter().all(|bounds| bounds.min <= bounds.max)
            && self.remainder.is_sound()
            && self.tick.0 > 0
    }
}

/// Bundle price and price of each extra in cents, by least squares.
fn least_squares(rows: &[Row]) -> Option<(f64, Vec<f64>)> {
    let width = 1 + roles().extras().count();
    let mut normal = DMatrix::<f64>::identity(width, width) * Price::RIDGE;
    let mut moments = DVector::<f64>::zeros(width);
    for row in rows {
        let taken: Vec<usize> = std::iter::once(0).chain(taken(row).map(|extra| extra + 1)).collect();
        for &i in &taken {
            moments[i] += row.monthly as f64;
            taken.iter().for_each(|&j| normal[(i, j)] += 1.0);
        }
    }
    let prices = normal.cholesky()?.solve(&moments);
    Some((prices[0], prices.iter().skip(1).copied().collect()))
}

fn has_lines(row: &Row) -> bool {
    let lines = roles().lines;
    row.codes[lines] == yes(lines)
}

/// Places, in the order of `Roles::extras`, of the extras that the row takes.
fn taken(row: &Row) -> impl Iterator<Item = usize> + '_ {
    roles().extras().enumerate().filter(|&(_, feature)| row.codes[feature] == yes(feature)).map(|(extra, _)| extra)
}

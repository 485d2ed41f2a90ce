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
    /// Real monthly charges, cents.
    pub(crate) bounds: Bounds<i64>,
    tick: Tick,
}

impl Price {
    /// Keeps the normal equations solvable where an extra never varies; too small to move a price by a cent.
    const RIDGE: f64 = 1e-6;

    /// Fits the price list of the rows of one bundle; none when there is no row.
    pub(crate) fn fit(rows: &[Row], tick: Tick) -> Option<Self> {
        let bounds = Bounds::around(rows.iter().map(|row| row.monthly))?;
        let width = 1 + roles().extras().count();
        let mut normal = DMatrix::<f64>::identity(width, width) * Self::RIDGE;
        let mut moments = DVector::<f64>::zeros(width);
        for row in rows {
            let taken: Vec<usize> = std::iter::once(0).chain(taken(row).map(|extra| extra + 1)).collect();
            for &i in &taken {
                moments[i] += row.monthly as f64;
                taken.iter().for_each(|&j| normal[(i, j)] += 1.0);
            }
        }
        let prices = normal.cholesky()?.solve(&moments);
        Some(Self { base: prices[0], extras: prices.iter().skip(1).copied().collect(), bounds, tick })
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
        self.tick.round_within(self.list(row) + remainder, self.bounds)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.extras.len() == roles().extras().count()
            && self.extras.iter().chain([&self.base]).all(|price| price.is_finite())
            && self.bounds.min <= self.bounds.max
            && self.tick.0 > 0
    }
}

/// Places, in the order of `Roles::extras`, of the extras that the row takes.
fn taken(row: &Row) -> impl Iterator<Item = usize> + '_ {
    roles().extras().enumerate().filter(|&(_, feature)| row.codes[feature] == yes(feature)).map(|(extra, _)| extra)
}

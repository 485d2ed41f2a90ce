//! One way in which what is given can come about: a stratum, and a stretch of the latent normal number of each given
//! column.

use std::sync::Arc;

use churn_domain::FEATURE_COUNT;
use nalgebra::DMatrix;

use super::ConditionError;
use super::fixed::Fixed;
use super::plan::{Plan, Step, plans};
use crate::fitted::Fitted;
use crate::generator::Generator;
use crate::normal::{cdf, quantile};
use crate::random::RowRandom;
use crate::row::Row;
use crate::stratum::Copula;

/// Points of the low-discrepancy sequence that all cases share. More cost time once, fewer blur the dependence between
/// several given columns; at this number the shares of the strata are good to three digits.
const POINTS: usize = 65_536;
/// Fewest and most points of one case.
const POINTS_OF_A_CASE: (usize, usize) = (32, 4_096);
/// Beyond this many standard deviations nothing is drawn.
const REACH: f64 = 8.5;
/// Halvings of the search for the end of a stretch; 48 leave an error far below that of a distribution function.
const HALVINGS: usize = 48;

/// A case made ready for drawing.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Probability of the case.
    pub(super) weight: f64,
    stratum: usize,
    order: Arc<Order>,
    /// Number of latent numbers, in drawing order, that points decide.
    given: usize,
    points: Vec<Point>,
    /// Running sums of the points' weights.
    ends: Vec<f64>,
}

/// The latent numbers in the order of drawing, what is given first.
#[derive(Clone, Debug)]
struct Order {
    /// Place of each among the stratum's columns.
    columns: Vec<usize>,
    /// Cholesky factor of the correlation in this order.
    lower: DMatrix<f64>,
}

/// Independent numbers behind all given latent numbers but the last, and the stretch of probability of the last one.
#[derive(Clone, Copy, Debug)]
struct Point {
    independent: [f64; FEATURE_COUNT],
    low: f64,
    span: f64,
}

/// All ways in which what is given can come about, with their probabilities.
pub(super) fn cases(generator: &Generator, fixed: &Fixed) -> Result<Vec<Case>, ConditionError> {
    let fitted = generator.fitted();
    let all: f64 = fitted.strata.iter().map(|stratum| stratum.weight).sum();
    let (plans, refusal) = plans(generator, fixed)?;
    let points = (POINTS / plans.len().max(1)).clamp(POINTS_OF_A_CASE.0, POINTS_OF_A_CASE.1);
    let mut cases = Vec::new();
    let mut last: Option<(usize, Arc<Order>)> = None;
    for plan in plans {
        let order = match last.take() {
            Some((stratum, order)) if stratum == plan.stratum => order,
            _ => Arc::new(Order::of(&fitted.strata[plan.stratum].correlation, &plan)),
        };
        last = Some((plan.stratum, order.clone()));
        let copula = &generator.strata[plan.stratum];
        let case = Case::of(&plan, order, copula, fitted, points);
        if case.weight > 0.0 {
            cases.push(Case { weight: case.weight * fitted.strata[plan.stratum].weight / all, ..case });
        }
    }
    if cases.is_empty() { Err(ConditionError::Impossible(refusal)) } else { Ok(cases) }
}

impl Order {
    fn of(correlation: &[Vec<f64>], plan: &Plan) -> Self {
        let given: Vec<usize> = plan.steps.iter().map(|(column, _)| *column).collect();
        let rest = (0..correlation.len()).filter(|column| !given.contains(column));
        let columns: Vec<usize> = given.iter().copied().chain(rest).collect();
        let size = columns.len();
        let matrix = DMatrix::from_fn(size, size, |i, j| correlation[columns[i]][columns[j]]);
        // The stratum's own order has been factored when the generator was assembled.
        let lower = matrix.cholesky().map_or_else(|| DMatrix::identity(size, size), |factor| factor.unpack());
        Self { columns, lower }
    }

    fn conditional_mean(&self, at: usize, independent: &[f64; FEATURE_COUNT]) -> f64 {
        (0..at).map(|before| self.lower[(at, before)] * independent[before]).sum()
    }
}

impl Case {
    fn of(plan: &Plan, order: Arc<Order>, copula: &Copula, fitted: &Fitted, points: usize) -> Self {
        let given = plan.steps.len();
        // A single stretch needs no points: its number is drawn afresh for every customer.
        let count = if given <= 1 { 1 } else { points };
        let mut case = Self { weight: 0.0, stratum: plan.stratum, order, given, points: Vec::new(), ends: Vec::new() };
        let mut total = 0.0;
        for number in 0..count {
            let (point, weight) = case.point(plan, number, copula, fitted);
            if weight > 0.0 {
                total += weight;
                case.points.push(point);
                case.ends.push(total);
            }
        }
        case.weight = total / count as f64;
        case
    }

    /// Goes through the given latent numbers, each conditional on those before, and multiplies the probabilities of their
    /// stretches.
    fn point(&self, plan: &Plan, number: usize, copula: &Copula, fitted: &Fitted) -> (Point, f64) {
        let mut point = Point { independent: [0.0; FEATURE_COUNT], low: 0.0, span: 1.0 };
        let (mut latent, mut weight) = ([0.0; FEATURE_COUNT], 1.0);
        for (at, (column, step)) in plan.steps.iter().enumerate() {
            let mean = self.order.conditional_mean(at, &point.independent);
            let deviation = self.order.lower[(at, at)];
            let (low, high) = match *step {
                Step::Stretch(low, high) => (low, high),
                Step::Free => (f64::NEG_INFINITY, f64::INFINITY),
                Step::Monthly(wanted) => {
                    stretch(*column, &latent, wanted, |latent| copula.customer(latent, fitted).monthly)
                }
                Step::Total(wanted) => stretch(*column, &latent, wanted, |latent| {
                    copula.customer(latent, fitted).total.unwrap_or_default()
                }),
            };
            point.low = cdf((low - mean) / deviation);
            point.span = cdf((high - mean) / deviation) - point.low;
            if point.span <= 0.0 {
                return (point, 0.0);
            }
            weight *= point.span;
            point.independent[at] = within(point.low + sequence(number, at) * point.span);
            latent[*column] = mean + deviation * point.independent[at];
        }
        (point, weight)
    }

    /// Draws a customer without a place.
    pub(super) fn draw(&self, generator: &Generator, random: &mut RowRandom) -> Row {
        let at = random.unit() * self.ends[self.ends.len() - 1];
        let point = &self.points[self.ends.partition_point(|end| *end <= at).min(self.points.len() - 1)];
        let mut independent = point.independent;
        let fresh = self.given.saturating_sub(1);
        if self.given > 0 {
            independent[fresh] = within(point.low + random.unit() * point.span);
        }
        let mut latent = [0.0; FEATURE_COUNT];
        for (at, column) in self.order.columns.iter().enumerate() {
            if at >= self.given {
                independent[at] = random.normal();
            }
            latent[*column] =
                self.order.conditional_mean(at, &independent) + self.order.lower[(at, at)] * independent[at];
        }
        generator.strata[self.stratum].customer(&latent, generator.fitted())
    }
}

fn within(probability: f64) -> f64 {
    quantile(probability).clamp(-REACH, REACH)
}

/// The stretch of a latent number in which an amount, which grows with it, is the wanted one; empty where it skips it.
fn stretch(
    column: usize,
    latent: &[f64; FEATURE_COUNT],
    wanted: i64,
    amount: impl Fn(&[f64; FEATURE_COUNT]) -> i64,
) -> (f64, f64) {
    let mut trial = *latent;
    let mut amount_at = |number: f64| {
        trial[column] = number;
        amount(&trial)
    };
    let mut first = |reached: &dyn Fn(i64) -> bool| {
        if reached(amount_at(-REACH)) {
            return f64::NEG_INFINITY;
        }
        if !reached(amount_at(REACH)) {
            return f64::INFINITY;
        }
        let (mut low, mut high) = (-REACH, REACH);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if reached(amount_at(middle)) { high = middle } else { low = middle }
        }
        high
    };
    (first(&|amount| amount >= wanted), first(&|amount| amount > wanted))
}

/// Kronecker's sequence: point `number` in dimension `at`, by the square roots of primes (Richtmyer 1951).
fn sequence(number: usize, at: usize) -> f64 {
    const PRIMES: [f64; 20] = [
        2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0, 31.0, 37.0, 41.0, 43.0, 47.0, 53.0, 59.0, 61.0, 67.0,
        71.0,
    ];
    ((number as f64 + 0.5) * PRIMES[at % PRIMES.len()].sqrt()).fract()
}

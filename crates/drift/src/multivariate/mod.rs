//! All columns at once: what no test of single columns sees, such as two columns that no longer go together.
//!
//! Two figures. The reconstruction error of a PCA: the main components of the reference, and how far rows lie from what is
//! left of them (as NannyML's, held to scikit-learn in `tests/numerical/multivariate.json`). And a domain classifier: how
//! well a model tells rows of one side from those of the other; an area under the curve of 0.5 is not at all.
//!
//! All rows are in memory, as in [`crate::exact`]; [`Components`] take a stream, in constant memory.

mod classifier;
mod encode;
mod pca;
mod stream;

use serde::Serialize;
use thiserror::Error;

pub use encode::Feature;
pub use stream::{Components, Reconstructed, ReconstructionRule};

use encode::{Encoding, OneHot};

/// Share of the reference's variance that the components keep: NannyML's default.
const KEPT: f64 = 0.65;
/// Chunks of the reference whose errors draw the band: NannyML's default.
const CHUNKS: usize = 10;
/// Standard deviations of the chunks' errors from their mean to the ends of the band.
const DEVIATIONS: f64 = 3.0;
/// What rounding leaves of an error that is none, as where one column is another one's copy.
const ROUNDING: f64 = 1e-9;
/// An area of the domain classifier above it is a drift: NannyML's default.
pub const SEPARABLE: f64 = 0.65;
/// Fewest rows of either side.
const MIN_ROWS: usize = 50;

/// Why nothing can be said.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Impossible {
    /// Fewer rows than can be told apart.
    #[error("{0} rows are too few, at least {MIN_ROWS} are needed on each side")]
    TooFew(usize),
    /// Columns that do not fit together.
    #[error("the sides have different columns")]
    OtherColumns,
    /// No column with two values.
    #[error("no column of the reference has more than one value")]
    Constant,
}

/// How far rows lie from the main components of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reconstruction {
    /// Components kept.
    pub components: usize,
    /// Mean distance of the reference's own rows.
    pub reference: f64,
    /// Mean distance of the current rows.
    pub current: f64,
    /// Lower end of the band of the reference's chunks.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
    /// Whether the current rows lie outside of the band.
    pub drifted: bool,
}

/// How well a model tells the sides apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Domain {
    /// Area under the ROC curve, of rows that the model had not seen.
    pub auc: f64,
    /// From here on it is a drift.
    pub threshold: f64,
    /// Whether it is one.
    pub drifted: bool,
}

/// The reconstruction error of the current rows by the components of the reference.
///
/// # Errors
/// There are too few rows, or nothing to reconstruct.
pub fn reconstruction(reference: &[Feature], current: &[Feature]) -> Result<Reconstruction, Impossible> {
    check(reference, current)?;
    let encoding = Encoding::of(reference).ok_or(Impossible::Constant)?;
    let (before, after) = (encoding.rows(reference), encoding.rows(current));
    let components = pca::components(&before, encoding.width(), KEPT);
    let errors = pca::errors(&before, &components);
    let (lower, upper) = band(&errors);
    let now = mean(&pca::errors(&after, &components));
    Ok(Reconstruction {
        components: components.len(),
        reference: mean(&errors),
        current: now,
        lower,
        upper,
        drifted: now < lower || now > upper,
    })
}

/// Where the mean error of a part of the reference lies.
fn band(errors: &[f64]) -> (f64, f64) {
    let chunks: Vec<f64> = errors.chunks(errors.len().div_ceil(CHUNKS)).map(mean).collect();
    let (middle, half) = (mean(&chunks), DEVIATIONS * deviation(&chunks) + ROUNDING);
    ((middle - half).max(0.0), middle + half)
}

/// How well a logistic regression on all columns, with squares of the numbers, tells the sides apart: five folds.
///
/// # Errors
/// There are too few rows, or nothing to tell them by.
pub fn domain(reference: &[Feature], current: &[Feature]) -> Result<Domain, Impossible> {
    check(reference, current)?;
    let encoding = OneHot::of(reference, current).ok_or(Impossible::Constant)?;
    let auc = classifier::area(&encoding.rows(reference), &encoding.rows(current));
    Ok(Domain { auc, threshold: SEPARABLE, drifted: auc > SEPARABLE })
}

fn check(reference: &[Feature], current: &[Feature]) -> Result<(), Impossible> {
    let alike = |(a, b): (&Feature, &Feature)| std::mem::discriminant(a) == std::mem::discriminant(b);
    if reference.len() != current.len() || !reference.iter().zip(current).all(alike) {
        return Err(Impossible::OtherColumns);
    }
    for side in [reference, current] {
        let rows = side.first().map_or(0, Feature::len);
        if side.iter().any(|feature| feature.len() != rows) {
            return Err(Impossible::OtherColumns);
        }
        if rows < MIN_ROWS {
            return Err(Impossible::TooFew(rows));
        }
    }
    Ok(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

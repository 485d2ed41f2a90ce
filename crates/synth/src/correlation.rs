//! Correlation matrices: made positive definite, factored, applied.

use churn_domain::FEATURE_COUNT;
use nalgebra::{DMatrix, SymmetricEigen};

/// Smallest eigenvalue left by the projection. Smaller ones make the factor ill-conditioned, larger ones bend strong
/// real correlations.
const LEAST_EIGENVALUE: f64 = 1e-3;

/// The nearby positive definite correlation matrix: negative eigenvalues are clipped, then the diagonal is scaled back
/// to one (Rebonato and Jäckel 1999). None when a number is not finite.
pub(crate) fn project(matrix: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    if matrix.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(matrix.clone());
    if eigenvalues.iter().all(|value| *value >= LEAST_EIGENVALUE) {
        return Some(matrix.clone());
    }
    let clipped = DMatrix::from_diagonal(&eigenvalues.map(|value| value.max(LEAST_EIGENVALUE)));
    let raw = &eigenvectors * clipped * eigenvectors.transpose();
    let scaled = DMatrix::from_fn(raw.nrows(), raw.ncols(), |i, j| {
        if i == j { 1.0 } else { 0.5 * (raw[(i, j)] + raw[(j, i)]) / (raw[(i, i)] * raw[(j, j)]).sqrt() }
    });
    Some(scaled)
}

/// A Cholesky factor laid out for drawing: column by column, padded to a fixed width so that the compiler uses vector
/// instructions.
#[derive(Clone, Debug)]
pub(crate) struct Factor(Vec<[f64; FEATURE_COUNT]>);

impl Factor {
    /// Factors a correlation matrix; none when it is not one.
    pub(crate) fn of(matrix: &DMatrix<f64>) -> Option<Self> {
        let size = matrix.nrows();
        let is_correlation = matrix.is_square()
            && size <= FEATURE_COUNT
            && (0..size)
                .all(|i| (matrix[(i, i)] - 1.0).abs() < 1e-9 && (0..i).all(|j| matrix[(i, j)] == matrix[(j, i)]));
        if !is_correlation {
            return None;
        }
        let lower = matrix.clone().cholesky()?.unpack();
        let column = |j: usize| std::array::from_fn(|i| if i < size { lower[(i, j)] } else { 0.0 });
        Some(Self((0..size).map(column).collect()))
    }

    /// Correlated standard normal numbers of independent ones.
    #[inline]
    pub(crate) fn draw(&self, mut independent: impl FnMut() -> f64) -> [f64; FEATURE_COUNT] {
        let mut correlated = [0.0; FEATURE_COUNT];
        for column in &self.0 {
            let normal = independent();
            for (value, factor) in correlated.iter_mut().zip(column) {
                *value += factor * normal;
            }
        }
        correlated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_matrix_becomes_a_correlation_matrix() {
        let impossible = DMatrix::from_row_slice(3, 3, &[1.0, 0.9, -0.9, 0.9, 1.0, 0.9, -0.9, 0.9, 1.0]);
        assert!(Factor::of(&impossible).is_none());
        let projected = project(&impossible).unwrap();
        assert!(Factor::of(&projected).is_some());
        assert!((0..3).all(|i| projected[(i, i)] == 1.0));
        assert!(projected.iter().all(|value| value.abs() <= 1.0));
    }

    #[test]
    fn a_possible_matrix_is_left_alone() {
        let matrix = DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.5, 1.0]);
        assert_eq!(project(&matrix), Some(matrix));
        assert_eq!(project(&DMatrix::from_element(1, 1, f64::NAN)), None);
    }
}

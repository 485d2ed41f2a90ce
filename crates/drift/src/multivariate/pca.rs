//! Principal components, and what is lost without the minor ones.

use nalgebra::{DMatrix, SymmetricEigen};

/// The main directions of some rows: as few as keep more than `kept` of their variance.
pub(super) fn components(rows: &[Vec<f64>], width: usize, kept: f64) -> Vec<Vec<f64>> {
    let SymmetricEigen { eigenvalues, eigenvectors } = SymmetricEigen::new(covariance(rows, width));
    let vector = |at: usize| eigenvectors.column(at).iter().copied().collect();
    let mut pairs: Vec<(f64, Vec<f64>)> = (0..width).map(|at| (eigenvalues[at], vector(at))).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f64 = pairs.iter().map(|(value, _)| value.max(0.0)).sum();
    let mut sum = 0.0;
    let mut components = Vec::new();
    for (value, vector) in pairs {
        sum += value.max(0.0);
        components.push(vector);
        if sum > kept * total {
            break;
        }
    }
    components
}

/// The distance of each row from its projection on the components. Rows are taken to be centred already.
pub(super) fn errors(rows: &[Vec<f64>], components: &[Vec<f64>]) -> Vec<f64> {
    let mut rest = Vec::new();
    rows.iter().map(|row| error(row, components, &mut rest)).collect()
}

/// The same of one row; `rest` is a place to work in.
pub(super) fn error(row: &[f64], components: &[Vec<f64>], rest: &mut Vec<f64>) -> f64 {
    rest.clear();
    rest.extend_from_slice(row);
    for component in components {
        let part: f64 = row.iter().zip(component).map(|(value, direction)| value * direction).sum();
        rest.iter_mut().zip(component).for_each(|(rest, direction)| *rest -= part * direction);
    }
    rest.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Of centred rows, but for a factor that no direction depends on.
fn covariance(rows: &[Vec<f64>], width: usize) -> DMatrix<f64> {
    let mut sums = DMatrix::zeros(width, width);
    for row in rows {
        for (at, &a) in row.iter().enumerate() {
            sums.column_mut(at).iter_mut().zip(row).for_each(|(sum, b)| *sum += a * b);
        }
    }
    sums
}

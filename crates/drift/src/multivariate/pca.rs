//! Principal components, and what is lost without the minor ones.

/// Sweeps of the eigenvalue iteration at most; a handful is usual.
const SWEEPS: usize = 60;

/// The main directions of some rows: as few as keep more than `kept` of their variance.
pub(super) fn components(rows: &[Vec<f64>], width: usize, kept: f64) -> Vec<Vec<f64>> {
    let mut pairs = eigen(covariance(rows, width));
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
    let error = |row: &Vec<f64>| {
        let mut rest = row.clone();
        for component in components {
            let part: f64 = row.iter().zip(component).map(|(value, direction)| value * direction).sum();
            rest.iter_mut().zip(component).for_each(|(rest, direction)| *rest -= part * direction);
        }
        rest.iter().map(|value| value * value).sum::<f64>().sqrt()
    };
    rows.iter().map(error).collect()
}

fn covariance(rows: &[Vec<f64>], width: usize) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0; width]; width];
    for row in rows {
        for (sums, &a) in sums.iter_mut().zip(row) {
            sums.iter_mut().zip(row).for_each(|(sum, b)| *sum += a * b);
        }
    }
    sums
}

/// Eigenvalues and vectors of a symmetric matrix by Jacobi's rotations.
fn eigen(mut matrix: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let width = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..width).map(|at| (0..width).map(|to| if to == at { 1.0 } else { 0.0 }).collect()).collect();
    let scale: f64 = (0..width).map(|at| matrix[at][at].abs()).sum();
    for _ in 0..SWEEPS {
        let beside: f64 = (0..width).flat_map(|p| (0..p).map(move |q| (p, q))).map(|(p, q)| matrix[p][q].abs()).sum();
        if beside <= scale * 1e-15 {
            break;
        }
        for p in 1..width {
            for q in 0..p {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    (0..width).map(|at| (matrix[at][at], vectors.iter().map(|row| row[at]).collect())).collect()
}

/// Turns the plane of `p` and `q` so that their entry vanishes.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let beside = matrix[p][q];
    if beside == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * beside);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn =
        |row: &mut Vec<f64>| (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    matrix.iter_mut().for_each(turn);
    vectors.iter_mut().for_each(turn);
    let Ok([first, second]) = matrix.get_disjoint_mut([p, q]) else { return };
    for (a, b) in first.iter_mut().zip(second) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

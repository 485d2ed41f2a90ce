//! Isotonic regression of the truth on the probability.

use serde::{Deserialize, Serialize};

/// Probabilities closer than this are one, as in scikit-learn.
const RESOLUTION: f64 = 1e-15;

/// A rising line through some points; beyond the ends it goes on level. Equal to scikit-learn's `IsotonicRegression`
/// with `out_of_bounds="clip"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    points: Vec<(f64, f64)>,
}

/// Pooled neighbours: their mean, their weight, and where the last of them is.
struct Block {
    mean: f64,
    weight: f64,
    end: usize,
}

impl Isotonic {
    /// The rising function that is nearest to the truth by least squares (pool adjacent violators).
    pub fn fit(probability: &[f64], actual: &[bool]) -> Self {
        let unique = unique(probability, actual);
        let mut blocks: Vec<Block> = Vec::new();
        for (at, &(_, mean, weight)) in unique.iter().enumerate() {
            let mut block = Block { mean, weight, end: at + 1 };
            while let Some(before) = blocks.pop_if(|before| before.mean >= block.mean) {
                let weight = before.weight + block.weight;
                block.mean = (before.mean * before.weight + block.mean * block.weight) / weight;
                block.weight = weight;
            }
            blocks.push(block);
        }
        let mut points = Vec::new();
        let mut start = 0;
        for block in blocks {
            // A level stretch needs its ends only.
            points.push((unique[start].0, block.mean));
            if block.end - start > 1 {
                points.push((unique[block.end - 1].0, block.mean));
            }
            start = block.end;
        }
        Self { points }
    }

    /// The calibrated probability.
    pub fn calibrate(&self, probability: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= probability);
        match (after.checked_sub(1).and_then(|at| self.points.get(at)), self.points.get(after)) {
            (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) / (x1 - x0) * (probability - x0),
            (Some(&(_, y)), None) | (None, Some(&(_, y))) => y,
            (None, None) => probability,
        }
    }
}

/// Distinct probabilities, ascending, with the mean truth and the number of rows of each.
fn unique(probability: &[f64], actual: &[bool]) -> Vec<(f64, f64, f64)> {
    let mut rows: Vec<(f64, bool)> = probability.iter().copied().zip(actual.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut found: Vec<(f64, f64, f64)> = Vec::new();
    for (p, churned) in rows {
        let truth = f64::from(u8::from(churned));
        match found.last_mut() {
            Some((first, sum, weight)) if p - *first < RESOLUTION => {
                *sum += truth;
                *weight += 1.0;
            }
            _ => found.push((p, truth, 1.0)),
        }
    }
    found.iter_mut().for_each(|(_, sum, weight)| *sum /= *weight);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_rises_between_its_points_and_is_level_beyond() {
        let line = Isotonic::fit(&[0.2, 0.4, 0.6, 0.8], &[false, true, false, true]);
        let found = [0.0, 0.2, 0.3, 0.5, 0.7, 0.9].map(|p| line.calibrate(p));
        let expected = [0.0, 0.0, 0.25, 0.5, 0.75, 1.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }
}

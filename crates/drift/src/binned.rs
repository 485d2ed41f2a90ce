//! What the bins of a window say of tests that are meant for whole samples.
//!
//! Numbers of few values (20 at most) are known by their bins, so both figures are the exact ones as long as no other value
//! comes. Other numbers are known by their bin only:
//!
//! - Kolmogorov and Smirnov's statistic is looked for at the edges of the bins. It is never above the exact one, and below
//!   it by the largest share of a bin on either side at most.
//! - Wasserstein's distance takes the numbers of a bin for evenly spread, those beyond the edges for lying on them. So it
//!   is too small where numbers leave the range of the reference.
//!
//! How near they come was measured on the charges and months of the shipped customers (`tests/it/binned.rs`).

use crate::{Bins, ColumnReference, ColumnWindow, Distance};

/// Smallest standard deviation that is divided by: Evidently's.
const MIN_DEVIATION: f64 = 0.001;

/// A piece of the number line, and what it holds of both sides.
struct Piece {
    from: f64,
    to: f64,
    shares: [f64; 2],
}

impl ColumnReference {
    /// Largest difference of the distribution functions, as far as the bins tell. `None` for words, and when either side
    /// has no value.
    pub fn kolmogorov_smirnov(&self, window: &ColumnWindow) -> Option<f64> {
        if matches!(**self.bins(), Bins::Words(_)) {
            return None;
        }
        let mut difference = 0.0_f64;
        let mut largest = 0.0_f64;
        for [before, now] in self.shares(window)? {
            difference += before - now;
            largest = largest.max(difference.abs());
        }
        Some(largest.min(1.0))
    }

    /// Wasserstein's distance over the reference's standard deviation, as far as the bins tell. `None` for words and open
    /// cuts, and when either side has no value.
    pub fn wasserstein(&self, window: &ColumnWindow) -> Option<Distance> {
        let pieces = self.pieces(window)?;
        let mut area = 0.0;
        let (mut difference, mut before) = (0.0_f64, None);
        for piece in &pieces {
            area += before.map_or(0.0, |before: f64| difference.abs() * (piece.from - before));
            let after = difference + piece.shares[0] - piece.shares[1];
            area += between(difference, after) * (piece.to - piece.from);
            (difference, before) = (after, Some(piece.to));
        }
        Distance::new(area / deviation(&pieces).max(MIN_DEVIATION))
    }

    /// Each bin's share of the values of both sides, in ascending order of the bins; values of no bin come last.
    fn shares(&self, window: &ColumnWindow) -> Option<Vec<[f64; 2]>> {
        let (n, m) = (self.counts().iter().sum::<u64>(), window.counts().iter().sum::<u64>());
        let share = |(before, now): (&u64, &u64)| [*before as f64 / n as f64, *now as f64 / m as f64];
        (n > 0 && m > 0).then(|| self.counts().iter().zip(window.counts()).map(share).collect())
    }

    fn pieces(&self, window: &ColumnWindow) -> Option<Vec<Piece>> {
        let shares = self.shares(window)?;
        let piece = |(shares, (from, to)): ([f64; 2], (f64, f64))| Piece { from, to, shares };
        let ends: Vec<(f64, f64)> = match &**self.bins() {
            // What lies elsewhere is left out.
            Bins::Values(values) => values.iter().map(|&value| (value, value)).collect(),
            Bins::Edges(edges) => {
                let inner = (0..edges.bins()).map(|bin| (edges.edge(bin), edges.edge(bin + 1)));
                let (below, above) = ((edges.min(), edges.min()), (edges.max(), edges.max()));
                std::iter::once(below).chain(inner).chain([above]).collect()
            }
            Bins::Words(_) | Bins::Cuts(_) => return None,
        };
        Some(shares.into_iter().zip(ends).map(piece).collect())
    }
}

/// The mean size of what goes evenly from `a` to `b`.
fn between(a: f64, b: f64) -> f64 {
    if a * b >= 0.0 { (a + b).abs() / 2.0 } else { (a * a + b * b) / (2.0 * (a - b).abs()) }
}

/// Of the reference's values.
fn deviation(pieces: &[Piece]) -> f64 {
    let share: f64 = pieces.iter().map(|piece| piece.shares[0]).sum();
    let middle = |piece: &Piece| (piece.from + piece.to) / 2.0;
    let mean = pieces.iter().map(|piece| piece.shares[0] * middle(piece)).sum::<f64>() / share;
    let squares = |piece: &Piece| (middle(piece) - mean).powi(2) + (piece.to - piece.from).powi(2) / 12.0;
    (pieces.iter().map(|piece| piece.shares[0] * squares(piece)).sum::<f64>() / share).sqrt()
}

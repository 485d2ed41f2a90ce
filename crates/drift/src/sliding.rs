//! A window that slides by panes.

use serde::{Deserialize, Serialize};

/// Something that rows are added to and that adds up.
pub trait Accumulator {
    /// Adds all that `other` has seen.
    fn merge(&mut self, other: &Self);
    /// Forgets everything, keeps the memory.
    fn reset(&mut self);
}

/// The last rows, in panes: when the newest pane is full, the oldest is emptied and becomes the newest. So it covers
/// between `(panes - 1) * rows_per_pane` and `panes * rows_per_pane` rows once it has seen as many, in the memory of
/// `panes` accumulators.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sliding<T> {
    panes: Vec<T>,
    newest: usize,
    rows_in_newest: usize,
    rows_per_pane: usize,
}

impl<T: Accumulator + Clone> Sliding<T> {
    /// Panes of `rows_per_pane` rows, at least one each.
    pub fn new(empty: &T, panes: usize, rows_per_pane: usize) -> Self {
        Self {
            panes: vec![empty.clone(); panes.max(1)],
            newest: 0,
            rows_in_newest: 0,
            rows_per_pane: rows_per_pane.max(1),
        }
    }

    /// The accumulator that the next row belongs to. Call it once a row.
    pub fn next_row(&mut self) -> &mut T {
        if self.rows_in_newest == self.rows_per_pane {
            self.newest = (self.newest + 1) % self.panes.len();
            self.panes[self.newest].reset();
            self.rows_in_newest = 0;
        }
        self.rows_in_newest += 1;
        &mut self.panes[self.newest]
    }

    /// All panes merged into `total`, which is emptied first.
    pub fn sum_into(&self, total: &mut T) {
        total.reset();
        self.panes.iter().for_each(|pane| total.merge(pane));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Accumulator for Vec<u32> {
        fn merge(&mut self, other: &Self) {
            self.extend(other);
        }

        fn reset(&mut self) {
            self.clear();
        }
    }

    #[test]
    fn only_the_last_rows_are_remembered() {
        let mut sliding = Sliding::new(&Vec::new(), 3, 2);
        let mut seen = Vec::new();
        for row in 0..9 {
            sliding.next_row().push(row);
            sliding.sum_into(&mut seen);
            seen.sort_unstable();
            let first = (row / 2).saturating_sub(2) * 2;
            assert_eq!(seen, (first..=row).collect::<Vec<_>>());
        }
    }
}

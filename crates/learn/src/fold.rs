//! Which customer is held out when.

use crate::math::split_mix;

/// Deals the rows into folds so that each fold has its share of either class, give or take one: in each class the rows are
/// ordered by a hash of the seed and their number and dealt in turn, the second class where the first one stopped.
///
/// Returns the fold of each row, from 0. The same for the same label, number and seed, on every machine.
pub fn stratified_folds(label: &[bool], folds: usize, seed: u64) -> Vec<usize> {
    let mut fold_of = vec![0; label.len()];
    let mut turn = 0;
    for class in [false, true] {
        let mut rows: Vec<usize> = (0..label.len()).filter(|&row| label[row] == class).collect();
        rows.sort_by_key(|&row| (split_mix(split_mix(seed) ^ row as u64), row));
        for row in rows {
            fold_of[row] = turn % folds.max(1);
            turn += 1;
        }
    }
    fold_of
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(fold_of: &[usize], label: &[bool], fold: usize, class: bool) -> usize {
        fold_of.iter().zip(label).filter(|&(&f, &l)| f == fold && l == class).count()
    }

    #[test]
    fn each_fold_has_its_share_of_either_class() {
        let label: Vec<bool> = (0..1_003).map(|row| row % 4 == 0).collect();
        let fold_of = stratified_folds(&label, 5, 7);
        for class in [false, true] {
            let counts: Vec<usize> = (0..5).map(|fold| count(&fold_of, &label, fold, class)).collect();
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
    }

    #[test]
    fn another_seed_deals_otherwise_and_the_same_seed_alike() {
        let label: Vec<bool> = (0..200).map(|row| row % 3 == 0).collect();
        assert_eq!(stratified_folds(&label, 5, 1), stratified_folds(&label, 5, 1));
        assert_ne!(stratified_folds(&label, 5, 1), stratified_folds(&label, 5, 2));
    }
}

//! scikit-learn's `StratifiedShuffleSplit(n_splits=10, test_size=0.1, random_state=42)`, for two classes.

use crate::detectors::Twister;

const SPLITS: usize = 10;
const SEED: u32 = 42;

/// Rows to fit on and rows to test on.
pub(super) struct Split {
    pub(super) train: Vec<usize>,
    pub(super) test: Vec<usize>,
}

/// The ten splits; `None` where a class has too few rows for them, which scikit-learn refuses.
pub(super) fn splits(actual: &[bool]) -> Option<Vec<Split>> {
    let of_class = |class: bool| (0..actual.len()).filter(|&row| actual[row] == class).collect::<Vec<_>>();
    let classes = [of_class(false), of_class(true)];
    let test_rows = actual.len().div_ceil(10);
    let train_rows = actual.len() - test_rows;
    if classes.iter().any(|class| class.len() < 2) || test_rows < 2 || train_rows < 2 {
        return None;
    }
    let mut chance = Twister::of_numpy(SEED);
    Some((0..SPLITS).map(|_| split(&classes, train_rows, test_rows, &mut chance)).collect())
}

fn split(classes: &[Vec<usize>; 2], train_rows: usize, test_rows: usize, chance: &mut Twister) -> Split {
    let sizes = [classes[0].len(), classes[1].len()];
    let for_train = draws(sizes, train_rows, chance);
    let left = [sizes[0] - for_train[0], sizes[1] - for_train[1]];
    let for_test = draws(left, test_rows, chance);
    let mut split = Split { train: Vec::with_capacity(train_rows), test: Vec::with_capacity(test_rows) };
    for class in 0..2 {
        let order = chance.permutation(sizes[class]);
        let mut rows = order.into_iter().map(|at| classes[class][at]);
        split.train.extend(rows.by_ref().take(for_train[class]));
        split.test.extend(rows.take(for_test[class]));
    }
    chance.shuffle(&mut split.train);
    chance.shuffle(&mut split.test);
    split
}

/// How many of each class to draw so that their shares are kept. What is left over after rounding down goes to the class
/// with the larger remainder, at a tie to one at random.
fn draws(sizes: [usize; 2], rows: usize, chance: &mut Twister) -> [usize; 2] {
    let all = (sizes[0] + sizes[1]) as f64;
    let exact = sizes.map(|size| size as f64 / all * rows as f64);
    let mut counts = exact.map(|count| count.floor() as usize);
    let remainder = [exact[0] - exact[0].floor(), exact[1] - exact[1].floor()];
    let missing = rows - counts[0] - counts[1];
    if missing == 0 {
        return counts;
    }
    if remainder[0] == remainder[1] {
        let order = chance.permutation(2);
        order.into_iter().take(missing).for_each(|class| counts[class] += 1);
    } else {
        let larger = usize::from(remainder[1] > remainder[0]);
        counts[larger] += 1;
        if missing > 1 {
            counts[1 - larger] += 1;
        }
    }
    counts
}

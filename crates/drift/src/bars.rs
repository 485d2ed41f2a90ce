//! The bars of a picture: a column then and now.

use serde::{Deserialize, Serialize};

use crate::{Bins, ColumnReference, ColumnWindow};

/// One bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// A word, a value or a range.
    pub bin: String,
    /// Share of the reference's values.
    pub then: f64,
    /// Share of the window's values.
    pub now: f64,
}

/// The bars of a column, at most `most` of them: neighbours among finer bins are put together, and so are all words after
/// the first `words`. None where a side has no value.
pub fn bars(reference: &ColumnReference, window: &ColumnWindow, words: usize, most: usize) -> Vec<Bar> {
    let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    let (then, now) = (total(reference.counts()), total(window.counts()));
    if then == 0.0 || now == 0.0 || reference.counts().len() != window.counts().len() {
        return Vec::new();
    }
    let bins = window.bins();
    let bar = |&(first, last): &(usize, usize)| Bar {
        bin: match **bins {
            Bins::Words(_) if last > first => "(other)".to_owned(),
            _ => bins.name(first, last),
        },
        then: total(&reference.counts()[first..=last]) / then,
        now: total(&window.counts()[first..=last]) / now,
    };
    groups(bins, words, most.max(1)).iter().map(bar).collect()
}

/// First and last bin of each bar.
fn groups(bins: &Bins, words: usize, most: usize) -> Vec<(usize, usize)> {
    let count = bins.count();
    if matches!(bins, Bins::Words(_)) {
        let apart = words.min(most - 1).min(count - 1);
        return (0..apart).map(|bin| (bin, bin)).chain([(apart, count - 1)]).collect();
    }
    let size = count.div_ceil(most);
    (0..count.div_ceil(size)).map(|group| (group * size, ((group + 1) * size - 1).min(count - 1))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use churn_domain::{FEATURES, Interned, feature_index};

    use super::*;

    #[test]
    fn strange_words_are_one_bar_and_ranges_at_most_a_dozen() {
        let known = FEATURES[feature_index("contract").unwrap()].categories();
        let mut words = Interned::new(known);
        for word in ["Two year", "Weekly", "Daily", "Two year"] {
            words.push(Some(word));
        }
        let before = ColumnReference::of_words("contract", &words);
        let mut now = ColumnWindow::new(Arc::clone(before.bins()));
        now.add_words(&words, 0..3);
        let found: Vec<_> = bars(&before, &now, known.len(), 12).into_iter().map(|bar| (bar.bin, bar.then)).collect();
        let expected = [("Month-to-month", 0.0), ("One year", 0.0), ("Two year", 0.5), ("(other)", 0.5)];
        assert_eq!(found, expected.map(|(bin, share)| (bin.to_owned(), share)));
        assert_eq!(bars(&before, &now, 10, 12).len(), 6, "words of one's own file have bars of their own");

        let numbers: Vec<f64> = (0..20_000).map(|row| f64::from(row) / 100.0).collect();
        let before = ColumnReference::of_numbers("monthly_charges", &numbers);
        let mut now = ColumnWindow::new(Arc::clone(before.bins()));
        now.add_numbers(&numbers[10_000..]);
        let found = bars(&before, &now, 0, 12);
        assert!(found.len() <= 12 && found.len() > 5, "{found:?}");
        assert!((found.iter().map(|bar| bar.now).sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(bars(&before, &ColumnWindow::new(Arc::clone(before.bins())), 0, 12).is_empty());
    }
}

//! How the features of the current model are distributed, then and now: for a picture.

use churn_domain::FEATURES;
use churn_drift::{Bins, ColumnReference, ColumnWindow};
use serde::Serialize;

use crate::models::Model;

/// Bars of one feature. Finer bins are put together.
const MAX_BARS: usize = 12;

/// One bar of one feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The feature.
    pub feature: &'static str,
    /// A word, a value or a range. Words that the program does not know are `(other)`.
    pub bin: String,
    /// Share of the live reference's rows.
    pub live: f64,
    /// Share of the last full window's rows.
    pub now: f64,
}

/// The bars of every feature with values on both sides; none before the first full window.
pub(crate) fn shares(model: &Model) -> Vec<Bar> {
    let Some(live) = model.drift.live() else { return Vec::new() };
    let columns = live.window.reference().columns().iter().zip(live.window.columns()).enumerate();
    columns.flat_map(|(at, (before, now))| bars(at, before, now)).collect()
}

fn bars(feature: usize, before: &ColumnReference, now: &ColumnWindow) -> Vec<Bar> {
    let total = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    let (then_rows, now_rows) = (total(before.counts()), total(now.counts()));
    if then_rows == 0.0 || now_rows == 0.0 {
        return Vec::new();
    }
    let bins = now.bins();
    let groups = groups(feature, bins);
    let bar = |&(first, last): &(usize, usize)| Bar {
        feature: FEATURES[feature].name,
        // A group of several words is what the program does not know.
        bin: if is_words(bins) && last > first { "(other)".to_owned() } else { bins.name(first, last) },
        live: total(&before.counts()[first..=last]) / then_rows,
        now: total(&now.counts()[first..=last]) / now_rows,
    };
    groups.iter().map(bar).collect()
}

fn is_words(bins: &Bins) -> bool {
    matches!(bins, Bins::Words(_))
}

/// First and last bin of each bar. A word from outside is never a label of a metric: there is no end of them.
fn groups(feature: usize, bins: &Bins) -> Vec<(usize, usize)> {
    let count = bins.count();
    let known = FEATURES[feature].categories().len();
    if is_words(bins) && known > 0 && known < count {
        return (0..known).map(|bin| (bin, bin)).chain([(known, count - 1)]).collect();
    }
    let size = count.div_ceil(MAX_BARS);
    (0..count.div_ceil(size)).map(|group| (group * size, ((group + 1) * size - 1).min(count - 1))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use churn_domain::{Interned, feature_index};

    use super::*;

    #[test]
    fn strange_words_are_one_bar_and_ranges_at_most_a_dozen() {
        let contract = feature_index("contract").unwrap();
        let mut words = Interned::new(FEATURES[contract].categories());
        for word in ["Two year", "Weekly", "Daily", "Two year"] {
            words.push(Some(word));
        }
        let before = ColumnReference::of_words("contract", &words);
        let mut now = ColumnWindow::new(Arc::clone(before.bins()));
        now.add_words(&words, 0..3);
        let found: Vec<_> = bars(contract, &before, &now).into_iter().map(|bar| (bar.bin, bar.live)).collect();
        let expected = [("Month-to-month", 0.0), ("One year", 0.0), ("Two year", 0.5), ("(other)", 0.5)];
        assert_eq!(found, expected.map(|(bin, share)| (bin.to_owned(), share)));

        let charges = feature_index("monthly_charges").unwrap();
        let numbers: Vec<f64> = (0..20_000).map(|row| f64::from(row) / 100.0).collect();
        let before = ColumnReference::of_numbers("monthly_charges", &numbers);
        let mut now = ColumnWindow::new(Arc::clone(before.bins()));
        now.add_numbers(&numbers[10_000..]);
        let found = bars(charges, &before, &now);
        assert!(found.len() <= MAX_BARS && found.len() > 5, "{found:?}");
        assert!((found.iter().map(|bar| bar.now).sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(bars(charges, &before, &ColumnWindow::new(Arc::clone(before.bins()))).is_empty());
    }
}

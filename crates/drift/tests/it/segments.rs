//! Parts of the customers: a window of segments says what windows of these rows alone would say.

use std::sync::Arc;

use churn_domain::{Column, FEATURES, Table, feature_index};
use churn_drift::{ColumnReference, Edges, Reference, Segmentation, SegmentedWindow, Window};

use crate::streaming::customers;

fn names() -> Vec<String> {
    ["contract", "internet_service", "senior_citizen"].map(str::to_owned).to_vec()
}

fn scores(rows: usize) -> Vec<f64> {
    (0..rows).map(|row| (row * 7_919 % 1_009) as f64 / 1_009.0).collect()
}

fn counted(reference: &Table, rows: &Table) -> SegmentedWindow {
    let of_scores =
        ColumnReference::of_numbers_on("probability", Edges::uniform(0.0, 1.0, 20).unwrap(), &scores(reference.len()));
    let segmentation = Arc::new(Segmentation::new(&names()).unwrap());
    let mut window = SegmentedWindow::new(&Reference::from_table(reference), &of_scores, segmentation);
    let mut cells = Vec::new();
    // In two parts, as batches come.
    for part in [0..rows.len() / 3, rows.len() / 3..rows.len()] {
        window.segmentation().clone().cells_into(rows, part.clone(), &mut cells);
        window.add(rows, &scores(rows.len()), part, &cells);
    }
    window
}

/// The rows that have this value; `(other)` and `(missing)` have none here.
fn rows_with(table: &Table, feature: &str, value: &str) -> Vec<usize> {
    let has = |row: &usize| match table.column(feature_index(feature).unwrap()) {
        Column::Category(words) => words.get(*row) == Some(value),
        Column::Number(values) => (value == "Yes" && values[*row] == 1.0) || (value == "No" && values[*row] == 0.0),
    };
    (0..table.len()).filter(has).collect()
}

#[test]
fn all_segments_together_are_the_window_of_all_rows() {
    let (before, after) = (customers(3_000, 1, 0.0), customers(2_000, 2, 0.4));
    let segmented = counted(&before, &after);
    let mut plain = Window::new(Arc::new(Reference::from_table(&before)));
    plain.add(&after, 0..after.len());
    let whole = segmented.whole();
    assert_eq!((segmented.rows(), whole.features.rows()), (2_000, 2_000));
    assert_eq!(whole.features.compare(), plain.compare());
    assert_eq!(whole.features.quality(), plain.quality());
    assert_eq!(whole.score.counts().iter().sum::<u64>(), 2_000);
}

#[test]
fn a_segment_is_the_window_of_its_rows_against_the_reference_of_its_rows() {
    let (before, after) = (customers(3_000, 3, 0.0), customers(4_000, 4, 0.5));
    let references = counted(&before, &before).references();
    let segmented = counted(&before, &after);
    let restored: SegmentedWindow = serde_json::from_str(&serde_json::to_string(&segmented).unwrap()).unwrap();
    let mut rows = 0;
    let parts = restored.by_segment(&references);
    for (segment, (part, reference)) in restored.segmentation().segments().zip(parts.iter().zip(&references)) {
        let (now, then) =
            (rows_with(&after, segment.feature, segment.value), rows_with(&before, segment.feature, segment.value));
        assert_eq!(
            (part.features.rows(), reference.features.rows()),
            (now.len() as u64, then.len() as u64),
            "{segment:?}"
        );
        for (at, feature) in FEATURES.iter().enumerate() {
            // The bins of the whole, counted by hand: a segment's own reference would cut numbers elsewhere.
            let mut by_hand = churn_drift::ColumnWindow::new(Arc::clone(reference.features.columns()[at].bins()));
            match after.select(now.clone()).column(at) {
                Column::Category(words) => by_hand.add_words(words, 0..now.len()),
                Column::Number(values) => by_hand.add_numbers(values),
            }
            assert_eq!(part.features.columns()[at].counts(), by_hand.counts(), "{segment:?} {}", feature.name);
        }
        rows += now.len();
    }
    assert_eq!(rows, 3 * 4_000, "each row is in one segment of each dimension");
}

#[test]
fn an_emptied_window_and_one_without_dimensions_are_defined() {
    let table = customers(500, 5, 0.0);
    let mut window = counted(&table, &table);
    window.reset();
    assert!(window.whole().features.compare().is_empty() && window.rows() == 0);
    let plain = ColumnReference::of_numbers("probability", &scores(500));
    let none = Arc::new(Segmentation::new(&[]).unwrap());
    let mut window = SegmentedWindow::new(&Reference::from_table(&table), &plain, none);
    window.add(&table, &scores(500), 0..500, &[0; 500]);
    assert_eq!((window.whole().features.rows(), window.references().len()), (500, 0));
}

//! Windows by the time of their rows.

use super::*;

/// What `Window` says of the rows whose times lie in a window.
fn by_definition(reference: &Table, table: &Table, time_ms: &[i64], window: Range<i64>) -> Vec<f64> {
    let mut expected = Window::new(Arc::new(Reference::from_table(reference)));
    (0..table.len()).filter(|&row| window.contains(&time_ms[row])).for_each(|row| expected.add(table, row..row + 1));
    expected.compare().iter().map(|drift| drift.psi.get()).collect()
}

#[test]
fn sliding_windows_by_time_say_what_their_rows_say_over_gaps_disorder_and_restarts() {
    let length = Length::Time { length_ms: 2_000, lateness_ms: 100 };
    let mut watch = DriftWatch::new(DriftSettings { windowing: Some(Windowing { length, panes: 4 }), ..settings() });
    let (first, probability) = rows(1_000, 0.0);
    add(&mut watch, &first, &probability, 0..1_000);
    // A row a millisecond, in no order within 100 ms; nothing for 1.7 s after 4 s and for an hour after 9.8 s; and from
    // 7 s on they change.
    let count = 14_000;
    let mut time_ms: Vec<i64> = (0..count).map(|row| row + if row < 3_960 { 0 } else { 1_700 }).collect();
    time_ms[8_100..].iter_mut().for_each(|time| *time += 3_600_000);
    time_ms.chunks_mut(90).for_each(<[i64]>::reverse);
    let (mut table, probability) = rows(count as usize, 0.0);
    if let Column::Number(values) = &mut table.columns_mut()[churn_domain::feature_index("tenure").unwrap()] {
        values.iter_mut().zip(&time_ms).filter(|(_, time)| **time >= 7_000).for_each(|(value, _)| *value += 30.0);
    }
    let cells = vec![0; count as usize];
    let predicted: Vec<bool> = probability.iter().map(|p| *p >= 0.5).collect();
    let (mut seen, mut alarm) = (0, None);
    for start in (0..count as usize).step_by(130) {
        let range = start..(start + 130).min(count as usize);
        let (end, time_ms) = (range.end, time_ms.as_slice());
        watch.add(Rows {
            features: &table,
            probability: &probability,
            predicted: &predicted,
            time_ms,
            cells: &cells,
            range,
        });
        watch = serde_json::from_str(&serde_json::to_string(&watch).unwrap()).unwrap();
        let newest = time_ms[..end].iter().max().unwrap();
        // The last window that is complete and has enough rows.
        let ends = (0..=(newest - 100) / 500).rev().map(|pane| pane * 500);
        let enough = |window: &Range<i64>| time_ms[..end].iter().filter(|time| window.contains(time)).count() >= 1_000;
        let Some(window) = ends.map(|end| end - 2_000..end).take(30).find(enough) else { continue };
        let live = watch.live().expect("a window");
        let found: Vec<f64> = live.drift.features.iter().map(|drift| drift.psi.get()).collect();
        let expected = by_definition(&first, &table, time_ms, window.clone());
        assert_eq!(found, expected, "{window:?} at {newest}");
        seen += 1;
        if watch.drift_alarm() {
            alarm.get_or_insert(window);
        }
    }
    assert!(seen > 60, "{seen}");
    assert_eq!(watch.late_rows(), 0);
    // The first to drift is that up to 7.5 s; two that share no row have to, and all between.
    assert_eq!(alarm, Some(7_500..9_500));
}

#[test]
fn a_window_by_time_of_few_rows_says_nothing() {
    let length = Length::Time { length_ms: 1_000, lateness_ms: 0 };
    let windowing = Some(Windowing { length, panes: 1 });
    let mut watch = DriftWatch::new(DriftSettings { windowing, ..settings() });
    let (table, probability) = rows(3_000, 0.0);
    let time_ms: Vec<i64> = (0..3_000).map(|row| if row < 1_999 { row } else { row - 1_000 }).collect();
    let (cells, predicted) = (vec![0; 3_000], vec![false; 3_000]);
    let rows = |range| Rows {
        features: &table,
        probability: &probability,
        predicted: &predicted,
        time_ms: &time_ms,
        cells: &cells,
        range,
    };
    // The first 1,000 are the reference, 999 the window, and one too late begins the next.
    watch.add(rows(0..1_999));
    assert!(watch.live().is_none());
    let late: Vec<i64> = vec![5_000; 3_000];
    watch.add(Rows { time_ms: &late, ..rows(1_999..2_000) });
    assert!(watch.live().is_none(), "999 rows");
    assert_eq!(watch.late_rows(), 0);
    watch.add(rows(2_000..3_000));
    assert_eq!((watch.late_rows(), watch.live().is_none()), (1_000, true));
}

use super::*;

/// Feeds rows, each its own number, in batches of these sizes, stored and read back between any two. Returns each
/// window's rows, ascending, and how many rows were late.
fn windows(windowing: Windowing, times_ms: &[i64], batches: &[usize]) -> (Vec<Vec<u32>>, u64) {
    let mut panes = Panes::<Vec<u32>>::default();
    let mut found = Vec::new();
    let mut sizes = batches.iter().copied().cycle();
    let mut start = 0;
    while start < times_ms.len() {
        let end = times_ms.len().min(start + sizes.next().unwrap_or(1).max(1));
        let mut rows = start..end;
        while let Some((pane, run)) = panes.place(&windowing, times_ms, &mut rows, Vec::new) {
            pane.extend(run.map(|row| row as u32));
            while let Some(mut window) = panes.due(&windowing) {
                window.sort_unstable();
                found.push(window);
            }
        }
        panes = serde_json::from_str(&serde_json::to_string(&panes).unwrap()).unwrap();
        start = end;
    }
    (found, panes.late())
}

/// The same by the definition: row by row for the late ones, then window by window.
fn by_definition(length_ms: i64, lateness_ms: i64, panes: i64, times_ms: &[i64]) -> (Vec<Vec<u32>>, u64) {
    let pane_ms = length_ms / panes;
    let mut newest = times_ms[0];
    let mut in_time = Vec::new();
    let first_pane = (times_ms[0] - lateness_ms).div_euclid(pane_ms);
    for (row, &time) in times_ms.iter().enumerate() {
        let pane = time.div_euclid(pane_ms);
        if pane >= first_pane && (pane + 1) * pane_ms > newest - lateness_ms {
            in_time.push((row as u32, pane));
            newest = newest.max(time);
        }
    }
    let complete = (newest - lateness_ms).div_euclid(pane_ms);
    let window = |last: i64| -> Vec<u32> {
        in_time.iter().filter(|(_, pane)| (last - panes + 1..=last).contains(pane)).map(|(row, _)| *row).collect()
    };
    let windows = (first_pane..complete).map(window).filter(|rows| !rows.is_empty()).collect();
    (windows, (times_ms.len() - in_time.len()) as u64)
}

/// Times that go on by `step` on average, some out of order, with gaps.
fn times(seed: u64, rows: usize, step: i64, disorder: i64) -> Vec<i64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |bound: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33).cast_signed().rem_euclid(bound.max(1))
    };
    let mut now = 1_700_000_000_000 - 500;
    (0..rows)
        .map(|row| {
            now += below(2 * step + 1) + if row % 97 == 96 { below(40 * step + 1) } else { 0 };
            now - below(disorder + 1)
        })
        .collect()
}

const BATCHES: [&[usize]; 3] = [&[1], &[7, 64, 3], &[1_000]];

#[test]
fn windows_by_time_hold_the_rows_of_their_time_whatever_the_order_and_the_batches() {
    for seed in 0..60 {
        let (length, disorder) = ([100, 1_000, 60][seed as usize % 3], [0, 30, 400][seed as usize / 3 % 3]);
        let times = times(seed, 700, 1 + (seed as i64 % 7) * 5, disorder);
        for lateness_ms in [0, 25, 500] {
            for panes in [1, 2, 5, 12] {
                let length_ms = length * panes;
                let windowing = Windowing { length: Length::Time { length_ms, lateness_ms }, panes: panes as usize };
                let expected = by_definition(length_ms, lateness_ms, panes, &times);
                for batches in BATCHES {
                    let found = windows(windowing, &times, batches);
                    assert_eq!(found, expected, "seed {seed}, {windowing:?}, batches {batches:?}");
                }
            }
        }
    }
}

#[test]
fn windows_by_rows_are_slices_of_the_stream() {
    let times = vec![0; 1_003];
    for (rows, panes) in [(100, 1), (7, 1), (1, 1), (100, 2), (100, 10), (5_000, 10)] {
        let windowing = Windowing { length: Length::Rows(rows), panes };
        let pane = rows as usize / panes;
        let ends = (1..).map(|pane_number| pane_number * pane).take_while(|&end| end <= times.len());
        let expected: Vec<Vec<u32>> = ends
            .filter(|&end| end >= rows as usize)
            .map(|end| ((end - rows as usize) as u32..end as u32).collect())
            .collect();
        for batches in BATCHES {
            assert_eq!(windows(windowing, &times, batches), (expected.clone(), 0), "{windowing:?} {batches:?}");
        }
    }
}

#[test]
fn memory_does_not_grow_with_rows_or_gaps() {
    let windowing = Windowing { length: Length::Time { length_ms: 1_000, lateness_ms: 300 }, panes: 10 };
    let mut panes = Panes::<Vec<u32>>::default();
    let mut most = 0;
    for (step, time) in times(3, 20_000, 40, 250).into_iter().enumerate() {
        // Years of silence now and then.
        let times = [time + (step as i64 / 5_000) * 100_000_000_000];
        let mut rows = 0..1;
        while let Some((pane, _)) = panes.place(&windowing, &times, &mut rows, Vec::new) {
            pane.push(0);
            while panes.due(&windowing).is_some() {}
        }
        most = most.max(panes.panes.len());
    }
    assert!((10..=15).contains(&most), "{most}");
}

#[test]
fn a_row_of_next_year_does_not_blind_for_a_year() {
    let windowing = Windowing { length: Length::Time { length_ms: 100, lateness_ms: 0 }, panes: 1 };
    let mut times: Vec<i64> = (0..30_000).collect();
    times[500] = 31_536_000_000;
    times[7_000] = 31_536_000_001;
    let (found, late) = windows(windowing, &times, &[1_000]);
    assert_eq!(late, MAX_LATE_EXCESS + 1);
    assert_eq!(found[4], (400..500).collect::<Vec<_>>());
    assert_eq!(found.last().unwrap(), &(29_800..29_900).collect::<Vec<_>>());
}

#[test]
fn times_at_the_ends_of_the_range_are_defined() {
    let windowing = Windowing { length: Length::Time { length_ms: 10, lateness_ms: 5 }, panes: 3 };
    let (found, late) = windows(windowing, &[i64::MIN, 0, i64::MAX, i64::MIN, i64::MAX], &[2]);
    assert_eq!((found.len(), late), (6, 1));
}

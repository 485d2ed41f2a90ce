//! Windows by rows or by time, one after another or sliding.
//!
//! Rows go to panes, which neither overlap nor leave a gap; a window is so many panes in a row, and is told when the last
//! of them is complete. Memory is that of the panes, whatever the number of rows.
//!
//! By rows a pane is complete with its last row. By time a row belongs to the pane that its time falls into, whatever
//! order rows come in, and a pane is complete once a row has come whose time is `lateness_ms` past the pane's end: no
//! clock is asked, so that the same rows give the same windows. A row that comes later than that is counted as late and
//! left out. A window without rows is not told of.

use std::collections::VecDeque;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Accumulator;

/// So many more late rows than rows in time, and it was the one that made them late that was wrong, such as a row of next
/// year: windows begin anew.
const MAX_LATE_EXCESS: u64 = 10_000;

/// What a window's length is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// So many rows.
    Rows(u64),
    /// So long, by the rows' own times; a row may come `lateness_ms` after one that is younger.
    Time {
        /// Milliseconds.
        length_ms: i64,
        /// Milliseconds.
        lateness_ms: i64,
    },
}

/// Which rows make a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windowing {
    /// Length of a window.
    pub length: Length,
    /// Panes of a window. One: windows follow each other. More: each begins a pane after the one before.
    pub panes: usize,
}

impl Windowing {
    fn panes(&self) -> i64 {
        i64::try_from(self.panes.max(1)).unwrap_or(i64::MAX)
    }
}

/// The panes that are not forgotten yet, the oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Panes<T> {
    panes: VecDeque<Pane<T>>,
    /// By time: the oldest pane that is not complete.
    next: Option<i64>,
    /// By time: that of the youngest row.
    newest_ms: i64,
    late: u64,
    /// Late rows less those in time since, 0 at least.
    late_excess: u64,
}

/// Rows that enter and leave a window together.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pane<T> {
    /// By time: its start, in pane lengths since 1970. By rows: its number.
    id: i64,
    /// By rows only.
    rows: u64,
    counted: T,
}

impl<T> Default for Panes<T> {
    fn default() -> Self {
        Self { panes: VecDeque::new(), next: None, newest_ms: i64::MIN, late: 0, late_excess: 0 }
    }
}

impl<T: Accumulator + Clone> Panes<T> {
    /// Panes by rows, of which the first has counted some already.
    pub fn begun(rows: u64, counted: T) -> Self {
        Self { panes: VecDeque::from([Pane { id: 0, rows, counted }]), ..Self::default() }
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// Rows left out because they came too late.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Takes the first of the rows `rows` that belong to one pane off them. Returns what they are to be added to, an
    /// `empty` one where the pane is new. None once no row is left. After each call, take what is [`due`](Self::due).
    ///
    /// # Panics
    /// When windows are told in time and `rows` reach past the end of `times_ms`.
    pub fn place(
        &mut self,
        windowing: &Windowing,
        times_ms: &[i64],
        rows: &mut Range<usize>,
        empty: impl FnOnce() -> T,
    ) -> Option<(&mut T, Range<usize>)> {
        match windowing.length {
            Length::Rows(length) => self.place_by_rows(rows_of_a_pane(length, windowing), rows, empty),
            Length::Time { length_ms, lateness_ms } => {
                let pane_ms = length_of_a_pane(length_ms, windowing);
                self.place_by_time(pane_ms, lateness_ms, times_ms, rows, empty)
            }
        }
    }

    /// The next window that is complete, if one is.
    pub fn due(&mut self, windowing: &Windowing) -> Option<T> {
        match windowing.length {
            Length::Rows(length) => self.due_by_rows(rows_of_a_pane(length, windowing), windowing.panes.max(1)),
            Length::Time { length_ms, lateness_ms } => {
                self.due_by_time(length_of_a_pane(length_ms, windowing), lateness_ms, windowing.panes())
            }
        }
    }

    fn place_by_rows(
        &mut self,
        pane_rows: u64,
        rows: &mut Range<usize>,
        empty: impl FnOnce() -> T,
    ) -> Option<(&mut T, Range<usize>)> {
        if Range::is_empty(rows) {
            return None;
        }
        if self.panes.back().is_none_or(|pane| pane.rows >= pane_rows) {
            let id = self.panes.back().map_or(0, |pane| pane.id.wrapping_add(1));
            self.panes.push_back(Pane { id, rows: 0, counted: empty() });
        }
        let pane = self.panes.back_mut()?;
        let room = usize::try_from(pane_rows - pane.rows).unwrap_or(usize::MAX);
        let run = rows.start..rows.end.min(rows.start.saturating_add(room));
        rows.start = run.end;
        pane.rows += run.len() as u64;
        Some((&mut pane.counted, run))
    }

    fn place_by_time(
        &mut self,
        pane_ms: i64,
        lateness_ms: i64,
        times_ms: &[i64],
        rows: &mut Range<usize>,
        empty: impl FnOnce() -> T,
    ) -> Option<(&mut T, Range<usize>)> {
        while !Range::is_empty(rows) {
            let first_ms = times_ms[rows.start];
            let id = first_ms.div_euclid(pane_ms);
            let of_pane = |&&time: &&i64| time.div_euclid(pane_ms) == id;
            let run = rows.start..rows.start + times_ms[rows.clone()].iter().take_while(of_pane).count();
            rows.start = run.end;
            // Rows of before the first one may still come.
            let next = *self.next.get_or_insert(first_ms.saturating_sub(lateness_ms).div_euclid(pane_ms));
            if id < next {
                let late = (run.len() as u64).min(MAX_LATE_EXCESS - self.late_excess);
                rows.start = run.start + late as usize;
                self.leave_out(late);
                continue;
            }
            self.late_excess = self.late_excess.saturating_sub(run.len() as u64);
            let newest = times_ms[run.clone()].iter().copied().max();
            self.newest_ms = self.newest_ms.max(newest.unwrap_or(i64::MIN));
            let at = match self.panes.binary_search_by_key(&id, |pane| pane.id) {
                Ok(at) => at,
                Err(at) => {
                    self.panes.insert(at, Pane { id, rows: 0, counted: empty() });
                    at
                }
            };
            return Some((&mut self.panes[at].counted, run));
        }
        None
    }

    fn leave_out(&mut self, rows: u64) {
        self.late += rows;
        self.late_excess += rows;
        if self.late_excess >= MAX_LATE_EXCESS {
            *self = Self { late: self.late, ..Self::default() };
        }
    }

    fn due_by_rows(&mut self, pane_rows: u64, panes: usize) -> Option<T> {
        let full = self.panes.back()?.rows >= pane_rows;
        if !full || self.panes.len() < panes {
            return None;
        }
        let window = self.sum(i64::MAX);
        self.panes.pop_front();
        window
    }

    fn due_by_time(&mut self, pane_ms: i64, lateness_ms: i64, panes: i64) -> Option<T> {
        let complete_ms = self.newest_ms.saturating_sub(lateness_ms);
        loop {
            let last = self.next?;
            if last.saturating_add(1).saturating_mul(pane_ms) > complete_ms {
                return None;
            }
            let first = last.saturating_sub(panes - 1);
            while self.panes.front().is_some_and(|pane| pane.id < first) {
                self.panes.pop_front();
            }
            // A gap is passed over at once, however long it is.
            let oldest = self.panes.front().map_or(i64::MAX, |pane| pane.id);
            self.next = Some(oldest.min(complete_ms.div_euclid(pane_ms)).max(last.saturating_add(1)));
            if oldest <= last {
                return self.sum(last);
            }
        }
    }

    /// All panes up to `last` added up.
    fn sum(&self, last: i64) -> Option<T> {
        let mut panes = self.panes.iter().take_while(|pane| pane.id <= last);
        let mut sum = panes.next()?.counted.clone();
        panes.for_each(|pane| sum.merge(&pane.counted));
        Some(sum)
    }
}

fn rows_of_a_pane(length: u64, windowing: &Windowing) -> u64 {
    length.div_ceil(windowing.panes.max(1) as u64).max(1)
}

fn length_of_a_pane(length_ms: i64, windowing: &Windowing) -> i64 {
    (length_ms / windowing.panes()).max(1)
}

#[cfg(test)]
mod tests;

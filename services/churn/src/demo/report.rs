//! The summary of a demo run.

use churn_synthesizer::Begun;
use serde::Serialize;

use super::closed_loop::LoopStep;

/// What a run did, as `--report` writes it. Rows are counted in Postgres and ids compared there: nothing is derived from the
/// program's own counters but what is named so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Events that the broker acknowledged.
    pub(crate) events_produced: u64,
    /// Events that the scorer scored and committed.
    pub(crate) events_scored: u64,
    /// Rows of this run in `scored_event`.
    pub(crate) rows_stored: u64,
    /// Rows of this run in `outcome`.
    pub(crate) outcomes_stored: u64,
    /// Rows and outcomes of this run beyond the first of their event.
    pub(crate) duplicates: u64,
    /// Acknowledged events without a row, or without an outcome.
    pub(crate) lost: u64,
    /// Records that went to a dead-letter topic.
    pub(crate) dead_letters: u64,
    /// Rows of events that others sent into the demo's topics (`churn produce`).
    pub(crate) rows_of_others: u64,
    /// Rows stored over the seconds from the first event to the last row.
    pub(crate) throughput_per_second: f64,
    /// From the moment an event was scheduled for to its row's commit.
    pub(crate) latency_ms: Percentiles,
    /// The model that scored last.
    pub(crate) model: LiveModel,
    /// Largest resident memory of the program, without Postgres.
    pub(crate) peak_rss_bytes: Option<u64>,
    /// Seconds from the start of the set-up for streaming to the first stored row.
    pub(crate) first_row_seconds: Option<f64>,
    /// Seconds from the first event to the last row.
    pub(crate) streamed_seconds: f64,
    /// What the stream went through, and with which event it began.
    pub(crate) scenarios: Vec<Begun>,
    /// What the closed loop did, and when.
    pub(crate) closed_loop: Vec<LoopStep>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// A model and how it does on live outcomes; `None` where there is no outcome of either class yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct LiveModel {
    pub(crate) version: String,
    pub(crate) auc: Option<f64>,
    pub(crate) log_loss: Option<f64>,
}

impl Report {
    /// What is wrong with the run, in words; nothing when every acknowledged event has exactly one row.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                violations.push(what);
            }
        };
        expect(self.lost == 0, format!("{} acknowledged events have no row or outcome", self.lost));
        expect(self.duplicates == 0, format!("{} rows are duplicates", self.duplicates));
        let (produced, scored, stored) = (self.events_produced, self.events_scored, self.rows_stored);
        let (others, dead) = (self.rows_of_others, self.dead_letters);
        expect(
            produced + others == scored + dead && scored == stored + others,
            format!(
                "{produced} events were produced, {scored} scored, {stored} stored, {others} of others, {dead} set aside"
            ),
        );
        violations
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        writeln!(f, "events produced   {:>12}", self.events_produced)?;
        writeln!(f, "events scored     {:>12}", self.events_scored)?;
        writeln!(f, "rows stored       {:>12}", self.rows_stored)?;
        writeln!(f, "outcomes stored   {:>12}", self.outcomes_stored)?;
        writeln!(f, "lost              {:>12}", self.lost)?;
        writeln!(f, "duplicates        {:>12}", self.duplicates)?;
        writeln!(f, "dead letters      {:>12}", self.dead_letters)?;
        if self.rows_of_others > 0 {
            writeln!(f, "rows of others    {:>12}", self.rows_of_others)?;
        }
        writeln!(
            f,
            "throughput        {:>12.0} rows/s over {:.1} s",
            self.throughput_per_second, self.streamed_seconds
        )?;
        writeln!(f, "latency p50, p99  {:>12.0} ms, {:.0} ms", self.latency_ms.p50, self.latency_ms.p99)?;
        if let Some(peak) = self.peak_rss_bytes {
            writeln!(f, "peak memory       {:>12.0} MiB", peak as f64 / f64::from(1 << 20))?;
        }
        for begun in &self.scenarios {
            writeln!(f, "scenario          {:>12} from event {} on, {}", begun.name, begun.sequence, begun.at)?;
        }
        for step in &self.closed_loop {
            writeln!(f, "closed loop       {step}")?;
        }
        let model = &self.model;
        write!(
            f,
            "model             {:>12} AUC {}, log-loss {}",
            model.version,
            figure(model.auc),
            figure(model.log_loss)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Report {
        Report {
            events_produced: 10,
            events_scored: 10,
            rows_stored: 10,
            outcomes_stored: 10,
            duplicates: 0,
            lost: 0,
            dead_letters: 0,
            rows_of_others: 0,
            throughput_per_second: 1.0,
            latency_ms: Percentiles::default(),
            model: LiveModel::default(),
            peak_rss_bytes: None,
            first_row_seconds: None,
            streamed_seconds: 10.0,
            scenarios: Vec::new(),
            closed_loop: Vec::new(),
        }
    }

    #[test]
    fn a_run_with_every_event_stored_once_has_no_violation() {
        assert_eq!(good().violations(), Vec::<String>::new());
    }

    #[test]
    fn lost_doubled_and_unaccounted_rows_are_violations() {
        assert_eq!(Report { lost: 1, ..good() }.violations().len(), 1);
        assert_eq!(Report { duplicates: 1, ..good() }.violations().len(), 1);
        assert_eq!(Report { rows_stored: 9, ..good() }.violations().len(), 1);
        let others = Report { events_scored: 13, rows_of_others: 3, ..good() };
        assert_eq!((others.violations().len(), Report { rows_stored: 9, ..others }.violations().len()), (0, 1));
        assert_eq!(Report { events_scored: 9, dead_letters: 1, rows_stored: 9, ..good() }.violations().len(), 0);
    }
}

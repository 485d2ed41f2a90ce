//! What is said beside events, in the headers of their records: scenarios that begin, and traces.

use churn_runtime::traces::{TRACEPARENT, Traceparent};
use churn_stream::Header;

use crate::write::Batch;

/// Beside the first event that a scenario may touch: which scenario, as JSON.
pub const SCENARIO_HEADER: &str = "churn-scenario";

/// What is said beside an event, in the header `churn-scenario`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    sequence: i64,
    value: Vec<u8>,
}

impl Mark {
    /// A value, as JSON, beside the event of that number.
    pub fn new(sequence: i64, value: &impl serde::Serialize) -> Self {
        // Values of ours always fit into JSON; a mark without one would still say that something happened.
        Self { sequence, value: serde_json::to_vec(value).unwrap_or_default() }
    }
}

/// Headers by row.
#[derive(Debug, Default)]
pub(crate) struct Beside<'a>(Vec<(usize, Note<'a>)>);

#[derive(Debug)]
enum Note<'a> {
    Scenario(&'a [u8]),
    Trace(Traceparent),
}

impl<'a> Beside<'a> {
    /// Of the events in a batch.
    pub(crate) fn events_of(batch: &'a Batch) -> Self {
        let row = |mark: &Mark| batch.events.sequence.binary_search(&mark.sequence).ok();
        let marks = batch.marks.iter().filter_map(|mark| Some((row(mark)?, Note::Scenario(&mark.value))));
        let traces = batch.traces.iter().map(|(row, context)| (*row, Note::Trace(context.traceparent())));
        let mut notes: Vec<_> = marks.chain(traces).collect();
        notes.sort_by_key(|(row, _)| *row);
        Self(notes)
    }

    /// The headers of a row's record. Costs nothing where there are none.
    pub(crate) fn headers(&self, row: usize) -> Vec<Header<'_>> {
        let first = self.0.partition_point(|(noted, _)| *noted < row);
        let here = self.0[first..].iter().take_while(|(noted, _)| *noted == row);
        here.map(|(_, note)| match note {
            Note::Scenario(value) => Header { name: SCENARIO_HEADER, value: Some(value) },
            Note::Trace(value) => Header { name: TRACEPARENT, value: Some(value.as_ref()) },
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use churn_runtime::traces::SpanContext;

    use super::*;

    #[test]
    fn each_row_has_its_own_headers() {
        let mut batch = Batch::default();
        batch.events.sequence = vec![7, 8, 9];
        batch.marks = vec![Mark::new(9, &"drift"), Mark::new(10, &"not here")];
        let context = SpanContext::root();
        batch.traces = vec![(0, context), (2, context)];
        let beside = Beside::events_of(&batch);
        let traceparent = context.traceparent();
        let trace = Header { name: TRACEPARENT, value: Some(traceparent.as_ref()) };
        let scenario = Header { name: SCENARIO_HEADER, value: Some(&b"\"drift\""[..]) };
        assert_eq!([0, 1, 2].map(|row| beside.headers(row)), [vec![trace], vec![], vec![scenario, trace]]);
    }
}

//! The traces of a batch of records.
//!
//! A batch mixes records of many traces, so it has a span of its own, in a trace of its own, with links to the records' spans. Each
//! record that is traced has a span in its own trace as well, which links back: so a trace leads from its event to its row, and
//! from each step to the batch that the record shared.
//!
//! Spans of a batch leave when it is durable; what is undone and read again was never done.

use churn_runtime::clock::now_ns;
use churn_runtime::traces::{Field, Span, SpanContext, SpanKind, TRACEPARENT, Traceparent, Tracer};

use crate::Record;

/// What the spans of a step are called: few names, which never hold an id.
#[derive(Debug, Clone, Copy)]
pub struct SpanNames {
    /// The span of a batch.
    pub batch: &'static str,
    /// The span of one record.
    pub record: &'static str,
}

/// The traces of the batch in hand.
#[derive(Debug)]
pub struct BatchTrace {
    tracer: Tracer,
    names: SpanNames,
    started_ns: u64,
    batch: Option<SpanContext>,
    records: Vec<Traced>,
}

/// A record that is traced.
#[derive(Debug)]
struct Traced {
    row: usize,
    parent: SpanContext,
    own: SpanContext,
    partition: i32,
    offset: i64,
}

impl BatchTrace {
    /// Traces by `tracer`; one that is off costs nothing.
    #[must_use]
    pub fn new(tracer: Tracer, names: SpanNames) -> Self {
        Self { tracer, names, started_ns: 0, batch: None, records: Vec::new() }
    }

    /// A batch begins; what the last one left is forgotten.
    pub fn begin(&mut self) {
        self.batch = None;
        self.records.clear();
        if self.tracer.is_on() {
            self.started_ns = now_ns();
        }
    }

    /// The record of the next row, or of one further on.
    pub fn meet(&mut self, row: usize, record: &Record<'_>) {
        if !self.tracer.is_on() {
            return;
        }
        let Some(parent) = record.header(TRACEPARENT).and_then(SpanContext::read) else { return };
        self.batch.get_or_insert_with(SpanContext::root);
        let (partition, offset) = (record.partition(), record.offset());
        self.records.push(Traced { row, parent, own: parent.child(), partition, offset });
    }

    /// That row is no row of this step after all.
    pub fn set_aside(&mut self, row: usize) {
        self.records.retain(|traced| traced.row != row);
    }

    /// What a record made from that row carries in its header [`TRACEPARENT`]; none where it is not traced.
    #[must_use]
    pub fn traceparent(&self, row: usize) -> Option<Traceparent> {
        let place = self.records.binary_search_by_key(&row, |traced| traced.row).ok()?;
        self.records.get(place).map(|traced| traced.own.traceparent())
    }

    /// What the log says of the batch from here on.
    #[must_use]
    pub fn log_span(&self) -> tracing::Span {
        // At the level of errors: it must be there for them too.
        self.batch.map_or_else(
            tracing::Span::none,
            |context| tracing::error_span!("batch", trace_id = %context.trace, span_id = %context.span),
        )
    }

    /// The batch is durable: its spans end. `facts` are said of the batch, `id` names a row.
    pub fn durable<'a>(
        &mut self,
        rows: usize,
        topic: &str,
        facts: impl IntoIterator<Item = (&'static str, &'a str)>,
        id: impl Fn(usize) -> Option<String>,
    ) {
        let Some(context) = self.batch.take() else { return };
        let (start, end) = (self.started_ns, now_ns());
        let span = |name, context| {
            Span::new(name, SpanKind::Consumer, context, start, end).with("messaging.destination.name", topic)
        };
        let links = self.records.iter().map(|traced| traced.parent);
        let batch = span(self.names.batch, context).with("messaging.batch.message_count", rows).linked(links);
        let batch = facts.into_iter().fold(batch, |span, (name, value)| span.with(name, value));
        self.tracer.send(batch);
        for traced in self.records.drain(..) {
            let record = span(self.names.record, traced.own).under(traced.parent).linked([context]);
            let record = record
                .with("messaging.destination.partition.id", Field::Text(traced.partition.to_string()))
                .with("messaging.kafka.offset", traced.offset);
            let record = match id(traced.row) {
                Some(id) => record.with("churn.score_id", Field::Text(id)),
                None => record,
            };
            self.tracer.send(record);
        }
    }
}

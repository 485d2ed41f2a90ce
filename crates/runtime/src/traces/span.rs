//! A span that has ended.

use super::MAX_LINKS;
use super::context::SpanContext;

/// The role of a span in its trace, by OpenTelemetry's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Sends a record.
    Producer = 4,
    /// Works on a record that was received.
    Consumer = 5,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// A text.
    Text(String),
    /// A number of things, or a place.
    Number(i64),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Field {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Field {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A piece of work in a trace, from its start to its end.
#[derive(Debug, Clone)]
pub struct Span {
    pub(super) name: &'static str,
    pub(super) kind: SpanKind,
    pub(super) context: SpanContext,
    pub(super) parent: Option<SpanContext>,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) fields: Vec<(&'static str, Field)>,
    pub(super) links: Vec<SpanContext>,
    pub(super) unlinked: usize,
}

impl Span {
    /// The first span of its trace. Times are nanoseconds since 1970; an end before the start counts as the start.
    pub fn new(name: &'static str, kind: SpanKind, context: SpanContext, start_ns: u64, end_ns: u64) -> Self {
        let end_ns = end_ns.max(start_ns);
        let (fields, links) = (vec![("messaging.system", Field::from("kafka"))], Vec::new());
        Self { name, kind, context, parent: None, start_ns, end_ns, fields, links, unlinked: 0 }
    }

    /// The same as a part of that one, of the same trace.
    #[must_use]
    pub fn under(mut self, parent: SpanContext) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The same with links to other spans, as many as a span may have.
    #[must_use]
    pub fn linked(mut self, to: impl IntoIterator<Item = SpanContext>) -> Self {
        for context in to {
            if self.links.len() < MAX_LINKS {
                self.links.push(context);
            } else {
                self.unlinked += 1;
            }
        }
        self
    }
}

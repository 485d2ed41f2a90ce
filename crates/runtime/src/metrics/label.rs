//! What each label may say. A metric whose labels take too many values costs the monitoring more than it tells, so every label has
//! a bound, and a label that is not listed here is refused by a test.

use serde::Serialize;

use super::spec::{Kind, MetricSpec};

/// A label and the most values that it takes in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Most values in one process.
    pub most: usize,
    /// What the values are.
    pub values: &'static str,
}

const fn label(name: &'static str, most: usize, values: &'static str) -> Label {
    Label { name, most, values }
}

/// Every label of every metric, by name.
pub const LABELS: &[Label] = &[
    label("bin", 12, "words, values or ranges of a feature; words from outside are one"),
    label("bound", 3, "lower or upper end of an interval or band, and its middle"),
    label("class", 16, "kinds of faults in a record: framing, unknown_schema, out_of_range, ..."),
    label("commit", 1, "the commit of the build"),
    label("component", 8, "what a part depends on: kafka, database, model, ..., and the part itself"),
    label("detector", 4, "adwin, page-hinkley, ddm, kswin"),
    label("feature", 21, "the nineteen features, probability for the score, label for the predictions"),
    label("kind", 4, "which of a few cases, as the metric says"),
    label("metric", 8, "auc, f1, accuracy, precision, recall, brier, average_precision, calibration_error"),
    label(
        "model_version",
        8,
        "versions that a process has met: monitor.max_models, or the champions of a scorer's life",
    ),
    label("origin", 4, "where the rows of a training come from"),
    label("outcome", 4, "promoted, rejected or failed"),
    label("partition", 64, "partitions of a topic that a process holds"),
    label("reason", 6, "drift, performance, alert, schedule, manual"),
    label("reference", 2, "live (the version's first rows in the stream), and training or now"),
    label("result", 8, "what became of it, as the metric says"),
    label("role", 2, "champion or shadow"),
    label("route", 32, "the routes of the HTTP server, by pattern"),
    label("rows", 2, "block or reference"),
    label("segment", 8, "the features that divide the customers (monitor.segments)"),
    label("signal", 2, "warning or drift"),
    label("stage", 8, "synthesizer, scorer, sink, monitor, trainer, and what else reads or writes topics"),
    label("status", 20, "HTTP status codes"),
    label("step", 8, "steps of a batch: decode, encode, predict, produce, commit"),
    label("table", 2, "scored_event or outcome"),
    label("target", 4, "servers: kafka, postgres, registry, ..."),
    label("topic", 8, "the topics that a process reads"),
    label("value", 16, "the words of a segment"),
    label("version", 1, "the version of the build"),
];

impl MetricSpec {
    /// The most time series that one process gives for this metric; a histogram has one a bucket, and three more. A label that is
    /// not listed counts as endless.
    pub fn most_series(&self) -> usize {
        let of = |name: &str| LABELS.iter().find(|label| label.name == name).map_or(usize::MAX, |label| label.most);
        let each = if self.kind == Kind::Histogram { self.buckets.len() + 3 } else { 1 };
        self.labels.iter().fold(each, |series, label| series.saturating_mul(of(label)))
    }
}

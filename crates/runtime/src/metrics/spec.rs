//! How a metric is declared: once, with a type that says how it may be used.

use std::marker::PhantomData;

use serde::Serialize;

/// Prometheus type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Only rises; the name ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts by bucket.
    Histogram,
}

/// What one unit of the value is. Base units only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A number of things, or of nothing in particular.
    Count,
    /// Seconds; the name has `_seconds`.
    Seconds,
    /// Bytes; the name has `_bytes`.
    Bytes,
    /// A share or score from 0 to 1.
    Ratio,
    /// Constant 1, its labels are the news; the name ends in `_info`.
    Info,
}

/// The declaration of one metric, as documented and as registered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MetricSpec {
    /// Full name, with the prefix `churn_`.
    pub name: &'static str,
    /// Prometheus type.
    pub kind: Kind,
    /// Unit of the value.
    pub unit: Unit,
    /// Label names, in the order in which values are given. Each has few possible values.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets; empty otherwise.
    pub buckets: &'static [f64],
    /// One sentence for whoever meets it in a dashboard.
    pub help: &'static str,
}

/// A declaration that knows its collector: `IntCounter` for `Spec<IntCounter>`, and so on. A metric with labels cannot be asked
/// for without them, nor a gauge as a counter.
#[derive(Debug, Clone, Copy)]
pub struct Spec<C> {
    pub(crate) spec: MetricSpec,
    collector: PhantomData<fn() -> C>,
}

impl<C> Spec<C> {
    /// The declaration without its type.
    pub const fn describe(&self) -> &MetricSpec {
        &self.spec
    }

    const fn of(spec: MetricSpec) -> Self {
        Self { spec, collector: PhantomData }
    }
}

type Labels = &'static [&'static str];
type Buckets = &'static [f64];

const fn spec(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: Labels,
    buckets: Buckets,
    help: &'static str,
) -> MetricSpec {
    MetricSpec { name, kind, unit, labels, buckets, help }
}

impl Spec<prometheus::IntCounter> {
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::of(spec(name, Kind::Counter, Unit::Count, &[], &[], help))
    }
}

impl Spec<prometheus::Counter> {
    pub(super) const fn seconds_counter(name: &'static str, help: &'static str) -> Self {
        Self::of(spec(name, Kind::Counter, Unit::Seconds, &[], &[], help))
    }
}

impl Spec<prometheus::IntCounterVec> {
    pub(super) const fn counter_vec(name: &'static str, labels: Labels, help: &'static str) -> Self {
        Self::of(spec(name, Kind::Counter, Unit::Count, labels, &[], help))
    }
}

impl Spec<prometheus::Gauge> {
    pub(super) const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self::of(spec(name, Kind::Gauge, unit, &[], &[], help))
    }
}

impl Spec<prometheus::GaugeVec> {
    pub(super) const fn gauge_vec(name: &'static str, unit: Unit, labels: Labels, help: &'static str) -> Self {
        Self::of(spec(name, Kind::Gauge, unit, labels, &[], help))
    }
}

impl Spec<prometheus::Histogram> {
    pub(super) const fn histogram(name: &'static str, unit: Unit, buckets: Buckets, help: &'static str) -> Self {
        Self::of(spec(name, Kind::Histogram, unit, &[], buckets, help))
    }
}

impl Spec<prometheus::HistogramVec> {
    pub(super) const fn histogram_vec(
        name: &'static str,
        unit: Unit,
        labels: Labels,
        buckets: Buckets,
        help: &'static str,
    ) -> Self {
        Self::of(spec(name, Kind::Histogram, unit, labels, buckets, help))
    }
}

//! Prometheus metrics of all parts: declared once in [`mod@catalogue`], registered at first use, shared by the parts of one process.
//!
//! ```
//! use churn_runtime::metrics::{Metrics, catalogue};
//!
//! let metrics = Metrics::new();
//! metrics.counter_vec(&catalogue::SINK_ROWS).with_label_values(&["outcome"]).inc_by(3);
//! assert!(metrics.render().contains("churn_sink_rows_total{table=\"outcome\"} 3"));
//! ```

pub mod catalogue;
mod collect;
mod label;
pub mod process;
mod spec;

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use label::{LABELS, Label};
use prometheus::core::Collector;
pub use prometheus::{Counter, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec};
use prometheus::{HistogramOpts, Registry, TextEncoder};
pub use spec::{Kind, MetricSpec, Spec, Unit};

use crate::clock;
use crate::health::Health;
use crate::progress::Progress;

/// Why registering cannot fail: the catalogue is constant, and a test registers all of it.
const DECLARED: &str = "every metric of the catalogue is well formed and declared once";

/// Content type of [`Metrics::render`].
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every declared metric, for the documentation and for the check of rules and dashboards.
pub fn catalogue() -> &'static [&'static MetricSpec] {
    catalogue::ALL
}

/// One process's metrics. Clones share the registry; asking twice for a metric gives the same collector.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    collectors: Arc<Mutex<HashMap<&'static str, Box<dyn Any + Send>>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// With the process's own metrics.
    pub fn new() -> Self {
        let metrics = Self { registry: Registry::new(), collectors: Arc::default() };
        metrics.add(collect::of_process(clock::now_ms() as f64 / 1000.0));
        metrics
    }

    /// A counter.
    pub fn counter(&self, spec: &Spec<IntCounter>) -> IntCounter {
        self.collector(spec)
    }

    /// A counter of seconds.
    pub fn seconds_counter(&self, spec: &Spec<Counter>) -> Counter {
        self.collector(spec)
    }

    /// A counter with labels.
    pub fn counter_vec(&self, spec: &Spec<IntCounterVec>) -> IntCounterVec {
        self.collector(spec)
    }

    /// A gauge.
    pub fn gauge(&self, spec: &Spec<Gauge>) -> Gauge {
        self.collector(spec)
    }

    /// A gauge with labels.
    pub fn gauge_vec(&self, spec: &Spec<GaugeVec>) -> GaugeVec {
        self.collector(spec)
    }

    /// A histogram.
    pub fn histogram(&self, spec: &Spec<Histogram>) -> Histogram {
        self.collector(spec)
    }

    /// A histogram with labels.
    pub fn histogram_vec(&self, spec: &Spec<HistogramVec>) -> HistogramVec {
        self.collector(spec)
    }

    /// Shows every stage's counters and lag. The admin server calls it; once per process.
    pub fn export_progress(&self, progress: &Progress) {
        self.add(collect::of_progress(progress.clone()));
    }

    /// Shows every component's readiness. The admin server calls it; once per process.
    pub fn export_health(&self, health: &Health) {
        self.add(collect::of_health(health.clone()));
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        text
    }

    pub(crate) fn collector<C: Declared>(&self, spec: &Spec<C>) -> C {
        let mut collectors = self.collectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(collector) = collectors.get(spec.spec.name).and_then(|known| known.downcast_ref::<C>()) {
            return collector.clone();
        }
        let collector = C::declare(&spec.spec).expect(DECLARED);
        self.registry.register(Box::new(collector.clone())).expect(DECLARED);
        collectors.insert(spec.spec.name, Box::new(collector.clone()));
        collector
    }

    /// Adds a collector; a second one for the same metrics is left out.
    fn add(&self, collector: impl Collector + 'static) {
        if self.registry.register(Box::new(collector)).is_err() {
            tracing::debug!("metrics are exported already");
        }
    }
}

/// A collector that can be made from its declaration.
pub(crate) trait Declared: Collector + Clone + Send + 'static {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self>;
}

impl Declared for IntCounter {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::with_opts(collect::opts(spec))
    }
}

impl Declared for Counter {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::with_opts(collect::opts(spec))
    }
}

impl Declared for IntCounterVec {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::new(collect::opts(spec), spec.labels)
    }
}

impl Declared for Gauge {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::with_opts(collect::opts(spec))
    }
}

impl Declared for GaugeVec {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::new(collect::opts(spec), spec.labels)
    }
}

impl Declared for Histogram {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::from(collect::opts(spec)).buckets(spec.buckets.to_vec()))
    }
}

impl Declared for HistogramVec {
    fn declare(spec: &MetricSpec) -> prometheus::Result<Self> {
        Self::new(HistogramOpts::from(collect::opts(spec)).buckets(spec.buckets.to_vec()), spec.labels)
    }
}

#[cfg(test)]
mod tests;

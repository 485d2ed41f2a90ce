//! Metrics that are read when somebody asks, from the process, from `Progress` and from `Health`: nothing to keep in step.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, GaugeVec, IntCounterVec, Opts};

use super::catalogue::{
    CLIENTS_RENEWED, COMPONENT_READY, CONSUMER_LAG, PROCESS_CPU, PROCESS_PEAK, PROCESS_RESIDENT, PROCESS_START,
    STAGE_DONE, STAGE_DURABLE, STAGE_IDLE, STAGE_PACE, STAGE_READ,
};
use super::process;
use super::spec::MetricSpec;
use crate::health::Health;
use crate::progress::Progress;

pub(super) fn opts(spec: &MetricSpec) -> Opts {
    Opts::new(spec.name, spec.help)
}

fn desc(spec: &MetricSpec) -> Desc {
    let labels = spec.labels.iter().map(|&label| label.to_owned()).collect();
    Desc::new(spec.name.to_owned(), spec.help.to_owned(), labels, Default::default()).expect(super::DECLARED)
}

/// A collector that makes its families anew at every collection.
pub(super) struct OnDemand<F> {
    descs: Vec<Desc>,
    families: F,
}

impl<F: Fn() -> prometheus::Result<Vec<MetricFamily>> + Send + Sync> OnDemand<F> {
    fn new(specs: &[&MetricSpec], families: F) -> Self {
        Self { descs: specs.iter().map(|spec| desc(spec)).collect(), families }
    }
}

impl<F: Fn() -> prometheus::Result<Vec<MetricFamily>> + Send + Sync> Collector for OnDemand<F> {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.families)().unwrap_or_else(|error| {
            tracing::error!(%error, "a metric could not be collected");
            Vec::new()
        })
    }
}

pub(super) fn of_process(started_seconds: f64) -> impl Collector + 'static {
    let specs =
        [PROCESS_RESIDENT.describe(), PROCESS_PEAK.describe(), PROCESS_CPU.describe(), PROCESS_START.describe()];
    OnDemand::new(&specs, move || {
        let mut families = gauge(PROCESS_START.describe(), started_seconds)?;
        if let Some(memory) = process::memory() {
            families.extend(gauge(PROCESS_RESIDENT.describe(), memory.resident as f64)?);
            families.extend(gauge(PROCESS_PEAK.describe(), memory.peak as f64)?);
        }
        if let Some(seconds) = process::cpu_seconds() {
            let counter = Counter::with_opts(opts(PROCESS_CPU.describe()))?;
            counter.inc_by(seconds);
            families.extend(counter.collect());
        }
        Ok(families)
    })
}

fn gauge(spec: &MetricSpec, value: f64) -> prometheus::Result<Vec<MetricFamily>> {
    let gauge = Gauge::with_opts(opts(spec))?;
    gauge.set(value);
    Ok(gauge.collect())
}

pub(super) fn of_progress(progress: Progress) -> impl Collector + 'static {
    let specs = [
        STAGE_READ.describe(),
        STAGE_DONE.describe(),
        STAGE_DURABLE.describe(),
        CLIENTS_RENEWED.describe(),
        STAGE_PACE.describe(),
        STAGE_IDLE.describe(),
        CONSUMER_LAG.describe(),
    ];
    OnDemand::new(&specs, move || {
        let [read, done, durable, renewed] = [&STAGE_READ, &STAGE_DONE, &STAGE_DURABLE, &CLIENTS_RENEWED]
            .map(|spec| IntCounterVec::new(opts(spec.describe()), spec.describe().labels));
        let (read, done, durable, renewed) = (read?, done?, durable?, renewed?);
        let [pace, idle, lags] = [&STAGE_PACE, &STAGE_IDLE, &CONSUMER_LAG]
            .map(|spec| GaugeVec::new(opts(spec.describe()), spec.describe().labels));
        let (pace, idle, lags) = (pace?, idle?, lags?);
        for stage in progress.snapshot() {
            let label = [stage.stage.as_str()];
            read.with_label_values(&label).inc_by(stage.read);
            done.with_label_values(&label).inc_by(stage.done);
            durable.with_label_values(&label).inc_by(stage.durable);
            renewed.with_label_values(&label).inc_by(stage.clients_renewed);
            for (gauge, figure) in [(&pace, stage.pace.per_second), (&idle, stage.pace.idle_seconds)] {
                if let Some(figure) = figure {
                    gauge.with_label_values(&label).set(figure);
                }
            }
        }
        for lag in progress.lags() {
            lags.with_label_values(&[&lag.stage, &lag.topic, &lag.partition.to_string()]).set(lag.records as f64);
        }
        let families =
            [read.collect(), done.collect(), durable.collect(), renewed.collect(), pace.collect(), idle.collect()];
        Ok([families.concat(), lags.collect()].concat())
    })
}

pub(super) fn of_health(health: Health) -> impl Collector + 'static {
    OnDemand::new(&[COMPONENT_READY.describe()], move || {
        let ready = GaugeVec::new(opts(COMPONENT_READY.describe()), COMPONENT_READY.describe().labels)?;
        for (component, state) in health.snapshot() {
            ready.with_label_values(&[&component]).set(f64::from(u8::from(state.up)));
        }
        Ok(ready.collect())
    })
}

//! What the monitor counts and logs.

mod families;

use churn_domain::FEATURES;
use churn_runtime::metrics::{Gauge, GaugeVec, Histogram, IntCounter, IntCounterVec, Metrics, catalogue};
use churn_wire::{DecodeError, RetrainReason, RetrainRequest};

use crate::join::Evicted;
use crate::late::LateResults;
use crate::snapshot::{FeatureDrift, LABEL, ModelSnapshot, MonitorSnapshot, PROBABILITY};

use families::{Families, score_detections};

/// Values of the label `reference`.
const REFERENCES: [&str; 2] = ["live", "training"];
/// Values of the label `kind`.
const ALARMS: [&str; 3] = ["drift", "performance", "quality"];

/// A gauge by model version, and the figure it shows.
type Figure = (GaugeVec, fn(&ModelSnapshot) -> Option<f64>);

/// The monitor's metrics; each method is one thing that happened. A figure that is not defined is not shown.
#[derive(Debug)]
pub(crate) struct MonitorMetrics {
    families: Families,
    delay: Histogram,
    late: IntCounterVec,
    late_waiting: Gauge,
    by_model: [Figure; 10],
    scored: IntCounterVec,
    labelled: IntCounterVec,
    psi: GaugeVec,
    drifted: GaugeVec,
    window: Gauge,
    alarms: GaugeVec,
    loss: GaugeVec,
    detectors: IntCounterVec,
    score_detections: IntCounterVec,
    late_rows: IntCounterVec,
    requests: IntCounterVec,
    evictions: IntCounterVec,
    orphans: IntCounter,
    repeated: IntCounterVec,
    bad: IntCounterVec,
    rebalances: IntCounterVec,
}

impl MonitorMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            families: Families::new(metrics),
            delay: metrics.histogram(&catalogue::MONITOR_OUTCOME_DELAY),
            late: metrics.counter_vec(&catalogue::MONITOR_LATE_OUTCOMES),
            late_waiting: metrics.gauge(&catalogue::MONITOR_LATE_WAITING),
            by_model: [
                (metrics.gauge_vec(&catalogue::MODEL_ACCURACY), |model| model.recent.accuracy),
                (metrics.gauge_vec(&catalogue::MODEL_PRECISION), |model| model.recent.precision),
                (metrics.gauge_vec(&catalogue::MODEL_RECALL), |model| model.recent.recall),
                (metrics.gauge_vec(&catalogue::MODEL_F1), |model| model.recent.f1),
                (metrics.gauge_vec(&catalogue::MODEL_AUC), |model| model.recent.auc),
                (metrics.gauge_vec(&catalogue::MODEL_AVERAGE_PRECISION), |model| model.recent.average_precision),
                (metrics.gauge_vec(&catalogue::MODEL_LOG_LOSS), |model| model.recent.log_loss),
                (metrics.gauge_vec(&catalogue::MODEL_BRIER), |model| model.recent.brier),
                (metrics.gauge_vec(&catalogue::MODEL_CALIBRATION_ERROR), |model| model.recent.calibration_error),
                (metrics.gauge_vec(&catalogue::MODEL_LABEL_COVERAGE), |model| model.label_coverage),
            ],
            scored: metrics.counter_vec(&catalogue::MODEL_SCORED_ROWS),
            labelled: metrics.counter_vec(&catalogue::MODEL_LABELLED_ROWS),
            psi: metrics.gauge_vec(&catalogue::MODEL_FEATURE_PSI),
            drifted: metrics.gauge_vec(&catalogue::MODEL_DRIFTED_FEATURES),
            window: metrics.gauge(&catalogue::MONITOR_JOIN_WINDOW),
            alarms: metrics.gauge_vec(&catalogue::MODEL_ALARM),
            loss: metrics.gauge_vec(&catalogue::MODEL_BLOCK_LOG_LOSS),
            detectors: metrics.counter_vec(&catalogue::MODEL_DETECTIONS),
            score_detections: metrics.counter_vec(&catalogue::MODEL_SCORE_DETECTIONS),
            late_rows: metrics.counter_vec(&catalogue::MODEL_LATE_ROWS),
            requests: metrics.counter_vec(&catalogue::MONITOR_RETRAIN_REQUESTS),
            evictions: metrics.counter_vec(&catalogue::MONITOR_EVICTIONS),
            orphans: metrics.counter(&catalogue::MONITOR_ORPHAN_OUTCOMES),
            repeated: metrics.counter_vec(&catalogue::MONITOR_REPEATED),
            bad: metrics.counter_vec(&catalogue::MONITOR_BAD_RECORDS),
            rebalances: metrics.counter_vec(&catalogue::REBALANCES),
        }
    }

    /// All figures are published.
    pub(crate) fn publish(&mut self, snapshot: &MonitorSnapshot) {
        snapshot.models.iter().for_each(|model| self.model(model));
        self.families.publish(snapshot);
    }

    fn model(&self, model: &ModelSnapshot) {
        let version = model.version.as_str();
        for (gauge, figure) in &self.by_model {
            show(gauge, &[version], figure(model));
        }
        count_up(&self.scored, version, model.scored_rows);
        count_up(&self.labelled, version, model.labelled_rows);
        count_up(&self.late_rows, version, model.late_rows);
        for (detector, found) in score_detections(model) {
            let counter = self.score_detections.with_label_values(&[version, detector]);
            counter.inc_by(found.drifts.saturating_sub(counter.get()));
        }
        self.publish_errors(model);
        for (reference, drift) in REFERENCES.iter().zip([&model.live_drift, &model.training_drift]) {
            self.publish_drift(version, reference, drift);
        }
    }

    /// What may call for a new model, and the detectors beside it.
    fn publish_errors(&self, model: &ModelSnapshot) {
        let version = model.version.as_str();
        let performance = model.performance_alarm.is_some();
        let alarms = [model.drift_alarm, performance, model.quality_alarm];
        for (kind, alarm) in ALARMS.into_iter().zip(alarms) {
            self.alarms.with_label_values(&[version, kind]).set(f64::from(u8::from(alarm)));
        }
        show(&self.loss, &[version, "reference"], model.performance.map(|shift| shift.before));
        show(&self.loss, &[version, "block"], model.performance.map(|shift| shift.now));
        for (labels, total) in detections(model) {
            let counter = self.detectors.with_label_values(&[version, labels[0], labels[1]]);
            counter.inc_by(total.saturating_sub(counter.get()));
        }
    }

    /// The trainer was asked for a new model.
    pub(crate) fn asked(&self, request: &RetrainRequest) {
        let reason = if request.reason == RetrainReason::Drift { "drift" } else { "performance" };
        self.requests.with_label_values(&[reason]).inc();
        tracing::warn!(
            request_id = request.request_id,
            model_version = request.champion_version,
            reason,
            evidence = request.detail,
            "asked for a new model"
        );
    }

    fn publish_drift(&self, version: &str, reference: &str, drift: &[FeatureDrift]) {
        if drift.is_empty() {
            return;
        }
        for name in compared() {
            let psi = drift.iter().find(|feature| feature.feature == name).map(|feature| feature.psi);
            show(&self.psi, &[version, name, reference], psi);
        }
        let drifted = drift.iter().filter(|feature| feature.drifted).count();
        self.drifted.with_label_values(&[version, reference]).set(drifted as f64);
    }

    /// A model version had to make way for a new one: its figures are no longer shown.
    pub(crate) fn forgotten(&mut self, version: &str) {
        tracing::info!(model_version = version, "no longer watched");
        self.families.forget(version);
        self.by_model.iter().for_each(|(gauge, _)| show(gauge, &[version], None));
        let _ = self.scored.remove_label_values(&[version]);
        let _ = self.labelled.remove_label_values(&[version]);
        let _ = self.late_rows.remove_label_values(&[version]);
        for (detector, _) in score_detections(&ModelSnapshot::default()) {
            let _ = self.score_detections.remove_label_values(&[version, detector]);
        }
        for kind in ALARMS {
            let _ = self.alarms.remove_label_values(&[version, kind]);
        }
        for block in ["reference", "block"] {
            show(&self.loss, &[version, block], None);
        }
        for (labels, _) in detections(&ModelSnapshot::default()) {
            let _ = self.detectors.remove_label_values(&[version, labels[0], labels[1]]);
        }
        for reference in REFERENCES {
            let _ = self.drifted.remove_label_values(&[version, reference]);
            for name in compared() {
                show(&self.psi, &[version, name, reference], None);
            }
        }
    }

    /// `orphans` are the outcomes that were given up for good.
    pub(crate) fn join_window(&self, waiting: u64, evicted: Evicted, orphans: u64) {
        self.window.set(waiting as f64);
        self.evictions.with_label_values(&["score"]).inc_by(evicted.scores);
        self.evictions.with_label_values(&["outcome"]).inc_by(evicted.outcomes);
        self.orphans.inc_by(orphans);
    }

    /// Outcomes became known, each so long after its event.
    pub(crate) fn delays(&self, milliseconds: impl Iterator<Item = i64>) {
        // Counted for itself and added at once: an atomic addition for every row would cost more than the row.
        let delays = self.delay.local();
        milliseconds.for_each(|delay| delays.observe(delay.max(0) as f64 / 1_000.0));
        delays.flush();
    }

    /// Outcomes were looked up, or found no place to wait for it.
    pub(crate) fn late(&self, results: LateResults, skipped: u64, waiting: usize) {
        let LateResults { joined, unwatched, unknown, repeated, contradictions } = results;
        for (result, count) in [
            ("joined", joined),
            ("unwatched", unwatched),
            ("unknown", unknown),
            ("repeated", repeated),
            ("contradiction", contradictions),
            ("skipped", skipped),
        ] {
            self.late.with_label_values(&[result]).inc_by(count);
        }
        self.late_waiting.set(waiting as f64);
    }

    /// Records came again: `score`, `outcome`, or `contradiction` for an outcome that says the opposite of the first.
    pub(crate) fn repeated(&self, kind: &str, count: u64) {
        if count > 0 {
            self.repeated.with_label_values(&[kind]).inc_by(count);
        }
    }

    /// A record could not be read. The sink sets it aside; here it is only counted.
    pub(crate) fn bad_record(&self, error: &DecodeError) {
        tracing::debug!(class = error.class.name(), %error, "record passed over");
        self.bad.with_label_values(&[error.class.name()]).inc();
    }

    pub(crate) fn assigned(&self, partitions: usize) {
        self.rebalances.with_label_values(&["monitor"]).inc();
        tracing::info!(partitions, "partitions assigned");
    }
}

/// Values of the label `feature` of what is compared with a reference.
fn compared() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().map(|feature| feature.name).chain([PROBABILITY, LABEL])
}

/// Labels `detector` and `signal` of each detector's counts.
fn detections(model: &ModelSnapshot) -> [([&'static str; 2], u64); 4] {
    let counts = model.detectors;
    [
        (["adwin", "drift"], counts.adwin_drifts),
        (["page-hinkley", "drift"], counts.page_hinkley_drifts),
        (["ddm", "drift"], counts.ddm_drifts),
        (["ddm", "warning"], counts.ddm_warnings),
    ]
}

fn show(gauge: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => gauge.with_label_values(labels).set(value),
        None => drop(gauge.remove_label_values(labels)),
    }
}

fn count_up(counter: &IntCounterVec, version: &str, total: u64) {
    let counter = counter.with_label_values(&[version]);
    counter.inc_by(total.saturating_sub(counter.get()));
}

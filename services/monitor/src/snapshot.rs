//! What the monitor knows, for the program's live table and `/v1/status`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use churn_drift::{DriftRule, Performance, Shift, Summary};
use serde::Serialize;

use crate::drift::Comparison;
use crate::models::Model;
use crate::performance::DetectorCounts;

/// A place where the latest [`MonitorSnapshot`] can be read at any time, without waiting for the monitor.
#[derive(Clone, Debug, Default)]
pub struct MonitorHandle {
    latest: Arc<ArcSwap<MonitorSnapshot>>,
}

impl MonitorHandle {
    /// The figures as last published.
    pub fn snapshot(&self) -> Arc<MonitorSnapshot> {
        self.latest.load_full()
    }

    pub(crate) fn publish(&self, snapshot: MonitorSnapshot) {
        self.latest.store(Arc::new(snapshot));
    }
}

/// All figures at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MonitorSnapshot {
    /// When they were published, epoch milliseconds; 0 before the first time.
    pub published_at_ms: i64,
    /// The model versions, the one last scored with first.
    pub models: Vec<ModelSnapshot>,
    /// Scores and outcomes that wait for their other half.
    pub waiting: u64,
    /// Scores given up without an outcome, since the start.
    pub unlabelled_scores: u64,
    /// Outcomes given up without a score, since the start.
    pub orphan_outcomes: u64,
    /// Outcomes that contradict an earlier one of the same event, since the start.
    pub contradictions: u64,
    /// Records that could not be read, since the start.
    pub bad_records: u64,
    /// Requests for a new model, since the start.
    pub retrain_requests: u64,
}

/// One model version.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelSnapshot {
    /// The version.
    pub version: String,
    /// Scores seen.
    pub scored_rows: u64,
    /// Scores with a known outcome.
    pub labelled_rows: u64,
    /// Their share; `None` without scores.
    pub label_coverage: Option<f64>,
    /// Area under the ROC curve of the recent labelled rows.
    pub auc: Option<f64>,
    /// Log-loss of the recent labelled rows, in nats.
    pub log_loss: Option<f64>,
    /// All figures of the recent labelled rows.
    pub recent: Summary,
    /// All figures of every labelled row.
    pub total: Summary,
    /// Rows collected for the live reference so far.
    pub reference_rows: usize,
    /// The last full window against the live reference, empty before there is one.
    pub live_drift: Vec<FeatureDrift>,
    /// The last full window against the training reference, empty before there is one.
    pub training_drift: Vec<FeatureDrift>,
    /// Whether enough windows in a row have drifted from the live reference.
    pub drift_alarm: bool,
    /// Log-loss of the last full block of labelled rows and of the version's first ones.
    pub performance: Option<Shift>,
    /// The same, when the errors have grown by more than chance and by enough to matter.
    pub performance_alarm: Option<Shift>,
    /// How often the detectors have spoken up.
    pub detectors: DetectorCounts,
}

/// One feature of one comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureDrift {
    /// The feature; `probability` for the score.
    pub feature: &'static str,
    /// Population stability index in nats.
    pub psi: f64,
    /// Adjusted p-value of the chi-square test; `None` for the score, which is not tested with the features.
    pub p_value: Option<f64>,
    /// Whether effect size and significance both say so.
    pub drifted: bool,
}

impl MonitorSnapshot {
    /// The model last scored with.
    pub fn current(&self) -> Option<&ModelSnapshot> {
        self.models.first()
    }

    /// Features of the current model that have drifted from its live reference.
    pub fn drifted_features(&self) -> Vec<String> {
        let drift = self.current().map(|model| model.live_drift.as_slice()).unwrap_or_default();
        drift.iter().filter(|feature| feature.drifted).map(|feature| feature.feature.to_owned()).collect()
    }
}

impl ModelSnapshot {
    /// `scratch` is a place to add the panes up in.
    pub(crate) fn of(model: &Model, rule: &DriftRule, scratch: &mut Performance) -> Self {
        model.recent.sum_into(scratch);
        let recent = scratch.summary();
        Self {
            version: model.version.clone(),
            scored_rows: model.scored,
            labelled_rows: model.labelled,
            label_coverage: (model.scored > 0).then(|| model.labelled as f64 / model.scored as f64),
            auc: recent.auc,
            log_loss: recent.log_loss,
            recent,
            total: model.total.summary(),
            reference_rows: model.drift.reference_rows(),
            live_drift: FeatureDrift::all(model.drift.live(), rule),
            training_drift: FeatureDrift::all(model.drift.training(), rule),
            drift_alarm: model.drift.alarm(),
            performance: model.performance.latest(),
            performance_alarm: model.performance.alarm(),
            detectors: model.performance.detectors(),
        }
    }
}

impl FeatureDrift {
    fn all(comparison: Option<&Comparison>, rule: &DriftRule) -> Vec<Self> {
        let Some(comparison) = comparison else { return Vec::new() };
        let features = comparison.features.iter().map(|drift| Self {
            feature: drift.name(),
            psi: drift.psi.get(),
            p_value: Some(drift.p_value.get()),
            drifted: rule.is_drift(drift),
        });
        let probability = comparison.probability.map(|psi| Self {
            feature: "probability",
            psi: psi.get(),
            p_value: None,
            drifted: false,
        });
        features.chain(probability).collect()
    }
}

//! What the monitor knows, for the program's live table and `/v1/status`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use churn_drift::estimate::Estimates;
use churn_drift::multivariate::Reconstructed;
use churn_drift::performance::{Intervals, PairedSummary};
use churn_drift::{DriftRule, Effect, FeatureQuality, Performance, QualityRule, Segment, Shift, Summary};
use serde::Serialize;

use crate::band::Band;
use crate::comparison::{Comparison, SegmentComparison};
use crate::distribution::{Bar, FeatureDistance, distances};
use crate::models::Model;
use crate::pairs::Pair;
use crate::performance::DetectorCounts;
use crate::scores::ScoreDetections;
use crate::segment_errors::SegmentErrors;

/// What the score is called beside the features.
pub(crate) const PROBABILITY: &str = "probability";
/// What the share of predicted leavers is called beside the features.
pub(crate) const LABEL: &str = "label";

/// Standard errors of an interval that holds the true figure with a confidence of 95 %.
const CONFIDENCE: f64 = 1.959_963_984_540_054;

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
    /// How the features of the current model are distributed, then and now; empty before the first full window.
    pub distribution: Vec<Bar>,
    /// Shadows against the champion, on the same events.
    pub pairs: Vec<PairSnapshot>,
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
    /// 95 % intervals of the recent figures.
    pub intervals: Intervals,
    /// Where the recent figures lie while nothing is wrong; `None` until enough labelled rows were seen.
    pub band: Option<Band>,
    /// Figures to expect of the last full window, before its outcomes are known; `None` before there is one.
    pub estimates: Option<Estimates>,
    /// Rows collected for the live reference so far.
    pub reference_rows: usize,
    /// The last full window against the live reference, empty before there is one.
    pub live_drift: Vec<FeatureDrift>,
    /// The last full window against the training reference, empty before there is one.
    pub training_drift: Vec<FeatureDrift>,
    /// The numbers of the last full window against the live reference, by tests other than the alarm's.
    pub distances: Vec<FeatureDistance>,
    /// All columns of the last full window together, against the live reference; `None` before there is one.
    pub reconstructed: Option<Reconstructed>,
    /// Whether they go together otherwise than in the live reference.
    pub apart: bool,
    /// What the detectors have found in the scores.
    pub score_detections: ScoreDetections,
    /// Rows left out of windows by time because they came too late.
    pub late_rows: u64,
    /// Whether enough windows in a row have drifted from the live reference.
    pub drift_alarm: bool,
    /// The quality of each feature's values in the last full window, empty before there is one.
    pub quality: Vec<QualitySnapshot>,
    /// Whether a feature's values have been worse than the live reference's for enough windows in a row.
    pub quality_alarm: bool,
    /// The segments, each with its share of the last full window.
    pub segments: Vec<SegmentSnapshot>,
    /// Log-loss of the last full block of labelled rows and of the version's first ones.
    pub performance: Option<Shift>,
    /// The same, when the errors have grown by more than chance and by enough to matter.
    pub performance_alarm: Option<Shift>,
    /// How often the detectors have spoken up.
    pub detectors: DetectorCounts,
    /// Time of the newest event of the last batch, seconds since 1970.
    pub newest_event: Option<f64>,
    /// The time of the newest event at which each feature had a value.
    pub feature_seen: Vec<(&'static str, f64)>,
    /// Whether what the version was trained on is of other features and cannot be compared with; `None` until it is known.
    pub training_refused: Option<bool>,
}

/// A shadow against the champion, on the same events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairSnapshot {
    /// The champion's version.
    pub champion: String,
    /// The shadow's version.
    pub shadow: String,
    /// Events with both scores and a known outcome.
    pub rows: u64,
    /// The figures of both on these rows; the interval holds the true difference with a confidence of 95 %.
    pub figures: PairedSummary,
}

impl PairSnapshot {
    pub(crate) fn of(pair: &Pair) -> Self {
        Self {
            champion: pair.champion.clone(),
            shadow: pair.shadow.clone(),
            rows: pair.paired.rows(),
            figures: pair.paired.summary(CONFIDENCE),
        }
    }
}

/// The quality of one feature's values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QualitySnapshot {
    /// The feature.
    pub feature: &'static str,
    /// Share of rows without a value.
    pub missing: f64,
    /// Share of rows with a word that the live reference did not know, or a number out of its range.
    pub strange: f64,
    /// Whether either share has grown by more than chance and by enough to matter.
    pub worse: bool,
}

impl QualitySnapshot {
    fn of(found: &FeatureQuality, rule: &QualityRule) -> Option<Self> {
        Some(Self {
            feature: found.name(),
            missing: found.now.missing_share()?,
            strange: found.now.strange_share()?,
            worse: rule.is_worse(found),
        })
    }
}

/// One segment of a model's customers; what is not known, or of too few rows, is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentSnapshot {
    /// The feature that divides.
    pub segment: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Share of the last full window's rows.
    pub share: Option<f64>,
    /// Features that have drifted within the segment.
    pub drifted_features: Option<u64>,
    /// Largest PSI of a feature.
    pub worst_psi: Option<f64>,
    /// PSI of the score.
    pub probability_psi: Option<f64>,
    /// Largest share of missing values of a feature.
    pub missing: Option<f64>,
    /// Largest share of a feature's values that the live reference did not have.
    pub strange: Option<f64>,
    /// Figures to expect of the last full window, before its outcomes are known.
    pub estimates: Option<Estimates>,
    /// Labelled rows that the following figures are of.
    pub labelled_rows: u64,
    /// Share of right labels.
    pub accuracy: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Mean log-loss.
    pub log_loss: Option<f64>,
    /// Mean squared error of the probability.
    pub brier: Option<f64>,
    /// Share of customers who left.
    pub churn: Option<f64>,
    /// Log-loss of the segment's last full block of labelled rows and of its first ones.
    pub errors: Option<Shift>,
    /// Whether the errors have grown, in two blocks in a row, by more than chance and by enough to matter.
    pub alarm: Option<bool>,
}

impl SegmentSnapshot {
    /// All segments that had any row.
    fn all(model: &Model) -> Vec<Self> {
        let live = model.drift.live();
        let compared = |at: usize| live.and_then(|live| live.segments.get(at)).copied().unwrap_or_default();
        let rows = live.map(|live| live.window.rows() as f64);
        let names = model.drift.settings().segmentation.segments();
        let figures = names.zip(model.segments.summaries()).enumerate();
        let all = figures.map(|(at, (name, figures))| Self {
            estimates: model.estimate.of_segment(at).copied(),
            errors: model.segments.errors(at).and_then(SegmentErrors::latest),
            alarm: model.segments.errors(at).and_then(SegmentErrors::alarm),
            ..Self::of(name, &compared(at), rows, &figures)
        });
        all.filter(|segment| segment.labelled_rows > 0 || segment.share.is_some_and(|share| share > 0.0)).collect()
    }

    fn of(name: Segment, compared: &SegmentComparison, rows: Option<f64>, figures: &Summary) -> Self {
        Self {
            segment: name.feature,
            value: name.value,
            share: rows.map(|rows| compared.rows as f64 / rows),
            drifted_features: compared.drifted,
            worst_psi: compared.worst_psi,
            probability_psi: compared.probability_psi,
            missing: compared.missing,
            strange: compared.strange,
            estimates: None,
            labelled_rows: figures.rows,
            accuracy: figures.accuracy,
            auc: figures.auc,
            f1: figures.f1,
            log_loss: figures.log_loss,
            brier: figures.brier,
            churn: figures.positive_share,
            errors: None,
            alarm: None,
        }
    }
}

/// One feature of one comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureDrift {
    /// The feature; `probability` for the score, `label` for the share of predicted leavers.
    pub feature: &'static str,
    /// Population stability index in nats.
    pub psi: f64,
    /// Adjusted p-value of the chi-square test.
    pub p_value: f64,
    /// Whether effect size and significance both say so.
    pub drifted: bool,
}

impl MonitorSnapshot {
    /// The model last scored with.
    pub fn current(&self) -> Option<&ModelSnapshot> {
        self.models.first()
    }

    /// Features of the current model that have drifted from its live reference; `probability` and `label` among them
    /// for the score and the share of predicted leavers.
    pub fn drifted_features(&self) -> Vec<String> {
        let drift = self.current().map(|model| model.live_drift.as_slice()).unwrap_or_default();
        drift.iter().filter(|feature| feature.drifted).map(|feature| feature.feature.to_owned()).collect()
    }
}

impl ModelSnapshot {
    /// `scratch` is a place to add the panes up in.
    pub(crate) fn of(model: &Model, scratch: &mut Performance) -> Self {
        model.recent.sum_into(scratch);
        let recent = scratch.summary();
        let (settings, live) = (model.drift.settings(), model.drift.live());
        let quality = live.map(|live| live.quality.as_slice()).unwrap_or_default().iter();
        Self {
            version: model.version.clone(),
            scored_rows: model.scored,
            labelled_rows: model.labelled,
            label_coverage: (model.scored > 0).then(|| model.labelled as f64 / model.scored as f64),
            auc: recent.auc,
            log_loss: recent.log_loss,
            recent,
            total: model.total.summary(),
            intervals: scratch.intervals(CONFIDENCE),
            band: model.band.band().copied(),
            estimates: model.estimate.latest().copied(),
            reference_rows: model.drift.reference_rows(),
            live_drift: FeatureDrift::all(live.map(|live| &live.drift), &settings.rule),
            training_drift: FeatureDrift::all(model.drift.training(), &settings.rule),
            distances: distances(model),
            reconstructed: live.and_then(|live| live.reconstructed),
            apart: live.is_some_and(|live| live.apart),
            score_detections: model.drift.score_detections(),
            late_rows: model.drift.late_rows(),
            drift_alarm: model.drift.drift_alarm(),
            quality: quality.filter_map(|found| QualitySnapshot::of(found, &settings.quality)).collect(),
            quality_alarm: model.drift.quality_alarm(),
            segments: SegmentSnapshot::all(model),
            performance: model.performance.latest(),
            performance_alarm: model.performance.alarm(),
            detectors: model.performance.detectors(),
            newest_event: model.freshness.newest(),
            feature_seen: model.freshness.seen().collect(),
            training_refused: model.knows_training.then_some(model.training_refused),
        }
    }
}

impl FeatureDrift {
    fn all(comparison: Option<&Comparison>, rule: &DriftRule) -> Vec<Self> {
        let Some(comparison) = comparison else { return Vec::new() };
        let features = comparison.features.iter().map(|drift| Self {
            feature: drift.name(),
            psi: drift.psi.get(),
            p_value: drift.p_value.get(),
            drifted: rule.is_drift(drift),
        });
        let others = [(PROBABILITY, comparison.score), (LABEL, comparison.label)];
        let of_other = |(feature, effect): (&'static str, Option<Effect>)| {
            let effect = effect?;
            let drifted = rule.is_effect(&effect);
            Some(Self { feature, psi: effect.psi.get(), p_value: effect.p_value.get(), drifted })
        };
        features.chain(others.into_iter().filter_map(of_other)).collect()
    }
}

//! Every metric of every part, declared once.
//!
//! Rules and dashboards may name only what stands here. A name is never changed: add a new one and keep the old for a release.
//! Labels are bounded: features, steps, stages, error classes, model versions, topics and partitions; never an id or a text from
//! outside.

use prometheus::{Counter, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::spec::{MetricSpec, Spec, Unit};

/// From one millisecond to a minute: a commit, a batch, a request.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// From a second to an hour: a training.
const LONG_SECONDS: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0];
/// From a single record to more than any batch holds.
const RECORDS: &[f64] = &[1.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0, 50_000.0];

/// From a second to a year: how long it takes until an outcome is known.
const DELAYS: &[f64] = &[
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    900.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
    15_552_000.0,
    31_536_000.0,
];

macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $name:ident: $collector:ty = $spec:expr;)+) => {
        $($(#[doc = $doc])+ pub static $name: Spec<$collector> = $spec;)+

        /// Every declared metric, in the order of this file.
        pub(super) static ALL: &[&MetricSpec] = &[$($name.describe(),)+];

        #[cfg(test)]
        pub(super) fn register_all(metrics: &super::Metrics) {
            $(metrics.collector(&$name);)+
        }
    };
}

catalogue! {
    /// Synthesizer: events acknowledged by the broker.
    SYNTH_EVENTS: IntCounter = Spec::counter(
        "churn_synthesizer_events_total", "Customer events acknowledged by the broker.");
    /// Synthesizer: outcomes acknowledged by the broker.
    SYNTH_OUTCOMES: IntCounter = Spec::counter(
        "churn_synthesizer_outcomes_total", "Customer outcomes acknowledged by the broker.");
    /// Synthesizer: delayed outcomes that wait for their time.
    SYNTH_PENDING_OUTCOMES: Gauge = Spec::gauge(
        "churn_synthesizer_pending_outcomes", Unit::Count, "Outcomes whose delay has not passed yet.");
    /// Synthesizer: time held back by consumers or the rate limit.
    SYNTH_THROTTLED: Counter = Spec::seconds_counter(
        "churn_synthesizer_throttled_seconds_total", "Time during which production was held back by the consumers' positions.");
    /// Synthesizer: the rate asked for.
    SYNTH_TARGET_RATE: Gauge = Spec::gauge(
        "churn_synthesizer_target_events_per_second", Unit::Count, "Configured rate in events a second; 0 when unlimited.");

    /// Scorer: events scored, by model version.
    SCORER_EVENTS: IntCounterVec = Spec::counter_vec(
        "churn_scorer_events_scored_total", &["model_version"], "Events scored and committed.");
    /// Scorer: events scored in shadow, by model version.
    SCORER_SHADOW_EVENTS: IntCounterVec = Spec::counter_vec(
        "churn_scorer_shadow_scored_total", &["model_version"], "Events scored and committed by a model in shadow.");
    /// Scorer: values that the encoder has never seen, by feature.
    SCORER_UNKNOWN_CATEGORIES: IntCounterVec = Spec::counter_vec(
        "churn_scorer_unknown_categories_total", &["feature"], "Values of a category that the model was not trained on.");
    /// Scorer: missing values, by feature.
    SCORER_MISSING_VALUES: IntCounterVec = Spec::counter_vec(
        "churn_scorer_missing_values_total", &["feature"], "Features without a value.");
    /// Scorer: records in a batch.
    SCORER_BATCH_RECORDS: Histogram = Spec::histogram(
        "churn_scorer_batch_records", Unit::Count, RECORDS, "Records in one batch.");
    /// Scorer: time of each step of a batch.
    SCORER_BATCH_SECONDS: HistogramVec = Spec::histogram_vec(
        "churn_scorer_batch_seconds", Unit::Seconds, &["step"], SECONDS, "Time of one step of a batch: decode, model (waiting for it), predict (with reasons), shadow, produce, commit.");
    /// Scorer: the model that scores.
    SCORER_MODEL_INFO: GaugeVec = Spec::gauge_vec(
        "churn_scorer_model_info", Unit::Info, &["model_version", "role"], "1 for each loaded model; role is champion or shadow.");
    /// Scorer: models swapped while running.
    SCORER_MODEL_SWAPS: IntCounter = Spec::counter(
        "churn_scorer_model_swaps_total", "Champion models swapped in while running.");
    /// Scorer: champions that were refused.
    SCORER_MODEL_REFUSALS: IntCounter = Spec::counter(
        "churn_scorer_model_refusals_total", "Champions refused as corrupt, incompatible or unreadable; the model before stays.");
    /// Scorer: models that could not be loaded into the shadow.
    SCORER_SHADOW_REFUSALS: IntCounter = Spec::counter(
        "churn_scorer_shadow_refusals_total", "Models refused as corrupt, incompatible or unreadable that were to score in shadow.");
    /// All parts with a model: announcements of a promotion.
    MODEL_UPDATES_HEARD: IntCounterVec = Spec::counter_vec(
        "churn_model_updates_heard_total", &["result"],
        "Announcements of another champion heard on model-updates.v1; result is read or unreadable. Each makes the part look.");
    /// Scorer: mean probability of the last batch.
    SCORER_MEAN_PROBABILITY: GaugeVec = Spec::gauge_vec(
        "churn_scorer_mean_probability_ratio", Unit::Ratio, &["model_version"], "Mean probability of churn in the last batch.");

    /// Sink: rows committed, by table.
    SINK_ROWS: IntCounterVec = Spec::counter_vec(
        "churn_sink_rows_total", &["table"], "Rows committed to Postgres.");
    /// Sink: batches committed.
    SINK_BATCHES: IntCounter = Spec::<IntCounter>::counter(
        "churn_sink_batches_total", "Batches committed to Postgres.");
    /// Sink: time from the first attempt to store a batch to its commit.
    SINK_COMMIT_SECONDS: Histogram = Spec::<Histogram>::histogram(
        "churn_sink_commit_seconds", Unit::Seconds, SECONDS, "Time from the first attempt to store a batch to its commit.");
    /// Sink: records in a batch.
    SINK_BATCH_RECORDS: Histogram = Spec::<Histogram>::histogram(
        "churn_sink_batch_records", Unit::Count, RECORDS, "Records in one batch.");
    /// Sink: records stored before with the same content.
    SINK_DUPLICATES: IntCounter = Spec::<IntCounter>::counter(
        "churn_sink_duplicates_total", "Records that were stored before with the same content.");
    /// Sink: records whose id is stored with other content.
    SINK_CONFLICTS: IntCounterVec = Spec::counter_vec(
        "churn_sink_conflicts_total", &["table"], "Records whose id was stored before with other content; each is a dead letter.");
    /// Sink: commits lost to a successor.
    SINK_FENCED: IntCounter = Spec::counter(
        "churn_sink_fenced_total", "Commits refused because another member owns the partition.");

    /// All stages: dead letters by error class.
    DEAD_LETTERS: IntCounterVec = Spec::counter_vec(
        "churn_dead_letters_total", &["stage", "class"], "Records set aside in a dead-letter topic.");
    /// All stages: whether dead letters come in a storm.
    DEAD_LETTER_STORM: GaugeVec = Spec::gauge_vec(
        "churn_dead_letter_storm", Unit::Count, &["stage"],
        "1 while most of what a stage reads goes to the dead letters and it therefore slows down, else 0.");
    /// All stages: attempts that failed and were repeated.
    RETRIES: IntCounterVec = Spec::counter_vec(
        "churn_retries_total", &["stage", "target"], "Attempts against an outside server that failed and were repeated.");
    /// Stream: group rebalances.
    REBALANCES: IntCounterVec = Spec::counter_vec(
        "churn_rebalances_total", &["stage"], "Assignments of partitions received from the consumer group.");

    /// All stages: records read.
    STAGE_READ: IntCounterVec = Spec::counter_vec(
        "churn_stage_read_total", &["stage"], "Records received by a stage.");
    /// All stages: records processed.
    STAGE_DONE: IntCounterVec = Spec::counter_vec(
        "churn_stage_done_total", &["stage"], "Records processed by a stage.");
    /// All stages: records made durable.
    STAGE_DURABLE: IntCounterVec = Spec::counter_vec(
        "churn_stage_durable_total", &["stage"], "Records whose result would survive a crash.");
    /// All stages: Kafka clients made anew.
    CLIENTS_RENEWED: IntCounterVec = Spec::counter_vec(
        "churn_kafka_clients_renewed_total", &["stage"],
        "Kafka clients that were beyond repair (cut off from every broker, or past their transaction's time) and made anew.");
    /// All stages: how fast records come.
    STAGE_PACE: GaugeVec = Spec::gauge_vec(
        "churn_stage_records_per_second", Unit::Count, &["stage"],
        "Records a second that a stage has received over the last ten seconds.");
    /// All stages: how long no record has come.
    STAGE_IDLE: GaugeVec = Spec::gauge_vec(
        "churn_stage_idle_seconds", Unit::Seconds, &["stage"], "Seconds since a stage received its last record.");
    /// All stages: records behind, by partition.
    CONSUMER_LAG: GaugeVec = Spec::gauge_vec(
        "churn_consumer_lag_records", Unit::Count, &["stage", "topic", "partition"],
        "Records acknowledged by the broker that a stage has not made durable; transaction markers and revoked partitions excluded.");
    /// Scheduled event to committed row.
    END_TO_END_SECONDS: Histogram = Spec::histogram(
        "churn_end_to_end_seconds", Unit::Seconds, SECONDS, "Time from the moment an event was scheduled for to its row's commit.");

    /// Monitor: share of right labels.
    MODEL_ACCURACY: GaugeVec = Spec::gauge_vec(
        "churn_model_accuracy_ratio", Unit::Ratio, &["model_version"], "Live share of right labels at the threshold.");
    /// Monitor: precision.
    MODEL_PRECISION: GaugeVec = Spec::gauge_vec(
        "churn_model_precision_ratio", Unit::Ratio, &["model_version"], "Live precision at the threshold.");
    /// Monitor: recall.
    MODEL_RECALL: GaugeVec = Spec::gauge_vec(
        "churn_model_recall_ratio", Unit::Ratio, &["model_version"], "Live recall at the threshold.");
    /// Monitor: F1.
    MODEL_F1: GaugeVec = Spec::gauge_vec(
        "churn_model_f1_ratio", Unit::Ratio, &["model_version"], "Live harmonic mean of precision and recall.");
    /// Monitor: area under the ROC curve.
    MODEL_AUC: GaugeVec = Spec::gauge_vec(
        "churn_model_auc_ratio", Unit::Ratio, &["model_version"], "Live area under the ROC curve, from the probability of churn.");
    /// Monitor: area under the precision-recall curve.
    MODEL_AVERAGE_PRECISION: GaugeVec = Spec::gauge_vec(
        "churn_model_average_precision_ratio", Unit::Ratio, &["model_version"],
        "Live average precision (area under the precision-recall curve), from the probability of churn.");
    /// Monitor: log-loss.
    MODEL_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_log_loss", Unit::Count, &["model_version"], "Live mean log-loss in nats, from the probability of churn.");
    /// Monitor: Brier score.
    MODEL_BRIER: GaugeVec = Spec::gauge_vec(
        "churn_model_brier_ratio", Unit::Ratio, &["model_version"], "Live mean squared error of the probability of churn.");
    /// Monitor: expected calibration error.
    MODEL_CALIBRATION_ERROR: GaugeVec = Spec::gauge_vec(
        "churn_model_calibration_error_ratio", Unit::Ratio, &["model_version"],
        "Live expected calibration error of the probability of churn, over ten bins of equal width.");
    /// Monitor: share of scores with a known outcome.
    MODEL_LABEL_COVERAGE: GaugeVec = Spec::gauge_vec(
        "churn_model_label_coverage_ratio", Unit::Ratio, &["model_version"], "Share of scores whose outcome is known.");
    /// Monitor: scores with a known outcome.
    MODEL_LABELLED_ROWS: IntCounterVec = Spec::counter_vec(
        "churn_model_labelled_rows_total", &["model_version"], "Scores joined with their outcome.");
    /// Monitor: scores seen.
    MODEL_SCORED_ROWS: IntCounterVec = Spec::counter_vec(
        "churn_model_scored_rows_total", &["model_version"], "Scores seen by the monitor.");
    /// Monitor: population stability index by feature.
    MODEL_FEATURE_PSI: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_psi", Unit::Count, &["model_version", "feature", "reference"],
        "Population stability index in nats of a feature, of the probability, and of the share of predicted leavers (label); reference is training or live.");
    /// Monitor: features that have drifted.
    MODEL_DRIFTED_FEATURES: GaugeVec = Spec::gauge_vec(
        "churn_model_drifted_features", Unit::Count, &["model_version", "reference"], "Features that have drifted from the reference, the probability and the share of predicted leavers counted in.");
    /// Monitor: what calls for a new model.
    MODEL_ALARM: GaugeVec = Spec::gauge_vec(
        "churn_model_alarm", Unit::Count, &["model_version", "kind"],
        "1 while the model's customers or scores have changed (drift), its errors have grown (performance) or values are missing or strange (quality), by effect and significance; else 0.");
    /// Monitor: log-loss of the last block.
    MODEL_BLOCK_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_block_log_loss", Unit::Count, &["model_version", "rows"],
        "Mean log-loss in nats of the last full block of labelled rows (block) and of the version's first ones (reference).");
    /// Monitor: figures to expect before labels.
    MODEL_ESTIMATED: GaugeVec = Spec::gauge_vec(
        "churn_model_estimated_ratio", Unit::Ratio, &["model_version", "metric"],
        "Figure to expect of the last full window, before its outcomes are known (CBPE): auc, f1, accuracy, precision, recall or brier.");
    /// Monitor: interval of the expected figures.
    MODEL_ESTIMATED_BOUND: GaugeVec = Spec::gauge_vec(
        "churn_model_estimated_bound_ratio", Unit::Ratio, &["model_version", "metric", "bound"],
        "Lower or upper end, three sampling errors away, of a figure to expect; there once enough outcomes are known.");
    /// Monitor: log-loss to expect before labels.
    MODEL_ESTIMATED_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_estimated_log_loss", Unit::Count, &["model_version"],
        "Mean log-loss in nats to expect of the last full window, before its outcomes are known.");
    /// Monitor: interval of the log-loss to expect.
    MODEL_ESTIMATED_BOUND_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_estimated_bound_log_loss", Unit::Count, &["model_version", "bound"],
        "Lower or upper end, three sampling errors away, of the log-loss to expect.");
    /// Monitor: intervals of the live figures.
    MODEL_INTERVAL: GaugeVec = Spec::gauge_vec(
        "churn_model_interval_ratio", Unit::Ratio, &["model_version", "metric", "bound"],
        "Lower or upper end of the 95 % interval of a live figure: accuracy, precision, recall, f1, auc, brier, average_precision or calibration_error.");
    /// Monitor: interval of the live log-loss.
    MODEL_INTERVAL_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_interval_log_loss", Unit::Count, &["model_version", "bound"],
        "Lower or upper end of the 95 % interval of the live log-loss.");
    /// Monitor: where live figures lie while nothing is wrong.
    MODEL_BAND: GaugeVec = Spec::gauge_vec(
        "churn_model_band_ratio", Unit::Ratio, &["model_version", "metric", "bound"],
        "Worst value that chance explains of a live figure, by the version's first labelled rows: lower, or upper for brier.");
    /// Monitor: where the live log-loss lies while nothing is wrong.
    MODEL_BAND_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_band_log_loss", Unit::Count, &["model_version", "bound"],
        "Largest live log-loss that chance explains, by the version's first labelled rows.");
    /// Monitor: missing values of the last window.
    MODEL_FEATURE_MISSING: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_missing_ratio", Unit::Ratio, &["model_version", "feature"],
        "Share of the last full window's rows without a value of the feature.");
    /// Monitor: unseen words of the last window.
    MODEL_FEATURE_UNSEEN: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_unseen_ratio", Unit::Ratio, &["model_version", "feature"],
        "Share of the last full window's rows with a category that the live reference did not have.");
    /// Monitor: numbers out of range in the last window.
    MODEL_FEATURE_OUT_OF_RANGE: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_out_of_range_ratio", Unit::Ratio, &["model_version", "feature"],
        "Share of the last full window's rows with a number out of the live reference's range.");
    /// Monitor: the current model's features, then and now.
    MODEL_FEATURE_SHARE: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_share_ratio", Unit::Ratio, &["model_version", "feature", "bin", "reference"],
        "Share of a bin of a feature among rows with a value: of the live reference (live) or the last full window (now); current model only.");
    /// Monitor: a segment's share of the rows.
    MODEL_SEGMENT_ROWS: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_rows_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Share of the last full window's rows that are of the segment.");
    /// Monitor: features that have drifted within a segment.
    MODEL_SEGMENT_DRIFTED_FEATURES: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_drifted_features", Unit::Count, &["model_version", "segment", "value"],
        "Features that have drifted from the live reference within the segment.");
    /// Monitor: largest PSI within a segment.
    MODEL_SEGMENT_WORST_PSI: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_worst_psi", Unit::Count, &["model_version", "segment", "value"],
        "Largest population stability index of a feature within the segment, in nats.");
    /// Monitor: PSI of the score within a segment.
    MODEL_SEGMENT_PROBABILITY_PSI: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_probability_psi", Unit::Count, &["model_version", "segment", "value"],
        "Population stability index of the probability of churn within the segment, in nats.");
    /// Monitor: missing values within a segment.
    MODEL_SEGMENT_MISSING: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_missing_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Largest share of missing values of a feature within the segment.");
    /// Monitor: accuracy within a segment.
    MODEL_SEGMENT_ACCURACY: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_accuracy_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Live share of right labels within the segment.");
    /// Monitor: AUC within a segment.
    MODEL_SEGMENT_AUC: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_auc_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Live area under the ROC curve within the segment.");
    /// Monitor: log-loss within a segment.
    MODEL_SEGMENT_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_log_loss", Unit::Count, &["model_version", "segment", "value"],
        "Live mean log-loss in nats within the segment.");
    /// Monitor: churn within a segment.
    MODEL_SEGMENT_CHURN: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_churn_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Share of the segment's customers with a known outcome who left.");
    /// Monitor: values within a segment that the reference did not have.
    MODEL_SEGMENT_UNSEEN: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_unseen_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Largest share, of a feature within the segment, of values that the live reference did not have: words, or numbers out of its range.");
    /// Monitor: F1 within a segment.
    MODEL_SEGMENT_F1: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_f1_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Live harmonic mean of precision and recall within the segment.");
    /// Monitor: Brier score within a segment.
    MODEL_SEGMENT_BRIER: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_brier_ratio", Unit::Ratio, &["model_version", "segment", "value"],
        "Live mean squared error of the probability of churn within the segment.");
    /// Monitor: accuracy to expect within a segment.
    MODEL_SEGMENT_ESTIMATED_ACCURACY: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_estimated_accuracy_ratio", Unit::Ratio, &["model_version", "segment", "value", "bound"],
        "Accuracy to expect of the segment's rows of the last full window (middle), before their outcomes are known (CBPE), and three sampling errors to each side (lower, upper).");
    /// Monitor: AUC to expect within a segment.
    MODEL_SEGMENT_ESTIMATED_AUC: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_estimated_auc_ratio", Unit::Ratio, &["model_version", "segment", "value", "bound"],
        "Area under the ROC curve to expect of the segment's rows of the last full window (middle), and three sampling errors to each side.");
    /// Monitor: F1 to expect within a segment.
    MODEL_SEGMENT_ESTIMATED_F1: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_estimated_f1_ratio", Unit::Ratio, &["model_version", "segment", "value", "bound"],
        "Harmonic mean of precision and recall to expect of the segment's rows of the last full window (middle), and three sampling errors to each side.");
    /// Monitor: log-loss to expect within a segment.
    MODEL_SEGMENT_ESTIMATED_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_estimated_log_loss", Unit::Count, &["model_version", "segment", "value", "bound"],
        "Mean log-loss in nats to expect of the segment's rows of the last full window (middle), and three sampling errors to each side.");
    /// Monitor: log-loss of a segment's last block.
    MODEL_SEGMENT_BLOCK_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_block_log_loss", Unit::Count, &["model_version", "segment", "value", "rows"],
        "Mean log-loss in nats of the segment's last full block of labelled rows (block) and of its first ones (reference).");
    /// Monitor: whether a segment's errors have grown.
    MODEL_SEGMENT_ALARM: GaugeVec = Spec::gauge_vec(
        "churn_model_segment_alarm", Unit::Count, &["model_version", "segment", "value"],
        "1 while the segment's errors have grown in two blocks of labelled rows in a row, by effect and significance, else 0; not there before its first block.");
    /// Monitor: how fresh the events are.
    MODEL_NEWEST_EVENT: GaugeVec = Spec::gauge_vec(
        "churn_model_newest_event_timestamp_seconds", Unit::Seconds, &["model_version"],
        "Time of the newest event of the last batch that the model scored, by the event's own clock, since 1970.");
    /// Monitor: when a feature was last seen.
    MODEL_FEATURE_SEEN: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_seen_timestamp_seconds", Unit::Seconds, &["model_version", "feature"],
        "Time of the newest event at which the feature had a value, by the event's own clock, since 1970.");
    /// Monitor: a training reference that cannot be compared with.
    MODEL_TRAINING_REFUSED: GaugeVec = Spec::gauge_vec(
        "churn_model_training_reference_refused", Unit::Count, &["model_version"],
        "1 where what the version was trained on is of other features and cannot be compared with, 0 where it can; not there before it is known.");
    /// Monitor: events that champion and shadow are compared on.
    MODEL_PAIRED_ROWS: GaugeVec = Spec::gauge_vec(
        "churn_model_paired_rows", Unit::Count, &["model_version"],
        "Events with a known outcome that both the champion and this shadow scored, since this champion and shadow met.");
    /// Monitor: champion and shadow on the same events.
    MODEL_PAIRED: GaugeVec = Spec::gauge_vec(
        "churn_model_paired_ratio", Unit::Ratio, &["model_version", "role", "metric"],
        "A figure of champion or shadow (role) on the same events: accuracy, precision, recall, f1, auc or brier; model_version is the shadow's.");
    /// Monitor: log-loss of champion and shadow on the same events.
    MODEL_PAIRED_LOG_LOSS: GaugeVec = Spec::gauge_vec(
        "churn_model_paired_log_loss", Unit::Count, &["model_version", "role"],
        "Mean log-loss in nats of champion or shadow (role) on the same events; model_version is the shadow's.");
    /// Monitor: the shadow's log-loss less the champion's.
    MODEL_PAIRED_DIFFERENCE: GaugeVec = Spec::gauge_vec(
        "churn_model_paired_log_loss_difference", Unit::Count, &["model_version", "bound"],
        "Log-loss of the shadow less the champion's on the same events (middle) and its 95 % interval (lower, upper); below 0 the shadow is better.");
    /// Monitor: how late outcomes come.
    MONITOR_OUTCOME_DELAY: Histogram = Spec::histogram(
        "churn_monitor_outcome_delay_seconds", Unit::Seconds, DELAYS, "Time from an event to the moment at which its outcome became known.");
    /// Monitor: outcomes whose score was looked up.
    MONITOR_LATE_OUTCOMES: IntCounterVec = Spec::counter_vec(
        "churn_monitor_late_outcomes_total", &["result"],
        "Outcomes whose score had left the window, by what became of them: joined, repeated, contradiction, unknown, unwatched or skipped.");
    /// Monitor: outcomes that wait for their look-up.
    MONITOR_LATE_WAITING: Gauge = Spec::gauge(
        "churn_monitor_late_outcomes_waiting", Unit::Count, "Outcomes that wait for their score to be looked up.");
    /// Monitor: detectors on the errors.
    MODEL_DETECTIONS: IntCounterVec = Spec::counter_vec(
        "churn_model_detections_total", &["model_version", "detector", "signal"],
        "Drifts and warnings of the detectors on log-loss (adwin, page-hinkley) and wrong labels (ddm); shown, not alarmed on.");
    /// Monitor: Kolmogorov and Smirnov's statistic.
    MODEL_FEATURE_KS: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_ks", Unit::Count, &["model_version", "feature"],
        "Largest difference of a number's distribution functions, last full window and live reference, at the edges of its bins (Kolmogorov-Smirnov).");
    /// Monitor: Wasserstein's distance.
    MODEL_FEATURE_WASSERSTEIN: GaugeVec = Spec::gauge_vec(
        "churn_model_feature_wasserstein", Unit::Count, &["model_version", "feature"],
        "Wasserstein's distance of a number from the live reference by its bins, in the reference's standard deviations.");
    /// Monitor: all columns together.
    MODEL_RECONSTRUCTION: GaugeVec = Spec::gauge_vec(
        "churn_model_reconstruction_error", Unit::Count, &["model_version"],
        "Mean distance of the last full window's customers (one in five) from the main components of the live reference: what the columns, standardised, no longer have in common.");
    /// Monitor: where that lies while nothing has changed.
    MODEL_RECONSTRUCTION_BOUND: GaugeVec = Spec::gauge_vec(
        "churn_model_reconstruction_error_bound", Unit::Count, &["model_version", "bound"],
        "Mean distance of the live reference's own customers (middle), and of its tenths, three standard deviations off (lower, upper).");
    /// Monitor: detectors on the scores.
    MODEL_SCORE_DETECTIONS: IntCounterVec = Spec::counter_vec(
        "churn_model_score_detections_total", &["model_version", "detector"],
        "Drifts that adwin, page-hinkley and kswin have found in the mean of the probability; shown, not alarmed on.");
    /// Monitor: where the last one was.
    MODEL_SCORE_DETECTION_ROW: GaugeVec = Spec::gauge_vec(
        "churn_model_score_detection_rows", Unit::Count, &["model_version", "detector"],
        "Rows that the version had scored when the detector last found a drift in the probability.");
    /// Monitor: rows that came too late for their window.
    MODEL_LATE_ROWS: IntCounterVec = Spec::counter_vec(
        "churn_model_late_rows_total", &["model_version"],
        "Scores left out of the drift windows by time (monitor.drift_window_time) because they came after their window was compared.");
    /// Monitor: requests for a new model.
    MONITOR_RETRAIN_REQUESTS: IntCounterVec = Spec::counter_vec(
        "churn_monitor_retrain_requests_total", &["reason"], "Requests for a new model sent to the trainer.");
    /// Monitor: scores that wait for their outcome.
    MONITOR_JOIN_WINDOW: Gauge = Spec::gauge(
        "churn_monitor_join_window_records", Unit::Count, "Scores and outcomes that wait for their other half.");
    /// Monitor: halves given up.
    MONITOR_EVICTIONS: IntCounterVec = Spec::counter_vec(
        "churn_monitor_evictions_total", &["kind"], "Scores and outcomes dropped from the join window without their other half.");
    /// Monitor: outcomes without a score.
    MONITOR_ORPHAN_OUTCOMES: IntCounter = Spec::counter(
        "churn_monitor_orphan_outcomes_total", "Outcomes whose score was not in the join window when given up.");
    /// Monitor: records that came again.
    MONITOR_REPEATED: IntCounterVec = Spec::counter_vec(
        "churn_monitor_repeated_total", &["kind"],
        "Records that came again: score, outcome, or contradiction for an outcome that says the opposite of the first.");
    /// Monitor: records that could not be read.
    MONITOR_BAD_RECORDS: IntCounterVec = Spec::counter_vec(
        "churn_monitor_bad_records_total", &["class"], "Records that could not be read and were passed over.");

    /// Trainer: requests, by reason.
    TRAINER_REQUESTS: IntCounterVec = Spec::counter_vec(
        "churn_trainer_requests_total", &["reason"],
        "Requests for a new model that were not known before: drift, performance, alert, schedule or manual.");
    /// Trainer: requests that wait.
    TRAINER_WAITING: Gauge = Spec::gauge(
        "churn_trainer_waiting_requests", Unit::Count, "Requests for a new model that wait for a training.");
    /// Trainer: whether this process works.
    TRAINER_LEASE: Gauge = Spec::gauge(
        "churn_trainer_lease_held", Unit::Count, "1 while this process is the trainer that works, 0 while it stands by.");
    /// Trainer: trainings, by how they ended.
    TRAINER_TRAININGS: IntCounterVec = Spec::counter_vec(
        "churn_trainer_trainings_total", &["outcome"], "Trainings that ended: promoted, rejected or failed.");
    /// Trainer: time of a training.
    TRAINER_SECONDS: Histogram = Spec::histogram(
        "churn_trainer_training_seconds", Unit::Seconds, LONG_SECONDS, "Time from taking up a request to its end.");
    /// Trainer: rows of the last training, by origin.
    TRAINER_ROWS: GaugeVec = Spec::gauge_vec(
        "churn_trainer_training_rows", Unit::Count, &["origin"],
        "Customers of the last training: of the stream (recent), of the file (shipped), and held out.");
    /// Trainer: promotions taken back.
    TRAINER_ROLLBACKS: IntCounter = Spec::counter(
        "churn_trainer_rollbacks_total", "Promotions taken back because the predecessor turned out better.");
    /// Trainer: programs run after a change of the champion, by result.
    TRAINER_PROGRAMS: IntCounterVec = Spec::counter_vec(
        "churn_trainer_after_promotion_total", &["result"],
        "Runs of trainer.after_promotion that ended: ok, failed or timeout.");
    /// Warehouse: tests of the newest run.
    WAREHOUSE_TESTS: Gauge = Spec::gauge(
        "churn_warehouse_tests", Unit::Count, "Tests of the warehouse's newest run that had any.");
    /// Warehouse: tests that failed.
    WAREHOUSE_TESTS_FAILED: Gauge = Spec::gauge(
        "churn_warehouse_failed_tests", Unit::Count, "Tests that failed, could not run or warned in the warehouse's newest run.");
    /// Warehouse: models that could not be built.
    WAREHOUSE_MODEL_ERRORS: Gauge = Spec::gauge(
        "churn_warehouse_failed_models", Unit::Count, "Models that could not be built in the warehouse's newest run.");
    /// Warehouse: what was left out.
    WAREHOUSE_SKIPPED: Gauge = Spec::gauge(
        "churn_warehouse_skipped", Unit::Count, "Models and tests left out of the newest run because something before them failed.");
    /// Warehouse: time of the models.
    WAREHOUSE_MODEL_SECONDS: Gauge = Spec::gauge(
        "churn_warehouse_model_seconds", Unit::Seconds, "Time that the models of the warehouse's newest run took.");
    /// Warehouse: end of the newest run.
    WAREHOUSE_FINISHED: Gauge = Spec::gauge(
        "churn_warehouse_finished_timestamp_seconds", Unit::Seconds, "When the warehouse's newest run ended, since 1970.");
    /// Warehouse: end of the last good build.
    WAREHOUSE_SUCCEEDED: Gauge = Spec::gauge(
        "churn_warehouse_succeeded_timestamp_seconds", Unit::Seconds,
        "When the last build of the warehouse ended in which nothing failed, since 1970.");

    /// Api: customers scored.
    API_PREDICTED: IntCounter = Spec::counter(
        "churn_api_predicted_customers_total", "Customers scored over HTTP.");
    /// Api: customers synthesized.
    API_SYNTHESIZED: IntCounter = Spec::counter(
        "churn_api_synthesized_customers_total", "Customers synthesized over HTTP.");

    /// Admin server: requests by route and status.
    HTTP_REQUESTS: IntCounterVec = Spec::counter_vec(
        "churn_http_requests_total", &["route", "status"], "HTTP requests answered.");
    /// Admin server: time to answer.
    HTTP_SECONDS: HistogramVec = Spec::histogram_vec(
        "churn_http_request_seconds", Unit::Seconds, &["route"], SECONDS, "Time from a request's head to its response's head.");

    /// Traces: spans that the collector took.
    TRACE_SPANS_EXPORTED: IntCounter = Spec::counter(
        "churn_trace_spans_exported_total", "Spans that the collector took.");
    /// Traces: spans that nobody will see.
    TRACE_SPANS_DROPPED: IntCounterVec = Spec::counter_vec(
        "churn_trace_spans_dropped_total", &["kind"],
        "Spans dropped: queue (no room), away (the collector does not answer) or refused (by the collector).");

    /// Process: readiness by component.
    COMPONENT_READY: GaugeVec = Spec::gauge_vec(
        "churn_component_ready", Unit::Count, &["component"], "1 when the component can do its work, else 0.");
    /// Process: build.
    BUILD_INFO: GaugeVec = Spec::gauge_vec(
        "churn_build_info", Unit::Info, &["version", "commit"], "1; its labels name the build.");
    /// Process: memory now.
    PROCESS_RESIDENT: Gauge = Spec::gauge(
        "churn_process_resident_memory_bytes", Unit::Bytes, "Resident memory of the process (Linux).");
    /// Process: memory at its peak.
    PROCESS_PEAK: Gauge = Spec::gauge(
        "churn_process_peak_resident_memory_bytes", Unit::Bytes, "Largest resident memory of the process so far (Linux).");
    /// Process: processor time.
    PROCESS_CPU: Counter = Spec::seconds_counter(
        "churn_process_cpu_seconds_total", "Processor time of all threads, user and system (Linux).");
    /// Process: start.
    PROCESS_START: Gauge = Spec::gauge(
        "churn_process_start_time_seconds", Unit::Seconds, "Start of the process, seconds since 1970.");
}
